//! What is wrong with a file, told so that it can be mended without looking anything up.

use crate::excerpt;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Why a configuration could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: {error}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file was read and has mistakes.
    #[error("{}", listing(.0))]
    Mistakes(Vec<Mistake>),
}

impl ConfigError {
    /// The mistakes, in the order of the file; none if it could not be read.
    pub fn mistakes(&self) -> &[Mistake] {
        match self {
            Self::Read { .. } => &[],
            Self::Mistakes(mistakes) => mistakes,
        }
    }
}

fn listing(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n")
}

/// Whether the hub can run with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is accepted.
    Warning,
}

/// One finding, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Whether the hub can run with it.
    pub severity: Severity,
    /// The file.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Path of the key, `tunnel[0].nhrp.holdtime`; empty for the file as a whole.
    pub key: String,
    /// What is wrong and what was expected.
    pub message: String,
    /// The line of the file, and how many characters of it from `column` on are meant.
    excerpt: (String, usize),
}

impl Mistake {
    /// Places a finding: `span` is in octets of `text`.
    pub(crate) fn new(
        severity: Severity,
        file: &Path,
        text: &str,
        span: &Range<usize>,
        key: String,
        message: String,
    ) -> Self {
        let start = floor_boundary(text, span.start);
        let end = floor_boundary(text, span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_text = text[line_start..].lines().next().unwrap_or("");
        let column = text[line_start..start].chars().count();
        let mark = start - line_start..end - line_start;
        let shown = excerpt::shown(line_text, mark, &key, excerpt::keeps_secrets(text));
        let room = shown.chars().count().saturating_sub(column);
        Self {
            severity,
            file: file.into(),
            line: text[..start].matches('\n').count() + 1,
            column: column + 1,
            key,
            message,
            excerpt: (shown, text[start..end].chars().count().clamp(1, room.max(1))),
        }
    }
}

/// The last character boundary at or before `at`.
fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl fmt::Display for Mistake {
    /// As compilers print: the place on the first line, then the line itself with the place marked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let colon = if self.key.is_empty() { "" } else { ": " };
        writeln!(
            f,
            "{}:{}:{}: {word}: {}{colon}{}",
            self.file.display(),
            self.line,
            self.column,
            self.key,
            self.message
        )?;
        let number = self.line.to_string();
        let (line, width) = &self.excerpt;
        // Tabs keep their width under the mark only if they are repeated there.
        let indent: String =
            line.chars().take(self.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        writeln!(f, "{number} | {line}")?;
        write!(f, "{:1$} | {indent}{2}", "", number.len(), "^".repeat(*width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, span: Range<usize>) -> Mistake {
        Mistake::new(Severity::Error, Path::new("f"), text, &span, "k".into(), "m".into())
    }

    #[test]
    fn counts_lines_and_characters() {
        let text = "a = 1\nö = 22\n";
        let mistake = at(text, 11..13);
        assert_eq!((mistake.line, mistake.column), (2, 5));
        assert_eq!(mistake.to_string(), "f:2:5: error: k: m\n2 | ö = 22\n  |     ^^");
    }

    #[test]
    fn survives_any_span() {
        for text in ["", "\n", "ö", "a\r\nb"] {
            for start in 0..6 {
                for end in 0..6 {
                    let mistake = at(text, start..end);
                    assert!(mistake.line >= 1 && mistake.column >= 1);
                    assert!(!mistake.to_string().is_empty());
                }
            }
        }
    }
}
