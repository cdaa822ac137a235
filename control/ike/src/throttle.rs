//! How often authentication may fail from one address before its next attempts have to wait.
//!
//! Each failure has cost us a key exchange, and is a guess at a key. An address may be a thousand spokes behind one NAT
//! of which one has the wrong key, so nobody is locked out: what is left over is made up for by the second, and
//! meanwhile whoever is first gets in. IKE SAs that are up notice nothing.

use seeded::Seeded;
use std::collections::HashMap;
use std::net::Ipv4Addr;

/// So many authentications may fail in a row.
const BURST: u64 = 100;
/// And so many a second in the long run.
const PER_SECOND: u64 = 5;
/// Addresses that are remembered. Of more than these, those are forgotten that have most left.
const MAX_SOURCES: usize = 4096;
/// Of a full table so many are looked at to find one that may be forgotten.
const SAMPLES: usize = 16;
/// One failure, in what buckets count.
const COST: u64 = 1000;

/// The buckets of addresses from which authentication failed.
pub(crate) struct Throttle {
    buckets: HashMap<Ipv4Addr, Bucket, Seeded>,
}

#[derive(Clone, Copy)]
struct Bucket {
    /// In thousandths of a failure.
    left: u64,
    at_ms: u64,
}

impl Bucket {
    fn left(&self, now_ms: u64) -> u64 {
        let since = now_ms.saturating_sub(self.at_ms);
        self.left.saturating_add(since.saturating_mul(PER_SECOND * COST / 1000)).min(BURST * COST)
    }
}

impl Throttle {
    pub(crate) fn new(hash: Seeded) -> Self {
        Self { buckets: HashMap::with_hasher(hash) }
    }

    /// Whether a new attempt from `source` is heard.
    pub(crate) fn admits(&self, now_ms: u64, source: Ipv4Addr) -> bool {
        self.buckets.get(&source).is_none_or(|bucket| bucket.left(now_ms) >= COST)
    }

    /// Authentication failed; `true`: another address was forgotten for this one.
    pub(crate) fn failed(&mut self, now_ms: u64, source: Ipv4Addr) -> bool {
        let known = self.buckets.contains_key(&source);
        let full = !known && self.buckets.len() >= MAX_SOURCES;
        if full {
            let some = self.buckets.iter().take(SAMPLES);
            let most = some.max_by_key(|(_, bucket)| bucket.left(now_ms)).map(|(source, _)| *source);
            most.into_iter().for_each(|source| {
                self.buckets.remove(&source);
            });
        }
        let bucket = self.buckets.entry(source).or_insert(Bucket { left: BURST * COST, at_ms: now_ms });
        *bucket = Bucket { left: bucket.left(now_ms).saturating_sub(COST), at_ms: now_ms };
        full
    }

    /// Forgets who has nothing to make up for.
    pub(crate) fn sweep(&mut self, now_ms: u64) {
        self.buckets.retain(|_, bucket| bucket.left(now_ms) < BURST * COST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(0xc633_0000 + n)
    }

    #[test]
    fn a_burst_and_then_so_many_a_second() {
        let mut throttle = Throttle::new(Seeded(1));
        for n in 0..BURST {
            assert!(throttle.admits(1_000, address(1)), "{n}");
            throttle.failed(1_000, address(1));
        }
        assert!(!throttle.admits(1_000, address(1)) && throttle.admits(1_000, address(2)));
        // In ten seconds, at one attempt each millisecond, so many more.
        let mut more = 0;
        for now in 1_000..11_000 {
            if throttle.admits(now, address(1)) {
                throttle.failed(now, address(1));
                more += 1;
            }
        }
        assert!((10 * PER_SECOND - 1..=10 * PER_SECOND).contains(&more), "{more}");
        throttle.sweep(12_000);
        assert!(!throttle.buckets.is_empty());
        throttle.sweep(11_000 + BURST * 1000 / PER_SECOND);
        assert!(throttle.buckets.is_empty());
    }

    #[test]
    fn the_table_is_bounded_and_who_fails_most_stays() {
        let mut throttle = Throttle::new(Seeded(1));
        (0..BURST).for_each(|_| {
            throttle.failed(0, address(0));
        });
        let mut forgotten = 0;
        for n in 1..20_000 {
            forgotten += u32::from(throttle.failed(0, address(n)));
        }
        assert_eq!((throttle.buckets.len(), forgotten), (MAX_SOURCES, 20_000 - MAX_SOURCES as u32));
        assert!(!throttle.admits(0, address(0)));
    }
}
