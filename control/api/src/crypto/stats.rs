//! What IKE has counted since the process started.

use serde::{Deserialize, Serialize};

/// `show crypto ikev2 stats`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct IkeStats {
    /// Sessions that are up.
    pub sessions: u64,
    /// Most sessions there may be.
    pub max_sessions: u64,
    /// IKE SAs that are half-open.
    pub half_open: u64,
    /// Most that may be, `half-open` of hub.toml.
    pub max_half_open: u64,
    /// From so many half-open ones on a cookie is demanded.
    pub cookie_threshold: u64,
    /// Established IKE SAs that the hub began, by rekeying.
    pub initiated: u64,
    /// Sessions whose keys quantum computers do not break (ML-KEM among their key exchanges).
    pub quantum_safe: u64,
    /// Child SAs.
    pub children: u64,
    /// Most child SAs there may be.
    pub max_children: u64,
    /// Computations (key exchanges, signatures) under way.
    pub tasks: u64,
    /// Most that may be.
    pub max_tasks: u64,
    /// Everything counted, those at zero may be left out: group, name, count, as the IKE core names them.
    pub counts: Vec<IkeCount>,
}

/// One counter of IKE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct IkeCount {
    /// `dropped`, `full`, `event`, `failed`, `received_request`, `received_response`, `sent_request`, `sent_response`,
    /// `received_notify`, `sent_notify`.
    pub group: String,
    /// Name within the group: `ike_sa_init`, `cookie_sent`, `authentication`.
    pub name: String,
    /// How often.
    pub count: u64,
}

impl IkeStats {
    /// The counter of this group and name.
    pub fn count(&self, group: &str, name: &str) -> u64 {
        self.counts
            .iter()
            .find(|count| count.group == group && count.name == name)
            .map_or(0, |count| count.count)
    }

    /// The sum of a group.
    pub fn total(&self, group: &str) -> u64 {
        self.counts.iter().filter(|count| count.group == group).map(|count| count.count).sum()
    }
}
