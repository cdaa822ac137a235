//! What outlives a process about a child SA: its sequence numbers and counters.
//!
//! **A key never sees the same number twice.** A number is taken from the segment before the packet that carries it
//! leaves, by whatever worker of whatever dataplane; the cell only grows while its tag stays. Control arms a cell with
//! a new random tag once for each new pair of keys, and not before the dataplane has confirmed that no worker holds
//! the old ones; a worker takes a number and then looks whether the tag is its SA's. So a number that was taken after
//! the cell was armed for other keys is not used with the old ones, even should the confirmation be a lie. A segment
//! that was made anew has no tag at all: the dataplane refuses the SA, and control negotiates new keys.

use crate::counters::Counter;
use crate::ring::sync::AtomicU64;
#[cfg(not(loom))]
use std::mem::offset_of;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

/// The cells of one SA, each direction in a cache line of its own.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub struct SaCells {
    /// To the peer.
    pub outbound: OutboundCell,
    /// From the peer.
    pub inbound: InboundCell,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<SaCells>() == 128 && offset_of!(SaCells, inbound) == 64);

/// Written by all workers, and armed by control.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct OutboundCell {
    /// For which SA: control alone writes it, 0 while it does.
    tag: AtomicU64,
    /// Last sequence number taken.
    sequence: AtomicU64,
    /// Octets sent by workers without a counter of their own, as the lifetime counts them: what was encrypted.
    bytes: AtomicU64,
    /// Packets that had a number and were not sent.
    failed: AtomicU64,
    /// Octets sent by the first workers: an addition that nobody else makes needs no lock on the bus.
    own_bytes: [Counter; 4],
}

impl OutboundCell {
    /// Its fields' places as one number, for the layout's hash.
    #[cfg(not(loom))]
    pub(crate) const FORM: usize = offset_of!(Self, tag)
        | offset_of!(Self, sequence) << 8
        | offset_of!(Self, bytes) << 16
        | offset_of!(Self, own_bytes) << 24;

    /// Takes `count` numbers and gives the first; `None`: the cell is armed for another SA, or for none. The numbers
    /// begin with 1 (RFC 4303 3.3.3).
    #[inline]
    pub fn take(&self, tag: NonZeroU64, count: u64) -> Option<u64> {
        // Acquire: who gets a number from after `arm` has reset the sequence sees the tag as gone.
        let last = self.sequence.fetch_add(count, Ordering::Acquire);
        let first = last.checked_add(1)?;
        (self.tag.load(Ordering::Relaxed) == tag.get()).then_some(first)
    }

    /// Whether the cell is armed for this SA.
    pub fn is_armed(&self, tag: NonZeroU64) -> bool {
        self.tag.load(Ordering::Acquire) == tag.get()
    }

    /// Last sequence number taken.
    pub fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Relaxed)
    }

    /// Adds to the octets sent, by that worker.
    #[inline]
    pub fn add_bytes(&self, worker: usize, octets: u64) {
        match self.own_bytes.get(worker) {
            Some(own) => own.add(octets),
            None => drop(self.bytes.fetch_add(octets, Ordering::Relaxed)),
        }
    }

    /// Octets sent.
    pub fn bytes(&self) -> u64 {
        let own = self.own_bytes.iter().map(Counter::get);
        own.fold(self.bytes.load(Ordering::Relaxed), u64::wrapping_add)
    }

    /// A packet that has a number is not sent: the SA is at its end, or the engine could not.
    pub fn add_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Packets that had a number and were not sent.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

/// Written by the worker that owns the SA, and armed by control.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct InboundCell {
    /// For which SA: control alone writes it, 0 while it does.
    tag: AtomicU64,
    /// Highest sequence number authenticated. After a crash the window begins here with everything up to it seen, so
    /// it is stored before the packet goes on.
    pub top: Counter,
    /// Packets authenticated and fresh.
    pub packets: Counter,
    /// Their octets, as decrypted.
    pub bytes: Counter,
    /// Packets left of the window.
    pub replay_old: Counter,
    /// Packets seen before.
    pub replay_dup: Counter,
    /// Packets whose integrity check failed.
    pub icv_failed: Counter,
    /// [`crate::clock::now_ms`] of the last authentic and fresh packet; 0: none yet.
    pub last_ms: Counter,
}

impl InboundCell {
    /// Its fields' places as one number, for the layout's hash.
    #[cfg(not(loom))]
    pub(crate) const FORM: usize = offset_of!(Self, tag)
        | offset_of!(Self, top) << 8
        | offset_of!(Self, packets) << 16
        | offset_of!(Self, bytes) << 24
        | offset_of!(Self, replay_old) << 32
        | offset_of!(Self, replay_dup) << 40
        | offset_of!(Self, icv_failed) << 48
        | offset_of!(Self, last_ms) << 56;

    /// Whether the cell is armed for this SA.
    pub fn is_armed(&self, tag: NonZeroU64) -> bool {
        self.tag.load(Ordering::Acquire) == tag.get()
    }
}

impl SaCells {
    /// Control: the cells are of the child SA with this tag from now on, all counters 0. Once per child SA, before its
    /// halves are offered to the dataplane, and after the deletion of the slot's last user was acknowledged.
    pub fn arm(&self, tag: NonZeroU64) {
        let (outbound, inbound) = (&self.outbound, &self.inbound);
        outbound.tag.store(0, Ordering::Relaxed);
        inbound.tag.store(0, Ordering::Relaxed);
        // Release: who sees the sequence begin anew sees the old tag gone.
        outbound.sequence.store(0, Ordering::Release);
        outbound.bytes.store(0, Ordering::Relaxed);
        outbound.failed.store(0, Ordering::Relaxed);
        outbound.own_bytes.iter().for_each(|own| own.set(0));
        let counters = [
            &inbound.top,
            &inbound.packets,
            &inbound.bytes,
            &inbound.replay_old,
            &inbound.replay_dup,
            &inbound.icv_failed,
            &inbound.last_ms,
        ];
        for counter in counters {
            counter.set(0);
        }
        inbound.tag.store(tag.get(), Ordering::Release);
        outbound.tag.store(tag.get(), Ordering::Release);
    }
}

#[cfg(all(test, loom))]
mod model;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn tag(number: u64) -> NonZeroU64 {
        NonZeroU64::MIN.saturating_add(number - 1)
    }

    #[test]
    fn numbers_begin_with_one_and_belong_to_a_tag() {
        let cells = SaCells::default();
        assert_eq!(cells.outbound.take(tag(5), 1), None, "a segment made anew");
        cells.arm(tag(5));
        assert_eq!(cells.outbound.take(tag(5), 1), Some(1));
        assert_eq!(cells.outbound.take(tag(5), 8), Some(2));
        assert_eq!((cells.outbound.take(tag(5), 1), cells.outbound.sequence()), (Some(10), 10));
        assert_eq!(cells.outbound.take(tag(6), 1), None);
        for worker in 0..7 {
            cells.outbound.add_bytes(worker, 10);
        }
        assert_eq!(cells.outbound.bytes(), 70);
        cells.outbound.add_failed();
        assert_eq!(cells.outbound.failed(), 1);
        cells.inbound.top.set(9);
        cells.inbound.last_ms.set(9);
        assert!(cells.inbound.is_armed(tag(5)) && cells.outbound.is_armed(tag(5)));
        cells.arm(tag(6));
        assert!(!cells.inbound.is_armed(tag(5)) && !cells.outbound.is_armed(tag(5)));
        assert_eq!((cells.outbound.take(tag(5), 1), cells.outbound.take(tag(6), 1)), (None, Some(2)));
        assert_eq!((cells.outbound.bytes(), cells.inbound.top.get(), cells.inbound.last_ms.get()), (0, 0, 0));
        assert_eq!(cells.outbound.failed(), 0);
        cells.outbound.sequence.store(u64::MAX, Ordering::Relaxed);
        assert_eq!(cells.outbound.take(tag(6), 1), None, "what a stranger wrote");
    }

    #[test]
    fn two_workers_never_get_the_same_number() {
        let cells = SaCells::default();
        cells.arm(tag(1));
        let mut all: Vec<u64> = std::thread::scope(|scope| {
            let take = || (0..10_000).map(|_| cells.outbound.take(tag(1), 1).unwrap()).collect::<Vec<_>>();
            let workers = [scope.spawn(take), scope.spawn(take), scope.spawn(take)];
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        all.sort_unstable();
        assert_eq!(all, (1..=30_000).collect::<Vec<_>>());
    }
}
