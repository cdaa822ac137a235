//! Overlay routes.

use crate::Prefix;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// One route of the forwarding table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Route {
    /// Name of its VRF; absent: the global one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrf: Option<String>,
    /// Destination.
    pub prefix: Prefix,
    /// Who asked for it.
    pub origin: Origin,
    /// Where it leads.
    pub target: Target,
    /// An NBMA address of a spoke that it covers although it leads through a tunnel: recursive routing, refused as a
    /// way for the tunnel's own packets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recursive: Option<Ipv4Addr>,
}

/// Who asked for a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Subnet of an interface.
    Connected,
    /// Address of an interface.
    Local,
    /// `[[route]]` of `hub.toml`.
    Static,
    /// A registered or mapped peer.
    Nhrp,
    /// A routing daemon or `ip route`, through the kernel; its name in `/etc/iproute2/rt_protos`, or its number.
    Kernel(String),
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Target {
    /// To a spoke.
    Peer {
        /// Tunnel interface.
        interface: String,
        /// Its tunnel address.
        via: Ipv4Addr,
        /// Its NBMA address.
        nbma: Ipv4Addr,
    },
    /// Out of a port to a router.
    NextHop {
        /// Port.
        interface: String,
        /// The router.
        via: Ipv4Addr,
        /// Whether its MAC address is known.
        resolved: bool,
    },
    /// A subnet that an interface is in.
    Attached {
        /// Interface.
        interface: String,
    },
    /// The hub itself.
    Receive {
        /// Interface whose address it is.
        interface: String,
    },
    /// One of several, flow by flow.
    Multipath {
        /// All of them; flows take those that can be used.
        ways: Vec<Way>,
    },
    /// The next hop is not registered.
    Unresolved {
        /// The next hop.
        via: Ipv4Addr,
    },
    /// Packets are discarded.
    Discard,
}

/// One of several ways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Way {
    /// Its share of the flows beside the others'.
    pub weight: u32,
    /// Where it leads.
    pub target: Target,
}
