//! The inner packet: whole, honest, and not for the hub's own tunnels.
//!
//! In: an IPv4 packet out of a tunnel, from the LAN or from a TUN twin. Out: to the FIB; to the hub (broadcast); to
//! [`crate::multicast`]. Drops: `inner_malformed`, `inner_martian`,
//! `tunnel_recursion`. RFC 1812 5.2.2, 5.3.7.

use crate::fib::place;
use crate::interfaces::Interfaces;
use crate::meta::{From, Meta, Verdict};
use shm::drops::DropReason;
use wire::ip4::{self, protocol};

/// First multicast address.
const MULTICAST: u32 = 0xe000_0000;
/// First reserved address.
const RESERVED: u32 = 0xf000_0000;

/// Whether the address is a group's.
#[inline(always)]
pub(crate) fn is_group(address: u32) -> bool {
    (MULTICAST..RESERVED).contains(&address)
}

/// Whether no single host can have the address: 0/8, 127/8, and everything from 224.0.0.0 on.
#[inline(always)]
pub(crate) fn is_nobody(address: u32) -> bool {
    address.wrapping_sub(0x0100_0000) >= MULTICAST - 0x0100_0000 || address >> 24 == 127
}

/// Checks the packet at the start of `data`.
#[inline(always)]
pub(crate) fn inner_input(interfaces: &Interfaces, data: &[u8], meta: &mut Meta) -> Verdict {
    let Ok(packet) = ip4::parse(data) else { return Verdict::Drop(DropReason::InnerMalformed) };
    meta.len = packet.total_len() as u16;
    meta.source = packet.source().to_bits();
    meta.destination = packet.destination().to_bits();
    let tunnel = interfaces.tunnels.get(usize::from(meta.tunnel));
    // What came by no tunnel has its VRF already.
    let (own, broadcast, vrf) =
        tunnel.map_or((0, 0, meta.vrf), |tunnel| (tunnel.address, tunnel.broadcast, tunnel.vrf));
    meta.vrf = vrf;
    let kernel = meta.from == From::Hub;
    if is_nobody(meta.source) || ((meta.source == own || meta.source == broadcast) && !kernel) {
        return Verdict::Drop(DropReason::InnerMartian);
    }
    // Without a subnet the broadcast address is 0, which is nobody's.
    if is_nobody(meta.destination) || meta.destination == broadcast {
        return to_many(meta, broadcast);
    }
    if matches!(packet.protocol(), protocol::GRE | protocol::ESP) && !kernel {
        return nested(interfaces, meta);
    }
    Verdict::Forward
}

/// To a group, to all, or to nowhere.
#[cold]
fn to_many(meta: &Meta, broadcast: u32) -> Verdict {
    let destination = meta.destination;
    let many = is_group(destination) || destination == u32::MAX || destination == broadcast;
    match meta.from {
        _ if !many || destination == 0 => Verdict::Drop(DropReason::InnerMartian),
        From::Spoke if is_group(destination) => Verdict::Multicast,
        From::Spoke => Verdict::Local,
        From::Lan => Verdict::PortTwin,
        From::Hub => Verdict::Replicate,
    }
}

/// A tunnel within a tunnel is fine, but not one that ends at the tunnel's own source: it would be decapsulated without
/// end. In a VRF that is not its transport's the address is somebody else's.
#[cold]
fn nested(interfaces: &Interfaces, meta: &Meta) -> Verdict {
    if interfaces.is_tunnel_source(meta.place()) {
        return Verdict::Drop(DropReason::TunnelRecursion);
    }
    // Nor may anybody send through the hub what looks like a tunnel packet of the hub's.
    if interfaces.is_tunnel_source(place(meta.vrf, meta.source)) {
        return Verdict::Drop(DropReason::InnerMartian);
    }
    Verdict::Forward
}
