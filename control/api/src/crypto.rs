//! IKE and IPsec SAs, as `show crypto session`, `show crypto ikev2 sa` and `show crypto ipsec sa` show them.

mod child;
mod ike;
mod stats;

pub use child::{ChildSa, FlowMode, Received, Sent};
pub use ike::{IkeSa, IkeState};
pub use stats::{IkeCount, IkeStats};

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// One spoke's session, or an attempt at one: its IKE SA and its child SAs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CryptoSession {
    /// Number of the session, the same over rekeys, moves and reconnects of the identity; `None`: not authenticated yet.
    pub id: Option<u32>,
    /// Protected tunnel interfaces that its SAs serve: all of its local address, in `hub.toml`'s order.
    pub interfaces: Vec<String>,
    /// Name of the `[[protection]]`.
    pub protection: String,
    /// Name of the VRF that its packets travel in; absent: the global one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fvrf: Option<String>,
    /// Names of the VRFs of its tunnel interfaces, but for the global one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ivrf: Vec<String>,
    /// How far it is.
    pub status: SessionStatus,
    /// Whom the peer proved to be. From the network: show it escaped. `None` while half-open.
    pub identity: Option<String>,
    /// Tunnel addresses that it has registered by NHRP, sorted.
    pub tunnels: Vec<Ipv4Addr>,
    /// Seconds since the peer authenticated, over rekeys; `None`: not yet.
    pub uptime: Option<u64>,
    /// Its IKE SA.
    pub ike: IkeSa,
    /// Its child SAs: the one that the hub sends with first, then others by age, youngest first.
    pub children: Vec<ChildSa>,
}

/// How far a session is. Words of Cisco's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionStatus {
    /// IKE SA and child SA are there.
    UpActive,
    /// The peer is authenticated and has no child SA.
    UpIdle,
    /// A child SA lives on while its IKE SA is being deleted.
    UpNoIke,
    /// The IKE SA is being deleted, and there is no child SA.
    Down,
    /// The peer is not authenticated yet.
    DownNegotiating,
}

impl SessionStatus {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::UpActive, Self::UpIdle, Self::UpNoIke, Self::Down, Self::DownNegotiating];

    /// Cisco's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::UpActive => "UP-ACTIVE",
            Self::UpIdle => "UP-IDLE",
            Self::UpNoIke => "UP-NO-IKE",
            Self::Down => "DOWN",
            Self::DownNegotiating => "DOWN-NEGOTIATING",
        }
    }
}

/// Which sessions; all conditions given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CryptoFilter {
    /// That serve this tunnel interface.
    pub interface: Option<String>,
    /// Of peers at this outer address.
    pub remote: Option<Ipv4Addr>,
    /// Of peers with this tunnel address.
    pub tunnel: Option<Ipv4Addr>,
    /// Of this identity, without regard to case.
    pub identity: Option<String>,
    /// With this number.
    pub session: Option<u32>,
}
