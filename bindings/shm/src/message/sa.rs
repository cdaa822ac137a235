//! Security associations, as control gives them to the dataplane.

use super::Keys;
use std::net::Ipv4Addr;
use std::num::{NonZeroU8, NonZeroU32, NonZeroU64};

/// Slot of a child SA, both directions, chosen by control, below [`max_sas`].
pub type SaId = u32;
/// Number that control gives to an authenticated IKE peer. It outlives rekeys, moves to another address and a new IKE
/// SA of the same identity.
pub type SessionId = NonZeroU32;

/// UDP port of IKE (RFC 7296 2).
pub const IKE_PORT: u16 = 500;
/// UDP port of IKE and ESP when there is a NAT (RFC 3948 2).
pub const NAT_T_PORT: u16 = 4_500;
/// Smallest replay window, in packets.
pub const MIN_WINDOW: u16 = 64;
/// Largest replay window, in packets.
pub const MAX_WINDOW: u16 = 4_096;
/// SPIs up to this one are reserved (RFC 4303 2.1).
pub const RESERVED_SPIS: u32 = 255;
/// Bits of an inbound SPI that name the slot; the octet above them is the generation.
const SLOT_BITS: u32 = 24;

/// How many SA slots a segment for `max_peers` peers has: each peer's SA and, during a rekey, its successor, and some
/// that have been deleted and wait for the dataplane to say so.
pub const fn max_sas(max_peers: u32) -> u32 {
    max_peers.saturating_mul(2).saturating_add(1_024)
}
const _: () = assert!(max_sas(1 << 20) < 1 << SLOT_BITS);

/// The inbound SPI of a slot. It carries its slot, so that a worker finds the SA without a look-up, and a generation,
/// so that a late packet of the slot's last user is none of the next one's. Above [`RESERVED_SPIS`] since no generation
/// is 0. `id` is cut to 24 bits.
pub const fn spi(generation: NonZeroU8, id: SaId) -> u32 {
    (generation.get() as u32) << SLOT_BITS | sa_of(id)
}

/// The slot that an inbound SPI names.
pub const fn sa_of(spi: u32) -> SaId {
    spi & ((1 << SLOT_BITS) - 1)
}

/// How packets to a protected peer leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protection {
    /// Whose they are.
    pub session: SessionId,
    /// The SA to send with; `None`: there is none now, packets are dropped as `esp_no_sa`.
    pub sa: Option<SaId>,
    /// The peer's port of UDP encapsulation, never 0, ours is [`NAT_T_PORT`]; `None`: plain ESP.
    pub udp: Option<u16>,
}

/// RFC 4303 3.1. In both modes what is protected is the GRE packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The outer header is the GRE header's own.
    Transport,
    /// Another IPv4 header of its own is within.
    Tunnel {
        /// The hub's address in the inner header.
        local: Ipv4Addr,
        /// The peer's address in the inner header.
        remote: Ipv4Addr,
    },
}

/// In which form an inbound SA's packets come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encap {
    /// IKE detected no NAT: both forms are accepted (RFC 7296 2.23).
    Plain,
    /// There is a NAT: in UDP only, else drop as `esp_encap_mismatch`.
    Udp,
}

/// Half of an SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer.
    Inbound,
    /// To the peer.
    Outbound,
}

/// Installs the inbound half of a child SA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaInbound {
    /// Slot.
    pub id: SaId,
    /// Ours, made by [`spi`] for this slot.
    pub spi: u32,
    /// What [`crate::Segment::arm`] was given for this child SA.
    pub tag: NonZeroU64,
    /// Whose it is.
    pub session: SessionId,
    /// The hub's address.
    pub local: Ipv4Addr,
    /// The peer's present address.
    pub nbma: Ipv4Addr,
    /// The peer's present port, never 0, when its ESP comes in UDP; `None`: plain.
    pub udp: Option<u16>,
    /// Which forms are accepted. [`Encap::Udp`] goes with a port in `udp`.
    pub encap: Encap,
    /// Transport or tunnel.
    pub mode: Mode,
    /// Extended sequence numbers (RFC 4303 2.2.1).
    pub esn: bool,
    /// Replay window in packets, a power of two from [`MIN_WINDOW`] to [`MAX_WINDOW`].
    pub window: u16,
    /// Keys of this direction.
    pub keys: Keys,
}

/// Installs the outbound half of a child SA; a peer's adjacency or an injected packet that names it uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaOutbound {
    /// Slot.
    pub id: SaId,
    /// The peer's, above [`RESERVED_SPIS`].
    pub spi: u32,
    /// What [`crate::Segment::arm`] was given for this child SA. A dataplane whose cells carry another tag refuses.
    pub tag: NonZeroU64,
    /// Transport or tunnel.
    pub mode: Mode,
    /// Extended sequence numbers.
    pub esn: bool,
    /// Greatest sequence number it may send, never 0: the end of its life.
    pub hard_packets: u64,
    /// Keys of this direction.
    pub keys: Keys,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_spi_carries_its_slot_and_is_never_reserved() {
        for generation in [1, 2, 255].map(|n| NonZeroU8::new(n).unwrap()) {
            for id in [0, 1, 77_777, (1 << SLOT_BITS) - 1] {
                let spi = spi(generation, id);
                assert!(spi > RESERVED_SPIS);
                assert_eq!((sa_of(spi), spi >> SLOT_BITS), (id, generation.get().into()));
            }
        }
    }
}
