//! A worker allocates nothing per packet, whatever the packet is.
#![cfg(test)]
#![allow(missing_docs)]

mod common;
use common::*;
use forwarding::memory::{DATAROOM, MemoryBuffer, MemoryPool};
use forwarding::{Burst, Forwarder, Now, Sink};
use shm::counters::{Traffic, WorkerCounters};
use shm::message::{Event, Inject, PortId, TunnelId};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::net::Ipv4Addr;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Gives every buffer back at once and counts.
#[derive(Default)]
struct Void {
    sent: u64,
    punted: u64,
    events: u64,
}

impl Sink<MemoryBuffer> for Void {
    fn transmit(&mut self, _: PortId, _: MemoryBuffer) {
        self.sent += 1;
    }
    fn to_port_twin(&mut self, _: PortId, _: MemoryBuffer) {
        self.punted += 1;
    }
    fn to_tunnel_twin(&mut self, _: TunnelId, _: MemoryBuffer) {
        self.punted += 1;
    }
    fn event(&mut self, _: Event<'_>) -> bool {
        self.events += 1;
        true
    }
}

/// One of everything that has a way of its own through the hub.
fn frames() -> Vec<Vec<u8>> {
    let dying = with_header(udp(HOST[1], HOST[2], 64), |p| p[8] = 1);
    let whole = from_spoke(1, &udp(HOST[1], HOST[2], 1400))[14..].to_vec();
    let part = |range: std::ops::Range<usize>, more: u8| {
        let offset = (range.start / 8) as u8;
        let part = [&whole[..20], &whole[20 + range.start..20 + range.end]].concat();
        underlay(&with_header(part, |p| {
            let len = (20 + range.len()) as u16;
            p[2..4].copy_from_slice(&len.to_be_bytes());
            (p[6], p[7]) = (more << 5, offset);
        }))
    };
    vec![
        from_spoke(1, &udp(HOST[1], HOST[2], 64)),
        from_spoke(1, &udp(HOST[1], HOST[0], 64)),
        from_spoke(1, &udp(HOST[1], HOST[2], 1450)),
        from_spoke(1, &dying),
        from_spoke(1, &udp(HOST[1], TUNNEL0, 64)),
        from_spoke(1, &udp(HOST[1], Ipv4Addr::new(172, 16, 5, 5), 64)),
        part(0..800, 1),
        part(800..whole.len() - 20, 0),
        gre(NBMA[1], Some(KEY0), 0x2001, b"registration"),
        gre(NBMA[1], Some(9), 0x0800, b""),
        ethernet([0xff; 6], GATEWAY_MAC, 0x0806, &[0; 28]),
        vec![0; 5],
    ]
}

#[test]
fn no_packet_allocates() {
    let (mut updater, readers) = forwarding::tables(settings()).expect("settings");
    for update in updates() {
        updater.apply(&update).expect("applied");
    }
    let (counters, peers) =
        (WorkerCounters::default(), (0..64).map(|_| Traffic::default()).collect::<Vec<_>>());
    let mut pool = MemoryPool::new(2048, DATAROOM);
    let reader = readers.into_iter().next().expect("worker");
    let mut forwarder = Forwarder::new(reader, pool.clone(), &counters, &peers);
    let (frames, hello) = (frames(), udp(TUNNEL0, Ipv4Addr::new(224, 0, 0, 5), 64));
    let lan_hello = lan(&hello);
    let mut sink = Void::default();
    let mut burst = Burst::new();
    let mut turn = |millis: u64, sink: &mut Void| {
        let now = Now::from_millis(millis);
        forwarder.tick(now, sink);
        burst.extend(frames.iter().map(|octets| pool.with(octets).expect("room")));
        forwarder.process(UNDERLAY, &mut burst, now, sink);
        burst.push(pool.with(&lan_hello).expect("room"));
        forwarder.process(LAN, &mut burst, now, sink);
        burst.push(pool.with(&hello).expect("room"));
        forwarder.process_tunnel(0, &mut burst, now, sink);
        forwarder.inject(
            &Inject::Nhrp { tunnel: 0, nbma: NBMA[1], link: 0, protection: None, packet: &[1; 1600] },
            now,
            sink,
        );
    };
    let region = Region::new(ALLOCATOR);
    for millis in 0..2_000 {
        turn(1_000_000 + millis * 50, &mut sink);
    }
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations, change.deallocations), (0, 0, 0), "{change:?}");
    // And it was real work.
    assert!(sink.sent > 10_000 && sink.punted > 4_000 && sink.events > 2_000);
    let named = [
        &counters.icmp_sent,
        &counters.fragmented,
        &counters.reassembled,
        &counters.replicated,
        &counters.redirects,
    ];
    assert!(named.iter().all(|counter| counter.get() > 5), "{named:?}");
}
