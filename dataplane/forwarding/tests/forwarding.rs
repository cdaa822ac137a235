//! Packets in, octets out: what the hub does with each kind of packet.
#![cfg(test)]
#![allow(missing_docs)]

mod common;
use common::*;
use forwarding::Now;
use shm::drops::DropReason;
use shm::message::{Inject, Update};
use std::net::Ipv4Addr;
use wire::ip4;

#[test]
fn hairpin_is_right_to_the_octet() {
    let mut world = World::new();
    let inner = with_header(udp(HOST[1], HOST[2], 64), |p| p[1] = 0xb8 | 2);
    world.port(UNDERLAY, &[from_spoke(1, &inner)]);
    let (port, frame) = world.one();
    assert_eq!(port, UNDERLAY);
    let expected = "
        020000000101 020000000001 0800
        45ba 005c 0001 0000 ff2f 0000 c0000201 c6336402
        2000 0800 000003e8
        45ba 0040 1234 0000 3f11 0000 0a01000a 0a020014
        3039 0009 002c 0000";
    let mut expected: Vec<u8> = {
        let digits: Vec<u8> = expected.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    };
    expected.extend_from_slice(&inner[28..]);
    ip4::fill_checksum(&mut expected[14..]).unwrap();
    ip4::fill_checksum(&mut expected[42..]).unwrap();
    assert_eq!(frame, expected);
    let (one, two) = (&world.counters.peers[1], &world.counters.peers[2]);
    assert_eq!((one.rx_packets.get(), one.rx_bytes.get(), one.tx_packets.get()), (1, 64, 0));
    assert_eq!((two.tx_packets.get(), two.tx_bytes.get(), two.rx_packets.get()), (1, 64, 0));
    let tunnel = &world.counters.worker.tunnels[0];
    assert_eq!((tunnel.rx_bytes.get(), tunnel.tx_bytes.get()), (64, 64));
    let port = &world.counters.worker.ports[0];
    assert_eq!((port.rx_packets.get(), port.rx_bytes.get()), (1, 106));
    assert_eq!(world.drops(), []);
}

#[test]
fn outer_identification_differs_from_packet_to_packet() {
    let mut world = World::new();
    let frames = vec![from_spoke(1, &udp(HOST[1], HOST[2], 64)); 64];
    world.port(UNDERLAY, &frames);
    let mut ids: Vec<_> = world.sent().iter().map(|(_, frame)| open(frame).id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 64);
}

#[test]
fn tunnels_on_one_source_are_told_apart_by_key() {
    let mut world = World::new();
    world.port(
        UNDERLAY,
        &[from_spoke(3, &udp(HOST[3], HOST[1], 100)), from_spoke(1, &udp(HOST[1], HOST[3], 100))],
    );
    let sent = world.sent();
    let (to_one, to_three) = (open(&sent[0].1), open(&sent[1].1));
    assert_eq!((to_one.destination, to_one.key), (NBMA[1], Some(KEY0)));
    assert_eq!((to_three.destination, to_three.key), (NBMA[3], None));
    assert_eq!(world.counters.worker.tunnels[1].rx_packets.get(), 1);
    // A spoke of one tunnel does not get in by the other.
    world.port(UNDERLAY, &[gre(NBMA[3], Some(KEY0), 0x0800, &udp(HOST[3], HOST[1], 100))]);
    assert_eq!(world.drops(), [("unknown_peer", 1)]);
}

#[test]
fn gre_checksum_and_sequence_are_taken() {
    let inner = udp(HOST[1], HOST[2], 64);
    let make = |sum: [u8; 2]| {
        let mut packet = vec![0xb0, 0, 8, 0, sum[0], sum[1], 0, 0];
        packet.extend_from_slice(&KEY0.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 9]);
        packet.extend_from_slice(&inner);
        packet
    };
    let sum = wire::checksum::checksum(&make([0, 0])).to_be_bytes();
    let mut world = World::new();
    world.port(UNDERLAY, &[underlay(&ip(NBMA[1], HUB, 47, &make(sum)))]);
    assert_eq!(open(&world.one().1).inner[20..], inner[20..]);
    world.port(UNDERLAY, &[underlay(&ip(NBMA[1], HUB, 47, &make([sum[0] ^ 1, sum[1]])))]);
    world.only_dropped(DropReason::GreChecksum);
}

#[test]
fn what_is_no_gre_for_us_is_dropped_with_its_reason() {
    let inner = udp(HOST[1], HOST[2], 64);
    let flags = |bits: [u8; 2], kind: u16| {
        let packet = [&bits[..], &kind.to_be_bytes(), &KEY0.to_be_bytes(), &inner].concat();
        underlay(&ip(NBMA[1], HUB, 47, &packet))
    };
    let cases = [
        (flags([0x20, 1], 0x0800), DropReason::GreVersion),
        (flags([0x60, 0], 0x0800), DropReason::GreFlags),
        (flags([0x28, 0], 0x0800), DropReason::GreFlags),
        (flags([0x24, 0], 0x0800), DropReason::GreFlags),
        (flags([0x20, 0], 0x6558), DropReason::GreProto),
        (flags([0x20, 0], 0x86dd), DropReason::Ipv6),
        (gre(NBMA[1], Some(7), 0x0800, &inner), DropReason::GreKeyMismatch),
        (gre(Ipv4Addr::new(198, 51, 100, 99), Some(KEY0), 0x0800, &inner), DropReason::UnknownPeer),
        (gre(HUB, Some(KEY0), 0x0800, &inner), DropReason::IpMartian),
        (gre(Ipv4Addr::new(224, 0, 0, 5), Some(KEY0), 0x2001, &inner), DropReason::IpMartian),
        (underlay(&ip(NBMA[1], HUB, 47, &[0x20, 0, 8])), DropReason::GreTruncated),
        (underlay(&udp(NBMA[1], Ipv4Addr::new(8, 8, 8, 8), 64)), DropReason::UnderlayTransit),
        (underlay(&ip(NBMA[1], Ipv4Addr::new(8, 8, 8, 8), 47, &inner)), DropReason::UnderlayTransit),
        (ethernet(LAN_MAC, GATEWAY_MAC, 0x0800, &udp(NBMA[1], HUB, 64)), DropReason::EthNotForUs),
        (ethernet([0xff; 6], GATEWAY_MAC, 0x0800, &udp(NBMA[1], HUB, 64)), DropReason::EthNotForUs),
        (ethernet(HUB_MAC, GATEWAY_MAC, 0x8847, &[0; 46]), DropReason::EthType),
        (ethernet(HUB_MAC, GATEWAY_MAC, 0x86dd, &[0x60; 46]), DropReason::Ipv6),
        (ethernet(HUB_MAC, GATEWAY_MAC, 0x8100, &[0, 7, 8, 0, 0x45]), DropReason::EthVlan),
        (vec![2, 0, 0, 0, 0, 1], DropReason::EthTruncated),
        (underlay(&[0x45; 19]), DropReason::IpMalformed),
        (underlay(&with_header(udp(NBMA[1], HUB, 64), |p| p[2] = 9)), DropReason::IpMalformed),
        (
            underlay(&{
                let mut p = udp(NBMA[1], HUB, 64);
                p[10] ^= 1;
                p
            }),
            DropReason::IpChecksum,
        ),
    ];
    for (index, (frame, reason)) in cases.into_iter().enumerate() {
        let mut world = World::new();
        world.port(UNDERLAY, &[frame]);
        assert_eq!(world.drops(), [(reason.name(), 1)], "case {index}");
        assert!(world.out.sent.is_empty() && world.out.frames.is_empty() && world.out.packets.is_empty());
    }
}

#[test]
fn inner_packets_that_are_not_honest_are_dropped() {
    let nested = ip(HOST[1], HUB, 47, &[0x20, 0, 8, 0]);
    let cases = [
        (udp(TUNNEL0, HOST[2], 64), DropReason::InnerMartian),
        (udp(Ipv4Addr::new(127, 0, 0, 1), HOST[2], 64), DropReason::InnerMartian),
        (udp(Ipv4Addr::new(0, 0, 0, 0), HOST[2], 64), DropReason::InnerMartian),
        (udp(Ipv4Addr::new(224, 0, 0, 5), HOST[2], 64), DropReason::InnerMartian),
        (udp(HOST[1], Ipv4Addr::new(127, 0, 0, 1), 64), DropReason::InnerMartian),
        (udp(HOST[1], Ipv4Addr::new(250, 0, 0, 1), 64), DropReason::InnerMartian),
        (nested, DropReason::TunnelRecursion),
        (ip(HUB, HOST[2], 47, &[0x20, 0, 8, 0]), DropReason::InnerMartian),
        (udp(HOST[1], Ipv4Addr::new(10, 77, 0, 1), 64), DropReason::NoRoute),
        (udp(HOST[1], Ipv4Addr::new(10, 10, 0, 1), 64), DropReason::NoRoute),
        (udp(HOST[1], Ipv4Addr::new(10, 9, 0, 1), 64), DropReason::NoAdjacency),
        (udp(HOST[1], Ipv4Addr::new(10, 11, 0, 1), 64), DropReason::NoAdjacency),
        (udp(HOST[1], Ipv4Addr::new(172, 16, 0, 9), 64), DropReason::NoNeighbour),
        (with_header(udp(HOST[1], HOST[2], 64), |p| (p[2], p[3]) = (0, 0)), DropReason::InnerMalformed),
        (with_header(udp(HOST[1], HOST[2], 64), |p| (p[2], p[3]) = (0, 65)), DropReason::InnerMalformed),
        (
            {
                let mut p = udp(HOST[1], HOST[2], 64);
                p[12] ^= 1;
                p
            },
            DropReason::InnerMalformed,
        ),
        (vec![0x60; 64], DropReason::InnerMalformed),
        (vec![], DropReason::InnerMalformed),
    ];
    for (index, (inner, reason)) in cases.into_iter().enumerate() {
        let mut world = World::new();
        world.port(UNDERLAY, &[from_spoke(1, &inner)]);
        assert_eq!(world.drops(), [(reason.name(), 1)], "case {index}");
        assert!(world.out.sent.is_empty() && world.out.packets.is_empty());
    }
}

#[test]
fn octets_behind_the_inner_packet_are_left_out() {
    let mut world = World::new();
    let inner = udp(HOST[1], HOST[2], 30);
    world.port(UNDERLAY, &[from_spoke(1, &[&inner[..], &[0xee; 16]].concat())]);
    let (_, frame) = world.one();
    assert_eq!(frame.len(), 14 + 28 + 30);
}

#[test]
fn nhrp_goes_to_control_also_from_strangers() {
    let mut world = World::new();
    let stranger = Ipv4Addr::new(198, 51, 100, 200);
    world.port(UNDERLAY, &[gre(stranger, Some(KEY0), 0x2001, b"registration")]);
    let told = Told::Nhrp { tunnel: 0, nbma: stranger, session: 0, packet: b"registration".to_vec() };
    assert_eq!(world.out.events, [told]);
    assert_eq!(world.drops(), []);
    world.out.deaf = true;
    world.port(UNDERLAY, &[gre(stranger, Some(KEY0), 0x2001, b"registration")]);
    world.only_dropped(DropReason::EventRingFull);
}

/// After a start the spokes are only about to be known: what they send is counted, and no alarm.
#[test]
fn nobody_is_reported_as_unknown_before_all_spokes_were_told() {
    let mut updates = updates();
    let end = updates.pop().expect("End");
    let mut world = World::told(settings(), &updates[..1]);
    let inner = udp(HOST[1], HOST[2], 64);
    let data = [gre(NBMA[1], Some(KEY0), 0x0800, &inner)];
    world.port(UNDERLAY, &data);
    assert_eq!((world.drop_count(DropReason::UnknownPeer), world.out.events.len()), (1, 0));
    world.port(UNDERLAY, &[gre(NBMA[1], Some(7), 0x0800, &inner)]);
    assert_eq!(world.out.events.len(), 1, "a wrong key is one whatever the tables hold");
    world.updater.apply(&end).expect("applied");
    world.port(UNDERLAY, &data);
    assert_eq!((world.drop_count(DropReason::UnknownPeer), world.out.events.len()), (2, 2));
}

#[test]
fn nhrp_that_no_event_could_carry_is_not_blamed_on_the_ring() {
    let mut world = World::with_room(settings(), &updates(), 3 * shm::message::MAX_PAYLOAD);
    let longest = vec![1; shm::message::MAX_PAYLOAD];
    world.port(UNDERLAY, &[gre(NBMA[1], Some(KEY0), 0x2001, &longest)]);
    assert_eq!(world.drops(), []);
    let [Told::Nhrp { packet, .. }] = &world.out.events[..] else { panic!("{:?}", world.out.events) };
    assert_eq!(*packet, longest);
    world.port(UNDERLAY, &[gre(NBMA[1], Some(KEY0), 0x2001, &[&longest[..], &[1]].concat())]);
    world.only_dropped(DropReason::NhrpTooLong);
    assert_eq!(world.out.events.len(), 1);
}

#[test]
fn refusals_are_told_once() {
    let mut world = World::new();
    let wrong = gre(NBMA[1], Some(7), 0x0800, &udp(HOST[1], HOST[2], 64));
    world.port(UNDERLAY, &[wrong.clone(), wrong.clone()]);
    let reason = DropReason::GreKeyMismatch as u8;
    let told = Told::Refused { reason, nbma: NBMA[1], local: HUB, key: Some(7) };
    assert_eq!(world.out.events, std::slice::from_ref(&told));
    assert_eq!(world.drop_count(DropReason::GreKeyMismatch), 2);
    world.pass(10_000);
    world.port(UNDERLAY, &[wrong]);
    assert_eq!(world.out.events, [told.clone(), told]);
}

#[test]
fn what_is_for_the_hub_goes_to_its_twins() {
    let mut world = World::new();
    // To tunnel addresses, its own or the other tunnel's, to the LAN address, to all, and to a group.
    let to = [
        TUNNEL0,
        TUNNEL1,
        HUB_LAN,
        Ipv4Addr::BROADCAST,
        Ipv4Addr::new(10, 255, 0, 255),
        Ipv4Addr::new(224, 0, 0, 5),
    ];
    for destination in to {
        let inner = udp(HOST[1], destination, 64);
        world.port(UNDERLAY, &[from_spoke(1, &inner)]);
        assert_eq!(world.out.packets.pop(), Some((0, inner)), "{destination}");
    }
    assert_eq!(world.counters.peers[1].rx_packets.get(), to.len() as u64);
    // Frames: ARP, ICMP to the underlay address, LAN to the hub, LAN multicast.
    let arp = ethernet([0xff; 6], GATEWAY_MAC, 0x0806, &[0; 28]);
    let ping = underlay(&udp(NBMA[1], HUB, 64));
    let hello = ethernet(
        [1, 0, 0x5e, 0, 0, 5],
        ROUTER_MAC,
        0x0800,
        &udp(Ipv4Addr::new(172, 16, 0, 2), Ipv4Addr::new(224, 0, 0, 5), 64),
    );
    let web = lan(&udp(HOST[0], HUB_LAN, 64));
    let tunnel = lan(&udp(HOST[0], TUNNEL0, 64));
    world.port(UNDERLAY, &[arp.clone(), ping.clone()]);
    world.port(LAN, &[hello.clone(), web.clone(), tunnel.clone()]);
    assert_eq!(world.out.frames, [(0, arp), (0, ping), (1, hello), (1, web), (1, tunnel)]);
    assert_eq!(world.drops(), []);
    assert!(world.out.sent.is_empty());
    // From nobody that is known it goes nowhere, group or not.
    let stranger = gre(
        Ipv4Addr::new(198, 51, 100, 99),
        Some(KEY0),
        0x0800,
        &udp(HOST[1], Ipv4Addr::new(224, 0, 0, 5), 64),
    );
    world.port(UNDERLAY, &[stranger]);
    assert_eq!(world.drops(), [("unknown_peer", 1)]);
    assert!(world.out.packets.is_empty());
}

#[test]
fn between_the_lan_and_spokes() {
    let mut world = World::new();
    world.port(LAN, &[lan(&udp(HOST[0], HOST[1], 64))]);
    let (port, frame) = world.one();
    let sent = open(&frame);
    assert_eq!((port, sent.destination, sent.inner[8]), (UNDERLAY, NBMA[1], 63));
    world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[1], HOST[0], 64))]);
    let (port, frame) = world.one();
    assert_eq!(port, LAN);
    assert_eq!(frame[..14], ethernet(ROUTER_MAC, LAN_MAC, 0x0800, &[]));
    assert_eq!((frame.len(), frame[22]), (78, 63));
    assert!(world.out.events.is_empty(), "no redirect to or from the LAN");
    world.port(UNDERLAY, &vec![from_spoke(1, &udp(HOST[1], Ipv4Addr::new(172, 16, 5, 5), 64)); 2]);
    assert_eq!(world.out.events, [Told::Glean { port: LAN, address: Ipv4Addr::new(172, 16, 5, 5) }]);
    assert_eq!(world.drops(), [("no_neighbour", 2)]);
    assert_eq!(world.counters.worker.tunnels[0].tx_packets.get(), 1);
    assert_eq!(world.counters.peers[1].rx_packets.get(), 3);
}

#[test]
fn ttl_exceeded_comes_from_the_tunnel_address() {
    let mut world = World::new();
    let dying = with_header(udp(HOST[1], HOST[2], 64), |p| p[8] = 1);
    world.port(UNDERLAY, &[from_spoke(1, &dying)]);
    let (_, frame) = world.one();
    let sent = open(&frame);
    assert_eq!((sent.destination, sent.key), (NBMA[1], Some(KEY0)));
    let icmp = ip4::parse(&sent.inner).unwrap();
    assert_eq!((icmp.source(), icmp.destination(), icmp.protocol()), (TUNNEL0, HOST[1], 1));
    assert_eq!(icmp.payload()[..2], [11, 0]);
    assert_eq!(icmp.payload()[8..], dying, "the packet as it was received");
    assert_eq!(world.drops(), [("ttl_exceeded", 1)]);
    assert_eq!(world.counters.worker.icmp_sent.get(), 1);
    // From the LAN it comes from the port's address.
    world.port(LAN, &[lan(&with_header(udp(HOST[0], HOST[2], 64), |p| p[8] = 1))]);
    let (port, frame) = world.one();
    assert_eq!((port, &frame[26..34]), (LAN, &[HUB_LAN.octets(), HOST[0].octets()].concat()[..]));
    // Not about an ICMP error.
    let error = with_header(ip(HOST[1], HOST[2], 1, &[11, 0, 0, 0, 0, 0, 0, 0]), |p| p[8] = 1);
    world.port(UNDERLAY, &[from_spoke(1, &error)]);
    assert!(world.sent().is_empty());
    // And not faster than one source's share.
    world.port(UNDERLAY, &vec![from_spoke(1, &dying); 64]);
    let sent = world.sent().len() as u64;
    assert!(sent < 64);
    assert_eq!(world.counters.worker.icmp_suppressed.get(), 64 - sent);
}

/// Whatever is behind it: the last hop of a traceroute is to be seen, and no neighbour is resolved for a packet that
/// would not reach it.
#[test]
fn ttl_ends_before_the_next_hop_is_looked_for() {
    let beyond = [
        [172, 16, 5, 5],   // on the LAN, not resolved
        [172, 16, 0, 9],   // a next hop without MAC address
        [10, 9, 0, 1],     // not registered
        [10, 11, 0, 1],    // a spoke that is not there
        [10, 10, 0, 1],    // discarded
        [203, 0, 113, 77], // no route
    ];
    for destination in beyond.map(Ipv4Addr::from) {
        let mut world = World::new();
        let dying = with_header(udp(HOST[1], destination, 64), |p| p[8] = 1);
        world.port(UNDERLAY, &[from_spoke(1, &dying)]);
        let (_, frame) = world.one();
        let icmp = ip4::parse(&open(&frame).inner).unwrap().payload().to_vec();
        assert_eq!((&icmp[..2], &icmp[8..]), (&[11, 0][..], &dying[..]), "{destination}");
        assert_eq!(world.drops(), [("ttl_exceeded", 1)], "{destination}");
        assert_eq!(world.out.events, []);
        // The kernel's own packets are not hops.
        world.twin(0, &[with_header(udp(TUNNEL0, destination, 64), |p| p[8] = 1)]);
        assert_eq!(world.drop_count(DropReason::TtlExceeded), 1);
    }
    // What is for the hub itself has arrived.
    let mut world = World::new();
    world.port(UNDERLAY, &[from_spoke(1, &with_header(udp(HOST[1], TUNNEL0, 64), |p| p[8] = 1))]);
    assert_eq!((world.out.packets.len(), world.drops()), (1, vec![]));
}

/// A router on the LAN, and a spoke, that send everything back: the packet dies, and its source hears of it.
#[test]
fn loops_end_by_ttl() {
    let mut world = World::new();
    let looping = with_header(udp(HOST[1], HOST[0], 64), |p| p[8] = 7);
    world.port(UNDERLAY, &[from_spoke(1, &looping)]);
    let mut hops = 0;
    loop {
        let (port, frame) = world.one();
        if port == UNDERLAY {
            assert_eq!(ip4::parse(&open(&frame).inner).unwrap().payload()[..2], [11, 0]);
            break;
        }
        hops += 1;
        assert_eq!(frame[22], 7 - hops);
        world.port(LAN, &[lan(&frame[14..])]);
    }
    assert_eq!((hops, world.drops()), (6, vec![("ttl_exceeded", 1)]));

    let mut world = World::new();
    let mut inner = with_header(udp(HOST[1], HOST[2], 64), |p| p[8] = 9);
    for ttl in (0..9).rev() {
        world.port(UNDERLAY, &[from_spoke(2, &inner)]);
        let (_, frame) = world.one();
        inner = open(&frame).inner;
        assert!(inner[8] == ttl || (ttl == 0 && inner[20] == 11));
    }
    assert_eq!(world.drops(), [("ttl_exceeded", 1)]);
}

#[test]
fn too_big_is_fragmented_or_told() {
    let mut world = World::new();
    world.port(UNDERLAY, &[from_spoke(1, &with_header(udp(HOST[1], HOST[2], 1401), |p| p[6] = 0x40))]);
    let (_, frame) = world.one();
    let icmp = open(&frame);
    assert_eq!(icmp.destination, NBMA[1]);
    assert_eq!(icmp.inner[20..22], [3, 4]);
    assert_eq!(icmp.inner[26..28], 1400_u16.to_be_bytes());
    assert_eq!(world.drops(), [("frag_needed", 1)]);
    // Without DF, in two, each within its own outer packet.
    let inner = udp(HOST[1], HOST[2], 1450);
    world.port(UNDERLAY, &[from_spoke(1, &inner)]);
    let pieces: Vec<_> = world.sent().iter().map(|(_, frame)| open(frame)).collect();
    assert_eq!(pieces.len(), 2);
    let mut whole = Vec::new();
    for piece in &pieces {
        assert_eq!(piece.destination, NBMA[2]);
        assert!(piece.inner.len() <= 1400);
        assert_eq!(piece.inner[8], 63);
        let ip = ip4::parse(&piece.inner).unwrap();
        assert_eq!(ip.fragment_offset(), whole.len());
        whole.extend_from_slice(ip.payload());
    }
    assert_eq!(whole, inner[20..]);
    assert_eq!(world.counters.worker.fragmented.get(), 1);
    assert_eq!(world.counters.peers[2].tx_packets.get(), 2);
    // Exactly the MTU goes through as it is.
    world.port(UNDERLAY, &[from_spoke(1, &with_header(udp(HOST[1], HOST[2], 1400), |p| p[6] = 0x40))]);
    assert_eq!(open(&world.one().1).inner.len(), 1400);
}

#[test]
fn fragmented_gre_is_reassembled_first() {
    let mut world = World::new();
    let inner = udp(HOST[1], HOST[2], 1400);
    let whole = from_spoke(1, &inner)[14..].to_vec();
    let piece = |from: usize, to: usize, more: u16| {
        let mut fields = Fields { total_len: (20 + to - from) as u16, ..outer_fields() };
        fields.flags_offset = more << 13 | (from / 8) as u16;
        underlay(&emit(&fields, &whole[20 + from..20 + to]))
    };
    let end = whole.len() - 20;
    world.port(UNDERLAY, &[piece(800, end, 0), piece(0, 800, 1)]);
    let sent = open(&world.one().1);
    assert_eq!((sent.destination, sent.inner.len()), (NBMA[2], 1400));
    assert_eq!(sent.inner[20..], inner[20..]);
    assert_eq!(world.counters.worker.reassembled.get(), 1);
    assert_eq!(world.drops(), []);
    // One that never becomes whole is given up.
    world.port(UNDERLAY, &[piece(0, 800, 1)]);
    world.pass(60_000);
    world.only_dropped(DropReason::IpFragTimeout);
}

use wire::ip4::Fields;
fn outer_fields() -> Fields {
    Fields {
        tos: 0,
        total_len: 0,
        id: 77,
        flags_offset: 0,
        ttl: 64,
        protocol: 47,
        source: NBMA[1],
        destination: HUB,
    }
}

#[test]
fn redirects_are_triggered_once_for_a_pair_of_networks() {
    let mut world = World::new();
    let inner = udp(HOST[1], HOST[2], 200);
    world.port(UNDERLAY, &[from_spoke(1, &inner), from_spoke(1, &inner)]);
    assert_eq!(world.sent().len(), 2);
    let Some(Told::Redirect { tunnel: 0, peer: 1, nbma, packet }) = world.out.events.pop() else { panic!() };
    assert_eq!((nbma, packet.len()), (NBMA[1], 128));
    assert_eq!(packet[12..20], inner[12..20]);
    assert!(world.out.events.is_empty());
    assert_eq!(world.counters.worker.redirects.get(), 1);
    assert_eq!(world.counters.worker.redirects_suppressed.get(), 1);
    // The other direction is another pair, and so is another tunnel of the same network.
    world.port(
        UNDERLAY,
        &[from_spoke(2, &udp(HOST[2], HOST[1], 200)), from_spoke(1, &udp(HOST[1], HOST[3], 200))],
    );
    assert_eq!(world.out.events.len(), 2);
    world.pass(7_999);
    world.port(UNDERLAY, &[from_spoke(1, &inner)]);
    assert_eq!(world.out.events.len(), 2);
    world.pass(1);
    world.port(UNDERLAY, &[from_spoke(1, &inner)]);
    assert_eq!(world.out.events.len(), 3);
}

#[test]
fn no_redirect_where_it_would_be_wrong() {
    let mut world = World::new();
    let forged = udp(HOST[2], HOST[3], 64);
    let back = udp(HOST[2], HOST[1], 64);
    let error = ip(HOST[1], HOST[2], 1, &[3, 1, 0xfc, 0xfe, 0, 0, 0, 0]);
    world.port(UNDERLAY, &[from_spoke(1, &forged), from_spoke(1, &back), from_spoke(1, &error)]);
    world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[1], HOST[0], 64))]);
    world.port(LAN, &[lan(&udp(HOST[0], HOST[1], 64))]);
    assert_eq!(world.sent().len(), 5);
    assert_eq!(world.out.events, []);
    // Other network, or redirects off: still forwarded.
    let mut settings = settings();
    settings.tunnels[1].network_id = 2;
    settings.tunnels[0].redirect = true;
    let mut world = World::with(settings.clone());
    world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[1], HOST[3], 64))]);
    assert_eq!((world.sent().len(), world.out.events.len()), (1, 0));
    settings.tunnels[0].redirect = false;
    let mut world = World::with(settings);
    world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[1], HOST[2], 64))]);
    assert_eq!((world.sent().len(), world.out.events.len()), (1, 0));
}

#[test]
fn ecn_follows_rfc_6040() {
    let mut world = World::new();
    let send = |world: &mut World, inner_ecn: u8, outer_ecn: u8| {
        let inner = with_header(udp(HOST[1], HOST[2], 64), |p| p[1] = 0x28 | inner_ecn);
        let mut frame = from_spoke(1, &inner);
        frame[15] = 0xb8 | outer_ecn;
        ip4::fill_checksum(&mut frame[14..]).unwrap();
        world.port(UNDERLAY, &[frame]);
    };
    for (inner, outer, after) in [(0, 0, 0), (2, 2, 2), (2, 3, 3), (1, 3, 3), (2, 1, 1), (3, 0, 3)] {
        send(&mut world, inner, outer);
        let sent = open(&world.one().1);
        assert_eq!(sent.inner[1], 0x28 | after, "inner {inner} outer {outer}");
        assert_eq!(sent.tos, 0x28 | after, "DSCP of the inner, not of the outer packet");
    }
    send(&mut world, 0, 3);
    world.only_dropped(DropReason::EcnInvalid);
}

#[test]
fn mss_is_clamped_both_ways() {
    let syn = |source, destination, mss: u16| {
        let mut tcp = vec![0; 24];
        tcp[..2].copy_from_slice(&[0x30, 0x39]);
        (tcp[12], tcp[13], tcp[20], tcp[21]) = (0x60, 0x02, 2, 4);
        tcp[22..].copy_from_slice(&mss.to_be_bytes());
        let mut packet = ip(source, destination, 6, &tcp);
        let header = etherparse::Ipv4Header::from_slice(&packet).unwrap().0;
        let sum =
            etherparse::TcpHeader::from_slice(&tcp).unwrap().0.calc_checksum_ipv4(&header, &[]).unwrap();
        packet[36..38].copy_from_slice(&sum.to_be_bytes());
        packet
    };
    let mut world = World::new();
    world.port(UNDERLAY, &[from_spoke(1, &syn(HOST[1], HOST[0], 1460))]);
    let (_, frame) = world.one();
    assert_eq!(frame[14 + 42..], 1360_u16.to_be_bytes());
    world.port(LAN, &[lan(&syn(HOST[0], HOST[1], 1460))]);
    assert_eq!(open(&world.one().1).inner[42..], 1360_u16.to_be_bytes());
    world.port(LAN, &[lan(&syn(HOST[0], HOST[1], 1200))]);
    assert_eq!(open(&world.one().1).inner[42..], 1200_u16.to_be_bytes());
    assert_eq!(world.counters.worker.mss_clamped.get(), 2);
}

#[test]
fn the_hub_reaches_spokes_by_its_twin() {
    let mut world = World::new();
    world.twin(0, &[udp(TUNNEL0, HOST[1], 64)]);
    let sent = open(&world.one().1);
    assert_eq!((sent.destination, sent.inner[8]), (NBMA[1], 64));
    // What the hub sends too big comes back to it.
    world.twin(0, &[with_header(udp(TUNNEL0, HOST[1], 1401), |p| p[6] = 0x40)]);
    let (tunnel, icmp) = world.out.packets.pop().unwrap();
    assert_eq!((tunnel, &icmp[12..20]), (0, &[TUNNEL0.octets(); 2].concat()[..]));
    world.twin(0, &[udp(TUNNEL0, TUNNEL1, 64), vec![0x60; 48]]);
    assert_eq!(world.drops(), [("no_route", 1), ("frag_needed", 1), ("ipv6_unsupported", 1)]);
}

#[test]
fn multicast_of_the_hub_goes_to_each_member_once() {
    let mut world = World::new();
    let hello = with_header(udp(TUNNEL0, Ipv4Addr::new(224, 0, 0, 5), 64), |p| (p[1], p[8]) = (0xc0, 1));
    world.twin(0, std::slice::from_ref(&hello));
    world.pass(1);
    // Spoke 2 does not take multicast, spoke 3 is on the other tunnel.
    let sent = open(&world.one().1);
    assert_eq!((sent.destination, sent.tos), (NBMA[1], 0xc0));
    assert_eq!(sent.inner, hello, "unchanged, TTL included");
    assert_eq!(world.counters.worker.replicated.get(), 1);
    world
        .updater
        .apply(&Update::Peer { id: 2, tunnel: 0, nbma: NBMA[2], link: 0, multicast: true, protection: None })
        .unwrap();
    world.twin(0, std::slice::from_ref(&hello));
    world.pass(1);
    assert_eq!(world.sent().len(), 2);
    for id in 1..=2 {
        world.updater.apply(&Update::PeerDelete { id }).unwrap();
    }
    world.twin(0, &[hello]);
    world.pass(1);
    world.only_dropped(DropReason::NoMulticastMember);
}

#[test]
fn replication_is_spread_over_turns() {
    let mut settings = settings();
    settings.max_peers = 1000;
    let mut world = World::with(settings);
    for id in 100..1000 {
        let nbma = Ipv4Addr::from_bits(0xc633_6500 + id);
        world
            .updater
            .apply(&Update::Peer { id, tunnel: 0, nbma, link: 0, multicast: true, protection: None })
            .unwrap();
    }
    let hello = udp(TUNNEL0, Ipv4Addr::new(224, 0, 0, 5), 64);
    world.twin(0, &vec![hello; 64]);
    world.twin(0, &[udp(TUNNEL0, Ipv4Addr::new(224, 0, 0, 5), 64)]);
    assert_eq!(world.drops(), [("replication_full", 1)]);
    let mut copies = 0;
    // At 100,000 copies a second: 32 in 320 microseconds.
    for turn in 0..64 * 901 / 32 + 1 {
        let micros = turn * 320;
        world.now = Now::from_millis(2_000_000 + micros / 1_000).and_micros((micros % 1_000) as u16);
        world.tick();
        world.tick();
        let sent = world.sent().len();
        assert!(sent <= if turn == 0 { 64 } else { 32 }, "{sent} in turn {turn}");
        copies += sent;
    }
    assert_eq!(copies, 64 * 901);
}

#[test]
fn control_sends_nhrp() {
    let mut world = World::new();
    let stranger = Ipv4Addr::new(198, 51, 100, 200);
    let reply = |tunnel, link, len| Inject::Nhrp {
        tunnel,
        nbma: stranger,
        link,
        protection: None,
        packet: &[7; 1900][..len],
    };
    world.forwarder.inject(&reply(0, 0, 100), world.now, &mut world.out);
    let sent = open(&world.one().1);
    assert_eq!((sent.destination, sent.tos, sent.ttl, sent.key), (stranger, 0xc0, 255, Some(KEY0)));
    assert_eq!((sent.gre_protocol, &sent.inner[..]), (0x2001, &[7; 100][..]));
    // Too long for the port: the outer packet is fragmented.
    world.forwarder.inject(&reply(0, 0, 1900), world.now, &mut world.out);
    assert_eq!(world.sent().len(), 2);
    for bad in [reply(9, 0, 100), reply(0, 2, 100), reply(0, 77, 100)] {
        world.forwarder.inject(&bad, world.now, &mut world.out);
    }
    assert_eq!(world.drops(), [("bad_inject", 3)]);
}

#[test]
fn vlan_ports_tag_what_they_send_and_want_their_tag() {
    let mut settings = settings();
    settings.ports[0].vlan = Some(10);
    let mut world = World::with(settings);
    let plain = from_spoke(1, &udp(HOST[1], HOST[2], 64));
    let tagged = |vlan: u8, frame: &[u8]| [&frame[..12], &[0x81, 0, 0, vlan], &frame[12..]].concat();
    world.port(UNDERLAY, &[tagged(10, &plain)]);
    let (_, frame) = world.one();
    assert_eq!(frame[12..18], [0x81, 0, 0, 10, 8, 0]);
    assert_eq!(open(&frame).destination, NBMA[2]);
    world.port(UNDERLAY, &[plain.clone(), tagged(11, &plain)]);
    assert_eq!(world.drops(), [("eth_vlan", 2)]);
}

#[test]
fn a_spoke_that_moves_is_followed_and_one_that_left_is_forgotten() {
    let mut world = World::new();
    let moved = Ipv4Addr::new(198, 51, 100, 111);
    world
        .updater
        .apply(&Update::Peer { id: 2, tunnel: 0, nbma: moved, link: 0, multicast: false, protection: None })
        .unwrap();
    let inner = udp(HOST[1], HOST[2], 64);
    world.port(
        UNDERLAY,
        &[
            from_spoke(1, &inner),
            from_spoke(2, &inner),
            gre(moved, Some(KEY0), 0x0800, &udp(HOST[2], HOST[1], 64)),
        ],
    );
    let to: Vec<_> = world.sent().iter().map(|(_, frame)| open(frame).destination).collect();
    assert_eq!(to, [moved, NBMA[1]]);
    assert_eq!(world.drops(), [("unknown_peer", 1)]);
    world.updater.apply(&Update::PeerDelete { id: 2 }).unwrap();
    world.port(UNDERLAY, &[from_spoke(1, &inner)]);
    assert_eq!(world.drop_count(DropReason::NoAdjacency), 1);
}
