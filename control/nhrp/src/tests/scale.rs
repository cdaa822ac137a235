//! Many spokes, in virtual time.

use super::support::*;
use crate::*;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

fn big(max_bindings: usize) -> Hub {
    let mut tunnel = TunnelConfig::new(0, HUB_NBMA, Ipv4Addr::new(10, 0, 0, 1), 8);
    tunnel.max_send = u32::MAX;
    Hub::with(ServerConfig { max_bindings, ..config(vec![tunnel]) })
}

fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0100 + n)
}

/// NBMA address of a spoke, before and after it moved.
fn at(n: u32, era: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x5000_0000 + (era << 24) + n)
}

fn request(n: u32, era: u32) -> Vec<u8> {
    registration(at(n, era), address(n))
        .with(|m| {
            m.head.destination_protocol = Ipv4Addr::new(10, 0, 0, 1).into();
            m.cies[0].holding_time = 60;
            m.head.request_id = n;
        })
        .build()
}

/// 10,000 spokes register over 20 s, refresh every 20 s, lose power, expire, and come back at other addresses.
#[test]
fn a_power_failure_of_10_000_spokes() {
    const SPOKES: u32 = 10_000;
    let mut hub = big(SPOKES as usize);
    let round = |hub: &mut Hub, era| {
        for n in 0..SPOKES {
            hub.now_ms += 2;
            let actions = hub.packet(at(n, era), &request(n, era));
            assert_eq!(codes(&actions), [0], "{n}");
        }
    };
    let start_ms = hub.now_ms;
    for _ in 0..10 {
        round(&mut hub, 0);
        assert_eq!(hub.server.len(), SPOKES as usize);
    }
    let counters = hub.server.counters(0).unwrap();
    assert_eq!((counters.registrations_new, counters.registrations_refreshed), (10_000, 90_000));
    assert_eq!(counters.expired, 0);
    // Darkness. The caller sleeps until the deadline it is told, and nothing is late.
    let mut unbound = 0;
    while let Some(deadline) = hub.server.next_deadline() {
        let ms = deadline.saturating_sub(hub.now_ms);
        let actions = hub.pass(ms);
        for action in &actions {
            if let Action::Unbind { protocol, .. } = action {
                let n = u32::from(*protocol) - u32::from(address(0));
                let last_ms = start_ms + 9 * 20_000 + u64::from(n + 1) * 2;
                assert_eq!(hub.now_ms, last_ms + 60_000, "{n}");
                unbound += 1;
            }
        }
    }
    assert_eq!((unbound, hub.server.len()), (SPOKES, 0));
    assert_eq!(hub.server.counters(0).unwrap().expired, 10_000);
    // Light, and the provider gave every spoke another address.
    round(&mut hub, 1);
    assert_eq!(hub.server.len(), SPOKES as usize);
    assert!(hub.server.bindings().all(|binding| u32::from(binding.nbma) >> 24 == 0x51));
    assert_eq!(hub.server.absent().count(), 0);
}

/// Unique spokes that come back elsewhere before their time is over are refused, and are in once it is.
#[test]
fn addresses_change_before_expiry() {
    let mut hub = big(1000);
    for n in 0..1000 {
        hub.packet(at(n, 0), &request(n, 0));
    }
    hub.now_ms += 30_000;
    for n in 0..1000 {
        assert_eq!(codes(&hub.packet(at(n, 1), &request(n, 1))), [14]);
    }
    hub.now_ms += 30_000;
    for n in 0..1000 {
        assert_eq!(codes(&hub.packet(at(n, 1), &request(n, 1))), [0]);
    }
}

/// Cost per packet does not grow with the number of bindings. The bound is wide: other work may share the machine.
#[test]
fn a_hundred_thousand_bindings() {
    const SPOKES: u32 = 100_000;
    let requests: Vec<Vec<u8>> = (0..SPOKES).map(|n| request(n, 0)).collect();
    let mut hub = big(SPOKES as usize);
    let mut actions = Vec::new();
    let mut time = |server: &mut Server, now_ms| {
        let start = Instant::now();
        for (n, request) in requests.iter().enumerate() {
            actions.clear();
            server.packet(now_ms, 0, at(n as u32, 0), request, &(), &mut actions);
        }
        start.elapsed()
    };
    let first = time(&mut hub.server, 1_000_000);
    let refresh = time(&mut hub.server, 1_020_000);
    assert_eq!(hub.server.len(), SPOKES as usize);
    let start = Instant::now();
    hub.server.tick(1_080_000, &mut actions);
    let expiry = start.elapsed();
    assert!(hub.server.is_empty());
    println!("100,000 spokes: register {first:?}, refresh {refresh:?}, expire {expiry:?}");
    assert!(first + refresh + expiry < Duration::from_secs(20), "{first:?} {refresh:?} {expiry:?}");
}
