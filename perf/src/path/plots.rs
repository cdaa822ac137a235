//! What is worth a plot: cycles by number of spokes and by size.

use super::report::{Report, Row};
use crate::plot::{Plot, drawn};

/// Names of files and what is in them.
pub fn plots(report: &Report) -> Vec<(&'static str, String)> {
    let Some(first) = report.rows.first() else { return Vec::new() };
    let Some(last) = report.rows.last() else { return Vec::new() };
    let by_spokes: Vec<&Row> = report.rows.iter().filter(|row| row.size == last.size).collect();
    let by_size: Vec<&Row> = report.rows.iter().filter(|row| row.spokes == first.spokes).collect();
    let of_size = format!("inner size {}; alone: the engine", last.size);
    let of_spokes = format!("spokes: {}; alone: the engine", first.spokes);
    drawn([
        ("cycles-by-spokes.svg", cycles(&of_size, "spokes", &by_spokes, |row| row.spokes.to_string())),
        (
            "cycles-by-size.svg",
            cycles(&of_spokes, "octets of the inner packet", &by_size, |row| row.size.clone()),
        ),
    ])
}

/// A line for each kind of protection, and one for its engine alone.
fn cycles(of: &str, across: &str, rows: &[&Row], place: fn(&Row) -> String) -> Plot {
    Plot::of_rows(("Cycles per packet", of), across, "cycles", rows, place, |row| {
        let alone = row.engine_min.map(|engine| (format!("alone: {}", row.esp), engine));
        [(row.esp.clone(), row.cycles_min)].into_iter().chain(alone).collect()
    })
}
