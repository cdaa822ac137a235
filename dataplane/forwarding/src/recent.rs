//! A bounded memory of what was done lately, so that it is not done again too soon.
//!
//! Sets of two entries, each a part of the key's hash and the time until which the key rests. When both entries of a
//! set rest, a third key of that set has to wait: nothing grows, nothing is evicted early, and a look-up touches one
//! cache line.

use crate::now::Now;

/// Bits of an entry that hold the time: 34 years of milliseconds.
const TIME_BITS: u32 = 40;
const TIME: u64 = (1 << TIME_BITS) - 1;

/// The memory.
#[derive(Debug)]
pub(crate) struct Recent {
    sets: Box<[[u64; 2]]>,
}

/// Where a key that may act now would be remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    set: usize,
    way: usize,
    tag: u64,
}

/// Spreads a key over all bits.
#[inline(always)]
pub(crate) fn hash(a: u64, b: u64) -> u64 {
    let mixed = (a ^ b.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b;
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

impl Recent {
    /// Remembers up to `keys` keys, rounded up to a power of two.
    pub(crate) fn new(keys: usize) -> Self {
        Self { sets: vec![[0; 2]; (keys / 2).next_power_of_two()].into_boxed_slice() }
    }

    /// Whether the key of this hash may act; `None`: it did lately, or there is no room to remember it.
    #[inline(always)]
    pub(crate) fn place(&self, hash: u64, now: Now) -> Option<Place> {
        let set = (hash >> 8) as usize & (self.sets.len() - 1);
        let tag = hash & !TIME;
        let [first, second] = *self.sets.get(set)?;
        let now = now.millis() & TIME;
        let rests = |entry: u64| entry & TIME > now;
        if (first & !TIME == tag && rests(first)) || (second & !TIME == tag && rests(second)) {
            return None;
        }
        let way = match (rests(first), rests(second)) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => return None,
        };
        Some(Place { set, way, tag })
    }

    /// The key rests until then.
    pub(crate) fn rest(&mut self, place: Place, until: Now) {
        if let Some(entry) = self.sets.get_mut(place.set).and_then(|set| set.get_mut(place.way)) {
            *entry = place.tag | until.millis() & TIME;
        }
    }

    /// The key acts now and then rests for `millis`. `false`: it may not.
    pub(crate) fn admit(&mut self, hash: u64, now: Now, millis: u64) -> bool {
        let Some(place) = self.place(hash, now) else { return false };
        self.rest(place, Now::from_millis(now.millis() + millis));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_rests_and_others_do_not() {
        let mut recent = Recent::new(1024);
        let at = Now::from_millis;
        assert!(recent.admit(hash(1, 2), at(1000), 8000));
        assert!(!recent.admit(hash(1, 2), at(8999), 8000));
        assert!(recent.admit(hash(2, 1), at(8999), 8000));
        assert!(recent.admit(hash(1, 2), at(9000), 8000));
    }

    #[test]
    fn a_full_set_makes_newcomers_wait() {
        let mut recent = Recent::new(2);
        let at = Now::from_millis;
        assert!(recent.admit(hash(1, 0), at(0), 100));
        assert!(recent.admit(hash(2, 0), at(0), 200));
        assert!(!recent.admit(hash(3, 0), at(99), 100));
        assert!(recent.admit(hash(3, 0), at(100), 100));
        assert!(!recent.admit(hash(2, 0), at(199), 100));
    }
}
