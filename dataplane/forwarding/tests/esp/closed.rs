//! Fail closed: a tunnel with protection sends and takes nothing in the clear, whatever is lacking. That no frame of a
//! test is GRE in the clear is looked at wherever frames are (`Hub::sent`).

use crate::common::secured::*;
use crate::common::*;
use shm::drops::DropReason;
use shm::message::{Direction, Inject, Protection, Transform};

/// Everything that could make the hub send to a spoke, or take from one, in the clear.
fn provoke(hub: &mut Hub, session: shm::message::SessionId) {
    let frames = [
        gre(NBMA[1], Some(KEY0), 0x0800, &udp(HOST[1], HOST[2], 64)),
        gre(NBMA[1], Some(KEY0), 0x2001, b"registration"),
        gre(NBMA[2], Some(KEY0), 0x0800, &udp(HOST[2], HOST[1], 64)),
    ];
    hub.receive(&frames);
    let whole = frames[0][14..].to_vec();
    hub.receive(&pieces(&whole, 40));
    hub.twin(&[udp(TUNNEL0, HOST[2], 100), udp(TUNNEL0, HOST[2], 1450)]);
    hub.twin(&[udp(TUNNEL0, std::net::Ipv4Addr::new(224, 0, 0, 5), 64)]);
    for protection in [None, Some(Protection { session, sa: None, udp: None })] {
        hub.inject(&Inject::Nhrp { tunnel: 0, nbma: NBMA[2], link: 0, protection, packet: b"reply" });
    }
    hub.inject(&Inject::Nhrp {
        tunnel: 0,
        nbma: NBMA[2],
        link: 0,
        protection: Some(Protection { session, sa: Some(77), udp: Some(4500) }),
        packet: &[7; 1900],
    });
    hub.pass(1);
}

fn nothing_happened(hub: &mut Hub) {
    assert_eq!(hub.sent(), Vec::<Vec<u8>>::new());
    let out = &hub.workers[0].out;
    assert!(!out.events.iter().any(|told| matches!(told, Told::Nhrp { .. } | Told::Redirect { .. })));
    assert_eq!(out.packets, []);
}

#[test]
fn at_start_without_an_sa_and_after_its_deletion() {
    let (one, two) = (sa(1, Transform::Gcm128), sa(2, Transform::Gcm128));
    let mut hub = Hub::new(1);
    provoke(&mut hub, two.session);
    nothing_happened(&mut hub);
    let told = Told::Refused {
        reason: DropReason::GreUnprotected as u8,
        nbma: NBMA[1],
        local: HUB,
        key: Some(KEY0),
    };
    assert_eq!(hub.workers[0].out.events[0], told);
    // Peers that control knows, without an SA.
    for (spoke, sa) in [(1, &one), (2, &two)] {
        hub.register(spoke, sa);
        hub.apply(&peer(spoke, sa, None));
    }
    let before = hub.drop_count(DropReason::EspNoSa);
    provoke(&mut hub, two.session);
    nothing_happened(&mut hub);
    // Two from the kernel, one of them in two pieces, two copies of the hello; two of control's.
    assert_eq!(hub.drop_count(DropReason::EspNoSa) - before, 3 + 2 + 2);
    // With SAs it works, and in the clear still nothing.
    for (spoke, sa) in [(1, &one), (2, &two)] {
        hub.install(sa);
        hub.apply(&peer(spoke, sa, Some(sa.id)));
    }
    hub.receive(&[one.frame(1, &data(64))]);
    assert_eq!(two.receive(&hub.one()).0, 1);
    // And when they are deleted, nothing again; first while peers still name them.
    for sa in [&one, &two] {
        hub.apply(&sa.delete(Direction::Outbound));
        hub.apply(&sa.delete(Direction::Inbound));
    }
    hub.workers[0].out.events.clear();
    hub.receive(&[one.frame(2, &data(64))]);
    provoke(&mut hub, two.session);
    nothing_happened(&mut hub);
    assert_eq!(hub.drop_count(DropReason::EspUnknownSpi), 1);
}

/// Somebody else's SA opens no other spoke's door: data is taken only from registered sessions, NHRP from all.
#[test]
fn a_session_is_known_by_its_sa_alone() {
    let (one, two, three) = (sa(1, Transform::Gcm128), sa(2, Transform::Gcm128), sa(3, Transform::Gcm128));
    let mut hub = Hub::with_spokes(1, [&one, &two]);
    hub.install(&three);
    // From spoke 1's address, but the session is not registered.
    hub.receive(&[three.carry_from(NBMA[1], None, &three.to_hub.seal(1, &data(64), 47))]);
    assert_eq!(hub.sent(), Vec::<Vec<u8>>::new());
    assert_eq!(hub.drops(), [(DropReason::UnknownPeer.name(), 1)]);
    hub.receive(&[three.frame(2, &gre_packet(0x2001, b"registration"))]);
    assert!(hub.workers[0].out.events.iter().any(|told| matches!(told, Told::Nhrp { session: 300, .. })));
}

/// A tunnel in the clear takes nothing from an SA of another source, and goes on in the clear.
#[test]
fn a_tunnel_without_protection_is_as_before() {
    let (one, two) = (sa(1, Transform::Gcm128), sa(2, Transform::Gcm128));
    let mut hub = Hub::with_spokes(1, [&one, &two]);
    let clear = |payload: &[u8]| {
        let gre = [&[0, 0, 0x20, 0x01][..], payload].concat();
        underlay(&ip(NBMA[3], CLEAR, 47, &gre))
    };
    hub.receive(&[clear(b"registration")]);
    let told = Told::Nhrp { tunnel: 1, nbma: NBMA[3], session: 0, packet: b"registration".to_vec() };
    assert_eq!(hub.workers[0].out.events, [told]);
    // ESP to a source that has no protected tunnel is the kernel's.
    hub.receive(&[underlay(&ip(NBMA[1], CLEAR, 50, &one.to_hub.seal(1, &data(64), 47)))]);
    assert_eq!(hub.workers[0].out.frames.len() as u64 + hub.drop_count(DropReason::UnderlayTransit), 1);
}
