//! Times as IOS prints them: `00:02:19`, `6d12h`, `3w5d`, `1y12w`, `never`.

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;
/// IOS counts years of 52 weeks and a day.
const YEAR: u64 = 365 * DAY;

/// A duration in seconds.
pub fn uptime(seconds: u64) -> String {
    match seconds {
        0..DAY => format!("{:02}:{:02}:{:02}", seconds / HOUR, seconds % HOUR / MINUTE, seconds % MINUTE),
        DAY..WEEK => format!("{}d{:02}h", seconds / DAY, seconds % DAY / HOUR),
        WEEK..YEAR => format!("{}w{}d", seconds / WEEK, seconds % WEEK / DAY),
        _ => format!("{}y{}w", seconds / YEAR, seconds % YEAR / WEEK),
    }
}

/// The same of something that may never have happened.
pub fn since(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "never".into(), uptime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range() {
        for (seconds, text) in [
            (0, "00:00:00"),
            (139, "00:02:19"),
            (DAY - 1, "23:59:59"),
            (DAY, "1d00h"),
            (6 * DAY + 12 * HOUR, "6d12h"),
            (WEEK - 1, "6d23h"),
            (WEEK, "1w0d"),
            (3 * WEEK + 5 * DAY, "3w5d"),
            (48 * WEEK, "48w0d"),
            (YEAR - 1, "52w0d"),
            (YEAR, "1y0w"),
            (3 * YEAR + 5 * WEEK, "3y5w"),
        ] {
            assert_eq!(uptime(seconds), text);
            assert!(text.len() <= 8);
        }
        assert_eq!(since(None), "never");
        assert!(!uptime(u64::MAX).is_empty());
    }
}
