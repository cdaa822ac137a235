//! Every form that an SA can have, and everything that sends to a spoke.

use crate::common::secured::*;
use crate::common::*;
use shm::drops::DropReason;
use shm::message::{Inject, Protection, Transform};

/// From spoke to spoke through the hub, opened and sealed again, by all transforms, modes, forms and lengths.
#[test]
fn every_transform_mode_and_form() {
    for transform in all_transforms() {
        for form in 0..8 {
            let make = |spoke| {
                let mut sa = sa(spoke, transform);
                if form & 1 != 0 {
                    sa = sa.tunnel_mode();
                }
                if form & 2 != 0 {
                    sa = sa.behind_nat(40_000 + spoke as u16);
                }
                if form & 4 != 0 {
                    sa = sa.with_esn();
                }
                sa
            };
            let (one, two) = (make(1), make(2));
            let mut hub = Hub::with_spokes(1, [&one, &two]);
            for (sequence, len) in (1..).zip([28, 29, 30, 31, 64, 500, 1000, 1300]) {
                hub.receive(&[one.frame(sequence, &data(len))]);
                let (sent, gre) = two.receive(&hub.one());
                assert_eq!(sent, sequence, "{transform:?} form {form}");
                assert_eq!(gre[..8], data(len)[..8]);
                assert_eq!(gre[8 + 20..], data(len)[8 + 20..]);
                assert_eq!(gre[8 + 8], 63, "one hop");
            }
            assert_eq!(hub.drops(), []);
            let cells = hub.segment.sa(one.id).expect("cells");
            assert_eq!((cells.inbound.packets.get(), cells.inbound.top.get()), (8, 8));
            assert_eq!(hub.segment.sa(two.id).expect("cells").outbound.sequence(), 8);
        }
    }
}

/// NHRP comes out with its session, and goes in with the SA that control names.
#[test]
fn nhrp_both_ways() {
    let one = sa(1, Transform::Gcm128);
    let mut hub = Hub::new(1);
    hub.install(&one);
    hub.receive(&[one.frame(1, &gre_packet(0x2001, b"registration"))]);
    let told = Told::Nhrp { tunnel: 0, nbma: NBMA[1], session: 100, packet: b"registration".to_vec() };
    assert_eq!(std::mem::take(&mut hub.workers[0].out.events), [told]);
    let protection = Some(Protection { session: one.session, sa: Some(one.id), udp: None });
    hub.inject(&Inject::Nhrp { tunnel: 0, nbma: NBMA[1], link: 0, protection, packet: b"reply" });
    let frame = hub.one();
    assert_eq!(frame[15], 0xc0, "CS6");
    assert_eq!(one.receive(&frame).1, gre_packet(0x2001, b"reply"));
    assert_eq!(hub.drops(), []);
}

/// Packets of the kernel's, multicast of it, and what must be cut: all leave sealed.
#[test]
fn everything_that_sends_to_a_spoke_seals() {
    let (one, two) = (sa(1, Transform::Gcm256), sa(2, Transform::Cbc128Sha256));
    let mut hub = Hub::with_spokes(1, [&one, &two]);
    hub.twin(&[udp(TUNNEL0, HOST[2], 100)]);
    assert_eq!(two.receive(&hub.one()).1, gre_packet(0x0800, &udp(TUNNEL0, HOST[2], 100)));
    // To both.
    let hello = udp(TUNNEL0, std::net::Ipv4Addr::new(224, 0, 0, 5), 64);
    hub.twin(std::slice::from_ref(&hello));
    hub.pass(1);
    let sent = hub.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(one.receive(&sent[0]).1, gre_packet(0x0800, &hello));
    assert_eq!(two.receive(&sent[1]).1, gre_packet(0x0800, &hello));
    // In two pieces, each protected.
    hub.receive(&[one.frame(1, &data(1450))]);
    let sent = hub.sent();
    assert_eq!(sent.len(), 2);
    let inner: usize = sent.iter().map(|frame| two.receive(frame).1.len() - 8 - 20).sum();
    assert_eq!(inner, 1430);
    // A TTL that ran out is told through the SA it came by.
    hub.receive(&[one.frame(2, &gre_packet(0x0800, &with_header(udp(HOST[1], HOST[2], 64), |p| p[8] = 1)))]);
    let (_, gre) = one.receive(&hub.one());
    assert_eq!((gre[8 + 9], gre[8 + 20]), (1, 11));
    assert_eq!(hub.drops(), [(DropReason::TtlExceeded.name(), 1)]);
}

/// A burst of many spokes' packets, more than wait to be sealed at a time.
#[test]
fn a_full_burst_of_pieces_is_sealed_in_order() {
    let (one, two) = (sa(1, Transform::Gcm128), sa(2, Transform::Gcm128));
    let mut hub = Hub::with_spokes(1, [&one, &two]);
    let frames: Vec<_> = (1..=64).map(|sequence| one.frame(sequence, &data(1450))).collect();
    hub.receive(&frames);
    let sequences: Vec<u64> = hub.sent().iter().map(|frame| two.receive(frame).0).collect();
    assert_eq!(sequences, (1..=128).collect::<Vec<_>>());
    assert_eq!(hub.drops(), []);
}

/// The ToS octet of the inner packet stands in both outer headers, and marks of the underlay come in through both.
#[test]
fn dscp_and_ecn_pass_through_two_headers() {
    let (one, two) = (sa(1, Transform::Gcm128).tunnel_mode(), sa(2, Transform::Gcm128).tunnel_mode());
    let mut hub = Hub::with_spokes(1, [&one, &two]);
    let marked = |tos: u8| with_header(udp(HOST[1], HOST[2], 64), |packet| packet[1] = tos);
    hub.receive(&[one.frame(1, &gre_packet(0x0800, &marked(0xb8 | 2)))]);
    let frame = hub.one();
    assert_eq!(frame[15], 0xb8 | 2);
    assert_eq!(two.receive(&frame).1[8 + 1], 0xb8 | 2);
    // Congestion on the way: of a packet whose endpoints react, of one whose do not, and of one whose spoke does not
    // even say that marks reach them.
    for (sequence, within, inner, after) in [(2, 2, 2, Some(3)), (3, 2, 0, None), (4, 0, 2, None)] {
        let gre = gre_packet(0x0800, &marked(inner));
        let packet = with_header(ip(NBMA[1], HUB, 47, &gre), |packet| packet[1] = within);
        let mut frame = one.carry(&one.to_hub.seal(sequence, &packet, 4));
        let packet = with_header(frame.split_off(14), |packet| packet[1] = 3);
        frame.extend(packet);
        hub.receive(&[frame]);
        let sent = hub.sent();
        assert_eq!(sent.first().map(|frame| two.receive(frame).1[8 + 1]), after);
    }
    assert_eq!(hub.drops(), [(DropReason::EcnInvalid.name(), 2)]);
}

/// A packet that comes in fragments is put together before it is opened.
#[test]
fn fragmented_esp_is_reassembled_first() {
    for port in [None, Some(4711)] {
        let (mut one, two) = (sa(1, Transform::Gcm128), sa(2, Transform::Gcm128));
        one.udp = port;
        let mut hub = Hub::with_spokes(1, [&one, &two]);
        let whole = one.frame(1, &data(1000))[14..].to_vec();
        hub.receive(&pieces(&whole, 512));
        assert_eq!(two.receive(&hub.one()).1[8 + 20..], data(1000)[8 + 20..]);
        assert_eq!(hub.drops(), []);
    }
}

/// Both tunnels of one source are served by the same SA.
#[test]
fn one_sa_serves_all_tunnels_of_a_source() {
    let (one, two) = (sa(1, Transform::Gcm128), sa(2, Transform::Gcm128));
    let mut hub = Hub::with_spokes(1, [&one, &two]);
    let other = [&[0x20, 0, 0x20, 0x01][..], &(KEY0 + 1).to_be_bytes(), b"registration"].concat();
    hub.receive(&[one.frame(1, &other)]);
    let told = Told::Nhrp { tunnel: 2, nbma: NBMA[1], session: 100, packet: b"registration".to_vec() };
    assert_eq!(hub.workers[0].out.events, [told]);
    // And not that of another source.
    let clear = [&[0, 0, 0x20, 0x01][..], b"registration"].concat();
    hub.receive(&[one.frame(2, &clear)]);
    assert_eq!(hub.drops(), [(DropReason::GreKeyMismatch.name(), 1)]);
}
