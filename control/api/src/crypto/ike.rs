//! IKE SAs.

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// One IKE SA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct IkeSa {
    /// How far it is.
    pub state: IkeState,
    /// The hub's address.
    pub local: Ipv4Addr,
    /// The hub's port, 500 or 4500.
    pub local_port: u16,
    /// The peer's address as the hub sees it.
    pub remote: Ipv4Addr,
    /// The peer's port as the hub sees it.
    pub remote_port: u16,
    /// The hub's SPI: 16 hexadecimal digits in upper case.
    pub local_spi: String,
    /// The peer's SPI: 16 hexadecimal digits in upper case.
    pub remote_spi: String,
    /// Whether the hub began this IKE SA: by a rekey.
    pub initiator: bool,
    /// Algorithms in strongSwan's words, joined by `-`: `aes256gcm16-prfsha384-x25519-ke1_mlkem768`. Empty: not agreed
    /// yet.
    pub suite: String,
    /// Whom the hub said it is; `None`: not yet.
    pub local_identity: Option<String>,
    /// How the hub proved it: `PSK`, `RSA`, `ECDSA`, `EDDSA`; `None`: not yet.
    pub local_auth: Option<String>,
    /// How the peer proved who it is.
    pub remote_auth: Option<String>,
    /// Seconds since it was made, anew at each rekey.
    pub age: u64,
    /// Seconds of age at which the hub rekeys it; `None`: never.
    pub lifetime: Option<u64>,
    /// Seconds since the last authentic IKE message.
    pub idle: u64,
    /// How often it was rekeyed.
    pub rekeys: u32,
    /// `dpd` of hub.toml in seconds; 0: off.
    pub dpd: u32,
    /// Whether IKE fragmentation was agreed on (RFC 7383).
    pub fragmentation: bool,
    /// A NAT changes the peer's address.
    pub nat_remote: bool,
    /// A NAT changes the hub's address.
    pub nat_local: bool,
}

/// How far an IKE SA is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IkeState {
    /// The peer is not authenticated yet.
    Negotiating,
    /// Established.
    Ready,
    /// The hub has deleted it and waits for the answer.
    Deleting,
}

impl IkeState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Negotiating, Self::Ready, Self::Deleting];

    /// Cisco's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Negotiating => "IN-NEG",
            Self::Ready => "READY",
            Self::Deleting => "DELETE",
        }
    }
}
