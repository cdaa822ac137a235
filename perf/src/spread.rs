//! Repetitions in short.

use serde::Serialize;

/// Lowest, median and highest of repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Lowest.
    pub min: f64,
    /// Median.
    pub median: f64,
    /// Highest.
    pub max: f64,
}

impl Spread {
    /// Of all values; not a number if there is none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |at: usize| values.get(at).copied().unwrap_or(f64::NAN);
        Self { min: at(0), median: at(values.len() / 2), max: at(values.len().saturating_sub(1)) }
    }

    /// A line of a table.
    pub fn line(self, what: &str, digits: usize) -> String {
        let Self { min, median, max } = self;
        format!("  {what:<58} {min:>10.digits$} {median:>10.digits$} {max:>10.digits$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { min: 1.0, median: 2.0, max: 3.0 });
        assert!(Spread::of([]).median.is_nan());
    }
}
