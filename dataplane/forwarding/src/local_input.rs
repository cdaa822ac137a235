//! The outer packet: valid, from somebody, and for which part of the hub?
//!
//! In: a frame that passed [`crate::eth_input`]. Out: GRE to a tunnel source goes on to [`crate::gre_input`], ESP and UDP to
//! one with protection to [`crate::esp_input`], their fragments to reassembly, plain IP of a LAN port to [`crate::inner_input`]; ARP, and whatever else is for the hub, to
//! the port's twin, where the kernel answers. Drops: `ip_malformed`, `ip_checksum`, `ip_martian`, `eth_type`,
//! `ipv6_unsupported`, `eth_not_for_us`, `underlay_transit`, `gre_no_tunnel`. RFC 1812 4.2.2, 5.2.3, 5.3.4.

use crate::esp_input::{esp_packet, udp_input};
use crate::eth_input::{Frame, eth_input};
use crate::fib::place;
use crate::gre_input::{gre_input, gre_refused};
use crate::inner_input::{inner_input, is_group, is_nobody};
use crate::interfaces::Port;
use crate::leaf::Kind;
use crate::meta::{From, Meta, Verdict};
use crate::multicast::is_membership;
use crate::settings::Role;
use crate::tables::Tables;
use shm::drops::DropReason;
use wire::eth;
use wire::ip4::{self, protocol};

const TYPE_LLDP: u16 = 0x88cc;

/// Classifies a frame received on a port, of which nothing is known yet.
#[inline(always)]
pub(crate) fn port_input(tables: &Tables, port: &Port, data: &[u8], meta: &mut Meta) -> Verdict {
    let frame = match eth_input(port, data) {
        Ok(frame) => frame,
        Err(reason) => return Verdict::Drop(reason),
    };
    if frame.ethertype != eth::TYPE_IPV4 || frame.group {
        return not_routable(port, &frame, data, meta);
    }
    let packet = data.get(frame.header_len..).unwrap_or_default();
    if port.role == Role::Lan {
        return lan_input(tables, port, packet, frame.header_len, meta);
    }
    datagram_input(tables, port, packet, frame.header_len, meta)
}

/// Classifies an outer packet that begins at `at` in its buffer.
#[inline(always)]
pub(crate) fn datagram_input(
    tables: &Tables,
    port: &Port,
    data: &[u8],
    at: usize,
    meta: &mut Meta,
) -> Verdict {
    let packet = match ip4::parse(data) {
        Ok(packet) => packet,
        Err(error) => return Verdict::Drop(malformed(error)),
    };
    meta.nbma = packet.source().to_bits();
    meta.station = meta.nbma;
    meta.local = packet.destination().to_bits();
    meta.outer_tos = packet.tos();
    meta.vrf = port.vrf;
    if packet.protocol() == protocol::GRE && !packet.is_fragment() {
        let at = at + packet.header_len();
        if let Some(verdict) = gre_input::<false>(&tables.interfaces, packet.payload(), at, meta) {
            return verdict;
        }
    }
    no_tunnel_input(tables, port, &packet, at, meta)
}

/// What is for no tunnel without protection.
#[inline(never)]
fn no_tunnel_input(
    tables: &Tables,
    port: &Port,
    packet: &ip4::Packet<'_>,
    at: usize,
    meta: &mut Meta,
) -> Verdict {
    let local = place(port.vrf, meta.local);
    let payload_at = at + packet.header_len();
    let whole = !packet.is_fragment();
    let verdict = match packet.protocol() {
        protocol::ESP if whole && tables.interfaces.is_protected_source(local) => {
            Some(esp_packet(packet.payload(), payload_at, 0, meta))
        }
        protocol::UDP if whole && tables.interfaces.is_protected_source(local) => {
            udp_input(packet.payload(), payload_at, meta)
        }
        protocol::GRE if whole && tables.interfaces.is_tunnel_source(local) => {
            Some(gre_refused::<false>(&tables.interfaces, packet.payload(), meta))
        }
        _ => None,
    };
    verdict.unwrap_or_else(|| other_input(tables, port, packet, at, meta))
}

/// What is no whole packet of a tunnel.
#[cold]
fn other_input(
    tables: &Tables,
    port: &Port,
    packet: &ip4::Packet<'_>,
    at: usize,
    meta: &mut Meta,
) -> Verdict {
    if (is_nobody(meta.nbma) && meta.nbma != 0) || port.addresses.contains(&meta.nbma) {
        return Verdict::Drop(DropReason::IpMartian);
    }
    if packet.is_fragment() && is_ours(tables, packet.protocol(), place(port.vrf, meta.local)) {
        (meta.at, meta.len) = (at as u16, packet.total_len() as u16);
        return Verdict::Fragment;
    }
    match is_local(tables, port, meta.local) {
        true if packet.protocol() == protocol::GRE => Verdict::Drop(DropReason::GreNoTunnel),
        true => Verdict::PortTwin,
        false => Verdict::Drop(DropReason::UnderlayTransit),
    }
}

/// Whether datagrams of this protocol to `local` are looked into here, and so must be whole. UDP to any port: only the
/// first fragment tells which.
fn is_ours(tables: &Tables, protocol: u8, local: u64) -> bool {
    match protocol {
        protocol::GRE => tables.interfaces.is_tunnel_source(local),
        protocol::ESP | protocol::UDP => tables.interfaces.is_protected_source(local),
        _ => false,
    }
}

/// One of the port's addresses, or one that the kernel has since got and control told of by a route.
fn is_local(tables: &Tables, port: &Port, address: u32) -> bool {
    port.addresses.contains(&address)
        || port.broadcasts.contains(&address)
        || tables.interfaces.is_tunnel_source(place(port.vrf, address))
        || matches!(tables.fib.lookup(place(port.vrf, address)).kind(), Kind::Port)
}

/// Plain IP of the data centre.
#[inline(always)]
fn lan_input(tables: &Tables, port: &Port, data: &[u8], at: usize, meta: &mut Meta) -> Verdict {
    if port.terminates
        && let Some(header) = ip4::Header::of(data)
        && is_ours(tables, header.protocol(), place(port.vrf, header.destination().to_bits()))
        && port.addresses.contains(&header.destination().to_bits())
    {
        return datagram_input(tables, port, data, at, meta);
    }
    (meta.from, meta.vrf) = (From::Lan, port.vrf);
    meta.at = at as u16;
    let verdict = inner_input(&tables.interfaces, data, meta);
    if port.addresses.contains(&meta.source) {
        return Verdict::Drop(DropReason::InnerMartian);
    }
    // Own addresses are the kernel's even while there is no control process to give routes to them.
    let own = port.addresses.contains(&meta.destination) || port.broadcasts.contains(&meta.destination);
    if own && verdict == Verdict::Forward {
        return Verdict::PortTwin;
    }
    verdict
}

/// No IPv4, or IPv4 in a frame to a group.
#[cold]
fn not_routable(port: &Port, frame: &Frame, data: &[u8], meta: &mut Meta) -> Verdict {
    match frame.ethertype {
        eth::TYPE_ARP | TYPE_LLDP => Verdict::PortTwin,
        eth::TYPE_IPV6 => Verdict::Drop(DropReason::Ipv6),
        eth::TYPE_IPV4 => {
            let packet = match ip4::parse(data.get(frame.header_len..).unwrap_or_default()) {
                Ok(packet) => packet,
                Err(error) => return Verdict::Drop(malformed(error)),
            };
            // RFC 1812 5.3.4: what was sent to many on the link must not be forwarded.
            let destination = packet.destination().to_bits();
            match is_nobody(destination) || port.broadcasts.contains(&destination) {
                true if port.role == Role::Lan && is_group(destination) => {
                    group_input(port, &packet, frame.header_len, meta)
                }
                true => Verdict::PortTwin,
                false => Verdict::Drop(DropReason::EthNotForUs),
            }
        }
        _ => Verdict::Drop(DropReason::EthType),
    }
}

/// Multicast of the data centre. IGMP of a host without an address comes from 0.0.0.0 (RFC 3376 4.2.13).
fn group_input(port: &Port, packet: &ip4::Packet<'_>, at: usize, meta: &mut Meta) -> Verdict {
    (meta.from, meta.vrf) = (From::Lan, port.vrf);
    // An outer packet is at most 65,535 octets long.
    (meta.at, meta.len) = (at as u16, packet.total_len() as u16);
    (meta.source, meta.destination) = (packet.source().to_bits(), packet.destination().to_bits());
    match () {
        () if is_membership(packet.protocol()) => Verdict::PortTwin,
        () if is_nobody(meta.source) || port.addresses.contains(&meta.source) => {
            Verdict::Drop(DropReason::InnerMartian)
        }
        () => Verdict::Multicast,
    }
}

#[cold]
fn malformed(error: ip4::Error) -> DropReason {
    match error {
        ip4::Error::Checksum => DropReason::IpChecksum,
        _ => DropReason::IpMalformed,
    }
}
