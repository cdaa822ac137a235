//! What was measured, as a table or JSON.

use super::{Args, Named, RawCost};
use crate::machine::Machine;
use crate::scenario::Size;
use serde::Serialize;

/// Everything, with where it comes from.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    machine: Machine,
    /// Core it ran on; `None`: the system did not pin the thread.
    core: Option<usize>,
    burst: u16,
    repetitions: u16,
    /// Octets of one direction's keys in an SA.
    context_octets: usize,
    /// The engines' release, and what they found out at start.
    notes: Vec<String>,
    rows: Vec<Row>,
}

/// One engine, transform, number of SAs and size.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    engine: String,
    transform: String,
    sas: u32,
    size: String,
    /// Cycles per packet to seal, lowest repetition.
    seal_min: f64,
    /// Cycles per packet to open, lowest repetition.
    open_min: f64,
    /// Cycles per packet to open and seal, lowest repetition.
    relay_min: f64,
    /// The same, median repetition.
    relay_median: f64,
    /// Gbit/s of inner IP packets per core that are opened and sealed again, from the lowest.
    gbit_s: f64,
}

impl Row {
    /// From the repetitions, of which there is at least one.
    pub fn new(
        engine: String,
        transform: Named,
        sas: u32,
        size: Size,
        costs: &[RawCost],
        tsc_hz: u64,
    ) -> Self {
        let sorted = |of: fn(&RawCost) -> f64| {
            let mut costs: Vec<f64> = costs.iter().map(of).collect();
            costs.sort_by(f64::total_cmp);
            costs
        };
        let lowest = |of| sorted(of).first().copied().unwrap_or(f64::NAN);
        let relay = sorted(|cost| cost.seal + cost.open);
        let relay_min = relay.first().copied().unwrap_or(f64::NAN);
        Self {
            engine,
            transform: transform.to_string(),
            sas,
            size: size.to_string(),
            seal_min: lowest(|cost| cost.seal),
            open_min: lowest(|cost| cost.open),
            relay_min,
            relay_median: relay.get(relay.len() / 2).copied().unwrap_or(f64::NAN),
            gbit_s: size.mean() * 8.0 * tsc_hz as f64 / relay_min / 1e9,
        }
    }
}

impl Report {
    /// Without rows yet.
    pub fn new(machine: Machine, pinned: bool, args: &Args, context_octets: usize) -> Self {
        Self {
            machine,
            core: pinned.then_some(args.core),
            burst: args.burst,
            repetitions: args.repetitions - 1,
            context_octets,
            notes: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Rate of the time-stamp counter.
    pub fn tsc_hz(&self) -> u64 {
        self.machine.tsc_hz
    }

    /// One more remark.
    pub fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
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
        let Self { burst, repetitions, context_octets, .. } = self;
        println!(
            "bursts of {burst}, {repetitions} repetitions on {core}; {context_octets} octets of keys per direction"
        );
        self.notes.iter().for_each(|note| println!("{note}"));
        println!(
            "\ntransform      engine               SAs   size    seal    open   relay (median)   Gbit/s"
        );
        println!("                                                   cycles/packet, lowest        (inner)");
        for row in &self.rows {
            let Row { engine, transform, sas, size, seal_min, open_min, relay_min, relay_median, gbit_s } =
                row;
            print!(
                "{transform:<14} {engine:<18} {sas:>6} {size:>6} {seal_min:>7.1} {open_min:>7.1} {relay_min:>7.1}"
            );
            println!(" {:>8} {gbit_s:>8.2}", format!("({relay_median:.1})"));
        }
    }
}
