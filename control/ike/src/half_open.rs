//! Half-open IKE SAs: how many, whose, and who has to go when there are too many.
//!
//! Whoever spoofs addresses gets no further than the cookie. Whoever has addresses of its own is held to a share, which
//! is wide enough for a thousand spokes behind one NAT that all come back after a power failure. Nobody who returned a
//! cookie is refused for what others at its address do until the table itself is full; then those go first who
//! returned none, and then the oldest of whoever has most.

use crate::cx::Cx;
use seeded::Seeded;
use std::collections::HashMap;
use std::net::Ipv4Addr;

/// An address with so many half-open IKE SAs has to return a cookie for the next.
const COOKIE_PER_SOURCE: u32 = 16;
/// Of a full table so many are looked at to find one that may go.
const SAMPLES: usize = 16;

/// The table.
pub(crate) struct HalfOpen {
    entries: Vec<Entry>,
    sources: HashMap<Ipv4Addr, u32, Seeded>,
    max: usize,
    /// The most there have been.
    pub(crate) peak: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    spi: u64,
    source: Ipv4Addr,
    proven: bool,
}

impl HalfOpen {
    pub(crate) fn new(max: usize, hash: Seeded) -> Self {
        Self { entries: Vec::new(), sources: HashMap::with_hasher(hash), max: max.max(1), peak: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Our SPIs of all.
    pub(crate) fn spis(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().map(|entry| entry.spi)
    }

    pub(crate) fn of(&self, source: Ipv4Addr) -> u32 {
        self.sources.get(&source).copied().unwrap_or(0)
    }

    /// Whether an initiator at `source` has to return a cookie first.
    pub(crate) fn demands_cookie(&self, source: Ipv4Addr, threshold: usize) -> bool {
        self.len() >= threshold || self.of(source) >= COOKIE_PER_SOURCE
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.max
    }

    /// The SPI of one that makes room for a newcomer from `source`; `None`: none has less right to be there.
    pub(crate) fn victim(&self, cx: &mut Cx<'_>, source: Ipv4Addr, proven: bool) -> Option<u64> {
        let share = self.of(source) + 1;
        let samples = (0..SAMPLES).filter_map(|_| {
            let at = usize::try_from(cx.below(self.entries.len() as u64)).ok()?;
            self.entries.get(at)
        });
        let rank = |entry: &&Entry| (!entry.proven, self.of(entry.source));
        let worst = samples.max_by_key(rank)?;
        let worse = (proven && !worst.proven) || (proven == worst.proven && self.of(worst.source) > share);
        worse.then_some(worst.spi)
    }

    /// Adds one; returns its place.
    pub(crate) fn add(&mut self, spi: u64, source: Ipv4Addr, proven: bool) -> usize {
        *self.sources.entry(source).or_default() += 1;
        self.entries.push(Entry { spi, source, proven });
        self.peak = self.peak.max(self.entries.len());
        self.entries.len() - 1
    }

    /// Removes the one at `place`; returns the SPI of that which has its place now.
    pub(crate) fn remove(&mut self, place: usize) -> Option<u64> {
        if place >= self.entries.len() {
            return None;
        }
        let gone = self.entries.swap_remove(place);
        if let Some(count) = self.sources.get_mut(&gone.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.sources.remove(&gone.source);
            }
        }
        self.entries.get(place).map(|entry| entry.spi)
    }
}
