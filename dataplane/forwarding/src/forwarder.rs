//! One worker's forwarding engine.

use crate::now::Now;
use crate::sink::Sink;
use crate::tables::Reader;
use arrayvec::ArrayVec;
use shm::counters::{Traffic, WorkerCounters};
use shm::message::{Inject, PortId, TunnelId};
use wire::buffer::BufferPool;

/// Most packets worked on together.
pub const BURST: usize = 64;

/// Packets worked on together.
pub type Burst<B> = ArrayVec<B, BURST>;

/// One worker's forwarding engine. `'s` is the shared segment, where its counters live.
#[derive(Debug)]
pub struct Forwarder<'s, P: BufferPool> {
    reader: Reader,
    pool: P,
    counters: &'s WorkerCounters,
    peers: &'s [Traffic],
}

impl<'s, P: BufferPool> Forwarder<'s, P> {
    /// `counters` and `peers` (one per peer, `max_peers` long) are this worker's own blocks.
    pub fn new(reader: Reader, pool: P, counters: &'s WorkerCounters, peers: &'s [Traffic]) -> Self {
        Self { reader, pool, counters, peers }
    }

    /// Once per turn of the poll loop, before any burst, also when there is none: lets the updater re-use what this
    /// worker no longer reads, goes on with multicast replication, expires fragments.
    pub fn tick(&mut self, now: Now, sink: &mut impl Sink<P::Buffer>) {
        let _ = (now, sink, &self.reader.tables, &self.pool, self.peers);
    }

    /// Takes all frames of `burst`, which came in on `port`.
    pub fn process(
        &mut self,
        port: PortId,
        burst: &mut Burst<P::Buffer>,
        now: Now,
        sink: &mut impl Sink<P::Buffer>,
    ) {
        let _ = (port, now, sink, self.counters);
        burst.clear();
    }

    /// Takes all IP packets of `burst`, which the kernel sent into the tunnel's TUN twin.
    pub fn process_tunnel(
        &mut self,
        tunnel: TunnelId,
        burst: &mut Burst<P::Buffer>,
        now: Now,
        sink: &mut impl Sink<P::Buffer>,
    ) {
        let _ = (tunnel, now, sink);
        burst.clear();
    }

    /// Sends an NHRP packet of control's.
    pub fn inject(&mut self, inject: &Inject<'_>, now: Now, sink: &mut impl Sink<P::Buffer>) {
        let _ = (inject, now, sink);
    }
}
