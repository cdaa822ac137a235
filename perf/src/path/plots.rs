//! What is worth a plot: cycles by number of spokes and by size.

use super::report::{Report, Row};
use crate::plot::{Line, Plot};

/// Names of files and what is in them; those with a single place are left out.
pub fn plots(report: &Report) -> Vec<(&'static str, String)> {
    let Some(first) = report.rows.first() else { return Vec::new() };
    let Some(last) = report.rows.last() else { return Vec::new() };
    let by_spokes = draw(
        format!("inner size {}; alone: the engine", last.size),
        "spokes",
        report.rows.iter().filter(|row| row.size == last.size),
        |row| row.spokes.to_string(),
    );
    let by_size = draw(
        format!("spokes: {}; alone: the engine", first.spokes),
        "octets of the inner packet",
        report.rows.iter().filter(|row| row.spokes == first.spokes),
        |row| row.size.clone(),
    );
    let all = [("cycles-by-spokes.svg", by_spokes), ("cycles-by-size.svg", by_size)];
    let drawn = all.into_iter().filter(|(_, plot)| plot.places.len() > 1);
    drawn.map(|(name, plot)| (name, plot.svg())).collect()
}

/// A line for each kind of protection, and one for its engine alone.
fn draw<'r>(
    of: String,
    across: &str,
    rows: impl Iterator<Item = &'r Row> + Clone,
    place: impl Fn(&Row) -> String,
) -> Plot {
    let mut places = Vec::<String>::new();
    let mut lines = Vec::<Line>::new();
    for row in rows.clone() {
        let here = place(row);
        if !places.contains(&here) {
            places.push(here);
        }
    }
    for row in rows {
        let at = places.iter().position(|other| *other == place(row));
        let values =
            [(row.esp.clone(), Some(row.cycles_min)), (format!("alone: {}", row.esp), row.engine_min)];
        for (name, value) in values.into_iter().filter(|(_, value)| value.is_some()) {
            if !lines.iter().any(|line| line.name == name) {
                lines.push(Line { name: name.clone(), values: vec![None; places.len()] });
            }
            let line = lines.iter_mut().find(|line| line.name == name);
            if let Some(slot) = line.zip(at).and_then(|(line, at)| line.values.get_mut(at)) {
                *slot = value;
            }
        }
    }
    let title = "Cycles per packet".into();
    Plot { title, of, across: across.into(), up: "cycles".into(), places, lines }
}
