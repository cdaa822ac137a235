//! What a scrape looks like, and that it does not grow with the number of peers.
//!
//! `UPDATE_GOLDEN=1` writes the recorded scrape anew; `scripts/check-parsers` has Prometheus' own parser read it.

use super::{View, render};
use crate::hub::Counters;
use crate::outbox;
use api::*;
use shm::class::Class;
use shm::drops::DropReason as Reason;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

fn traffic(n: u64) -> Traffic {
    Traffic { rx_packets: n, rx_bytes: n * 100, tx_packets: n + 1, tx_bytes: (n + 1) * 100 }
}

fn status() -> Status {
    let side = |pid| Side { pid, boot_id: 7, uptime: 3600, heartbeat_age_ms: 12 };
    let ring = |name: &str| Ring {
        name: name.into(),
        depth: 1,
        capacity: 1024,
        written: 5,
        full: 2,
        refused: 3,
        unserved: 4,
    };
    Status {
        api: api::VERSION,
        name: "hub \"1\"\\\n".into(),
        version: "0.1.0".into(),
        config: "hub.toml".into(),
        control: side(1),
        dataplane: Some(side(2)),
        generation: 4,
        updates_pending: 0,
        peers_up: 2,
        peers_down: 1,
        engines: vec![api::Engine { transform: "aes-gcm".into(), engine: "ring".into() }],
        netlink_overruns: 1,
        recursive_routes: 2,
        rings: vec![ring("updates"), ring("inject"), ring("events 0"), ring("events 1")],
        tables: vec![Table { name: "peers".into(), used: 2, capacity: 16_384, full: 0 }],
    }
}

fn loss(reason: &str, packets: u64) -> Loss {
    Loss { reason: reason.into(), meaning: String::new(), packets }
}

fn interfaces() -> Vec<Interface> {
    let medium = Medium::Port {
        device: "net_null0".into(),
        role: "underlay".into(),
        mac: None,
        vlan: None,
        link_up: Some(true),
        speed: Some(10_000),
    };
    let port = Interface {
        name: "wan0".into(),
        kernel_interface: "wan0".into(),
        admin_up: true,
        line_up: true,
        vrf: None,
        addresses: Vec::new(),
        mtu: 1500,
        traffic: traffic(10),
        kernel: KernelTraffic { from_packets: 3, from_bytes: 300, to_packets: 4, to_bytes: 400 },
        losses: vec![loss("rx_missed", 9), loss("to_kernel_undelivered", 0)],
        medium,
    };
    let medium = Medium::Tunnel {
        source: Ipv4Addr::new(192, 0, 2, 1),
        tunnel_vrf: None,
        key: None,
        ttl: 255,
        tcp_adjust_mss: None,
        network_id: 1,
        peers_up: 2,
    };
    let losses = vec![loss("from_kernel_worker_busy", 5)];
    let tunnel =
        Interface { name: "Tunnel0".into(), mtu: 1400, traffic: traffic(20), medium, losses, ..port.clone() };
    vec![port, tunnel]
}

fn worker(index: u32) -> Worker {
    Worker {
        index,
        polls: 100,
        empty_polls: 40,
        packets: 1000,
        busy_cycles: 5000,
        idle_cycles: 700,
        burst_sizes: [40, 10, 10, 10, 10, 10, 5, 5],
        dropped: 3,
        stages: vec![Stage { name: "fib".into(), cycles: 800 }],
        ..Worker::default()
    }
}

fn peer(n: u32, state: PeerState) -> Peer {
    let tunnel = Ipv4Addr::from(0x0a00_0000 + n);
    let failure = Failure {
        cause: Cause::Expired,
        interface: Some("Tunnel0".into()),
        nbma: None,
        tunnel: Some(tunnel),
        identity: None,
        age: 5,
        count: 1,
        detail: None,
    };
    Peer {
        nbma: Some(Ipv4Addr::from(0xac11_0000 + n)),
        claimed_nbma: None,
        tunnel,
        network: Prefix::host(tunnel),
        session: None,
        identity: None,
        state,
        since: Some(60),
        kind: Kind::Dynamic,
        multicast: true,
        group: None,
        traffic: (state == PeerState::Up).then(|| traffic(n.into())),
        last_failure: (state != PeerState::Up).then_some(failure),
    }
}

fn dmvpn(peers: Vec<Peer>) -> Vec<Dmvpn> {
    vec![Dmvpn {
        interface: "Tunnel0".into(),
        kernel_interface: "tun0".into(),
        admin_up: true,
        line_up: true,
        address: "10.0.0.1/16".parse().unwrap_or(Prefix::host(Ipv4Addr::UNSPECIFIED)),
        source: Ipv4Addr::new(192, 0, 2, 1),
        vrf: None,
        tunnel_vrf: None,
        key: None,
        network_id: 1,
        phase: 3,
        protection: None,
        peers,
        sessions: Vec::new(),
    }]
}

fn mroute(n: u8) -> Mroute {
    let spoke = MrouteSpoke { tunnel: None, nbma: Ipv4Addr::new(203, 0, 113, n), expires: Some(60) };
    Mroute {
        source: (n > 0).then(|| Ipv4Addr::new(10, 1, 0, n)),
        group: Ipv4Addr::new(239, 1, 2, 3),
        incoming: Some("lan0".into()),
        outgoing: vec![MrouteInterface { interface: "Tunnel0".into(), spokes: vec![spoke; n.into()] }],
        kernel: false,
        packets: 10,
        bytes: 1_000,
        copies: 20,
        wrong_interface: 1,
        dropped: 2,
    }
}

fn view(up: u64, down: u64, peers: Option<Vec<Dmvpn>>) -> View {
    let counts = TypeCounts { registration_request: 9, redirect_suppressed: 4, ..TypeCounts::default() };
    let name = || "Tunnel0".to_string();
    let drop = |reason: &Reason| Drop {
        reason: reason.name().into(),
        meaning: reason.meaning().into(),
        packets: 6,
        by_worker: vec![2, 4],
    };
    View {
        status: status(),
        interfaces: interfaces(),
        nhrp: vec![NhrpTraffic {
            interface: name(),
            max_send: 100_000,
            sent: counts,
            received: counts,
            forwarded: TypeCounts { registration_request: 2, ..TypeCounts::default() },
            refused: vec![Refused { reason: "nhrp_auth".into(), packets: 3 }],
            ..NhrpTraffic::default()
        }],
        drops: Some([Reason::NoRoute, Reason::TxFull, Reason::UnknownPeer].iter().map(drop).collect()),
        classes: Some(Class::ALL.into_iter().map(class).collect()),
        workers: Some(Workers {
            tsc_hz: Some(2_100_000_000),
            read_at_ms: 0,
            workers: vec![worker(0), worker(1)],
        }),
        worker_traffic: vec![traffic(1), traffic(2)],
        peer_states: BTreeMap::from([
            ((name(), PeerState::Up), up),
            ((name(), PeerState::Nhrp), down),
            ((name(), PeerState::Intf), 0),
        ]),
        cache: BTreeMap::from([((name(), Kind::Dynamic), up)]),
        failures: BTreeMap::from([(Cause::KeyMismatch, 1)]),
        prune_overrides: 3,
        mroutes: (0..2).map(mroute).collect(),
        peers,
        outbox: outbox::Counters::default(),
        events: Counters::default(),
        crypto: None,
    }
}

fn class(class: Class) -> PolicedClass {
    let n = class as u64;
    let packets = ClassCounts { conformed: 100 + n, exceeded: n, source_exceeded: 0, queue_full: 1 };
    PolicedClass {
        class: class.name().into(),
        content: class.content().into(),
        rate: 1000,
        burst: 200,
        packets,
        by_worker: vec![packets],
    }
}

/// The value of a series, found by its line.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn recorded_scrape() {
    let mut peers = dmvpn(vec![peer(2, PeerState::Up), peer(3, PeerState::Up), peer(4, PeerState::Nhrp)]);
    // What is remembered twice is shown once.
    peers[0].peers.push(peer(4, PeerState::Nhrp));
    let found = render(&view(2, 1, Some(peers)));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metrics.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "differs from {}:\n{found}", path.display());
}

#[test]
fn values_are_those_given() {
    let text = render(&view(7, 3, None));
    for (series, expected) in [
        ("dmvpn_peers{interface=\"Tunnel0\",state=\"up\"}", 7.0),
        ("dmvpn_peers{interface=\"Tunnel0\",state=\"nhrp\"}", 3.0),
        ("dmvpn_dropped_packets_total{reason=\"no_route\"}", 6.0),
        ("dmvpn_worker_packets_total{worker=\"1\"}", 1000.0),
        ("dmvpn_worker_receive_bytes_total{worker=\"1\"}", 200.0),
        ("dmvpn_worker_burst_packets_bucket{worker=\"0\",le=\"3\"}", 60.0),
        ("dmvpn_worker_burst_packets_bucket{worker=\"0\",le=\"+Inf\"}", 100.0),
        ("dmvpn_worker_burst_packets_sum{worker=\"0\"}", 1000.0),
        ("dmvpn_interface_receive_bytes_total{interface=\"Tunnel0\",type=\"tunnel\"}", 2000.0),
        ("dmvpn_interface_lost_packets_total{interface=\"wan0\",type=\"port\",reason=\"rx_missed\"}", 9.0),
        ("dmvpn_port_speed_bits_per_second{interface=\"wan0\"}", 1e10),
        (
            "dmvpn_interface_kernel_bytes_total{interface=\"Tunnel0\",type=\"tunnel\",direction=\"to_kernel\"}",
            400.0,
        ),
        ("dmvpn_ring_unserved_messages_total{ring=\"inject\",worker=\"\"}", 4.0),
        ("dmvpn_worker_cycles_per_second", 2.1e9),
        ("dmvpn_ring_depth_messages{ring=\"events\",worker=\"1\"}", 1.0),
        ("dmvpn_failed_stations{cause=\"key_mismatch\"}", 1.0),
        ("dmvpn_failed_stations{cause=\"loop\"}", 0.0),
        ("dmvpn_process_heartbeat_age_seconds{process=\"dataplane\"}", 0.012),
        // Seven the hub made and two it passed on.
        (
            "dmvpn_nhrp_packets_total{interface=\"Tunnel0\",direction=\"sent\",type=\"registration_request\"}",
            7.0,
        ),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}\n{text}");
    }
}

#[test]
fn series_do_not_grow_with_peers() {
    let series = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
    let few = series(&render(&view(1, 1, None)));
    assert_eq!(series(&render(&view(9_000, 1_000, None))), few);
    assert!(few < 400, "{few}");
    // On request, a bounded number for each peer.
    let peers = (0..10_000).map(|n| peer(n, if n % 10 == 0 { PeerState::Nhrp } else { PeerState::Up }));
    let many = render(&view(9_000, 1_000, Some(dmvpn(peers.collect()))));
    assert_eq!(series(&many) - few, 9_000 * 6 + 1_000 * 3);
    let down =
        "dmvpn_peer_up{interface=\"Tunnel0\",tunnel_address=\"10.0.0.10\",nbma_address=\"172.17.0.10\"}";
    assert_eq!(value(&many, down), Some(0.0));
}

#[test]
fn without_a_dataplane() {
    let mut view = view(0, 0, None);
    (view.status.dataplane, view.drops, view.workers) = (None, None, None);
    view.worker_traffic.clear();
    let text = render(&view);
    assert_eq!(value(&text, "dmvpn_dataplane_attached"), Some(0.0));
    assert!(!text.contains("dmvpn_worker_") && !text.contains("process=\"dataplane\""));
}

#[test]
fn routes_beyond_the_bound_are_counted() {
    let mut view = view(1, 0, None);
    let group = |n: u16| Ipv4Addr::from_bits(0xef00_0000 + u32::from(n));
    view.mroutes = (0..300).map(|n| Mroute { group: group(n), ..mroute(1) }).collect();
    let text = render(&view);
    assert_eq!(text.matches("dmvpn_mroute_copies_total{").count(), 256);
    assert!(text.contains("dmvpn_mroutes_without_series 44"));
}
