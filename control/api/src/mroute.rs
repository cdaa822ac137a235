//! Multicast routes.

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// One multicast route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mroute {
    /// Source; absent: any.
    pub source: Option<Ipv4Addr>,
    /// Group.
    pub group: Ipv4Addr,
    /// Port or tunnel that its packets come in by; absent: another interface of the kernel's.
    pub incoming: Option<String>,
    /// Ports and tunnels that they go out by.
    pub outgoing: Vec<MrouteInterface>,
    /// The kernel sends them out by other interfaces too.
    pub kernel: bool,
    /// Packets that came in.
    pub packets: u64,
    /// Their octets.
    pub bytes: u64,
    /// Copies sent.
    pub copies: u64,
    /// Packets that came in by another interface.
    pub wrong_interface: u64,
    /// Packets or copies dropped for another reason.
    pub dropped: u64,
}

/// An outgoing interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MrouteInterface {
    /// Its name.
    pub interface: String,
    /// Of a tunnel: the spokes that have joined.
    pub spokes: Vec<MrouteSpoke>,
}

/// A spoke that has joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MrouteSpoke {
    /// Its tunnel address, the lowest if it has several; absent: it has none.
    pub tunnel: Option<Ipv4Addr>,
    /// Its NBMA address.
    pub nbma: Ipv4Addr,
    /// Seconds until its join ends unless it is said again; absent: never.
    pub expires: Option<u64>,
}
