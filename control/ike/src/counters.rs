//! What has been counted.

/// Counters of the responder, each with a name for metrics and `show crypto ikev2 stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    named: std::collections::BTreeMap<(&'static str, &'static str), u64>,
}

impl Counters {
    /// All that are not zero: group (`received`, `sent`, `dropped`, `failed`, `full`), name, count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        self.named.iter().map(|((group, name), count)| (*group, *name, *count))
    }
}
