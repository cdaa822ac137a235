//! To the hub itself: its kernel by the twins, its control process by events.
//!
//! In: what the FIB or a stage says is the hub's. Out: twins and events, each by its class, which has a rate of its own
//! ([`crate::class`], [`crate::police`]). Drops: `punt_limited`,
//! `event_ring_full`, `nhrp_too_long`, `ip_martian`, `ecn_invalid`, and the reasons that a refusal names. A spoke's packets go to the
//! twin of the tunnel they came by, also when they are to another of the hub's addresses: the kernel then sees them
//! where its reverse route points.

use crate::class;
use crate::ecn;
use crate::forward::bare;
use crate::inner_input::is_nobody;
use crate::meta::{From, Meta, NO_PEER, NO_TUNNEL};
use crate::recent::hash;
use crate::sink::Sink;
use crate::turn::{GLEAN_RATE, REFUSAL_RATE, Turn};
use shm::class::Class;
use shm::drops::DropReason;
use shm::message::{Event, IKE_PORT, MAX_PAYLOAD, NAT_T_PORT, PortId, SessionId, TunnelId};
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use wire::buffer::{BufferPool, PacketBuffer};
use wire::eth::{self, Mac};
use wire::ip4::Header;

/// Milliseconds between reports of the same sender and reason.
const REFUSAL_REST: u64 = 10_000;
/// Milliseconds between requests for the same address.
const GLEAN_REST: u64 = 1_000;

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// An inner packet for the hub itself.
    pub(crate) fn deliver(&mut self, meta: &Meta, mut buffer: P::Buffer) {
        match meta.from {
            From::Lan => return self.punt_frame(buffer),
            // What the kernel put into a tunnel does not come back to it by a route.
            From::Hub if meta.tunnel != NO_TUNNEL => {
                return self.count_drop(DropReason::NoRoute);
            }
            From::Spoke | From::Hub => {}
        }
        bare(meta, &mut buffer);
        let marked =
            Header::of_mut(buffer.data_mut()).and_then(|header| ecn::decapsulate(header, meta.outer_tos));
        if marked.is_none() {
            return self.count_drop(DropReason::EcnInvalid);
        }
        self.punt_packet(meta, buffer);
    }

    /// The twin that a packet for the hub goes to; an ICMP error of its own goes where its addressee lives.
    fn twin_of(&self, meta: &Meta) -> TunnelId {
        match meta.from {
            From::Hub => meta.leaf.index() as TunnelId,
            _ => meta.tunnel,
        }
    }

    fn punt_packet(&mut self, meta: &Meta, packet: P::Buffer) {
        let class = class::of_packet(packet.data());
        // Spokes go by what they are known by: the inner source is whatever they write there.
        let fair = class != Class::Routing
            || meta.from != From::Spoke
            || self.state.routing_spokes.allow(Ipv4Addr::from_bits(meta.station), self.now);
        if self.admit_from(class, fair) {
            self.sink.to_tunnel_twin(self.twin_of(meta), class, packet);
        }
    }

    /// A packet of control's for the twin of a tunnel.
    pub(crate) fn packet_to_twin(&mut self, tunnel: TunnelId, packet: P::Buffer) {
        let class = class::of_packet(packet.data());
        if self.admit(class) {
            self.sink.to_tunnel_twin(tunnel, class, packet);
        }
    }

    /// A frame for the port's twin.
    pub(crate) fn punt_frame(&mut self, frame: P::Buffer) {
        let class = class::of_frame(frame.data());
        let sender = class::sender(frame.data()).filter(|_| class == Class::Routing);
        let fair = sender.is_none_or(|sender| self.state.routing_neighbours.allow(sender, self.now));
        if self.admit_from(class, fair) {
            self.sink.to_port_twin(self.port, class, frame);
        }
    }

    /// Whether a class takes one packet more. Counts it either way.
    fn admit(&self, class: Class) -> bool {
        let (counters, conforms) = (self.counters.class(class), self.tables.police.take(class, self.now));
        if conforms {
            counters.conformed.add(1);
        } else {
            counters.exceeded.add(1);
            self.count_drop(DropReason::PuntLimited);
        }
        conforms
    }

    /// The same for one sender, who was `fair` if it was within its own share; who was not takes nothing from the class.
    fn admit_from(&self, class: Class, fair: bool) -> bool {
        if !fair {
            self.counters.class(class).source_exceeded.add(1);
            self.count_drop(DropReason::PuntLimited);
        }
        fair && self.admit(class)
    }

    /// Tells control what its class has admitted.
    pub(crate) fn tell(&mut self, event: Event<'_>) {
        if !self.sink.event(event) {
            self.counters.class(event.class()).queue_full.add(1);
            self.count_drop(DropReason::EventRingFull);
        }
    }

    /// An NHRP packet.
    pub(crate) fn nhrp_event(&mut self, meta: &Meta, buffer: &P::Buffer) {
        if is_nobody(meta.nbma) || self.is_own(meta.nbma) {
            return self.count_drop(DropReason::IpMartian);
        }
        self.count_rx(meta.tunnel, NO_PEER, meta.len);
        if usize::from(meta.len) > MAX_PAYLOAD {
            return self.count_drop(DropReason::NhrpTooLong);
        }
        let nbma = Ipv4Addr::from_bits(meta.nbma);
        let fair = self.state.nhrp.allow(nbma, self.now);
        if !self.admit_from(Class::Nhrp, fair) {
            return;
        }
        let (start, end) = (usize::from(meta.at), usize::from(meta.at) + usize::from(meta.len));
        let packet = buffer.data().get(start..end).unwrap_or_default();
        self.tell(Event::Nhrp { tunnel: meta.tunnel, nbma, session: self.session(meta), packet });
    }

    /// Whose SA the packet came by; `None`: by none.
    pub(crate) fn session(&self, meta: &Meta) -> Option<SessionId> {
        let protected = meta.from == From::Spoke && self.tables.interfaces.is_protected(meta.tunnel);
        SessionId::new(meta.station).filter(|_| protected)
    }

    /// An IKE message.
    #[cold]
    pub(crate) fn ike_event(&mut self, meta: &Meta, port: u16, natt: bool, buffer: &P::Buffer) {
        if is_nobody(meta.nbma) || self.is_own(meta.nbma) {
            return self.count_drop(DropReason::IpMartian);
        }
        if usize::from(meta.len) > MAX_PAYLOAD {
            return self.count_drop(DropReason::IkeTooLong);
        }
        let nbma = Ipv4Addr::from_bits(meta.nbma);
        let fair = self.state.ike.allow(nbma, self.now);
        if !self.admit_from(Class::Ike, fair) {
            return;
        }
        let (start, end) = (usize::from(meta.at), usize::from(meta.at) + usize::from(meta.len));
        let event = Event::Ike {
            nbma,
            port,
            local: Ipv4Addr::from_bits(meta.local),
            local_port: if natt { NAT_T_PORT } else { IKE_PORT },
            packet: buffer.data().get(start..end).unwrap_or_default(),
        };
        self.tell(event);
    }

    /// A datagram that was put together, for the port's twin: it gets a frame again, from a station that is nobody's.
    #[cold]
    pub(crate) fn punt_whole(&mut self, mut datagram: P::Buffer) {
        const NOBODY: Mac = Mac([2, 0, 0, 0, 0, 0]);
        let Some(port) = self.tables.settings.ports.get(usize::from(self.port)) else { return };
        let header = datagram.prepend(eth::emitted_len(port.vlan));
        if header.and_then(|room| eth::emit(room, Mac(port.mac), NOBODY, port.vlan, eth::TYPE_IPV4)).is_none()
        {
            return self.count_drop(DropReason::NoHeadroom);
        }
        self.punt_frame(datagram);
    }

    /// A packet that an operator must hear of. A spoke that is unknown because the tables are not filled yet after a
    /// start is none: it is counted only, and reported later if it stays unknown.
    pub(crate) fn refuse(&mut self, meta: &Meta, reason: DropReason, key: Option<u32>) {
        if is_nobody(meta.nbma) || self.is_own(meta.nbma) {
            return self.count_drop(DropReason::IpMartian);
        }
        self.count_drop(reason);
        if reason == DropReason::UnknownPeer && !self.tables.complete.load(Ordering::Relaxed) {
            return;
        }
        let rests = !self.state.refusals.admit(hash(meta.nbma.into(), reason as u64), self.now, REFUSAL_REST);
        if rests || !self.state.refusal_bucket.take(REFUSAL_RATE, self.now) {
            return;
        }
        let (nbma, local) = (Ipv4Addr::from_bits(meta.nbma), Ipv4Addr::from_bits(meta.local));
        // When the ring is full nothing is lost that the counter does not show.
        let _ = self.sink.event(Event::Refused { reason: reason as u8, nbma, local, key });
    }

    /// A destination on a port's own subnet that is not resolved yet.
    pub(crate) fn glean(&mut self, meta: &Meta, port: PortId) {
        self.count_drop(DropReason::NoNeighbour);
        let rests =
            !self.state.gleans.admit(hash(meta.destination.into(), port.into()), self.now, GLEAN_REST);
        // The packet is counted already; the class only bounds what control is asked.
        if !rests
            && self.state.glean_bucket.take(GLEAN_RATE, self.now)
            && self.tables.police.take(Class::Arp, self.now)
        {
            self.counters.class(Class::Arp).conformed.add(1);
            let _ = self.sink.event(Event::Glean { port, address: Ipv4Addr::from_bits(meta.destination) });
        }
    }

    fn is_own(&self, address: u32) -> bool {
        self.tables.interfaces.is_source_anywhere(address)
    }
}
