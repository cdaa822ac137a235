//! Figures as a table or as JSON.

use super::Args;
use super::load::Loaded;
use super::lookup::Costs;
use super::storm::{Spans, Storm};
use crate::machine::Machine;
use crate::spread::Spread;
use serde::Serialize;

/// Everything that is printed.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    machine: Machine,
    spokes: u32,
    loads: u16,
    changes: u32,
    spans: u32,
    repetitions: u16,
    rows: Vec<Row>,
}

/// One number of routes.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    routes: u32,
    /// Seconds from the first update until the last is in the tables.
    load_s: Spread,
    /// Routes per second, from the median.
    routes_per_s: f64,
    /// Seconds from the first update until the worker forwards by the last.
    worker_s: Spread,
    /// MiB that the routes took besides the FIB's 64, which a few spokes' take as well, and per million routes. The first
    /// number of routes alone has it: later ones find memory that the process already had.
    resident_mib: Option<f64>,
    resident_mib_per_million: Option<f64>,
    /// Microseconds from sending a single change until the worker forwards by it.
    change_us: Spread,
    /// The same of a change of the ways that all routes share.
    change_all_us: Spread,
    /// Cycles per packet, all to the same address.
    same: Spread,
    /// Cycles per packet, to addresses at random.
    anywhere: Spread,
    /// Of them in the stage that looks up.
    same_fib: Spread,
    anywhere_fib: Spread,
    /// The worker without changes, and with them.
    calm: Side,
    storm: Side,
    /// Changes per second.
    rate: f64,
}

/// What a worker was like.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Side {
    /// Cycles per packet of the spans.
    cycles: Spread,
    /// CPU time of a turn of 64 packets, in microseconds.
    turn_us_median: f64,
    turn_us_p999: f64,
    turn_us_max: f64,
    /// Times that its thread slept: for a lock, for a device, for time.
    slept: u64,
    packets: u64,
    seconds: f64,
}

impl Side {
    fn of(spans: &Spans) -> Self {
        let us = |quantile| spans.turns.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            cycles: Spread::of(spans.cycles.iter().copied()),
            turn_us_median: us(0.5),
            turn_us_p999: us(0.999),
            turn_us_max: us(1.0),
            slept: spans.slept,
            packets: spans.packets,
            seconds: spans.seconds,
        }
    }
}

impl Row {
    /// From what was measured. Only the first load of a process takes memory that it did not have before.
    pub fn new(
        routes: u32,
        loads: &[Loaded],
        [changes, all]: [&[f64]; 2],
        [same, anywhere]: [&Costs; 2],
        storm: &Storm,
    ) -> Self {
        let of = |costs: &[f64]| Spread::of(costs.iter().copied());
        let load_s = Spread::of(loads.iter().map(|load| load.seconds));
        let mib = loads.iter().map(|load| load.resident).max().unwrap_or(0) as f64 / (1 << 20) as f64;
        Self {
            routes,
            load_s,
            routes_per_s: f64::from(routes) / load_s.median,
            worker_s: Spread::of(loads.iter().map(|load| load.worker_seconds)),
            resident_mib: Some(mib),
            resident_mib_per_million: Some(mib * 1e6 / f64::from(routes)),
            change_us: of(changes),
            change_all_us: of(all),
            same: of(&same.whole),
            anywhere: of(&anywhere.whole),
            same_fib: of(&same.fib),
            anywhere_fib: of(&anywhere.fib),
            calm: Side::of(&storm.calm),
            storm: Side::of(&storm.storm),
            rate: storm.rate,
        }
    }
}

impl Report {
    /// Without rows yet.
    pub fn new(machine: Machine, args: &Args) -> Self {
        let Args { spokes, loads, changes, spans, repetitions, .. } = *args;
        Self { machine, spokes, loads, changes, spans, repetitions: repetitions - 1, rows: Vec::new() }
    }

    /// One more row.
    pub fn add(&mut self, mut row: Row) {
        if !self.rows.is_empty() {
            (row.resident_mib, row.resident_mib_per_million) = (None, None);
        }
        self.rows.push(row);
    }

    /// Prints on standard output.
    pub fn print(&self, json: bool) {
        if json {
            println!("{}", serde_json::to_string_pretty(self).unwrap_or_default());
            return;
        }
        println!("{}", self.machine);
        let Self { spokes, loads, changes, spans, repetitions, .. } = self;
        println!(
            "routes to {spokes} spokes; {loads} loads, {changes} single changes, {repetitions} repetitions, {spans} spans"
        );
        for row in &self.rows {
            row.print();
        }
    }
}

impl Row {
    fn print(&self) {
        let line = |what: &str, spread: Spread, digits: usize| println!("{}", spread.line(what, digits));
        println!("\n{:>9} routes {:>53} {:>10} {:>10}", self.routes, "min", "median", "max");
        line("load: seconds until the tables have all", self.load_s, 3);
        line("load: seconds until a worker forwards by the last", self.worker_s, 3);
        println!("  load: {:.0} routes/s (median)", self.routes_per_s);
        if let (Some(mib), Some(million)) = (self.resident_mib, self.resident_mib_per_million) {
            println!("  memory: {mib:.1} MiB besides the FIB's 64, {million:.1} MiB per million routes");
        }
        line("one change: microseconds until a worker forwards by it", self.change_us, 0);
        line("one change that moves all routes: the same", self.change_all_us, 0);
        line("packet to one address: cycles", self.same, 1);
        line("  of them look-up", self.same_fib, 1);
        line("packet to addresses all over: cycles", self.anywhere, 1);
        line("  of them look-up", self.anywhere_fib, 1);
        println!("  a worker beside {:.0} changes per second:", self.rate);
        for (name, side) in [("without", self.calm), ("with", self.storm)] {
            line(&format!("  {name}: cycles/packet"), side.cycles, 1);
            println!(
                "    {name}: a turn of 64 packets {:.1} us of CPU time (median), {:.1} (99.9 %), {:.1} (max); \
                 slept {} times in {:.1} s, {} packets",
                side.turn_us_median,
                side.turn_us_p999,
                side.turn_us_max,
                side.slept,
                side.seconds,
                side.packets
            );
        }
    }
}
