//! One worker's forwarding engine.

use crate::multicast;
use crate::now::Now;
use crate::sink::Sink;
use crate::tables::Reader;
use crate::turn::{Origin, State, Turn};
use arrayvec::ArrayVec;
use shm::counters::{GroupCounters, Traffic, WorkerCounters};
use shm::drops::DropReason;
use shm::message::{Inject, PortId, TunnelId};
use wire::buffer::BufferPool;
use wire::eth;

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
    groups: &'s [GroupCounters],
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
        let state = State::new(pool, reader.worker, settings);
        Self { reader, state, counters, peers, groups: &[], timed: false }
    }

    /// Counts packets of multicast routes in `groups`, this worker's own block.
    pub fn with_groups(mut self, groups: &'s [GroupCounters]) -> Self {
        self.groups = groups;
        self
    }

    /// Whether copies of multicast wait for their time, so that the worker must not sleep.
    #[inline]
    pub fn is_replicating(&self) -> bool {
        !self.state.replicator.is_idle()
    }

    /// Whether a frame that the kernel sends out of `port` is its copy of multicast that workers forward themselves: then
    /// it is counted as dropped, and must not leave.
    pub fn is_echo(&self, port: PortId, frame: &[u8]) -> bool {
        // Unicast is not looked into.
        if frame.first().is_none_or(|first| first & 1 == 0) {
            return false;
        }
        let Ok(header) = eth::parse(frame) else { return false };
        let packet = frame.get(header.header_len..).unwrap_or_default();
        let echo =
            header.ethertype == eth::TYPE_IPV4 && multicast::is_echo(&self.reader.tables, port, packet);
        if echo {
            self.counters.drop(DropReason::MulticastEcho);
        }
        echo
    }

    /// Whether each pass over a port's burst adds its cycles to `stage_cycles`, in the order of [`crate::STAGES`],
    /// which costs some cycles itself.
    pub fn set_stage_timing(&mut self, timed: bool) {
        self.timed = timed;
    }

    /// Once per turn of the poll loop, before any burst, also when there is none: lets the updater re-use what this
    /// worker no longer reads, takes SAs, goes on with multicast replication, expires fragments.
    #[inline]
    pub fn tick(&mut self, now: Now, sink: &mut impl Sink<P::Buffer>) {
        self.reader.quiescent();
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

    /// Takes all outer datagrams of `burst`, which came in on `port` and another worker handed over.
    pub fn process_handed<S: Sink<P::Buffer>>(
        &mut self,
        port: PortId,
        burst: &mut Burst<P::Buffer>,
        now: Now,
        sink: &mut S,
    ) {
        let mut turn = self.turn(port, now, sink);
        turn.origin = Origin::Handed;
        turn.handed_burst(burst);
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

    /// Sends an NHRP or IKE packet of control's, or hands one to the kernel.
    pub fn inject<S: Sink<P::Buffer>>(&mut self, inject: &Inject<'_>, now: Now, sink: &mut S) {
        if self.turn(0, now, sink).inject(inject).is_none() {
            self.counters.drop(DropReason::BadInject);
        }
    }

    #[inline(always)]
    fn turn<'a, S>(&'a mut self, port: PortId, now: Now, sink: &'a mut S) -> Turn<'a, P, S> {
        Turn {
            tables: &self.reader.tables,
            sas: &self.reader.sas,
            crypto: self.reader.crypto.as_mut(),
            // Workers are at most 64.
            worker: self.reader.worker as u8,
            origin: Origin::Wire,
            state: &mut self.state,
            counters: self.counters,
            peers: self.peers,
            groups: self.groups,
            sink,
            now,
            port,
            link: None,
        }
    }
}
