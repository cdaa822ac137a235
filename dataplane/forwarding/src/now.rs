//! The time of a poll.

/// Monotonic milliseconds, read once per poll by the worker and passed down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now(u64);

impl Now {
    /// From milliseconds since any fixed instant before the worker started.
    #[inline]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }
    /// Milliseconds since that instant.
    #[inline]
    pub const fn millis(self) -> u64 {
        self.0
    }
}
