//! Figures as a table or as JSON.

use super::Args;
use super::pacing::Paced;
use crate::machine::Machine;
use crate::spread::Spread;
use serde::Serialize;

/// Everything that is printed.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    machine: Machine,
    /// Copies per second that the tunnel allows.
    rate: u32,
    repetitions: u16,
    packets: u16,
    rows: Vec<Row>,
}

/// One number of spokes, one size, in the clear or in ESP.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    spokes: u32,
    size: u16,
    protection: String,
    /// Cycles of a copy.
    copy: Spread,
    /// Copies per second in real time.
    rate: Spread,
    /// Copies in a millisecond.
    window: Spread,
    window_p99: u64,
    /// Most copies of one turn of the poll loop.
    most: u64,
    /// CPU time of a turn that sends copies, in microseconds.
    turn_us_median: f64,
    turn_us_p999: f64,
    /// Longest time from one turn to the next, in microseconds.
    late_us: u64,
}

impl Row {
    /// From what was measured.
    pub fn new(spokes: u32, size: u16, protection: String, copy: &[f64], paced: &Paced) -> Self {
        let us = |quantile| paced.turns.value_at_quantile(quantile) as f64 / 1e3;
        let window = |quantile| paced.windows.value_at_quantile(quantile) as f64;
        Self {
            spokes,
            size,
            protection,
            copy: Spread::of(copy.iter().copied()),
            rate: Spread::of(paced.rates.iter().copied()),
            window: Spread { min: window(0.0), median: window(0.5), max: window(1.0) },
            window_p99: paced.windows.value_at_quantile(0.99),
            most: paced.most,
            turn_us_median: us(0.5),
            turn_us_p999: us(0.999),
            late_us: paced.late_us,
        }
    }
}

impl Report {
    /// Without rows yet.
    pub fn new(machine: Machine, args: &Args) -> Self {
        let Args { rate, repetitions, packets, .. } = *args;
        Self { machine, rate, repetitions: repetitions - 1, packets, rows: Vec::new() }
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
        let Self { rate, repetitions, packets, .. } = self;
        println!("{repetitions} repetitions; {packets} packets in real time at {rate} copies/s");
        for row in &self.rows {
            row.print(*rate, self.machine.tsc_hz);
        }
    }
}

impl Row {
    fn print(&self, rate: u32, tsc_hz: u64) {
        let Self { spokes, size, protection, copy, window_p99, most, late_us, .. } = self;
        println!(
            "\n{:<60} {:>10} {:>10} {:>10}",
            format!("{spokes} spokes, {size} octets, {protection}"),
            "min",
            "median",
            "max"
        );
        println!("{}", copy.line("a copy: cycles", 1));
        println!(
            "  a copy: {:.1} ns, {:.2} M/s and core (lowest)",
            copy.min * 1e9 / tsc_hz as f64,
            tsc_hz as f64 / copy.min / 1e6
        );
        println!("{}", self.rate.line(&format!("paced: copies/s of {rate}"), 0));
        println!(
            "{}",
            self.window.line(&format!("paced: copies in a millisecond of {:.0}", f64::from(rate) / 1e3), 0)
        );
        println!(
            "  paced: {window_p99} in a millisecond (99 %), at most {most} in a turn; a turn takes {:.1} us of CPU time (median), \
             {:.1} (99.9 %); the worker was late by {late_us} us at most",
            self.turn_us_median, self.turn_us_p999
        );
    }
}
