//! Figures as a table or as JSON.

use super::measure::Outcome;
use super::{Args, Buffers};
use crate::crypto::{Named, RawCost};
use crate::machine::Machine;
use crate::scenario::Size;
use forwarding::{SA_OCTETS, STAGES};
use serde::Serialize;
use std::collections::BTreeMap;

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
    /// With ESP: octets of an SA's inbound and outbound half in a worker's memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    sa_octets: Option<[usize; 2]>,
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
    /// Cycles per packet of each stage, lowest repetition, measured apart and with the cost of the clock readings.
    stages: BTreeMap<&'static str, f64>,
    /// With ESP: cycles of the engine alone, with one SA, to open and seal a packet of that size; lowest repetition.
    #[serde(skip_serializing_if = "Option::is_none")]
    engine_min: Option<f64>,
    /// With ESP: what share of the engine's rate the whole path reaches, from the lowest of both.
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
}

impl Row {
    /// From the repetitions, of which there is at least one.
    pub fn new(
        spokes: u32,
        size: Size,
        whole: &[Outcome],
        staged: &[Outcome],
        alone: &[RawCost],
        tsc_hz: u64,
    ) -> Self {
        let cost = |cycles: u64, outcome: &Outcome| cycles as f64 / outcome.packets.max(1) as f64;
        let mut costs: Vec<f64> = whole.iter().map(|outcome| cost(outcome.cycles, outcome)).collect();
        costs.sort_by(f64::total_cmp);
        let of = |at: usize| costs.get(at).copied().unwrap_or(f64::NAN);
        let (cycles_min, cycles_median) = (of(0), of(costs.len() / 2));
        let stage = |at: usize| {
            staged
                .iter()
                .filter_map(|outcome| Some(cost(*outcome.stages.get(at)?, outcome)))
                .fold(f64::NAN, f64::min)
        };
        let stages = STAGES.iter().enumerate().map(|(at, name)| (*name, stage(at))).collect();
        let engine_min = alone.iter().map(|cost| cost.seal + cost.open).reduce(f64::min);
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
            stages,
            engine_min,
            share: engine_min.map(|engine| engine / cycles_min),
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
            sa_octets: None,
            rows: Vec::new(),
        }
    }

    /// ESP is on both sides.
    pub fn protect(&mut self, transform: Named, engine: &str) {
        self.case = format!("{}, ESP {transform} in transport mode by {engine}", self.case);
        self.sa_octets = Some(SA_OCTETS);
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
        if let Some([inbound, outbound]) = self.sa_octets {
            println!(
                "an SA is {inbound} octets inbound and {outbound} outbound; engine: alone, with one SA, in turn\n"
            );
        }
        let protected = self.sa_octets.is_some();
        print!("spokes   size  cycles/packet      ns/packet        Mpps   Gbit/s   by stage (lowest):");
        let names = STAGES.map(|name| format!(" {name:>6}")).concat();
        println!("{names}{}", if protected { "  engine   share" } else { "" });
        println!("                 min  median     min  median    (median) (inner)");
        for row in &self.rows {
            let Row { spokes, size, cycles_min, cycles_median, ns_min, ns_median, mpps, gbit_s, .. } = row;
            print!("{spokes:>6} {size:>6} {cycles_min:>7.1} {cycles_median:>7.1}");
            print!(" {ns_min:>7.1} {ns_median:>7.1} {mpps:>10.2} {gbit_s:>8.2} {:>20}", "");
            let stages = STAGES.iter().filter_map(|name| row.stages.get(name));
            print!("{}", stages.map(|cycles| format!(" {cycles:>6.1}")).collect::<String>());
            if let (Some(engine), Some(share)) = (row.engine_min, row.share) {
                print!(" {engine:>7.1} {:>5.1} %", share * 100.0);
            }
            println!();
        }
    }
}
