//! A worker's clock: milliseconds from the time stamp counter, so that telling the time is no system call.

use forwarding::Now;

/// Turns time stamps into milliseconds by addition alone.
#[derive(Debug)]
pub struct Clock {
    cycles_per_ms: u64,
    /// Time stamp at which the next millisecond begins.
    next: u64,
    millis: u64,
}

impl Clock {
    /// A clock that shows `millis` at time stamp `tsc`.
    pub fn new(hz: u64, tsc: u64, millis: u64) -> Self {
        let cycles_per_ms = (hz / 1000).max(1);
        Self { cycles_per_ms, next: tsc.wrapping_add(cycles_per_ms), millis }
    }

    /// The time at time stamp `tsc`, which never lies before that of the last call.
    #[inline(always)]
    pub fn at(&mut self, tsc: u64) -> Now {
        // As signed difference: correct whatever the counter's value, and if another core's counter lags a little.
        let late = tsc.wrapping_sub(self.next) as i64;
        if late >= 0 {
            self.advance(late as u64);
        }
        Now::from_millis(self.millis)
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
