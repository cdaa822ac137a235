//! Policing of what goes to the hub itself.

use serde::{Deserialize, Serialize};

/// One class: what it is allowed, and what became of its packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PolicedClass {
    /// Name, as in `hub.toml`.
    pub class: String,
    /// What belongs to it.
    pub content: String,
    /// Packets per second, all workers together.
    pub rate: u32,
    /// Packets that may come at once.
    pub burst: u32,
    /// Packets, all workers.
    pub packets: ClassCounts,
    /// Packets by worker.
    pub by_worker: Vec<ClassCounts>,
}

/// Packets of a class by what became of them. All counters are free running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ClassCounts {
    /// Within rate and burst; passed on but for those in `queue_full`.
    pub conformed: u64,
    /// Dropped: over the class's rate and burst.
    pub exceeded: u64,
    /// Dropped: over the share of one sender.
    pub source_exceeded: u64,
    /// Dropped: the class's place in a queue was full.
    pub queue_full: u64,
}
