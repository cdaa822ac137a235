//! Peers that move, and SAs that follow each other.

use crate::common::sa::Sa;
use crate::common::secured::*;
use crate::common::*;
use shm::drops::DropReason;
use shm::message::{Direction, Transform};
use std::net::Ipv4Addr;

const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 77);

/// Only a packet that is authentic and newer than all before tells of another place; it is told once.
#[test]
fn a_translator_that_changes_its_mind() {
    let (one, two) = (sa(1, Transform::Gcm128).behind_nat(4711), sa(2, Transform::Gcm128));
    let mut hub = Hub::with_spokes(1, [&one, &two]);
    let seal = |sequence| one.to_hub.seal(sequence, &data(64), 47);
    let events = |hub: &mut Hub| {
        let all = std::mem::take(&mut hub.workers[0].out.events);
        all.into_iter().filter(|told| matches!(told, Told::Moved { .. })).collect::<Vec<_>>()
    };
    hub.receive(&[one.carry_from(NBMA[1], Some(4711), &seal(1))]);
    assert_eq!(events(&mut hub), []);
    // Another port.
    hub.receive(&[
        one.carry_from(NBMA[1], Some(4712), &seal(2)),
        one.carry_from(NBMA[1], Some(4712), &seal(3)),
    ]);
    assert_eq!(events(&mut hub), [Told::Moved { sa: one.id, nbma: NBMA[1], port: Some(4712) }]);
    // Another address.
    hub.receive(&[one.carry_from(ELSEWHERE, Some(4712), &seal(10))]);
    assert_eq!(events(&mut hub), [Told::Moved { sa: one.id, nbma: ELSEWHERE, port: Some(4712) }]);
    let data_sent = hub.sent().len();
    assert_eq!(data_sent, 4, "packets from everywhere are taken");
    // A late one from the old place, a copy, and a forgery from a third.
    let mut forged = seal(20);
    *forged.last_mut().expect("octets") ^= 1;
    hub.receive(&[
        one.carry_from(NBMA[1], Some(4711), &seal(5)),
        one.carry_from(Ipv4Addr::new(1, 2, 3, 4), Some(9), &seal(10)),
        one.carry_from(Ipv4Addr::new(1, 2, 3, 4), Some(9), &forged),
    ]);
    assert_eq!(events(&mut hub), []);
    assert_eq!(hub.sent().len(), 1);
    // While control does not listen, each newer packet tries again.
    hub.workers[0].out.deaf = true;
    hub.receive(&[one.carry_from(NBMA[1], Some(5000), &seal(30))]);
    hub.workers[0].out.deaf = false;
    hub.receive(&[one.carry_from(NBMA[1], Some(5000), &seal(31))]);
    assert_eq!(events(&mut hub), [Told::Moved { sa: one.id, nbma: NBMA[1], port: Some(5000) }]);
    // Control that was restarted and knows only the old place is told again.
    hub.apply(&one.inbound());
    hub.receive(&[one.carry_from(NBMA[1], Some(5000), &seal(32))]);
    assert_eq!(events(&mut hub), [Told::Moved { sa: one.id, nbma: NBMA[1], port: Some(5000) }]);
    // What leaves goes where control says.
    let mut moved = one.clone();
    moved.udp = Some(5000);
    hub.apply(&peer(1, &moved, Some(one.id)));
    hub.sent();
    hub.receive(&[two.frame(1, &gre_packet(0x0800, &udp(HOST[2], HOST[1], 64)))]);
    moved.receive(&hub.one());
}

/// Two spokes behind one address are told apart by their SAs.
#[test]
fn two_spokes_behind_one_address() {
    let one = sa(1, Transform::Gcm128).behind_nat(4711);
    let mut two = sa(2, Transform::Gcm128).behind_nat(4712);
    two.nbma = one.nbma;
    let mut hub = Hub::with_spokes(1, [&one, &two]);
    hub.receive(&[one.frame(1, &data(64))]);
    assert_eq!(two.receive(&hub.one()).1[8 + 20..], data(64)[8 + 20..]);
    hub.receive(&[two.frame(1, &gre_packet(0x0800, &udp(HOST[2], HOST[1], 64)))]);
    one.receive(&hub.one());
    assert_eq!(hub.drops(), []);
}

/// A rekey: the new SA beside the old, then sending by the new, then the old one's end. Nothing is lost at any step.
#[test]
fn a_rekey_loses_nothing() {
    let (one, two) = (sa(1, Transform::Gcm128), sa(2, Transform::Gcm128));
    let mut hub = Hub::with_spokes(1, [&one, &two]);
    let mut next_one = Sa::new(41, 41, 100, NBMA[1], Transform::Cbc256Sha256);
    let mut next_two = Sa::new(42, 42, 200, NBMA[2], Transform::Gcm256);
    (next_one.window, next_two.window) = (64, 4096);
    let mut sequence = 0;
    let mut relay = |hub: &mut Hub, from: &Sa, to: &Sa| {
        sequence += 1;
        hub.receive(&[from.frame(sequence, &data(100))]);
        to.receive(&hub.one()).0
    };
    assert_eq!(relay(&mut hub, &one, &two), 1);
    hub.install(&next_one);
    hub.install(&next_two);
    assert_eq!(relay(&mut hub, &one, &two), 2, "until control says so, the old one");
    assert_eq!(relay(&mut hub, &next_one, &two), 3, "the new one is taken at once");
    hub.apply(&peer(2, &next_two, Some(next_two.id)));
    assert_eq!(relay(&mut hub, &one, &next_two), 1, "late packets of the old one");
    assert_eq!(relay(&mut hub, &next_one, &next_two), 2);
    for sa in [&one, &two] {
        hub.apply(&sa.delete(Direction::Outbound));
        hub.apply(&sa.delete(Direction::Inbound));
    }
    assert_eq!(relay(&mut hub, &next_one, &next_two), 3);
    assert_eq!(hub.drops(), []);
    // The old one is nobody's now.
    hub.receive(&[one.frame(99, &data(64))]);
    assert_eq!(hub.drops(), [(DropReason::EspUnknownSpi.name(), 1)]);
    // Its slot serves another pair of keys, whose SPI has another generation: late packets are not theirs.
    let again = Sa::new(one.id, 51, 100, NBMA[1], Transform::Gcm128);
    hub.install(&again);
    hub.receive(&[one.frame(100, &data(64))]);
    assert_eq!(hub.drop_count(DropReason::EspUnknownSpi), 2);
    assert_eq!(relay(&mut hub, &again, &next_two), 4);
}
