//! What a client may ask.
//!
//! Unknown fields are refused: a `clear` whose filter an older server did not understand would clear everything.

use crate::{CryptoFilter, Kind, Prefix};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// One request, one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// `show version`, `show status`: answered with [`crate::Response::Status`].
    Status,
    /// `show dmvpn`: answered with [`crate::Response::Dmvpn`], one element per tunnel interface in `hub.toml`'s order.
    Dmvpn {
        /// Which peers.
        #[serde(default)]
        filter: PeerFilter,
        /// With [`crate::Dmvpn::sessions`], for `show dmvpn detail`.
        #[serde(default)]
        crypto: bool,
    },
    /// `show crypto session`, `show crypto ikev2 sa`, `show crypto ipsec sa`: answered with
    /// [`crate::Response::CryptoSessions`], sorted by remote address and port, then by number.
    CryptoSessions {
        /// Which sessions.
        #[serde(default)]
        filter: CryptoFilter,
    },
    /// `show crypto ikev2 stats`: answered with [`crate::Response::IkeStats`].
    IkeStats,
    /// `show ip nhrp`: answered with [`crate::Response::NhrpCache`], sorted by interface, then by address.
    NhrpCache {
        /// Which entries.
        #[serde(default)]
        filter: CacheFilter,
    },
    /// `show ip nhrp summary`: answered with [`crate::Response::NhrpSummary`].
    NhrpSummary,
    /// `show ip nhrp traffic`: answered with [`crate::Response::NhrpTraffic`], one element per tunnel interface.
    NhrpTraffic {
        /// Of one tunnel interface only.
        #[serde(default)]
        interface: Option<String>,
    },
    /// `show interfaces`: answered with [`crate::Response::Interfaces`], ports first.
    Interfaces {
        /// One only.
        #[serde(default)]
        interface: Option<String>,
    },
    /// `show ip route`: answered with [`crate::Response::Routes`], sorted by prefix.
    Routes {
        /// Of the VRF with this name; absent: of the global one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vrf: Option<String>,
        /// Only the route that a packet to this address takes.
        #[serde(default)]
        address: Option<Ipv4Addr>,
    },
    /// `show ip mroute`: answered with [`crate::Response::Mroutes`], sorted by group and source.
    Mroutes {
        /// Of one group only.
        #[serde(default)]
        group: Option<Ipv4Addr>,
    },
    /// `show drops`: answered with [`crate::Response::Drops`], every reason, also those at zero.
    Drops,
    /// `show policy-map control-plane`: answered with [`crate::Response::ControlPlane`], every class.
    ControlPlane,
    /// `show workers`: answered with [`crate::Response::Workers`].
    Workers,
    /// `show dmvpn why ADDRESS`: answered with [`crate::Response::Why`].
    Why {
        /// NBMA or tunnel address of the spoke.
        address: Ipv4Addr,
    },
    /// `show dmvpn failures`: answered with [`crate::Response::Failures`], latest first.
    Failures,
    /// `clear dmvpn session`: forgets peers as if their holding time had run out; they come back when they register.
    /// Answered with [`crate::Response::Cleared`].
    ClearDmvpn {
        /// Which peers.
        #[serde(default)]
        filter: PeerFilter,
        /// Static mappings too: their state is started afresh, the mapping itself stays configured.
        #[serde(default, rename = "static")]
        include_static: bool,
    },
    /// `clear crypto session`: deletes IKE SAs with their child SAs and tells the peers; they come back when they
    /// connect. Answered with [`crate::Response::Cleared`].
    ClearCrypto {
        /// Which sessions.
        #[serde(default)]
        filter: CryptoFilter,
    },
    /// `clear ip nhrp`: removes dynamic and incomplete cache entries. Answered with [`crate::Response::Cleared`].
    ClearNhrp {
        /// Only entries inside this prefix.
        #[serde(default)]
        prefix: Option<Prefix>,
    },
    /// `clear ip nhrp counters`: sets what [`Request::NhrpTraffic`] counts to zero. Answered with
    /// [`crate::Response::Cleared`]. The counters that metrics export are never reset.
    ClearNhrpCounters {
        /// Of one tunnel interface only.
        #[serde(default)]
        interface: Option<String>,
    },
}

/// Which peers; all conditions given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct PeerFilter {
    /// Of this tunnel interface.
    pub interface: Option<String>,
    /// With this NBMA address.
    pub nbma: Option<Ipv4Addr>,
    /// With this tunnel address.
    pub tunnel: Option<Ipv4Addr>,
}

/// Which cache entries; all conditions given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CacheFilter {
    /// Of this tunnel interface.
    pub interface: Option<String>,
    /// Covering this address.
    pub address: Option<Ipv4Addr>,
    /// Of this kind.
    pub kind: Option<Kind>,
}
