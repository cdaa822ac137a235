//! What the passes of one burst know of a packet: see [`crate::path`].

use crate::fib::place;
use crate::leaf::Leaf;
use shm::drops::DropReason;
use shm::message::{GLOBAL, PeerId, TunnelId, VrfId};

/// Where a packet came from. It decides whose rules hold for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// A spoke, out of a tunnel.
    Spoke,
    /// The data centre, by a port.
    Lan,
    /// The hub's own kernel, by a TUN twin, or the hub itself.
    Hub,
}

/// What a packet is, once it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// An inner IPv4 packet for the FIB to decide on.
    Forward,
    /// An inner IPv4 packet for the hub itself, whatever the FIB says: multicast or broadcast.
    Local,
    /// From a spoke or the LAN to a group.
    Multicast,
    /// From the hub to many: replicate.
    Replicate,
    /// An NHRP packet.
    Nhrp,
    /// A frame for the port's twin, or a datagram put together out of fragments, which gets a frame again.
    PortTwin,
    /// A part of a datagram to a tunnel source.
    Fragment,
    /// An ESP packet to be opened, which came from this UDP port; 0: plain.
    Esp(u16),
    /// An authentic packet's SA is another worker's.
    Handoff(u8),
    /// An IKE message.
    Ike {
        /// Source port.
        port: u16,
        /// Whether it came to port 4500, not 500.
        natt: bool,
    },
    /// Discard; an operator hears of it only through the counter.
    Drop(DropReason),
    /// Discard, and tell control, with the key if there was one.
    Refuse(DropReason, Option<u32>),
}

/// No ingress tunnel.
pub(crate) const NO_TUNNEL: TunnelId = TunnelId::MAX;
/// No ingress peer.
pub(crate) const NO_PEER: PeerId = PeerId::MAX;

/// What is known of one packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meta {
    pub(crate) verdict: Verdict,
    pub(crate) from: From,
    /// ToS octet of the outer header, 0 without one.
    pub(crate) outer_tos: u8,
    /// Tunnel it came by, or [`NO_TUNNEL`].
    pub(crate) tunnel: TunnelId,
    /// VRF whose table decides: of the tunnel, or of the LAN port, it came by; until that is known, of the port.
    pub(crate) vrf: VrfId,
    /// Octets in front of the inner packet.
    pub(crate) at: u16,
    /// Octets of the inner packet.
    pub(crate) len: u16,
    /// Outer source address, host order.
    pub(crate) nbma: u32,
    /// Outer destination address, host order.
    pub(crate) local: u32,
    /// What its sender is known by: the outer source address, host order, or of what came out of ESP the session.
    pub(crate) station: u32,
    /// Inner source address, host order; of ESP the SPI.
    pub(crate) source: u32,
    /// Inner destination address, host order; of ESP the low half of the sequence number.
    pub(crate) destination: u32,
    /// Spoke that sent it, or [`NO_PEER`].
    pub(crate) peer: PeerId,
    /// What the FIB says.
    pub(crate) leaf: Leaf,
}
const _: () = assert!(size_of::<Meta>() <= 48);

impl Meta {
    /// Of a packet nothing is known of yet.
    #[inline(always)]
    pub(crate) const fn new(from: From, tunnel: TunnelId) -> Self {
        Self {
            verdict: Verdict::Forward,
            from,
            outer_tos: 0,
            tunnel,
            vrf: GLOBAL,
            at: 0,
            len: 0,
            nbma: 0,
            local: 0,
            station: 0,
            source: 0,
            destination: 0,
            peer: NO_PEER,
            leaf: Leaf::NONE,
        }
    }
    /// In a VRF.
    #[inline(always)]
    pub(crate) const fn in_vrf(mut self, vrf: VrfId) -> Self {
        self.vrf = vrf;
        self
    }
    /// Where it goes, as the FIB has it.
    #[inline(always)]
    pub(crate) fn place(&self) -> u64 {
        place(self.vrf, self.destination)
    }
}
