//! VRFs: the same prefixes in several of them, and one for the underlay alone.

use super::*;
use shm::message::GLOBAL;

/// Two customers with the same addresses, and the underlay in a VRF of its own.
const CONFIG: &str = r#"
[hub]
name = "test"
[[vrf]]
name = "FVRF"
table = 10
[[vrf]]
name = "RED"
table = 1001
[[vrf]]
name = "BLUE"
table = 1002
[[port]]
name = "wan0"
device = "net_null0"
role = "underlay"
vrf = "FVRF"
address = ["203.0.113.1/24"]
gateway = "203.0.113.254"
[[port]]
name = "red0"
device = "net_null1"
role = "lan"
vrf = "RED"
address = ["10.1.0.1/24"]
[[port]]
name = "blue0"
device = "net_null2"
role = "lan"
vrf = "BLUE"
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
key = 1
vrf = "RED"
address = "10.255.0.1/24"
nhrp = { network-id = 2 }
[[tunnel]]
name = "Tunnel2"
interface = "gre2"
source = "203.0.113.1"
key = 2
vrf = "BLUE"
address = "10.255.0.1/24"
nhrp = { network-id = 3 }
"#;

const FVRF: VrfId = 1;
const RED: VrfId = 2;
const BLUE: VrfId = 3;

const TABLES: [u32; 4] = [254, 10, 1001, 1002];

fn in_table(vrf: VrfId, to: &str, index: u32, gateway: Option<&str>) -> Route {
    Route { table: TABLES[usize::from(vrf)], ..route(to, index, gateway) }
}

/// With VRF devices or, where the kernel has none, plain tables: to forwarding it is the same.
fn hub(devices: bool) -> State {
    let config = Config::parse("hub.toml", CONFIG).unwrap();
    assert_eq!(config.tunnel.iter().map(|tunnel| tunnel.tunnel_vrf).collect::<Vec<_>>(), [FVRF; 3]);
    let mut state = State::new(&config);
    let twins = [(2, "wan0"), (3, "red0"), (4, "blue0"), (5, "gre0"), (6, "gre1"), (7, "gre2")];
    for (index, name) in [(1, "lo")].into_iter().chain(twins) {
        state.fact(link(index, name));
    }
    if devices {
        for (index, (name, table)) in (21..).zip([("FVRF", 10), ("RED", 1001), ("BLUE", 1002)]) {
            let Fact::Link(device) = link(index, name) else { unreachable!() };
            state.fact(Fact::Link(Link { table: Some(table), ..device }));
        }
    }
    let subnets = [
        (FVRF, 2, "203.0.113.1/24"),
        (RED, 3, "10.1.0.1/24"),
        (BLUE, 4, "10.1.0.1/24"),
        (GLOBAL, 5, "10.255.0.1/24"),
        (RED, 6, "10.255.0.1/24"),
        (BLUE, 7, "10.255.0.1/24"),
    ];
    for (vrf, index, address) in subnets {
        let at = prefix(address);
        state.fact(Fact::Address(index, at));
        let network = net::network(at.address, at.len);
        state.fact(Fact::Route(in_table(vrf, &network.to_string(), index, None), false));
    }
    state
}

fn want(state: &State, vrf: VrfId, to: &str) -> Option<Target> {
    state.sync.routes.get(&Net { vrf, prefix: prefix(to) }).copied()
}

#[test]
fn the_same_prefix_leads_elsewhere_in_each_vrf() {
    for devices in [true, false] {
        let mut state = hub(devices);
        state.fact(Fact::Route(in_table(FVRF, "0.0.0.0/0", 2, Some("203.0.113.254")), false));
        for (tunnel, nbma) in [(0, "198.18.0.1"), (1, "198.18.0.2"), (2, "198.18.0.3")] {
            assert!(state.bind(tunnel, ip("10.255.0.11"), ip(nbma), false));
        }
        let peers = [0, 1, 2].map(|tunnel| state.peer_of(tunnel, ip("10.255.0.11")).unwrap());
        for (vrf, index) in [(GLOBAL, 5), (RED, 6), (BLUE, 7)] {
            state.fact(Fact::Route(in_table(vrf, "10.100.1.0/24", index, Some("10.255.0.11")), false));
        }
        for (vrf, tunnel) in [(GLOBAL, 0_u8), (RED, 1), (BLUE, 2)] {
            let peer = Some(Target::Peer(peers[usize::from(tunnel)]));
            assert_eq!(want(&state, vrf, "10.100.1.0/24"), peer);
            assert_eq!(want(&state, vrf, "10.255.0.11/32"), peer);
            assert_eq!(want(&state, vrf, "10.255.0.1/32"), Some(Target::Tunnel(tunnel)));
            assert_eq!(
                state.lookup(tunnel, ip("10.100.1.5")),
                Reach::Spoke { tunnel, protocol: ip("10.255.0.11"), prefix_len: 24 }
            );
        }
        assert_eq!(want(&state, RED, "10.1.0.0/24"), Some(Target::Glean(1)));
        assert_eq!(want(&state, BLUE, "10.1.0.0/24"), Some(Target::Glean(2)));
        assert_eq!(state.lookup(1, ip("10.1.0.9")), Reach::Hub { prefix_len: 24 });
        assert_eq!(state.lookup(0, ip("10.1.0.9")), Reach::None, "no other VRF's");
        // One that goes takes its own prefixes with it, and no other's.
        state.unbind(1, ip("10.255.0.11"));
        state.fact(Fact::RouteGone(in_table(RED, "10.100.1.0/24", 6, Some("10.255.0.11"))));
        assert_eq!((want(&state, RED, "10.100.1.0/24"), want(&state, RED, "10.255.0.11/32")), (None, None));
        assert_eq!(want(&state, BLUE, "10.100.1.0/24"), Some(Target::Peer(peers[2])));
        // Neighbours are their interface's, and so their VRF's.
        let station = |index| Neighbour {
            index,
            address: ip("10.1.0.7"),
            mac: Some([2; 6]),
            failed: false,
            permanent: false,
        };
        state.fact(Fact::Neighbour(station(3)));
        let red = want(&state, RED, "10.1.0.7/32");
        assert!(matches!(red, Some(Target::Link(_))) && want(&state, BLUE, "10.1.0.7/32").is_none());
        state.fact(Fact::Neighbour(station(4)));
        assert!(want(&state, BLUE, "10.1.0.7/32").is_some_and(|blue| Some(blue) != red));
    }
}

/// The overlay's default route leads through the tunnel, the underlay's out of the port, and neither is the other's.
#[test]
fn with_a_front_door_vrf_both_have_a_default_route() {
    let mut state = hub(true);
    let spoke = ip("198.18.0.1");
    assert!(state.bind(0, ip("10.255.0.11"), spoke, false));
    state.fact(Fact::Route(in_table(GLOBAL, "0.0.0.0/0", 5, Some("10.255.0.11")), false));
    let id = state.peer_of(0, ip("10.255.0.11")).unwrap();
    assert_eq!(want(&state, GLOBAL, "0.0.0.0/0"), Some(Target::Peer(id)));
    assert_eq!(state.way(FVRF, spoke), None, "no underlay route yet");
    assert_eq!(state.sync.peers.get(&id).unwrap().link, links::NO_LINK);
    assert!(
        state.recursions.get(prefix("0.0.0.0/0").into()).is_none(),
        "it covers no NBMA address of its own VRF"
    );
    state.fact(Fact::Route(in_table(FVRF, "0.0.0.0/0", 2, Some("203.0.113.254")), false));
    assert_eq!(state.rib.underlay(FVRF, spoke), Some((0, ip("203.0.113.254"))));
    assert_eq!(state.rib.underlay(GLOBAL, spoke), None);
    assert_ne!(state.sync.peers.get(&id).unwrap().link, links::NO_LINK);
    assert_eq!(want(&state, GLOBAL, "0.0.0.0/0"), Some(Target::Peer(id)), "as before");
    assert_eq!(want(&state, FVRF, "0.0.0.0/0"), None, "the underlay is no way for overlay packets");
    assert_eq!(want(&state, FVRF, "203.0.113.1/32"), Some(Target::Port(0)));
    state.fact(Fact::RouteGone(in_table(FVRF, "0.0.0.0/0", 2, Some("203.0.113.254"))));
    assert_eq!(state.sync.peers.get(&id).unwrap().link, links::NO_LINK);
}

#[test]
fn what_leaks_from_table_to_table_and_other_tables_are_not_followed() {
    let mut state = hub(true);
    state.bind(2, ip("10.255.0.11"), ip("203.0.113.11"), false);
    // In RED's table, by BLUE's tunnel; and in a table of nobody's.
    state.fact(Fact::Route(in_table(RED, "10.77.0.0/16", 7, Some("10.255.0.11")), false));
    state.fact(Fact::Route(Route { table: 77, ..route("10.78.0.0/16", 7, Some("10.255.0.11")) }, false));
    assert_eq!([RED, BLUE, GLOBAL].map(|vrf| want(&state, vrf, "10.77.0.0/16")), [None; 3]);
    assert_eq!([RED, BLUE, GLOBAL].map(|vrf| want(&state, vrf, "10.78.0.0/16")), [None; 3]);
}

/// Whoever made the device gave it its table; what the configuration says is for the hub to make one.
#[test]
fn the_table_of_a_vrf_is_its_device_s() {
    let mut state = hub(false);
    let Fact::Link(device) = link(30, "RED") else { unreachable!() };
    state.fact(Fact::Link(Link { table: Some(555), ..device }));
    assert!(state.effects.contains(&Effect::Stale), "routes of that table were not kept until now");
    state.fact(Fact::Route(Route { table: 555, ..route("10.9.0.0/16", 3, Some("10.1.0.254")) }, false));
    assert!(matches!(want(&state, RED, "10.9.0.0/16"), Some(Target::Link(_))));
    state.fact(Fact::LinkGone(30));
    state.fact(Fact::Route(in_table(RED, "10.8.0.0/16", 3, Some("10.1.0.253")), false));
    assert!(matches!(want(&state, RED, "10.8.0.0/16"), Some(Target::Link(_))));
}
