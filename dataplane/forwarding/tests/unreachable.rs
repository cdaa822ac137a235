//! What leads nowhere: who sent it is told by ICMP (RFC 1812 4.3.3.1, 5.2.7.1), when that is right and not too often.
#![cfg(test)]
#![allow(missing_docs)]

mod common;
use common::*;
use forwarding::Settings;
use shm::drops::DropReason;
use shm::message::Update;
use std::net::Ipv4Addr;
use wire::{icmp, ip4};

/// No route, and a route whose spoke is not there: by its number, and by its next hop's address.
const NOWHERE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 11, 0, 1);
const UNREGISTERED: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
/// A discard route.
const DISCARDED: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 1);

fn told() -> Settings {
    let mut settings = settings();
    settings.ports.iter_mut().for_each(|port| port.unreachables = true);
    settings.tunnels.iter_mut().for_each(|tunnel| tunnel.unreachables = true);
    settings
}

/// Type and code of the error, its source and destination, and what it quotes.
fn error(packet: &[u8]) -> ((u8, u8), Ipv4Addr, Ipv4Addr, Vec<u8>) {
    let packet = ip4::parse(packet).unwrap();
    assert_eq!(packet.protocol(), 1);
    let message = packet.payload();
    let header = icmp::parse(message).unwrap();
    ((header.kind, header.code), packet.source(), packet.destination(), message[8..].to_vec())
}

#[test]
fn a_spoke_hears_of_it_from_the_tunnel() {
    for (destination, code, reason) in [
        (NOWHERE, 0, DropReason::NoRoute),
        (NOBODY, 1, DropReason::NoAdjacency),
        (UNREGISTERED, 1, DropReason::NoAdjacency),
    ] {
        let mut world = World::with(told());
        let packet = udp(HOST[1], destination, 64);
        world.port(UNDERLAY, &[from_spoke(1, &packet)]);
        let sent = open(&world.one().1);
        assert_eq!(sent.destination, NBMA[1]);
        assert_eq!(error(&sent.inner), ((3, code), TUNNEL0, HOST[1], packet), "{destination}");
        assert_eq!(world.drops(), [(reason.name(), 1)]);
        assert_eq!(world.counters.worker.icmp_sent.get(), 1);
    }
}

#[test]
fn the_data_centre_hears_of_it_from_the_port() {
    let mut world = World::with(told());
    let packet = udp(HOST[0], NOWHERE, 64);
    world.port(LAN, &[lan(&packet)]);
    let (port, frame) = world.one();
    assert_eq!(port, LAN);
    assert_eq!(error(&frame[14..]), ((3, 0), HUB_LAN, HOST[0], packet));
}

#[test]
fn nobody_hears_of_what_is_no_errors_business() {
    let unknown = ip(HOST[1], NOWHERE, 1, &[44, 0, 0xd3, 0xff, 0, 0, 0, 0]);
    let error = ip(HOST[1], NOWHERE, 1, &[3, 1, 0xfc, 0xfe, 0, 0, 0, 0]);
    let later = with_header(udp(HOST[1], NOWHERE, 64), |packet| packet[7] = 3);
    for packet in [unknown, error, later, udp(HOST[1], DISCARDED, 64)] {
        let mut world = World::with(told());
        world.port(UNDERLAY, &[from_spoke(1, &packet)]);
        world.only_dropped(DropReason::NoRoute);
    }
    // An echo is answered, as is a first fragment.
    let echo = ip(HOST[1], NOWHERE, 1, &[8, 0, 0xf7, 0xff, 0, 0, 0, 0]);
    let first = with_header(udp(HOST[1], NOWHERE, 64), |packet| packet[6] = 0x20);
    let mut world = World::with(told());
    world.port(UNDERLAY, &[from_spoke(1, &echo), from_spoke(1, &first)]);
    assert_eq!(world.sent().len(), 2);
    // A neighbour that is only about to be resolved is no error.
    let mut world = World::with(told());
    world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[1], Ipv4Addr::new(172, 16, 0, 9), 64))]);
    world.only_dropped(DropReason::NoNeighbour);
}

/// A daemon's attempt to connect goes on until the spoke is there.
#[test]
fn the_hubs_own_kernel_is_not_told() {
    let mut world = World::with(told());
    world.twin(0, &[udp(TUNNEL0, NOBODY, 64)]);
    world.only_dropped(DropReason::NoAdjacency);
}

/// A hub that starts does not know yet that there is no way.
#[test]
fn silence_until_control_has_said_what_there_is() {
    let before: Vec<Update> =
        updates().into_iter().filter(|update| !matches!(update, Update::End { .. })).collect();
    let mut world = World::told(told(), &before);
    world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[1], NOWHERE, 64))]);
    world.only_dropped(DropReason::NoRoute);
    world.updater.apply(&Update::End { generation: 1 }).unwrap();
    world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[1], NOWHERE, 64))]);
    assert_eq!(world.sent().len(), 1);
}

/// `no ip unreachables`, of each interface for itself.
#[test]
fn switched_off() {
    let mut settings = told();
    settings.tunnels[0].unreachables = false;
    let mut world = World::with(settings);
    world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[1], NOWHERE, 64))]);
    world.only_dropped(DropReason::NoRoute);
    world.port(UNDERLAY, &[from_spoke(3, &udp(HOST[3], NOWHERE, 64))]);
    assert_eq!(open(&world.one().1).destination, NBMA[3]);
}

/// A scan of what is not there leaves other errors their rate.
#[test]
fn a_flood_is_answered_at_a_rate() {
    let mut world = World::with(told());
    for _ in 0..20 {
        world.port(UNDERLAY, &vec![from_spoke(1, &udp(HOST[1], NOWHERE, 64)); 50]);
    }
    let answers = world.sent().len();
    assert!((1..=20).contains(&answers), "{answers}");
    let icmp = &world.counters.worker;
    assert_eq!((icmp.icmp_sent.get(), icmp.icmp_suppressed.get()), (answers as u64, 1000 - answers as u64));
    let dying = with_header(udp(HOST[1], HOST[2], 64), |packet| packet[8] = 1);
    world.port(UNDERLAY, &[from_spoke(1, &dying)]);
    assert_eq!(error(&open(&world.one().1).inner).0, (11, 0));
}
