//! Rate limit without a clock: time is passed in.
//!
//! For what the hub sends, or looks into, because of somebody else's packet (RFC 1812 4.3.2.8): one bucket for all, and one
//! per source so that a single host cannot use up everybody's share.

use crate::now::Now;
use std::net::Ipv4Addr;

/// Sources that are told apart at a time.
pub const SOURCES: usize = 256;
/// Slots in which one source may stand.
const WAYS: usize = 4;

/// One token bucket. A token is a thousand parts, so that whole milliseconds refill exactly.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    parts: u64,
    filled: Now,
}

/// How fast a bucket fills and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens per second.
    pub per_second: u32,
    /// Tokens it holds when full.
    pub burst: u32,
}

impl Rate {
    /// One part of `parts`, of both.
    pub fn share(self, parts: u32) -> Self {
        let part = |of: u32| (of / parts.max(1)).max(1);
        Self { per_second: part(self.per_second), burst: part(self.burst) }
    }
}

const PARTS: u64 = 1000;

impl Bucket {
    /// A full bucket.
    pub fn full(rate: Rate, now: Now) -> Self {
        Self { parts: u64::from(rate.burst) * PARTS, filled: now }
    }

    /// Whether there is a token, without taking it.
    #[inline]
    pub fn holds(&mut self, rate: Rate, now: Now) -> bool {
        let millis = now.millis().saturating_sub(self.filled.millis());
        // Per second and per millisecond differ by the thousand parts of a token.
        let gained = millis.saturating_mul(u64::from(rate.per_second));
        self.parts = self.parts.saturating_add(gained).min(u64::from(rate.burst) * PARTS);
        self.filled = self.filled.max(now);
        self.parts >= PARTS
    }

    /// Takes a token. `false`: there is none.
    #[inline]
    pub fn take(&mut self, rate: Rate, now: Now) -> bool {
        let some = self.holds(rate, now);
        if some {
            self.parts -= PARTS;
        }
        some
    }
}

/// A bucket for each recent source.
#[derive(Clone, Debug)]
pub struct Sources {
    rate: Rate,
    /// Sets of [`WAYS`] slots; a source stands in the set of its hash.
    sources: Box<[[Slot; WAYS]]>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    source: u32,
    bucket: Bucket,
}

impl Sources {
    /// Every bucket starts full.
    pub fn new(rate: Rate) -> Self {
        // The address 0.0.0.0 is nobody's: nothing is answered to it.
        let slot = Slot { source: 0, bucket: Bucket::full(rate, Now::default()) };
        Self { rate, sources: vec![[slot; WAYS]; SOURCES / WAYS].into_boxed_slice() }
    }

    /// Takes a token of `source`.
    ///
    /// A new source takes the place of the one that was quiet longest in its set. Who cycles through many (forged)
    /// sources gets fresh buckets that way, and is held by what limits all together.
    pub fn allow(&mut self, source: Ipv4Addr, now: Now) -> bool {
        let source = source.to_bits();
        let set = (source.wrapping_mul(0x9e37_79b1) >> 16) as usize % self.sources.len();
        let Some(slots) = self.sources.get_mut(set) else { return false };
        let at = match slots.iter().position(|slot| slot.source == source) {
            Some(at) => at,
            None => {
                let oldest = slots.iter().enumerate().min_by_key(|(_, slot)| slot.bucket.filled);
                let at = oldest.map_or(0, |(at, _)| at);
                slots[at] = Slot { source, bucket: Bucket::full(self.rate, now) };
                at
            }
        };
        slots[at].bucket.take(self.rate, now)
    }
}

/// A bucket for all and one for each recent source.
#[derive(Clone, Debug)]
pub struct Limiter {
    all: Bucket,
    rate: Rate,
    sources: Sources,
}

impl Limiter {
    /// Both kinds of bucket start full.
    pub fn new(rate: Rate, source_rate: Rate) -> Self {
        Self { all: Bucket::full(rate, Now::default()), rate, sources: Sources::new(source_rate) }
    }

    /// Whether something may be sent because of `source`. The source's own bucket is asked first: who is over the own
    /// share takes nothing from all.
    pub fn allow(&mut self, source: Ipv4Addr, now: Now) -> bool {
        self.sources.allow(source, now) && self.all.take(self.rate, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: Rate = Rate { per_second: 10, burst: 3 };

    #[test]
    fn burst_then_rate() {
        let at = Now::from_millis;
        let mut bucket = Bucket::full(RATE, at(0));
        let taken = (0..10).filter(|_| bucket.take(RATE, at(0))).count();
        assert_eq!(taken, 3);
        assert!(!bucket.take(RATE, at(99)));
        assert!(bucket.take(RATE, at(100)));
        assert!(!bucket.take(RATE, at(100)));
        let taken = (0..10).filter(|_| bucket.take(RATE, at(1_000_000))).count();
        assert_eq!(taken, 3, "no more than the burst, however long it was quiet");
    }

    #[test]
    fn time_that_stands_or_goes_back_gives_nothing() {
        let mut bucket = Bucket::full(RATE, Now::from_millis(5000));
        while bucket.take(RATE, Now::from_millis(5000)) {}
        assert!(!bucket.take(RATE, Now::from_millis(0)));
        assert!(!bucket.take(RATE, Now::from_millis(5099)));
        assert!(bucket.take(RATE, Now::from_millis(5100)));
    }

    #[test]
    fn one_source_cannot_starve_another() {
        let mut limiter = Limiter::new(Rate { per_second: 100, burst: 100 }, RATE);
        let (hog, meek) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let hogged = (0..10_000).filter(|_| limiter.allow(hog, Now::from_millis(1))).count();
        assert_eq!(hogged, 3);
        assert!(limiter.allow(meek, Now::from_millis(1)));
    }

    #[test]
    fn forged_sources_are_held_by_the_bucket_for_all() {
        let mut limiter = Limiter::new(Rate { per_second: 100, burst: 50 }, RATE);
        let allowed = (1..100_000u32).filter(|n| limiter.allow((*n).into(), Now::from_millis(7))).count();
        assert_eq!(allowed, 50);
    }

    proptest! {
        /// Never more than burst + rate * time in any run.
        #[test]
        fn bound_holds(steps in proptest::collection::vec(0u64..300, 1..300), per_second in 0u32..2000, burst in 0u32..50) {
            let rate = Rate { per_second, burst };
            let mut bucket = Bucket::full(rate, Now::from_millis(0));
            let (mut now, mut taken) = (0, 0);
            for step in steps {
                now += step;
                taken += u64::from(bucket.take(rate, Now::from_millis(now)));
                prop_assert!(taken * 1000 <= u64::from(burst) * 1000 + now * u64::from(per_second));
            }
        }
    }
}
