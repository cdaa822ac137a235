//! What the server wants done.

use crate::{Binding, ByType, LogEvent, Station, TunnelId};
use std::fmt;
use std::net::Ipv4Addr;

/// One thing to do. Actions are carried out in order: a `Bind` comes before the packet that confirms it.
#[derive(Clone, PartialEq, Eq)]
pub enum Action {
    /// Send an NHRP packet in GRE (protocol type 0x2001, the tunnel's key, DSCP CS6).
    Send {
        /// Tunnel whose source and key are used.
        tunnel: TunnelId,
        /// To whom.
        to: Station,
        /// From ar$afn on, checksum set.
        packet: Vec<u8>,
    },
    /// A binding is new or leads elsewhere: adjacency, host route and multicast leaf follow it.
    Bind {
        /// As it is from now on.
        binding: Binding,
        /// What is new about it.
        change: Change,
    },
    /// A binding lives longer; nothing else about it changed. For the journal only.
    Refresh {
        /// As it is from now on.
        binding: Binding,
    },
    /// A binding is gone.
    Unbind {
        /// Its tunnel.
        tunnel: TunnelId,
        /// Its protocol address.
        protocol: Ipv4Addr,
        /// Whose it was.
        station: Station,
        /// Why.
        reason: UnbindReason,
    },
    /// Tell the operator.
    Log(LogEvent),
}

/// Of a packet no octets: the password is among them.
impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { tunnel, to, packet } => {
                let kind = ByType::NAMES.get(usize::from(packet.get(17).copied().unwrap_or(0)));
                write!(
                    f,
                    "Send({} of {} octets by tunnel {tunnel} to {to})",
                    kind.unwrap_or(&""),
                    packet.len()
                )
            }
            Self::Bind { binding, change } => write!(f, "Bind({change:?}, {binding:?})"),
            Self::Refresh { binding } => write!(f, "Refresh({binding:?})"),
            Self::Unbind { tunnel, protocol, station, reason } => {
                write!(f, "Unbind({reason:?}, {protocol} at {station} by tunnel {tunnel})")
            }
            Self::Log(event) => write!(f, "Log({event:?})"),
        }
    }
}

/// What [`Action::Bind`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// From the configuration.
    Static,
    /// First registration.
    New,
    /// Same protocol address, other NBMA address.
    Moved {
        /// The NBMA address until now.
        from: Ipv4Addr,
    },
    /// Claimed NBMA address or flags changed; it still leads to the same NBMA address.
    Updated,
    /// Read back from the journal.
    Restored,
}

/// Why a binding ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnbindReason {
    /// Its holding time passed without a registration.
    Expired,
    /// Its owner withdrew it (purge, or registration with holding time 0).
    Purged,
    /// An operator cleared it.
    Cleared,
    /// Its IPsec session is gone, for the reason in these words.
    Session(&'static str),
}

impl UnbindReason {
    /// A few words for operators, as in Cisco's `%DMVPN-5-NHRP_NHC_DOWN`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Expired => "NHRP registration timeout",
            Self::Purged => "withdrawn by the spoke",
            Self::Cleared => "cleared by the operator",
            Self::Session(why) => why,
        }
    }
}
