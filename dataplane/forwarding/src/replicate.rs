//! Multicast of the hub: one copy for each spoke of the tunnel that takes multicast.
//!
//! In: a packet that the kernel sent to a group through a TUN twin. Out: GRE copies, at most [`COPIES`] in a turn, so
//! that a hello to 10,000 spokes does not hold up what they send meanwhile; the rest in later turns. Drops:
//! `replication_full`, `no_multicast_member`, `no_buffer`, `frag_needed`. The inner packet, TTL included, is not
//! changed: the hub is its source.

use crate::sink::Sink;
use crate::turn::Turn;
use arrayvec::ArrayVec;
use shm::drops::DropReason;
use shm::message::TunnelId;
use wire::buffer::{BufferPool, PacketBuffer};
use wire::ip4::Header;

/// Copies in one turn: about what the turn's bursts hold.
pub(crate) const COPIES: usize = 64;
/// Packets that wait for their copies: each routing daemon's hellos of several tunnels, or a burst of updates.
pub(crate) const JOBS: usize = 64;

/// A packet on its way to all.
#[derive(Debug)]
struct Job<B> {
    packet: B,
    tunnel: TunnelId,
    /// First peer that may not have had its copy.
    next: u32,
    /// Whether anybody got one.
    any: bool,
}

/// Packets being replicated, the oldest first.
#[derive(Debug)]
pub(crate) struct Replicator<B> {
    jobs: ArrayVec<Job<B>, JOBS>,
}

impl<B> Replicator<B> {
    pub(crate) fn new() -> Self {
        Self { jobs: ArrayVec::new() }
    }

    /// Whether there is nothing to do.
    #[inline(always)]
    pub(crate) fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }
}

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// Takes a bare IP packet for all members of the tunnel.
    pub(crate) fn replicate(&mut self, tunnel: TunnelId, packet: P::Buffer) {
        let job = Job { packet, tunnel, next: 0, any: false };
        if self.state.replicator.jobs.try_push(job).is_err() {
            self.count_drop(DropReason::ReplicationFull);
        }
    }

    /// Makes the turn's share of copies.
    #[cold]
    pub(crate) fn continue_replication(&mut self) {
        for _ in 0..COPIES {
            let Some(job) = self.state.replicator.jobs.first_mut() else { break };
            let (tunnel, next) = (job.tunnel, job.next);
            match self.tables.members.next(tunnel, next) {
                Some(peer) => {
                    (job.next, job.any) = (peer + 1, true);
                    self.copy_to(peer);
                }
                None => {
                    if !job.any {
                        self.counters.drop(DropReason::NoMulticastMember);
                    }
                    self.state.replicator.jobs.remove(0);
                }
            }
        }
        self.seal();
    }

    /// Sends a copy of the first job's packet. A copy that cannot be sent is counted; the others are not held up.
    fn copy_to(&mut self, peer: u32) {
        // The member may have left since its bit was read.
        let Some(to) = self.tables.adjacencies.read(peer) else { return };
        let Some(job) = self.state.replicator.jobs.first() else { return };
        let len = job.packet.len();
        if len > usize::from(to.mtu()) {
            return self.count_drop(DropReason::FragNeeded);
        }
        let Some(mut copy) = self.state.pool.allocate() else { return self.count_drop(DropReason::NoBuffer) };
        match copy.append(len) {
            Some(room) => room.copy_from_slice(job.packet.data()),
            None => return self.count_drop(DropReason::NoBuffer),
        }
        let tos = Header::of(copy.data()).map_or(0, |header| header.tos());
        self.counters.replicated.add(1);
        self.gre_output(peer, &to, tos, len as u16, copy);
    }
}
