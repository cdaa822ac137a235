//! What the stages of one turn of the poll loop work with.

use crate::crypto::Crypto;
use crate::esp_output::Unsealed;
use crate::forwarder::{BURST, Burst};
use crate::limiter::{Bucket, Limiter, Rate, Sources};
use crate::link::Link;
use crate::now::Now;
use crate::reassembly::{Limits, Reassembler};
use crate::recent::Recent;
use crate::replicate::Replicator;
use crate::sa_table::SaTable;
use crate::settings::Settings;
use crate::tables::Tables;
use arrayvec::ArrayVec;
use shm::class::Class;
use shm::counters::{GroupCounters, Traffic, WorkerCounters};
use shm::drops::DropReason;
use shm::message::{LinkId, PeerId, PortId, TunnelId, VrfId, max_groups};
use wire::buffer::BufferPool;

/// NHRP packets to control from one NBMA address: a site with a thousand spokes behind one NAT address gets through,
/// and a spoke gone mad leaves room for all others.
const NHRP_SOURCE_RATE: Rate = Rate { per_second: 500, burst: 1_000 };
/// IKE messages to control from one address: as many as a site with hundreds of spokes behind one address needs.
const IKE_SOURCE_RATE: Rate = Rate { per_second: 500, burst: 1_000 };
/// Reports that a peer's address or port is another now, per worker.
pub(crate) const MOVED_RATE: Rate = Rate { per_second: 1_000, burst: 1_000 };
/// Redirect events, per worker (all tunnels together).
pub(crate) const REDIRECT_RATE: Rate = Rate { per_second: 2_000, burst: 200 };
/// Reports of refused packets, per worker.
pub(crate) const REFUSAL_RATE: Rate = Rate { per_second: 50, burst: 100 };
/// Requests to resolve a neighbour, per worker: its share of ARP's class, so that who scans a subnet leaves room for the
/// answers.
pub(crate) const GLEAN_RATE: Rate = Rate { per_second: 500, burst: 100 };
/// IGMP and PIM messages of spokes to control, per worker: 10,000 spokes that answer one query.
const MEMBERSHIP_RATE: Rate = Rate { per_second: 20_000, burst: 10_000 };
/// The same from one NBMA address.
const MEMBERSHIP_SOURCE_RATE: Rate = Rate { per_second: 200, burst: 500 };
/// ICMP errors, per worker.
const ICMP_RATE: Rate = Rate { per_second: 1_000, burst: 100 };
/// ICMP errors because of one source. A traceroute takes three for each hop.
const ICMP_SOURCE_RATE: Rate = Rate { per_second: 50, burst: 20 };
/// What a spoke may bring to routing's class: one part of so many of its rate and of its burst, per worker.
const ROUTING_SPOKE_SHARE: u32 = 16;
/// The same for a neighbour on a port: a route server there has a whole table to tell.
const ROUTING_NEIGHBOUR_SHARE: u32 = 2;
/// Pairs of networks whose redirects are remembered, per worker.
const REDIRECTS: usize = 8_192;
/// Refused senders and addresses being resolved that are remembered, per worker.
const SENDERS: usize = 1_024;

/// A worker's own memory. Nobody else touches it.
pub(crate) struct State<P: BufferPool> {
    pub(crate) pool: P,
    /// Next identification of an outer packet, and how far apart a worker's are: see [`outer_ids`].
    pub(crate) outer_id: u16,
    pub(crate) outer_id_step: u16,
    pub(crate) redirects: Recent,
    pub(crate) redirect_bucket: Bucket,
    pub(crate) refusals: Recent,
    pub(crate) refusal_bucket: Bucket,
    pub(crate) gleans: Recent,
    pub(crate) glean_bucket: Bucket,
    pub(crate) nhrp: Sources,
    pub(crate) ike: Sources,
    /// What of routing's class each spoke brought, by station.
    pub(crate) routing_spokes: Sources,
    /// The same for neighbours on ports, by source address.
    pub(crate) routing_neighbours: Sources,
    pub(crate) memberships: Limiter,
    /// When the kernel is to see a packet of each multicast route again, in milliseconds.
    pub(crate) samples: Box<[u64]>,
    pub(crate) moved_bucket: Bucket,
    pub(crate) icmp: Limiter,
    /// Apart from other ICMP errors: who scans what leads nowhere takes nothing from path MTU discovery.
    pub(crate) unreachables: Limiter,
    pub(crate) reassembler: Reassembler<P::Buffer>,
    pub(crate) replicator: Replicator<P::Buffer>,
    /// Reassembled outer packets, for the next pass.
    pub(crate) whole: Burst<P::Buffer>,
    /// Packets of the hub's own (ICMP errors), for the next pass.
    pub(crate) own: Burst<P::Buffer>,
    /// The VRF of each.
    pub(crate) own_vrfs: ArrayVec<VrfId, BURST>,
    /// Protected packets that lack their encryption; empty between turns.
    pub(crate) unsealed: Unsealed<P::Buffer>,
}

impl<P: BufferPool> State<P> {
    /// All memory that the worker will use.
    pub(crate) fn new(pool: P, worker: usize, settings: &Settings) -> Self {
        let workers = settings.workers;
        let start = Now::default();
        let routing = settings.control_plane.of(Class::Routing);
        let (outer_id, outer_id_step) = outer_ids(worker, workers);
        Self {
            pool,
            outer_id,
            outer_id_step,
            redirects: Recent::new(REDIRECTS),
            redirect_bucket: Bucket::full(REDIRECT_RATE, start),
            refusals: Recent::new(SENDERS),
            refusal_bucket: Bucket::full(REFUSAL_RATE, start),
            gleans: Recent::new(SENDERS),
            glean_bucket: Bucket::full(GLEAN_RATE, start),
            nhrp: Sources::new(NHRP_SOURCE_RATE),
            ike: Sources::new(IKE_SOURCE_RATE),
            routing_spokes: Sources::new(routing.share(ROUTING_SPOKE_SHARE)),
            routing_neighbours: Sources::new(routing.share(ROUTING_NEIGHBOUR_SHARE)),
            memberships: Limiter::new(MEMBERSHIP_RATE, MEMBERSHIP_SOURCE_RATE),
            samples: vec![0; max_groups(settings.max_peers) as usize].into_boxed_slice(),
            moved_bucket: Bucket::full(MOVED_RATE, start),
            icmp: Limiter::new(ICMP_RATE, ICMP_SOURCE_RATE),
            unreachables: Limiter::new(ICMP_RATE, ICMP_SOURCE_RATE),
            reassembler: Reassembler::new(Limits::of(settings.buffers, workers)),
            replicator: Replicator::new(settings.tunnels.iter().map(|tunnel| tunnel.multicast_rate)),
            whole: Burst::new(),
            own: Burst::new(),
            own_vrfs: ArrayVec::new(),
            unsealed: Unsealed::new(),
        }
    }

    /// Identification for the next outer packet.
    #[inline(always)]
    pub(crate) fn next_id(&mut self) -> u16 {
        self.outer_id = self.outer_id.wrapping_add(self.outer_id_step);
        self.outer_id
    }
}

/// A worker's first identification of outer packets and the step to the next. No two workers use the same one, also
/// after the 16 bits have wrapped (RFC 6864 4.3: packets that may be fragmented on their way): the step is a power of
/// two, which divides 65,536, so that a worker's identifications keep their remainder.
fn outer_ids(worker: usize, workers: usize) -> (u16, u16) {
    /// Largest power of two that a step can be.
    const MOST: usize = 1 << 15;
    let step = workers.clamp(1, MOST).next_power_of_two();
    ((worker % step) as u16, step as u16)
}

/// How the packets of a burst came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// As frames, from a device.
    Wire,
    /// As datagrams, put together out of fragments.
    Whole,
    /// As datagrams, from another worker.
    Handed,
}

/// One turn: tables to read, own memory to write, counters, the time, and where packets leave.
pub(crate) struct Turn<'a, P: BufferPool, S> {
    pub(crate) tables: &'a Tables,
    pub(crate) state: &'a mut State<P>,
    pub(crate) counters: &'a WorkerCounters,
    pub(crate) peers: &'a [Traffic],
    /// By multicast route; empty: they are not counted.
    pub(crate) groups: &'a [GroupCounters],
    pub(crate) sink: &'a mut S,
    pub(crate) now: Now,
    /// Port that the burst came in by.
    pub(crate) port: PortId,
    /// How the burst came.
    pub(crate) origin: Origin,
    /// The link used last.
    pub(crate) link: Option<(LinkId, Link)>,
    /// The worker's SAs.
    pub(crate) sas: &'a SaTable,
    /// `None`: there is no tunnel with protection.
    pub(crate) crypto: Option<&'a mut Crypto>,
    /// The worker's number.
    pub(crate) worker: u8,
}

impl<P: BufferPool, S> Turn<'_, P, S> {
    /// Counts a discarded packet; its buffer goes back to the pool when the caller lets go of it.
    #[inline(always)]
    pub(crate) fn count_drop(&self, reason: DropReason) {
        self.counters.drop(reason);
    }

    /// Counts a packet accepted from a spoke.
    #[inline(always)]
    pub(crate) fn count_rx(&self, tunnel: TunnelId, peer: PeerId, octets: u16) {
        let octets = u64::from(octets);
        if let Some(tunnel) = self.counters.tunnels.get(usize::from(tunnel)) {
            tunnel.rx_packets.add(1);
            tunnel.rx_bytes.add(octets);
        }
        if let Some(peer) = self.peers.get(peer as usize) {
            peer.rx_packets.add(1);
            peer.rx_bytes.add(octets);
        }
    }

    /// Counts a packet sent to a spoke.
    #[inline(always)]
    pub(crate) fn count_tx(&self, tunnel: TunnelId, peer: PeerId, octets: u16) {
        let octets = u64::from(octets);
        if let Some(tunnel) = self.counters.tunnels.get(usize::from(tunnel)) {
            tunnel.tx_packets.add(1);
            tunnel.tx_bytes.add(octets);
        }
        if let Some(peer) = self.peers.get(peer as usize) {
            peer.tx_packets.add(1);
            peer.tx_bytes.add(octets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifications_of_workers_never_meet() {
        for workers in (1..=shm::MAX_WORKERS as usize).chain([100, 1000]) {
            let mut owner = vec![None; 1 << 16];
            for worker in 0..workers {
                let (first, step) = outer_ids(worker, workers);
                let mut id = first;
                let mut count = 0;
                // Until they come round.
                loop {
                    assert_eq!(owner[usize::from(id)], None, "{id} of worker {worker} of {workers}");
                    owner[usize::from(id)] = Some(worker);
                    count += 1;
                    id = id.wrapping_add(step);
                    if id == first {
                        break;
                    }
                }
                assert!(count * workers > 1 << 15, "at least half of a fair share: {count}");
            }
        }
        // One that could not be told from another's wraps too, and nothing overflows.
        assert_eq!(outer_ids(usize::MAX, usize::MAX).1, 1 << 15);
    }
}
