//! Who is behind an NBMA address: (tunnel, NBMA address) to peer, looked up for every packet from a spoke.
//!
//! Open addressing with linear probing in place. An entry is one word that holds key and value, so it is never torn
//! and a hit is always right. Removal closes the gap by moving later entries of the run forward; a reader could
//! walk past an entry's new place before it is there and reach its old place after it has left. Therefore the
//! writer counts each move between its two stores, and a reader that found nothing and sees that the count has
//! changed looks again. Why that is enough: the reader saw the old place overwritten (acquire), so it sees the count
//! of that move; had it read the same count at its start, the copy at the new place, which was stored before, would
//! have been visible to it.

use crate::zeroed::zeroed;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// Bits of an entry that hold the peer.
const PEER_BITS: u32 = 24;
/// An entry of no peer: NBMA address 0.0.0.0 is never entered.
const EMPTY: u64 = 0;

/// The map. At most half of it is ever used. `VALUE` bits of an entry hold its value, the rest its key.
#[derive(Debug)]
pub(crate) struct NbmaMap<const VALUE: u32 = PEER_BITS> {
    entries: Box<[AtomicU64]>,
    /// Moves of entries since the start.
    moves: AtomicU64,
    /// Spreads keys; drawn at random, so that nobody can choose addresses that meet in one place.
    multiplier: u64,
    shift: u32,
}

/// A key: tunnel and NBMA address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    /// Of a tunnel and an address in host order. The address 0 is looked up in vain and must not be entered.
    #[inline(always)]
    pub(crate) fn new(tunnel: u8, nbma: u32) -> Self {
        Self(u64::from(tunnel) << 32 | u64::from(nbma))
    }
}

impl Key {
    /// Of a multicast route ([`crate::groups`]): the number of its group, never 0, below 2^12, and its source; 0: any.
    #[inline(always)]
    pub(crate) fn of_group(number: u32, source: u32) -> Self {
        Self(u64::from(number) << 32 | u64::from(source))
    }
}

impl<const VALUE: u32> NbmaMap<VALUE> {
    /// Empty, for at most `max_peers` entries (the caller keeps to it). `None`: no memory.
    pub(crate) fn new(max_peers: u32) -> Option<Self> {
        let size = (max_peers as usize * 2).next_power_of_two().max(8);
        let entries = zeroed(size)?;
        let multiplier = RandomState::new().hash_one(size) | 1;
        Some(Self { entries, moves: AtomicU64::new(0), multiplier, shift: 64 - size.trailing_zeros() })
    }

    #[inline(always)]
    fn home(&self, key: Key) -> usize {
        (key.0.wrapping_mul(self.multiplier) >> self.shift) as usize
    }

    #[inline(always)]
    fn entry(&self, at: usize) -> &AtomicU64 {
        &self.entries[at & (self.entries.len() - 1)]
    }

    /// Starts loading the place where a look-up begins.
    #[inline(always)]
    pub(crate) fn prefetch(&self, key: Key) {
        shm::cpu::prefetch(self.entry(self.home(key)));
    }

    /// The peer.
    #[inline(always)]
    pub(crate) fn find(&self, key: Key) -> Option<u32> {
        let moves = self.moves.load(Acquire);
        let found = self.probe(key);
        if found.is_some() { found } else { self.find_again(key, moves) }
    }

    #[inline(always)]
    fn probe(&self, key: Key) -> Option<u32> {
        let mut at = self.home(key);
        loop {
            let entry = self.entry(at).load(Acquire);
            // First, since the key of a forged source 0.0.0.0 on tunnel 0 looks like an empty entry's.
            if entry == EMPTY {
                return None;
            }
            if entry >> VALUE == key.0 {
                return Some(entry as u32 & ((1 << VALUE) - 1));
            }
            at += 1;
        }
    }

    #[cold]
    fn find_again(&self, key: Key, mut moves: u64) -> Option<u32> {
        loop {
            let now = self.moves.load(Acquire);
            if now == moves {
                return None;
            }
            moves = now;
            if let Some(peer) = self.probe(key) {
                return Some(peer);
            }
        }
    }

    /// Writer: adds the key or changes its peer (below 2^24).
    pub(crate) fn insert(&self, key: Key, peer: u32) {
        let mut at = self.home(key);
        loop {
            let entry = self.entry(at).load(Relaxed);
            if entry == EMPTY || entry >> VALUE == key.0 {
                // Releases the adjacency that the peer names.
                self.entry(at).store(key.0 << VALUE | u64::from(peer), Release);
                return;
            }
            at += 1;
        }
    }

    /// Writer: removes the key if it is there.
    pub(crate) fn remove(&self, key: Key) {
        let mut hole = self.home(key);
        loop {
            match self.entry(hole).load(Relaxed) {
                EMPTY => return,
                entry if entry >> VALUE == key.0 => break,
                _ => hole += 1,
            }
        }
        let mut at = hole + 1;
        loop {
            let entry = self.entry(at).load(Relaxed);
            if entry == EMPTY {
                break;
            }
            let mask = self.entries.len() - 1;
            let home = self.home(Key(entry >> VALUE));
            // An entry may move to the hole unless its home lies behind the hole.
            if (at.wrapping_sub(home) & mask) >= (at - hole) {
                self.entry(hole).store(entry, Release);
                self.moves.store(self.moves.load(Relaxed) + 1, Release);
                hole = at;
            }
            at += 1;
        }
        self.entry(hole).store(EMPTY, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn the_key_that_looks_empty_is_nobodys() {
        let map = NbmaMap::<PEER_BITS>::new(4).expect("memory");
        assert_eq!(map.find(Key::new(0, 0)), None);
        map.insert(Key::new(0, 1), 3);
        assert_eq!(map.find(Key::new(0, 0)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn agrees_with_a_hash_map(steps in prop::collection::vec((any::<bool>(), 0_u8..2, 1_u32..20, 0_u32..1 << 24), 1..200)) {
            // Ten live keys of forty in sixteen places: runs are long and wrap around.
            let map = NbmaMap::<PEER_BITS>::new(8).expect("memory");
            let mut oracle = HashMap::new();
            for (add, tunnel, nbma, peer) in steps {
                if add && (oracle.len() < 8 || oracle.contains_key(&(tunnel, nbma))) {
                    map.insert(Key::new(tunnel, nbma), peer);
                    oracle.insert((tunnel, nbma), peer);
                } else {
                    map.remove(Key::new(tunnel, nbma));
                    oracle.remove(&(tunnel, nbma));
                }
                for tunnel in 0..2 {
                    for nbma in 1..20 {
                        prop_assert_eq!(map.find(Key::new(tunnel, nbma)), oracle.get(&(tunnel, nbma)).copied());
                    }
                }
            }
        }
    }

    /// Keys that stay are found at every moment while others around them come and go.
    #[test]
    fn a_reader_never_misses_a_key_that_stays() {
        use std::sync::atomic::AtomicBool;
        let map = NbmaMap::<PEER_BITS>::new(16).expect("memory");
        for nbma in 1..=8 {
            map.insert(Key::new(0, nbma), nbma);
        }
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut reads = 0_u64;
                while !done.load(Relaxed) || reads == 0 {
                    for nbma in 1..=8 {
                        assert_eq!(map.find(Key::new(0, nbma)), Some(nbma));
                    }
                    for nbma in 100..108 {
                        assert!(map.find(Key::new(0, nbma)).is_none_or(|peer| peer == nbma));
                    }
                    reads += 1;
                }
            });
            for round in 0..40_000_u32 {
                for nbma in (100..108).map(|nbma| 100 + (nbma + round * 3) % 8) {
                    map.insert(Key::new(0, nbma), nbma);
                }
                for nbma in 100..108 {
                    map.remove(Key::new(0, nbma));
                }
            }
            done.store(true, Relaxed);
            reader.join().expect("reader");
        });
    }
}
