//! The answers of an FRR hub (nhrpd 8.4.4) to real FRR spokes, from the same packets. Three fields are the hub's
//! choice and differ: the hop count of its own packets (FRR 64, Cisco and we 255), the prefix length in the responder
//! extension of a registration reply (FRR 0, Cisco and we 32), and the form of the traffic indication.

use super::support::*;
use crate::*;
use std::net::Ipv4Addr;
use wire::nhrp::{ExtensionType, PacketType};

/// The hub of the captures: tunnel address 10.255.0.1/32, holding time 60, MTU not given.
fn hub() -> Hub {
    let mut tunnel = TunnelConfig::new(0, HUB_NBMA, HUB, 32);
    tunnel.holdtime = 60;
    let mut hub = Hub::new(tunnel);
    for (n, seen, claimed) in
        [(11, nbma(11), nbma(11)), (12, nbma(12), nbma(12)), (13, nbma(103), [192, 168, 103, 2].into())]
    {
        let request = registration(claimed, spoke(n)).with(|m| m.head.flags.0 = 2);
        assert_eq!(codes(&hub.packet(seen, &request.build())), [0]);
        let reach = Reach::Spoke { tunnel: 0, protocol: spoke(n), prefix_len: 24 };
        hub.routes.push((Ipv4Addr::new(10, 100, n - 10, 0), 24, reach));
    }
    hub
}

/// What the FRR hub would have sent with our choices.
fn with_our_choices(octets: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    if octets[17] == PacketType::RegistrationReply as u8 {
        octets[9] = 255;
        let responder = octets.windows(4).position(|w| w == [0x80, 3, 0, 20]).unwrap();
        octets[responder + 5] = 32;
    }
    octets[12..14].fill(0);
    let sum = wire::checksum::checksum(&octets);
    octets[12..14].copy_from_slice(&sum.to_be_bytes());
    octets
}

#[test]
fn every_answer_and_every_forwarded_packet_is_the_frr_hubs() {
    let packets = frr();
    let (mut replies, mut forwarded) = (0, 0);
    let mut hubs: std::collections::HashMap<&str, Hub> = std::collections::HashMap::new();
    for request in packets.iter().filter(|packet| packet.to == HUB_NBMA) {
        let hub = hubs.entry(&request.file).or_insert_with(hub);
        hub.now_ms += 1;
        let name = format!("{} frame {}", request.file, request.frame);
        let actions = hub.packet(request.from, &request.octets);
        let (to, ours) = only(&actions);
        let same = |p: &&Real| {
            let theirs = parse(&p.octets);
            p.file == request.file
                && p.frame > request.frame
                && (p.from, p.to) == (HUB_NBMA, to)
                && (theirs.kind(), theirs.request_id()) == (ours.kind(), ours.request_id())
                && theirs.source_protocol() == ours.source_protocol()
        };
        // Requests sent while the hub was down, and one that the capture lost the answer of, have none.
        let Some(theirs) = packets.iter().find(same) else { continue };
        assert_eq!(ours.octets(), with_our_choices(&theirs.octets), "{name}");
        if ours.kind() == PacketType::RegistrationReply { replies += 1 } else { forwarded += 1 }
    }
    assert_eq!((replies, forwarded), (43, 12));
}

#[test]
fn a_spoke_that_registers_at_its_own_address_learns_the_hubs() {
    let first = frr().into_iter().find(|p| p.file.starts_with("01") && p.frame == 11).unwrap();
    let mut hub = Hub::new(tunnel());
    let actions = hub.packet(first.from, &first.octets);
    let (_, reply) = only(&actions);
    assert_eq!(parse(&first.octets).destination_protocol(), std::net::IpAddr::from(spoke(11)));
    assert_eq!(reply.destination_protocol(), std::net::IpAddr::from(HUB));
}

#[test]
fn a_spoke_behind_nat_is_told_its_public_address() {
    let packets = frr();
    let natted = packets.iter().find(|p| p.file.starts_with("07") && p.frame == 82).unwrap();
    let mut hub = Hub::new(tunnel());
    let actions = hub.packet(natted.from, &natted.octets);
    let (to, reply) = only(&actions);
    assert_eq!(to, nbma(103));
    let nat = reply.extension(ExtensionType::Nat).unwrap();
    let nat: Vec<_> = reply.list(&nat).map(|cie| (v4(cie.nbma), v4(cie.protocol))).collect();
    assert_eq!(nat, [(Some(HUB_NBMA), Some(Ipv4Addr::UNSPECIFIED)), (Some(nbma(103)), Some(spoke(13)))]);
    let binding = hub.server.binding(0, spoke(13)).unwrap();
    assert_eq!((binding.nbma, binding.claimed), (nbma(103), Ipv4Addr::new(192, 168, 103, 2)));
    let entry = hub.server.cache(hub.now_ms).next().unwrap();
    assert_eq!(entry.claimed, Some(Ipv4Addr::new(192, 168, 103, 2)));
    assert!(entry.flags.nat);
}

#[test]
fn both_spokes_get_an_indication_for_the_same_packets() {
    let packets = frr();
    let theirs: Vec<&Real> =
        packets.iter().filter(|p| parse(&p.octets).kind() == PacketType::TrafficIndication).collect();
    assert!(theirs.len() >= 6);
    let mut hub = hub();
    for theirs in theirs {
        hub.now_ms += 10_000;
        let expected = parse(&theirs.octets);
        let actions = hub.redirect(theirs.to, expected.body());
        let (to, ours) = only(&actions);
        assert_eq!(to, theirs.to);
        assert_eq!(ours.source_nbma(), expected.source_nbma());
        assert_eq!(ours.source_protocol(), expected.source_protocol());
        assert_eq!(ours.destination_protocol(), expected.destination_protocol());
        assert_eq!(ours.traffic_code(), expected.traffic_code());
        assert_eq!(ours.body(), &expected.body()[..28]);
    }
}
