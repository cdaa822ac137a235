//! Whatever happens in whatever order, the data plane ends up with what a fresh start would give it.

use super::*;
use crate::kernel::{Hop, Installed, Link, Neighbour, NextHop, Route};
use crate::links;
use crate::prefix as net;
use crate::sync::Outlet;
use nhrp::{Overlay, Reach};
use proptest::prelude::*;
use shm::message::{
    Direction, Encap, Keys, LinkId, Mode, PathsId, Protection, SaId, SaInbound, SaOutbound, Target,
    Transform, Update, Ways,
};
use std::collections::BTreeMap;

mod multicast;
mod reach;
mod vrf;

const CONFIG: &str = r#"
[hub]
name = "test"
max-peers = 6
[[port]]
name = "wan0"
device = "net_null0"
role = "underlay"
address = ["203.0.113.1/24", "203.0.113.2/24"]
[[port]]
name = "lan0"
device = "net_null1"
role = "lan"
address = ["10.1.0.1/24"]
[[tunnel]]
name = "Tunnel0"
interface = "gre0"
source = "203.0.113.1"
address = "10.255.0.1/24"
nhrp = { network-id = 1 }
[[tunnel]]
name = "Tunnel1"
interface = "gre1"
source = "203.0.113.1"
key = 2
address = "10.254.0.1/24"
nhrp = { network-id = 2 }
[[tunnel]]
name = "Tunnel2"
interface = "gre2"
source = "203.0.113.2"
address = "10.253.0.1/24"
protection = "DMVPN"
nhrp = { network-id = 3 }
[[protection]]
name = "DMVPN"
[[ike.key]]
address = "0.0.0.0/0"
pre-shared-key = "for tests only"
"#;

fn config() -> Config {
    Config::parse("hub.toml", CONFIG).unwrap()
}

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

/// The outbound half of an SA.
const OUT: bool = true;

/// What a resync has named so far.
type Named = (BTreeSet<LinkId>, BTreeSet<PeerId>, BTreeSet<Net>, BTreeSet<(SaId, bool)>, BTreeSet<PathsId>);

/// What a data plane makes of updates; refuses those that refer to something it does not have.
#[derive(Clone, Debug, Default, PartialEq)]
struct Plane {
    links: BTreeMap<LinkId, (PortId, Option<[u8; 6]>)>,
    peers: BTreeMap<PeerId, (TunnelId, Ipv4Addr, LinkId, bool, Option<Protection>)>,
    paths: BTreeMap<PathsId, Ways>,
    routes: BTreeMap<Net, Target>,
    sas: BTreeMap<(SaId, bool), (Ipv4Addr, u8)>,
    named: Option<Named>,
    room: usize,
}

impl Outlet for Plane {
    fn offer(&mut self, update: &Update) -> bool {
        if self.room == 0 {
            return false;
        }
        self.room -= 1;
        match *update {
            Update::Begin { .. } => self.named = Some(Default::default()),
            Update::End { .. } => {
                let (links, peers, routes, sas, paths) = self.named.take().unwrap();
                self.sas.retain(|sa, _| sas.contains(sa));
                self.routes.retain(|prefix, _| routes.contains(prefix));
                self.paths.retain(|id, _| paths.contains(id));
                self.peers.retain(|id, _| peers.contains(id));
                self.links.retain(|id, _| links.contains(id));
            }
            Update::Link { id, port, mac } => {
                self.links.insert(id, (port, mac));
                self.named.iter_mut().for_each(|n| n.0.extend([id]));
            }
            Update::Peer { id, tunnel, nbma, link, multicast, protection } => {
                assert!(self.links.contains_key(&link), "peer over unknown link");
                assert_eq!(protection.is_some(), tunnel == 2, "peer in the clear where it must not be");
                let sa = protection.and_then(|protection| protection.sa);
                assert!(sa.is_none_or(|sa| self.sas.contains_key(&(sa, OUT))), "peer over unknown SA");
                self.peers.insert(id, (tunnel, nbma, link, multicast, protection));
                self.named.iter_mut().for_each(|n| n.1.extend([id]));
            }
            Update::Route { vrf, prefix, len, target } => {
                match target {
                    Target::Peer(id) => assert!(self.peers.contains_key(&id), "route to unknown peer"),
                    Target::Link(id) => assert!(self.links.contains_key(&id), "route to unknown link"),
                    Target::Paths(id) => assert!(self.paths.contains_key(&id), "route to unknown paths"),
                    _ => {}
                }
                let key = Net { vrf, prefix: Prefix { address: prefix, len } };
                self.routes.insert(key, target);
                self.named.iter_mut().for_each(|n| n.2.extend([key]));
            }
            Update::Paths { id, ways } => {
                for way in ways.as_slice() {
                    match way {
                        Target::Peer(id) => assert!(self.peers.contains_key(id), "way to unknown peer"),
                        Target::Link(id) => assert!(self.links.contains_key(id), "way to unknown link"),
                        _ => {}
                    }
                }
                self.paths.insert(id, ways);
                self.named.iter_mut().for_each(|n| n.4.extend([id]));
            }
            Update::PathsDelete { id } => {
                assert!(!self.routes.values().any(|t| *t == Target::Paths(id)), "paths still in use");
                assert!(self.paths.remove(&id).is_some());
            }
            Update::RouteDelete { vrf, prefix, len } => {
                assert!(self.routes.remove(&Net { vrf, prefix: Prefix { address: prefix, len } }).is_some());
            }
            Update::PeerDelete { id } => {
                assert!(!self.routes.values().any(|t| *t == Target::Peer(id)), "peer still in use");
                assert!(self.peers.remove(&id).is_some());
            }
            Update::SaInbound(ref row) => {
                self.sas.insert((row.id, !OUT), (row.nbma, row.keys.material()[0]));
                self.named.iter_mut().for_each(|n| n.3.extend([(row.id, !OUT)]));
            }
            Update::SaOutbound(ref row) => {
                self.sas.insert((row.id, OUT), (Ipv4Addr::UNSPECIFIED, row.keys.material()[0]));
                self.named.iter_mut().for_each(|n| n.3.extend([(row.id, OUT)]));
            }
            Update::SaDelete { id, direction } => {
                let used = |p: &Option<Protection>| p.and_then(|p| p.sa) == Some(id);
                let half = direction == Direction::Outbound;
                assert!(half != OUT || !self.peers.values().any(|p| used(&p.4)), "SA still in use");
                assert!(self.sas.remove(&(id, half)).is_some());
            }
            Update::Group { .. }
            | Update::GroupDelete { .. }
            | Update::GroupMember { .. }
            | Update::GroupMemberDelete { .. } => panic!("not said yet"),
            Update::LinkDelete { id } => {
                assert!(!self.peers.values().any(|p| p.2 == id), "link still in use");
                assert!(self.links.remove(&id).is_some());
            }
        }
        true
    }
}

/// Next hop, its MAC address, multicast, protection.
type PeerMeaning = (Option<links::Key>, Option<[u8; 6]>, bool, Option<Protection>);

/// A table without the numbers, which depend on history.
#[derive(Debug, PartialEq)]
struct Meaning {
    peers: BTreeMap<(TunnelId, Ipv4Addr, Option<Session>), PeerMeaning>,
    routes: BTreeMap<Net, String>,
}

fn meaning(state: &State, plane: &Plane) -> Meaning {
    let link = |id: LinkId| (state.links.key(id), plane.links[&id].1);
    let peers = plane.peers.values().map(|(tunnel, nbma, id, multicast, protection)| {
        let (key, mac) = link(*id);
        let session = protection.map(|protection| protection.session);
        ((*tunnel, *nbma, session), (key, mac, *multicast, *protection))
    });
    let way = |target: &Target| match target {
        Target::Peer(id) => {
            let (tunnel, nbma, _, _, protection) = &plane.peers[id];
            format!("peer {tunnel} {nbma} {:?}", protection.map(|p| p.session))
        }
        Target::Link(id) => format!("link {:?}", link(*id)),
        other => format!("{other:?}"),
    };
    let routes = plane.routes.iter().map(|(prefix, target)| {
        let text = match target {
            Target::Paths(id) => {
                let ways: Vec<String> = plane.paths[id].as_slice().iter().map(way).collect();
                ways.join(" or ")
            }
            other => way(other),
        };
        (*prefix, text)
    });
    Meaning { peers: peers.collect(), routes: routes.collect() }
}

fn settle(state: &mut State, plane: &mut Plane) {
    while state.work() {}
    plane.room = usize::MAX;
    assert!(state.sync.push(plane));
    plane.room = 0;
}

fn link(index: u32, name: &str) -> Fact {
    Fact::Link(Link { index, name: name.into(), up: true, mtu: 1500, ..Link::default() })
}

fn route(to: &str, index: u32, gateway: Option<&str>) -> Route {
    Route {
        table: 254,
        prefix: prefix(to),
        metric: 0,
        protocol: 2,
        hops: vec![Hop { index, gateway: gateway.map(ip), weight: 1 }],
        nexthop: None,
    }
}

/// Interfaces with their addresses and connected routes, as after a start.
fn twins(state: &mut State) {
    for (index, name) in [(1, "lo"), (2, "wan0"), (3, "lan0"), (4, "gre0"), (5, "gre1"), (6, "gre2")] {
        state.fact(link(index, name));
    }
    for (index, address) in
        [(2, "203.0.113.1/24"), (3, "10.1.0.1/24"), (4, "10.255.0.1/24"), (5, "10.254.0.1/24")]
    {
        state.fact(Fact::Address(index, prefix(address)));
        let subnet = net::network(prefix(address).address, 24);
        state.fact(Fact::Route(route(&format!("{}/24", subnet.address), index, None), false));
    }
}

#[test]
fn a_hundred_thousand_spokes_behind_one_gateway_need_one_neighbour() {
    let mut config = config();
    config.hub.max_peers = 100_000;
    config.tunnel[0].address = prefix("10.128.0.1/9");
    let mut state = State::new(&config);
    twins(&mut state);
    state.fact(Fact::Route(route("0.0.0.0/0", 2, Some("203.0.113.254")), false));
    state.fact(Fact::Neighbour(Neighbour {
        index: 2,
        address: ip("203.0.113.254"),
        mac: Some([2, 0, 0, 0, 0, 1]),
        failed: false,
        permanent: false,
    }));
    let start = std::time::Instant::now();
    for n in 0..100_000u32 {
        let protocol = Ipv4Addr::from(u32::from(ip("10.128.1.0")) + n);
        assert!(state.bind(0, protocol, Ipv4Addr::from(u32::from(ip("198.18.0.0")) + n), true));
    }
    let mut plane = Plane::default();
    settle(&mut state, &mut plane);
    assert_eq!((plane.peers.len(), plane.links.len()), (100_000, 2));
    assert!(plane.peers.values().all(|peer| plane.links[&peer.2].1.is_some()));
    state.sync.resync(2);
    settle(&mut state, &mut plane);
    // Generous: a loaded machine without optimisation; a quadratic step would take minutes.
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    let resolved = state.effects.iter().filter(|e| matches!(e, Effect::Resolve(..))).count();
    assert_eq!(resolved, 1);
}

#[test]
fn a_spoke_that_moves_keeps_its_number_and_touches_no_route() {
    let mut state = State::new(&config());
    twins(&mut state);
    state.bind(0, ip("10.255.0.11"), ip("203.0.113.11"), true);
    state.fact(Fact::Route(route("10.100.1.0/24", 4, Some("10.255.0.11")), false));
    let mut plane = Plane::default();
    settle(&mut state, &mut plane);
    let before = plane.clone();
    assert!(state.bind(0, ip("10.255.0.11"), ip("203.0.113.99"), true));
    assert_eq!(state.sync.routes.pending(), 0);
    settle(&mut state, &mut plane);
    assert_eq!(before.routes, plane.routes);
    assert_eq!(plane.peers[&0].1, ip("203.0.113.99"));
}

#[test]
fn overlay_targets() {
    let mut state = State::new(&config());
    twins(&mut state);
    state.fact(Fact::Route(route("10.100.1.0/24", 4, Some("10.255.0.11")), false));
    state.fact(Fact::Route(route("10.2.0.0/16", 3, Some("10.1.0.254")), false));
    state.fact(Fact::Route(Route { hops: vec![], ..route("10.66.0.0/16", 3, None) }, false));
    state.fact(Fact::Route(route("0.0.0.0/0", 2, Some("203.0.113.254")), false));
    let want = |state: &State, p: &str| state.sync.routes.get(&prefix(p).into()).copied();
    assert_eq!(want(&state, "10.100.1.0/24"), Some(Target::Unresolved));
    assert_eq!(want(&state, "10.255.0.0/24"), Some(Target::Unresolved));
    assert_eq!(want(&state, "10.1.0.0/24"), Some(Target::Glean(1)));
    assert_eq!(want(&state, "10.255.0.1/32"), Some(Target::Tunnel(0)));
    assert_eq!(want(&state, "203.0.113.1/32"), Some(Target::Port(0)));
    assert_eq!(want(&state, "10.1.0.255/32"), Some(Target::Drop));
    assert_eq!(want(&state, "10.66.0.0/16"), Some(Target::Drop));
    // The underlay is no way out for overlay traffic.
    assert_eq!((want(&state, "0.0.0.0/0"), want(&state, "203.0.113.0/24")), (None, None));
    assert_eq!(state.rib.underlay(0, ip("8.8.8.8")), Some((0, ip("203.0.113.254"))));
    assert!(matches!(want(&state, "10.2.0.0/16"), Some(Target::Link(_))));

    assert_eq!(
        state.lookup(0, ip("10.100.1.5")),
        Reach::Spoke { tunnel: 0, protocol: ip("10.255.0.11"), prefix_len: 24 }
    );
    assert_eq!(state.lookup(0, ip("10.2.3.4")), Reach::Hub { prefix_len: 16 });
    assert_eq!(state.lookup(0, ip("10.255.0.1")), Reach::Local);
    assert_eq!(state.lookup(0, ip("10.255.0.11")), Reach::None);
    assert_eq!(state.lookup(0, ip("10.66.1.1")), Reach::None);
    state.bind(0, ip("10.255.0.11"), ip("203.0.113.11"), false);
    assert_eq!(want(&state, "10.100.1.0/24"), Some(Target::Peer(0)));
    assert_eq!(want(&state, "10.255.0.11/32"), Some(Target::Peer(0)));
    assert_eq!(
        state.lookup(0, ip("10.255.0.11")),
        Reach::Spoke { tunnel: 0, protocol: ip("10.255.0.11"), prefix_len: 32 }
    );

    // A station of the data centre: reported by a worker, resolved by the kernel, then a host route.
    let station =
        Neighbour { index: 3, address: ip("10.1.0.7"), mac: Some([2; 6]), failed: false, permanent: false };
    state.fact(Fact::Neighbour(station));
    assert!(matches!(want(&state, "10.1.0.7/32"), Some(Target::Link(_))));
    state.fact(Fact::Neighbour(Neighbour { mac: None, failed: true, ..station }));
    assert_eq!(want(&state, "10.1.0.7/32"), None);
}

/// A next-hop object through the first tunnel.
fn object(id: u32, gateway: &str) -> Fact {
    Fact::NextHop(id, NextHop::Single(Some(Hop { index: 4, gateway: Some(ip(gateway)), weight: 1 })))
}

/// Where a prefix leads, by the entry that it shares.
fn shared(state: &State, at: &str) -> Vec<Target> {
    match state.sync.routes.get(&prefix(at).into()) {
        Some(Target::Paths(id)) => state.sync.paths.get(id).unwrap().as_slice().to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_of_next_hop_is_one_update_whatever_the_number_of_prefixes() {
    let mut state = State::new(&config());
    twins(&mut state);
    let mut plane = Plane::default();
    state.fact(object(1, "10.255.0.11"));
    let through =
        |n: u8| Route { hops: vec![], nexthop: Some(1), ..route(&format!("10.200.{n}.0/24"), 0, None) };
    state.fact(Fact::Route(through(0), false));
    assert_eq!(
        state.sync.routes.get(&prefix("10.200.0.0/24").into()),
        Some(&Target::Unresolved),
        "alone, it has its own"
    );
    (1..=255).for_each(|n| state.fact(Fact::Route(through(n), false)));
    assert_eq!((shared(&state, "10.200.0.0/24"), state.paths()), (vec![Target::Unresolved], (1, 0)));
    settle(&mut state, &mut plane);
    // The spoke registers: itself, its link, its host route, and all behind it at once.
    assert!(state.bind(0, ip("10.255.0.11"), ip("203.0.113.11"), false));
    assert_eq!((state.sync.paths.pending(), state.sync.routes.pending()), (1, 1));
    assert_eq!(shared(&state, "10.200.255.0/24"), [Target::Peer(0)]);
    settle(&mut state, &mut plane);
    // The object turns to another spoke, moves to the data centre, and becomes a group.
    assert!(state.bind(0, ip("10.255.0.12"), ip("203.0.113.12"), false));
    settle(&mut state, &mut plane);
    state.effects.clear();
    state.fact(object(1, "10.255.0.12"));
    assert_eq!(state.sync.pending(), 1);
    assert_eq!(shared(&state, "10.200.7.0/24"), [Target::Peer(1)]);
    assert_eq!(state.effects, [Effect::Overlay(prefix("0.0.0.0/0"))], "all answers are looked at, once");
    assert_eq!(
        state.lookup(0, ip("10.200.7.1")),
        Reach::Spoke { tunnel: 0, protocol: ip("10.255.0.12"), prefix_len: 24 }
    );
    settle(&mut state, &mut plane);
    let lan = Hop { index: 3, gateway: Some(ip("10.1.0.254")), weight: 1 };
    state.fact(Fact::NextHop(1, NextHop::Single(Some(lan))));
    settle(&mut state, &mut plane);
    assert!(matches!(shared(&state, "10.200.7.0/24")[..], [Target::Link(_)]));
    assert_eq!(state.lookup(0, ip("10.200.7.1")), Reach::Hub { prefix_len: 24 });
    // One prefix is left: it gets its own target, and the entry goes.
    (1..=255).for_each(|n| state.fact(Fact::RouteGone(through(n))));
    assert_eq!(state.paths(), (0, 0));
    assert!(matches!(state.sync.routes.get(&prefix("10.200.0.0/24").into()), Some(Target::Link(_))));
    settle(&mut state, &mut plane);
    state.fact(Fact::NextHopGone(1));
    settle(&mut state, &mut plane);
    assert_eq!((plane.paths.len(), plane.routes.contains_key(&prefix("10.200.0.0/24").into())), (0, false));
    assert!(state.fans.keys().all(|set| state.kernel.hops(*set).is_some()), "no set outlives its routes");
}

#[test]
fn all_usable_hops_of_a_route_are_used_by_their_weights() {
    let mut state = State::new(&config());
    twins(&mut state);
    let hop = |index, gateway: &str, weight| Hop { index, gateway: Some(ip(gateway)), weight };
    let hops = vec![hop(4, "10.255.0.11", 3), hop(4, "10.255.0.12", 6), hop(3, "10.1.0.254", 3)];
    state.fact(Fact::Route(Route { hops, ..route("10.200.0.0/16", 0, None) }, false));
    let link = |state: &State| state.links.id((1, ip("10.1.0.254"))).map(Target::Link).unwrap();
    assert_eq!(shared(&state, "10.200.0.0/16"), [link(&state)]);
    assert!(state.bind(0, ip("10.255.0.12"), ip("203.0.113.12"), false));
    assert_eq!(shared(&state, "10.200.0.0/16"), [Target::Peer(0), Target::Peer(0), link(&state)]);
    assert!(state.bind(0, ip("10.255.0.11"), ip("203.0.113.11"), false));
    let all = [Target::Peer(1), Target::Peer(0), Target::Peer(0), link(&state)];
    assert_eq!(shared(&state, "10.200.0.0/16"), all);
    let Reach::Spoke { protocol, .. } = state.lookup(0, ip("10.200.1.1")) else {
        panic!("not behind a spoke")
    };
    assert_eq!(protocol, ip("10.255.0.11"));
    // The spoke in the middle moves: neither its prefixes nor the entry hear of it.
    let mut plane = Plane::default();
    settle(&mut state, &mut plane);
    assert!(state.bind(0, ip("10.255.0.12"), ip("203.0.113.99"), false));
    assert_eq!((state.sync.paths.pending(), state.sync.routes.pending()), (0, 0));
    // The port to the data centre goes down: the rest goes on.
    state.fact(Fact::Link(Link { index: 3, name: "lan0".into(), mtu: 1500, ..Link::default() }));
    settle(&mut state, &mut plane);
    assert_eq!(shared(&state, "10.200.0.0/16"), [Target::Peer(1), Target::Peer(0), Target::Peer(0)]);
}

#[test]
fn spokes_are_spread_over_several_ways_of_the_underlay() {
    let mut config = config();
    config.hub.max_peers = 1_000;
    let mut state = State::new(&config);
    twins(&mut state);
    let hop = |last| Hop { index: 2, gateway: Some(Ipv4Addr::new(203, 0, 113, last)), weight: 1 };
    state.fact(Fact::Route(Route { hops: vec![hop(253), hop(254)], ..route("0.0.0.0/0", 0, None) }, false));
    for n in 0..1_000u32 {
        assert!(state.bind(0, Ipv4Addr::from(0x0aff_0010 + n), Ipv4Addr::from(0xc612_0000 + n), false));
    }
    let over = |state: &State, last| {
        let link = state.links.id((0, Ipv4Addr::new(203, 0, 113, last)));
        state.sync.peers.iter().filter(|(_, row)| Some(row.link) == link).count()
    };
    assert!((400..600).contains(&over(&state, 253)) && over(&state, 253) + over(&state, 254) == 1_000);
    // One is withdrawn: all take the other.
    state.fact(Fact::Route(Route { hops: vec![hop(254)], ..route("0.0.0.0/0", 0, None) }, true));
    assert_eq!(over(&state, 254), 1_000);
}

#[test]
fn a_binding_outside_the_tunnel_s_subnet_draws_no_traffic() {
    let mut state = State::new(&config());
    twins(&mut state);
    state.bind(0, ip("10.1.0.9"), ip("203.0.113.11"), false);
    assert_eq!(state.sync.routes.get(&prefix("10.1.0.9/32").into()), None);
    assert_eq!(state.lookup(0, ip("10.1.0.9")), Reach::Hub { prefix_len: 24 });
}

#[test]
fn a_neighbour_that_the_kernel_forgot_stays_usable_until_it_failed() {
    let mut state = State::new(&config());
    twins(&mut state);
    state.bind(0, ip("10.255.0.11"), ip("203.0.113.11"), false);
    let spoke = Neighbour {
        index: 2,
        address: ip("203.0.113.11"),
        mac: Some([2; 6]),
        failed: false,
        permanent: false,
    };
    state.fact(Fact::Neighbour(spoke));
    let mac = |state: &State| state.sync.links.get(&1).unwrap().mac;
    assert_eq!(mac(&state), Some([2; 6]));
    state.effects.clear();
    state.fact(Fact::NeighbourGone(2, ip("203.0.113.11")));
    assert_eq!(mac(&state), Some([2; 6]));
    assert!(state.effects.contains(&Effect::Resolve(0, ip("203.0.113.11"))));
    let asked = |state: &mut State| {
        state.effects.clear();
        state.ask_again();
        state.effects.contains(&Effect::Resolve(0, ip("203.0.113.11")))
    };
    assert!(!asked(&mut state));
    state.fact(Fact::Neighbour(Neighbour { mac: None, failed: true, ..spoke }));
    assert_eq!(mac(&state), None);
    assert!(asked(&mut state), "nobody else asks");
    state.fact(Fact::Neighbour(spoke));
    assert!(!asked(&mut state));
}

#[test]
fn twins_that_disappear_and_return_under_other_indexes() {
    let mut state = State::new(&config());
    twins(&mut state);
    state.bind(0, ip("10.255.0.11"), ip("203.0.113.11"), false);
    let mut plane = Plane::default();
    settle(&mut state, &mut plane);
    let before = meaning(&state, &plane);
    for index in 2..=5 {
        state.fact(Fact::LinkGone(index));
    }
    settle(&mut state, &mut plane);
    assert_eq!(plane.peers.len(), 1, "a binding outlives the twins");
    for (index, name) in [(12, "wan0"), (13, "lan0"), (14, "gre0"), (15, "gre1")] {
        state.fact(link(index, name));
    }
    for (index, address) in
        [(12, "203.0.113.1/24"), (13, "10.1.0.1/24"), (14, "10.255.0.1/24"), (15, "10.254.0.1/24")]
    {
        state.fact(Fact::Address(index, prefix(address)));
        let subnet = net::network(prefix(address).address, 24);
        state.fact(Fact::Route(route(&format!("{}/24", subnet.address), index, None), false));
    }
    settle(&mut state, &mut plane);
    assert_eq!(meaning(&state, &plane), before);
}

#[test]
fn restored_numbers_hold_and_orphans_go() {
    let mut state = State::new(&config());
    twins(&mut state);
    assert!(state.restore_peer(4, 0, ip("203.0.113.11"), Totals::default()));
    assert!(state.restore_peer(2, 0, ip("203.0.113.12"), Totals::default()));
    assert!(!state.restore_peer(2, 0, ip("203.0.113.13"), Totals::default()));
    state.bind(0, ip("10.255.0.11"), ip("203.0.113.11"), false);
    state.drop_orphans();
    let ids: Vec<PeerId> = state.sync.peers.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [4]);
    assert!(state.effects.contains(&Effect::PeerGone(2)));
}

/// One thing that may happen.
#[derive(Clone, Debug)]
enum Step {
    Bind(TunnelId, u8, u8, bool),
    Unbind(TunnelId, u8),
    Route(u8, u8, bool),
    Unroute(u8, u8),
    Neighbour(bool, u8, u8),
    Forget(bool, u8),
    Down(u8),
    Way(u8),
    /// A session at a spoke's address, or none.
    Session(u8, Option<u8>),
    /// A session registers an address.
    Claim(u8, u8),
    /// A session gets another child SA.
    Rekey(u8),
    Push(usize),
    Resync,
    Later,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..2u8, 0..8u8, 0..8u8, any::<bool>()).prop_map(|(t, p, n, m)| Step::Bind(t, p, n, m)),
        2 => (0..3u8, 0..8u8).prop_map(|(t, p)| Step::Unbind(t, p)),
        2 => (0..4u8, prop::option::of(0..8u8)).prop_map(|(s, n)| Step::Session(s, n)),
        3 => (0..4u8, 0..7u8).prop_map(|(s, p)| Step::Claim(s, p)),
        2 => (0..4u8).prop_map(Step::Rekey),
        4 => (0..6u8, 0..8u8, any::<bool>()).prop_map(|(p, h, r)| Step::Route(p, h, r)),
        2 => (0..6u8, 0..8u8).prop_map(|(p, h)| Step::Unroute(p, h)),
        3 => (any::<bool>(), 0..8u8, 0..3u8).prop_map(|(l, a, s)| Step::Neighbour(l, a, s)),
        1 => (any::<bool>(), 0..8u8).prop_map(|(l, a)| Step::Forget(l, a)),
        1 => (2..6u8).prop_map(Step::Down),
        1 => (0..8u8).prop_map(Step::Way),
        3 => (0..6usize).prop_map(Step::Push),
        1 => Just(Step::Resync),
        1 => Just(Step::Later),
    ]
}

fn spoke(n: u8) -> Ipv4Addr {
    // Some on the connected subnet, some behind the gateway.
    if n < 4 { Ipv4Addr::new(203, 0, 113, 10 + n) } else { Ipv4Addr::new(198, 18, 0, n) }
}

fn protocol(tunnel: TunnelId, n: u8) -> Ipv4Addr {
    if n == 7 { Ipv4Addr::new(10, 1, 0, 9) } else { Ipv4Addr::new(10, 255 - tunnel, 0, 10 + n) }
}

fn some_route(p: u8, hop: u8) -> Route {
    let to =
        ["0.0.0.0/0", "10.100.1.0/24", "10.100.0.0/16", "10.255.0.12/32", "10.1.0.0/24", "198.18.0.0/15"]
            [usize::from(p)];
    let hops = match hop {
        0 => vec![],
        1 => vec![Hop { index: 2, gateway: Some(ip("203.0.113.254")), weight: 1 }],
        2 => vec![Hop { index: 3, gateway: Some(ip("10.1.0.254")), weight: 1 }],
        3 => vec![Hop { index: 3, gateway: None, weight: 1 }],
        4 => vec![
            Hop { index: 4, gateway: Some(protocol(0, 1)), weight: 1 },
            Hop { index: 5, gateway: Some(protocol(1, 2)), weight: 1 },
        ],
        5 => vec![Hop { index: 4, gateway: Some(protocol(0, 2)), weight: 1 }],
        6 => vec![Hop { index: 5, gateway: None, weight: 1 }],
        _ => vec![Hop { index: 2, gateway: None, weight: 1 }],
    };
    Route { table: 254, prefix: prefix(to), metric: u32::from(hop % 3), protocol: 4, hops, nexthop: None }
}

fn lan_host(n: u8) -> Ipv4Addr {
    if n == 0 { ip("10.1.0.254") } else { Ipv4Addr::new(10, 1, 0, 7 + n) }
}

fn run(state: &mut State, plane: &mut Plane, step: &Step, now: &mut u64) {
    match *step {
        Step::Bind(t, p, n, m) => drop(state.bind(t, protocol(t, p), spoke(n), m)),
        Step::Unbind(t, p) => state.unbind(t, protocol(t, p)),
        Step::Route(p, h, replace) => state.fact(Fact::Route(some_route(p, h), replace)),
        Step::Unroute(p, h) => state.fact(Fact::RouteGone(some_route(p, h))),
        Step::Neighbour(lan, a, s) => {
            let (index, address) = if lan { (3, lan_host(a)) } else { (2, spoke(a)) };
            let mac = (s < 2).then_some([2, s, 0, 0, 0, a]);
            state.fact(Fact::Neighbour(Neighbour {
                index,
                address,
                mac,
                failed: mac.is_none(),
                permanent: false,
            }));
        }
        Step::Forget(lan, a) => {
            state.fact(if lan {
                Fact::NeighbourGone(3, lan_host(a))
            } else {
                Fact::NeighbourGone(2, spoke(a))
            });
        }
        Step::Down(index) => {
            let name = ["", "", "wan0", "lan0", "gre0", "gre1"][usize::from(index)];
            let Fact::Link(l) = link(index.into(), name) else { return };
            state.fact(Fact::Link(Link { up: false, ..l.clone() }));
            state.fact(Fact::Link(l));
        }
        Step::Way(n) => drop(state.way(0, spoke(n))),
        Step::Session(s, n) => session(state, s, n),
        Step::Claim(s, p) => {
            if state.carrier(number(s)).is_some() {
                let station = Station { nbma: spoke(p), session: Some(number(s)) };
                state.bind(2, protocol(2, p), station, false);
            }
        }
        Step::Rekey(s) => rekey(state, s),
        Step::Push(room) => {
            plane.room = room;
            state.sync.push(plane);
        }
        Step::Resync => state.sync.resync(7),
        Step::Later => {
            *now += links::LINGER_MS;
            state.tick(*now);
        }
    }
}

fn number(session: u8) -> Session {
    Session::new(u32::from(session) + 1).unwrap()
}

/// A session comes, moves or goes, as IKE has it: with its child SA.
fn session(state: &mut State, s: u8, at: Option<u8>) {
    let old = state.carrier(number(s)).copied();
    let sa = old.and_then(|old| old.sa);
    match at {
        Some(n) => {
            let (nbma, udp) = (spoke(n), Some(4_500).filter(|_| n > 3));
            sa.into_iter()
                .for_each(|sa| state.sync.inbound.change(sa, |row| (row.nbma, row.udp) = (nbma, udp)));
            state.carry(number(s), Some(Carrier { nbma, udp, sa }));
        }
        None => {
            state.carry(number(s), None);
            let its = |(key, bound): (&(Ipv4Addr, TunnelId), &Bound)| {
                (bound.station.session == Some(number(s))).then_some(*key)
            };
            let gone: Vec<_> = state.bindings.iter().filter_map(its).collect();
            gone.into_iter().for_each(|(protocol, tunnel)| state.unbind(tunnel, protocol));
            sa.into_iter().for_each(|sa| remove(state, sa));
        }
    }
}

fn remove(state: &mut State, sa: SaId) {
    state.sync.outbound.set(sa, None);
    state.sync.inbound.set(sa, None);
}

/// The slots of a session are its own here: a used one may come again.
fn rekey(state: &mut State, s: u8) {
    let Some(carrier) = state.carrier(number(s)).copied() else { return };
    let id = SaId::from(s) * 2 + carrier.sa.map_or(0, |old| (old + 1) % 2);
    let (tag, keys) = (std::num::NonZeroU64::MIN, Keys::new(Transform::Gcm128, &[s; 20]).unwrap());
    let (mode, esn) = (Mode::Transport, false);
    state.sync.inbound.set(
        id,
        Some(SaInbound {
            id,
            spi: 0x0100_0000 + id,
            tag,
            session: number(s),
            local: ip("203.0.113.2"),
            nbma: carrier.nbma,
            udp: carrier.udp,
            encap: Encap::Plain,
            mode,
            esn,
            window: 64,
            keys: keys.clone(),
        }),
    );
    let outbound = SaOutbound { id, spi: 0x1234, tag, mode, esn, hard_packets: 9, keys };
    state.sync.outbound.set(id, Some(outbound));
    state.carry(number(s), Some(Carrier { sa: Some(id), ..carrier }));
    carrier.sa.into_iter().for_each(|old| remove(state, old));
}

#[test]
fn a_session_s_peers_follow_it_and_a_sleeping_map_has_none() {
    let mut state = State::new(&config());
    twins(&mut state);
    let (mut plane, at) = (Plane::default(), ip("203.0.113.11"));
    assert!(state.bind(2, protocol(2, 0), at, false), "a static map waits for its peer");
    assert_eq!(state.peer_of(2, protocol(2, 0)), None);
    session(&mut state, 0, Some(1));
    rekey(&mut state, 0);
    let station = Station { nbma: at, session: Some(number(0)) };
    assert!(state.bind(2, protocol(2, 0), station, false));
    // Two behind one address are two.
    session(&mut state, 1, Some(1));
    assert!(state.bind(2, protocol(2, 1), Station { session: Some(number(1)), ..station }, false));
    settle(&mut state, &mut plane);
    assert_eq!(plane.peers.len(), 2);
    let id = state.peer_of(2, protocol(2, 0)).unwrap();
    assert_eq!(plane.peers[&id].4, Some(Protection { session: number(0), sa: Some(0), udp: None }));
    session(&mut state, 0, Some(5));
    settle(&mut state, &mut plane);
    assert_eq!((plane.peers[&id].1, plane.peers[&id].4.unwrap().udp), (spoke(5), Some(4_500)));
    assert_eq!(plane.sas[&(0, !OUT)].0, spoke(5));
    rekey(&mut state, 0);
    state.carry(number(0), Some(Carrier { nbma: spoke(5), udp: None, sa: None }));
    settle(&mut state, &mut plane);
    assert_eq!(plane.peers[&id].4, Some(Protection { session: number(0), sa: None, udp: None }));
    session(&mut state, 0, None);
    settle(&mut state, &mut plane);
    assert_eq!(plane.peers.len(), 1);
}

/// A route as the kernel would tell it.
fn told(route: &Installed<'_>) -> Route {
    let Installed { net, metric, protocol, hops, nexthop, .. } = *route;
    Route { table: 254, prefix: net.prefix, metric, protocol, hops: hops.to_vec(), nexthop }
}

/// A state that learns the end result only.
fn afresh(state: &State) -> State {
    let mut config = config();
    config.hub.max_peers = 64;
    let mut fresh = State::new(&config);
    for (index, name) in [(1, "lo"), (2, "wan0"), (3, "lan0"), (4, "gre0"), (5, "gre1"), (6, "gre2")] {
        fresh.fact(link(index, name));
    }
    state.carriers.iter().for_each(|(session, carrier)| fresh.carry(*session, Some(*carrier)));
    let bindings: Vec<_> = state.bindings.iter().map(|(k, b)| (*k, *b)).collect();
    for ((protocol, tunnel), bound) in bindings.into_iter().rev() {
        fresh.bind(tunnel, protocol, bound.station, bound.multicast);
    }
    state.sync.inbound.iter().for_each(|(id, row)| fresh.sync.inbound.set(*id, Some(row.clone())));
    state.sync.outbound.iter().for_each(|(id, row)| fresh.sync.outbound.set(*id, Some(row.clone())));
    state.kernel.neighbours().for_each(|(_, n)| fresh.fact(Fact::Neighbour(*n)));
    state.kernel.routes().for_each(|r| fresh.fact(Fact::Route(told(&r), false)));
    let index = |interface| state.kernel.link(interface).unwrap().index;
    state.kernel.addresses().for_each(|(i, p)| fresh.fact(Fact::Address(index(i), p)));
    fresh
}

proptest! {
    #[test]
    fn increments_equal_a_resync_and_a_fresh_start(steps in prop::collection::vec(step(), 1..60)) {
        let mut config = config();
        config.hub.max_peers = 64;
        let mut state = State::new(&config);
        twins(&mut state);
        let (mut plane, mut now) = (Plane::default(), 0);
        for step in &steps {
            run(&mut state, &mut plane, step, &mut now);
        }
        settle(&mut state, &mut plane);
        let increments = plane.clone();
        let mut empty = Plane::default();
        state.sync.resync(9);
        settle(&mut state, &mut empty);
        prop_assert_eq!(&increments, &empty);
        // A resync over what is there changes nothing, and sweeps what is not wanted.
        plane.routes.insert(prefix("192.0.2.0/24").into(), Target::Drop);
        plane.links.insert(999, (0, None));
        state.sync.resync(10);
        settle(&mut state, &mut plane);
        prop_assert_eq!(&increments, &plane);
        // MAC addresses that outlived their neighbour entry are history on purpose: leave them out.
        let strip = |mut m: Meaning| { m.peers.values_mut().for_each(|p| p.1 = None); m };
        let mut fresh = afresh(&state);
        let mut other = Plane::default();
        settle(&mut fresh, &mut other);
        let bare = |mut p: Plane| { p.links.values_mut().for_each(|l| l.1 = None); p };
        prop_assert_eq!(strip(meaning(&state, &bare(increments))), strip(meaning(&fresh, &bare(other))));
    }

    #[test]
    fn with_too_few_numbers_nothing_dangles(steps in prop::collection::vec(step(), 1..60)) {
        let mut state = State::new(&config());
        twins(&mut state);
        let (mut plane, mut now) = (Plane::default(), 0);
        for step in &steps {
            run(&mut state, &mut plane, step, &mut now);
        }
        settle(&mut state, &mut plane);
        let mut empty = Plane::default();
        state.sync.resync(9);
        settle(&mut state, &mut empty);
        prop_assert_eq!(plane, empty);
    }
}
