//! From file to [`Config`].

use crate::error::{ConfigError, Mistake, Severity};
use crate::model::Config;
use crate::reader::{Findings, Reader};
use crate::{check, cores, read};
use std::ops::Range;
use std::path::Path;
use toml::de::DeTable;
use zeroize::Zeroizing;

/// A configuration that will do, and what is unwise in it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The configuration.
    pub config: Config,
    /// Warnings, in the order of the file.
    pub warnings: Vec<Mistake>,
}

impl Config {
    /// Reads and checks `file`.
    pub fn load(file: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::check(file).map(|checked| checked.config)
    }

    /// Reads and checks `file`, and compares it with the machine it is read on.
    pub fn check(file: impl AsRef<Path>) -> Result<Checked, ConfigError> {
        let file = file.as_ref();
        let text =
            std::fs::read_to_string(file).map_err(|error| ConfigError::Read { file: file.into(), error })?;
        // It may hold keys.
        let text = Zeroizing::new(text);
        parse(file, &text, true)
    }

    /// Checks `text` as if it stood in `file`, on no machine in particular.
    pub fn parse(file: impl AsRef<Path>, text: &str) -> Result<Self, ConfigError> {
        parse(file.as_ref(), text, false).map(|checked| checked.config)
    }
}

/// `here`: on the machine that it is for.
fn parse(file: &Path, text: &str, here: bool) -> Result<Checked, ConfigError> {
    let place = |severity| {
        move |(span, key, message): (Range<usize>, String, String)| {
            Mistake::new(severity, file, text, &span, key, message)
        }
    };
    // What TOML itself refuses is reported alone: keys found after it may stand in another table than was meant.
    let (document, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        let syntax = syntax.iter().map(|error| {
            (error.span().unwrap_or(0..0), String::new(), format!("not TOML: {}", error.message()))
        });
        return Err(ConfigError::Mistakes(syntax.map(place(Severity::Error)).collect()));
    }
    let mut findings = Findings::default();
    let mut top = Reader::new(&mut findings, document.get_ref());
    let config = read::config(&mut top, file.parent().unwrap_or(Path::new("")));
    top.finish();
    // Comparing values with each other needs all of them: indices would shift where a table was left out.
    if let (Some(config), true) = (&config, findings.errors.is_empty()) {
        let cores = if here { cores::online() } else { None };
        check::check(config, cores.as_deref(), &mut findings);
        if here {
            check::files::check(file, config, &mut findings);
        }
    }
    let in_order = |mut list: Vec<(Range<usize>, String, String)>| {
        list.sort_by_key(|(span, ..)| span.start);
        list
    };
    match config {
        Some(config) if findings.errors.is_empty() => {
            let warnings = in_order(findings.warnings).into_iter().map(place(Severity::Warning)).collect();
            Ok(Checked { config, warnings })
        }
        _ => Err(ConfigError::Mistakes(
            in_order(findings.errors).into_iter().map(place(Severity::Error)).collect(),
        )),
    }
}
