//! Quiescent points: when may what was unlinked be used again?
//!
//! The writer unlinks a slot, then advances the epoch. A worker announces at the start of each poll the epoch it
//! sees; between two announcements it may hold what it read. Once every worker has announced an epoch not older
//! than the one of the unlinking, nobody holds the slot.

use crossbeam::utils::CachePadded;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};

/// Announced by a worker that will never read again.
const GONE: u64 = u64::MAX;

/// The epoch, and what each worker announced.
#[derive(Debug)]
pub(crate) struct Epochs {
    /// Written by the updater, read by workers.
    now: CachePadded<AtomicU64>,
    /// Written by its worker, read by the updater. 0 until the worker's first poll.
    seen: Box<[CachePadded<AtomicU64>]>,
}

impl Epochs {
    /// For `workers` workers, none of which has polled.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            now: CachePadded::new(AtomicU64::new(0)),
            seen: (0..workers).map(|_| Default::default()).collect(),
        }
    }

    /// Worker: it holds nothing it read before. The acquiring load makes every unlinking of the epochs announced
    /// visible to the reads that follow; the releasing store keeps the reads before it before it.
    #[inline(always)]
    pub(crate) fn quiescent(&self, worker: usize) {
        if let Some(seen) = self.seen.get(worker) {
            seen.store(self.now.load(Acquire), Release);
        }
    }

    /// Worker: it will not read any more.
    pub(crate) fn leave(&self, worker: usize) {
        if let Some(seen) = self.seen.get(worker) {
            seen.store(GONE, Release);
        }
    }

    /// Updater: what was unlinked until now may be used again when [`Epochs::reached`] is not below the answer.
    pub(crate) fn advance(&self) -> u64 {
        self.now.fetch_add(1, AcqRel) + 1
    }

    /// Updater: the oldest epoch announced.
    pub(crate) fn reached(&self) -> u64 {
        self.seen.iter().map(|seen| seen.load(Acquire)).min().unwrap_or(GONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_the_slowest_worker() {
        let epochs = Epochs::new(2);
        let unlinked = epochs.advance();
        assert!(epochs.reached() < unlinked);
        epochs.quiescent(0);
        assert!(epochs.reached() < unlinked);
        epochs.quiescent(1);
        assert!(epochs.reached() >= unlinked);
        let later = epochs.advance();
        epochs.quiescent(1);
        assert!(epochs.reached() < later);
        epochs.leave(0);
        assert!(epochs.reached() >= later);
    }
}
