//! Where everything lies in the segment, and one number that changes whenever any of it does.

use crate::class::ClassCounters;
use crate::codec::{
    EventSlot, GroupSlot, InjectSlot, PACKET_WORDS, PathsSlot, SaSlot, UPDATE_WORDS, UpdateSlot,
};
use crate::counters::{GroupCounters, Traffic, WorkerCounters};
use crate::header::Header;
use crate::message::{MAX_PATHS, max_groups, max_sas};
use crate::ring::RingHeader;
use crate::sa_cells::{InboundCell, OutboundCell, SaCells};
use crate::service::{Device, ServiceCounters, Twin};
use std::mem::{align_of, offset_of, size_of};

/// Most workers a segment serves.
pub const MAX_WORKERS: u32 = 64;
/// Most peers a segment serves.
pub const MAX_PEERS: u32 = 1 << 20;

/// Slots of the updates ring: 3 MiB. A full resync passes through it in pieces.
pub(crate) const UPDATE_SLOTS: usize = 16_384;
/// Slots of the inject ring: 4 MiB.
pub(crate) const INJECT_SLOTS: usize = 1_024;
/// Slots of each worker's event ring: 16 MiB. What NHRP and IKE have of it each, six sixteenths, takes the first messages
/// of thousands of spokes that come back at once.
pub(crate) const EVENT_SLOTS: usize = 4_096;
const _: () = assert!(UPDATE_SLOTS.is_power_of_two() && INJECT_SLOTS.is_power_of_two());
const _: () = assert!(EVENT_SLOTS.is_power_of_two());

/// What a segment is sized for; both processes take it from the same configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Workers, 1 to [`MAX_WORKERS`].
    pub workers: u32,
    /// Peers, 1 to [`MAX_PEERS`].
    pub max_peers: u32,
}

/// Offset of each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub updates: usize,
    pub inject: usize,
    pub events: usize,
    pub service: usize,
    pub counters: usize,
    pub peers: usize,
    pub groups: usize,
    pub sas: usize,
    /// Octets in all.
    pub size: usize,
}

/// Every part starts on a page, so that none shares a cache line or a TLB entry with another's writer.
const PAGE: usize = 4_096;

/// Octets of a ring of `slots` slots of `words` words.
const fn ring_size(slots: usize, words: usize) -> usize {
    (size_of::<RingHeader>() + slots * words * size_of::<u64>()).next_multiple_of(PAGE)
}

/// Octets from one worker's event ring to the next.
pub(crate) const EVENT_RING: usize = ring_size(EVENT_SLOTS, PACKET_WORDS);

impl Geometry {
    /// The layout for this geometry. The bounds keep every sum far below an overflow.
    pub(crate) const fn layout(self) -> Layout {
        let workers = self.workers as usize;
        let updates = size_of::<Header>().next_multiple_of(PAGE);
        let inject = updates + ring_size(UPDATE_SLOTS, UPDATE_WORDS);
        let events = inject + ring_size(INJECT_SLOTS, PACKET_WORDS);
        let service = events + workers * EVENT_RING;
        let counters = service + size_of::<ServiceCounters>().next_multiple_of(PAGE);
        let peers = counters + (workers * size_of::<WorkerCounters>()).next_multiple_of(PAGE);
        let groups = peers + workers * self.peers_size();
        let sas = groups + workers * self.groups_size();
        let size = sas + (self.max_sas() as usize * size_of::<SaCells>()).next_multiple_of(PAGE);
        Layout { updates, inject, events, service, counters, peers, groups, sas, size }
    }

    /// SA slots: [`max_sas`] of `max_peers`.
    pub const fn max_sas(self) -> u32 {
        max_sas(self.max_peers)
    }

    /// Multicast routes: [`max_groups`] of `max_peers`.
    pub const fn max_groups(self) -> u32 {
        max_groups(self.max_peers)
    }

    /// Octets from one worker's counters of multicast routes to the next.
    pub(crate) const fn groups_size(self) -> usize {
        (self.max_groups() as usize * size_of::<GroupCounters>()).next_multiple_of(PAGE)
    }

    /// Octets from one worker's peer counters to the next.
    pub(crate) const fn peers_size(self) -> usize {
        (self.max_peers as usize * size_of::<Traffic>()).next_multiple_of(PAGE)
    }
}

/// FNV-1a over the sizes, alignments and offsets of all that lies in the segment. Two builds that would read each
/// other's memory wrongly have different values.
pub(crate) const LAYOUT_HASH: u64 = hash(&[
    size_of::<Header>(),
    size_of::<RingHeader>(),
    align_of::<RingHeader>(),
    PAGE,
    UPDATE_SLOTS,
    UPDATE_WORDS,
    INJECT_SLOTS,
    EVENT_SLOTS,
    PACKET_WORDS,
    size_of::<UpdateSlot>(),
    offset_of!(UpdateSlot, index),
    offset_of!(UpdateSlot, flags),
    offset_of!(UpdateSlot, target),
    offset_of!(UpdateSlot, link),
    offset_of!(UpdateSlot, mac),
    offset_of!(UpdateSlot, peer),
    offset_of!(UpdateSlot, address),
    offset_of!(UpdateSlot, session),
    offset_of!(UpdateSlot, generation),
    offset_of!(UpdateSlot, sa),
    offset_of!(UpdateSlot, port),
    size_of::<PathsSlot>(),
    offset_of!(PathsSlot, count),
    offset_of!(PathsSlot, id),
    offset_of!(PathsSlot, ways),
    MAX_PATHS,
    size_of::<SaSlot>(),
    offset_of!(SaSlot, flags),
    offset_of!(SaSlot, transform),
    offset_of!(SaSlot, id),
    offset_of!(SaSlot, spi),
    offset_of!(SaSlot, session),
    offset_of!(SaSlot, tag),
    offset_of!(SaSlot, hard_packets),
    offset_of!(SaSlot, local),
    offset_of!(SaSlot, nbma),
    offset_of!(SaSlot, inner_local),
    offset_of!(SaSlot, inner_remote),
    offset_of!(SaSlot, window),
    offset_of!(SaSlot, port),
    offset_of!(SaSlot, keys),
    size_of::<GroupSlot>(),
    offset_of!(GroupSlot, flags),
    offset_of!(GroupSlot, from),
    offset_of!(GroupSlot, index),
    offset_of!(GroupSlot, id),
    offset_of!(GroupSlot, ports),
    offset_of!(GroupSlot, peer),
    offset_of!(GroupSlot, source),
    offset_of!(GroupSlot, group),
    offset_of!(GroupSlot, tunnels),
    size_of::<EventSlot>(),
    offset_of!(EventSlot, index),
    offset_of!(EventSlot, reason),
    offset_of!(EventSlot, flags),
    offset_of!(EventSlot, packet_len),
    offset_of!(EventSlot, peer),
    offset_of!(EventSlot, address),
    offset_of!(EventSlot, local),
    offset_of!(EventSlot, key),
    offset_of!(EventSlot, port),
    offset_of!(EventSlot, session),
    offset_of!(EventSlot, local_port),
    size_of::<InjectSlot>(),
    offset_of!(InjectSlot, tunnel),
    offset_of!(InjectSlot, packet_len),
    offset_of!(InjectSlot, link),
    offset_of!(InjectSlot, port),
    offset_of!(InjectSlot, nbma),
    offset_of!(InjectSlot, local),
    offset_of!(InjectSlot, session),
    offset_of!(InjectSlot, sa),
    offset_of!(InjectSlot, local_port),
    offset_of!(InjectSlot, flags),
    size_of::<Traffic>(),
    offset_of!(Traffic, rx_bytes),
    offset_of!(Traffic, tx_packets),
    offset_of!(Traffic, tx_bytes),
    size_of::<GroupCounters>(),
    offset_of!(GroupCounters, bytes),
    offset_of!(GroupCounters, copies),
    offset_of!(GroupCounters, wrong_interface),
    offset_of!(GroupCounters, dropped),
    max_groups(0) as usize,
    size_of::<ClassCounters>(),
    offset_of!(ClassCounters, exceeded),
    offset_of!(ClassCounters, source_exceeded),
    offset_of!(ClassCounters, queue_full),
    size_of::<WorkerCounters>(),
    align_of::<WorkerCounters>(),
    offset_of!(WorkerCounters, burst_sizes),
    offset_of!(WorkerCounters, redirects),
    offset_of!(WorkerCounters, redirects_suppressed),
    offset_of!(WorkerCounters, icmp_sent),
    offset_of!(WorkerCounters, icmp_suppressed),
    offset_of!(WorkerCounters, fragmented),
    offset_of!(WorkerCounters, reassembled),
    offset_of!(WorkerCounters, mss_clamped),
    offset_of!(WorkerCounters, replicated),
    offset_of!(WorkerCounters, punted),
    offset_of!(WorkerCounters, classes),
    offset_of!(WorkerCounters, stage_cycles),
    offset_of!(WorkerCounters, drops),
    offset_of!(WorkerCounters, ports),
    offset_of!(WorkerCounters, tunnels),
    size_of::<ServiceCounters>(),
    align_of::<ServiceCounters>(),
    offset_of!(ServiceCounters, updates_refused),
    offset_of!(ServiceCounters, injects_lost),
    offset_of!(ServiceCounters, buffers),
    offset_of!(ServiceCounters, buffers_used),
    offset_of!(ServiceCounters, engines),
    offset_of!(ServiceCounters, devices),
    offset_of!(ServiceCounters, port_twins),
    offset_of!(ServiceCounters, tunnel_twins),
    size_of::<Device>(),
    offset_of!(Device, losses),
    size_of::<Twin>(),
    offset_of!(Twin, to_kernel_bytes),
    offset_of!(Twin, from_kernel_packets),
    offset_of!(Twin, from_kernel_bytes),
    offset_of!(Twin, losses),
    max_sas(0) as usize,
    size_of::<SaCells>(),
    offset_of!(SaCells, inbound),
    OutboundCell::FORM,
    InboundCell::FORM,
]);

const fn hash(numbers: &[usize]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < numbers.len() {
        let octets = (numbers[at] as u64).to_le_bytes();
        let mut i = 0;
        while i < octets.len() {
            hash = (hash ^ octets[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            i += 1;
        }
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_overlap_and_are_aligned() {
        for geometry in [
            Geometry { workers: 1, max_peers: 1 },
            Geometry { workers: 3, max_peers: 16_384 },
            Geometry { workers: MAX_WORKERS, max_peers: MAX_PEERS },
        ] {
            let layout = geometry.layout();
            let Layout { updates, inject, events, service, counters, peers, groups, sas, size } = layout;
            let offsets = [0, updates, inject, events, service, counters, peers, groups, sas, size];
            assert!(offsets.is_sorted() && offsets.windows(2).all(|pair| pair[0] != pair[1]));
            assert!(offsets.iter().all(|offset| offset % PAGE == 0));
        }
    }

    #[test]
    fn the_hash_sees_order_and_value() {
        assert_ne!(hash(&[1, 2]), hash(&[2, 1]));
        assert_ne!(hash(&[1]), hash(&[1, 0]));
    }
}
