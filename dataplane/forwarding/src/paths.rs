//! Entries with several ways: one line of 64 octets each, sixteen leaves, of which a flow takes one.
//!
//! Any number of prefixes name an entry, so that a next hop which changes is one line written. The line is written leaf
//! by leaf while workers read it: each of its leaves is at every moment one of before or after, never a torn one, and a
//! worker that reads in between has a mixture of both, all of them ways that were right for the same prefixes.

use crate::leaf::{Kind, Leaf};
use crate::zeroed::zeroed;
use shm::message::{MAX_PATHS, MAX_WAYS, Target};
use std::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Release};
use zerocopy::FromZeros;

/// The ways from the front, behind them zeros. Written by the updater, read by all workers.
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
struct Line([AtomicU32; MAX_WAYS]);
const _: () = assert!(size_of::<Line>() == 64);

/// All entries.
#[derive(Debug)]
pub(crate) struct Paths {
    lines: Box<[Line]>,
}

/// Spreads the upper bits of a flow's hash, by which its first choice was made, for a second one.
const AGAIN: u32 = 0x9e37_79b1;

impl Paths {
    /// No entries. `None`: no memory.
    pub(crate) fn new() -> Option<Self> {
        Some(Self { lines: zeroed(MAX_PATHS)? })
    }

    /// Starts loading an entry.
    #[inline(always)]
    pub(crate) fn prefetch(&self, id: u32) {
        shm::cpu::prefetch_index(&self.lines, id as usize);
    }

    /// The way of the entry that a flow takes: always the same of the same ways. One that is not `usable` is avoided
    /// while another is; only its own flows move then, in equal shares to all others.
    pub(crate) fn choose(&self, id: u32, flow: u32, usable: impl Fn(Leaf) -> bool) -> Leaf {
        let line = self.leaves(id);
        let count = line.iter().position(|leaf| *leaf == Leaf::NONE).unwrap_or(MAX_WAYS);
        let ways = line.get(..count).unwrap_or_default();
        let Some(first) = ways.get(share(flow, count)).copied() else { return Leaf::UNRESOLVED };
        if usable(first) {
            return first;
        }
        let others = || ways.iter().copied().filter(|leaf| usable(*leaf));
        others().nth(share(flow.wrapping_mul(AGAIN), others().count())).unwrap_or(first)
    }

    /// Whether `leaf` is one of the entry's ways.
    pub(crate) fn contains(&self, id: u32, leaf: Leaf) -> bool {
        self.leaves(id).contains(&leaf)
    }

    /// Updater: sets the ways of an entry; none takes it away.
    pub(crate) fn write(&self, id: u32, ways: &[Target]) {
        let Some(line) = self.lines.get(id as usize) else { return };
        let leaves = ways.iter().map(|way| Leaf::from(*way)).chain(std::iter::repeat(Leaf::NONE));
        for (word, leaf) in line.0.iter().zip(leaves) {
            word.store(leaf.raw(), Release);
        }
    }

    fn leaves(&self, id: u32) -> [Leaf; MAX_WAYS] {
        match self.lines.get(id as usize) {
            Some(line) => line.0.each_ref().map(|word| Leaf::from_raw(word.load(Acquire))),
            None => [Leaf::NONE; MAX_WAYS],
        }
    }
}

/// Which of `count` things a hash takes: shares as equal as they can be, by the upper bits (Lemire 2016).
#[inline(always)]
fn share(hash: u32, count: usize) -> usize {
    ((u64::from(hash) * count as u64) >> 32) as usize
}

/// What can be told from the leaf alone.
#[inline(always)]
pub(crate) fn leads_somewhere(leaf: Leaf) -> bool {
    leaf.kind() != Kind::Unresolved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recent::hash;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn flows() -> impl Iterator<Item = u32> {
        (0..100_000_u64).map(|flow| (hash(flow, 7) >> 32) as u32)
    }

    fn shares(paths: &Paths, id: u32, usable: impl Fn(Leaf) -> bool) -> BTreeMap<u32, usize> {
        let mut shares = BTreeMap::new();
        for flow in flows() {
            *shares.entry(paths.choose(id, flow, &usable).raw()).or_default() += 1;
        }
        shares
    }

    #[test]
    fn shares_are_equal_and_follow_repetition() {
        let paths = Paths::new().expect("memory");
        for count in 1..=MAX_WAYS as u32 {
            let ways: Vec<_> = (0..count).map(Target::Peer).collect();
            paths.write(count, &ways);
            let shares = shares(&paths, count, leads_somewhere);
            assert_eq!(shares.len(), count as usize);
            let fair = 100_000 / count as usize;
            assert!(shares.values().all(|share| share.abs_diff(fair) < fair / 20 + 100), "{shares:?}");
        }
        paths.write(0, &[Target::Link(1), Target::Link(2), Target::Link(2), Target::Link(2)]);
        let shares = shares(&paths, 0, leads_somewhere);
        assert!(shares[&Leaf::from(Target::Link(1)).raw()].abs_diff(25_000) < 1_000, "{shares:?}");
    }

    #[test]
    fn only_the_flows_of_a_way_that_is_lost_move_and_to_all_others() {
        let paths = Paths::new().expect("memory");
        let ways = [0, 1, 2, 3].map(Target::Peer);
        let lost = Leaf::from(ways[1]);
        paths.write(5, &ways);
        let mut moved = BTreeMap::new();
        for flow in flows() {
            let before = paths.choose(5, flow, |_| true);
            let after = paths.choose(5, flow, |leaf| leaf != lost);
            assert!(after != lost && (before == after || before == lost));
            if before == lost {
                *moved.entry(after.raw()).or_insert(0_usize) += 1;
            }
        }
        assert!(
            moved.len() == 3 && moved.values().all(|share| share.abs_diff(25_000 / 3) < 500),
            "{moved:?}"
        );
        assert_eq!(paths.choose(5, 0, |_| false), Leaf::from(ways[0]), "its reason is counted");
    }

    #[test]
    fn nothing_leads_nowhere() {
        let paths = Paths::new().expect("memory");
        for id in [0, MAX_PATHS as u32, u32::MAX] {
            assert_eq!(paths.choose(id, 9, |_| true), Leaf::UNRESOLVED);
        }
        paths.write(MAX_PATHS as u32, &[Target::Drop]);
        paths.write(3, &[Target::Unresolved, Target::Tunnel(1)]);
        assert_eq!(shares(&paths, 3, leads_somewhere).len(), 1);
        assert!(paths.contains(3, Leaf::from(Target::Tunnel(1))) && !paths.contains(4, Leaf::UNRESOLVED));
        paths.write(3, &[]);
        assert_eq!(paths.choose(3, 9, |_| true), Leaf::UNRESOLVED);
    }

    proptest! {
        /// Whatever was there before, what is written is there, and nothing else.
        #[test]
        fn holds_what_was_written_last(
            writes in prop::collection::vec((0..4_u32, prop::collection::vec(0..9_u32, 0..=MAX_WAYS)), 1..40),
            flow in any::<u32>(),
        ) {
            let paths = Paths::new().expect("memory");
            let mut oracle: BTreeMap<u32, Vec<Target>> = BTreeMap::new();
            for (id, peers) in writes {
                let ways: Vec<_> = peers.into_iter().map(Target::Peer).collect();
                paths.write(id, &ways);
                oracle.insert(id, ways);
            }
            for (id, ways) in oracle {
                let at = ((u64::from(flow) * ways.len() as u64) >> 32) as usize;
                let expected = ways.get(at).map_or(Leaf::UNRESOLVED, |way| Leaf::from(*way));
                prop_assert_eq!(paths.choose(id, flow, |_| true), expected);
            }
        }
    }

    /// While an entry changes, every choice is one of its ways before or after.
    #[test]
    fn readers_see_before_or_after() {
        use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
        let paths = Paths::new().expect("memory");
        let few: Vec<_> = (0..3).map(Target::Peer).collect();
        let many: Vec<_> = (8..24).map(Target::Link).collect();
        paths.write(9, &few);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut seen = [0_u64; 2];
                let mut flow = 0_u32;
                while !done.load(Relaxed) || seen.contains(&0) {
                    flow = flow.wrapping_add(AGAIN);
                    let leaf = paths.choose(9, flow, |_| true);
                    let link = leaf.kind() == Kind::Link;
                    assert!(if link {
                        (8..24).contains(&leaf.index())
                    } else {
                        leaf.is_peer() && leaf.index() < 3
                    });
                    seen[usize::from(link)] += 1;
                }
            });
            for _ in 0..20_000 {
                paths.write(9, &many);
                paths.write(9, &few);
            }
            done.store(true, Relaxed);
            // Both forms are seen also by a reader that had no processor meanwhile.
            while !reader.is_finished() {
                paths.write(9, &many);
                std::thread::yield_now();
                paths.write(9, &few);
                std::thread::yield_now();
            }
            reader.join().expect("reader");
        });
    }
}
