//! The exact routes behind the FIB, known to the updater alone, and how the FIB follows them.

use crate::epoch::Epochs;
use crate::fib::Fib;
use crate::leaf::Leaf;
use crate::refusal::{ApplyError, Refusal};
use shm::message::{MAX_VRFS, VrfId};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Included};

/// A route with the resync that named it last.
#[derive(Clone, Copy, Debug)]
struct Route {
    leaf: Leaf,
    generation: u64,
}

/// All routes of all VRFs by the [`place`](crate::fib::place) of their network address and length: an order in which a
/// prefix stands before the longer ones within it.
#[derive(Debug)]
pub(crate) struct Rib {
    routes: BTreeMap<(u64, u8), Route>,
    /// VRFs whose table has memory, one bit each.
    backed: u64,
    /// Most routes.
    limit: usize,
    /// Groups of the FIB that nobody uses.
    free: Vec<u32>,
    /// Unlinked groups in order of the epoch from which on nobody reads them.
    retired: VecDeque<(u64, u32)>,
    /// Routes longer than /24 in each group in use.
    members: Vec<u16>,
}

/// First and last place of a prefix, as a half-open range.
fn range(start: u64, len: u8) -> (u64, u64) {
    (start, start + (1 << (32 - len)))
}

/// The place of the network address for a length, in the same VRF.
fn within(place: u64, len: u8) -> u64 {
    place >> 32 << 32 | u64::from(network(place as u32, len))
}

const _: () = assert!(MAX_VRFS <= u64::BITS as usize);

/// The network address of `address` for a length.
pub(crate) fn network(address: u32, len: u8) -> u32 {
    match len {
        0 => 0,
        len => address & (u32::MAX << (32 - len)),
    }
}

impl Rib {
    /// No routes, for an empty FIB; at most `limit` routes.
    pub(crate) fn new(fib: &Fib, limit: usize) -> Self {
        let groups = fib.group_count();
        let free = (0..groups as u32).rev().collect();
        Self {
            routes: BTreeMap::new(),
            backed: 0,
            limit,
            free,
            retired: VecDeque::new(),
            members: vec![0; groups],
        }
    }

    /// Number of routes.
    pub(crate) fn len(&self) -> usize {
        self.routes.len()
    }

    /// Groups in use or retired.
    pub(crate) fn groups(&self) -> usize {
        self.members.len() - self.free.len()
    }

    /// Adds or changes a route; the place at its start has no host bits, and `len` is at most 32.
    pub(crate) fn insert(
        &mut self,
        (fib, epochs): (&Fib, &Epochs),
        prefix: u64,
        len: u8,
        leaf: Leaf,
        generation: u64,
    ) -> Result<(), ApplyError> {
        let old = self.routes.get(&(prefix, len)).map(|route| route.leaf);
        if old.is_none() {
            if self.routes.len() >= self.limit {
                return Err(Refusal::Full.into());
            }
            self.back(fib, (prefix >> 32) as VrfId)?;
            if len > 24 {
                let group = self.group(fib, epochs, prefix)?;
                if let Some(members) = self.members.get_mut(group as usize) {
                    *members += 1;
                }
            }
        }
        self.routes.insert((prefix, len), Route { leaf, generation });
        if old != Some(leaf) {
            self.paint(fib, prefix, len, leaf);
        }
        Ok(())
    }

    /// Removes a route; its addresses fall to the next shorter prefix. `false`: there is no such route.
    pub(crate) fn remove(&mut self, (fib, epochs): (&Fib, &Epochs), prefix: u64, len: u8) -> bool {
        if self.routes.remove(&(prefix, len)).is_none() {
            return false;
        }
        self.paint(fib, prefix, len, self.covering(prefix, len));
        if len > 24
            && let Some(group) = fib.first(prefix).group()
            && let Some(members) = self.members.get_mut(group as usize)
        {
            *members -= 1;
            if *members == 0 {
                fib.collapse(prefix);
                self.retired.push_back((epochs.advance(), group));
            }
        }
        true
    }

    /// Removes all routes that `generation` did not name. Returns how many.
    pub(crate) fn sweep(&mut self, tables: (&Fib, &Epochs), generation: u64) -> usize {
        let stale: Vec<_> = self
            .routes
            .iter()
            .filter(|(_, route)| route.generation != generation)
            .map(|(key, _)| *key)
            .collect();
        stale.iter().filter(|(prefix, len)| self.remove(tables, *prefix, *len)).count()
    }

    /// What the longest prefix that contains this one and is shorter says.
    fn covering(&self, prefix: u64, len: u8) -> Leaf {
        let found = (0..len).rev().find_map(|len| self.routes.get(&(within(prefix, len), len)));
        found.map_or(Leaf::NONE, |route| route.leaf)
    }

    /// Writes `leaf` to all addresses of the prefix that no longer prefix within it claims.
    fn paint(&self, fib: &Fib, prefix: u64, len: u8, leaf: Leaf) {
        let (mut at, end) = range(prefix, len);
        let within = (Excluded((prefix, len)), Included((end - 1, 32)));
        for &(inner, inner_len) in self.routes.range(within).map(|(key, _)| key) {
            let (inner_start, inner_end) = range(inner, inner_len);
            // A prefix that starts before `at` lies within one that was stepped over.
            if inner_start >= at {
                fib.fill(at, inner_start, leaf);
                at = inner_end;
            }
        }
        fib.fill(at, end, leaf);
    }

    /// Puts memory behind a VRF's table, once.
    fn back(&mut self, fib: &Fib, vrf: VrfId) -> Result<(), ApplyError> {
        let bit = 1_u64.checked_shl(vrf.into()).ok_or(Refusal::Index)?;
        if self.backed & bit == 0 {
            if !fib.back(vrf) {
                return Err(Refusal::Index.into());
            }
            self.backed |= bit;
        }
        Ok(())
    }

    /// The group of the /24 that contains a place, a new one if it has none.
    fn group(&mut self, fib: &Fib, epochs: &Epochs, place: u64) -> Result<u32, ApplyError> {
        if let Some(group) = fib.first(place).group() {
            return Ok(group);
        }
        self.reclaim(epochs);
        let group = self.free.pop().ok_or(match self.retired.is_empty() {
            true => ApplyError::Refused(Refusal::Full),
            false => ApplyError::Busy,
        })?;
        fib.expand(place, group);
        Ok(group)
    }

    /// Frees the groups that no worker can be reading any more.
    fn reclaim(&mut self, epochs: &Epochs) {
        let reached = epochs.reached();
        while self.retired.front().is_some_and(|(epoch, _)| *epoch <= reached) {
            self.free.extend(self.retired.pop_front().map(|(_, group)| group));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf::Kind;
    use proptest::prelude::*;

    const GROUPS: usize = 8;
    const VRFS: usize = 2;

    struct World {
        fib: Fib,
        epochs: Epochs,
        rib: Rib,
        oracle: BTreeMap<(u8, u64), Leaf>,
    }

    impl World {
        fn new() -> Self {
            let fib = Fib::new(VRFS, GROUPS).expect("memory");
            let rib = Rib::new(&fib, 1000);
            Self { fib, epochs: Epochs::new(1), rib, oracle: BTreeMap::new() }
        }
        fn insert(&mut self, prefix: u64, len: u8, leaf: Leaf, generation: u64) -> Result<(), ApplyError> {
            let result = self.rib.insert((&self.fib, &self.epochs), prefix, len, leaf, generation);
            if result.is_ok() {
                self.oracle.insert((len, prefix), leaf);
            }
            result
        }
        fn remove(&mut self, prefix: u64, len: u8) -> bool {
            let was = self.oracle.remove(&(len, prefix)).is_some();
            assert_eq!(self.rib.remove((&self.fib, &self.epochs), prefix, len), was);
            was
        }
        /// Longest match the slow way.
        fn naive(&self, address: u64) -> Leaf {
            let best = self.oracle.iter().filter(|((len, prefix), _)| within(address, *len) == *prefix);
            best.max_by_key(|((len, _), _)| *len).map_or(Leaf::NONE, |(_, leaf)| *leaf)
        }
    }

    /// Prefixes that lie in each other, in two VRFs: few addresses, all lengths.
    fn prefix() -> impl Strategy<Value = (u64, u8)> {
        let address = (0_u64..2, 0_u32..4, 0_u32..4, prop::bits::u32::masked(0xff))
            .prop_map(|(vrf, b, c, d)| vrf << 32 | u64::from(10 << 24 | b << 16 | c << 8 | d));
        (address, prop_oneof![1 => Just(0_u8), 40 => 10..=32_u8])
            .prop_map(|(address, len)| (within(address, len), len))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn agrees_with_a_naive_longest_prefix_match(
            steps in prop::collection::vec((any::<bool>(), prefix(), 1_u32..100), 1..80),
        ) {
            let mut world = World::new();
            let mut touched = Vec::new();
            for (add, (prefix, len), index) in steps {
                if add {
                    let leaf = Leaf::new(Kind::Peer, index);
                    if world.insert(prefix, len, leaf, 1).is_err() {
                        prop_assert!(world.rib.free.is_empty());
                    }
                } else if let Some((&(len, prefix), _)) = world.oracle.iter().nth(index as usize % world.oracle.len().max(1)) {
                    world.remove(prefix, len);
                } else {
                    world.remove(prefix, len);
                }
                world.epochs.quiescent(0);
                let (start, end) = range(prefix, len);
                touched.extend([start, end - 1, start.saturating_sub(1), end, start ^ 7, start ^ 1 << 32]);
                for address in &touched {
                    prop_assert_eq!(world.fib.lookup(*address), world.naive(*address), "{:#x}", address);
                }
            }
            for (len, prefix) in world.oracle.keys().copied().collect::<Vec<_>>() {
                world.remove(prefix, len);
            }
            for address in touched {
                prop_assert_eq!(world.fib.lookup(address), Leaf::NONE);
            }
            world.epochs.quiescent(0);
            world.rib.reclaim(&world.epochs);
            prop_assert_eq!(world.rib.groups(), 0);
        }
    }

    #[test]
    fn a_group_is_used_again_only_after_all_workers_polled() {
        let mut world = World::new();
        let leaf = Leaf::new(Kind::Peer, 1);
        for slot in 0..GROUPS as u64 {
            world.insert(slot << 8, 32, leaf, 0).expect("room");
        }
        assert_eq!(world.insert(0x0a00_0000, 32, leaf, 0), Err(Refusal::Full.into()));
        world.remove(0, 32);
        assert_eq!(world.insert(0x0a00_0000, 32, leaf, 0), Err(ApplyError::Busy));
        assert_eq!(world.fib.lookup(0x0a00_0000), Leaf::NONE);
        world.epochs.quiescent(0);
        world.insert(0x0a00_0000, 32, leaf, 0).expect("reclaimed");
        assert_eq!(world.fib.lookup(0x0a00_0000), leaf);
        assert_eq!(world.fib.lookup(0x0a00_0001), Leaf::NONE);
    }

    #[test]
    fn a_sweep_leaves_what_was_named() {
        let mut world = World::new();
        world.insert(0, 0, Leaf::new(Kind::Peer, 1), 1).expect("room");
        world.insert(0x0a00_0000, 8, Leaf::new(Kind::Peer, 2), 1).expect("room");
        world.insert(0x0a00_0001, 32, Leaf::new(Kind::Peer, 3), 1).expect("room");
        world.insert(0, 0, Leaf::new(Kind::Peer, 1), 2).expect("room");
        world.insert(0x0a00_0001, 32, Leaf::new(Kind::Peer, 4), 2).expect("room");
        assert_eq!(world.rib.sweep((&world.fib, &world.epochs), 2), 1);
        assert_eq!(world.fib.lookup(0x0a00_0002).index(), 1);
        assert_eq!(world.fib.lookup(0x0a00_0001).index(), 4);
        assert_eq!(world.rib.len(), 2);
    }

    /// While one prefix comes and goes within another, every answer is one of the two; a group unlinked is never
    /// seen with another's content.
    #[test]
    fn readers_see_before_or_after() {
        use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
        let fib = Fib::new(1, 2).expect("memory");
        let epochs = Epochs::new(1);
        let mut rib = Rib::new(&fib, 100);
        let [outer, inner, other] = [1, 2, 3].map(|index| Leaf::new(Kind::Peer, index));
        let (network, host, elsewhere) = (0x0a00_0000, 0x0a00_0105, 0x0b00_0005);
        rib.insert((&fib, &epochs), network, 8, outer, 0).expect("room");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut seen = [0_u64; 2];
                while !done.load(Relaxed) || seen[0] == 0 {
                    epochs.quiescent(0);
                    for _ in 0..64 {
                        let leaf = fib.lookup(host);
                        assert!(leaf == outer || leaf == inner, "{leaf:?}");
                        assert_eq!(fib.lookup(host ^ 1), outer);
                        let leaf = fib.lookup(elsewhere);
                        assert!(leaf == Leaf::NONE || leaf == other, "{leaf:?}");
                        seen[usize::from(leaf == other)] += 1;
                    }
                }
                epochs.leave(0);
            });
            let mut apply = |add: bool, prefix: u64, leaf| {
                while add && rib.insert((&fib, &epochs), prefix, 32, leaf, 0) == Err(ApplyError::Busy) {
                    std::thread::yield_now();
                }
                assert!(add || rib.remove((&fib, &epochs), prefix, 32));
            };
            for _ in 0..20_000 {
                apply(true, host, inner);
                apply(true, elsewhere, other);
                apply(false, host, inner);
                apply(false, elsewhere, other);
            }
            done.store(true, Relaxed);
            reader.join().expect("reader");
        });
    }
}
