//! A packet with where it came from.

use crate::{Station, TunnelConfig, TunnelId};
use std::net::{IpAddr, Ipv4Addr};
use wire::nhrp::{Cie, ExtensionType, Packet, PacketType};

/// What every handler needs of a received packet. Addresses are IPv4: others were refused before.
#[derive(Clone, Copy)]
pub(crate) struct Ingress<'a> {
    pub(crate) now_ms: u64,
    /// Tunnel it came in by.
    pub(crate) tunnel: TunnelId,
    /// The previous hop.
    pub(crate) station: Station,
    pub(crate) packet: Packet<'a>,
    /// Source NBMA address in the packet: what the requester believes its own to be.
    pub(crate) claimed: Ipv4Addr,
    /// Source protocol address.
    pub(crate) source: Ipv4Addr,
    /// Destination protocol address.
    pub(crate) destination: Ipv4Addr,
}

impl<'a> Ingress<'a> {
    pub(crate) fn new(now_ms: u64, tunnel: TunnelId, station: Station, packet: Packet<'a>) -> Option<Self> {
        let (claimed, source, destination) = packet.ipv4_addresses()?;
        Some(Self { now_ms, tunnel, station, packet, claimed, source, destination })
    }

    /// Outer source address.
    pub(crate) fn nbma(&self) -> Ipv4Addr {
        self.station.nbma
    }

    pub(crate) fn kind(&self) -> PacketType {
        self.packet.kind()
    }

    /// Whether nobody forwarded the packet on its way here, so that outer and claimed address belong to one station.
    pub(crate) fn is_first_hop(&self) -> bool {
        self.packet.extension(ExtensionType::ForwardTransit).is_none_or(|record| record.value.is_empty())
    }

    /// Octet offset of an extension in the packet, for error indications; 0 when it is not there.
    pub(crate) fn offset_of(&self, kind: ExtensionType) -> u16 {
        let mut offset = self.packet.header().extension_offset.get();
        for extension in self.packet.extensions() {
            if extension.kind == kind {
                return offset;
            }
            offset = offset.wrapping_add(4 + extension.value.len() as u16);
        }
        0
    }
}

/// An IPv4 address; `None` of another kind.
pub(crate) fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// The entry that the hub makes about itself.
pub(crate) fn self_cie(tunnel: &TunnelConfig, prefix_len: u8) -> Cie {
    Cie {
        prefix_len,
        mtu: tunnel.mtu,
        holding_time: tunnel.holdtime,
        nbma: Some(tunnel.nbma.into()),
        protocol: Some(tunnel.address.into()),
        ..Cie::EMPTY
    }
}

/// Whether a prefix length on the wire stands for a host (RFC 2332 5.2.0.1, and what Cisco and FRR send).
pub(crate) fn is_host(prefix_len: u8) -> bool {
    prefix_len == 0 || prefix_len >= 32
}

/// Whether an address can be no station's: zero, loopback, multicast, class E or broadcast.
pub(crate) fn is_martian(address: Ipv4Addr) -> bool {
    matches!(address.octets(), [0 | 127 | 224..=255, ..])
}
