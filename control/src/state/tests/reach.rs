//! Where addresses are, as NHRP is told.

use super::*;

fn via(tunnel: TunnelId, protocol: &str, prefix_len: u8) -> Reach {
    Reach::Spoke { tunnel, protocol: ip(protocol), prefix_len }
}

/// Two spokes on the first tunnel and one on the second.
fn hub() -> State {
    let mut state = State::new(&config());
    twins(&mut state);
    state.bind(0, ip("10.255.0.11"), ip("203.0.113.11"), false);
    state.bind(0, ip("10.255.0.12"), ip("203.0.113.12"), false);
    state.bind(1, ip("10.254.0.13"), ip("203.0.113.13"), false);
    state
}

fn multipath(to: &str, hops: &[(u32, &str)]) -> Route {
    let hops =
        hops.iter().map(|(index, gateway)| Hop { index: *index, gateway: Some(ip(gateway)), weight: 1 });
    Route { hops: hops.collect(), ..route(to, 4, None) }
}

#[test]
fn all_ways_that_lead_somewhere() {
    let mut state = hub();
    let hops = [(4, "10.255.0.99"), (4, "10.255.0.12"), (5, "10.254.0.13"), (3, "10.1.0.254")];
    state.fact(Fact::Route(multipath("10.100.1.0/24", &hops), false));
    let (two, three) = (via(0, "10.255.0.12", 24), via(1, "10.254.0.13", 24));
    assert_eq!(state.ways(0, ip("10.100.1.5")), [two, three, Reach::Hub { prefix_len: 24 }]);
    assert_eq!(state.lookup(0, ip("10.100.1.5")), two);
    // When nobody is there, the first is as good as any.
    state.fact(Fact::Route(multipath("10.100.2.0/24", &[(4, "10.255.0.98"), (4, "10.255.0.99")]), false));
    assert_eq!(state.ways(0, ip("10.100.2.5")), [via(0, "10.255.0.98", 24)]);
    assert_eq!(state.ways(0, ip("10.255.0.1")), [Reach::Local]);
    assert_eq!(state.ways(0, ip("172.16.0.1")), [Reach::None]);
}

#[test]
fn a_host_route_to_the_spoke_itself_hides_nothing() {
    let mut state = hub();
    // As NHRP's own routes in the kernel are.
    for host in ["10.255.0.11/32", "10.255.0.99/32"] {
        state.fact(Fact::Route(route(host, 4, None), false));
    }
    assert_eq!(state.lookup(0, ip("10.255.0.11")), via(0, "10.255.0.11", 32));
    assert_eq!(state.lookup(0, ip("10.255.0.99")), Reach::None);
}

#[test]
fn the_most_specific_route_wins_and_divides_the_others() {
    let mut state = hub();
    state.fact(Fact::Route(route("0.0.0.0/0", 4, Some("10.255.0.12")), false));
    state.fact(Fact::Route(route("10.0.0.0/8", 3, Some("10.1.0.254")), false));
    state.fact(Fact::Route(route("10.100.1.0/24", 4, Some("10.255.0.11")), false));
    state.fact(Fact::Route(route("10.100.1.128/25", 4, Some("10.255.0.12")), false));
    assert_eq!(state.lookup(0, ip("10.100.1.5")), via(0, "10.255.0.11", 24));
    assert_eq!(state.lookup(0, ip("10.100.1.200")), via(0, "10.255.0.12", 25));
    assert_eq!(state.lookup(0, ip("10.100.2.5")), Reach::Hub { prefix_len: 8 });
    assert_eq!(state.lookup(0, ip("9.9.9.9")), via(0, "10.255.0.12", 0));
    // 10.100.1.128/25 is another's, 10.100.1.0/25 is not.
    assert_eq!(state.undivided(0, ip("10.100.1.5"), 24), 25);
    assert_eq!(state.undivided(0, ip("10.100.1.200"), 25), 25);
    // 10.100.2.0 and 10.100.1.0 part at the 23rd bit.
    assert_eq!(state.undivided(0, ip("10.100.2.5"), 8), 23);
    // 10.1.0.0/24 is the LAN, 10.255.0.0/24 the tunnel.
    assert_eq!(state.undivided(0, ip("10.1.1.7"), 8), 24);
    assert_eq!(state.undivided(0, ip("10.0.0.1"), 8), 16);
    assert_eq!(state.undivided(0, ip("9.9.9.9"), 0), 7);
    // Nothing else in it: as the route has it.
    state.fact(Fact::RouteGone(route("10.100.1.128/25", 4, Some("10.255.0.12"))));
    assert_eq!(state.undivided(0, ip("10.100.1.5"), 24), 24);
}

#[test]
fn a_station_s_address_divides_a_route_as_well() {
    let mut config = config();
    config.tunnel[0].address = prefix("10.255.0.1/32");
    let mut state = State::new(&config);
    twins(&mut state);
    state.fact(Fact::Route(route("10.200.0.0/16", 3, Some("10.1.0.254")), false));
    assert_eq!(state.undivided(0, ip("10.200.0.9"), 16), 16);
    state.bind(0, ip("10.200.0.8"), ip("203.0.113.11"), false);
    assert_eq!(state.undivided(0, ip("10.200.0.9"), 16), 32);
    assert_eq!(state.undivided(0, ip("10.200.128.9"), 16), 17);
}

proptest! {
    /// The prefix around an address holds the same way everywhere, and one bit less would not.
    #[test]
    fn what_is_said_of_a_prefix_is_true_of_all_of_it(
        routes in prop::collection::vec((0..64u32, 20..33u8, 11..14u8), 1..12),
        address in 0..64u32,
    ) {
        let mut state = hub();
        let at = |bits: u32| Ipv4Addr::from(0x0a64_0000 | bits << 4);
        state.fact(Fact::Route(route("10.100.0.0/16", 4, Some("10.255.0.12")), false));
        for (bits, len, n) in routes {
            let to = net::network(at(bits), len);
            let gateway = format!("10.255.0.{n}");
            state.fact(Fact::Route(route(&format!("{}/{}", to.address, len), 4, Some(&gateway)), true));
        }
        let asked = at(address);
        let (found, _) = state.rib.overlay(0, asked).unwrap();
        let len = state.undivided(0, asked, found.len);
        prop_assert!(len >= found.len);
        let same = |len: u8| {
            let within = net::network(asked, len);
            (0..64).map(at).filter(|other| net::contains(within, *other)).all(|other| {
                state.rib.overlay(0, other).unwrap().0 == found
            }) && state.rib.overlay_within(within.into()).all(|route| route.len <= found.len)
        };
        prop_assert!(same(len));
        prop_assert!(len == found.len || !same(len - 1));
    }
}
