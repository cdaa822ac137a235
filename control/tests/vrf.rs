//! VRFs against a kernel: with VRF devices where it has them, and with plain tables where not.

#![cfg(test)]

mod common;

use api::{ErrorCode, Request, Response, Route, Target};
use common::{Plane, World, nbma, protocol, registration, wait};
use shm::message::{Target as Leaf, VrfId};
use std::net::Ipv4Addr;

/// In the order of the configuration.
const FVRF: VrfId = 1;
const RED: VrfId = 2;

/// The underlay in a VRF of its own, and a second tunnel in another, with the same addresses as the first.
fn with_vrfs(config: String) -> String {
    let vrfs = "[[vrf]]\nname = \"FVRF\"\ntable = 1010\n[[vrf]]\nname = \"RED\"\ntable = 1001\n[[port]]\n";
    let config = config.replacen("[[port]]\n", vrfs, 1);
    let config = config.replacen("role = \"underlay\"\n", "role = \"underlay\"\nvrf = \"FVRF\"\n", 1);
    let red = "[[tunnel]]\nname = \"Tunnel1\"\ninterface = \"gre1\"\nsource = \"203.0.113.1\"\nkey = 43\nvrf = \"RED\"\n\
               address = \"10.255.0.1/16\"\n[tunnel.nhrp]\nnetwork-id = 2\n[[tunnel.nhrp.map]]\n\
               protocol = \"10.255.1.1\"\nnbma = \"198.18.9.9\"\n";
    config + red
}

fn routes(world: &World, vrf: Option<&str>) -> Vec<Route> {
    match world.ask(&Request::Routes { vrf: vrf.map(Into::into), address: None }) {
        Response::Routes(routes) => routes,
        other => panic!("{other:?}"),
    }
}

/// The device that an interface belongs to.
fn master(world: &World, interface: &str) -> String {
    let shown = world.ip(&format!("-o link show {interface}"));
    let mut words = shown.split(' ').skip_while(|word| *word != "master");
    words.nth(1).unwrap_or_default().to_string()
}

/// The links of all peers.
fn links(plane: &Plane) -> Vec<u16> {
    plane.tables.state.peers.values().map(|peer| peer.2).collect()
}

/// Where a route leads, an entry of several ways taken apart.
fn leads(plane: &Plane, route: Option<&Leaf>) -> Vec<Leaf> {
    match route {
        Some(Leaf::Paths(id)) => {
            plane.tables.state.paths.get(id).map_or(vec![], |ways| ways.as_slice().to_vec())
        }
        other => other.copied().into_iter().collect(),
    }
}

#[test]
fn front_door_and_overlapping_prefixes() {
    let Some(world) = World::new("vrf") else { return };
    world.no_twins();
    for name in ["wan0", "gre0", "gre1"] {
        world.ip(&format!("link add {name} type veth peer name {name}-far"));
        world.ip(&format!("link set {name}-far up"));
    }
    world.reconfigure(with_vrfs);
    let control = world.control();
    let mut plane = world.plane();
    wait("the twins' addresses", || world.ip("addr show gre1").contains("10.255.0.1/16").then_some(()));
    let devices = world.has_vrf_devices();
    if devices {
        for (twin, vrf) in [("wan0", "FVRF"), ("gre1", "RED")] {
            wait("a twin in its VRF", || master(&world, twin).contains(vrf).then_some(()));
        }
        assert_eq!(master(&world, "gre0"), "", "in none");
    }
    // The gateway of the port is in the table of the port's VRF, and nowhere else.
    wait("the underlay's default route", || {
        // An empty table is an error to `ip` until its first route.
        let mut table = std::process::Command::new("ip");
        table.args(["-n", world.name()]).args(["route", "show", "table", "1010"]);
        let text = String::from_utf8(table.output().unwrap().stdout).unwrap();
        (text.contains("default via 203.0.113.254") && text.contains("203.0.113.0/24")).then_some(())
    });
    assert!(!world.ip("route show table main").contains("default"), "{}", world.ip("route show table main"));
    plane.until("the first resync", |plane| plane.tables.resyncs == 1);
    plane.nhrp(nbma(1), &registration(1, nbma(1), protocol(1), 600));
    plane.until("both peers, with a way", |plane| {
        links(plane).len() == 2 && links(plane).iter().all(|l| *l != 0)
    });
    let peer = Leaf::Peer(plane.tables.state.peer(nbma(1)).unwrap());
    let other = Leaf::Peer(plane.tables.state.peer(Ipv4Addr::new(198, 18, 9, 9)).unwrap());
    let before = plane.tables.state.peers.clone();

    // A default route through the tunnel: the overlay's, while the underlay keeps its own.
    world.ip("route add default via 10.255.1.1 dev gre0 onlink");
    plane.until("the overlay's default route", |plane| {
        leads(plane, plane.tables.state.routes.get(&(Ipv4Addr::UNSPECIFIED, 0))) == [peer]
    });
    assert_eq!(plane.tables.state.peers, before, "spokes are reached as before");
    assert!(routes(&world, None).iter().all(|route| route.recursive.is_none() && route.vrf.is_none()));

    // The same prefix in two VRFs.
    world.ip("route add 10.100.9.0/24 via 10.255.1.1 dev gre0 onlink");
    world.ip("route add 10.100.9.0/24 via 10.255.1.1 dev gre1 onlink table 1001");
    let network = Ipv4Addr::new(10, 100, 9, 0);
    plane.until("both routes", |plane| {
        let state = &plane.tables.state;
        let red = state.vrf_routes.get(&(RED, network, 24));
        leads(plane, state.routes.get(&(network, 24))) == [peer] && leads(plane, red) == [other]
    });
    let shown = routes(&world, Some("RED"));
    let found = shown.iter().find(|route| route.prefix.to_string() == "10.100.9.0/24").unwrap();
    assert_eq!(found.vrf.as_deref(), Some("RED"));
    assert!(matches!(&found.target, Target::Peer { interface, .. } if interface == "Tunnel1"), "{found:?}");
    assert!(shown.iter().any(|route| route.prefix.to_string() == "10.255.0.0/16"), "{shown:?}");
    let fvrf = |key: &(VrfId, Ipv4Addr, u8)| key.0 == FVRF;
    let told: Vec<_> = plane.tables.state.vrf_routes.iter().filter(|(key, _)| fvrf(key)).collect();
    assert!(
        matches!(told.as_slice(), [((_, address, 32), Leaf::Port(0))] if *address == common::HUB),
        "{told:?}"
    );
    match world.ask(&Request::Routes { vrf: Some("GREEN".into()), address: None }) {
        Response::Error { code: ErrorCode::NoSuchVrf, .. } => {}
        other => panic!("{other:?}"),
    }
    if devices {
        // A device that somebody removed is made again, and what the hub knew of the VRF comes back with it.
        let before = plane.tables.state.vrf_routes.clone();
        world.ip("link del RED");
        wait("the device again", || master(&world, "gre1").contains("RED").then_some(()));
        world.ip("route add 10.100.9.0/24 via 10.255.1.1 dev gre1 onlink table 1001");
        plane.until("the VRF's routes", |plane| plane.tables.state.vrf_routes == before);
    }
    // A table that is no VRF's does not concern the hub.
    world.ip("route add 10.101.0.0/16 via 10.255.1.1 dev gre1 onlink table 77");
    world.ip("route del 10.100.9.0/24 table 1001");
    plane.until("one less", |plane| !plane.tables.state.vrf_routes.contains_key(&(RED, network, 24)));
    assert!(plane.tables.state.routes.contains_key(&(network, 24)), "the other VRF's stays");
    assert!(!plane.tables.state.routes.contains_key(&(Ipv4Addr::new(10, 101, 0, 0), 16)));
    assert!(control.terminate());
}
