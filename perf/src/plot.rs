//! Small plots as SVG: lines over a row of values, one axis from zero.

use std::fmt::Write;

/// Width and height of a plot, of the room around its axes, and of that around all.
const SIZE: (f64, f64) = (720.0, 400.0);
const LEFT: f64 = 70.0;
const RIGHT: f64 = 160.0;
const TOP: f64 = 62.0;
const BOTTOM: f64 = 50.0;
const MARGIN: f64 = 12.0;
/// Lines across.
const STEPS: u32 = 5;
/// Told apart without colours as well, by dashes and marks (Okabe and Ito's palette).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// In the legend.
    pub name: String,
    /// A value for each place along the axis; `None`: not measured.
    pub values: Vec<Option<f64>>,
}

/// A plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Above it.
    pub title: String,
    /// Below the title: what was measured.
    pub of: String,
    /// Below it.
    pub across: String,
    /// Beside it.
    pub up: String,
    /// Along the axis, evenly spaced. A line leads from number to number and to nothing else.
    pub places: Vec<String>,
    /// What is drawn.
    pub lines: Vec<Line>,
}

/// Names of files and what is in them; those with a single place or nothing on them are left out.
pub fn drawn<const N: usize>(plots: [(&'static str, Plot); N]) -> Vec<(&'static str, String)> {
    let worth = plots.into_iter().filter(|(_, plot)| plot.places.len() > 1 && !plot.lines.is_empty());
    worth.map(|(name, plot)| (name, plot.svg())).collect()
}

impl Plot {
    /// Of what was measured: a place for each that rows have, and a line for each of their named values.
    pub fn of_rows<R>(
        (title, of): (&str, &str),
        across: &str,
        up: &str,
        rows: &[&R],
        place: impl Fn(&R) -> String,
        values: impl Fn(&R) -> Vec<(String, f64)>,
    ) -> Self {
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
        Self { title: title.into(), of: of.into(), across: across.into(), up: up.into(), places, lines }
    }

    /// As a file.
    pub fn svg(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let (width, height) = SIZE;
        let (right, bottom) = (width - RIGHT, height - BOTTOM);
        let step = step(self.highest());
        let top = step * f64::from(STEPS);
        let x = |place: usize| LEFT + (place as f64 + 0.5) * (right - LEFT) / self.places.len().max(1) as f64;
        let y = |value: f64| bottom - value / top * (bottom - TOP);
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>"
        )?;
        text(out, (MARGIN, 22.0), "start", "font-size=\"14\" font-weight=\"bold\"", &self.title)?;
        text(out, (MARGIN, 42.0), "start", "", &self.of)?;
        text(out, ((LEFT + right) / 2.0, height - 10.0), "middle", "", &self.across)?;
        let beside = (MARGIN + 10.0, (TOP + bottom) / 2.0);
        let turned = format!("transform=\"rotate(-90 {} {})\"", beside.0, beside.1);
        text(out, beside, "middle", &turned, &self.up)?;
        for number in 0..=STEPS {
            let value = step * f64::from(number);
            let at = y(value);
            writeln!(out, "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ccc\" fill=\"none\"/>")?;
            text(out, (LEFT - 6.0, at + 4.0), "end", "", &figure(value, step))?;
        }
        for (place, name) in self.places.iter().enumerate() {
            text(out, (x(place), bottom + 18.0), "middle", "", name)?;
        }
        for (number, line) in self.lines.iter().enumerate() {
            let style = Style::of(number);
            let points = line.values.iter().enumerate().filter_map(|(place, value)| Some((place, (*value)?)));
            let points: Vec<_> = points.map(|(place, value)| (place, (x(place), y(value)))).collect();
            let joined = points.iter().filter(|(place, _)| self.is_number(*place));
            let path: Vec<_> = joined.map(|(_, (x, y))| format!("{x:.1},{y:.1}")).collect();
            style.line(out, &path.join(" "))?;
            let legend = (right + 12.0, TOP + 10.0 + 18.0 * number as f64);
            for at in points.into_iter().map(|(_, at)| at).chain([legend]) {
                style.mark(out, at)?;
            }
            text(out, (legend.0 + 13.0, legend.1 + 4.0), "start", "", &line.name)?;
        }
        writeln!(out, "</svg>")
    }

    fn is_number(&self, place: usize) -> bool {
        self.places.get(place).is_some_and(|name| name.parse::<f64>().is_ok())
    }

    fn highest(&self) -> f64 {
        self.lines.iter().flat_map(|line| line.values.iter().flatten()).copied().fold(0.0, f64::max)
    }
}

/// From line to line: 1, 2, 2.5 or 5 times a power of ten, and enough for the highest value.
fn step(highest: f64) -> f64 {
    if highest <= 0.0 {
        return 1.0;
    }
    let least = highest / f64::from(STEPS);
    let power = 10_f64.powf(least.log10().floor());
    let fits = |times: &f64| times * power >= least * (1.0 - 1e-9);
    [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(fits).unwrap_or(10.0) * power
}

/// With as many digits as the step has.
fn figure(value: f64, step: f64) -> String {
    let digits = (0..4).find(|digits| (step * 10_f64.powi(*digits)).fract().abs() < 1e-6).unwrap_or(4);
    format!("{value:.*}", digits as usize)
}

fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, more: &str, text: &str) -> std::fmt::Result {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {more}>{escaped}</text>")
}

/// How a line looks. Every other one is dashed and its marks are open: where two lie on each other, both are seen.
struct Style {
    colour: &'static str,
    dashes: &'static str,
    fill: &'static str,
    number: usize,
}

impl Style {
    fn of(number: usize) -> Self {
        let colour = COLOURS.get(number % COLOURS.len()).copied().unwrap_or_default();
        let open = number % 2 == 1;
        let (dashes, fill) = if open { (" stroke-dasharray=\"6 4\"", "none") } else { ("", colour) };
        Self { colour, dashes, fill, number }
    }

    fn line(&self, out: &mut String, points: &str) -> std::fmt::Result {
        let Self { colour, dashes, .. } = self;
        writeln!(
            out,
            "<polyline points=\"{points}\" stroke=\"{colour}\" stroke-width=\"2\" fill=\"none\"{dashes}/>"
        )
    }

    fn mark(&self, out: &mut String, (x, y): (f64, f64)) -> std::fmt::Result {
        let shape = match self.number % 4 {
            0 => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\""),
            1 => format!("<rect x=\"{:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\"", x - 6.0, y - 6.0),
            2 => format!("<path d=\"M{x:.1} {:.1}l5 9h-10z\"", y - 5.0),
            _ => format!("<path d=\"M{x:.1} {:.1}l7 7l-7 7l-7 -7z\"", y - 7.0),
        };
        let Self { colour, fill, .. } = self;
        writeln!(out, "{shape} stroke=\"{colour}\" stroke-width=\"1.5\" fill=\"{fill}\"/>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_hold_the_highest() {
        let cases = [(0.0, 1.0), (5.0, 1.0), (5.1, 2.0), (11.0, 2.5), (0.9, 0.2), (2_500_000.0, 500_000.0)];
        for (highest, expected) in cases {
            let step = step(highest);
            assert!((step - expected).abs() < 1e-9 * expected, "{highest}: {step}");
        }
        assert_eq!(
            (figure(0.4, 0.2), figure(7.5, 2.5), figure(10.0, 2.0)),
            ("0.4".into(), "7.5".into(), "10".into())
        );
    }

    #[test]
    fn what_was_not_measured_is_not_drawn() {
        let lines = vec![Line { name: "a<b".into(), values: vec![Some(1.0), None, Some(4.0), Some(2.0)] }];
        let places = ["64", "128", "256", "imix"].map(str::to_owned).to_vec();
        let (title, of, across, up) = ("t".into(), "of".into(), "size".into(), "Mpps".into());
        let svg = Plot { title, of, across, up, places, lines }.svg();
        let points = svg.split("points=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        assert_eq!(points.split(' ').count(), 2, "a mix is no size that a line could lead to");
        assert!(svg.contains("a&lt;b") && svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<circle").count(), 4, "three points and the legend");
    }
}
