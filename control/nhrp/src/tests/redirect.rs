//! Traffic indications.

use super::support::*;
use crate::*;
use std::net::Ipv4Addr;
use wire::nhrp::PacketType;

fn lan(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 100, n, 10)
}

fn hub() -> Hub {
    let mut hub = Hub::new(tunnel());
    for n in [2, 3, 4] {
        hub.register(n);
        let reach = Reach::Spoke { tunnel: 0, protocol: spoke(n), prefix_len: 24 };
        hub.routes.push((Ipv4Addr::new(10, 100, n, 0), 24, reach));
    }
    hub
}

#[test]
fn the_ingress_spoke_hears_of_its_own_packet() {
    let mut hub = hub();
    let data = ping(lan(2), lan(3));
    let actions = hub.redirect(nbma(2), &data);
    let (to, packet) = only(&actions);
    assert_eq!((to, packet.kind(), packet.hop_count()), (nbma(2), PacketType::TrafficIndication, 255));
    assert_eq!(packet.destination_protocol(), std::net::IpAddr::from(lan(2)));
    assert_eq!(packet.body(), &data[..28]);
    assert_eq!(hub.server.counters(0).unwrap().sent.get(8), 1);
}

#[test]
fn once_per_interval_and_pair_of_networks() {
    let mut hub = hub();
    let mut redirect = |ms, source, destination| {
        hub.now_ms += ms;
        sent(&hub.redirect(nbma(2), &ping(source, destination))).len()
    };
    assert_eq!(redirect(0, lan(2), lan(3)), 1);
    assert_eq!(redirect(1, lan(2), Ipv4Addr::new(10, 100, 3, 99)), 0);
    assert_eq!(redirect(1, lan(2), lan(4)), 1);
    assert_eq!(redirect(7_997, lan(2), lan(3)), 0);
    assert_eq!(redirect(1, lan(2), lan(3)), 1);
    assert_eq!(hub.server.counters(0).unwrap().redirects_suppressed, 2);
}

#[test]
fn in_all_2000_per_second() {
    let mut hub = hub();
    hub.routes.push((
        Ipv4Addr::new(172, 16, 0, 0),
        12,
        Reach::Spoke { tunnel: 0, protocol: spoke(3), prefix_len: 12 },
    ));
    let address = |n: u32| Ipv4Addr::from(0xac10_0001 + (n << 8));
    let count = (0..4000).filter(|n| !hub.redirect(nbma(2), &ping(lan(2), address(*n))).is_empty()).count();
    assert_eq!(count, 2000);
}

#[test]
fn who_does_not_deserve_one() {
    let mut hub = hub();
    hub.routes.push((Ipv4Addr::new(10, 100, 254, 0), 24, Reach::Hub { prefix_len: 24 }));
    let cases = [
        (66, lan(2), lan(3), "sender not registered"),
        (2, lan(4), lan(3), "source routed to another spoke"),
        (2, Ipv4Addr::new(9, 9, 9, 9), lan(3), "source without a route"),
        (2, lan(2), Ipv4Addr::new(10, 100, 2, 77), "back to the sender"),
        (2, lan(2), HUB, "to the hub"),
        (2, lan(2), lan(254), "behind the hub"),
        (2, lan(2), Ipv4Addr::new(9, 9, 9, 9), "no route"),
        (2, lan(2), Ipv4Addr::new(224, 0, 0, 5), "multicast"),
        (2, lan(2), Ipv4Addr::BROADCAST, "broadcast"),
        (2, Ipv4Addr::new(169, 254, 1, 1), lan(3), "link-local"),
    ];
    for (n, (from, source, destination, why)) in cases.into_iter().enumerate() {
        assert_eq!(hub.redirect(nbma(from), &ping(source, destination)), [], "{why}");
        assert_eq!(hub.server.counters(0).unwrap().redirects_declined, n as u64 + 1, "{why}");
    }
}

#[test]
fn icmp_errors_and_malformed_packets_cause_none() {
    let mut hub = hub();
    for kind in [3, 4, 5, 11, 12] {
        let mut data = ping(lan(2), lan(3));
        data[20] = kind;
        assert_eq!(hub.redirect(nbma(2), &data), []);
    }
    let data = ping(lan(2), lan(3));
    for n in 0..20 {
        assert_eq!(hub.redirect(nbma(2), &data[..n]), []);
    }
    for first in [0x65, 0x44, 0x4f, 0x05] {
        let mut data = data[..28].to_vec();
        data[0] = first;
        assert_eq!(hub.redirect(nbma(2), &data), []);
    }
    // A header alone will do.
    assert_eq!(only(&hub.redirect(nbma(2), &data[..20])).1.body(), &data[..20]);
}

#[test]
fn options_are_quoted_whole() {
    let mut hub = hub();
    let mut data = ping(lan(2), lan(3));
    data[0] = 0x47;
    assert_eq!(only(&hub.redirect(nbma(2), &data)).1.body(), &data[..36]);
}

#[test]
fn only_in_phase_3() {
    for phase in [Phase::One, Phase::Two] {
        let mut hub = Hub::new(TunnelConfig { phase, ..tunnel() });
        hub.register(2);
        hub.register(3);
        assert_eq!(hub.redirect(nbma(2), &ping(spoke(2), spoke(3))), []);
    }
}
