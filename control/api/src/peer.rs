//! Peers of a tunnel interface, as `show dmvpn` lists them.

use crate::{CacheEntry, CryptoSession, Failure, Kind, Prefix, Traffic};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// A tunnel interface and its peers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Dmvpn {
    /// Name, `Tunnel0`.
    pub interface: String,
    /// Name of the TUN twin in the kernel.
    pub kernel_interface: String,
    /// Not shut down (the kernel twin is up).
    pub admin_up: bool,
    /// Works: admin up, dataplane attached, source address present on a port that has a link.
    pub line_up: bool,
    /// The hub's address in the tunnel with the length of the subnet.
    pub address: Prefix,
    /// Outer source address.
    pub source: Ipv4Addr,
    /// Name of the VRF of what it carries; absent: the global one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrf: Option<String>,
    /// Name of the VRF that its packets travel in; absent: the global one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel_vrf: Option<String>,
    /// GRE key.
    pub key: Option<u32>,
    /// NHRP network id.
    pub network_id: u32,
    /// DMVPN phase, 1 to 3.
    pub phase: u8,
    /// Name of the IPsec profile that protects it; `None`: in the clear.
    pub protection: Option<String>,
    /// Peers, one element per tunnel address, sorted by NBMA address (unknown last), then by tunnel address. Holds
    /// what is registered or statically mapped, what is being resolved, what was there and is down, and on a protected
    /// interface who has an IKE session and is not registered, with the tunnel address 0.0.0.0.
    pub peers: Vec<Peer>,
    /// IKE sessions of its source address, if the request wanted them; of a filtered request those of its peers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<CryptoSession>,
}

/// One tunnel address of one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Peer {
    /// Its NBMA address; `None` while unknown.
    pub nbma: Option<Ipv4Addr>,
    /// The NBMA address it believes to have, where NAT has changed it.
    pub claimed_nbma: Option<Ipv4Addr>,
    /// Its tunnel address.
    pub tunnel: Ipv4Addr,
    /// The prefix that the entry covers, usually `tunnel/32`.
    pub network: Prefix,
    /// Number of its IKE session; `None`: in the clear, or it has none now.
    #[serde(default)]
    pub session: Option<u32>,
    /// Whom it proved to be by IKE, also if its session is gone. From the network: show it escaped.
    #[serde(default)]
    pub identity: Option<String>,
    /// How far it is.
    pub state: PeerState,
    /// Seconds since it came up or went down; `None`: it was never up.
    pub since: Option<u64>,
    /// Where the entry comes from.
    pub kind: Kind,
    /// Whether multicast is replicated to it.
    pub multicast: bool,
    /// Group name the spoke gave in its registration. From the network: show it escaped.
    pub group: Option<String>,
    /// Overlay packets and octets from (rx) and to (tx) it; `None` while it has no adjacency.
    pub traffic: Option<Traffic>,
    /// What last went wrong with it.
    pub last_failure: Option<Failure>,
}

/// How far a peer is. Words of Cisco's State column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerState {
    /// Registered or mapped: packets flow.
    Up,
    /// Not registered: waiting for NHRP. Also a peer that was up and whose registration ran out. On a protected
    /// interface its session has a child SA.
    Nhrp,
    /// Waiting for IKE: a protected interface's peer without an authenticated session, be it registered or not.
    Ike,
    /// Waiting for IPsec: it is authenticated and has no child SA.
    Ipsec,
    /// The tunnel interface itself is not up.
    Intf,
}

impl PeerState {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Up, Self::Nhrp, Self::Ike, Self::Ipsec, Self::Intf];

    /// Word of Cisco's State column.
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "UP",
            Self::Nhrp => "NHRP",
            Self::Ike => "IKE",
            Self::Ipsec => "IPSEC",
            Self::Intf => "INTF",
        }
    }
}

/// All that is known of one address, for the question why a spoke is not up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Why {
    /// The address asked for.
    pub address: Ipv4Addr,
    /// Tunnel interfaces with their peers that have this NBMA or tunnel address; interfaces without one are left out.
    pub interfaces: Vec<Dmvpn>,
    /// Cache entries of those peers.
    pub entries: Vec<CacheEntry>,
    /// Failures of this NBMA or tunnel address, latest first.
    pub failures: Vec<Failure>,
}
