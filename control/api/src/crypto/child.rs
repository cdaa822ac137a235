//! Child SAs: a pair of ESP SAs.

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// One child SA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ChildSa {
    /// Its slot in the shared segment.
    pub id: u32,
    /// The SPI of what the peer sends.
    pub spi_in: u32,
    /// The SPI of what the hub sends.
    pub spi_out: u32,
    /// Whether the hub sends with it. One of the session's does.
    pub in_use: bool,
    /// Whether it was replaced or deleted and is only kept for packets under way: nothing is sent with it any more.
    pub lingering: bool,
    /// Algorithms in Cisco's words: `esp-gcm 256`, `esp-256-aes esp-sha256-hmac`.
    pub transform: String,
    /// Key exchange it was made with, in strongSwan's words, `ecp384`; `None`: without perfect forward secrecy.
    pub pfs: Option<String>,
    /// Extended sequence numbers.
    pub esn: bool,
    /// Transport or tunnel mode.
    pub mode: FlowMode,
    /// Whether its packets travel in UDP.
    pub udp: bool,
    /// What its selectors allow is GRE between this address of the hub ...
    pub local: Ipv4Addr,
    /// ... and this one of the peer; behind a NAT, the peer's own.
    pub remote: Ipv4Addr,
    /// Octets of an inner GRE packet that fit the port; `None`: not known.
    pub plaintext_mtu: Option<u16>,
    /// MTU of the port; `None`: not known.
    pub path_mtu: Option<u16>,
    /// Anti-replay window in packets.
    pub replay_window: u16,
    /// Seconds since it was made.
    pub age: u64,
    /// Seconds until the hub rekeys it; `None`: unlimited.
    pub remaining_seconds: Option<u64>,
    /// Kilobytes (1,024 octets) in the busier direction until the hub rekeys it; `None`: unlimited.
    pub remaining_kilobytes: Option<u64>,
    /// From the peer; `None`: its inbound half is not in the dataplane.
    pub received: Option<Received>,
    /// To the peer; `None`: its outbound half is not in the dataplane.
    pub sent: Option<Sent>,
}

/// Mode of an ESP SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowMode {
    /// Transport mode.
    Transport,
    /// Tunnel mode.
    Tunnel,
}

/// What an inbound SA counts, from the shared segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Received {
    /// Packets authenticated and fresh.
    pub packets: u64,
    /// Their octets as decrypted.
    pub bytes: u64,
    /// Packets older than the replay window.
    pub replay_old: u64,
    /// Packets seen before.
    pub replay_dup: u64,
    /// Packets whose integrity check failed.
    pub icv_failed: u64,
    /// Seconds since the last good one; `None`: none yet.
    pub idle: Option<u64>,
}

/// What an outbound SA counts, from the shared segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Sent {
    /// Packets sent.
    pub packets: u64,
    /// Their octets before encryption.
    pub bytes: u64,
    /// Packets that could not be sent: the SA was at its end, or the crypto engine refused.
    pub failed: u64,
}
