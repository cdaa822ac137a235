//! Rate limits, all of fixed size.

use seeded::Seeded;
use std::hash::{BuildHasher, Hash};

/// A token bucket for everything of a kind together.
pub(crate) struct Bucket {
    per_second: u64,
    /// Tokens in thousandths.
    milli: u64,
    last_ms: u64,
}

impl Bucket {
    /// Full at start; holds one second's worth.
    pub(crate) fn new(per_second: u64) -> Self {
        Self { per_second, milli: per_second * 1000, last_ms: 0 }
    }

    pub(crate) fn take(&mut self, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.last_ms).min(1000);
        self.last_ms = self.last_ms.max(now_ms);
        self.milli = (self.milli + passed * self.per_second).min(self.per_second * 1000);
        match self.milli.checked_sub(1000) {
            Some(rest) => {
                self.milli = rest;
                true
            }
            None => false,
        }
    }
}

/// One event per key and interval, in a direct-mapped table: a colliding key takes the slot, so that memory is
/// fixed and nothing is ever searched. The price is that colliding keys now and then pass early.
pub(crate) struct PerKey<K> {
    slots: Vec<Option<Slot<K>>>,
    hash: Seeded,
}

struct Slot<K> {
    key: K,
    next_ms: u64,
    suppressed: u32,
}

impl<K: Hash + Eq> PerKey<K> {
    pub(crate) fn new(slots: usize, hash: Seeded) -> Self {
        // The fuzzer makes a server for every input; small tables are made faster, and collide more.
        let slots = if cfg!(fuzzing) { 16 } else { slots.next_power_of_two() };
        Self { slots: (0..slots).map(|_| None).collect(), hash }
    }

    /// Whether the event may happen; if so, how many like it were refused since the last one.
    pub(crate) fn take(&mut self, now_ms: u64, key: K, interval_ms: u64) -> Option<u32> {
        let mask = self.slots.len().wrapping_sub(1) as u64;
        let at = (self.hash.hash_one(&key) & mask) as usize;
        let slot = self.slots.get_mut(at)?;
        match slot {
            Some(old) if old.key == key && now_ms < old.next_ms => {
                old.suppressed = old.suppressed.saturating_add(1);
                None
            }
            _ => {
                let suppressed = slot.as_ref().filter(|old| old.key == key).map_or(0, |old| old.suppressed);
                *slot = Some(Slot { key, next_ms: now_ms.saturating_add(interval_ms), suppressed: 0 });
                Some(suppressed)
            }
        }
    }

    /// Frees the keys that `which` names.
    pub(crate) fn forget(&mut self, which: impl Fn(&K) -> bool) {
        for slot in &mut self.slots {
            if slot.as_ref().is_some_and(|slot| which(&slot.key)) {
                *slot = None;
            }
        }
    }
}

/// Seconds of the max-send window.
const WINDOW_S: u64 = 10;

/// Packets sent in the last ten seconds, by second: Cisco's `ip nhrp max-send N every 10`.
#[derive(Clone, Copy, Default)]
pub(crate) struct SendWindow {
    seconds: [u32; WINDOW_S as usize],
    now_s: u64,
}

impl SendWindow {
    /// Counts one packet, unless the window already holds `limit`.
    pub(crate) fn take(&mut self, now_ms: u64, limit: u32) -> bool {
        self.advance(now_ms);
        if self.sum() >= u64::from(limit) {
            return false;
        }
        if let Some(second) = self.seconds.get_mut((self.now_s % WINDOW_S) as usize) {
            *second += 1;
        }
        true
    }

    /// Share of the limit used, in percent.
    pub(crate) fn usage(mut self, now_ms: u64, limit: u32) -> u8 {
        self.advance(now_ms);
        (self.sum() * 100 / u64::from(limit.max(1))).min(100) as u8
    }

    fn sum(&self) -> u64 {
        self.seconds.iter().map(|second| u64::from(*second)).sum()
    }

    fn advance(&mut self, now_ms: u64) {
        let now_s = (now_ms / 1000).max(self.now_s);
        for second in (self.now_s + 1..=now_s).take(WINDOW_S as usize) {
            if let Some(old) = self.seconds.get_mut((second % WINDOW_S) as usize) {
                *old = 0;
            }
        }
        self.now_s = now_s;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_gives_its_rate_and_no_more() {
        let mut bucket = Bucket::new(100);
        assert_eq!((0..500).filter(|_| bucket.take(0)).count(), 100);
        assert_eq!((0..500).filter(|_| bucket.take(10)).count(), 1);
        assert_eq!((0..500).filter(|_| bucket.take(100_000)).count(), 100);
        let passed = (0..10_000u64).filter(|n| bucket.take(100_000 + n)).count();
        assert_eq!(passed, 1000 - 1);
    }

    #[test]
    fn a_clock_that_stands_or_goes_back_does_no_harm() {
        let mut bucket = Bucket::new(1);
        assert!(bucket.take(5000));
        assert!(!bucket.take(0));
        assert!(!bucket.take(5000));
        assert!(bucket.take(6000));
    }

    #[test]
    fn per_key_counts_what_it_refused() {
        let mut limit = PerKey::new(64, Seeded(7));
        assert_eq!(limit.take(0, 'a', 1000), Some(0));
        assert_eq!(limit.take(1, 'a', 1000), None);
        assert_eq!(limit.take(999, 'a', 1000), None);
        assert_eq!(limit.take(1000, 'a', 1000), Some(2));
        limit.forget(|key| *key == 'a');
        assert_eq!(limit.take(1001, 'a', 1000), Some(0));
    }

    #[test]
    fn send_window_slides() {
        let mut window = SendWindow::default();
        assert_eq!((0..20).filter(|_| window.take(500, 10)).count(), 10);
        assert_eq!(window.usage(500, 10), 100);
        assert!(!window.take(9_999, 10));
        assert_eq!(window.usage(10_000, 10), 0);
        assert!(window.take(10_000, 10));
        assert_eq!(window.usage(10_000, 10), 10);
        assert!(window.take(1_000_000_000, 10));
        assert_eq!(window.usage(1_000_000_000, 0), 100);
    }
}
