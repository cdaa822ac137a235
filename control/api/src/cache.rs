//! The NHRP cache, as `show ip nhrp` lists it.

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
