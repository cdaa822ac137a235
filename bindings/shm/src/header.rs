//! The segment's first page. Its first 384 octets keep their form in every ABI, so that any build can say what it
//! found and tell whoever still maps an old segment that it is superseded.

use crate::layout::{Geometry, LAYOUT_HASH};
use std::sync::atomic::{AtomicU64, Ordering};

/// `DMVPNHUB` as the first eight octets of the file.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"DMVPNHUB");
/// Raised whenever the meaning of anything in the segment changes while its layout does not.
pub(crate) const ABI: u64 = 1;

/// Who made the segment and for what. The maker alone writes it, before the file has its name; but for
/// `superseded`.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct Header {
    pub magic: AtomicU64,
    pub abi: AtomicU64,
    pub layout: AtomicU64,
    pub size: AtomicU64,
    pub workers: AtomicU64,
    pub max_peers: AtomicU64,
    /// Random, never 0: tells one segment from the next under the same name.
    pub segment_id: AtomicU64,
    /// The kernel's boot id, hashed: after a reboot no heartbeat in the file means anything.
    pub machine_boot: AtomicU64,
    /// Not 0: another file has this one's name now; attach again. Written by a dataplane that starts with another
    /// geometry or ABI.
    pub superseded: AtomicU64,
    /// Written by the dataplane.
    pub dataplane: LifeCell,
    /// Written by control.
    pub control: LifeCell,
}

/// A side's sign of life. Written by that side alone, read by the other.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct LifeCell {
    pub boot_id: AtomicU64,
    pub pid: AtomicU64,
    pub heartbeat_ms: AtomicU64,
    pub generation: AtomicU64,
}

const _: () = assert!(size_of::<LifeCell>() == 128 && size_of::<Header>() == 384);

/// What a side says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// Random for each start of the process; 0: it never attached. When it changes the other side has restarted:
    /// what it was told is forgotten.
    pub boot_id: u64,
    /// Process id, as that process sees it.
    pub pid: u32,
    /// [`crate::clock::now_ms`] of the last heartbeat.
    pub heartbeat_ms: u64,
    /// Of the dataplane: the resync it completed last, 0 before the first; of control: unused.
    pub generation: u64,
}

impl LifeCell {
    pub fn read(&self) -> Life {
        // The boot id is stored last and read first: who sees it sees the rest of that life, or of a later one.
        let boot_id = self.boot_id.load(Ordering::Acquire);
        Life {
            boot_id,
            pid: u32::try_from(self.pid.load(Ordering::Relaxed)).unwrap_or(0),
            heartbeat_ms: self.heartbeat_ms.load(Ordering::Relaxed),
            generation: self.generation.load(Ordering::Acquire),
        }
    }

    pub fn begin(&self, boot_id: u64, pid: u32, now_ms: u64) {
        self.generation.store(0, Ordering::Relaxed);
        self.pid.store(pid.into(), Ordering::Relaxed);
        self.heartbeat_ms.store(now_ms, Ordering::Relaxed);
        self.boot_id.store(boot_id, Ordering::Release);
    }
}

impl Header {
    pub fn fill(&self, geometry: Geometry, segment_id: u64, machine_boot: u64) {
        let set = |cell: &AtomicU64, value| cell.store(value, Ordering::Relaxed);
        set(&self.abi, ABI);
        set(&self.layout, LAYOUT_HASH);
        set(&self.size, geometry.layout().size as u64);
        set(&self.workers, geometry.workers.into());
        set(&self.max_peers, geometry.max_peers.into());
        set(&self.segment_id, segment_id);
        set(&self.machine_boot, machine_boot);
        self.magic.store(MAGIC, Ordering::Release);
    }
}
