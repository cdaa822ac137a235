//! The one clock both processes read: milliseconds of `CLOCK_MONOTONIC`.

/// Monotonic milliseconds since the machine started; comparable between processes of one machine.
pub fn now_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    seconds.unwrap_or(0).saturating_mul(1_000).saturating_add(nanoseconds.unwrap_or(0) / 1_000_000)
}

#[cfg(test)]
mod tests {
    #[test]
    fn never_goes_back() {
        let first = super::now_ms();
        assert!(first > 0);
        assert!(super::now_ms() >= first);
    }
}
