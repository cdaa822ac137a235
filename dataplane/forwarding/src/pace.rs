//! Pacing: so many in a second, evenly, to the microsecond.

use crate::limiter::Rate;
use crate::now::Now;

/// Parts of a token: with whole microseconds a bucket fills exactly.
const PARTS: u64 = 1_000_000;

/// A token bucket for what is sent evenly. It starts empty, so that the first packets do not burst out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    rate: Rate,
    parts: u64,
    filled: u64,
}

impl Pace {
    /// `rate.burst`: what may leave at once after a pause, or when the worker comes late.
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, parts: 0, filled: 0 }
    }

    /// Tokens at this time.
    pub(crate) fn available(&mut self, now: Now) -> u32 {
        let passed = now.micros().saturating_sub(self.filled);
        let gained = passed.saturating_mul(self.rate.per_second.into());
        self.parts = self.parts.saturating_add(gained).min(u64::from(self.rate.burst) * PARTS);
        self.filled = self.filled.max(now.micros());
        (self.parts / PARTS) as u32
    }

    /// Takes tokens that were [`Self::available`].
    pub(crate) fn take(&mut self, tokens: u32) {
        self.parts = self.parts.saturating_sub(u64::from(tokens) * PARTS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_evenly_and_makes_up_for_a_short_delay_only() {
        let at = |micros: u64| Now::from_millis(micros / 1_000).and_micros((micros % 1_000) as u16);
        let mut pace = Pace::new(Rate { per_second: 100_000, burst: 64 });
        pace.available(at(5_000_000));
        pace.take(64);
        let mut sent = 0;
        for micros in 5_000_000..5_100_000 {
            let tokens = pace.available(at(micros));
            assert!(tokens <= 1, "{tokens} at {micros}");
            pace.take(tokens);
            sent += tokens;
        }
        assert_eq!(sent, 9_999);
        assert_eq!(pace.available(at(5_100_300)), 31, "what a late turn owes");
        assert_eq!(pace.available(at(6_000_000)), 64, "no more than the burst after a pause");
        assert_eq!(pace.available(at(5_500_000)), 64, "time that goes back gives nothing");
    }
}
