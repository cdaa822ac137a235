//! Figures as a table or as JSON.

use super::measure::Outcome;
use super::{Args, Buffers};
use crate::machine::Machine;
use crate::scenario::Size;
use serde::Serialize;

/// Everything that is printed.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where and how.
    pub machine: Machine,
    /// Core it ran on; `None`: the system did not pin the thread.
    core: Option<usize>,
    /// What was measured.
    case: String,
    repetitions: u16,
    rows: Vec<Row>,
}

/// One number of spokes and one size.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    spokes: u32,
    size: String,
    /// Octets of the mean inner packet.
    octets: f64,
    /// Cycles per packet, lowest repetition.
    cycles_min: f64,
    /// Cycles per packet, median repetition.
    cycles_median: f64,
    /// Nanoseconds per packet, lowest repetition.
    ns_min: f64,
    /// Nanoseconds per packet, median repetition.
    ns_median: f64,
    /// Million packets per second and core, from the median.
    mpps: f64,
    /// Gbit/s of inner IP packets per core, from the median.
    gbit_s: f64,
    /// Cycles per packet of each stage in the lowest repetition, by its index; empty: the forwarder does not tell.
    stages: Vec<f64>,
}

impl Row {
    /// From the repetitions, of which there is at least one.
    pub fn new(spokes: u32, size: Size, outcomes: &[Outcome], tsc_hz: u64) -> Self {
        let cost = |cycles: u64, outcome: &Outcome| cycles as f64 / outcome.packets.max(1) as f64;
        let mut sorted: Vec<&Outcome> = outcomes.iter().collect();
        sorted.sort_by(|a, b| cost(a.cycles, a).total_cmp(&cost(b.cycles, b)));
        let of = |at: usize| sorted.get(at).map_or(0.0, |outcome| cost(outcome.cycles, outcome));
        let (cycles_min, cycles_median) = (of(0), of(sorted.len() / 2));
        let stages: Vec<f64> = sorted
            .first()
            .map(|outcome| outcome.stages.iter().map(|stage| cost(*stage, outcome)).collect())
            .unwrap_or_default();
        let used = stages.iter().rposition(|stage| *stage > 0.0).map_or(0, |last| last + 1);
        let ns = |cycles: f64| cycles * 1e9 / tsc_hz as f64;
        let mpps = 1e3 / ns(cycles_median);
        Self {
            spokes,
            size: size.to_string(),
            octets: size.mean(),
            cycles_min,
            cycles_median,
            ns_min: ns(cycles_min),
            ns_median: ns(cycles_median),
            mpps,
            gbit_s: mpps * size.mean() * 8.0 / 1e3,
            stages: stages.into_iter().take(used).collect(),
        }
    }
}

impl Report {
    /// Without rows yet.
    pub fn new(machine: Machine, pinned: bool, args: &Args) -> Self {
        let buffers = match args.buffers {
            Buffers::Memory => "plain memory",
            Buffers::Mbuf => "DPDK mbufs, no hugepages",
            Buffers::Huge => "DPDK mbufs, hugepages",
        };
        let key = if args.key.is_some() { "keyed" } else { "no key" };
        let redirect = if args.redirect { ", redirect (Phase 3)" } else { "" };
        let burst = args.burst;
        Self {
            machine,
            core: pinned.then_some(args.core),
            case: format!("mGRE hairpin spoke-hub-spoke, {key}{redirect}, bursts of {burst}, {buffers}"),
            repetitions: args.repetitions - 1,
            rows: Vec::new(),
        }
    }

    /// One more row.
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Prints on standard output.
    pub fn print(&self, json: bool) {
        if json {
            println!("{}", serde_json::to_string_pretty(self).unwrap_or_default());
            return;
        }
        println!("{}", self.machine);
        let core = self.core.map_or("no core (not pinned)".into(), |core| format!("core {core}"));
        println!("{}; {} repetitions on {core}; packet generator excluded\n", self.case, self.repetitions);
        println!("spokes   size  cycles/packet      ns/packet        Mpps   Gbit/s");
        println!("                 min  median     min  median    (median) (inner)");
        for row in &self.rows {
            let Row { spokes, size, cycles_min, cycles_median, ns_min, ns_median, mpps, gbit_s, .. } = row;
            print!("{spokes:>6} {size:>6} {cycles_min:>7.1} {cycles_median:>7.1}");
            println!(" {ns_min:>7.1} {ns_median:>7.1} {mpps:>10.2} {gbit_s:>8.2}");
            if !row.stages.is_empty() {
                let stages: Vec<String> = row.stages.iter().map(|stage| format!("{stage:.1}")).collect();
                println!("        by stage: {}", stages.join(" "));
            }
        }
    }
}
