//! A worker's clock: milliseconds and microseconds from the time stamp counter, so that telling the time is no system call.

use forwarding::Now;

/// Turns time stamps into time without a division.
#[derive(Debug)]
pub struct Clock {
    cycles_per_ms: u64,
    /// Time stamp at which the next millisecond begins.
    next: u64,
    millis: u64,
    /// Microseconds per cycle, in parts of 2^32.
    micros_per_cycle: u64,
}

impl Clock {
    /// A clock that shows `millis` at time stamp `tsc`.
    pub fn new(hz: u64, tsc: u64, millis: u64) -> Self {
        let cycles_per_ms = (hz / 1000).max(1);
        let micros_per_cycle = (1_000 << 32) / cycles_per_ms;
        Self { cycles_per_ms, next: tsc.wrapping_add(cycles_per_ms), millis, micros_per_cycle }
    }

    /// The time at time stamp `tsc`, which never lies before that of the last call.
    #[inline(always)]
    pub fn at(&mut self, tsc: u64) -> Now {
        // As signed difference: correct whatever the counter's value, and if another core's counter lags a little.
        let late = tsc.wrapping_sub(self.next) as i64;
        if late >= 0 {
            self.advance(late as u64);
        }
        // A counter that lags shows the millisecond's beginning.
        let cycles = tsc.wrapping_add(self.cycles_per_ms).wrapping_sub(self.next);
        let cycles = if cycles < self.cycles_per_ms { cycles } else { 0 };
        Now::from_millis(self.millis).and_micros(((cycles * self.micros_per_cycle) >> 32) as u16)
    }

    #[cold]
    fn advance(&mut self, late: u64) {
        let passed = late / self.cycles_per_ms + 1;
        self.millis += passed;
        self.next = self.next.wrapping_add(passed * self.cycles_per_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_run_within_the_millisecond() {
        let mut clock = Clock::new(2_500_000_000, 0, 7);
        let mut at = |cycles: u64| clock.at(cycles).micros();
        assert_eq!((at(0), at(2_500), at(1_250_000), at(2_499_999)), (7_000, 7_000, 7_499, 7_999));
        assert_eq!((at(2_500_000), at(2_505_000), at(2_400_000)), (8_000, 8_001, 8_000));
    }

    #[test]
    fn counts_milliseconds_and_never_goes_back() {
        let start = u64::MAX - 2500;
        let mut clock = Clock::new(1_000_000, start, 50);
        let mut at = |offset: u64| clock.at(start.wrapping_add(offset)).millis();
        assert_eq!((at(0), at(999), at(1000), at(1999)), (50, 50, 51, 51));
        assert_eq!(at(2000), 52);
        assert_eq!(at(1500), 52, "a lagging counter");
        assert_eq!(at(3_600_000_500), 3_600_050, "past the wrap and a long pause");
    }
}
