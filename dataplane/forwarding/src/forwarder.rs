//! One worker's forwarding engine.

use crate::adjacency::Adjacency;
use crate::fragment::{self, Fragments};
use crate::now::Now;
use crate::sink::Sink;
use crate::tables::Reader;
use crate::turn::{State, Turn};
use arrayvec::ArrayVec;
use shm::counters::{Traffic, WorkerCounters};
use shm::drops::DropReason;
use shm::message::{Inject, LinkId, PortId, TunnelId};
use std::net::Ipv4Addr;
use wire::buffer::{BufferPool, PacketBuffer};
use wire::{gre, ip4};

/// Most packets worked on together.
pub const BURST: usize = 64;

/// Packets worked on together.
pub type Burst<B> = ArrayVec<B, BURST>;

/// One worker's forwarding engine. `'s` is the shared segment, where its counters live.
pub struct Forwarder<'s, P: BufferPool> {
    reader: Reader,
    state: State<P>,
    counters: &'s WorkerCounters,
    peers: &'s [Traffic],
    timed: bool,
}

impl<P: BufferPool> std::fmt::Debug for Forwarder<'_, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwarder").field("worker", &self.reader.worker).finish_non_exhaustive()
    }
}

impl<'s, P: BufferPool> Forwarder<'s, P> {
    /// `counters` and `peers` (one per peer, `max_peers` long) are this worker's own blocks.
    pub fn new(reader: Reader, pool: P, counters: &'s WorkerCounters, peers: &'s [Traffic]) -> Self {
        let settings = &reader.tables.settings;
        let state = State::new(pool, reader.worker, settings.workers, settings.buffers);
        Self { reader, state, counters, peers, timed: false }
    }

    /// Whether each pass over a port's burst adds its cycles to `stage_cycles`, in the order of [`crate::STAGES`],
    /// which costs some cycles itself.
    pub fn set_stage_timing(&mut self, timed: bool) {
        self.timed = timed;
    }

    /// Once per turn of the poll loop, before any burst, also when there is none: lets the updater re-use what this
    /// worker no longer reads, goes on with multicast replication, expires fragments.
    #[inline]
    pub fn tick(&mut self, now: Now, sink: &mut impl Sink<P::Buffer>) {
        self.reader.tables.epochs.quiescent(self.reader.worker);
        self.state.reassembler.expire(now, self.counters);
        if !self.state.replicator.is_idle() {
            self.turn(0, now, sink).continue_replication();
        }
    }

    /// Takes all frames of `burst`, which came in on `port`.
    pub fn process<S: Sink<P::Buffer>>(
        &mut self,
        port: PortId,
        burst: &mut Burst<P::Buffer>,
        now: Now,
        sink: &mut S,
    ) {
        match self.timed {
            false => self.turn(port, now, sink).port_burst::<false>(burst),
            true => self.turn(port, now, sink).port_burst::<true>(burst),
        }
    }

    /// Takes all IP packets of `burst`, which the kernel sent into the tunnel's TUN twin.
    pub fn process_tunnel<S: Sink<P::Buffer>>(
        &mut self,
        tunnel: TunnelId,
        burst: &mut Burst<P::Buffer>,
        now: Now,
        sink: &mut S,
    ) {
        self.turn(0, now, sink).twin_burst(tunnel, burst);
    }

    /// Sends an NHRP packet of control's: GRE protocol type 0x2001, DSCP CS6, no inner IP header.
    pub fn inject<S: Sink<P::Buffer>>(&mut self, inject: &Inject<'_>, now: Now, sink: &mut S) {
        let sent = match *inject {
            Inject::Nhrp { tunnel, nbma, link, protection: None, packet } => {
                self.turn(0, now, sink).nhrp(tunnel, nbma, link, packet)
            }
            Inject::Nhrp { protection: Some(_), .. } | Inject::Ike { .. } => None,
        };
        if sent.is_none() {
            self.counters.drop(DropReason::BadInject);
        }
    }

    #[inline(always)]
    fn turn<'a, S>(&'a mut self, port: PortId, now: Now, sink: &'a mut S) -> Turn<'a, P, S> {
        Turn {
            tables: &self.reader.tables,
            state: &mut self.state,
            counters: self.counters,
            peers: self.peers,
            sink,
            now,
            port,
            link: None,
        }
    }
}

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// `None`: it cannot be encapsulated, and was not counted yet.
    fn nhrp(&mut self, id: TunnelId, nbma: Ipv4Addr, link_id: LinkId, message: &[u8]) -> Option<()> {
        let tunnel = self.tables.settings.tunnels.get(usize::from(id))?;
        let link = self.link(link_id)?;
        let mtu = self.tables.interfaces.ports.get(usize::from(link.port()))?.mtu;
        let to = Adjacency::new(id, tunnel, nbma, link_id, mtu).carrying(gre::PROTO_NHRP);
        let mut packet = self.state.pool.allocate()?;
        packet.append(message.len())?.copy_from_slice(message);
        let len = u16::try_from(message.len()).ok()?;
        let overhead = tunnel.overhead();
        if len + overhead <= mtu {
            if self.encapsulate(&to, ip4::TOS_CS6, len, packet) {
                self.count_tx(id, crate::meta::NO_PEER, len);
            }
            return Some(());
        }
        // NHRP has no fragmentation of its own, so the outer packet is fragmented, as any host does.
        let outer = to.outer(ip4::TOS_CS6, len.checked_add(overhead)?, self.state.next_id());
        let outer = outer.get(..usize::from(overhead))?;
        packet.prepend(outer.len())?.copy_from_slice(outer);
        let mut pieces = Fragments::new();
        fragment::fragment(packet, usize::from(mtu), &mut self.state.pool, &mut pieces).ok()?;
        for piece in pieces {
            self.eth_output(&link, piece);
        }
        self.count_tx(id, crate::meta::NO_PEER, len);
        Some(())
    }
}
