//! What a stranger or a peer gone mad may send as ESP, and what becomes of it.

use crate::common::sa::*;
use crate::common::secured::*;
use crate::common::*;
use shm::drops::DropReason;
use shm::message::{Mode, Transform};

/// Both spokes up, the second only to be sent to.
fn hub_of(one: &Sa) -> Hub {
    Hub::with_spokes(1, [one, &sa(2, Transform::Gcm128)])
}

/// Frames, and the one reason for which all are dropped.
#[track_caller]
fn dropped(sa: &Sa, frames: &[Vec<u8>], reason: DropReason) -> Hub {
    let mut hub = hub_of(sa);
    hub.receive(frames);
    assert_eq!(hub.sent(), Vec::<Vec<u8>>::new());
    assert_eq!(hub.drops(), [(reason.name(), frames.len() as u64)]);
    let cells = hub.segment.sa(sa.id).expect("cells");
    // Nothing that is not authentic moves the window or counts as received.
    if !matches!(reason, DropReason::EspBadPad | DropReason::EspBadNextHeader | DropReason::EspDummy)
        && reason != DropReason::SaSelectorMismatch
    {
        assert_eq!((cells.inbound.top.get(), cells.inbound.packets.get()), (0, 0));
    }
    hub
}

#[test]
fn short_at_every_octet() {
    for transform in all_transforms() {
        let sa = sa(1, transform);
        let least = 8 + transform.iv_len() + transform.icv_len() + 2;
        let packet = sa.to_hub.seal(1, &data(64), 47);
        let frames: Vec<_> = (0..least).map(|len| sa.carry(&packet[..len])).collect();
        dropped(&sa, &frames, DropReason::EspShort);
        let align = transform.block_len();
        let least = least.next_multiple_of(align) + align;
        let frames: Vec<_> =
            (1..align).map(|more| sa.carry(&packet[..least - least % align + more])).collect();
        let mut hub = hub_of(&sa);
        hub.receive(&frames);
        let counted = hub.drop_count(DropReason::EspAlign) + hub.drop_count(DropReason::EspIcv);
        assert_eq!(counted, frames.len() as u64, "{transform:?} {:?}", hub.drops());
        assert!(hub.drop_count(DropReason::EspAlign) > 0);
    }
}

#[test]
fn spis_that_lead_nowhere() {
    let sa = sa(1, Transform::Gcm128);
    let mut hub = hub_of(&sa);
    let own = sa.to_hub.spi;
    let strange = [1, 9, 255, 256, own ^ 1 << 24, own + 1, own ^ 0x00ff_ffff, u32::MAX];
    for (count, spi) in (1..).zip(strange) {
        let half = Half { spi, ..sa.to_hub.clone() };
        hub.receive(&[sa.carry(&half.seal(1, &data(64), 47))]);
        assert_eq!(hub.drops(), [(DropReason::EspUnknownSpi.name(), count)], "{spi:#x}");
    }
    let reason = DropReason::EspUnknownSpi as u8;
    let told = Told::Refused { reason, nbma: NBMA[1], local: HUB, key: Some(1) };
    assert_eq!(hub.workers[0].out.events, [told], "once for a sender");
    // 0 in plain ESP is no SPI; in UDP it is the marker of IKE.
    let half = Half { spi: 0, ..sa.to_hub.clone() };
    hub.receive(&[sa.carry(&half.seal(1, &data(64), 47))]);
    assert_eq!(hub.drop_count(DropReason::EspUnknownSpi), strange.len() as u64 + 1);
}

#[test]
fn a_flipped_bit_anywhere() {
    for transform in [Transform::Gcm128, Transform::Cbc256Sha256, Transform::Cbc128Sha1] {
        for esn in [false, true] {
            let sa = if esn { sa(1, transform).with_esn() } else { sa(1, transform) };
            let mut hub = hub_of(&sa);
            let packet = sa.to_hub.seal(5, &data(40), 47);
            for bit in 0..packet.len() * 8 {
                let mut flipped = packet.clone();
                flipped[bit / 8] ^= 0x80 >> (bit % 8);
                hub.receive(&[sa.carry(&flipped)]);
            }
            assert_eq!(hub.sent(), Vec::<Vec<u8>>::new());
            let names: Vec<_> = hub.drops().into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["esp_unknown_spi", "esp_icv"], "{transform:?}");
            assert_eq!(hub.drop_count(DropReason::EspUnknownSpi), 32);
            let cells = hub.segment.sa(sa.id).expect("cells");
            assert_eq!(cells.inbound.icv_failed.get(), packet.len() as u64 * 8 - 32);
            // It did no harm.
            hub.receive(&[sa.carry(&packet)]);
            assert_eq!(hub.sent().len(), 1);
        }
    }
}

#[test]
fn replayed_old_and_zero() {
    for esn in [false, true] {
        let mut sa = sa(1, Transform::Gcm128);
        sa.window = 64;
        let sa = if esn { sa.with_esn() } else { sa };
        let mut hub = hub_of(&sa);
        hub.receive(&[sa.frame(0, &data(64))]);
        assert_eq!(hub.drops(), [(DropReason::EspReplayDup.name(), 1)], "0 is never sent");
        let frame = sa.frame(100, &data(64));
        // Two copies in one burst, and a third later.
        hub.receive(&[frame.clone(), frame.clone()]);
        hub.receive(&[frame]);
        assert_eq!((hub.sent().len(), hub.drop_count(DropReason::EspReplayDup)), (1, 3));
        hub.receive(&[sa.frame(37, &data(64)), sa.frame(36, &data(64)), sa.frame(1, &data(64))]);
        assert_eq!(hub.sent().len(), 1, "37 is the last in the window");
        assert_eq!(hub.drop_count(DropReason::EspReplayOld) + hub.drop_count(DropReason::EspIcv), 2);
        let cells = hub.segment.sa(sa.id).expect("cells");
        assert_eq!((cells.inbound.replay_dup.get(), cells.inbound.top.get()), (3, 100));
        assert_eq!((cells.inbound.packets.get(), cells.inbound.last_ms.get()), (2, 1_000_000));
    }
}

#[test]
fn padding_that_lies() {
    for transform in [Transform::Gcm128, Transform::Cbc128Sha256] {
        let sa = sa(1, transform);
        let align = transform.block_len();
        let mut sequence = 0;
        let mut frames = vec![];
        let mut add = |text: Vec<u8>| {
            assert_eq!(text.len() % align, 0);
            sequence += 1;
            frames.push(sa.carry(&sa.to_hub.seal_text(sequence, text)));
        };
        let ending = |len: usize, end: &[u8]| [&vec![0x20; len - end.len()][..], end].concat();
        add(ending(64, &[63, 47]));
        add(ending(64, &[255, 47]));
        add(ending(align, &[align as u8 - 1, 47]));
        add(ending(64, &[0, 2, 2, 47]));
        add(ending(64, &[1, 3, 3, 3, 47]));
        add(ending(64, &[0, 1, 2, 4, 47]));
        dropped(&sa, &frames, DropReason::EspBadPad);
    }
}

#[test]
fn next_headers() {
    let transport = sa(1, Transform::Gcm128);
    let tunnel = sa(1, Transform::Gcm128).tunnel_mode();
    let mut sequence = 0;
    let mut frame = |sa: &Sa, payload: &[u8], next| {
        sequence += 1;
        sa.carry(&sa.to_hub.seal(sequence, payload, next))
    };
    let packet = ip(NBMA[1], HUB, 47, &data(64));
    let wrong: Vec<_> =
        [0, 1, 4, 6, 17, 41, 50, 58, 60, 255].map(|next| frame(&transport, &packet, next)).into();
    dropped(&transport, &wrong, DropReason::EspBadNextHeader);
    let wrong: Vec<_> = [0, 6, 17, 41, 47, 50, 58, 255].map(|next| frame(&tunnel, &packet, next)).into();
    dropped(&tunnel, &wrong, DropReason::EspBadNextHeader);
    for sa in [&transport, &tunnel] {
        let dummies = [frame(sa, &[], 59), frame(sa, &[9; 100], 59)];
        dropped(sa, &dummies, DropReason::EspDummy);
    }
}

/// Tunnel mode carries GRE between the two negotiated addresses, and nothing else.
#[test]
fn tunnel_mode_selectors() {
    let sa = sa(1, Transform::Gcm128).tunnel_mode();
    let mut sequence = 0;
    let mut frame = |packet: &[u8]| {
        sequence += 1;
        sa.carry(&sa.to_hub.seal(sequence, packet, 4))
    };
    let good = ip(NBMA[1], HUB, 47, &data(64));
    let fragment = with_header(good.clone(), |packet| packet[6] = 0x20);
    let wrong = [
        frame(&ip(NBMA[2], HUB, 47, &data(64))),
        frame(&ip(NBMA[1], CLEAR, 47, &data(64))),
        frame(&udp(NBMA[1], HUB, 64)),
        frame(&ip(NBMA[1], HUB, 50, &data(64))),
        frame(&fragment),
        frame(&good[..good.len() - 4]),
        frame(&good[..19]),
        frame(&[]),
        frame(&with_header(good.clone(), |packet| packet[2..4].fill(0))),
        frame(&{
            let mut packet = good.clone();
            packet[10] ^= 1;
            packet
        }),
    ];
    let hub = dropped(&sa, &wrong, DropReason::SaSelectorMismatch);
    let reason = DropReason::SaSelectorMismatch as u8;
    let told = Told::Refused { reason, nbma: NBMA[1], local: HUB, key: Some(sa.to_hub.spi) };
    assert_eq!(hub.workers[0].out.events, [told]);
    // Padding of RFC 4303 2.7 behind the packet is none of it.
    let mut hub = hub_of(&sa);
    hub.receive(&[frame(&[&good[..], &[0; 333]].concat())]);
    assert_eq!(hub.sent().len(), 1);
    // The negotiated addresses need not be those outside: a translator stands between.
    let mut inside = sa.clone();
    inside.mode = Mode::Tunnel { local: HUB, remote: HOST[1] };
    let mut hub = hub_of(&inside);
    hub.receive(&[inside.frame(1, &data(64))]);
    assert_eq!(hub.sent().len(), 1);
}

#[test]
fn what_udp_may_carry() {
    let one = sa(1, Transform::Gcm128).behind_nat(4711);
    let mut hub = hub_of(&one);
    let packet = one.to_hub.seal(1, &data(64), 47);
    let udp = |port, payload: &[u8]| udp_frame(NBMA[1], port, 4500, payload);
    hub.receive(&[udp(4711, &[0xff])]);
    assert_eq!(hub.drops(), [(DropReason::NattKeepalive.name(), 1)]);
    let mut longer = datagram(4711, 4500, &packet);
    longer[4..6].copy_from_slice(&2000_u16.to_be_bytes());
    let mut shorter = datagram(4711, 4500, &packet);
    shorter[4..6].copy_from_slice(&7_u16.to_be_bytes());
    let carry = |payload: &[u8]| underlay(&ip(NBMA[1], HUB, 17, payload));
    hub.receive(&[
        udp(4711, &[]),
        udp(4711, &[1]),
        udp(4711, &[0, 0, 0]),
        udp(4711, &[0xff, 0xff]),
        udp(0, &packet),
        carry(&longer),
        carry(&shorter),
        carry(&shorter[..7]),
        carry(&[]),
    ]);
    assert_eq!(hub.drop_count(DropReason::NattShort), 9, "{:?}", hub.drops());
    hub.receive(&[udp(4711, &[0; 4]), udp(4711, &[&[0; 4][..], &[9; 27]].concat())]);
    assert_eq!(hub.drop_count(DropReason::IkeMalformed), 2);
    // A length field that leaves octets out leaves the packet whole, as does a checksum, right or wrong.
    let mut padded = datagram(4711, 4500, &packet);
    padded[6] = 0xaa;
    padded.extend([0; 9]);
    hub.receive(&[carry(&padded)]);
    assert_eq!(hub.sent().len(), 1);
    // Plain on an SA that goes through a translator.
    hub.receive(&[one.carry_from(NBMA[1], None, &one.to_hub.seal(2, &data(64), 47))]);
    assert_eq!(hub.drop_count(DropReason::EspEncapMismatch), 1);
    assert_eq!(hub.sent().len(), 0);
    // And in UDP on one that does not (RFC 7296 2.23).
    let one = sa(1, Transform::Gcm128);
    let mut hub = hub_of(&one);
    hub.receive(&[one.carry_from(NBMA[1], Some(4500), &one.to_hub.seal(1, &data(64), 47))]);
    assert_eq!(hub.sent().len(), 1);
}

/// The high half of the number comes round in both directions.
#[test]
fn esn_wraps() {
    const WRAP: u64 = 1 << 32;
    for transform in [Transform::Gcm256, Transform::Cbc128Sha256] {
        let (one, two) = (sa(1, transform).with_esn(), sa(2, transform).with_esn());
        let mut hub = Hub::new(1);
        for (spoke, sa) in [(1, &one), (2, &two)] {
            assert!(hub.segment.arm(sa.id, sa.tag));
            let cells = hub.segment.sa(sa.id).expect("cells");
            cells.inbound.top.set(WRAP - 3);
            cells.outbound.take(sa.tag, WRAP - 3).expect("armed");
            hub.apply(&sa.inbound());
            hub.apply(&sa.outbound());
            hub.register(spoke, sa);
        }
        for (sequence, high) in [(WRAP - 2, 0), (WRAP - 1, 0), (WRAP, 1), (WRAP + 1, 1)] {
            hub.receive(&[one.frame(sequence, &data(64))]);
            let frame = hub.one();
            assert_eq!(two.receive_at(&frame, high).0, sequence, "{transform:?}");
        }
        // A late one of before, and one that nobody can have received yet.
        hub.receive(&[one.frame(WRAP - 5, &data(64)), one.frame(WRAP - 1, &data(64))]);
        assert_eq!(hub.drops(), [(DropReason::EspReplayDup.name(), 2)]);
    }
}

/// Without ESN the numbers end before they come round; a hard lifetime ends them earlier.
#[test]
fn numbers_end() {
    for (limit, last) in [(u64::MAX, u64::from(u32::MAX)), (10, 10)] {
        let one = sa(1, Transform::Gcm128);
        let mut two = sa(2, Transform::Gcm128);
        two.hard_packets = limit;
        let mut hub = Hub::with_spokes(1, [&one, &two]);
        let cells = hub.segment.sa(two.id).expect("cells");
        cells.outbound.take(two.tag, last - 2).expect("armed");
        let frames: Vec<_> = (1..=5).map(|sequence| one.frame(sequence, &data(64))).collect();
        hub.receive(&frames);
        let sequences: Vec<_> = hub.sent().iter().map(|frame| two.receive(frame).0).collect();
        assert_eq!(sequences, [last - 1, last]);
        assert_eq!(hub.drops(), [(DropReason::EspSeqOverflow.name(), 3)]);
        let cells = hub.segment.sa(two.id).expect("cells");
        assert_eq!((cells.outbound.sequence(), cells.outbound.failed()), (last + 3, 3));
    }
}

/// Decrypted and still not to be trusted: what stands in the tunnel is checked as ever.
#[test]
fn what_is_within_is_checked_as_ever() {
    let one = sa(1, Transform::Gcm128);
    let mut hub = hub_of(&one);
    let inner = |packet: &[u8]| gre_packet(0x0800, packet);
    let all = [
        (inner(&udp(TUNNEL0, HOST[2], 64)), DropReason::InnerMartian),
        (inner(&ip(HOST[1], HUB, 50, &[0; 40])), DropReason::TunnelRecursion),
        (inner(&ip(HOST[1], HUB, 47, &data(64))), DropReason::TunnelRecursion),
        (
            inner(&with_header(udp(HOST[1], HOST[2], 64), |packet| packet[2..4].fill(0))),
            DropReason::InnerMalformed,
        ),
        (gre_packet(0x6558, &[0; 64]), DropReason::GreProto),
        (
            [&[0x20, 0, 8, 0][..], &77_u32.to_be_bytes(), &udp(HOST[1], HOST[2], 64)].concat(),
            DropReason::GreKeyMismatch,
        ),
        (vec![0x20, 0, 8], DropReason::GreTruncated),
        (vec![], DropReason::GreTruncated),
    ];
    for (sequence, (gre, reason)) in (1..).zip(all) {
        let before = hub.drop_count(reason);
        hub.receive(&[one.frame(sequence, &gre)]);
        assert_eq!(hub.drop_count(reason), before + 1, "{reason:?} {:?}", hub.drops());
    }
    assert_eq!(hub.sent(), Vec::<Vec<u8>>::new());
}

/// A packet as long as its buffer has no room for what sealing adds behind it: it is dropped, and nothing else happens.
#[test]
fn no_room_behind_a_packet() {
    use forwarding::memory::DATAROOM;
    let (one, two) = (sa(1, Transform::Gcm128), sa(2, Transform::Cbc256Sha512));
    let mut settings = secured_settings(1);
    settings.ports[0].mtu = 9000;
    settings.tunnels[0].ip_mtu = 8900;
    let mut hub = Hub::on(shm::Segment::private(&geometry(1)).expect("segment"), settings);
    for (spoke, sa) in [(1, &one), (2, &two)] {
        hub.install(sa);
        hub.register(spoke, sa);
    }
    let mut dropped = 0;
    for (sequence, len) in (1..).zip(DATAROOM - 130..=DATAROOM - 90) {
        let frame = one.frame(sequence, &data(len));
        if frame.len() > DATAROOM {
            break;
        }
        hub.receive(&[frame]);
        let sent = std::mem::take(&mut hub.workers[0].out.sent);
        dropped += 1 - sent.len() as u64;
        assert!(sent.iter().all(|(_, frame)| two.receive(frame).1.len() == len + 8));
    }
    assert!(dropped > 0);
    assert_eq!(hub.drops(), [(DropReason::NoHeadroom.name(), dropped)]);
}
