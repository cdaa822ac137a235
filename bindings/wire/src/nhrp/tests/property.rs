//! What comes out of the builder goes through the parser, and mutated packets do no harm.

use super::real::{packets, rebuild};
use crate::nhrp::*;
use proptest::prelude::*;
use std::net::IpAddr;

fn address(v6: bool) -> BoxedStrategy<IpAddr> {
    if v6 {
        any::<[u8; 16]>().prop_map(IpAddr::from).boxed()
    } else {
        any::<[u8; 4]>().prop_map(IpAddr::from).boxed()
    }
}

fn cie(nbma6: bool, protocol6: bool) -> impl Strategy<Value = Cie> {
    let addresses = (prop::option::of(address(nbma6)), prop::option::of(address(protocol6)));
    (any::<(u8, u8, u16, u16, u16, u8)>(), addresses).prop_map(|(numbers, (nbma, protocol))| {
        let (code, prefix_len, unused, mtu, holding_time, preference) = numbers;
        Cie { code: CieCode(code), prefix_len, unused, mtu, holding_time, nbma, protocol, preference }
    })
}

prop_compose! {
    fn message()(nbma6 in any::<bool>(), protocol6 in any::<bool>())(
        kind in 1u8..=6,
        numbers in any::<(u8, u16, u32)>(),
        source_nbma in address(nbma6),
        source_protocol in address(protocol6),
        destination_protocol in address(protocol6),
        cies in prop::collection::vec(cie(nbma6, protocol6), 0..=MAX_CIES),
        forward in prop::option::of(prop::collection::vec(cie(nbma6, protocol6), 0..4)),
        nat in prop::option::of(prop::collection::vec(cie(nbma6, protocol6), 0..3)),
        password in prop::option::of(prop::collection::vec(any::<u8>(), 1..=8)),
        unknown in prop::collection::vec((10u16..0x4000, any::<bool>(), prop::collection::vec(any::<u8>(), 0..20)), 0..5),
    ) -> (Head, Vec<Cie>, Vec<u8>) {
        let (hop_count, flags, request_id) = numbers;
        let kind = PacketType::from_wire(kind).unwrap();
        let head = Head {
            kind, hop_count, flags: Flags(flags), request_id, source_nbma, source_protocol, destination_protocol,
        };
        let mut builder = Builder::message(&head);
        cies.iter().for_each(|cie| { builder.cie(cie); });
        if let Some(list) = &forward { builder.list(ExtensionType::ForwardTransit, true, list); }
        if let Some(list) = &nat { builder.list(ExtensionType::Nat, false, list); }
        if let Some(password) = &password { builder.authentication(password); }
        for (kind, compulsory, value) in &unknown {
            builder.extension(ExtensionType(*kind), *compulsory, value);
        }
        if forward.is_some() || nat.is_some() || password.is_some() || !unknown.is_empty() { builder.end(); }
        (head, cies, builder.finish().unwrap())
    }
}

proptest! {
    #[test]
    fn round_trip((head, cies, octets) in message()) {
        let packet = Packet::parse(&octets, ChecksumRule::Strict).unwrap();
        prop_assert_eq!(packet.kind(), head.kind);
        prop_assert_eq!(packet.flags(), head.flags);
        prop_assert_eq!(packet.request_id(), head.request_id);
        prop_assert_eq!(packet.source_nbma(), head.source_nbma);
        prop_assert_eq!(packet.source_protocol(), head.source_protocol);
        prop_assert_eq!(packet.destination_protocol(), head.destination_protocol);
        prop_assert_eq!(packet.cies().collect::<Vec<_>>(), cies);
        prop_assert_eq!(rebuild(&packet), octets);
    }

    #[test]
    fn indications_round_trip(
        code: u16, offset: u16, hop_count: u8,
        source_nbma in address(false), source_protocol in address(false), destination_protocol in address(false),
        body in prop::collection::vec(any::<u8>(), 0..256),
    ) {
        let mut error = Builder::error(&ErrorHead {
            hop_count, code: ErrorCode(code), offset, source_nbma, source_protocol, destination_protocol,
        });
        error.body(&body);
        let octets = error.finish().unwrap();
        let packet = Packet::parse(&octets, ChecksumRule::Strict).unwrap();
        prop_assert_eq!((packet.error_code().0, packet.error_offset(), packet.body()), (code, offset, &body[..]));
        prop_assert_eq!(rebuild(&packet), octets);
        let mut indication = Builder::indication(&IndicationHead {
            hop_count, code, source_nbma, source_protocol, destination_protocol,
        });
        indication.body(&body).end();
        let octets = indication.finish().unwrap();
        let packet = Packet::parse(&octets, ChecksumRule::Strict).unwrap();
        prop_assert_eq!((packet.traffic_code(), packet.body()), (code, &body[..]));
        prop_assert_eq!(rebuild(&packet), octets);
    }

    #[test]
    fn mutated_packets_do_not_panic(
        which: prop::sample::Index, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let packets = packets();
        let mut octets = which.get(&packets).1.clone();
        for (at, value) in changes {
            let at = at.index(octets.len());
            octets[at] = value;
        }
        octets[12..14].fill(0);
        let sum = crate::checksum::checksum(&octets);
        octets[12..14].copy_from_slice(&sum.to_be_bytes());
        if let Ok(packet) = Packet::parse(&octets, ChecksumRule::AcceptLegacyOdd) {
            for extension in packet.extensions() {
                prop_assert!(packet.list(&extension).count() <= MAX_CIES);
            }
            prop_assert!(packet.extensions().count() <= MAX_EXTENSIONS);
            prop_assert!(packet.cies().count() <= MAX_CIES);
        }
    }

    #[test]
    fn any_octets_do_not_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Packet::parse(&octets, ChecksumRule::AcceptLegacyOdd);
    }
}
