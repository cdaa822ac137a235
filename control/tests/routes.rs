//! What the kernel's table says is what the data plane does, whatever its size and however it came about.

#![cfg(test)]

mod common;

use api::{Origin, Request, Response, Route};
use common::{Control, Plane, World, nbma, protocol, registration, wait};
use shm::message::Target as Leaf;
use std::net::Ipv4Addr;

/// Stand-ins for the twins that have a carrier, as the kernel demands of what next-hop objects lead through.
fn carriers(world: &World) {
    world.no_twins();
    for name in ["wan0", "gre0"] {
        world.ip(&format!("link add {name} type veth peer name {name}-far"));
        world.ip(&format!("link set {name}-far up"));
    }
}

/// A world with a running hub, where spokes 1 and 2 are registered.
fn start(test: &str) -> Option<(World, Control, Plane)> {
    let world = World::new(test)?;
    carriers(&world);
    let control = world.control();
    let mut plane = world.plane();
    wait("the twins' addresses", || world.ip("addr show gre0").contains("10.255.0.1/16").then_some(()));
    plane.until("the first resync", |plane| plane.tables.resyncs == 1);
    for n in [1, 2] {
        plane.nhrp(nbma(n), &registration(u32::from(n), nbma(n), protocol(n), 600));
        plane.until("a peer", |plane| plane.tables.state.peer(nbma(n)).is_some());
    }
    Some((world, control, plane))
}

/// Where a prefix leads in the data plane, an entry of several ways taken apart.
fn leads(plane: &Plane, address: [u8; 4], len: u8) -> Vec<Leaf> {
    let state = &plane.tables.state;
    match state.routes.get(&(address.into(), len)) {
        Some(Leaf::Paths(id)) => state.paths.get(id).map(|ways| ways.as_slice().to_vec()).unwrap_or_default(),
        Some(other) => vec![*other],
        None => Vec::new(),
    }
}

fn peer(plane: &Plane, n: u16) -> Leaf {
    Leaf::Peer(plane.tables.state.peer(nbma(n)).unwrap())
}

fn routes(world: &World) -> Vec<Route> {
    match world.ask(&Request::Routes { address: None }) {
        Response::Routes(routes) => routes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn recursive_routing_is_refused_and_named() {
    let Some((world, control, mut plane)) = start("recursive") else { return };
    let before = plane.tables.state.peers.clone();
    // Both are more specific than the default route of the underlay that leads to the spokes.
    world.ip("route add 198.18.0.0/24 via 10.255.1.1 dev gre0 proto bgp");
    world.ip("route add 198.18.0.0/28 via 10.255.1.2 dev gre0 proto ospf");
    plane.until("the routes", |plane| leads(plane, [198, 18, 0, 0], 24) == [peer(plane, 1)]);
    let blamed = || -> Vec<(String, Option<Ipv4Addr>)> {
        let blamed = |route: &Route| route.recursive.is_some();
        routes(&world).iter().filter(|r| blamed(r)).map(|r| (r.prefix.to_string(), r.recursive)).collect()
    };
    // The addresses of both spokes lie in the smaller one.
    plane.until("the culprit", |_| blamed() == [("198.18.0.0/28".to_string(), Some(nbma(1)))]);
    assert_eq!(plane.tables.state.peers, before, "no spoke is reached another way than before");
    world.ip("route add 198.18.0.0/27 via 203.0.113.254 dev wan0");
    world.ip("route del 198.18.0.0/28");
    plane.until("peace", |_| blamed().is_empty());
    assert!(control.terminate());
}

#[test]
fn host_routes_of_spokes_outlive_control_and_leftovers_do_not() {
    let Some(world) = World::new("hostroutes") else { return };
    carriers(&world);
    world.reconfigure(|text| text.replace("network-id = 1", "network-id = 1\nhost-routes = true"));
    let control = world.control();
    let mut plane = world.plane();
    plane.until("the first resync", |plane| plane.tables.resyncs == 1);
    for n in [1, 2] {
        plane.nhrp(nbma(n), &registration(u32::from(n), nbma(n), protocol(n), 600));
    }
    let have = || world.ip("-4 route show proto 79").lines().count();
    plane.until("a route for each", |_| have() == 2);
    assert!(world.ip("route get 10.255.1.1").contains("dev gre0"));
    plane.until("their peers", |plane| leads(plane, [10, 255, 1, 2], 32) == [peer(plane, 2)]);
    control.kill();
    world.ip("route add 10.255.9.9/32 dev gre0 proto 79 metric 200");
    let mut monitor = world.monitor("route");
    let control = world.control();
    plane.until("the leftover's end", |_| have() == 2);
    assert_eq!(routes(&world).iter().filter(|route| route.origin == Origin::Nhrp).count(), 2);
    let seen = monitor.end();
    let touched: Vec<&str> = seen.lines().filter(|line| line.contains("10.255.1.")).collect();
    assert!(touched.iter().all(|line| !line.contains("proto 79")), "{touched:?}");
    assert!(seen.contains("Deleted 10.255.9.9"), "{seen}");
    match world.ask(&Request::ClearNhrp { prefix: None }) {
        error @ Response::Error { .. } => panic!("{error:?}"),
        _ => plane.until("no route without a registration", |_| have() == 0),
    }
    assert!(control.terminate());
}
