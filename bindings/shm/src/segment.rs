//! The segment: made by whichever process is first, outliving either.
//!
//! **Making.** Under an exclusive lock on `PATH.lock` the file is made complete under another name and then renamed,
//! so a file with the right name is always whole. **Parts.** Each process holds a lock on `PATH.dataplane.lock` or
//! `PATH.control.lock` as long as it lives; the kernel gives it back however the process ends. That keeps a second
//! dataplane or control out and tells, without a guess at timeouts, whether the other side lives.
//!
//! **Mismatch.** A segment of another ABI, layout or geometry, or of before a reboot, is replaced by a new file when
//! nobody else lives on it, or when the *dataplane* finds it: it owns the geometry, so it marks the old segment
//! superseded and control, seeing [`Segment::superseded`], ends and is started again with the new configuration.
//! Control never takes a living dataplane's segment away: it reports what differs. The old file's memory lives until
//! its last user unmaps it, so neither side ever runs on memory that changed its meaning.

use crate::clock::now_ms;
use crate::counters::{GroupCounters, Traffic, WorkerCounters};
use crate::endpoint::Claims;
use crate::error::AttachError;
use crate::header::{ABI, Header, Life, LifeCell, MAGIC};
use crate::layout::{
    EVENT_RING, EVENT_SLOTS, Geometry, INJECT_SLOTS, LAYOUT_HASH, MAX_PEERS, MAX_WORKERS, UPDATE_SLOTS,
};
use crate::mapping::{Mapping, Shared};
use crate::message::SaId;
use crate::ring::{RingHeader, RingStats};
use crate::sa_cells::SaCells;
use crate::service::ServiceCounters;
use file::Locks;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

mod file;

/// Which process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// `hub-dataplane`
    Dataplane,
    /// `hub-control`
    Control,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Side::Dataplane => "dataplane",
            Side::Control => "control",
        })
    }
}

impl Side {
    /// The side on the other end.
    pub fn other(self) -> Self {
        match self {
            Side::Dataplane => Side::Control,
            Side::Control => Side::Dataplane,
        }
    }
}

/// A ring, for [`Segment::ring_stats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingName {
    /// Control to dataplane, reliable.
    Updates,
    /// Control to dataplane, lossy.
    Inject,
    /// Worker of this index to control, lossy.
    Events(usize),
}

/// An attached segment. Clones are cheap and share the attachment.
#[derive(Clone, Debug)]
pub struct Segment {
    pub(crate) mapping: Arc<Mapping>,
    pub(crate) claims: Arc<Claims>,
    header: Shared<Header>,
    service: Shared<ServiceCounters>,
    counters: Shared<[WorkerCounters]>,
    peers: Arc<[Shared<[Traffic]>]>,
    groups: Arc<[Shared<[GroupCounters]>]>,
    sas: Shared<[SaCells]>,
    geometry: Geometry,
    side: Option<Side>,
    boot_id: u64,
    predecessor: Option<Life>,
    _locks: Option<Arc<Locks>>,
}

impl Segment {
    /// Attaches as `side`, making the segment when there is none.
    pub fn open_or_create(path: &Path, geometry: &Geometry, side: Side) -> Result<Self, AttachError> {
        check_bounds(geometry)?;
        let locks = Locks::take(path, side)?;
        let mapping = file::open(path, geometry, side, &locks)?;
        let mut segment = Self::of_mapping(mapping, *geometry, Some(side), path)?;
        let cell = segment.cell(side);
        let predecessor = Some(cell.read()).filter(|life| life.boot_id != 0);
        let boot_id = file::random(path)?;
        cell.begin(boot_id, std::process::id(), now_ms());
        segment.predecessor = predecessor;
        segment.boot_id = boot_id;
        segment._locks = Some(Arc::new(locks.attached()));
        Ok(segment)
    }

    /// A segment of this process alone, with both sides' ends: for tests, benchmarks and static tables.
    pub fn private(geometry: &Geometry) -> Result<Self, AttachError> {
        check_bounds(geometry)?;
        let path = Path::new("(private)");
        let mapping = Mapping::anonymous(geometry.layout().size).map_err(file::io("map", path))?;
        let segment = Self::of_mapping(mapping, *geometry, None, path)?;
        segment.header.fill(*geometry, 1, 1);
        Ok(segment)
    }

    fn of_mapping(
        mapping: Mapping,
        geometry: Geometry,
        side: Option<Side>,
        path: &Path,
    ) -> Result<Self, AttachError> {
        let mapping = Arc::new(mapping);
        let layout = geometry.layout();
        let workers = geometry.workers as usize;
        // Cannot fail for a mapping of the layout's size, which the caller checked.
        let size = || file::io("map", path)(rustix::io::Errno::OVERFLOW);
        let peers = (0..workers).map(|worker| {
            let offset = layout.peers + worker * geometry.peers_size();
            mapping.many(offset, geometry.max_peers as usize).ok_or_else(size)
        });
        let groups = (0..workers).map(|worker| {
            let offset = layout.groups + worker * geometry.groups_size();
            mapping.many(offset, geometry.max_groups() as usize).ok_or_else(size)
        });
        Ok(Self {
            header: mapping.one(0).ok_or_else(size)?,
            service: mapping.one(layout.service).ok_or_else(size)?,
            counters: mapping.many(layout.counters, workers).ok_or_else(size)?,
            peers: peers.collect::<Result<_, _>>()?,
            groups: groups.collect::<Result<_, _>>()?,
            sas: mapping.many(layout.sas, geometry.max_sas() as usize).ok_or_else(size)?,
            claims: Arc::new(Claims::default()),
            mapping,
            geometry,
            side,
            boot_id: 0,
            predecessor: None,
            _locks: None,
        })
    }

    /// What the segment is sized for.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The side this process plays; `None` of a private segment.
    pub fn side(&self) -> Option<Side> {
        self.side
    }

    /// Random number of this attachment; the other side sees it as [`Life::boot_id`].
    pub fn boot_id(&self) -> u64 {
        self.boot_id
    }

    /// What the last process on this side left: with an old heartbeat, what waits in the rings towards this side is
    /// old too and better discarded. `None` when this is the first.
    pub fn predecessor(&self) -> Option<Life> {
        self.predecessor
    }

    /// Another segment has this one's name: end and start again (control), or attach again.
    pub fn superseded(&self) -> bool {
        self.header.superseded.load(Ordering::Relaxed) != 0
    }

    /// Tells the other side that this one makes progress. From the service thread or event loop, not from a worker.
    pub fn heartbeat(&self, now_ms: u64) {
        if let Some(side) = self.side {
            self.cell(side).heartbeat_ms.store(now_ms, Ordering::Relaxed);
        }
    }

    /// Dataplane: all of `generation` is in the tables, and what it did not name is swept.
    pub fn completed(&self, generation: u64) {
        self.header.dataplane.generation.store(generation, Ordering::Release);
    }

    /// What a side says of itself.
    pub fn life(&self, side: Side) -> Life {
        self.cell(side).read()
    }

    fn cell(&self, side: Side) -> &LifeCell {
        match side {
            Side::Dataplane => &self.header.dataplane,
            Side::Control => &self.header.control,
        }
    }

    /// The cells of an SA; `None` beyond the geometry.
    pub fn sa(&self, id: SaId) -> Option<&SaCells> {
        self.sas.get(usize::try_from(id).ok()?)
    }

    /// The cells of all SAs for a thread to keep, [`Geometry::max_sas`] of them.
    pub fn sas_shared(&self) -> Shared<[SaCells]> {
        self.sas.clone()
    }

    /// Control: [`SaCells::arm`] of a slot; `false` beyond the geometry.
    pub fn arm(&self, id: SaId, tag: NonZeroU64) -> bool {
        self.sa(id).map(|cells| cells.arm(tag)).is_some()
    }

    /// What the dataplane's service thread counts.
    pub fn service(&self) -> &ServiceCounters {
        &self.service
    }

    /// Counters of all workers.
    pub fn workers(&self) -> &[WorkerCounters] {
        &self.counters
    }

    /// Counters of one worker; panics, as indexing does, beyond the geometry.
    pub fn worker(&self, worker: usize) -> &WorkerCounters {
        &self.counters[worker]
    }

    /// Counters of one worker for a thread to keep; `None` beyond the geometry.
    pub fn worker_shared(&self, worker: usize) -> Option<Shared<WorkerCounters>> {
        self.counters.get(worker)?;
        self.mapping.one(self.geometry.layout().counters + worker * size_of::<WorkerCounters>())
    }

    /// One worker's counters of each peer, `max_peers` long; panics, as indexing does, beyond the geometry.
    pub fn peers(&self, worker: usize) -> &[Traffic] {
        &self.peers[worker]
    }

    /// One worker's counters of each peer for a thread to keep; `None` beyond the geometry.
    pub fn peers_shared(&self, worker: usize) -> Option<Shared<[Traffic]>> {
        self.peers.get(worker).cloned()
    }

    /// One worker's counters of each multicast route, [`Geometry::max_groups`] long; panics, as indexing does, beyond the
    /// geometry.
    pub fn groups(&self, worker: usize) -> &[GroupCounters] {
        &self.groups[worker]
    }

    /// Statistics of a ring; `None` for a worker beyond the geometry.
    pub fn ring_stats(&self, ring: RingName) -> Option<RingStats> {
        let (offset, slots) = self.ring(ring)?;
        Some(self.mapping.slice::<RingHeader>(offset, 1)?.first()?.stats(slots))
    }

    /// Offset and number of slots of a ring.
    pub(crate) fn ring(&self, ring: RingName) -> Option<(usize, usize)> {
        let layout = self.geometry.layout();
        match ring {
            RingName::Updates => Some((layout.updates, UPDATE_SLOTS)),
            RingName::Inject => Some((layout.inject, INJECT_SLOTS)),
            RingName::Events(worker) if worker < self.geometry.workers as usize => {
                Some((layout.events + worker * EVENT_RING, EVENT_SLOTS))
            }
            RingName::Events(_) => None,
        }
    }
}

fn check_bounds(geometry: &Geometry) -> Result<(), AttachError> {
    for (field, found, bound) in
        [("workers", geometry.workers, MAX_WORKERS), ("max_peers", geometry.max_peers, MAX_PEERS)]
    {
        if found == 0 || found > bound {
            return Err(AttachError::Geometry { field, found, bound });
        }
    }
    Ok(())
}

/// Compares a segment's header with what this build and configuration expect.
fn validate(header: &Header, geometry: &Geometry, file_size: u64) -> Result<(), AttachError> {
    let get = |cell: &std::sync::atomic::AtomicU64| cell.load(Ordering::Relaxed);
    let size = geometry.layout().size as u64;
    match () {
        () if get(&header.abi) != ABI => Err(AttachError::Abi { found: get(&header.abi), expected: ABI }),
        () if get(&header.layout) != LAYOUT_HASH => {
            Err(AttachError::Layout { found: get(&header.layout), expected: LAYOUT_HASH })
        }
        () if get(&header.workers) != u64::from(geometry.workers) => {
            Err(AttachError::Workers { found: get(&header.workers), expected: geometry.workers.into() })
        }
        () if get(&header.max_peers) != u64::from(geometry.max_peers) => {
            Err(AttachError::MaxPeers { found: get(&header.max_peers), expected: geometry.max_peers.into() })
        }
        () if get(&header.size) != size => {
            Err(AttachError::Size { found: get(&header.size), expected: size })
        }
        () if file_size != size => Err(AttachError::Size { found: file_size, expected: size }),
        () => Ok(()),
    }
}

fn has_magic(header: &Header, path: &Path) -> Result<(), AttachError> {
    let found = header.magic.load(Ordering::Acquire);
    if found == MAGIC {
        Ok(())
    } else {
        Err(AttachError::Magic { path: path.into(), found, expected: MAGIC })
    }
}

#[cfg(test)]
mod tests;
