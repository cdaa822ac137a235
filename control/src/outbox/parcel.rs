//! A packet and where it goes.

use nhrp::{Owner, Station};
use shm::message::{Inject, LinkId, Protection, TunnelId};
use std::net::Ipv4Addr;

/// A packet for the data plane to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parcel {
    /// Of NHRP.
    Nhrp {
        /// Tunnel.
        tunnel: TunnelId,
        /// Station.
        to: Station,
        /// From ar$afn on.
        packet: Vec<u8>,
    },
    /// Of IKE.
    Ike {
        /// From where to where.
        path: ike::Path,
        /// From the initiator's SPI on.
        datagram: Vec<u8>,
    },
}

/// Where a packet goes at present, and what it is wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Outer destination.
    pub nbma: Ipv4Addr,
    /// On a protected tunnel.
    pub protection: Option<Protection>,
}

/// Whose share of the room a packet takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Recipient {
    Station(Owner),
    Port(Ipv4Addr, u16),
}

impl Parcel {
    /// Whether it is IKE's.
    pub fn is_ike(&self) -> bool {
        matches!(self, Self::Ike { .. })
    }

    pub(super) fn recipient(&self) -> Recipient {
        match self {
            Self::Nhrp { to, .. } => Recipient::Station(to.owner()),
            Self::Ike { path, .. } => Recipient::Port(path.remote.0, path.remote.1),
        }
    }

    pub(super) fn inject(&self, link: LinkId, envelope: Envelope) -> Inject<'_> {
        let Envelope { nbma, protection } = envelope;
        match self {
            Self::Nhrp { tunnel, packet, .. } => {
                Inject::Nhrp { tunnel: *tunnel, nbma, link, protection, packet }
            }
            Self::Ike { path, datagram } => Inject::Ike {
                local: path.local.0,
                local_port: path.local.1,
                nbma,
                port: path.remote.1,
                link,
                packet: datagram,
            },
        }
    }
}
