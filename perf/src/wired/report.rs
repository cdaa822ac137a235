//! Figures of all cases, as a table and as JSON.

use super::row::Row;
use crate::machine::Machine;
use crate::spread::Spread;
use serde::Serialize;

/// Everything about a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where and how.
    pub machine: Machine,
    /// What the packets go through.
    pub case: String,
    /// Searches for each figure.
    pub runs: u32,
    /// Seconds of the trials that count.
    pub trial_seconds: f64,
    /// Slots of the wire's rings.
    pub ring: u32,
    /// By case.
    pub rows: Vec<Row>,
}

impl Report {
    /// All figures for programs.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { machine, case, runs, trial_seconds, ring, rows } = self;
        writeln!(f, "{machine}\n{case}")?;
        writeln!(f, "{runs} searches each, trials of {trial_seconds} s, rings of {ring} frames\n")?;
        if rows.iter().any(|row| !row.throughput.is_empty()) {
            throughput(f, rows)?;
        }
        latency(f, rows)
    }
}

fn throughput(f: &mut std::fmt::Formatter<'_>, rows: &[Row]) -> std::fmt::Result {
    writeln!(f, "{:48} no loss: frames/s      0.5 % lost: frames/s   at full load", "")?;
    writeln!(
        f,
        "wire   spokes size  {:>9}  {:>9} {:>9} {:>8}  {:>9} {:>9}  {:>9} {:>8} {:>8} {:>6} {:>9}",
        "trials",
        "min",
        "median",
        "Mbit/s",
        "min",
        "median",
        "frames/s",
        "cycles",
        "CPU cyc",
        "waited",
        "disturbed"
    )?;
    for row in rows {
        let Row { link, spokes, size, trials, disturbed, full, .. } = row;
        write!(f, "{:<6} {spokes:>6} {size:>4}  {trials:>9} ", link.name())?;
        let mut bound = false;
        for (at, found) in row.throughput.iter().enumerate() {
            write!(f, " {:>9.0} {:>9.0} ", found.rate.min, found.rate.median)?;
            if at == 0 {
                write!(f, "{:>7.0} ", found.mbps)?;
            }
            bound |= found.generator_bound;
        }
        let forwarded = Spread::of(full.iter().map(|cost| cost.forwarded)).median;
        let cycles = row.cycles().map_or_else(|| "-".into(), |cycles| format!("{cycles:.0}"));
        let cpu = row.cpu_cycles();
        let waited = Spread::of(full.iter().map(|cost| cost.waited * 100.0)).median;
        write!(f, " {forwarded:>9.0} {cycles:>8} {cpu:>8.0} {waited:>5.1}% {disturbed:>9}")?;
        writeln!(f, "{}", if bound { "  generator's limit" } else { "" })?;
    }
    writeln!(f)
}

fn latency(f: &mut std::fmt::Formatter<'_>, rows: &[Row]) -> std::fmt::Result {
    writeln!(f, "{:44} latency in microseconds", "")?;
    writeln!(
        f,
        "wire   spokes size  load {:>9} {:>9} {:>6} {:>7} {:>7} {:>7} {:>7} {:>7} {:>8} {:>8} {:>8}",
        "frames/s", "sent", "lost", "min", "50 %", "90 %", "99 %", "99.9 %", "99.99 %", "max", "PDV"
    )?;
    for row in rows {
        for latency in &row.latency {
            let load = latency.percent.map_or_else(|| "   -".into(), |percent| format!("{percent:>2} %"));
            write!(f, "{:<6} {:>6} {:>4}  {load:>4} ", row.link.name(), row.spokes, row.size)?;
            write!(f, "{:>9} {:>9} {:>6} ", latency.rate, latency.sent, latency.lost)?;
            write!(f, "{:>7.1} {:>7.1} {:>7.1} ", latency.min_us, latency.p50_us, latency.p90_us)?;
            write!(f, "{:>7.1} {:>7.1} {:>8.1} ", latency.p99_us, latency.p999_us, latency.p9999_us)?;
            writeln!(f, "{:>8.1} {:>8.1}", latency.max_us, latency.pdv_us)?;
        }
    }
    Ok(())
}
