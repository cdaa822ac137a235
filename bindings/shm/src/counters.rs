//! Counter blocks: each written by one worker, read by anyone at any time without cooperation.
//!
//! All are free-running `u64`, relaxed; a reader that wants rates takes two readings.

use crate::class::{Class, ClassCounters, MAX_CLASSES};
use crate::drops::{DropReason, MAX_REASONS};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Most ports a hub has.
pub const MAX_PORTS: usize = 16;
/// Most tunnel interfaces a hub has.
pub const MAX_TUNNELS: usize = 64;
/// The passes that a worker makes over a burst, in the order in which [`WorkerCounters::stage_cycles`] has them; the last
/// two only where there is ESP.
pub const STAGES: [&str; 6] = ["parse", "peer", "fib", "send", "open", "seal"];
/// Room kept in the counter block, so that a new stage does not change the layout.
pub const MAX_STAGES: usize = 16;
const _: () = assert!(STAGES.len() <= MAX_STAGES);

/// A counter with one writer: adding is a load and a store, no locked instruction.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Only the counter's one writer may call it.
    #[inline(always)]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }
    /// Overwrites the value (gauges). Only the counter's one writer may call it.
    #[inline(always)]
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }
    /// The present value.
    #[inline(always)]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Packets and octets in both directions.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Traffic {
    /// Packets received.
    pub rx_packets: Counter,
    /// Octets received (inner packets for tunnels and peers, frames for ports).
    pub rx_bytes: Counter,
    /// Packets sent.
    pub tx_packets: Counter,
    /// Octets sent.
    pub tx_bytes: Counter,
}

/// What one worker did with packets of one multicast route.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct GroupCounters {
    /// Packets that came in.
    pub packets: Counter,
    /// Their octets.
    pub bytes: Counter,
    /// Copies sent to spokes and out of LAN ports.
    pub copies: Counter,
    /// Packets that came in by another interface than the route says.
    pub wrong_interface: Counter,
    /// Packets, or copies, that were dropped for another reason.
    pub dropped: Counter,
}
const _: () = assert!(size_of::<GroupCounters>() == 64);

/// What one worker counts. Written by that worker alone.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct WorkerCounters {
    /// Polls of all queues.
    pub polls: Counter,
    /// Polls that found no packet.
    pub empty_polls: Counter,
    /// Packets taken in all polls.
    pub packets: Counter,
    /// TSC cycles spent in polls that found packets.
    pub busy_cycles: Counter,
    /// TSC cycles spent in polls that found none.
    pub idle_cycles: Counter,
    /// Poll bursts by size: 0, 1, 2-3, 4-7, 8-15, 16-31, 32-63, 64 and more.
    pub burst_sizes: [Counter; 8],
    /// Redirect events given to control.
    pub redirects: Counter,
    /// Redirects not given because of the rate limit.
    pub redirects_suppressed: Counter,
    /// ICMP errors sent.
    pub icmp_sent: Counter,
    /// ICMP errors not sent because of the rate limit.
    pub icmp_suppressed: Counter,
    /// Packets fragmented before encapsulation.
    pub fragmented: Counter,
    /// Underlay datagrams reassembled.
    pub reassembled: Counter,
    /// TCP SYNs whose MSS was lowered.
    pub mss_clamped: Counter,
    /// Copies sent by multicast replication.
    pub replicated: Counter,
    /// Packets handed to kernel twins.
    pub punted: Counter,
    /// Packets to the hub itself by [`crate::class::Class`].
    pub classes: [ClassCounters; MAX_CLASSES],
    /// TSC cycles by stage of [`STAGES`], only while stage timing is on.
    pub stage_cycles: [Counter; MAX_STAGES],
    /// Drops by [`DropReason`].
    pub drops: [Counter; MAX_REASONS],
    /// By port index.
    pub ports: [Traffic; MAX_PORTS],
    /// By tunnel index.
    pub tunnels: [Traffic; MAX_TUNNELS],
}

impl Default for WorkerCounters {
    fn default() -> Self {
        Self {
            polls: Counter::default(),
            empty_polls: Counter::default(),
            packets: Counter::default(),
            busy_cycles: Counter::default(),
            idle_cycles: Counter::default(),
            burst_sizes: Default::default(),
            redirects: Counter::default(),
            redirects_suppressed: Counter::default(),
            icmp_sent: Counter::default(),
            icmp_suppressed: Counter::default(),
            fragmented: Counter::default(),
            reassembled: Counter::default(),
            mss_clamped: Counter::default(),
            replicated: Counter::default(),
            punted: Counter::default(),
            classes: Default::default(),
            stage_cycles: Default::default(),
            drops: [const { Counter(AtomicU64::new(0)) }; MAX_REASONS],
            ports: Default::default(),
            tunnels: std::array::from_fn(|_| Traffic::default()),
        }
    }
}

impl WorkerCounters {
    /// What became of packets of a class.
    #[inline(always)]
    pub fn class(&self, class: Class) -> &ClassCounters {
        &self.classes[class as usize]
    }
    /// Counts one drop.
    #[inline(always)]
    pub fn drop(&self, reason: DropReason) {
        self.drops[reason as usize].add(1);
    }
}
