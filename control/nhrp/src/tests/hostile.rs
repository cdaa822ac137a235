//! Input of the kind that broke others. Each test bears the row of the list that it stands for.

use super::support::*;
use crate::*;
use std::net::Ipv4Addr;
use wire::nhrp::{ChecksumRule, ErrorCode, Packet, PacketType};

fn hub() -> Hub {
    let mut hub = Hub::new(tunnel());
    hub.register(2);
    hub.register(3);
    hub
}

fn fix(octets: &mut [u8]) {
    octets[12..14].fill(0);
    let sum = wire::checksum::checksum(octets);
    octets[12..14].copy_from_slice(&sum.to_be_bytes());
}

/// How a packet is spoilt.
type Change<'a> = &'a dyn Fn(&mut Vec<u8>);

/// Each change of a good registration is dropped for the reason, without an answer, a binding or a crash.
fn refused(reason: DropReason, changes: &[Change<'_>]) {
    for (n, change) in changes.iter().enumerate() {
        let mut hub = Hub::new(tunnel());
        let mut octets = registration(nbma(2), spoke(2)).build();
        change(&mut octets);
        if octets.len() >= 20 {
            fix(&mut octets);
        }
        let actions = hub.packet(nbma(2), &octets);
        assert_eq!(
            (sent(&actions).len(), hub.dropped(reason), hub.server.len()),
            (0, 1, 0),
            "{reason:?} {n}"
        );
        assert_eq!(hub.server.failures().next().unwrap().failure, Failure::Dropped(reason));
    }
}

#[test]
fn truncated() {
    refused(
        DropReason::Truncated,
        &[
            &|o| o.clear(),
            &|o| o.truncate(19),
            &|o| o.truncate(27),
            &|o| o[10..12].copy_from_slice(&u16::MAX.to_be_bytes()),
            &|o| o[10..12].copy_from_slice(&[0, 0]),
            &|o| o[10..12].copy_from_slice(&[0, 27]),
        ],
    );
}

#[test]
fn checksum_bad_comes_before_anything_else() {
    let mut hub = hub();
    for octets in of_all_kinds() {
        for at in [12, 13, 16, 17, octets.len() - 1] {
            let mut bad = octets.clone();
            bad[at] ^= 0x5a;
            hub.packet(nbma(2), &bad);
        }
    }
    assert_eq!(hub.dropped(DropReason::Checksum), 5 * of_all_kinds().len() as u64);
}

fn of_all_kinds() -> Vec<Vec<u8>> {
    cisco().into_iter().chain(frr()).map(|packet| packet.octets).collect()
}

#[test]
fn header() {
    refused(
        DropReason::Header,
        &[
            &|o| o[16] = 0,
            &|o| o[16] = 2,
            &|o| o[17] = 0,
            &|o| o[17] = 9,
            &|o| o[17] = 255,
            &|o| o[1] = 0,
            &|o| o[1] = 3,
            &|o| o[2..4].copy_from_slice(&[0, 0x80]),
            &|o| o[2..4].copy_from_slice(&[0x86, 0xdd]),
            &|o| o[18] = 0x44,
            &|o| o[18] = 0x84,
            &|o| o[18] = 0,
            &|o| o[18] = 63,
            &|o| o[19] = 1,
            &|o| o[20] = 0,
            &|o| o[21] = 16,
        ],
    );
}

#[test]
fn extension_offset() {
    refused(
        DropReason::ExtensionOffset,
        &[&|o| o[15] = 1, &|o| o[15] = 39, &|o| o[14] = 0xff, &|o| {
            let len = o.len() as u8;
            o[15] = len;
        }],
    );
}

#[test]
fn entries() {
    refused(
        DropReason::Cie,
        &[&|o| o[48] = 4, &|o| o[48] = 5, &|o| o[49] = 4, &|o| o[50] = 16, &|o| o[50] = 255, &|o| o[15] = 51],
    );
}

#[test]
fn one_bad_entry_rejects_the_packet() {
    let mut hub = Hub::new(tunnel());
    let mut two = registration(nbma(2), spoke(2)).with(|m| {
        m.head.flags.0 = 0;
        m.cies.push(cie(nbma(2), spoke(4)));
    });
    two.extensions.clear();
    let mut octets = two.build();
    octets[60] = 16;
    fix(&mut octets);
    hub.packet(nbma(2), &octets);
    assert_eq!((hub.dropped(DropReason::Cie), hub.server.len()), (1, 0));
}

#[test]
fn a_registration_without_entries_is_error_7() {
    let mut hub = Hub::new(tunnel());
    let actions = hub.packet(nbma(2), &registration(nbma(2), spoke(2)).with(|m| m.cies.clear()).build());
    assert_eq!((error(&actions), hub.dropped(DropReason::Cie)), (ErrorCode::ProtocolError, 1));
}

#[test]
fn extensions() {
    let base = registration(nbma(2), spoke(2));
    let cases = [
        base.clone().with(|m| m.extensions.push((4, true, vec![]))),
        base.clone().with(|m| m.extensions.push((7, true, vec![]))),
        base.clone().with(|m| m.extensions.push((7, true, vec![0, 0, 0, 1]))),
        base.clone().auth("a").auth("a"),
        base.clone().with(|m| m.extensions[1].2 = vec![0; 13]),
        base.clone().with(|m| m.extensions.extend((0..16).map(|n| (0x3800 + n, false, vec![])))),
    ];
    for (n, case) in cases.iter().enumerate() {
        let mut hub = Hub::new(tunnel());
        hub.packet(nbma(2), &case.build());
        assert_eq!((hub.dropped(DropReason::Extension), hub.server.len()), (1, 0), "{n}");
    }
    refused(DropReason::Extension, &[&|o| o[54..56].copy_from_slice(&[0xff, 0xff])]);
}

/// OpenNHRP: extension types as indexes of a table of ten, and more than ten extensions.
#[test]
fn opennhrp_extension_types_and_numbers() {
    let mut hub = Hub::new(tunnel());
    for kind in (10..=0x3fff).step_by(37).chain([0x3fff]) {
        let request = registration(nbma(2), spoke(2)).with(|m| m.extensions.push((kind, false, vec![1])));
        assert_eq!(codes(&hub.packet(nbma(2), &request.build())), [0], "{kind}");
    }
    let many = registration(nbma(2), spoke(2))
        .with(|m| m.extensions.extend((0..12).map(|n| (0x3800 + n, false, vec![]))));
    assert_eq!(codes(&hub.packet(nbma(2), &many.build())), [0]);
}

/// OpenNHRP: 16 pending registrations in all, so that a power failure's reboots were dropped.
#[test]
fn opennhrp_5000_spokes_register_at_once() {
    let mut tunnel = TunnelConfig::new(0, HUB_NBMA, HUB, 16);
    tunnel.max_send = 1_000_000;
    let mut hub = Hub::with(ServerConfig { max_bindings: 10_000, ..config(vec![tunnel]) });
    for n in 0..5000u32 {
        let (at, address) = (Ipv4Addr::from(0xc612_0000 + n), Ipv4Addr::from(0x0aff_1000 + n));
        assert_eq!(codes(&hub.packet(at, &registration(at, address).build())), [0]);
    }
    assert_eq!(hub.server.len(), 5000);
}

/// FRR dabe8dc3: the type as an index, before it was checked.
#[test]
fn frr_types_9_to_255() {
    let mut hub = hub();
    for kind in 9..=255 {
        let mut octets = registration(nbma(2), spoke(2)).build();
        octets[17] = kind;
        fix(&mut octets);
        assert_eq!(sent(&hub.packet(nbma(2), &octets)), []);
    }
    assert_eq!(hub.dropped(DropReason::Header), 247);
}

/// FRR 8bd5499b, f0cf5cff: the address family as an index; IPv6 where there is none.
#[test]
fn frr_address_families_and_ipv6() {
    let mut hub = hub();
    for afn in (0..=u16::MAX).filter(|afn| *afn != 1).step_by(61) {
        let mut octets = registration(nbma(2), spoke(2)).build();
        octets[0..2].copy_from_slice(&afn.to_be_bytes());
        fix(&mut octets);
        assert_eq!(sent(&hub.packet(nbma(2), &octets)), []);
    }
    let v6: std::net::IpAddr = Ipv4Addr::new(1, 2, 3, 4).to_ipv6_mapped().into();
    let over_v6 = registration(nbma(2), spoke(2)).with(|m| {
        m.head.source_protocol = v6;
        m.head.destination_protocol = v6;
        m.extensions.clear();
    });
    let before = hub.dropped(DropReason::Header);
    assert_eq!(sent(&hub.packet(nbma(2), &over_v6.build())), []);
    assert_eq!(hub.dropped(DropReason::Header), before + 1);
}

/// FRR 46c54af4, beea65fe and others: lengths of addresses against what is left, at every place.
#[test]
fn frr_every_length_octet_with_every_value() {
    let mut hub = hub();
    let packets = of_all_kinds();
    for octets in [&packets[0], &packets[2], &packets[3], &packets[4]] {
        for at in 10..octets.len() {
            for value in [0, 1, 3, 5, 16, 63, 64, 127, 128, 255] {
                let mut octets = octets.clone();
                octets[at] = value;
                fix(&mut octets);
                hub.packet(nbma(2), &octets);
            }
        }
    }
}

/// FRR 9c083f69: odd lengths.
#[test]
fn legacy_checksums_are_taken_where_allowed_and_never_made() {
    let mut odd = indication(
        nbma(2),
        spoke(2),
        HUB,
        &ping(spoke(2), spoke(3))[..27].iter().map(|o| o | 1).collect::<Vec<_>>(),
    );
    odd[12..14].fill(0);
    let (last, even) = odd.split_last().unwrap();
    let sum = !wire::checksum::add(wire::checksum::sum(even), u16::from(*last));
    odd[12..14].copy_from_slice(&sum.to_be_bytes());
    for (legacy, reason) in [(false, DropReason::Checksum), (true, DropReason::Indication)] {
        let mut hub = Hub::new(TunnelConfig { legacy_odd_checksum: legacy, ..tunnel() });
        hub.packet(nbma(2), &odd);
        assert_eq!(hub.dropped(reason), 1);
    }
    let mut hub = Hub::new(TunnelConfig { legacy_odd_checksum: true, ..tunnel() });
    hub.register(2);
    // An odd packet of ours: an error about an odd offender.
    let odd_registration = registration(nbma(2), spoke(2)).with(|m| {
        m.head.destination_protocol = spoke(99).into();
        m.extensions.push((0x3801, false, vec![7]));
    });
    let actions = hub.packet(nbma(2), &odd_registration.build());
    assert_eq!(only(&actions).1.octets().len() % 2, 1);
}

/// Reflection: what comes from us, from nobody or from many is no spoke's.
#[test]
fn martian_outer_sources() {
    let mut hub = Hub::new(tunnel());
    let sources = [
        HUB_NBMA,
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::BROADCAST,
        Ipv4Addr::new(224, 0, 0, 1),
    ];
    for source in sources {
        assert_eq!(sent(&hub.packet(source, &registration(source, spoke(2)).build())), []);
    }
    assert_eq!((hub.dropped(DropReason::Martian), hub.server.len()), (5, 0));
}

#[test]
fn replies_that_nobody_asked_for() {
    let mut hub = hub();
    for kind in [PacketType::ResolutionReply, PacketType::RegistrationReply, PacketType::PurgeReply] {
        assert_eq!(sent(&hub.packet(nbma(2), &reply(kind, HUB_NBMA, HUB, spoke(2)).build())), []);
    }
    assert_eq!(hub.dropped(DropReason::Unsolicited), 3);
    // To a station that is not there.
    let lost = reply(PacketType::ResolutionReply, nbma(99), spoke(99), spoke(2));
    assert_eq!(sent(&hub.packet(nbma(2), &lost.build())), []);
    assert_eq!(hub.dropped(DropReason::NoRoute), 1);
}

#[test]
fn indications_with_any_excerpt_are_dropped_and_counted() {
    let mut hub = hub();
    for n in 0..=28 {
        let actions =
            hub.packet(nbma(2), &indication(nbma(2), spoke(2), HUB, &ping(spoke(2), spoke(3))[..n]));
        assert_eq!(actions, []);
    }
    assert_eq!(hub.dropped(DropReason::Indication), 29);
}

#[test]
fn a_storm_of_errors_is_never_answered() {
    let mut hub = hub();
    for n in 0..1000u32 {
        let body = vec![n as u8; (n % 300) as usize];
        assert_eq!(sent(&hub.packet(nbma(2), &error_indication(nbma(2), spoke(2), HUB, &body))), []);
    }
}

/// A flood of new addresses from one peer stops at its share; the flood of log lines as well.
#[test]
fn a_flood_of_registrations_is_bounded() {
    let mut hub = Hub::new(tunnel());
    let mut logged = 0;
    for n in 2..=250 {
        logged += logs(&hub.packet(nbma(2), &registration(nbma(2), spoke(n)).build())).len();
    }
    assert_eq!(hub.server.len(), 16);
    assert_eq!(hub.server.counters(0).unwrap().registrations_refused[5], 249 - 16);
    assert_eq!(logged, 16 + 1);
}

/// Truncated packets of tcpdump's fuzzing, and every packet of the captures cut at each octet.
#[test]
fn every_cut_of_every_real_packet() {
    let mut hub = hub();
    for octets in of_all_kinds() {
        for n in 0..octets.len() {
            let mut cut = octets[..n].to_vec();
            hub.packet(nbma(2), &cut);
            if n >= 20 {
                cut[10..12].copy_from_slice(&(n as u16).to_be_bytes());
                fix(&mut cut);
                hub.packet(nbma(2), &cut);
            }
        }
    }
    assert!(Packet::parse(&[], ChecksumRule::Strict).is_err());
}
