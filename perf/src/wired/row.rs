//! Figures of one case.

use super::hub::Reading;
use super::link::Link;
use super::search::Found;
use crate::probe::Trial;
use crate::scenario::Size;
use crate::spread::Spread;
use serde::Serialize;
use std::io::IsTerminal;

/// What passes with no more than a certain loss.
#[derive(Clone, Debug, Serialize)]
pub struct Throughput {
    /// Greatest loss, as a part of what was offered.
    pub loss: f64,
    /// Frames a second that each run found.
    pub runs: Vec<f64>,
    /// The same in short.
    pub rate: Spread,
    /// Mbit/s of inner IP packets at the median.
    pub mbps: f64,
    /// In some run the generator, not the hub, was the limit.
    pub generator_bound: bool,
}

impl Throughput {
    /// Of all runs.
    pub fn of<'f>(loss: f64, size: Size, found: impl Iterator<Item = &'f Found> + Clone) -> Self {
        let runs: Vec<f64> = found.clone().map(|found| found.rate.round()).collect();
        let rate = Spread::of(runs.iter().copied());
        let mbps = rate.median * size.mean() * 8.0 / 1e6;
        Self { loss, runs, rate, mbps, generator_bound: found.clone().any(|found| found.generator_bound) }
    }

    /// With more runs.
    fn add(&mut self, more: Self) {
        let octets = self.mbps / self.rate.median;
        self.runs.extend(more.runs);
        self.rate = Spread::of(self.runs.iter().copied());
        self.mbps = self.rate.median * octets;
        self.generator_bound |= more.generator_bound;
    }
}

/// What a trial cost the hub's worker.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cost {
    /// Frames a second that were offered.
    pub offered: f64,
    /// Frames a second that came back.
    pub forwarded: f64,
    /// Cycles for a packet of polls that found some, whoever had the core meanwhile; `None`: it does not tell.
    pub cycles: Option<f64>,
    /// The worker's CPU time for a packet that came back, idle polls among it, in nanoseconds.
    pub cpu_ns: f64,
    /// The same in cycles of the time-stamp counter.
    pub cpu_cycles: f64,
    /// Part of the trial that the worker waited for its core.
    pub waited: f64,
    /// Frames that the wire had no room for.
    pub refused: u64,
    /// Packets that the hub dropped; `None`: it does not tell.
    pub dropped: Option<u64>,
}

impl Cost {
    /// Of a trial.
    pub fn of(trial: &Trial, hub: &Reading, tsc_hz: u64) -> Self {
        let cpu_ns = hub.cpu.ran as f64 / (trial.received as f64).max(1.0);
        Self {
            offered: trial.offered().round(),
            forwarded: trial.forwarded().round(),
            cycles: hub.work.map(|work| work.busy as f64 / (work.packets as f64).max(1.0)),
            cpu_ns,
            cpu_cycles: cpu_ns * tsc_hz as f64 / 1e9,
            waited: hub.cpu.waited as f64 / 1e9 / (trial.seconds + trial.stalled),
            refused: trial.refused,
            dropped: hub.work.map(|work| work.dropped),
        }
    }
}

/// Time from the generator to the sink, at a rate. RFC 8219 7.2 calls the median typical latency and the 99.9th
/// percentile worst-case latency; the difference of that and the least is the packet delay variation of 7.3.1.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// Of the rate without loss, in percent; `None`: the rate was given.
    pub percent: Option<u32>,
    /// Frames a second that were asked for.
    pub rate: u64,
    /// Frames the wire took.
    pub sent: u64,
    /// Frames that came back.
    pub received: u64,
    /// Offered frames that did not.
    pub lost: u64,
    /// Least, in microseconds.
    pub min_us: f64,
    /// Median.
    pub p50_us: f64,
    /// 90th percentile.
    pub p90_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// 99.9th percentile.
    pub p999_us: f64,
    /// 99.99th percentile.
    pub p9999_us: f64,
    /// Greatest.
    pub max_us: f64,
    /// Packet delay variation.
    pub pdv_us: f64,
    /// What it cost the hub.
    pub cost: Cost,
}

impl Latency {
    /// Of a trial.
    pub fn of(rate: u64, percent: Option<u32>, trial: &Trial, hub: &Reading, tsc_hz: u64) -> Self {
        let us = |cycles: u64| cycles as f64 * 1e6 / tsc_hz as f64;
        let at = |quantile| us(trial.latency.value_at_quantile(quantile));
        let min_us = us(trial.latency.min());
        Self {
            percent,
            rate,
            sent: trial.sent,
            received: trial.received,
            lost: trial.lost(),
            min_us,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            p9999_us: at(0.9999),
            max_us: us(trial.latency.max()),
            pdv_us: at(0.999) - min_us,
            cost: Cost::of(trial, hub, tsc_hz),
        }
    }
}

/// One case.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The wire.
    pub link: Link,
    /// Registered spokes, among which frames go at random.
    pub spokes: u32,
    /// Octets of the inner IP packet, or `imix`.
    pub size: String,
    /// By goal.
    pub throughput: Vec<Throughput>,
    /// Trials with as much as the generator can, one a run.
    pub full: Vec<Cost>,
    /// By load.
    pub latency: Vec<Latency>,
    /// Trials of all searches.
    pub trials: u64,
    /// Of them, those in which the machine took a core away for longer than a ring holds.
    pub disturbed: u64,
    /// Cycles of a cache line from the generator's core to the other's and back, before and after each run.
    pub distance: Vec<u64>,
}

impl Row {
    /// Of nothing yet.
    pub fn new(link: Link, spokes: u32, size: Size) -> Self {
        let (throughput, full, latency, distance) = Default::default();
        let (size, trials, disturbed) = (size.to_string(), 0, 0);
        Self { link, spokes, size, throughput, full, latency, trials, disturbed, distance }
    }

    /// Adds another run of the same case.
    pub fn add(&mut self, more: Self) {
        self.throughput.iter_mut().zip(more.throughput).for_each(|(known, more)| known.add(more));
        self.full.extend(more.full);
        self.latency.extend(more.latency);
        self.trials += more.trials;
        self.disturbed += more.disturbed;
        self.distance.extend(more.distance);
    }

    /// Least cycles for a packet at full load, of polls that found some, if that is told.
    pub fn cycles(&self) -> Option<f64> {
        self.full.iter().filter_map(|cost| cost.cycles).min_by(f64::total_cmp)
    }

    /// Least cycles of CPU time for a packet at full load, idle polls among it.
    pub fn cpu_cycles(&self) -> f64 {
        Spread::of(self.full.iter().map(|cost| cost.cpu_cycles)).min
    }

    /// A line for who watches, now that the case is measured.
    pub fn announce(&self, quiet: bool) {
        if quiet {
            return;
        }
        let Self { link, spokes, size, .. } = self;
        let found = self.throughput.iter().map(|found| format!("{:.0}/s", found.rate.median));
        let latency = self.latency.iter().map(|latency| format!("{:.1}", latency.p50_us));
        let [found, latency] = [found.collect::<Vec<_>>(), latency.collect()].map(|all| all.join(", "));
        let clear = if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
        eprintln!(
            "{clear}{} {spokes} spokes, size {size}: {found}; median latency {latency} us",
            link.name()
        );
    }
}
