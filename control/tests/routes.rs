//! What the kernel's table says is what the data plane does, whatever its size and however it came about.

#![cfg(test)]

mod common;

use api::{Origin, Request, Response, Route, Target};
use common::{Control, Plane, World, nbma, protocol, registration, wait};
use serde_json::Value;
use shm::message::Target as Leaf;
use std::collections::BTreeMap;
use std::io::{BufRead, Read, Write};
use std::net::Ipv4Addr;
use std::time::Instant;

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
    match world.ask(&Request::Routes { vrf: None, address: None }) {
        Response::Routes(routes) => routes,
        other => panic!("{other:?}"),
    }
}

/// Next hops with their weights: what is on link, or discarded, has none.
fn gateways(target: &Target) -> Vec<(Ipv4Addr, u32)> {
    let one = |target: &Target| match target {
        Target::Peer { via, .. } | Target::NextHop { via, .. } | Target::Unresolved { via } => Some(*via),
        _ => None,
    };
    match target {
        Target::Multipath { ways } => {
            ways.iter().filter_map(|way| Some((one(&way.target)?, way.weight))).collect()
        }
        other => one(other).map(|via| (via, 1)).into_iter().collect(),
    }
}

/// The same of the kernel's routes through the tunnel and of those that discard, by prefix.
fn kernel(world: &World) -> BTreeMap<String, (String, Vec<(Ipv4Addr, u32)>)> {
    let list = |what: &str| -> Vec<Value> { serde_json::from_str(&world.ip(what)).unwrap() };
    let objects: BTreeMap<u64, Value> =
        list("-j nexthop").into_iter().map(|object| (object["id"].as_u64().unwrap(), object)).collect();
    let address = |value: &Value| value.as_str().map(|text| text.parse::<Ipv4Addr>().unwrap());
    let hops = |route: &Value| -> Vec<(Ipv4Addr, u32)> {
        if let Some(several) = route["nexthops"].as_array().filter(|several| several.len() > 1) {
            let hop = |hop: &Value| Some((address(&hop["gateway"])?, hop["weight"].as_u64()? as u32));
            return several.iter().filter_map(hop).collect();
        }
        if let Some(group) = route["nhid"].as_u64().and_then(|id| objects[&id]["group"].as_array()) {
            let member = |member: &Value| {
                let hop = address(&objects[&member["id"].as_u64()?]["gateway"])?;
                Some((hop, member["weight"].as_u64().unwrap_or(1) as u32))
            };
            let members: Vec<_> = group.iter().filter_map(member).collect();
            // Alone, all of the flows are its share.
            return match members[..] {
                [(only, _)] => vec![(only, 1)],
                _ => members,
            };
        }
        address(&route["gateway"]).map(|gateway| (gateway, 1)).into_iter().collect()
    };
    let ours = |route: &Value| {
        let device = route["dev"].as_str().or_else(|| route["nexthops"][0]["dev"].as_str());
        let several = route["nhid"].is_u64() && device.is_none();
        device == Some("gre0")
            || several
            || matches!(route["type"].as_str(), Some("blackhole" | "unreachable"))
    };
    let row = |route: &Value| {
        let to = route["dst"].as_str().unwrap().to_string();
        let to = if to.contains('/') { to } else { format!("{to}/32") };
        (to, (route["protocol"].as_str().unwrap_or("boot").to_string(), hops(route)))
    };
    list("-j -d route").iter().filter(|route| ours(route)).map(row).collect()
}

#[test]
fn show_ip_route_and_the_kernel_agree() {
    let Some((world, control, mut plane)) = start("agree") else { return };
    for route in [
        "route add 10.200.0.0/16 via 10.255.1.1 dev gre0 proto bgp metric 20",
        "route add 10.201.0.0/16 proto ospf metric 20 nexthop via 10.255.1.1 dev gre0 weight 1 nexthop via 10.255.1.2 dev gre0 weight 3",
        "route add blackhole 10.202.0.0/16 proto static",
        "route add unreachable 10.202.1.1/32",
        "nexthop add id 11 via 10.255.1.1 dev gre0",
        "nexthop add id 12 via 10.255.1.2 dev gre0",
        "nexthop add id 13 via 10.255.1.3 dev gre0",
        "nexthop add id 20 group 11,2/12",
        "nexthop add id 21 blackhole",
        "route add 10.203.0.0/16 nhid 11 proto bgp",
        "route add 10.203.1.0/24 nhid 11 proto bgp",
        "route add 10.204.0.0/16 nhid 20 proto bgp",
        "route add 10.205.0.0/16 nhid 21 proto eigrp",
        "route add 10.206.0.0/16 nhid 13 proto rip",
        // Not the best one, and one of another table: neither is seen.
        "route add 10.200.0.0/16 via 10.255.1.2 dev gre0 metric 50",
        "route add 10.207.0.0/16 via 10.255.1.2 dev gre0 table 100",
    ] {
        world.ip(route);
    }
    let agree = |plane: &mut Plane| {
        plane.until("the same in both", |_| {
            let mut kernel = kernel(&world);
            // Of several routes the list keeps the last one, and the worst of them was added last.
            kernel.insert("10.200.0.0/16".into(), ("bgp".into(), vec![(protocol(1), 1)]));
            let mut shown = BTreeMap::new();
            for route in routes(&world) {
                let protocol = match &route.origin {
                    Origin::Kernel(name) => name.clone(),
                    Origin::Connected => "kernel".into(),
                    Origin::Static => "78".into(),
                    Origin::Local | Origin::Nhrp => continue,
                };
                shown.insert(route.prefix.to_string(), (protocol, gateways(&route.target)));
            }
            shown == kernel
        });
    };
    agree(&mut plane);
    let (one, two) = (peer(&plane, 1), peer(&plane, 2));
    plane.until("ways by weight", |plane| leads(plane, [10, 201, 0, 0], 16) == [one, two, two, two]);
    assert_eq!(leads(&plane, [10, 202, 1, 1], 32), [Leaf::Drop]);
    assert_eq!(leads(&plane, [10, 204, 0, 0], 16), [one, one, two]);
    assert_eq!(leads(&plane, [10, 205, 0, 0], 16), [Leaf::Drop]);
    assert_eq!(leads(&plane, [10, 206, 0, 0], 16), [Leaf::Unresolved]);
    // An object turns to another spoke, and nothing but its two prefixes' common entry is told.
    let changes = plane.tables.changes;
    world.ip("nexthop replace id 11 via 10.255.1.2 dev gre0");
    plane.until("the other spoke", |plane| leads(plane, [10, 203, 1, 0], 24) == [two]);
    plane.until("the group as well", |plane| leads(plane, [10, 204, 0, 0], 16) == [two, two, two]);
    assert_eq!(plane.tables.changes, changes + 2);
    world.ip("nexthop del id 12");
    plane.until("the group without it", |plane| leads(plane, [10, 204, 0, 0], 16) == [two]);
    world.ip("nexthop del id 13");
    plane.until("no route without its object", |plane| leads(plane, [10, 206, 0, 0], 16).is_empty());
    world.ip("route del 10.201.0.0/16 metric 20");
    agree(&mut plane);
    assert!(control.terminate());
}

/// A file of commands for `ip -batch`: so many /24 from 20.0.0.0 on, through two spokes in turn.
fn batch(world: &World, verb: &str, numbers: impl Iterator<Item = u32>) -> std::path::PathBuf {
    let line = |n: u32| {
        let network = Ipv4Addr::from((20 << 24) + (n << 8));
        format!("route {verb} {network}/24 via 10.255.1.{} dev gre0 proto bgp\n", n % 2 + 1)
    };
    let path = world.journal().with_file_name(format!("batch-{verb}"));
    std::fs::write(&path, numbers.map(line).collect::<String>()).unwrap();
    path
}

/// How many routes there are besides those of every hub with two spokes.
fn of_batch(plane: &Plane, others: usize) -> usize {
    plane.tables.state.routes.len().saturating_sub(others)
}

#[test]
fn notifications_that_were_lost_are_made_good_by_reading_all_again() {
    let Some((world, control, mut plane)) = start("enobufs") else { return };
    // More than the socket's buffer holds.
    const ROUTES: u32 = 60_000;
    plane.until("the static route", |plane| !leads(plane, [10, 100, 1, 0], 24).is_empty());
    let others = plane.tables.state.routes.len();
    control.signal("STOP");
    let add = batch(&world, "add", 0..ROUTES);
    world.ip(&format!("-batch {}", add.display()));
    let del = batch(&world, "del", (0..ROUTES).filter(|n| n % 3 == 0));
    world.ip(&format!("-batch {}", del.display()));
    control.signal("CONT");
    let left = (0..ROUTES).filter(|n| n % 3 != 0).count();
    plane.until("all that is left", |plane| of_batch(plane, others) == left);
    let overruns = match world.ask(&Request::Status) {
        Response::Status(status) => status.netlink_overruns,
        other => panic!("{other:?}"),
    };
    assert!(overruns > 0, "nothing was lost, so nothing was tested");
    // What is told from now on is heard again.
    world.ip("route del 20.0.1.0/24");
    plane.until("one less", |plane| of_batch(plane, others) == left - 1);
    assert!(control.terminate());
}

/// Who lists a large table holds nobody up: a spoke that registers meanwhile is answered, and stands in what is still to
/// come.
#[test]
fn a_spoke_registers_while_routes_are_listed() {
    let Some((world, control, mut plane)) = start("listing") else { return };
    // Many times what sockets hold, all of it before the spokes' own addresses.
    const ROUTES: u32 = 20_000;
    plane.until("the static route", |plane| !leads(plane, [10, 100, 1, 0], 24).is_empty());
    let others = plane.tables.state.routes.len();
    // Without the gateway's MAC address nobody is answered.
    world.ip("neigh replace 203.0.113.254 lladdr 02:00:00:00:00:fe dev wan0 nud permanent");
    let path = world.journal().with_file_name("batch-listing");
    let line =
        |n: u32| format!("route add {}/24 via 10.255.1.1 dev gre0\n", Ipv4Addr::from((5 << 24) + (n << 8)));
    std::fs::write(&path, (0..ROUTES).map(line).collect::<String>()).unwrap();
    world.ip(&format!("-batch {}", path.display()));
    let all = others + ROUTES as usize;
    plane.until("all routes", |plane| plane.tables.state.routes.len() == all);
    let mut answer = world.begin_to_ask(&Request::Routes { vrf: None, address: None });
    let mut line = vec![0; 64];
    answer.read_exact(&mut line).unwrap();
    plane.nhrp(nbma(3), &registration(3, nbma(3), protocol(3), 600));
    plane.until("the spoke's answer", |plane| plane.injected.iter().any(|sent| sent.nbma == nbma(3)));
    assert!(matches!(world.ask(&Request::Status), Response::Status(_)), "others are answered as well");
    answer.read_until(b'\n', &mut line).unwrap();
    let Response::Routes(listed) = serde_json::from_slice(&line).unwrap() else { panic!("no routes") };
    assert_eq!(listed.len(), all + 1);
    assert!(listed.is_sorted_by_key(|route| route.prefix), "each route once");
    assert!(listed.iter().any(|route| route.prefix.address == protocol(3) && route.prefix.len == 32));
    // The connection goes on with what is asked next.
    serde_json::to_writer(answer.get_mut(), &Request::Routes { vrf: None, address: Some(protocol(3)) })
        .unwrap();
    answer.get_mut().write_all(b"\n").unwrap();
    line.clear();
    answer.read_until(b'\n', &mut line).unwrap();
    let Response::Routes(one) = serde_json::from_slice(&line).unwrap() else { panic!("no routes") };
    assert_eq!(one.len(), 1);
    assert!(control.terminate());
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

/// FRR's programs, where Debian puts them.
const FRR: &str = "/usr/lib/frr";

#[test]
fn routes_come_from_zebra_by_fpm_and_survive_its_restart() {
    if !std::path::Path::new(FRR).join("zebra").exists() {
        eprintln!("skipped: FRR is not installed");
        return;
    }
    let Some(world) = World::new("fpm") else { return };
    carriers(&world);
    world.reconfigure(|text| text + "[fpm]\nlisten = \"127.0.0.1:2620\"\n");
    let control = world.control();
    let mut plane = world.plane();
    plane.until("the first resync", |plane| plane.tables.resyncs == 1);
    wait("the twins' addresses", || world.ip("addr show gre0").contains("10.255.0.1/16").then_some(()));
    for n in [1, 2] {
        plane.nhrp(nbma(n), &registration(u32::from(n), nbma(n), protocol(n), 600));
        plane.until("a peer", |plane| plane.tables.state.peer(nbma(n)).is_some());
    }
    let (one, two) = (peer(&plane, 1), peer(&plane, 2));
    let statics = "ip route 10.210.0.0/16 10.255.1.1\nip route 10.211.0.0/16 10.255.1.1\n\
                   ip route 10.211.0.0/16 10.255.1.2\nip route 10.212.0.0/16 blackhole\n";
    let daemons = world.frr(statics);
    plane.until("a route", |plane| leads(plane, [10, 210, 0, 0], 16) == [one]);
    plane.until("two ways", |plane| {
        let ways = leads(plane, [10, 211, 0, 0], 16);
        ways.len() == 2 && ways.contains(&one) && ways.contains(&two)
    });
    plane.until("a discard route", |plane| leads(plane, [10, 212, 0, 0], 16) == [Leaf::Drop]);
    let from =
        |at: &str| routes(&world).into_iter().find(|route| route.prefix.to_string() == at).unwrap().origin;
    assert_eq!(from("10.210.0.0/16"), Origin::Kernel("frr-static".into()));
    assert_eq!(from("10.255.0.0/16"), Origin::Connected);
    // Killed, it leaves its routes, and back with others it changes nothing about them that it does not tell.
    drop(daemons);
    let before = plane.tables.state.routes.clone();
    let daemons = world.frr(&(statics.to_string() + "ip route 10.213.0.0/16 10.255.1.2\n"));
    plane.until("another route", |plane| leads(plane, [10, 213, 0, 0], 16) == [two]);
    plane.until("the others", |plane| leads(plane, [10, 211, 0, 0], 16).len() == 2);
    assert!(before.keys().all(|key| plane.tables.state.routes.contains_key(key)));
    drop(daemons);
    assert!(control.terminate());
}

/// Figures for half a million routes; meant for a release build and a quiet machine.
#[test]
#[ignore = "takes a minute"]
fn half_a_million_routes() {
    const ROUTES: u32 = 500_000;
    let Some((world, control, mut plane)) = start("scale") else { return };
    plane.until("the static route", |plane| !leads(plane, [10, 100, 1, 0], 24).is_empty());
    let others = plane.tables.state.routes.len();
    let add = batch(&world, "add", 0..ROUTES);
    let start = Instant::now();
    let mut ip = world.spawn_ip(&format!("-batch {}", add.display()));
    let mut kernel = None;
    plane.until("all routes", |plane| {
        if kernel.is_none() && ip.try_wait().unwrap().is_some() {
            kernel = Some(start.elapsed());
        }
        of_batch(plane, others) == ROUTES as usize
    });
    let told = start.elapsed();
    println!("{ROUTES} routes: into the kernel {kernel:?}, at the workers {told:?}; {}", control.memory());
    let mut took = Vec::new();
    for n in 0..20u32 {
        let network = Ipv4Addr::from((60 << 24) + (n << 8));
        world.ip(&format!("route add {network}/24 via 10.255.1.1 dev gre0"));
        let start = Instant::now();
        plane.until("one more", |plane| plane.tables.state.routes.contains_key(&(network, 24)));
        took.push(start.elapsed());
    }
    took.sort();
    println!("one more route: {:?} in the median, {:?} at most", took[took.len() / 2], took[took.len() - 1]);
    let start = Instant::now();
    control.kill();
    let control = world.control();
    let resyncs = plane.tables.resyncs;
    plane.until("a resync", |plane| plane.tables.resyncs > resyncs);
    println!("control killed and back with everything: {:?}; {}", start.elapsed(), control.memory());
    let start = Instant::now();
    world.ip("link set gre0 down");
    plane.until("few routes", |plane| plane.tables.state.routes.len() <= others);
    println!("interface down, all withdrawn: {:?}", start.elapsed());
    assert!(control.terminate());
}
