//! What the responder wants done.

use crate::{EspKeys, LogEvent, Path, SaId, SessionId, Task};
use std::fmt;
use std::net::Ipv4Addr;
use std::num::NonZeroU64;

/// One thing to do. Actions are carried out in order: the inbound half of a child SA is installed before the reply that
/// makes the peer use it.
pub enum Action {
    /// Send an IKE message; from port 4500 behind a non-ESP marker (RFC 3948 2.2).
    Send {
        /// From where, to where.
        path: Path,
        /// From the initiator's SPI on.
        datagram: Vec<u8>,
    },
    /// Have this computed, off the event loop, and bring back the outcome ([`crate::Responder::computed`]).
    Compute(Task),
    /// Install the inbound half of a child SA. The slot is armed with the tag, unless it is `restored`.
    Inbound(ChildInbound),
    /// Install the outbound half of a child SA. Comes after the inbound half of the same slot, before the `Use` of it.
    Outbound(ChildOutbound),
    /// From now on send to this peer with this child SA. `None`: with none, drop instead.
    Use {
        /// The peer.
        session: SessionId,
        /// The child SA's slot.
        sa: Option<SaId>,
    },
    /// Remove one half of a child SA. The slot is free when the inbound half is gone, which always goes last.
    Remove {
        /// The slot.
        sa: SaId,
        /// Which half.
        direction: Direction,
    },
    /// A peer proved who it is. Comes before anything else about the session.
    SessionUp(SessionUp),
    /// A peer's authentic packet came from elsewhere: all that is sent to it goes there from now on.
    SessionMoved {
        /// The peer.
        session: SessionId,
        /// Where it is now.
        path: Path,
        /// How ESP travels.
        encapsulation: Encapsulation,
    },
    /// A peer is gone: its child SAs were removed by actions before this one.
    SessionDown {
        /// The peer.
        session: SessionId,
        /// Why.
        why: WhyDown,
    },
    /// What [`crate::Responder::export`] gives for this session is another than before, or nothing: persist it, before
    /// the `Send`s that follow.
    Changed(SessionId),
    /// Tell the operator.
    Log(LogEvent),
}

/// A peer proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionUp {
    /// Its number. A peer whose identity was seen before has the number that it had.
    pub session: SessionId,
    /// Its identity as text: a name, an address, a distinguished name.
    pub identity: String,
    /// Where it is.
    pub path: Path,
    /// How ESP travels.
    pub encapsulation: Encapsulation,
    /// It replaces its own earlier IKE SA, which was still up: nothing that was learnt from it is void.
    pub replaces: bool,
    /// Read back by [`crate::Responder::restore`].
    pub restored: bool,
}

/// How ESP travels to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encapsulation {
    /// IP protocol 50: no NAT was detected. The peer may still send in UDP (RFC 7296 2.23).
    Plain,
    /// In UDP, from our port 4500 to this port of the peer.
    Udp(u16),
}

/// Mode of a child SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The GRE packet follows the ESP header.
    Transport,
    /// An IPv4 header with these addresses stands between.
    Tunnel {
        /// Ours in that header.
        local: Ipv4Addr,
        /// The peer's.
        remote: Ipv4Addr,
    },
}

/// Half of a child SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer.
    Inbound,
    /// To the peer.
    Outbound,
}

/// Inbound half of a child SA.
#[derive(Clone, Debug)]
pub struct ChildInbound {
    /// Whose.
    pub session: SessionId,
    /// Its slot.
    pub sa: SaId,
    /// SPI in the packets.
    pub spi: u32,
    /// Says which keys the slot's counters belong to; random.
    pub tag: NonZeroU64,
    /// Our outer address.
    pub local: Ipv4Addr,
    /// The peer's outer address.
    pub remote: Ipv4Addr,
    /// How packets travel.
    pub encapsulation: Encapsulation,
    /// Mode.
    pub mode: Mode,
    /// Extended sequence numbers.
    pub esn: bool,
    /// Keys.
    pub keys: EspKeys,
    /// The slot is in use since before the restart: it is not to be armed again.
    pub restored: bool,
}

/// Outbound half of a child SA.
#[derive(Clone, Debug)]
pub struct ChildOutbound {
    /// Whose.
    pub session: SessionId,
    /// Its slot.
    pub sa: SaId,
    /// SPI to send with.
    pub spi: u32,
    /// As in the inbound half.
    pub tag: NonZeroU64,
    /// Mode.
    pub mode: Mode,
    /// Extended sequence numbers.
    pub esn: bool,
    /// Keys.
    pub keys: EspKeys,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhyDown {
    /// The peer deleted its IKE SA.
    Deleted,
    /// No answer to our retransmissions: dead peer.
    Dead,
    /// The operator cleared it.
    Cleared,
    /// Another IKE SA of the same identity took its place.
    Replaced,
    /// Its lifetime ended without a new IKE SA.
    Expired,
    /// It sent something authentic that makes no sense.
    Syntax,
    /// Its rekeys failed again and again.
    Rekey,
    /// A restored session could not be taken over whole.
    NotRestored,
}

impl WhyDown {
    /// A few words for operators.
    pub fn text(self) -> &'static str {
        match self {
            Self::Deleted => "deleted by the peer",
            Self::Dead => "dead peer: no answer",
            Self::Cleared => "cleared by the operator",
            Self::Replaced => "replaced by a newer IKE SA of the same identity",
            Self::Expired => "lifetime expired",
            Self::Syntax => "invalid syntax",
            Self::Rekey => "rekeys failed too often",
            Self::NotRestored => "could not be restored",
        }
    }
}

/// Of a message no octets.
impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { path, datagram } => {
                write!(f, "Send({} octets from {:?} to {:?})", datagram.len(), path.local, path.remote)
            }
            Self::Compute(_) => write!(f, "Compute"),
            Self::Inbound(child) => write!(f, "Inbound(sa {}, session {})", child.sa, child.session),
            Self::Outbound(child) => write!(f, "Outbound(sa {}, session {})", child.sa, child.session),
            Self::Use { session, sa } => write!(f, "Use(sa {sa:?}, session {session})"),
            Self::Remove { sa, direction } => write!(f, "Remove(sa {sa}, {direction:?})"),
            Self::SessionUp(up) => write!(f, "{up:?}"),
            Self::SessionMoved { session, path, .. } => write!(f, "SessionMoved({session}, {path:?})"),
            Self::SessionDown { session, why } => write!(f, "SessionDown({session}, {why:?})"),
            Self::Changed(session) => write!(f, "Changed({session})"),
            Self::Log(event) => write!(f, "Log({event:?})"),
        }
    }
}
