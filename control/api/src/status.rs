//! The hub as a whole.

use serde::{Deserialize, Serialize};

/// Versions, uptimes, and how full everything bounded is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    /// Version of these types, [`crate::VERSION`].
    pub api: u32,
    /// Name in `hub.toml`.
    pub name: String,
    /// Version of `hub-control`.
    pub version: String,
    /// The configuration file in use.
    pub config: String,
    /// This process.
    pub control: Side,
    /// The other one; `None`: not attached.
    pub dataplane: Option<Side>,
    /// Number of the last resync.
    pub generation: u64,
    /// Updates sent that the dataplane has not acknowledged.
    pub updates_pending: u64,
    /// Peers that are up.
    pub peers_up: u32,
    /// Peers that are known and not up.
    pub peers_down: u32,
    /// Which crypto engine the dataplane uses for which ESP transforms; empty: no tunnel is protected.
    #[serde(default)]
    pub engines: Vec<Engine>,
    /// Times the kernel told more than its socket held, and everything was read again.
    #[serde(default)]
    pub netlink_overruns: u64,
    /// Routes found, since start, that would lead tunnels into tunnels.
    #[serde(default)]
    pub recursive_routes: u64,
    /// Rings between the processes.
    pub rings: Vec<Ring>,
    /// Tables.
    pub tables: Vec<Table>,
}

/// A crypto engine, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Engine {
    /// `aes-gcm`, `aes-cbc-sha256` and so on.
    pub transform: String,
    /// As `crypto-engine` names it, with the implementation where it has several.
    pub engine: String,
}

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Side {
    /// Process id.
    pub pid: u32,
    /// Differs after every start.
    pub boot_id: u64,
    /// Seconds since it started.
    pub uptime: u64,
    /// Milliseconds since its last sign of life.
    pub heartbeat_age_ms: u64,
}

/// A ring of the shared segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ring {
    /// `updates`, `inject`, `events 0` and so on.
    pub name: String,
    /// Messages waiting.
    pub depth: u64,
    /// Messages it holds at most.
    pub capacity: u64,
    /// Messages written since the segment was made.
    pub written: u64,
    /// Messages not written because it was full.
    pub full: u64,
    /// Messages read that were refused.
    pub refused: u64,
    /// Messages read that could not be served: updates that a table refused, packets to send for which there was no
    /// buffer.
    #[serde(default)]
    pub unserved: u64,
}

/// A bounded table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Table {
    /// `peers`, `routes`, `links`, `nhrp-cache` and so on.
    pub name: String,
    /// Entries in it.
    pub used: u64,
    /// Entries it holds at most.
    pub capacity: u64,
    /// Entries not made because it was full.
    pub full: u64,
}
