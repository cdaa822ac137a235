//! All tables together: one writer, one reader per worker.
//!
//! Ports and tunnels are fixed while the process lives. Everything else is changed in place, word by word, by the
//! [`Updater`], so an update costs what it changes and no worker is stopped for it.

use crate::adjacency::Adjacencies;
use crate::epoch::Epochs;
use crate::fib::Fib;
use crate::interfaces::Interfaces;
use crate::link::Links;
use crate::members::Members;
use crate::nbma::NbmaMap;
use crate::settings::{Settings, SettingsError};
use crate::updater::Updater;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Bounds of the number of /24s that can hold longer prefixes (1 KiB each).
const MIN_GROUPS: u32 = 1_024;
/// See [`MIN_GROUPS`].
const MAX_GROUPS: u32 = 131_072;

/// What the updater writes and workers read.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) settings: Settings,
    pub(crate) interfaces: Interfaces,
    pub(crate) fib: Fib,
    pub(crate) adjacencies: Adjacencies,
    pub(crate) links: Links,
    pub(crate) nbma: NbmaMap,
    pub(crate) members: Members,
    pub(crate) epochs: Epochs,
    /// Whether a resync was ever completed; before, a spoke that is not in the tables may be one not told yet.
    /// Written by the updater, read by all workers.
    pub(crate) complete: AtomicBool,
}

/// A worker's view of the tables. Exactly one worker owns it.
#[derive(Debug)]
pub struct Reader {
    pub(crate) tables: Arc<Tables>,
    pub(crate) worker: usize,
}

/// Builds empty tables: the writer, and one reader for each of `settings.workers`.
pub fn tables(settings: Settings) -> Result<(Updater, Vec<Reader>), SettingsError> {
    settings.check()?;
    let peers = settings.max_peers;
    let tables = build(settings).ok_or(SettingsError::Memory(peers))?;
    let tables = Arc::new(tables);
    let readers =
        (0..tables.settings.workers).map(|worker| Reader { tables: tables.clone(), worker }).collect();
    Ok((Updater::new(tables), readers))
}

fn build(settings: Settings) -> Option<Tables> {
    let peers = settings.max_peers;
    Some(Tables {
        fib: Fib::new(peers.clamp(MIN_GROUPS, MAX_GROUPS) as usize)?,
        adjacencies: Adjacencies::new(peers)?,
        links: Links::new()?,
        nbma: NbmaMap::new(peers)?,
        members: Members::new(settings.tunnels.len(), peers)?,
        epochs: Epochs::new(settings.workers),
        complete: AtomicBool::new(false),
        interfaces: Interfaces::new(&settings),
        settings,
    })
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.tables.epochs.leave(self.worker);
    }
}
