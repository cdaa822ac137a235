//! Protected tunnels: what goes in and comes out, in every form that an SA can have.
#![cfg(test)]
#![allow(missing_docs)]

mod common;
use common::secured::*;
use common::*;
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
