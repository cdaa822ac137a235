//! Reading one TOML table: takes keys out, remembers where they stood, and reports what was not asked for.

use crate::home::home;
use crate::kind::Answer;
use crate::nearest::nearest;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Findings so far, and where each key stood.
#[derive(Default)]
pub(crate) struct Findings {
    /// Span, key path, message of each error.
    pub(crate) errors: Vec<(Range<usize>, String, String)>,
    /// The same of each warning.
    pub(crate) warnings: Vec<(Range<usize>, String, String)>,
    places: BTreeMap<String, Range<usize>>,
}

impl Findings {
    /// Reports an error of the key at `path`.
    pub(crate) fn error(&mut self, path: &str, message: impl Into<String>) {
        self.errors.push((self.place(path), path.into(), message.into()));
    }
    /// Reports a warning about the key at `path`.
    pub(crate) fn warning(&mut self, path: &str, message: impl Into<String>) {
        self.warnings.push((self.place(path), path.into(), message.into()));
    }
    /// Where a key stands; of a key left to its default, where its table does.
    fn place(&self, path: &str) -> Range<usize> {
        let mut path = path;
        loop {
            match (self.places.get(path), path.rfind(['.', '['])) {
                (Some(place), _) => return place.clone(),
                (None, Some(end)) => path = &path[..end],
                (None, None) => return 0..0,
            }
        }
    }
}

/// One table being read.
pub(crate) struct Reader<'a> {
    findings: &'a mut Findings,
    table: &'a DeTable<'a>,
    path: String,
    title: &'static str,
    known: Vec<&'static str>,
    absent: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    /// Reads the top table.
    pub(crate) fn new(findings: &'a mut Findings, table: &'a DeTable<'a>) -> Self {
        Self {
            findings,
            table,
            path: String::new(),
            title: "the top of the file",
            known: Vec::new(),
            absent: Vec::new(),
        }
    }

    /// A value that may be absent or wrong; wrong ones are reported.
    pub(crate) fn optional<T>(
        &mut self,
        key: &'static str,
        kind: impl Fn(&DeValue) -> Answer<T>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let path = self.join(key);
        kind(value).map_err(|message| self.findings.error(&path, message)).ok()
    }

    /// A value that must be there.
    pub(crate) fn required<T>(
        &mut self,
        key: &'static str,
        kind: impl Fn(&DeValue) -> Answer<T>,
    ) -> Option<T> {
        if !self.has(key) {
            self.absent.push(key);
        }
        self.optional(key, kind)
    }

    /// A list of values; absent: `None`.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        kind: impl Fn(&DeValue) -> Answer<T>,
    ) -> Option<Vec<T>> {
        let value = self.value(key)?;
        let path = self.join(key);
        let Some(items) = value.as_array() else {
            self.findings.error(&path, "expected a list: [ … ]");
            return None;
        };
        let mut list = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            self.findings.places.insert(path.clone(), item.span());
            match kind(item.get_ref()) {
                Ok(item) => list.push(item),
                Err(message) => self.findings.error(&path, message),
            }
        }
        Some(list)
    }

    /// A sub-table `[key]`; absent: `None`.
    pub(crate) fn table<T>(
        &mut self,
        key: &'static str,
        title: &'static str,
        read: impl Fn(&mut Reader) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let path = self.join(key);
        let Some(table) = value.as_table() else {
            self.findings.error(&path, format!("expected a table: {title}"));
            return None;
        };
        self.child(table, path, title, &read)
    }

    /// A list of tables `[[key]]`; absent: empty. Tables with mistakes are left out, which the findings tell.
    pub(crate) fn tables<T>(
        &mut self,
        key: &'static str,
        title: &'static str,
        read: impl Fn(&mut Reader) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let path = self.join(key);
        let Some(items) = value.as_array() else {
            self.findings
                .error(&path, format!("expected a list of tables: write {title}, in double brackets"));
            return Vec::new();
        };
        let mut list = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            self.findings.places.insert(path.clone(), item.span());
            match item.get_ref().as_table() {
                Some(table) => list.extend(self.child(table, path, title, &read)),
                None => self.findings.error(&path, format!("expected a table: {title}")),
            }
        }
        list
    }

    /// Whether the key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// Reports that a table is absent.
    pub(crate) fn missing_table(&mut self, title: &str) {
        self.findings.error(&self.path, format!("{title} is missing"));
    }

    /// Reports what is absent, where the table begins.
    pub(crate) fn missing(&mut self, message: String) {
        self.findings.error(&self.path, message);
    }

    /// Reports a value that its kind let pass.
    pub(crate) fn wrong(&mut self, key: &str, message: String) {
        let path = self.join(key);
        self.findings.error(&path, message);
    }

    fn child<T>(
        &mut self,
        table: &DeTable,
        path: String,
        title: &'static str,
        read: &impl Fn(&mut Reader) -> Option<T>,
    ) -> Option<T> {
        let mut child =
            Reader { findings: self.findings, table, path, title, known: Vec::new(), absent: Vec::new() };
        let value = read(&mut child);
        child.finish();
        value
    }

    fn value(&mut self, key: &'static str) -> Option<&'a DeValue<'a>> {
        self.known.push(key);
        let value = self.table.get(key)?;
        self.findings.places.insert(self.join(key), value.span());
        Some(value.get_ref())
    }

    fn join(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    /// Reports the keys that nobody asked for, and those that must be there and are not.
    pub(crate) fn finish(mut self) {
        for (key, _) in self.table {
            let word: &str = key.get_ref();
            if self.known.contains(&word) {
                continue;
            }
            let advice = match (nearest(word, &self.known), home(word, self.title)) {
                (_, Some(home)) => format!("it belongs in {home}"),
                (Some(meant), None) => {
                    // One slip, one message: the key is not missing, it is misspelt.
                    self.absent.retain(|absent| *absent != meant);
                    format!("did you mean `{meant}`?")
                }
                (None, None) => format!("valid keys are {}", self.known.join(", ")),
            };
            let message = format!("`{word}` is no key of {}; {advice}", self.title);
            self.findings.errors.push((key.span(), self.join(word), message));
        }
        for key in &self.absent {
            self.findings.error(&self.path, format!("`{key}` is missing in {}", self.title));
        }
    }
}
