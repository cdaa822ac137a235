//! Who gets what is sent to many: one bit per peer, set and cleared in place.
//!
//! A bitmap and not a list, because a worker replicates over many polls ([`crate::replicate`]) and keeps only a
//! position: members may come and go meanwhile. A second bitmap says which words are not zero, so that finding three
//! members among a million peers takes a few reads.

use crate::zeroed::unbacked;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// Bits of a word.
const BITS: usize = u64::BITS as usize;

/// Sets of peers: the multicast members of each tunnel, or those joined to each multicast route. Written by the updater,
/// read by all workers.
#[derive(Debug)]
pub(crate) struct Members {
    words: Box<[AtomicU64]>,
    /// A bit for each word that is not zero.
    summary: Box<[AtomicU64]>,
    /// Words of one set.
    stride: usize,
    /// Words of one set's summary.
    summary_stride: usize,
}

impl Members {
    /// `sets` empty ones, for addresses only: a set is to be [cleared](Members::clear) before its first use, which puts
    /// memory behind it. `None`: no room.
    pub(crate) fn new(sets: usize, max_peers: u32) -> Option<Self> {
        let stride = (max_peers as usize).div_ceil(BITS);
        let summary_stride = stride.div_ceil(BITS);
        let (words, summary) = (unbacked(sets * stride)?, unbacked(sets * summary_stride)?);
        Some(Self { words, summary, stride, summary_stride })
    }

    /// A set's words and its summary.
    #[inline(always)]
    fn set_of(&self, set: usize) -> Option<(&[AtomicU64], &[AtomicU64])> {
        let words = self.words.get(set * self.stride..(set + 1) * self.stride)?;
        let summary = self.summary.get(set * self.summary_stride..(set + 1) * self.summary_stride)?;
        Some((words, summary))
    }

    /// Updater: adds or removes a member. The releasing store follows that of the peer's adjacency.
    pub(crate) fn set(&self, set: usize, peer: u32, member: bool) {
        let Some((words, summary)) = self.set_of(set) else { return };
        let index = peer as usize / BITS;
        let Some(word) = words.get(index) else { return };
        let bit = 1 << (peer as usize % BITS);
        let new = if member { word.load(Relaxed) | bit } else { word.load(Relaxed) & !bit };
        word.store(new, Release);
        if let Some(summary) = summary.get(index / BITS) {
            let (old, bit) = (summary.load(Relaxed), 1 << (index % BITS));
            // After the word: who sees the bit set sees the member.
            summary.store(if new != 0 { old | bit } else { old & !bit }, Release);
        }
    }

    /// Updater: removes all members.
    pub(crate) fn clear(&self, set: usize) {
        let Some((words, summary)) = self.set_of(set) else { return };
        words.iter().chain(summary).for_each(|word| word.store(0, Relaxed));
    }

    /// The first member that is not below `from`.
    #[inline]
    pub(crate) fn next(&self, set: usize, from: u32) -> Option<u32> {
        let (words, summary) = self.set_of(set)?;
        let first = from as usize / BITS;
        let found = words.get(first)?.load(Acquire) & u64::MAX << (from as usize % BITS);
        if found != 0 {
            return Some((first * BITS) as u32 + found.trailing_zeros());
        }
        let mut mask = (u64::MAX << (first % BITS)) & !(1 << (first % BITS));
        for (group, bits) in summary.iter().enumerate().skip(first / BITS) {
            let mut bits = bits.load(Acquire) & mask;
            while bits != 0 {
                let index = group * BITS + bits.trailing_zeros() as usize;
                // Zero: the last one has left since the summary was read.
                let found = words.get(index).map_or(0, |word| word.load(Acquire));
                if found != 0 {
                    return Some((index * BITS) as u32 + found.trailing_zeros());
                }
                bits &= bits - 1;
            }
            mask = u64::MAX;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn walk(members: &Members, set: usize) -> Vec<u32> {
        let next = |at: &u32| members.next(set, at + 1);
        std::iter::successors(members.next(set, 0), next).collect()
    }

    #[test]
    fn walks_members_of_one_set_in_order() {
        let members = Members::new(2, 200).expect("memory");
        for peer in [0, 63, 64, 199] {
            members.set(1, peer, true);
        }
        members.set(0, 5, true);
        assert_eq!(walk(&members, 1), [0, 63, 64, 199]);
        members.set(1, 64, false);
        assert_eq!(members.next(1, 64), Some(199));
        assert_eq!(members.next(0, 6), None);
        assert_eq!(members.next(1, 1000), None);
        assert_eq!(members.next(2, 0), None);
        members.set(2, 0, true);
        members.clear(1);
        assert_eq!((walk(&members, 1), walk(&members, 0)), (vec![], vec![5]));
    }

    proptest! {
        #[test]
        fn agrees_with_a_set(steps in prop::collection::vec((0..20_000_u32, any::<bool>()), 0..200)) {
            let members = Members::new(3, 20_000).expect("memory");
            let mut oracle = BTreeSet::new();
            for (peer, member) in steps {
                members.set(1, peer, member);
                if member { oracle.insert(peer); } else { oracle.remove(&peer); }
            }
            prop_assert_eq!(walk(&members, 1), oracle.iter().copied().collect::<Vec<_>>());
            for from in [0, 63, 64, 4_095, 4_096, 12_345, 19_999] {
                prop_assert_eq!(members.next(1, from), oracle.range(from..).next().copied());
            }
            prop_assert_eq!((members.next(0, 0), members.next(2, 0)), (None, None));
        }
    }
}
