//! What the data plane's workers count.

use serde::{Deserialize, Serialize};

/// Packets discarded for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Drop {
    /// Name of the reason.
    pub reason: String,
    /// What it means, one sentence.
    pub meaning: String,
    /// Packets, all workers.
    pub packets: u64,
    /// Packets by worker.
    pub by_worker: Vec<u64>,
}

/// The workers at one instant. Rates come from two readings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Workers {
    /// Cycles per second of the counter that cycles are given in; `None` while unknown.
    pub tsc_hz: Option<u64>,
    /// When this was read: milliseconds of a monotonic clock.
    pub read_at_ms: u64,
    /// By index.
    pub workers: Vec<Worker>,
}

/// One worker. All counters are free running.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Worker {
    /// Index: it polls this queue of every port.
    pub index: u32,
    /// CPU core.
    pub core: u32,
    /// Polls of all queues.
    pub polls: u64,
    /// Polls that found no packet.
    pub empty_polls: u64,
    /// Packets taken.
    pub packets: u64,
    /// Cycles in polls that found packets.
    pub busy_cycles: u64,
    /// Cycles in polls that found none.
    pub idle_cycles: u64,
    /// Polls by burst size: 0, 1, 2-3, 4-7, 8-15, 16-31, 32-63, 64 and more.
    pub burst_sizes: [u64; 8],
    /// Redirect events given to control.
    pub redirects: u64,
    /// Redirects not given because of the rate limit.
    pub redirects_suppressed: u64,
    /// ICMP errors sent.
    pub icmp_sent: u64,
    /// ICMP errors not sent because of the rate limit.
    pub icmp_suppressed: u64,
    /// Packets fragmented before encapsulation.
    pub fragmented: u64,
    /// Underlay datagrams reassembled.
    pub reassembled: u64,
    /// TCP SYNs whose MSS was lowered.
    pub mss_clamped: u64,
    /// Copies sent by multicast replication.
    pub replicated: u64,
    /// Packets handed to kernel twins.
    pub punted: u64,
    /// Packets dropped, all reasons.
    pub dropped: u64,
    /// Cycles by stage; empty while stage timing is off.
    pub stages: Vec<Stage>,
}

/// Cycles spent in one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stage {
    /// Name.
    pub name: String,
    /// Cycles.
    pub cycles: u64,
}
