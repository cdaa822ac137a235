//! One packet to many spokes: the hub's own multicast to all of a tunnel that take multicast, and that of a multicast
//! route to those that have joined.
//!
//! In: an inner packet and who gets it. Out: GRE copies, as many in a second as the tunnel's rate allows and at most
//! [`COPIES`] in a turn, so that a hello to 10,000 spokes neither bursts out of the port nor holds up what comes
//! meanwhile. Drops: `replication_full`, `no_multicast_member`, `no_buffer`, `frag_needed`, `frag_too_many`.
//!
//! A tunnel has two lanes, one of the hub's own packets and one of routed ones. Within a lane order is kept; lanes take
//! turns, so that nothing waits for another tunnel's 10,000 copies.

use crate::fragment::{self, Fragments};
use crate::limiter::Rate;
use crate::now::Now;
use crate::pace::Pace;
use crate::sink::Sink;
use crate::turn::Turn;
use arrayvec::ArrayVec;
use shm::cpu;
use shm::drops::DropReason;
use shm::message::{GroupId, PeerId, TunnelId};
use std::collections::VecDeque;
use wire::buffer::{BufferPool, PacketBuffer};
use wire::ip4::Header;

/// Copies in one turn: about what the turn's bursts hold.
pub(crate) const COPIES: usize = 64;
/// Copies of one lane before the next has its turn.
const QUANTUM: usize = 16;
/// Packets of the hub's own that wait in a lane: its routing daemons' hellos, or a burst of updates.
pub(crate) const OWN_JOBS: usize = 64;
/// Routed packets that wait in a lane: a burst of a stream.
pub(crate) const ROUTED_JOBS: usize = 256;
/// Packets that wait in all lanes of a worker.
pub(crate) const JOBS: usize = 1_024;
/// Copies that may leave at once after a pause: what one turn sends.
const BURST: u32 = COPIES as u32;

/// Who gets a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receivers {
    /// All members of the tunnel.
    All,
    /// Those joined to a multicast route, known by its [`crate::groups::Group::key`] as well: its number may be another's soon.
    Joined(GroupId, u64),
}

/// A packet on its way to many.
#[derive(Debug)]
pub(crate) struct Job<B> {
    pub(crate) packet: B,
    pub(crate) receivers: Receivers,
    /// Who sent it, and gets no copy.
    pub(crate) sender: PeerId,
    /// First peer that may not have had its copy.
    next: u32,
    /// Whether it counts as dropped if nobody gets a copy.
    pub(crate) must_leave: bool,
}

impl<B> Job<B> {
    /// For all of `receivers`.
    pub(crate) fn new(packet: B, receivers: Receivers, sender: PeerId, must_leave: bool) -> Self {
        Self { packet, receivers, sender, next: 0, must_leave }
    }
}

/// Packets being replicated: two lanes for each tunnel.
#[derive(Debug)]
pub(crate) struct Replicator<B> {
    lanes: Box<[VecDeque<Job<B>>]>,
    /// By tunnel.
    paces: Box<[Pace]>,
    /// The lane whose turn it is.
    turn: usize,
    waiting: usize,
}

/// The lane of a tunnel's packets, and the bound of what waits in it.
fn lane(tunnel: TunnelId, receivers: Receivers) -> (usize, usize) {
    match receivers {
        Receivers::All => (usize::from(tunnel) * 2, OWN_JOBS),
        Receivers::Joined(..) => (usize::from(tunnel) * 2 + 1, ROUTED_JOBS),
    }
}

impl<B> Replicator<B> {
    /// All memory that it will use, for tunnels with these copies per second.
    pub(crate) fn new(rates: impl Iterator<Item = u32>) -> Self {
        let paces: Box<[Pace]> =
            rates.map(|per_second| Pace::new(Rate { per_second, burst: BURST })).collect();
        let lanes = (0..paces.len()).flat_map(|_| [OWN_JOBS, ROUTED_JOBS]);
        Self { lanes: lanes.map(VecDeque::with_capacity).collect(), paces, turn: 0, waiting: 0 }
    }

    /// Whether there is nothing to do.
    #[inline(always)]
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting == 0
    }

    fn push(&mut self, tunnel: TunnelId, job: Job<B>) -> bool {
        let (lane, bound) = lane(tunnel, job.receivers);
        let Some(lane) = self.lanes.get_mut(lane) else { return false };
        // A lane never grows beyond what was allocated for it.
        let room = lane.len() < bound && self.waiting < JOBS;
        if room {
            lane.push_back(job);
            self.waiting += 1;
        }
        room
    }

    fn pop(&mut self, lane: usize) -> Option<Job<B>> {
        let job = self.lanes.get_mut(lane)?.pop_front()?;
        self.waiting -= 1;
        Some(job)
    }

    /// Puts back what is not done yet.
    fn put_back(&mut self, lane: usize, job: Job<B>) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.push_front(job);
            self.waiting += 1;
        }
    }

    /// How many copies a lane may send now, at most `most`.
    fn allowed(&mut self, lane: usize, most: usize, now: Now) -> usize {
        if self.lanes.get(lane).is_none_or(VecDeque::is_empty) {
            return 0;
        }
        self.paces.get_mut(lane / 2).map_or(0, |pace| most.min(pace.available(now) as usize))
    }
}

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// Takes a bare IP packet for many. `false`: it was dropped.
    pub(crate) fn replicate(&mut self, tunnel: TunnelId, job: Job<P::Buffer>) -> bool {
        let receivers = job.receivers;
        let taken = self.state.replicator.push(tunnel, job);
        if !taken {
            self.drop_copy(receivers, DropReason::ReplicationFull);
        }
        taken
    }

    /// Makes the turn's share of copies.
    #[cold]
    pub(crate) fn continue_replication(&mut self) {
        let lanes = self.state.replicator.lanes.len();
        let (mut left, mut quiet) = (COPIES, 0);
        while left > 0 && quiet < lanes {
            let lane = self.state.replicator.turn;
            self.state.replicator.turn = (lane + 1) % lanes;
            match self.serve(lane, left.min(QUANTUM)) {
                0 => quiet += 1,
                sent => (left, quiet) = (left - sent, 0),
            }
        }
        self.seal();
    }

    /// Sends at most `most` copies of a lane's oldest packet; says how many.
    fn serve(&mut self, lane: usize, most: usize) -> usize {
        let allowed = self.state.replicator.allowed(lane, most, self.now);
        if allowed == 0 {
            return 0;
        }
        let Some(mut job) = self.state.replicator.pop(lane) else { return 0 };
        let mut peers = ArrayVec::<PeerId, QUANTUM>::new();
        let tunnel = (lane / 2) as TunnelId;
        let done = self.choose(&mut job, tunnel, allowed, &mut peers);
        let sent = peers.into_iter().filter(|peer| self.copy_to(&job, tunnel, *peer)).count();
        job.must_leave &= sent == 0;
        if let Some(pace) = self.state.replicator.paces.get_mut(lane / 2) {
            pace.take(sent as u32);
        }
        if !done {
            self.state.replicator.put_back(lane, job);
        } else if job.must_leave {
            self.drop_copy(job.receivers, DropReason::NoMulticastMember);
        }
        sent
    }

    /// The next ones that get a copy, at most `most`. `true`: there are no more.
    fn choose(
        &self,
        job: &mut Job<P::Buffer>,
        tunnel: TunnelId,
        most: usize,
        peers: &mut ArrayVec<PeerId, QUANTUM>,
    ) -> bool {
        while peers.len() < most.min(QUANTUM) {
            let Some(peer) = self.receiver(job, tunnel) else { return true };
            job.next = peer + 1;
            if peer != job.sender {
                self.tables.adjacencies.prefetch(peer);
                cpu::prefetch_index(self.peers, peer as usize);
                peers.push(peer);
            }
        }
        false
    }

    fn receiver(&self, job: &Job<P::Buffer>, tunnel: TunnelId) -> Option<PeerId> {
        match job.receivers {
            Receivers::All => self.tables.members.next(tunnel.into(), job.next),
            Receivers::Joined(id, key) => {
                self.tables.groups.read(id).filter(|route| route.key() == key)?;
                self.tables.joined.next(id.into(), job.next)
            }
        }
    }

    /// Sends a copy to a spoke of the tunnel; says whether it could. One that cannot be sent is counted; the others are
    /// not held up.
    fn copy_to(&mut self, job: &Job<P::Buffer>, tunnel: TunnelId, peer: PeerId) -> bool {
        // The member may have left since its bit was read, or is joined on another tunnel.
        let to = self.tables.adjacencies.read(peer).filter(|to| to.tunnel() == tunnel);
        let Some(to) = to else { return false };
        let Some(copy) = self.copy_of(job.packet.data()) else {
            self.drop_copy(job.receivers, DropReason::NoBuffer);
            return true;
        };
        let mtu = to.mtu();
        if copy.len() <= usize::from(mtu) {
            self.send_copy(peer, &to, copy);
        } else {
            // A source of multicast is never told that its packets are too long (RFC 1812 4.3.2.7).
            let mut pieces = Fragments::new();
            match fragment::fragment(copy, mtu.into(), &mut self.state.pool, &mut pieces) {
                Ok(()) => {
                    self.counters.fragmented.add(1);
                    pieces.into_iter().for_each(|piece| self.send_copy(peer, &to, piece));
                }
                Err(refusal) => {
                    self.drop_copy(job.receivers, fragment_refused(refusal));
                    return true;
                }
            }
        }
        self.counters.replicated.add(1);
        if let Some(counters) = self.group_counters(job.receivers) {
            counters.copies.add(1);
        }
        true
    }

    fn send_copy(&mut self, peer: PeerId, to: &crate::adjacency::Adjacency, copy: P::Buffer) {
        let tos = Header::of(copy.data()).map_or(0, |header| header.tos());
        let len = copy.len() as u16;
        self.gre_output(peer, to, tos, len, copy);
    }

    /// A buffer with these octets.
    pub(crate) fn copy_of(&mut self, octets: &[u8]) -> Option<P::Buffer> {
        let mut copy = self.state.pool.allocate()?;
        copy.append(octets.len())?.copy_from_slice(octets);
        Some(copy)
    }

    /// Counts a packet, or a copy, that does not leave.
    pub(crate) fn drop_copy(&self, receivers: Receivers, reason: DropReason) {
        self.count_drop(reason);
        if let Some(counters) = self.group_counters(receivers) {
            counters.dropped.add(1);
        }
    }

    fn group_counters(&self, receivers: Receivers) -> Option<&shm::counters::GroupCounters> {
        match receivers {
            Receivers::All => None,
            Receivers::Joined(id, _) => self.groups.get(usize::from(id)),
        }
    }
}

/// Why a packet that is too long does not leave.
pub(crate) fn fragment_refused(refusal: fragment::Refusal) -> DropReason {
    match refusal {
        fragment::Refusal::DontFragment => DropReason::FragNeeded,
        fragment::Refusal::NoBuffer => DropReason::NoBuffer,
        fragment::Refusal::Malformed => DropReason::InnerMalformed,
        fragment::Refusal::TooMany => DropReason::FragTooMany,
    }
}
