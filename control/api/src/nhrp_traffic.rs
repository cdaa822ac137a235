//! What NHRP counts, as `show ip nhrp traffic` shows it.

use serde::{Deserialize, Serialize};

/// NHRP packets of one tunnel interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NhrpTraffic {
    /// Tunnel interface.
    pub interface: String,
    /// Most packets the hub sends in [`NhrpTraffic::WINDOW`] seconds.
    pub max_send: u32,
    /// Packets sent in the present window.
    pub window_sent: u32,
    /// Packets not sent because of the limit.
    pub limited: u64,
    /// Sent, forwarded ones included.
    pub sent: TypeCounts,
    /// Received.
    pub received: TypeCounts,
    /// Of the sent ones, those forwarded for others.
    pub forwarded: TypeCounts,
    /// Packets received that were not processed, by cause.
    pub refused: Vec<Refused>,
    /// Resolution replies passed on about less than the spoke claimed.
    pub replies_narrowed: u64,
    /// Answers whose receivers could not be remembered: they will not hear when it is no longer true.
    pub requesters_full: u64,
}

impl NhrpTraffic {
    /// Length of the send limit's window in seconds.
    pub const WINDOW: u32 = 10;
}

/// Packets refused for one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Refused {
    /// Short name, as in the metric's `reason` label.
    pub reason: String,
    /// How many.
    pub packets: u64,
}

/// Packets by NHRP type (RFC 2332 5.2; traffic indication is Cisco's type 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct TypeCounts {
    /// Type 1.
    pub resolution_request: u64,
    /// Type 2.
    pub resolution_reply: u64,
    /// Type 3.
    pub registration_request: u64,
    /// Type 4.
    pub registration_reply: u64,
    /// Type 5.
    pub purge_request: u64,
    /// Type 6.
    pub purge_reply: u64,
    /// Type 7.
    pub error_indication: u64,
    /// Type 8.
    pub traffic_indication: u64,
    /// Traffic indications not sent because the pair was told recently.
    pub redirect_suppressed: u64,
}

impl TypeCounts {
    /// All packets; what was suppressed is none.
    pub fn total(&self) -> u64 {
        self.named().iter().map(|(_, count)| count).sum()
    }
    /// Each type's count with the name that metrics use.
    pub fn named(&self) -> [(&'static str, u64); 8] {
        [
            ("resolution_request", self.resolution_request),
            ("resolution_reply", self.resolution_reply),
            ("registration_request", self.registration_request),
            ("registration_reply", self.registration_reply),
            ("purge_request", self.purge_request),
            ("purge_reply", self.purge_reply),
            ("error_indication", self.error_indication),
            ("traffic_indication", self.traffic_indication),
        ]
    }
}
