//! The time of a poll.

/// Monotonic time, read once per poll by the worker and passed down: milliseconds for what lasts, microseconds for what is
/// paced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    millis: u64,
    /// Whole microseconds since that millisecond began, below 1,000.
    rest: u16,
}

impl Now {
    /// From milliseconds since any fixed instant before the worker started.
    #[inline]
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis, rest: 0 }
    }
    /// The same and `micros` microseconds, of which 999 count at most.
    #[inline]
    pub const fn and_micros(self, micros: u16) -> Self {
        Self { millis: self.millis, rest: if micros < 1_000 { micros } else { 999 } }
    }
    /// Milliseconds since that instant.
    #[inline]
    pub const fn millis(self) -> u64 {
        self.millis
    }
    /// Microseconds since that instant.
    #[inline]
    pub const fn micros(self) -> u64 {
        self.millis * 1_000 + self.rest as u64
    }
}
