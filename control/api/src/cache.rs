//! The NHRP cache, as `show ip nhrp` lists it, and what NHRP counts.

use crate::Prefix;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// Where an entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Configured.
    Static,
    /// Registered or resolved.
    Dynamic,
    /// Asked for and not answered.
    Incomplete,
}

/// What is known of an entry beyond its addresses. Words and order of Cisco's `Flags:` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// Learnt from the owner's own NHS or router.
    Authoritative,
    /// Learnt from the source of a request in transit.
    Implicit,
    /// Another NBMA address cannot take it over.
    Unique,
    /// From a registration.
    Registered,
    /// The peer understands the NAT extension.
    Nat,
    /// About a network behind the peer.
    Router,
    /// The hub's own, given out to requesters.
    Local,
    /// Asked, not resolved, and remembered as such.
    Negative,
    /// A data packet used it in the last minute.
    Used,
    /// Of the next hop itself.
    Nhop,
    /// A route in the table was installed for it.
    Rib,
    /// Overrides a route's next hop.
    Nho,
    /// Stands in until resolution ends.
    Temporary,
}

impl Flag {
    /// Cisco's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Authoritative => "authoritative",
            Self::Implicit => "implicit",
            Self::Unique => "unique",
            Self::Registered => "registered",
            Self::Router => "router",
            Self::Local => "local",
            Self::Negative => "negative",
            Self::Used => "used",
            Self::Nhop => "nhop",
            Self::Rib => "rib",
            Self::Nho => "nho",
            Self::Nat => "nat",
            Self::Temporary => "temporary",
        }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CacheEntry {
    /// Tunnel interface.
    pub interface: String,
    /// The prefix it resolves.
    pub network: Prefix,
    /// Tunnel address of the next hop.
    pub via: Ipv4Addr,
    /// NBMA address of the next hop; `None` while incomplete.
    pub nbma: Option<Ipv4Addr>,
    /// The NBMA address the peer believes to have, where NAT has changed it.
    pub claimed_nbma: Option<Ipv4Addr>,
    /// Where it comes from.
    pub kind: Kind,
    /// Flags, sorted.
    pub flags: Vec<Flag>,
    /// Seconds since it was made.
    pub created: u64,
    /// Seconds until it runs out; `None`: never.
    pub expires: Option<u64>,
    /// Holding time in seconds that was last given; `None` for static entries.
    pub holdtime: Option<u16>,
    /// MTU that was given, 0 if none.
    pub mtu: u16,
    /// Preference, 0 to 255.
    pub preference: u8,
    /// Group name the spoke gave in its registration. From the network: show it escaped.
    pub group: Option<String>,
    /// Whether multicast is replicated to it.
    #[serde(default)]
    pub multicast: bool,
    /// NHRP packets it answered or led.
    #[serde(default)]
    pub hits: u64,
    /// Vendor-private extension of the latest registration in hexadecimal, empty if none.
    #[serde(default)]
    pub vendor: String,
    /// Who was given it, for purges.
    pub requesters: Vec<Requester>,
    /// Id of the resolution request that an incomplete entry waits for.
    pub request_id: Option<u32>,
}

/// A station that was given an entry and must hear when it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Requester {
    /// Its tunnel address.
    pub address: Ipv4Addr,
    /// Request id of its resolution request.
    pub request_id: u32,
}

/// Entries by what they are. Fold entries in with [`NhrpSummary::add`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NhrpSummary {
    /// All.
    pub entries: u64,
    /// Memory they take, in octets.
    pub octets: u64,
    /// Of other stations.
    pub remote: CacheCounts,
    /// The hub's own.
    pub local: CacheCounts,
}

/// Counts of one half of [`NhrpSummary`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CacheCounts {
    /// Configured.
    #[serde(rename = "static")]
    pub statics: u64,
    /// Registered or resolved.
    pub dynamic: u64,
    /// Asked for and not answered.
    pub incomplete: u64,
    /// Of next hops.
    pub nhop: u64,
    /// Standing in until resolution ends.
    pub temporary: u64,
    /// Of networks behind a peer.
    pub route: u64,
    /// With a route of their own.
    pub rib: u64,
    /// Overriding a route's next hop.
    pub nho: u64,
}

impl NhrpSummary {
    /// Counts one entry of `octets` octets.
    pub fn add(&mut self, entry: &CacheEntry, octets: u64) {
        self.entries += 1;
        self.octets += octets;
        let has = |flag| entry.flags.contains(&flag);
        let half = if has(Flag::Local) { &mut self.local } else { &mut self.remote };
        match entry.kind {
            Kind::Static => half.statics += 1,
            Kind::Dynamic => half.dynamic += 1,
            Kind::Incomplete => half.incomplete += 1,
        }
        half.nhop += u64::from(has(Flag::Nhop));
        half.temporary += u64::from(has(Flag::Temporary));
        half.route += u64::from(has(Flag::Router) && !has(Flag::Nhop));
        half.rib += u64::from(has(Flag::Rib));
        half.nho += u64::from(has(Flag::Nho));
    }
}

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
