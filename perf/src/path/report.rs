//! Figures as a table or as JSON.

use super::engines::Cost;
use super::measure::Outcome;
use super::memory::Memory;
use super::protection::Protection;
use super::scaling::Scaling;
use super::{Args, Buffers};
use crate::machine::Machine;
use crate::scenario::Size;
use crate::spread::Spread;
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
    pub case: String,
    repetitions: u16,
    /// Octets of an SA's inbound and outbound half in a worker's memory.
    sa_octets: [usize; 2],
    /// Of all spokes, in the data plane.
    pub memory: Option<Memory>,
    /// The path.
    pub rows: Vec<Row>,
    /// Engines alone.
    pub engines: Vec<Cost>,
    /// More workers than one.
    pub scaling: Vec<Scaling>,
}

/// One kind of protection, one number of spokes and one size.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// `clear`, or the transform.
    pub esp: String,
    /// Registered.
    pub spokes: u32,
    /// Of the inner packet.
    pub size: String,
    /// Octets of the mean inner packet.
    octets: f64,
    /// Cycles per packet, lowest repetition.
    pub cycles_min: f64,
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
    /// With ESP: cycles of the engine alone, with one SA pair, to open and seal a packet of that size; lowest repetition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine_min: Option<f64>,
    /// With ESP: what share of the engine's rate the whole path reaches, from the lowest of both.
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
    /// With ESP: the same of the engine with as many SA pairs as the path has.
    #[serde(skip_serializing_if = "Option::is_none")]
    share_same_sas: Option<f64>,
}

impl Row {
    /// From the repetitions, of which there is at least one.
    pub fn new(
        (protection, spokes, size): (Protection, u32, Size),
        whole: &[Outcome],
        staged: &[Outcome],
        tsc_hz: u64,
    ) -> Self {
        let cost = |cycles: u64, outcome: &Outcome| cycles as f64 / outcome.packets.max(1) as f64;
        let cycles = Spread::of(whole.iter().map(|outcome| cost(outcome.cycles, outcome)));
        let stage = |at: usize| {
            let of = |outcome: &Outcome| Some(cost(*outcome.stages.get(at)?, outcome));
            Spread::of(staged.iter().filter_map(of)).min
        };
        let stages = STAGES.iter().enumerate().map(|(at, name)| (*name, stage(at))).collect();
        let ns = |cycles: f64| cycles * 1e9 / tsc_hz as f64;
        let mpps = 1e3 / ns(cycles.median);
        Self {
            esp: protection.to_string(),
            spokes,
            size: size.to_string(),
            octets: size.mean(),
            cycles_min: cycles.min,
            cycles_median: cycles.median,
            ns_min: ns(cycles.min),
            ns_median: ns(cycles.median),
            mpps,
            gbit_s: mpps * size.mean() * 8.0 / 1e3,
            stages,
            engine_min: None,
            share: None,
            share_same_sas: None,
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
            repetitions: args.repetitions,
            sa_octets: SA_OCTETS,
            memory: None,
            rows: Vec::new(),
            engines: Vec::new(),
            scaling: Vec::new(),
        }
    }

    /// One more row, with what engines cost meanwhile.
    pub fn add(&mut self, mut row: Row, engines: Vec<Cost>) {
        let used = |sas: u32| engines.iter().find(|cost| cost.used && cost.sas == sas);
        row.engine_min = used(1).map(|cost| cost.cycles_min);
        row.share = row.engine_min.map(|engine| engine / row.cycles_min);
        row.share_same_sas = used(row.spokes).map(|cost| cost.cycles_min / row.cycles_min);
        self.rows.push(row);
        self.engines.extend(engines);
    }

    /// All figures for programs.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let core = self.core.map_or("no core (not pinned)".into(), |core| format!("core {core}"));
        let [inbound, outbound] = self.sa_octets;
        writeln!(f, "{}", self.machine)?;
        writeln!(f, "{}; {} repetitions on {core}; packet generator excluded", self.case, self.repetitions)?;
        writeln!(f, "ESP in transport mode; an SA is {inbound} octets inbound and {outbound} outbound")?;
        if let Some(Memory { esp, with_one, spokes, with_all, per_spoke }) = &self.memory {
            let [one, all] = [with_one, with_all].map(|octets| *octets as f64 / f64::from(1 << 20));
            writeln!(
                f,
                "Memory of the hub, {esp}: {one:.0} MiB with one spoke, {all:.0} MiB with {spokes}: {per_spoke:.0} octets each"
            )?;
        }
        writeln!(f)?;
        let names = STAGES.map(|name| format!(" {name:>6}")).concat();
        writeln!(
            f,
            "{:27} cycles/packet     ns/packet     Mpps   Gbit/s  by stage (lowest):{names}  engine   share",
            "esp           spokes   size"
        )?;
        writeln!(f, "{:27}     min  median    min  median (median)  (inner)", "")?;
        self.rows.iter().try_for_each(|row| path(f, row))?;
        self.engines_alone(f)?;
        if self.scaling.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\nWorkers beside each other: cycles per packet of one while the others rest, and of each together"
        )?;
        writeln!(
            f,
            "esp           spokes   size  workers  alone: min  median  together: min  median  times as much"
        )?;
        self.scaling.iter().try_for_each(|row| {
            let Scaling { esp, spokes, size, workers, alone, together, times } = row;
            write!(
                f,
                "{esp:<13} {spokes:>6} {size:>6} {workers:>8} {:>11.1} {:>7.1}",
                alone.min, alone.median
            )?;
            writeln!(f, " {:>14.1} {:>7.1} {times:>14.2}", together.min, together.median)
        })
    }
}

impl Report {
    fn engines_alone(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.engines.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\nEngines alone, in turn with the path: cycles to open and seal a packet, which takes one of the SA pairs"
        )?;
        writeln!(
            f,
            "at random; share: what of the rate of the engine with so many SA pairs the path reaches with as many spokes"
        )?;
        writeln!(f, "esp              sas   size     min  median   share  engine")?;
        // The engine with one SA pair is beside each row above.
        let told = |cost: &&Cost| !cost.used || cost.sas == cost.beside;
        self.engines.iter().filter(told).try_for_each(|cost| {
            let Cost { esp, engine, used, sas, size, cycles_min, cycles_median, .. } = cost;
            write!(f, "{esp:<13} {sas:>6} {size:>6} {cycles_min:>7.1} {cycles_median:>7.1} ")?;
            let same = |row: &&Row| *used && (&row.esp, row.spokes, &row.size) == (esp, *sas, size);
            match self.rows.iter().find(same).and_then(|row| row.share_same_sas) {
                Some(share) => write!(f, "{:>5.1} %", share * 100.0)?,
                None => write!(f, "{:>7}", "")?,
            }
            writeln!(f, "  {engine}")
        })
    }
}

fn path(f: &mut std::fmt::Formatter<'_>, row: &Row) -> std::fmt::Result {
    let Row { esp, spokes, size, cycles_min, cycles_median, ns_min, ns_median, mpps, gbit_s, .. } = row;
    write!(f, "{esp:<13} {spokes:>6} {size:>6} {cycles_min:>7.1} {cycles_median:>7.1}")?;
    write!(f, " {ns_min:>6.1} {ns_median:>7.1} {mpps:>8.2} {gbit_s:>8.2} {:>18}", "")?;
    let stages = STAGES.iter().filter_map(|name| row.stages.get(name));
    write!(f, "{}", stages.map(|cycles| format!(" {cycles:>6.1}")).collect::<String>())?;
    match (row.engine_min, row.share) {
        (Some(engine), Some(share)) => writeln!(f, " {engine:>7.1} {:>5.1} %", share * 100.0),
        _ => writeln!(f),
    }
}
