//! All tables together: one writer, one reader per worker.
//!
//! Ports and tunnels are fixed while the process lives. Everything else is changed in place, word by word, by the
//! [`Updater`], so an update costs what it changes and no worker is stopped for it.

use crate::adjacency::Adjacencies;
use crate::crypto::{Choice, Crypto, SEED};
use crate::epoch::Epochs;
use crate::fib::Fib;
use crate::groups::GroupTable;
use crate::interfaces::Interfaces;
use crate::link::Links;
use crate::members::Members;
use crate::nbma::NbmaMap;
use crate::paths::Paths;
use crate::police::Police;
use crate::sa_table::{Mailbox, SaTable};
use crate::settings::{Settings, SettingsError};
use crate::updater::Updater;
use shm::message::max_groups;
use shm::{SaCells, Shared};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use zeroize::Zeroize;

/// Bounds of the number of /24s that can hold longer prefixes (1 KiB each): loopbacks and links of the data centre too,
/// not only of the spokes.
const MIN_GROUPS: u32 = 16_384;
/// See [`MIN_GROUPS`].
const MAX_GROUPS: u32 = 131_072;

/// What the updater writes and workers read.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) settings: Settings,
    pub(crate) interfaces: Interfaces,
    pub(crate) fib: Fib,
    pub(crate) paths: Paths,
    pub(crate) adjacencies: Adjacencies,
    pub(crate) links: Links,
    pub(crate) nbma: NbmaMap,
    /// Who takes the hub's own multicast, by tunnel.
    pub(crate) members: Members,
    pub(crate) groups: GroupTable,
    /// Who has joined, by multicast route.
    pub(crate) joined: Members,
    pub(crate) epochs: Epochs,
    /// What the hub itself takes. The only part that workers write.
    pub(crate) police: Police,
    /// Whether a resync was ever completed; before, a spoke that is not in the tables may be one not told yet.
    /// Written by the updater, read by all workers.
    pub(crate) complete: AtomicBool,
    /// `None`: there is no tunnel with protection.
    pub(crate) secured: Option<Secured>,
}

/// What tunnels with protection need beyond the settings. The seeds are wiped with it.
pub struct Security {
    /// The segment's cells of all SAs: sequence numbers and counters.
    pub cells: Shared<[SaCells]>,
    /// Engines for the keys.
    pub choice: Choice,
    /// Fresh random octets for each worker, from which initialization vectors of CBC are drawn.
    pub seeds: Vec<[u8; SEED]>,
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Security").field("choice", &self.choice).finish_non_exhaustive()
    }
}

impl Drop for Security {
    fn drop(&mut self) {
        self.seeds.zeroize();
    }
}

/// What the updater and workers share about SAs.
#[derive(Debug)]
pub(crate) struct Secured {
    pub(crate) cells: Shared<[SaCells]>,
    pub(crate) choice: Choice,
    /// By worker.
    pub(crate) mailboxes: Box<[Mailbox]>,
}

/// A worker's view of the tables. Exactly one worker owns it.
#[derive(Debug)]
pub struct Reader {
    pub(crate) tables: Arc<Tables>,
    pub(crate) worker: usize,
    pub(crate) sas: SaTable,
    /// `None`: there is no tunnel with protection.
    pub(crate) crypto: Option<Crypto>,
}

/// Builds empty tables: the writer, and one reader for each of `settings.workers`. For tunnels in the clear; one with
/// protection sends and takes nothing.
pub fn tables(settings: Settings) -> Result<(Updater, Vec<Reader>), SettingsError> {
    secured_tables(settings, None)
}

/// As [`tables`], and with what tunnels with protection need.
pub fn secured_tables(
    settings: Settings,
    security: Option<Security>,
) -> Result<(Updater, Vec<Reader>), SettingsError> {
    settings.check()?;
    let (peers, workers) = (settings.max_peers, settings.workers);
    let mut cryptos: Vec<Option<Crypto>> = vec![];
    for worker in 0..workers {
        cryptos.push(match &security {
            Some(security) => {
                let seed = security.seeds.get(worker).ok_or(SettingsError::Seeds)?;
                Some(Crypto::new(&security.choice, seed)?)
            }
            None => None,
        });
    }
    let secured = security.as_ref().map(|security| Secured {
        cells: security.cells.clone(),
        choice: security.choice.clone(),
        mailboxes: (0..workers).map(|_| Mailbox::new()).collect(),
    });
    let tables = Arc::new(build(settings, secured).ok_or(SettingsError::Memory(peers))?);
    let cells = || tables.secured.as_ref().map(|secured| secured.cells.clone());
    let readers = cryptos.into_iter().enumerate().map(|(worker, crypto)| Reader {
        tables: tables.clone(),
        worker,
        sas: SaTable::new(cells()),
        crypto,
    });
    let readers = readers.collect();
    Ok((Updater::new(tables), readers))
}

fn build(settings: Settings, secured: Option<Secured>) -> Option<Tables> {
    let peers = settings.max_peers;
    let members = Members::new(settings.tunnels.len(), peers)?;
    (0..settings.tunnels.len()).for_each(|tunnel| members.clear(tunnel));
    Some(Tables {
        secured,
        fib: Fib::new(settings.vrfs, peers.clamp(MIN_GROUPS, MAX_GROUPS) as usize)?,
        paths: Paths::new()?,
        adjacencies: Adjacencies::new(peers)?,
        links: Links::new()?,
        nbma: NbmaMap::new(peers)?,
        members,
        groups: GroupTable::new(peers)?,
        joined: Members::new(max_groups(peers) as usize, peers)?,
        epochs: Epochs::new(settings.workers),
        police: Police::new(&settings.control_plane),
        complete: AtomicBool::new(false),
        interfaces: Interfaces::new(&settings),
        settings,
    })
}

impl Reader {
    /// Once per poll, before any packet: lets the updater re-use what this worker no longer reads, and takes the SAs
    /// that it has posted.
    #[inline(always)]
    pub(crate) fn quiescent(&mut self) {
        self.tables.epochs.quiescent(self.worker);
        if let Some(mailbox) =
            self.tables.secured.as_ref().and_then(|secured| secured.mailboxes.get(self.worker))
        {
            self.sas.read(mailbox);
        }
    }

    fn mailbox(&self) -> Option<&Mailbox> {
        self.tables.secured.as_ref()?.mailboxes.get(self.worker)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.tables.epochs.leave(self.worker);
        if let Some(mailbox) = self.mailbox() {
            mailbox.leave();
        }
    }
}
