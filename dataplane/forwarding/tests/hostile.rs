//! Hostile input, row by row: what arrives, and under which name it is dropped.
//!
//! Each test sends one kind of packet and wants exactly its counter to move, nothing to leave, and no buffer to be
//! lost.
#![cfg(test)]

#[path = "../fuzz/hub.rs"]
mod hub;

use hub::{
    HOST, Hub, KEY, LAN, NBMA, Out, SERVER, SPOKE, SPOKE_NBMA, TUNNEL, UNDERLAY, counters, frame, gre, ip,
};
use shm::drops::DropReason;
use std::net::Ipv4Addr;
use wire::gre::{PROTO_IPV4, PROTO_IPV6, PROTO_NHRP};
use wire::ip4::{self, FLAG_DF, FLAG_MF, Header, protocol};
use wire::{checksum, eth, icmp};

/// What spoke 1's host sends to spoke 2's.
fn good() -> Vec<u8> {
    ip(HOST[0], HOST[1], protocol::UDP, 64, b"across")
}

/// An outer packet from spoke 1 to the hub around a GRE packet.
fn outer(gre: &[u8]) -> Vec<u8> {
    ip(SPOKE_NBMA[0], NBMA, protocol::GRE, 255, gre)
}

/// A frame from spoke 1 with an inner packet.
fn carrying(inner: &[u8]) -> Vec<u8> {
    frame(UNDERLAY, &outer(&gre(KEY, PROTO_IPV4, inner)))
}

/// Changes header fields and mends the checksum.
fn with(mut packet: Vec<u8>, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    change(&mut packet);
    let _ = ip4::fill_checksum(&mut packet);
    packet
}

fn count(hub: &Hub<'_>, reason: DropReason) -> u64 {
    hub.counters.drops[reason as usize].get()
}

fn nothing(out: &Out) -> bool {
    let Out { frames, port_twin, tunnel_twin, nhrp, .. } = out;
    frames.is_empty() && port_twin.is_empty() && tunnel_twin.is_empty() && nhrp.is_empty()
}

/// Sends a frame by itself and wants it dropped for this reason and no other.
fn dropped(hub: &mut Hub<'_>, port: u8, frame: &[u8], reason: DropReason) {
    let before = (count(hub, reason), hub.drops());
    let out = hub.receive(port, &[frame.to_vec()]);
    let hint = format!("{} expected for {frame:02x?}, counted: {:?}", reason.name(), counted(hub));
    assert!(nothing(&out), "left: {out:?}; {hint}");
    assert_eq!((count(hub, reason), hub.drops()), (before.0 + 1, before.1 + 1), "{hint}");
    assert!(hub.is_empty(), "a buffer was lost");
}

fn counted(hub: &Hub<'_>) -> Vec<(&'static str, u64)> {
    let counted = DropReason::ALL.iter().map(|reason| (reason.name(), count(hub, *reason)));
    counted.filter(|(_, count)| *count > 0).collect()
}

/// Each of the frames is dropped for this reason, and afterwards a good packet still gets through.
fn all_dropped(frames: impl IntoIterator<Item = Vec<u8>>, reason: DropReason) {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let mut any = false;
    for frame in frames {
        hub.now += 1000;
        dropped(&mut hub, UNDERLAY, &frame, reason);
        any = true;
    }
    assert!(any);
    let out = hub.receive(UNDERLAY, &[carrying(&good())]);
    assert_eq!(out.frames.len(), 1, "the good packet: {:?}", counted(&hub));
}

// What is right, so that the rest means something.

#[test]
fn a_good_packet_crosses() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let out = hub.receive(UNDERLAY, &[carrying(&good())]);
    let (port, sent) = &out.frames[0];
    assert_eq!(*port, UNDERLAY);
    let outer = ip4::parse(&sent[eth::LEN..]).unwrap();
    assert_eq!((outer.source(), outer.destination(), outer.ttl()), (NBMA, SPOKE_NBMA[1], 255));
    let gre = wire::gre::parse(outer.payload()).unwrap();
    let inner = ip4::parse(gre.payload).unwrap();
    assert_eq!((gre.key, inner.ttl(), inner.payload()), (KEY, 63, &b"across"[..]));
    assert_eq!((out.other_events, hub.drops()), (1, 0), "a redirect and no drop");
}

// Ethernet

#[test]
fn eth_truncated() {
    let frame = carrying(&good());
    all_dropped((0..eth::LEN).map(|len| frame[..len].to_vec()), DropReason::EthTruncated);
}

#[test]
fn eth_tag_cut_short() {
    let mut out = [0; eth::LEN_TAGGED];
    eth::emit(&mut out, hub::PORT_MAC[0], hub::HOP_MAC, Some(7), eth::TYPE_IPV4).unwrap();
    all_dropped((14..18).map(|len| out[..len].to_vec()), DropReason::EthTruncated);
}

#[test]
fn eth_of_another_vlan() {
    let mut out = [0; eth::LEN_TAGGED];
    eth::emit(&mut out, hub::PORT_MAC[0], hub::HOP_MAC, Some(7), eth::TYPE_IPV4).unwrap();
    let packet = outer(&gre(KEY, PROTO_IPV4, &good()));
    all_dropped([[&out[..], &packet].concat()], DropReason::EthVlan);
}

#[test]
fn eth_for_another_station() {
    let mut frame = carrying(&good());
    frame[5] ^= 0x40;
    all_dropped([frame], DropReason::EthNotForUs);
}

#[test]
fn eth_broadcast_around_unicast() {
    let mut frame = carrying(&good());
    frame[..6].fill(0xff);
    all_dropped([frame], DropReason::EthNotForUs);
}

#[test]
fn eth_unknown_type() {
    let typed = |ethertype: u16| {
        let mut frame = carrying(&good());
        frame[12..14].copy_from_slice(&ethertype.to_be_bytes());
        frame
    };
    all_dropped([0, 0x05dc, 0x6558, 0x8847, 0xffff].map(typed), DropReason::EthType);
    all_dropped([typed(eth::TYPE_IPV6)], DropReason::Ipv6);
}

// Outer IPv4

#[test]
fn outer_truncated_at_every_octet() {
    let frame = carrying(&good());
    all_dropped((eth::LEN..frame.len()).map(|len| frame[..len].to_vec()), DropReason::IpMalformed);
}

#[test]
fn outer_version_and_header_length() {
    let first = |octet: u8| {
        let mut frame = carrying(&good());
        frame[eth::LEN] = octet;
        frame
    };
    let versions = (0..16u8).filter(|version| *version != 4).map(|version| first(version << 4 | 5));
    all_dropped(versions, DropReason::IpMalformed);
    all_dropped((0..5).map(|words| first(0x40 | words)), DropReason::IpMalformed);
}

#[test]
fn outer_total_length() {
    let packet = outer(&gre(KEY, PROTO_IPV4, &good()));
    let total = |total: u16| {
        let change = |packet: &mut [u8]| packet[2..4].copy_from_slice(&total.to_be_bytes());
        frame(UNDERLAY, &with(packet.clone(), change))
    };
    let len = packet.len() as u16;
    all_dropped([0, 1, 19, len + 1, len + 100, 65_535].map(total), DropReason::IpMalformed);
}

#[test]
fn outer_checksum() {
    let frame = carrying(&good());
    let flipped = (0..20 * 8).filter_map(|bit| {
        let mut frame = frame.clone();
        frame[eth::LEN + bit / 8] ^= 1 << (bit % 8);
        // Version, header length and total length have a drop of their own.
        (bit >= 32 || (8..16).contains(&bit)).then_some(frame)
    });
    all_dropped(flipped, DropReason::IpChecksum);
}

#[test]
fn outer_source_is_nobody() {
    let sources = [
        [0, 0, 0, 0],
        [0, 1, 2, 3],
        [127, 0, 0, 1],
        [224, 0, 0, 5],
        [239, 1, 1, 1],
        [240, 0, 0, 1],
        [255; 4],
    ];
    let from = |source: [u8; 4]| {
        let packet = outer(&gre(KEY, PROTO_IPV4, &good()));
        frame(UNDERLAY, &with(packet, |packet| packet[12..16].copy_from_slice(&source)))
    };
    all_dropped(sources.map(from), DropReason::IpMartian);
    let from = |source: [u8; 4]| {
        let packet = outer(&gre(KEY, PROTO_NHRP, &[0; 28]));
        frame(UNDERLAY, &with(packet, |packet| packet[12..16].copy_from_slice(&source)))
    };
    all_dropped(sources.map(from), DropReason::IpMartian);
}

#[test]
fn outer_source_is_the_hub() {
    for protocol in [PROTO_IPV4, PROTO_NHRP] {
        let packet = ip(NBMA, NBMA, protocol::GRE, 255, &gre(KEY, protocol, &good()));
        all_dropped([frame(UNDERLAY, &packet)], DropReason::IpMartian);
    }
}

#[test]
fn outer_for_somebody_else() {
    let packet = ip(SPOKE_NBMA[0], SPOKE_NBMA[1], protocol::GRE, 255, &gre(KEY, PROTO_IPV4, &good()));
    all_dropped([frame(UNDERLAY, &packet)], DropReason::UnderlayTransit);
    let packet = ip(SPOKE_NBMA[0], SERVER, protocol::TCP, 255, &[0; 20]);
    all_dropped([frame(UNDERLAY, &packet)], DropReason::UnderlayTransit);
}

/// NHRP straight on IP (protocol 54) is not for control: it goes, like all else that is no GRE, to the kernel.
#[test]
fn nhrp_without_gre_does_not_reach_control() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let out = hub.receive(UNDERLAY, &[frame(UNDERLAY, &ip(SPOKE_NBMA[0], NBMA, 54, 255, &[0; 28]))]);
    assert!(out.nhrp.is_empty());
    assert_eq!(out.port_twin.len(), 1);
}

// Outer fragments

/// The outer packet's payload from `from` to `to` as a fragment.
fn fragment(payload: &[u8], from: usize, to: usize) -> Vec<u8> {
    let more = if to < payload.len() { FLAG_MF } else { 0 };
    let to = to.min(payload.len());
    let packet = ip(SPOKE_NBMA[0], NBMA, protocol::GRE, 255, &payload[from..to]);
    let change = |packet: &mut [u8]| {
        Header::of_mut(packet).unwrap().set_flags_offset((from / 8) as u16 | more);
    };
    frame(UNDERLAY, &with(packet, change))
}

#[test]
fn fragments_of_a_good_packet_cross() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let payload = gre(KEY, PROTO_IPV4, &good());
    let out = hub.receive(UNDERLAY, &[fragment(&payload, 16, 100), fragment(&payload, 0, 16)]);
    assert_eq!(out.frames.len(), 1, "{:?}", counted(&hub));
    assert!(hub.is_empty());
}

#[test]
fn fragments_overlap() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let payload = gre(KEY, PROTO_IPV4, &good());
    for (first, second) in [((0, 16), (8, 24)), ((8, 24), (0, 16)), ((0, 24), (8, 16)), ((0, 16), (0, 24))] {
        let before = count(&hub, DropReason::IpFragOverlap);
        let frames = [first, second].map(|(from, to)| fragment(&payload, from, to));
        assert!(nothing(&hub.receive(UNDERLAY, &frames)));
        assert_eq!(count(&hub, DropReason::IpFragOverlap), before + 2);
        assert!(hub.is_empty());
    }
}

#[test]
fn fragment_beyond_65535() {
    let packet = ip(SPOKE_NBMA[0], NBMA, protocol::GRE, 255, &[0; 64]);
    let at = |offset: u16| {
        let change = |packet: &mut [u8]| Header::of_mut(packet).unwrap().set_flags_offset(offset);
        frame(UNDERLAY, &with(packet.clone(), change))
    };
    all_dropped([0x1fff, 8186, 0x1fff | FLAG_DF].map(at), DropReason::IpFragOverlap);
}

#[test]
fn fragment_empty_or_odd() {
    let payload = [0; 64];
    let empty = with(ip(SPOKE_NBMA[0], NBMA, protocol::GRE, 255, &[]), |packet| {
        Header::of_mut(packet).unwrap().set_flags_offset(FLAG_MF);
    });
    let odd = fragment(&payload, 0, 15);
    all_dropped([frame(UNDERLAY, &empty), odd], DropReason::IpMalformed);
}

#[test]
fn fragments_larger_than_a_buffer() {
    let packet = ip(SPOKE_NBMA[0], NBMA, protocol::GRE, 255, &[0; 64]);
    let far = |offset: u16| {
        let change = |packet: &mut [u8]| Header::of_mut(packet).unwrap().set_flags_offset(offset);
        frame(UNDERLAY, &with(packet.clone(), change))
    };
    all_dropped([300, 4000].map(far), DropReason::IpFragTooBig);
}

#[test]
fn fragments_never_whole() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    assert!(nothing(&hub.receive(UNDERLAY, &[fragment(&[0; 64], 0, 16)])));
    assert!(!hub.is_empty());
    hub.now += 30_000;
    hub.tick();
    assert_eq!((count(&hub, DropReason::IpFragTimeout), hub.drops()), (1, 1));
    assert!(hub.is_empty());
}

/// 20,000 first fragments, all different: bounded memory, all accounted for, and who is quick still gets through.
#[test]
fn fragment_flood() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let payload = gre(KEY, PROTO_IPV4, &good());
    for round in 0..400u32 {
        let forged = |n: u32| {
            let source = Ipv4Addr::from_bits(0x0b00_0000 + round * 50 + n);
            let packet = ip(source, NBMA, protocol::GRE, 255, &[0; 64]);
            let change = |packet: &mut [u8]| Header::of_mut(packet).unwrap().set_flags_offset(FLAG_MF);
            frame(UNDERLAY, &with(packet, change))
        };
        let frames: Vec<_> = (0..50).map(forged).collect();
        assert!(nothing(&hub.receive(UNDERLAY, &frames)));
    }
    let out = hub.receive(UNDERLAY, &[fragment(&payload, 0, 16), fragment(&payload, 16, 100)]);
    assert_eq!(out.frames.len(), 1);
    hub.now += 30_000;
    hub.tick();
    assert!(hub.is_empty());
    let lost = count(&hub, DropReason::IpFragTableFull) + count(&hub, DropReason::IpFragTimeout);
    assert_eq!((lost, hub.drops()), (20_000, 20_000));
}

/// Fragments do not get around the checks that follow.
#[test]
fn reassembled_is_checked_like_any_other() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    for (payload, reason) in [
        (gre(Some(41), PROTO_IPV4, &good()), DropReason::GreKeyMismatch),
        (gre(KEY, 0x6558, &good()), DropReason::GreProto),
        (gre(KEY, PROTO_IPV4, &ip(TUNNEL, HOST[1], 17, 9, &[0; 8])), DropReason::InnerMartian),
    ] {
        let before = count(&hub, reason);
        assert!(nothing(&hub.receive(UNDERLAY, &[fragment(&payload, 0, 16), fragment(&payload, 16, 100)])));
        assert_eq!(count(&hub, reason), before + 1, "{:?}", counted(&hub));
    }
}

// GRE

/// An outer packet that ends within the GRE header its flags promise.
#[test]
fn gre_truncated_at_every_octet() {
    let keyed = gre(KEY, PROTO_IPV4, &[]);
    let all = [&[0xb0, 0, 8, 0][..], &[0; 12]].concat();
    let cut = |gre: &[u8]| (0..gre.len()).map(|len| frame(UNDERLAY, &outer(&gre[..len]))).collect::<Vec<_>>();
    all_dropped(cut(&keyed), DropReason::GreTruncated);
    all_dropped(cut(&all), DropReason::GreTruncated);
}

#[test]
fn gre_version() {
    let version = |version: u8| {
        let mut gre = gre(KEY, PROTO_IPV4, &good());
        gre[1] = version;
        frame(UNDERLAY, &outer(&gre))
    };
    all_dropped((1..8).map(version), DropReason::GreVersion);
}

#[test]
fn gre_flags_of_rfc1701() {
    let flags = |flags: u8| {
        let mut gre = gre(KEY, PROTO_IPV4, &good());
        gre[0] |= flags;
        frame(UNDERLAY, &outer(&gre))
    };
    all_dropped([0x40, 0x08, 0x04, 0x4c].map(flags), DropReason::GreFlags);
}

#[test]
fn gre_checksum() {
    let mut gre = [&[0xa0, 0, 8, 0, 0, 0, 0, 0][..], &42u32.to_be_bytes(), &good()].concat();
    let sum = checksum::checksum(&gre);
    gre[4..6].copy_from_slice(&sum.to_be_bytes());
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let out = hub.receive(UNDERLAY, &[frame(UNDERLAY, &outer(&gre))]);
    assert_eq!(out.frames.len(), 1, "a right one is taken");
    let bits = (4 * 8..gre.len() * 8).step_by(5);
    let flipped = bits.map(|bit| {
        let mut gre = gre.clone();
        gre[bit / 8] ^= 1 << (bit % 8);
        frame(UNDERLAY, &outer(&gre))
    });
    all_dropped(flipped, DropReason::GreChecksum);
}

#[test]
fn gre_key_missing_or_wrong() {
    let keys = [None, Some(0), Some(41), Some(43), Some(42 << 24), Some(u32::MAX)];
    let keyed = |key| frame(UNDERLAY, &outer(&gre(key, PROTO_IPV4, &good())));
    all_dropped(keys.map(keyed), DropReason::GreKeyMismatch);
    let nhrp = |key| frame(UNDERLAY, &outer(&gre(key, PROTO_NHRP, &[0; 28])));
    all_dropped(keys.map(nhrp), DropReason::GreKeyMismatch);
}

#[test]
fn gre_key_where_none_is_configured() {
    let blocks = counters();
    let mut hub = Hub::new(None, &blocks);
    for key in [0, 42] {
        let frame = frame(UNDERLAY, &outer(&gre(Some(key), PROTO_IPV4, &good())));
        dropped(&mut hub, UNDERLAY, &frame, DropReason::GreKeyMismatch);
    }
    let out = hub.receive(UNDERLAY, &[frame(UNDERLAY, &outer(&gre(None, PROTO_IPV4, &good())))]);
    assert_eq!(out.frames.len(), 1);
}

#[test]
fn gre_unknown_payload() {
    let of_type = |protocol| frame(UNDERLAY, &outer(&gre(KEY, protocol, &good())));
    let types = [0, 0x0806, 0x6558, 0x8847, 0x8909, 0x880b, 0x883e, 0xffff];
    all_dropped(types.map(of_type), DropReason::GreProto);
    all_dropped([of_type(PROTO_IPV6)], DropReason::Ipv6);
}

#[test]
fn gre_to_an_address_without_tunnel() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let packet =
        ip(SERVER, Ipv4Addr::new(10, 100, 254, 1), protocol::GRE, 255, &gre(KEY, PROTO_IPV4, &good()));
    let out = hub.receive(LAN, &[frame(LAN, &packet)]);
    assert!(out.frames.is_empty() && out.tunnel_twin.is_empty(), "not decapsulated");
}

#[test]
fn data_from_an_unknown_peer() {
    let packet = ip(Ipv4Addr::new(198, 51, 100, 9), NBMA, protocol::GRE, 255, &gre(KEY, PROTO_IPV4, &good()));
    all_dropped([frame(UNDERLAY, &packet)], DropReason::UnknownPeer);
}

#[test]
fn refusals_are_told_once_and_no_icmp_answers() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let stranger = Ipv4Addr::new(198, 51, 100, 9);
    let packet = ip(stranger, NBMA, protocol::GRE, 255, &gre(KEY, PROTO_IPV4, &good()));
    let frames = vec![frame(UNDERLAY, &packet); 60];
    let out = hub.receive(UNDERLAY, &frames);
    assert!(nothing(&out));
    assert_eq!(out.refused, [(DropReason::UnknownPeer as u8, stranger)]);
    assert_eq!(count(&hub, DropReason::UnknownPeer), 60);
}

#[test]
fn nhrp_from_an_unknown_peer_reaches_control() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let packet =
        ip(Ipv4Addr::new(198, 51, 100, 9), NBMA, protocol::GRE, 255, &gre(KEY, PROTO_NHRP, &[7; 28]));
    assert_eq!(hub.receive(UNDERLAY, &[frame(UNDERLAY, &packet)]).nhrp, [vec![7; 28]]);
}

/// One peer floods control with NHRP: it is held to its share, and all others still get through.
#[test]
fn nhrp_flood_of_one_peer() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let from = |source: Ipv4Addr| {
        frame(UNDERLAY, &ip(source, NBMA, protocol::GRE, 255, &gre(KEY, PROTO_NHRP, &[7; 28])))
    };
    let mad = vec![from(SPOKE_NBMA[0]); 50];
    let told: usize = (0..1000).map(|_| hub.receive(UNDERLAY, &mad).nhrp.len()).sum();
    assert!(told < 2000, "{told} of 50,000");
    assert_eq!(count(&hub, DropReason::PuntLimited), 50_000 - told as u64);
    for n in 0..1000 {
        let other = Ipv4Addr::from_bits(SPOKE_NBMA[1].to_bits() + n);
        assert_eq!(hub.receive(UNDERLAY, &[from(other)]).nhrp.len(), 1, "{other}");
    }
}

// Inner IPv4

#[test]
fn inner_truncated_at_every_octet() {
    let inner = good();
    all_dropped((0..inner.len()).map(|len| carrying(&inner[..len])), DropReason::InnerMalformed);
}

#[test]
fn inner_version_and_header_length() {
    let first = |octet: u8| {
        let mut inner = good();
        inner[0] = octet;
        carrying(&inner)
    };
    let versions = (0..16u8).filter(|version| *version != 4).map(|version| first(version << 4 | 5));
    all_dropped(versions, DropReason::InnerMalformed);
    all_dropped((0..5).map(|words| first(0x40 | words)), DropReason::InnerMalformed);
}

#[test]
fn inner_total_length() {
    let total =
        |total: u16| carrying(&with(good(), |inner| inner[2..4].copy_from_slice(&total.to_be_bytes())));
    let len = good().len() as u16;
    all_dropped([0, 1, 19, len + 1, len + 100, 65_535].map(total), DropReason::InnerMalformed);
}

#[test]
fn inner_checksum() {
    let flipped = (8..20).map(|at| {
        let mut inner = good();
        inner[at] ^= 0x10;
        carrying(&inner)
    });
    all_dropped(flipped, DropReason::InnerMalformed);
}

#[test]
fn inner_padding_is_cut_off() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let out = hub.receive(UNDERLAY, &[carrying(&[&good()[..], &[0xee; 30]].concat())]);
    let sent = &out.frames[0].1;
    assert_eq!(sent.len(), eth::LEN + 28 + good().len());
}

#[test]
fn inner_source_is_nobody() {
    let sources = [
        [0, 0, 0, 0],
        [0, 9, 9, 9],
        [127, 0, 0, 1],
        [224, 0, 0, 5],
        [239, 1, 1, 1],
        [240, 0, 0, 1],
        [255; 4],
    ];
    let from = |source: [u8; 4]| carrying(&ip(source.into(), HOST[1], protocol::UDP, 64, b"x"));
    all_dropped(sources.map(from), DropReason::InnerMartian);
}

#[test]
fn inner_source_is_the_hub() {
    all_dropped([carrying(&ip(TUNNEL, HOST[1], protocol::UDP, 64, b"x"))], DropReason::InnerMartian);
}

/// RFC 1812 5.3.7: a broadcast address is nobody's. An answer to it would go to everybody.
#[test]
fn inner_source_is_the_subnets_broadcast() {
    let broadcast = Ipv4Addr::new(10, 255, 0, 255);
    all_dropped([carrying(&ip(broadcast, HOST[1], protocol::UDP, 64, b"x"))], DropReason::InnerMartian);
}

#[test]
fn inner_destination_is_nobody() {
    let destinations = [[0, 0, 0, 0], [0, 1, 1, 1], [127, 0, 0, 1], [127, 255, 255, 255], [240, 0, 0, 1]];
    let to = |destination: [u8; 4]| carrying(&ip(HOST[0], destination.into(), protocol::UDP, 64, b"x"));
    all_dropped(destinations.map(to), DropReason::InnerMartian);
}

#[test]
fn tunnel_in_tunnel_to_the_hub() {
    let nested = |protocol: u8| carrying(&ip(HOST[0], NBMA, protocol, 64, &gre(KEY, PROTO_IPV4, &good())));
    all_dropped([protocol::GRE, protocol::ESP].map(nested), DropReason::TunnelRecursion);
}

/// GRE in GRE in GRE ...: one layer is taken off, whatever is inside.
#[test]
fn deep_nesting_is_one_pass() {
    let mut inner = good();
    while inner.len() < 1200 {
        inner = ip(SPOKE_NBMA[0], NBMA, protocol::GRE, 64, &gre(KEY, PROTO_IPV4, &inner));
    }
    all_dropped([carrying(&inner)], DropReason::TunnelRecursion);
}

/// Other tunnels pass through like any packet.
#[test]
fn tunnel_in_tunnel_to_another_crosses() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let inner = ip(HOST[0], HOST[1], protocol::GRE, 64, &gre(None, PROTO_IPV4, &good()));
    assert_eq!(hub.receive(UNDERLAY, &[carrying(&inner)]).frames.len(), 1);
}

/// What leads nowhere is dropped, and its sender told.
#[test]
fn no_way_there() {
    let cases = [([192, 0, 2, 1], DropReason::NoRoute), ([10, 255, 0, 77], DropReason::NoAdjacency)];
    for (destination, reason) in cases {
        let blocks = counters();
        let mut hub = Hub::new(KEY, &blocks);
        let inner = ip(HOST[0], destination.into(), protocol::UDP, 64, b"x");
        let out = hub.receive(UNDERLAY, &[carrying(&inner)]);
        assert_eq!((out.frames.len(), hub.counters.icmp_sent.get(), count(&hub, reason)), (1, 1, 1));
    }
}

#[test]
fn no_neighbour() {
    let packet = ip(HOST[0], Ipv4Addr::new(10, 100, 254, 77), protocol::UDP, 64, b"x");
    all_dropped([carrying(&packet)], DropReason::NoNeighbour);
}

#[test]
fn congestion_mark_over_not_ect() {
    let marked = |inner_ecn: u8| {
        let inner = with(good(), |inner| inner[1] = inner_ecn);
        let packet = with(outer(&gre(KEY, PROTO_IPV4, &inner)), |packet| packet[1] = 3);
        frame(UNDERLAY, &packet)
    };
    all_dropped([marked(0)], DropReason::EcnInvalid);
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let out = hub.receive(UNDERLAY, &[marked(2)]);
    let outer = ip4::parse(&out.frames[0].1[eth::LEN..]).unwrap();
    let inner = ip4::parse(&outer.payload()[8..]).unwrap();
    assert_eq!((outer.ecn(), inner.ecn()), (3, 3));
}

// TTL, MTU, and the ICMP errors they cause

/// The ICMP error that spoke 1 gets: kind, code, the other four octets, quote.
fn error(out: &Out) -> (u8, u8, [u8; 4], Vec<u8>) {
    assert_eq!(out.frames.len(), 1, "{out:?}");
    let outer = ip4::parse(&out.frames[0].1[eth::LEN..]).unwrap();
    assert_eq!(outer.destination(), SPOKE_NBMA[0]);
    let inner = ip4::parse(wire::gre::parse(outer.payload()).unwrap().payload).unwrap();
    assert_eq!((inner.source(), inner.destination(), inner.ttl()), (TUNNEL, HOST[0], 64));
    let message = icmp::parse(inner.payload()).unwrap();
    (message.kind, message.code, message.rest, message.body.to_vec())
}

#[test]
fn ttl_runs_out() {
    for ttl in [0, 1] {
        let blocks = counters();
        let mut hub = Hub::new(KEY, &blocks);
        let inner = ip(HOST[0], HOST[1], protocol::UDP, ttl, b"across");
        let out = hub.receive(UNDERLAY, &[carrying(&inner)]);
        assert_eq!((count(&hub, DropReason::TtlExceeded), hub.drops()), (1, 1));
        assert_eq!(error(&out), (icmp::TIME_EXCEEDED, 0, [0; 4], inner));
        assert!(hub.is_empty());
    }
}

#[test]
fn too_big_with_df() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let inner = with(ip(HOST[0], HOST[1], protocol::UDP, 64, &[5; 1381]), |inner| {
        Header::of_mut(inner).unwrap().set_flags_offset(FLAG_DF);
    });
    let out = hub.receive(UNDERLAY, &[carrying(&inner)]);
    assert_eq!((count(&hub, DropReason::FragNeeded), hub.drops()), (1, 1));
    let [high, low] = hub::TUNNEL_MTU.to_be_bytes();
    let quote = inner[..548].to_vec();
    assert_eq!(error(&out), (icmp::UNREACHABLE, icmp::FRAGMENTATION_NEEDED, [0, 0, high, low], quote));
}

#[test]
fn too_big_without_df_is_cut() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let inner = ip(HOST[0], HOST[1], protocol::UDP, 64, &[5; 1381]);
    let out = hub.receive(UNDERLAY, &[carrying(&inner)]);
    assert_eq!((out.frames.len(), hub.drops()), (2, 0));
    for (_, sent) in &out.frames {
        let outer = ip4::parse(&sent[eth::LEN..]).unwrap();
        assert!(!outer.is_fragment());
        let inner = ip4::parse(wire::gre::parse(outer.payload()).unwrap().payload).unwrap();
        assert!(inner.is_fragment() && inner.ttl() == 63);
    }
}

#[test]
fn no_error_about_errors_fragments_groups_or_nobody() {
    let icmp = |kind: u8| {
        let mut message = [0; 36];
        icmp::emit(&mut message, kind, 0, [0; 4]).unwrap();
        ip(HOST[0], HOST[1], protocol::ICMP, 1, &message)
    };
    let later = with(ip(HOST[0], HOST[1], protocol::UDP, 1, &[0; 16]), |inner| {
        Header::of_mut(inner).unwrap().set_flags_offset(3);
    });
    let silent = [icmp(icmp::TIME_EXCEEDED), icmp(icmp::UNREACHABLE), icmp(5), icmp(12), icmp(200), later];
    all_dropped(silent.iter().map(|inner| carrying(inner)), DropReason::TtlExceeded);
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    assert_eq!(
        hub.receive(UNDERLAY, &[carrying(&icmp(icmp::ECHO_REQUEST))]).frames.len(),
        1,
        "echo is answered"
    );
}

#[test]
fn icmp_errors_are_limited() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let inner = ip(HOST[0], HOST[1], protocol::UDP, 1, b"across");
    let mut sent = 0;
    for _ in 0..100 {
        sent += hub.receive(UNDERLAY, &vec![carrying(&inner); 50]).frames.len();
    }
    assert!((1..=20).contains(&sent), "{sent}");
    assert_eq!(hub.counters.icmp_sent.get(), sent as u64);
    assert_eq!(hub.counters.icmp_suppressed.get(), 5000 - sent as u64);
    assert_eq!(count(&hub, DropReason::TtlExceeded), 5000);
}

/// The answer goes by the overlay. It must not start another one, nor leave by the underlay.
#[test]
fn an_error_that_cannot_be_delivered_ends_there() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let inner = ip(Ipv4Addr::new(192, 0, 2, 1), HOST[1], protocol::UDP, 1, b"across");
    assert!(nothing(&hub.receive(UNDERLAY, &[carrying(&inner)])));
    assert_eq!((count(&hub, DropReason::TtlExceeded), count(&hub, DropReason::NoRoute)), (1, 1));
    assert!(hub.is_empty());
}

// To many

/// Multicast of a spoke is for the hub's kernel, never for other spokes.
#[test]
fn multicast_from_a_spoke_is_not_flooded() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    for group in [[224, 0, 0, 5], [239, 1, 2, 3], [255; 4], [10, 255, 0, 255]] {
        let inner = ip(SPOKE[0], group.into(), protocol::OSPF, 1, b"hello");
        let out = hub.receive(UNDERLAY, &[carrying(&inner)]);
        assert_eq!((out.frames.len(), out.tunnel_twin.len()), (0, 1), "{group:?}");
        let later = hub.tick();
        assert!(nothing(&later));
    }
}

#[test]
fn multicast_from_an_unknown_peer() {
    let inner = ip(SPOKE[0], Ipv4Addr::new(224, 0, 0, 5), protocol::OSPF, 1, b"hello");
    let packet = ip(Ipv4Addr::new(198, 51, 100, 9), NBMA, protocol::GRE, 255, &gre(KEY, PROTO_IPV4, &inner));
    all_dropped([frame(UNDERLAY, &packet)], DropReason::UnknownPeer);
}

// LAN and twin

#[test]
fn lan_malformed_and_martian() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let good = ip(SERVER, HOST[0], protocol::UDP, 64, b"x");
    for len in 0..good.len() {
        dropped(&mut hub, LAN, &frame(LAN, &good[..len]), DropReason::InnerMalformed);
    }
    for source in [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [10, 100, 254, 1]] {
        let packet = ip(source.into(), HOST[0], protocol::UDP, 64, b"x");
        dropped(&mut hub, LAN, &frame(LAN, &packet), DropReason::InnerMartian);
    }
    assert_eq!(hub.receive(LAN, &[frame(LAN, &good)]).frames.len(), 1);
}

#[test]
fn lan_tunnel_to_the_hubs_own_source() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let packet = ip(SERVER, NBMA, protocol::GRE, 64, &gre(KEY, PROTO_IPV4, &good()));
    dropped(&mut hub, LAN, &frame(LAN, &packet), DropReason::TunnelRecursion);
}

#[test]
fn twin_malformed_or_ipv6() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    let out = hub.twin(&[vec![0x60; 40], vec![0x45; 19], Vec::new()]);
    assert!(nothing(&out));
    assert_eq!(count(&hub, DropReason::Ipv6), 1);
    assert_eq!(count(&hub, DropReason::InnerMalformed), 2);
    assert!(hub.is_empty());
}

/// A port or tunnel that does not exist takes nothing with it.
#[test]
fn unknown_port() {
    let blocks = counters();
    let mut hub = Hub::new(KEY, &blocks);
    assert!(nothing(&hub.receive(9, &[carrying(&good())])));
    assert!(hub.is_empty());
}
