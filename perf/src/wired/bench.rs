//! One case: searches, trials at full load and at parts of what was found, each beside what the hub's worker had of its
//! core.

use super::hub::Reading;
use super::row::{Cost, Latency, Row, Throughput};
use super::search::{Found, Outcome, Plan, search};
use super::subject::Subject;
use super::{Args, Error};
use crate::probe::{Probe, Trial};
use crate::progress;
use crate::scenario::Size;
use std::time::Duration;

/// Parts of the offered frames that may be lost: none, and what MLRsearch looks for beside it.
pub const GOALS: [f64; 2] = [0.0, 0.005];
/// Latency is measured at these parts of the rate without loss, in percent.
const LOADS: [u32; 3] = [10, 50, 90];
/// Seconds of the shortest trials of a search, as a part of the longest.
const FIRST: f64 = 0.1;
/// Trials of latency at one rate, or at full load, while the machine disturbs them.
const CALM_TRIES: u32 = 4;
/// Trials at one rate of which most decide.
const TRIES: usize = 3;

/// A hub, or a peer of it, on a wire with a generator.
pub struct Bench<'a> {
    /// What was asked for.
    pub args: &'a Args,
    /// Under test.
    pub subject: &'a Subject,
    /// Our end.
    pub probe: Probe,
    /// Cycles of the counter in a second.
    pub tsc_hz: u64,
    /// What is being measured, for who watches.
    pub case: String,
}

impl Bench<'_> {
    /// Measures frames of a size.
    pub fn measure(&mut self, size: Size, row: &mut Row) -> Result<(), Error> {
        self.probe.resize(size);
        if !self.args.rate.is_empty() {
            for &rate in &self.args.rate {
                let latency = self.latency(rate, None)?;
                row.latency.push(latency);
            }
            return Ok(());
        }
        let plan = Plan {
            first: self.args.trial * FIRST,
            last: self.args.trial,
            width: self.args.width / 100.0,
            tries: TRIES,
        };
        let (mut found, mut trials, mut disturbed) = (Vec::<Vec<Found>>::new(), 0, 0);
        for run in 1..=self.args.runs {
            let all = search(&plan, &GOALS, |rate, seconds| {
                let (trial, cost) = self.trial(rate.map(|rate| rate as u64), seconds, run)?;
                let outcome = self.outcome(&trial, &cost);
                trials += 1;
                disturbed += u64::from(outcome.disturbed);
                Ok::<_, Error>(outcome)
            })?;
            found.push(all);
            let (trial, cost) = self.calmest(None, self.args.trial)?;
            row.full.push(Cost::of(&trial, &cost, self.tsc_hz));
        }
        (row.trials, row.disturbed) = (trials, disturbed);
        for (at, loss) in GOALS.into_iter().enumerate() {
            let of_goal = found.iter().filter_map(|run| run.get(at));
            row.throughput.push(Throughput::of(loss, size, of_goal));
        }
        let median = row.throughput.iter().map(|found| found.rate.median).find(|rate| *rate > 0.0);
        for percent in LOADS.into_iter().filter(|_| median.is_some()) {
            let rate = median.unwrap_or_default() * f64::from(percent) / 100.0;
            let latency = self.latency(rate as u64, Some(percent))?;
            row.latency.push(latency);
        }
        Ok(())
    }

    fn latency(&mut self, rate: u64, percent: Option<u32>) -> Result<Latency, Error> {
        let (trial, cost) = self.calmest(Some(rate.max(1)), self.args.latency)?;
        Ok(Latency::of(rate, percent, &trial, &cost, self.tsc_hz))
    }

    /// Of some trials the one that the machine disturbed least; the first if it did not at all.
    fn calmest(&mut self, rate: Option<u64>, seconds: f64) -> Result<(Trial, Reading), Error> {
        let mut best: Option<(f64, (Trial, Reading))> = None;
        for run in 1..=CALM_TRIES {
            let (trial, cost) = self.trial(rate, seconds, run)?;
            let disturbed = self.outcome(&trial, &cost).disturbed;
            let missing = trial.stalled + cost.cpu.waited as f64 / 1e9;
            if best.as_ref().is_none_or(|(least, _)| missing < *least) {
                best = Some((missing, (trial, cost)));
            }
            if !disturbed {
                break;
            }
        }
        best.map(|(_, calmest)| calmest).ok_or(Error::Histogram)
    }

    fn trial(&mut self, rate: Option<u64>, seconds: f64, run: u32) -> Result<(Trial, Reading), Error> {
        self.show(rate, seconds, run);
        let before = self.subject.read();
        let trial = self.probe.run(rate, Duration::from_secs_f64(seconds)).ok_or(Error::Histogram)?;
        let cost = self.subject.read().since(before);
        if trial.wrong > 0 || trial.received > trial.sent {
            let (wrong, received, sent) = (trial.wrong, trial.received, trial.sent);
            return Err(Error::Wrong { wrong, received, sent, drops: self.subject.drops() });
        }
        Ok((trial, cost))
    }

    fn outcome(&self, trial: &Trial, cost: &Reading) -> Outcome {
        let offered = trial.offered();
        // Longer than half a ring, and frames that are no fault of the hub's are lost.
        let room = f64::from(1_u32 << self.args.ring) / offered.max(1.0) / 2.0;
        let waited = cost.cpu.waited as f64 / 1e9;
        Outcome { offered, loss: trial.loss(), disturbed: waited > room || trial.stalled > room }
    }

    /// For who watches: where it is.
    fn show(&self, rate: Option<u64>, seconds: f64, run: u32) {
        let rate = rate.map_or_else(|| "all it can".into(), |rate| format!("{rate}/s"));
        let runs = self.args.runs;
        let case = &self.case;
        progress::show(
            self.args.quiet,
            format_args!("{case}: run {run} of {runs}, {seconds:.2} s at {rate}"),
        );
    }
}
