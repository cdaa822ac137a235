//! A table whose columns are as wide as what is in them.

/// Rows under titles.
#[derive(Debug)]
pub struct Columns {
    titles: Vec<&'static str>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Columns {
    /// With these titles; one that begins with `>` is a column of numbers and goes to the right.
    pub fn new(titles: &[&'static str]) -> Self {
        Self {
            titles: titles.iter().map(|title| title.trim_start_matches('>')).collect(),
            right: titles.iter().map(|title| title.starts_with('>')).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, titles first, without blanks at their ends.
    pub fn lines(&self) -> Vec<String> {
        let titles: Vec<String> = self.titles.iter().map(ToString::to_string).collect();
        let all = || std::iter::once(&titles).chain(&self.rows);
        let width =
            |column: usize| all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..titles.len()).map(|column| width(column).unwrap_or(0)).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).zip(&self.right).map(|((cell, width), right)| match right {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
        };
        all().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_and_sides() {
        let mut columns = Columns::new(&["Name", ">Count", "Meaning"]);
        columns.row(["a".into(), "7".into(), "what it is".into()]);
        columns.row(["longer".into(), "1234567".into(), "x".into()]);
        assert_eq!(
            columns.lines(),
            ["Name      Count  Meaning", "a             7  what it is", "longer  1234567  x"]
        );
    }
}
