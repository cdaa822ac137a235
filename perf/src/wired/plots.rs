//! What is worth a plot: throughput and latency by size and by number of spokes.

use super::peers::Both;
use super::ratio::{Pair, Ratio};
use super::report::Report;
use super::row::Row;
use crate::plot::{Plot, drawn};

/// Names of files and what is in them; those with a single place are left out.
pub fn plots(report: &Report) -> Vec<(&'static str, String)> {
    let Some(first) = report.rows.first() else { return Vec::new() };
    let by_size: Vec<&Row> = report.rows.iter().filter(|row| row.spokes == first.spokes).collect();
    let by_spokes: Vec<&Row> = report.rows.iter().filter(|row| row.size == first.size).collect();
    let size = |row: &Row| row.size.clone();
    let spokes = |row: &Row| row.spokes.to_string();
    let of_spokes = format!("{}, {} spokes", report.case, first.spokes);
    let of_size = format!("{}, inner size {}", report.case, first.size);
    let octets = "octets of the inner packet";
    drawn([
        ("throughput-by-size.svg", throughput(&of_spokes, octets, &by_size, size)),
        ("throughput-by-spokes.svg", throughput(&of_size, "spokes", &sorted(by_spokes.clone()), spokes)),
        ("latency-by-size.svg", latency(&of_spokes, octets, &by_size, size)),
        ("latency-by-spokes.svg", latency(&of_size, "spokes", &sorted(by_spokes), spokes)),
    ])
}

fn sorted(mut rows: Vec<&Row>) -> Vec<&Row> {
    rows.sort_by_key(|row| row.spokes);
    rows
}

fn throughput(of: &str, across: &str, rows: &[&Row], place: fn(&Row) -> String) -> Plot {
    Plot::of_rows(("Throughput", of), across, "Mframes/s", rows, place, |row| {
        let found = row.throughput.iter();
        let name = |lost| format!("{}, {}", row.link.name(), loss(lost));
        found.map(|found| (name(found.loss), found.rate.median / 1e6)).collect()
    })
}

fn loss(loss: f64) -> String {
    if loss > 0.0 { format!("{} % lost", loss * 100.0) } else { "no loss".into() }
}

fn latency(of: &str, across: &str, rows: &[&Row], place: fn(&Row) -> String) -> Plot {
    Plot::of_rows(("Latency at half the rate without loss", of), across, "microseconds", rows, place, |row| {
        let half = row.latency.iter().filter(|latency| latency.percent == Some(50));
        let name = |what| format!("{}, {what}", row.link.name());
        half.flat_map(|half| [(name("median"), half.p50_us), (name("90 %"), half.p90_us)]).collect()
    })
}

/// Names of files and what is in them, of the hub beside another program.
pub fn beside(both: &Both) -> Vec<(&'static str, String)> {
    let Some(first) = both.ratios.first() else { return Vec::new() };
    let by_size: Vec<&Ratio> = both.ratios.iter().filter(|ratio| ratio.spokes == first.spokes).collect();
    let mut by_spokes: Vec<&Ratio> = both.ratios.iter().filter(|ratio| ratio.size == first.size).collect();
    by_spokes.sort_by_key(|ratio| ratio.spokes);
    let program = both.program;
    let (of_spokes, of_size) = (format!("{} spokes", first.spokes), format!("inner size {}", first.size));
    let size: fn(&Ratio) -> String = |ratio| ratio.size.clone();
    let spokes: fn(&Ratio) -> String = |ratio| ratio.spokes.to_string();
    let cycles = |ratios: &[&Ratio], place, of: &str, across: &str| {
        let title = (format!("Cycles for a packet, least, the hub beside {program}"), of);
        Plot::of_rows((&title.0, title.1), across, "cycles", ratios, place, |ratio| {
            let Pair { hub, peer, .. } = ratio.cycles.unwrap_or(ratio.cpu_cycles);
            named(ratio, program, hub.min, peer.min)
        })
    };
    let rates = |ratios: &[&Ratio], place, of: &str, across: &str| {
        let title = (format!("Throughput without loss, median, the hub beside {program}"), of);
        Plot::of_rows((&title.0, title.1), across, "Mframes/s", ratios, place, |ratio| {
            named(ratio, program, ratio.rate.hub.median / 1e6, ratio.rate.peer.median / 1e6)
        })
    };
    let octets = "octets of the inner packet";
    drawn([
        ("cycles-by-size.svg", cycles(&by_size, size, &of_spokes, octets)),
        ("cycles-by-spokes.svg", cycles(&by_spokes, spokes, &of_size, "spokes")),
        ("throughput-by-size.svg", rates(&by_size, size, &of_spokes, octets)),
        ("throughput-by-spokes.svg", rates(&by_spokes, spokes, &of_size, "spokes")),
    ])
}

fn named(ratio: &Ratio, program: &str, hub: f64, peer: f64) -> Vec<(String, f64)> {
    [("hub", hub), (program, peer)].map(|(name, value)| (format!("{}, {name}", ratio.link), value)).to_vec()
}
