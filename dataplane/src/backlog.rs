//! NHRP packets that waited for a dataplane while there was none, or one with empty tables.
//!
//! A short outage loses none of them: they are sent as soon as the tables say which way. What waited longer was
//! answered or given up by its spoke long since, and is dropped.

/// How long packets may have waited, in milliseconds.
const KEEP_MS: u64 = 5_000;

/// What to do with packets of control's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Leave them in the ring: the tables do not know the way yet.
    Wait,
    /// Drop what waits, once.
    Discard,
    /// Send them.
    Pass,
}

/// Whether control's packets may be sent.
#[derive(Clone, Copy, Debug)]
pub enum Backlog {
    /// Since when packets may have waited, of the monotonic clock in milliseconds.
    Waiting(u64),
    /// None waits.
    Flows,
}

impl Backlog {
    /// `last_ms`: the last sign of life of the dataplane before this one; `None`: there was none, and nothing waits.
    pub fn new(last_ms: Option<u64>, now_ms: u64) -> Self {
        Self::Waiting(last_ms.unwrap_or(now_ms))
    }

    /// Asked before packets are taken; `complete`: the tables hold all that control wants in them.
    pub fn verdict(&mut self, complete: bool, now_ms: u64) -> Verdict {
        let Self::Waiting(since_ms) = *self else { return Verdict::Pass };
        if !complete {
            return Verdict::Wait;
        }
        *self = Self::Flows;
        if now_ms.saturating_sub(since_ms) > KEEP_MS { Verdict::Discard } else { Verdict::Pass }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_wait_for_the_tables_and_pass_after_a_short_outage() {
        let mut backlog = Backlog::new(Some(1_000), 2_500);
        assert_eq!(backlog.verdict(false, 2_500), Verdict::Wait);
        assert_eq!(backlog.verdict(false, 5_900), Verdict::Wait);
        assert_eq!(backlog.verdict(true, 6_000), Verdict::Pass);
        assert_eq!(backlog.verdict(true, 99_000), Verdict::Pass);
        assert_eq!(backlog.verdict(false, 99_000), Verdict::Pass, "a later resync stops nothing");
    }

    #[test]
    fn what_waited_for_long_is_dropped_once() {
        let mut backlog = Backlog::new(Some(1_000), 4_000_000);
        assert_eq!(backlog.verdict(false, 4_000_000), Verdict::Wait);
        assert_eq!(backlog.verdict(true, 4_000_100), Verdict::Discard);
        assert_eq!(backlog.verdict(true, 4_000_101), Verdict::Pass);
    }

    #[test]
    fn the_first_dataplane_has_no_backlog() {
        let mut backlog = Backlog::new(None, 4_000_000);
        assert_eq!(backlog.verdict(true, 4_000_000), Verdict::Pass);
    }
}
