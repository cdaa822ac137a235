//! A worker allocates nothing per packet, whatever the packet is.
#![cfg(test)]
#![allow(missing_docs)]

mod common;
use common::sa::{ike_message, udp_frame};
use common::secured::{Hub, data, gre_packet, sa};
use common::*;
use forwarding::memory::{DATAROOM, MemoryBuffer, MemoryPool};
use forwarding::{Burst, Forwarder, Now, Sink};
use shm::class::Class;
use shm::counters::{Traffic, WorkerCounters};
use shm::message::{Event, Inject, PortId, Protection, Transform, TunnelId};
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
    fn to_port_twin(&mut self, _: PortId, _: Class, _: MemoryBuffer) {
        self.punted += 1;
    }
    fn to_tunnel_twin(&mut self, _: TunnelId, _: Class, _: MemoryBuffer) {
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

/// One test, since the allocator counts for all threads.
#[test]
fn no_packet_allocates() {
    in_the_clear();
    protected();
}

fn in_the_clear() {
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

/// Through ESP in both directions, with all that may go wrong, by a transform of each kind.
fn protected() {
    const ROUNDS: u64 = 300;
    for transform in [Transform::Gcm128, Transform::Cbc256Sha256] {
        let one = sa(1, transform).behind_nat(4711);
        let two = sa(2, transform).tunnel_mode();
        let mut hub = Hub::with_spokes(1, [&one, &two]);
        let mut frames: Vec<Vec<Vec<u8>>> = (0..ROUNDS)
            .map(|round| {
                let sequence = 1 + 8 * round;
                let mut forged = one.frame(sequence + 1, &data(64));
                *forged.last_mut().expect("octets") ^= 1;
                let mut stranger = one.clone();
                stranger.to_hub.spi ^= 1 << 24;
                let mut all = vec![
                    one.frame(sequence, &data(64)),
                    one.frame(sequence, &data(64)),
                    forged,
                    one.frame(sequence + 2, &data(1450)),
                    one.frame(sequence + 3, &gre_packet(0x2001, b"registration")),
                    one.carry_from(
                        NBMA[1],
                        Some(4711 + (round % 2) as u16),
                        &one.to_hub.seal(sequence + 4, &[], 59),
                    ),
                    stranger.frame(sequence, &data(64)),
                    udp_frame(NBMA[1], 500, 500, &ike_message(300)),
                    udp_frame(NBMA[1], 4711, 4500, &[0xff]),
                    gre(NBMA[1], Some(KEY0), 0x0800, &udp(HOST[1], HOST[2], 64)),
                ];
                all.extend(pieces(&one.frame(sequence + 5, &data(1000))[14..], 512));
                all
            })
            .collect();
        let worker = &mut hub.workers[0];
        let (mut sink, mut burst) = (Void::default(), Burst::new());
        let hello = udp(TUNNEL0, Ipv4Addr::new(224, 0, 0, 5), 64);
        let protection = Some(Protection { session: two.session, sa: Some(two.id), udp: None });
        let message = ike_message(1900);
        let region = Region::new(ALLOCATOR);
        for (millis, frames) in (1_000_000..).step_by(50).zip(&mut frames) {
            let now = Now::from_millis(millis);
            worker.forwarder.tick(now, &mut sink);
            burst.extend(frames.iter().map(|octets| worker.pool.with(octets).expect("room")));
            worker.forwarder.process(UNDERLAY, &mut burst, now, &mut sink);
            burst.push(worker.pool.with(&hello).expect("room"));
            worker.forwarder.process_tunnel(0, &mut burst, now, &mut sink);
            let nhrp = Inject::Nhrp { tunnel: 0, nbma: NBMA[2], link: 0, protection, packet: &message };
            let ike = Inject::Ike {
                local: HUB,
                local_port: 4500,
                nbma: NBMA[2],
                port: 4500,
                link: 0,
                packet: &message,
            };
            worker.forwarder.inject(&nhrp, now, &mut sink);
            worker.forwarder.inject(&ike, now, &mut sink);
        }
        let change = region.change();
        assert_eq!((change.allocations, change.reallocations, change.deallocations), (0, 0, 0), "{change:?}");
        // In each round four pieces of data, two messages in two fragments each, and, in the next turn, two copies of a
        // hello.
        assert_eq!(sink.sent, ROUNDS * (4 + 4 + 2) - 2, "{:?}", hub.drops());
        assert!(sink.events > 3 * ROUNDS, "{}", sink.events);
    }
}
