//! What the emulator is at, and what comes next.

use super::super::client::Client;
use super::Runner;
use std::time::{Duration, Instant};

/// How long after the last packet was sent the rest, and the answers to the last requests, may still arrive: on a machine
/// that is busy elsewhere the hub may not run for seconds. When nothing is under way any more it is not waited for.
const DRAIN: Duration = Duration::from_secs(10);
/// How often it is looked whether all are registered.
const CENSUS: Duration = Duration::from_millis(20);

/// What the emulator is at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// Not all spokes are registered yet.
    Registering,
    /// All were; traffic runs, if there is any.
    Running { since: Instant },
    /// Nothing more is sent; what is under way may still arrive.
    Draining { since: Instant },
    /// The end.
    Done,
}

impl Runner {
    /// What comes after `phase`, at this moment.
    pub(super) fn advance(&mut self, phase: Phase, stopped: bool) -> Phase {
        let now = Instant::now();
        let limit = Duration::from_secs(self.args.duration);
        let over = |since: Instant| stopped || (!limit.is_zero() && now >= since + limit);
        let draining = Phase::Draining { since: now };
        match phase {
            Phase::Registering if stopped || (self.traffic.is_none() && over(self.start)) => draining,
            Phase::Registering if now >= self.next_census => {
                self.next_census = now + CENSUS;
                self.census();
                if self.registered() < self.totals.spokes {
                    return phase;
                }
                self.totals.all_registered = self.start.elapsed().as_secs_f64();
                self.all_registered();
                if self.args.until_registered { draining } else { Phase::Running { since: now } }
            }
            // Without traffic the time counts from the start.
            Phase::Running { .. } if self.traffic.is_none() && over(self.start) => draining,
            Phase::Running { since } if self.traffic.is_some() && over(since) => draining,
            Phase::Draining { since } if now < since + DRAIN && self.under_way() => phase,
            Phase::Draining { .. } => Phase::Done,
            other => other,
        }
    }

    /// Whether something that was sent may still come in: a numbered packet, or the answer to a request.
    fn under_way(&self) -> bool {
        let packets = self.traffic.as_ref().is_some_and(|traffic| traffic.counts().lost > 0);
        packets || self.clients.iter().any(Client::waiting)
    }
}
