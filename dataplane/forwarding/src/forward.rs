//! From one interface to another: what every transit packet goes through once the FIB has answered.
//!
//! In: an inner packet and its leaf. Out: to a spoke or a next hop. Leaves otherwise: an ICMP error to its source.
//! Drops: `no_adjacency`, `no_neighbour`, `other_vrf`, `ecn_invalid`, `ttl_exceeded`, `frag_needed`, `frag_too_many`, `no_buffer`. Order: ECN
//! (RFC 6040 4.2), TTL (RFC 1812 5.3.1), also where there is no next hop, MTU (RFC 1191 4, RFC 4459 3.3), redirect, MSS, out.

use crate::adjacency::Adjacency;
use crate::fragment::{self, Fragments};
use crate::icmp_error::{self, Problem};
use crate::link::Link;
use crate::meta::{From, Meta, NO_TUNNEL};
use crate::sink::Sink;
use crate::turn::Turn;
use crate::{ecn, mss};
use shm::drops::DropReason;
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use wire::buffer::{BufferPool, PacketBuffer};
use wire::ip4::{Header, protocol};

/// What one hop did to a packet.
enum Hop {
    /// It goes on, with this ToS octet.
    On(u8),
    /// It is larger than the next hop takes.
    TooBig,
    /// It was discarded.
    Gone,
}

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// To the spoke that the leaf names.
    #[inline(always)]
    pub(crate) fn peer_output(&mut self, meta: &Meta, mut buffer: P::Buffer) {
        let mut to = Adjacency::ABSENT;
        if !self.tables.adjacencies.read_into(meta.leaf.index(), &mut to) {
            return self.no_spoke(meta, buffer);
        }
        if to.vrf() != meta.vrf {
            return self.count_drop(DropReason::OtherVrf);
        }
        bare(meta, &mut buffer);
        match self.hop(meta, &mut buffer, to.mtu()) {
            Hop::On(tos) => {
                self.consider_redirect(meta, to.tunnel(), buffer.data());
                self.clamp(meta, to.mss(), &mut buffer);
                self.gre_output(meta.leaf.index(), &to, tos, meta.len, buffer);
            }
            Hop::TooBig => {
                self.consider_redirect(meta, to.tunnel(), buffer.data());
                self.too_big_for_peer(meta, &to, buffer);
            }
            Hop::Gone => self.ttl_exceeded(meta, buffer),
        }
    }

    /// To the next hop that the leaf names.
    pub(crate) fn next_hop_output(&mut self, meta: &Meta, mut buffer: P::Buffer) {
        // Links are indexed with 16 bits, which the updater has checked.
        let Some(link) = self.link(meta.leaf.index() as u16) else {
            return self.no_neighbour(meta, buffer);
        };
        let port = self.tables.interfaces.ports.get(usize::from(link.port()));
        if port.is_none_or(|port| port.vrf != meta.vrf) {
            return self.count_drop(DropReason::OtherVrf);
        }
        let mtu = link.mtu();
        bare(meta, &mut buffer);
        match self.hop(meta, &mut buffer, mtu) {
            Hop::On(_) => {
                self.clamp(meta, 0, &mut buffer);
                self.eth_output(&link, buffer);
            }
            Hop::TooBig => self.too_big_for_link(meta, &link, mtu, buffer),
            Hop::Gone => self.ttl_exceeded(meta, buffer),
        }
    }

    /// ECN, TTL and MTU. What is told to be too big has its TTL as received.
    #[inline(always)]
    fn hop(&mut self, meta: &Meta, buffer: &mut P::Buffer, mtu: u16) -> Hop {
        let Some(header) = Header::of_mut(buffer.data_mut()) else { return Hop::Gone };
        if ecn::decapsulate(header, meta.outer_tos).is_none() {
            return Hop::Gone;
        }
        if meta.from != From::Hub && header.ttl() <= 1 {
            return Hop::Gone;
        }
        if meta.len > mtu {
            return Hop::TooBig;
        }
        if meta.from != From::Hub {
            let _ = header.decrement_ttl();
        }
        Hop::On(header.tos())
    }

    /// Clamps the MSS to the smaller clamp of the tunnels that the packet passes.
    #[inline(always)]
    fn clamp(&mut self, meta: &Meta, out: u16, buffer: &mut P::Buffer) {
        if Header::of(buffer.data()).is_some_and(|header| header.protocol() == protocol::TCP) {
            self.clamp_tcp(meta, out, buffer);
        }
    }

    fn clamp_tcp(&mut self, meta: &Meta, out: u16, buffer: &mut P::Buffer) {
        let tunnel = self.tables.interfaces.tunnels.get(usize::from(meta.tunnel));
        let clamps = [tunnel.map_or(0, |tunnel| tunnel.mss), out];
        let Some(max) = clamps.into_iter().filter(|clamp| *clamp != 0).min() else { return };
        if mss::clamp(buffer.data_mut(), max) {
            self.counters.mss_clamped.add(1);
        }
    }

    /// The spoke that its leaf names is not there.
    #[cold]
    fn no_spoke(&mut self, meta: &Meta, buffer: P::Buffer) {
        if let Some(buffer) = self.not_dead(meta, buffer) {
            self.count_drop(DropReason::NoAdjacency);
            self.unreachable(meta, Problem::HostUnreachable, buffer);
        }
    }

    /// The neighbour that its leaf names is not resolved. Nobody is told: it mostly is a moment later.
    #[cold]
    fn no_neighbour(&mut self, meta: &Meta, buffer: P::Buffer) {
        if self.not_dead(meta, buffer).is_some() {
            self.count_drop(DropReason::NoNeighbour);
        }
    }

    /// There is no way to where the packet, which was counted as dropped, wants to go: its source is told (RFC 1812
    /// 4.3.3.1), unless that is switched off where it came in. Not the hub's own kernel: a daemon whose first attempt
    /// comes just before a spoke does would wait long for its next. Nor anybody while control has yet to say what there is.
    #[cold]
    pub(crate) fn unreachable(&mut self, meta: &Meta, problem: Problem, mut buffer: P::Buffer) {
        let interfaces = &self.tables.interfaces;
        let told = match meta.from {
            From::Spoke => {
                interfaces.tunnels.get(usize::from(meta.tunnel)).is_some_and(|tunnel| tunnel.unreachables)
            }
            From::Lan => interfaces.ports.get(usize::from(self.port)).is_some_and(|port| port.unreachables),
            From::Hub => false,
        };
        if told && self.tables.complete.load(Ordering::Relaxed) {
            bare(meta, &mut buffer);
            self.complain(meta, problem, buffer);
        }
    }

    /// The packet as received, unless its TTL ends here.
    pub(crate) fn not_dead(&mut self, meta: &Meta, mut buffer: P::Buffer) -> Option<P::Buffer> {
        let header = buffer.data().get(usize::from(meta.at)..).and_then(Header::of);
        if meta.from == From::Hub || header.is_some_and(|header| header.ttl() > 1) {
            return Some(buffer);
        }
        bare(meta, &mut buffer);
        self.ttl_exceeded(meta, buffer);
        None
    }

    /// The packet ends here: its TTL ran out, or its ECN marks are impossible.
    #[cold]
    fn ttl_exceeded(&mut self, meta: &Meta, buffer: P::Buffer) {
        let dead = Header::of(buffer.data()).is_some_and(|header| header.ttl() <= 1);
        if !dead || meta.from == From::Hub {
            return self.count_drop(DropReason::EcnInvalid);
        }
        self.count_drop(DropReason::TtlExceeded);
        self.complain(meta, Problem::TtlExceeded, buffer);
    }

    #[cold]
    fn too_big_for_peer(&mut self, meta: &Meta, to: &Adjacency, packet: P::Buffer) {
        let mut pieces = Fragments::new();
        self.cut(meta, to.mtu(), packet, &mut pieces);
        for piece in pieces {
            let tos = Header::of(piece.data()).map_or(0, |header| header.tos());
            let len = piece.len() as u16;
            self.gre_output(meta.leaf.index(), to, tos, len, piece);
        }
    }

    #[cold]
    fn too_big_for_link(&mut self, meta: &Meta, link: &Link, mtu: u16, packet: P::Buffer) {
        let mut pieces = Fragments::new();
        self.cut(meta, mtu, packet, &mut pieces);
        for piece in pieces {
            self.eth_output(link, piece);
        }
    }

    /// Fragments the packet, or tells its source not to send such large ones.
    fn cut(&mut self, meta: &Meta, mtu: u16, mut packet: P::Buffer, pieces: &mut Fragments<P::Buffer>) {
        let Some(header) = Header::of_mut(packet.data_mut()) else { return };
        if header.dont_fragment() {
            self.count_drop(DropReason::FragNeeded);
            return self.complain(meta, Problem::FragmentationNeeded { mtu }, packet);
        }
        if meta.from != From::Hub {
            let _ = header.decrement_ttl();
        }
        match fragment::fragment(packet, usize::from(mtu), &mut self.state.pool, pieces) {
            Ok(()) => self.counters.fragmented.add(1),
            Err(fragment::Refusal::NoBuffer) => self.count_drop(DropReason::NoBuffer),
            Err(fragment::Refusal::Malformed) => self.count_drop(DropReason::InnerMalformed),
            Err(_) => self.count_drop(DropReason::FragTooMany),
        }
    }

    /// Answers with an ICMP error from the address of the interface that the packet came in by (RFC 1812 4.3.2.4),
    /// which is then routed like any packet of the hub's own. The packet itself was counted as dropped before.
    fn complain(&mut self, meta: &Meta, problem: Problem, mut packet: P::Buffer) {
        let interfaces = &self.tables.interfaces;
        let tunnel = interfaces.tunnels.get(usize::from(meta.tunnel)).map(|tunnel| tunnel.address);
        let port =
            || interfaces.ports.get(usize::from(self.port)).and_then(|port| port.addresses.first().copied());
        // An error about an error of the hub's own would come from nowhere: it has neither tunnel nor port.
        let own = meta.from == From::Hub && meta.tunnel == NO_TUNNEL;
        let Some(from) = tunnel.or_else(port).filter(|_| !own) else { return };
        if icmp_error::eligible(packet.data()).is_err() {
            return;
        }
        let limiter = match problem {
            Problem::NetUnreachable | Problem::HostUnreachable => &mut self.state.unreachables,
            Problem::TtlExceeded | Problem::FragmentationNeeded { .. } => &mut self.state.icmp,
        };
        if self.state.own.is_full() || !limiter.allow(Ipv4Addr::from_bits(meta.source), self.now) {
            return self.counters.icmp_suppressed.add(1);
        }
        if icmp_error::build(&mut packet, problem, Ipv4Addr::from_bits(from)).is_ok() {
            self.counters.icmp_sent.add(1);
            self.state.own.push(packet);
            // As many as there are packets, and so there is room.
            let _ = self.state.own_vrfs.try_push(meta.vrf);
        }
    }
}

/// Takes off what stands around the inner packet.
#[inline(always)]
pub(crate) fn bare<B: PacketBuffer>(meta: &Meta, buffer: &mut B) {
    // Both ends lie within the buffer, since the packet was parsed there.
    let _ = buffer.strip(usize::from(meta.at));
    buffer.truncate(usize::from(meta.len));
}
