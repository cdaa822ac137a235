//! VRFs: the same prefixes in several of them, and an underlay in one of its own.
#![cfg(test)]
#![allow(missing_docs)]

mod common;
use common::*;
use forwarding::{ApplyError, Refusal, Settings};
use shm::message::{Target, Update, VrfId, Ways};
use std::net::Ipv4Addr;

const RED: VrfId = 1;
const FVRF: VrfId = 2;
/// An address that both VRFs have.
const SAME: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 9);

/// The first tunnel in the global VRF, the second and the LAN in RED, their transport in FVRF.
fn settings() -> Settings {
    let mut settings = common::settings();
    settings.vrfs = 3;
    settings.ports[usize::from(UNDERLAY)].vrf = FVRF;
    settings.ports[usize::from(LAN)].vrf = RED;
    for tunnel in &mut settings.tunnels {
        tunnel.tunnel_vrf = FVRF;
    }
    settings.tunnels[1].vrf = RED;
    settings
}

fn route(vrf: VrfId, prefix: [u8; 4], len: u8, target: Target) -> Update {
    Update::Route { vrf, prefix: prefix.into(), len, target }
}

fn updates() -> Vec<Update> {
    let peer = |id: u32, tunnel| Update::Peer {
        id,
        tunnel,
        nbma: NBMA[id as usize],
        link: 0,
        multicast: true,
        protection: None,
    };
    vec![
        Update::Begin { generation: 1 },
        Update::Link { id: 0, port: UNDERLAY, mac: Some(GATEWAY_MAC) },
        Update::Link { id: 1, port: LAN, mac: Some(ROUTER_MAC) },
        peer(1, 0),
        peer(2, 0),
        peer(3, 1),
        route(0, [10, 77, 0, 0], 16, Target::Peer(2)),
        route(0, [10, 1, 0, 0], 24, Target::Peer(1)),
        route(0, [10, 255, 0, 1], 32, Target::Tunnel(0)),
        route(RED, [10, 77, 0, 0], 16, Target::Link(1)),
        route(RED, [10, 3, 0, 0], 24, Target::Peer(3)),
        route(RED, [10, 254, 0, 1], 32, Target::Tunnel(1)),
        route(RED, [172, 16, 0, 1], 32, Target::Port(LAN)),
        route(RED, [172, 16, 0, 0], 16, Target::Glean(LAN)),
        route(FVRF, [192, 0, 2, 1], 32, Target::Port(UNDERLAY)),
        Update::End { generation: 1 },
    ]
}

fn world() -> World {
    World::told(settings(), &updates())
}

#[test]
fn the_same_prefix_leads_elsewhere_in_each_vrf() {
    let mut world = world();
    world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[1], SAME, 64))]);
    let sent = world.sent();
    assert_eq!((sent.len(), open(&sent[0].1).destination), (1, NBMA[2]), "to the spoke");
    world.port(UNDERLAY, &[from_spoke(3, &udp(HOST[3], SAME, 64))]);
    let sent = world.sent();
    assert_eq!((sent.len(), sent[0].0, &sent[0].1[..6]), (1, LAN, &ROUTER_MAC[..]), "to the router");
    // What has a route in the other VRF only has none.
    world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[1], HOST[3], 64))]);
    world.port(LAN, &[lan(&udp(HOST[0], HOST[1], 64))]);
    assert_eq!(world.sent().len(), 0);
    assert_eq!(world.drops(), [("no_route", 2)]);
    world.port(LAN, &[lan(&udp(HOST[0], HOST[3], 64))]);
    let sent = world.sent();
    assert_eq!((sent.len(), open(&sent[0].1).destination), (1, NBMA[3]), "from the LAN of the VRF");
}

/// The overlay has a default route through the tunnel; the underlay's is in control's hands and in another table.
#[test]
fn a_default_route_through_the_tunnel_takes_nothing_of_the_underlay() {
    let mut world = world();
    for update in [route(0, [0, 0, 0, 0], 0, Target::Peer(2)), route(RED, [0, 0, 0, 0], 0, Target::Drop)] {
        world.updater.apply(&update).unwrap();
    }
    let anywhere = Ipv4Addr::new(8, 8, 8, 8);
    world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[1], anywhere, 64))]);
    let sent = world.sent();
    assert_eq!((sent.len(), sent[0].0, open(&sent[0].1).destination), (1, UNDERLAY, NBMA[2]));
    // Plain packets on the underlay port see neither table, and those for the hub itself go to its twin.
    world.port(UNDERLAY, &[underlay(&udp(NBMA[1], anywhere, 64)), underlay(&udp(NBMA[1], HUB, 64))]);
    assert_eq!(world.sent().len(), 0);
    assert_eq!(world.drops(), [("underlay_transit", 1)]);
}

/// The tunnel's source is an address in the VRF of its transport: elsewhere it is somebody else's.
#[test]
fn gre_from_another_vrf_is_not_the_tunnel_s() {
    let mut settings = settings();
    settings.ports[usize::from(UNDERLAY)].vrf = RED;
    let updates: Vec<_> =
        updates().into_iter().filter(|update| !matches!(update, Update::Route { vrf: FVRF, .. })).collect();
    let mut world = World::told(settings, &updates);
    world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[1], SAME, 64))]);
    assert_eq!(world.sent().len(), 0);
    assert_eq!(world.drops(), [("gre_no_tunnel", 1)]);
}

/// Control may be late or wrong: a worker sends nothing into another VRF, whatever it is told.
#[test]
fn nothing_crosses_whatever_routes_say() {
    let mut world = world();
    let ways = Ways::new([Target::Peer(3), Target::Link(1)]).unwrap();
    for update in [
        route(0, [10, 77, 1, 0], 24, Target::Peer(3)),
        route(0, [10, 77, 2, 0], 24, Target::Link(1)),
        Update::Paths { id: 1, ways },
        route(0, [10, 77, 3, 0], 24, Target::Paths(1)),
    ] {
        world.updater.apply(&update).unwrap();
    }
    for third in 1..=3 {
        let to = Ipv4Addr::new(10, 77, third, 9);
        world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[1], to, 64))]);
    }
    assert_eq!(world.sent().len(), 0);
    assert_eq!(world.drops(), [("other_vrf", 3)]);
    for (update, refusal) in [
        (route(0, [10, 0, 0, 1], 32, Target::Tunnel(1)), Refusal::Vrf),
        (route(0, [10, 0, 0, 0], 24, Target::Glean(LAN)), Refusal::Vrf),
        (route(FVRF, [10, 0, 0, 1], 32, Target::Port(LAN)), Refusal::Vrf),
        (route(3, [10, 0, 0, 1], 32, Target::Drop), Refusal::Index),
    ] {
        assert_eq!(world.updater.apply(&update), Err(ApplyError::Refused(refusal)), "{update:?}");
    }
}

/// An ICMP error goes by the table of the packet that it is about.
#[test]
fn an_icmp_error_stays_in_its_vrf() {
    let mut world = world();
    let dead = with_header(udp(HOST[3], SAME, 64), |packet| packet[8] = 1);
    world.port(UNDERLAY, &[from_spoke(3, &dead)]);
    let sent = world.sent();
    assert_eq!((sent.len(), open(&sent[0].1).destination), (1, NBMA[3]), "by RED's route to its sender");
    // In the global VRF there is no route to that address.
    let dead = with_header(udp(Ipv4Addr::new(10, 99, 0, 1), SAME, 64), |packet| packet[8] = 1);
    world.port(UNDERLAY, &[from_spoke(1, &dead)]);
    assert_eq!(world.sent().len(), 0);
}

/// A sweep knows the VRFs apart.
#[test]
fn a_route_removed_in_one_vrf_stays_in_the_other() {
    let mut world = world();
    let delete = |vrf| Update::RouteDelete { vrf, prefix: [10, 77, 0, 0].into(), len: 16 };
    world.updater.apply(&delete(0)).unwrap();
    assert_eq!(world.updater.apply(&delete(0)), Err(ApplyError::Refused(Refusal::Absent)));
    world.port(UNDERLAY, &[from_spoke(3, &udp(HOST[3], SAME, 64))]);
    assert_eq!(world.sent().len(), 1);
    let again = |update: Update| match update {
        Update::Begin { .. } => Some(Update::Begin { generation: 2 }),
        Update::End { .. } => Some(Update::End { generation: 2 }),
        Update::Route { vrf: RED, .. } => None,
        other => Some(other),
    };
    for update in updates().into_iter().filter_map(again) {
        world.updater.apply(&update).unwrap();
    }
    world.port(UNDERLAY, &[from_spoke(3, &udp(HOST[3], SAME, 64))]);
    assert_eq!(world.sent().len(), 0, "swept");
    world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[1], SAME, 64))]);
    assert_eq!(open(&world.sent()[0].1).destination, NBMA[2]);
}
