//! Raw bindings to DPDK, generated at build time, and a C shim for its static inlines.
