//! Multicast: by which interfaces it goes on, and to which spokes.
//!
//! In: a packet to a group, from a spoke, from the LAN, or out of the kernel. Out: copies to the spokes that have joined
//! ([`crate::replicate`]) and out of LAN ports, where a multicast route says so; to the hub's kernel what is to
//! 224.0.0.0/24 or has no route yet, so that its routing daemon makes one, and of a routed stream a packet now and then,
//! so that the daemon sees it used; IGMP and PIM of spokes to the kernel and to control, which learns from them who has
//! joined. Never a redirect, never an ICMP error (RFC 1812 4.3.2.7). Drops: `multicast_interface`,
//! `multicast_echo`, `multicast_transit`, `no_multicast_member`, `ttl_exceeded`, `ecn_invalid`, `no_buffer`,
//! `frag_needed`, and what the exits drop. RFC 1112 6.4, 7.1; RFC 5771 4.
//!
//! The kernel forwards what it gets by the same routes. Such a copy comes back by a twin with a source that is not the
//! hub's: it is dropped, since the spokes have had theirs.

use crate::ecn;
use crate::fib::place;
use crate::forward::bare;
use crate::fragment::{self, Fragments};
use crate::groups::Group;
use crate::leaf::Kind;
use crate::link::Link;
use crate::meta::{From, Meta, NO_PEER, NO_TUNNEL};
use crate::replicate::{Job, Receivers, fragment_refused};
use crate::sink::Sink;
use crate::tables::Tables;
use crate::turn::Turn;
use shm::drops::DropReason;
use shm::message::{
    Event, GLOBAL, GroupId, Incoming, MAX_PAYLOAD, PortId, TunnelId, VrfId, is_routable_group,
};
use std::net::Ipv4Addr;
use wire::buffer::{BufferPool, PacketBuffer};
use wire::ip4::{Header, protocol};

/// Milliseconds between packets of a routed stream that the kernel gets, per worker: often enough for every daemon's
/// timers (RFC 7761 4.11: 210 s).
const SAMPLE: u64 = 3_000;

/// Whether a packet is IGMP or PIM, which is between routers and hosts of one network and never forwarded.
pub(crate) fn is_membership(protocol: u8) -> bool {
    matches!(protocol, protocol::IGMP | protocol::PIM)
}

/// The MAC address of a group (RFC 1112 6.4).
fn group_mac(group: u32) -> [u8; 6] {
    let [_, b, c, d] = group.to_be_bytes();
    [0x01, 0x00, 0x5e, b & 0x7f, c, d]
}

/// Whether the address is the hub's own in a VRF.
fn is_own(tables: &Tables, vrf: VrfId, address: u32) -> bool {
    let interfaces = &tables.interfaces;
    interfaces.tunnels.iter().any(|tunnel| (tunnel.vrf, tunnel.address) == (vrf, address))
        || interfaces.ports.iter().any(|port| port.vrf == vrf && port.addresses.contains(&address))
        || matches!(tables.fib.lookup(place(vrf, address)).kind(), Kind::Tunnel | Kind::Port)
}

/// The multicast route of a packet in a VRF. Only the global one has any.
fn route_of(tables: &Tables, vrf: VrfId, source: u32, group: u32) -> Option<(GroupId, Group)> {
    if vrf == GLOBAL { tables.groups.find(source, group) } else { None }
}

/// Whether the kernel's packet out of a port's twin is its copy of what workers forward themselves.
pub(crate) fn is_echo(tables: &Tables, port: PortId, packet: &[u8]) -> bool {
    let Some(header) = Header::of(packet) else { return false };
    if !is_routable_group(header.destination()) || is_membership(header.protocol()) {
        return false;
    }
    let source = header.source().to_bits();
    let vrf = tables.interfaces.ports.get(usize::from(port)).map_or(GLOBAL, |port| port.vrf);
    let route = route_of(tables, vrf, source, header.destination().to_bits());
    route.is_some_and(|(_, route)| route.incoming() != Incoming::Kernel) && !is_own(tables, vrf, source)
}

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// Multicast from a spoke or the LAN.
    #[inline(never)]
    pub(crate) fn multicast_input(&mut self, meta: &Meta, buffer: P::Buffer) {
        let group = Ipv4Addr::from_bits(meta.destination);
        let inner = buffer.data().get(usize::from(meta.at)..).unwrap_or_default();
        let membership = Header::of(inner).is_some_and(|header| is_membership(header.protocol()));
        if membership && meta.from == From::Spoke {
            self.membership_event(meta, &buffer);
        }
        let route = match is_routable_group(group) && !membership {
            true => route_of(self.tables, meta.vrf, meta.source, meta.destination),
            false => None,
        };
        match route {
            Some((id, route)) => self.group_input(meta, id, &route, buffer),
            None => self.pass_up(meta, buffer),
        }
    }

    /// To the kernel, as it came.
    fn pass_up(&mut self, meta: &Meta, buffer: P::Buffer) {
        match meta.from {
            From::Lan => self.punt_frame(buffer),
            _ => self.deliver(meta, buffer),
        }
    }

    /// Multicast of the hub's kernel into a tunnel.
    #[inline(never)]
    pub(crate) fn hub_multicast(&mut self, meta: &Meta, mut buffer: P::Buffer) {
        bare(meta, &mut buffer);
        let mut receivers = Receivers::All;
        if is_routable_group(Ipv4Addr::from_bits(meta.destination)) {
            let own = is_own(self.tables, meta.vrf, meta.source);
            match route_of(self.tables, meta.vrf, meta.source, meta.destination) {
                Some((id, route)) if own || route.incoming() == Incoming::Kernel => {
                    self.count_group(id, &buffer);
                    receivers = Receivers::Joined(id, route.key());
                }
                Some(_) => return self.count_drop(DropReason::MulticastEcho),
                None if own => {}
                None => return self.count_drop(DropReason::MulticastTransit),
            }
        }
        self.replicate(meta.tunnel, Job::new(buffer, receivers, NO_PEER, true));
    }

    /// A packet that has a multicast route.
    fn group_input(&mut self, meta: &Meta, id: GroupId, route: &Group, mut buffer: P::Buffer) {
        let receivers = Receivers::Joined(id, route.key());
        let expected = match meta.from {
            From::Lan => route.incoming() == Incoming::Port(self.port),
            _ => route.incoming() == Incoming::Tunnel(meta.tunnel),
        };
        let sample = self.is_sample(id);
        if !expected {
            if let Some(counters) = self.groups.get(usize::from(id)) {
                counters.wrong_interface.add(1);
            }
            // The kernel tells its daemon, for PIM's asserts and for its switch to the shortest path tree.
            return match sample {
                true => self.pass_up(meta, buffer),
                false => self.count_drop(DropReason::MulticastInterface),
            };
        }
        if (sample || route.wants_kernel())
            && let Some(copy) = self.copy_of(buffer.data())
        {
            self.pass_up(meta, copy);
        }
        bare(meta, &mut buffer);
        self.count_group(id, &buffer);
        let Some(header) = Header::of_mut(buffer.data_mut()) else { return };
        if ecn::decapsulate(header, meta.outer_tos).is_none() {
            return self.drop_copy(receivers, DropReason::EcnInvalid);
        }
        if header.ttl() <= 1 {
            return self.drop_copy(receivers, DropReason::TtlExceeded);
        }
        let _ = header.decrement_ttl();
        let ports = self.copy_to_ports(meta, id, route, &buffer);
        self.copy_to_tunnels(meta, route, buffer, receivers, !ports && !route.wants_kernel());
    }

    fn count_group(&self, id: GroupId, packet: &P::Buffer) {
        if let Some(counters) = self.groups.get(usize::from(id)) {
            counters.packets.add(1);
            counters.bytes.add(packet.len() as u64);
        }
    }

    /// Whether it is time that the kernel sees a packet of the route.
    fn is_sample(&mut self, id: GroupId) -> bool {
        let now = self.now.millis();
        let due = self.state.samples.get_mut(usize::from(id)).filter(|due| now >= **due);
        due.map(|due| *due = now + SAMPLE).is_some()
    }

    /// Copies out of LAN ports; says whether there are any.
    fn copy_to_ports(&mut self, meta: &Meta, id: GroupId, route: &Group, packet: &P::Buffer) -> bool {
        let from = (meta.from == From::Lan).then_some(self.port);
        let mut ports = route.ports();
        let mut any = false;
        while ports != 0 {
            let port = ports.trailing_zeros() as PortId;
            ports &= ports - 1;
            if Some(port) != from {
                any = true;
                self.copy_to_port(port, id, route, packet);
            }
        }
        any
    }

    fn copy_to_port(&mut self, port: PortId, id: GroupId, route: &Group, packet: &P::Buffer) {
        let receivers = Receivers::Joined(id, route.key());
        let Some(settings) = self.tables.settings.ports.get(usize::from(port)) else { return };
        let Some(header) = Header::of(packet.data()) else { return };
        let link = Link::new(port, settings, group_mac(header.destination().to_bits()));
        let Some(copy) = self.copy_of(packet.data()) else {
            return self.drop_copy(receivers, DropReason::NoBuffer);
        };
        let mut pieces = Fragments::new();
        match fragment::fragment(copy, settings.mtu.into(), &mut self.state.pool, &mut pieces) {
            Ok(()) => {
                if let Some(counters) = self.groups.get(usize::from(id)) {
                    counters.copies.add(1);
                }
                self.counters.replicated.add(1);
                pieces.into_iter().for_each(|piece| self.eth_output(&link, piece));
            }
            Err(refusal) => self.drop_copy(receivers, fragment_refused(refusal)),
        }
    }

    /// Copies to spokes, each tunnel's in its own lane.
    fn copy_to_tunnels(
        &mut self,
        meta: &Meta,
        route: &Group,
        packet: P::Buffer,
        receivers: Receivers,
        must_leave: bool,
    ) {
        let mut tunnels = route.tunnels();
        if tunnels == 0 {
            if must_leave {
                self.drop_copy(receivers, DropReason::NoMulticastMember);
            }
            return;
        }
        // Nobody tells which of several tunnels the members are on: then a tunnel without one is none to count.
        let must_leave = must_leave && tunnels.is_power_of_two();
        while !tunnels.is_power_of_two() {
            let tunnel = tunnels.trailing_zeros() as TunnelId;
            tunnels &= tunnels - 1;
            match self.copy_of(packet.data()) {
                Some(copy) => {
                    self.replicate(tunnel, Job::new(copy, receivers, meta.peer, must_leave));
                }
                None => self.drop_copy(receivers, DropReason::NoBuffer),
            }
        }
        let tunnel = tunnels.trailing_zeros() as TunnelId;
        self.replicate(tunnel, Job::new(packet, receivers, meta.peer, must_leave));
    }

    /// A spoke's IGMP or PIM message.
    fn membership_event(&mut self, meta: &Meta, buffer: &P::Buffer) {
        let (start, end) = (usize::from(meta.at), usize::from(meta.at) + usize::from(meta.len));
        let packet = buffer.data().get(start..end).unwrap_or_default();
        if meta.tunnel == NO_TUNNEL || packet.len() > MAX_PAYLOAD {
            return;
        }
        let nbma = Ipv4Addr::from_bits(meta.nbma);
        // Control's copy alone is lost: a join is said again before it ends.
        if !self.state.memberships.allow(nbma, self.now) {
            return self.count_drop(DropReason::PuntLimited);
        }
        let event = Event::Membership {
            tunnel: meta.tunnel,
            peer: meta.peer,
            nbma,
            session: self.session(meta),
            packet,
        };
        self.tell(event);
    }
}
