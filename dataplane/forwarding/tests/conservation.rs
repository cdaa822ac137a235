//! No packet vanishes: whatever comes in is sent, punted, told, held or counted as dropped, and nothing panics.
#![cfg(test)]
#![allow(missing_docs)]

mod common;
use common::*;
use proptest::prelude::*;
use shm::drops::DropReason;
use std::net::Ipv4Addr;
use wire::buffer::BufferPool;

/// Octets that get far: good packets with a few octets changed, cut or lengthened.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let addresses = prop::sample::select(vec![
        HOST[0],
        HOST[1],
        HOST[2],
        HOST[3],
        TUNNEL0,
        TUNNEL1,
        HUB_LAN,
        HUB,
        Ipv4Addr::BROADCAST,
        Ipv4Addr::new(224, 0, 0, 5),
        Ipv4Addr::new(172, 16, 0, 9),
        Ipv4Addr::new(172, 16, 3, 3),
        Ipv4Addr::new(10, 9, 0, 1),
        Ipv4Addr::new(10, 11, 0, 1),
        Ipv4Addr::new(10, 12, 0, 1),
        Ipv4Addr::new(10, 12, 7, 1),
    ]);
    let inner = (
        addresses.clone(),
        addresses,
        prop_oneof![4 => 28_usize..1400, 1 => 1400..1700_usize],
        any::<u8>(),
        0_u8..4,
        any::<bool>(),
    )
        .prop_map(|(source, destination, len, tos, ttl, df)| {
            with_header(udp(source, destination, len), |p| {
                (p[1], p[8], p[6]) = (tos, ttl * 20, u8::from(df) << 6);
                p[9] = [17, 6, 1, 47][usize::from(tos % 4)];
            })
        });
    let frame = (inner, 0_usize..6).prop_map(|(inner, kind)| match kind {
        0 => lan(&inner),
        1 => gre(NBMA[1], Some(KEY0), 0x2001, &inner),
        2 => underlay(&inner),
        spoke => from_spoke(spoke - 2, &inner),
    });
    let changes = prop::collection::vec((0_usize..80, any::<u8>()), 0..4);
    (frame, changes, any::<bool>(), prop::option::of(0_usize..120)).prop_map(
        |(mut frame, changes, mend, cut)| {
            for (at, value) in changes {
                if let Some(octet) = frame.get_mut(at) {
                    *octet = value;
                }
            }
            if mend && frame.len() > 34 {
                let _ = wire::ip4::fill_checksum(&mut frame[14..]);
            }
            if let Some(cut) = cut {
                frame.truncate(cut);
            }
            frame
        },
    )
}

fn arbitrary() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => mutated(), 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

/// Where everything went.
fn accounted(world: &World) -> u64 {
    let w = &world.counters.worker;
    let all_drops: u64 = DropReason::ALL.iter().map(|reason| world.drop_count(*reason)).sum();
    // An ICMP error is made out of the packet that was counted as dropped, and goes one of the ways itself; a packet
    // cut in pieces was one; a redirect or glean event is told beside the packet.
    let events = world.out.events.iter().filter(|event| matches!(event, Told::Nhrp { .. })).count();
    let left = world.out.sent.len() + world.out.frames.len() + world.out.packets.len() + events;
    left as u64 + all_drops - w.icmp_sent.get()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]
    #[test]
    fn what_comes_in_is_accounted_for(
        frames in prop::collection::vec((arbitrary(), any::<bool>()), 1..64),
        packets in prop::collection::vec(mutated(), 0..16),
    ) {
        let mut world = World::new();
        world.out.wild = true;
        let before = world.pool.available();
        let (lan, underlay): (Vec<_>, Vec<_>) = frames.into_iter().partition(|(_, lan)| *lan);
        let underlay: Vec<_> = underlay.into_iter().map(|(frame, _)| frame).collect();
        let lan: Vec<_> = lan.into_iter().map(|(frame, _)| frame).collect();
        let twin: Vec<_> = packets.into_iter().map(|frame| frame.get(14..).unwrap_or_default().to_vec()).collect();
        world.port(UNDERLAY, &underlay);
        world.port(LAN, &lan);
        world.twin(0, &twin);
        let incoming = (underlay.len() + lan.len() + twin.len()) as u64;
        // What is held is given up in time: fragments, and packets being replicated.
        for _ in 0..4 {
            world.pass(60_000);
        }
        let w = &world.counters.worker;
        // Pieces of one packet beyond the first, joined fragments and copies make packets out of nothing.
        let sent_by_copy = w.replicated.get();
        let replicated_jobs = u64::from(sent_by_copy > 0);
        let pieces = w.fragmented.get();
        let joined = w.reassembled.get();
        if pieces == 0 && joined == 0 && replicated_jobs == 0 {
            prop_assert_eq!(accounted(&world), incoming, "{:?}", world.drops());
        } else {
            prop_assert!(accounted(&world) + joined * 20 + sent_by_copy * 2 >= incoming, "{:?}", world.drops());
        }
        // No buffer is kept.
        prop_assert_eq!(world.pool.available(), before);
        prop_assert!(world.pool.allocate().is_some());
    }
}
