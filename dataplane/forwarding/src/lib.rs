//! All packet logic of the hub: stages, tables, snapshots.
