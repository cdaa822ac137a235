//! What is worth a plot: throughput and latency by size and by number of spokes.

use super::report::Report;
use super::row::Row;
use crate::plot::{Line, Plot};

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
    [
        ("throughput-by-size.svg", throughput(&of_spokes, octets, &by_size, size)),
        ("throughput-by-spokes.svg", throughput(&of_size, "spokes", &sorted(by_spokes.clone()), spokes)),
        ("latency-by-size.svg", latency(&of_spokes, octets, &by_size, size)),
        ("latency-by-spokes.svg", latency(&of_size, "spokes", &sorted(by_spokes), spokes)),
    ]
    .into_iter()
    .filter(|(_, plot)| plot.places.len() > 1 && !plot.lines.is_empty())
    .map(|(name, plot)| (name, plot.svg()))
    .collect()
}

fn sorted(mut rows: Vec<&Row>) -> Vec<&Row> {
    rows.sort_by_key(|row| row.spokes);
    rows
}

fn throughput(of: &str, across: &str, rows: &[&Row], place: fn(&Row) -> String) -> Plot {
    draw(("Throughput", of), across, "Mframes/s", rows, place, |row| {
        let found = row.throughput.iter();
        found.map(|found| (loss(found.loss), found.rate.median / 1e6)).collect()
    })
}

fn loss(loss: f64) -> String {
    if loss > 0.0 { format!("{} % lost", loss * 100.0) } else { "no loss".into() }
}

fn latency(of: &str, across: &str, rows: &[&Row], place: fn(&Row) -> String) -> Plot {
    draw(("Latency at half the rate without loss", of), across, "microseconds", rows, place, |row| {
        let half = row.latency.iter().filter(|latency| latency.percent == Some(50));
        half.flat_map(|half| [("median".to_owned(), half.p50_us), ("90 %".to_owned(), half.p90_us)]).collect()
    })
}

/// One line for each wire and each of the named values.
fn draw(
    (title, of): (&str, &str),
    across: &str,
    up: &str,
    rows: &[&Row],
    place: fn(&Row) -> String,
    values: impl Fn(&Row) -> Vec<(String, f64)>,
) -> Plot {
    let (mut places, mut lines) = (Vec::<String>::new(), Vec::<Line>::new());
    for row in rows {
        let here = place(row);
        if !places.contains(&here) {
            places.push(here);
        }
    }
    for row in rows {
        let at = places.iter().position(|other| *other == place(row)).unwrap_or_default();
        for (name, value) in values(row) {
            let name = format!("{}, {name}", row.link.name());
            let line = match lines.iter().position(|line| line.name == name) {
                Some(line) => line,
                None => {
                    lines.push(Line { name, values: vec![None; places.len()] });
                    lines.len() - 1
                }
            };
            if let Some(slot) = lines.get_mut(line).and_then(|line| line.values.get_mut(at)) {
                *slot = Some(value);
            }
        }
    }
    Plot { title: title.into(), of: of.into(), across: across.into(), up: up.into(), places, lines }
}
