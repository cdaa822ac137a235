//! The figures that a change is held against.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Growth of a figure that is let pass: 3 %.
const TOLERANCE: f64 = 0.03;
const HEADING: &str = "\
# Instructions per packet, by pass over a burst, as `scripts/check-instructions` counts them; `path` is all of it, without
# the crypto engine. A figure that grows by more than 3 % fails the check. Whoever means it records it anew with
# `scripts/check-instructions --update`, and says why in the same commit.
";

/// Instructions per packet by pass.
pub type Figures = BTreeMap<String, f64>;

/// Figures by case, and what compiled the program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// As `rustc --version` says it; another compiler makes other instructions of the same source.
    pub compiler: String,
    /// By name of the case.
    #[serde(flatten)]
    pub cases: BTreeMap<String, Figures>,
}

/// One figure beside the recorded one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Case.
    pub case: String,
    /// Pass.
    pub pass: String,
    /// Recorded; `None`: new.
    pub recorded: Option<f64>,
    /// Counted now; `None`: gone.
    pub counted: Option<f64>,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What a comparison says of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Within 3 %.
    Same,
    /// Less by more than that: worth recording.
    Less,
    /// More by more than that.
    More,
    /// In one of the two only: passes or cases have changed and are to be recorded anew.
    Changed,
}

impl Verdict {
    /// Whether the check fails.
    pub fn fails(self) -> bool {
        matches!(self, Verdict::More | Verdict::Changed)
    }
}

impl Record {
    /// From its file.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// For its file.
    pub fn to_text(&self) -> Result<String, toml::ser::Error> {
        Ok(format!("{HEADING}\n{}", toml::to_string(self)?))
    }

    /// Every figure of both.
    pub fn compare(&self, counted: &Record) -> Vec<Line> {
        let keys = |record: &Record| -> Vec<(String, String)> {
            let pairs = record.cases.iter();
            pairs
                .flat_map(|(case, figures)| figures.keys().map(|pass| (case.clone(), pass.clone())))
                .collect()
        };
        let mut all = keys(self);
        all.extend(keys(counted));
        all.sort();
        all.dedup();
        let lines = all.into_iter().map(|(case, pass)| {
            let (before, now) = (self.figure(&case, &pass), counted.figure(&case, &pass));
            Line { case, pass, recorded: before, counted: now, verdict: judge(before, now) }
        });
        lines.collect()
    }

    fn figure(&self, case: &str, pass: &str) -> Option<f64> {
        self.cases.get(case)?.get(pass).copied()
    }
}

fn judge(recorded: Option<f64>, counted: Option<f64>) -> Verdict {
    match (recorded, counted) {
        (Some(before), Some(now)) if now > before * (1.0 + TOLERANCE) => Verdict::More,
        (Some(before), Some(now)) if now < before * (1.0 - TOLERANCE) => Verdict::Less,
        (Some(_), Some(_)) => Verdict::Same,
        _ => Verdict::Changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(figures: &[(&str, &str, f64)]) -> Record {
        let mut record = Record { compiler: "rustc 1.0".into(), ..Record::default() };
        for (case, pass, figure) in figures {
            record.cases.entry((*case).into()).or_default().insert((*pass).into(), *figure);
        }
        record
    }

    #[test]
    fn a_record_survives_its_file() {
        let record = record(&[("clear", "parse", 80.5), ("clear", "path", 200.0), ("gcm", "open", 90.0)]);
        let text = record.to_text().unwrap();
        assert!(text.starts_with("# Instructions per packet"), "{text}");
        assert_eq!(Record::parse(&text).unwrap(), record);
    }

    #[test]
    fn growth_beyond_three_percent_fails_and_so_does_what_is_in_one_only() {
        let before = record(&[("clear", "parse", 100.0), ("clear", "send", 100.0), ("clear", "gone", 1.0)]);
        let now = record(&[("clear", "parse", 103.0), ("clear", "send", 103.1), ("gcm", "open", 5.0)]);
        let verdicts: Vec<_> =
            before.compare(&now).into_iter().map(|line| (line.case, line.pass, line.verdict)).collect();
        let expected = [
            ("clear", "gone", Verdict::Changed),
            ("clear", "parse", Verdict::Same),
            ("clear", "send", Verdict::More),
            ("gcm", "open", Verdict::Changed),
        ];
        assert_eq!(verdicts, expected.map(|(case, pass, verdict)| (case.into(), pass.into(), verdict)));
        assert_eq!(judge(Some(100.0), Some(96.0)), Verdict::Less);
        assert!(!Verdict::Less.fails() && !Verdict::Same.fails());
        assert!(Verdict::More.fails() && Verdict::Changed.fails());
    }
}
