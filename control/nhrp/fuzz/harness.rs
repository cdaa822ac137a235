//! What must hold for any octets. Each function is a fuzz target, and a plain test runs it over the captures
//! (`tests/corpus.rs`).

use nhrp::{
    Action, Authentication, Clear, Phase, Reach, Server, ServerConfig, Session, StaticMap, Station,
    TunnelConfig, TunnelId,
};
use std::collections::HashMap;
use std::net::Ipv4Addr;
use wire::nhrp::{Builder, ChecksumRule, FIXED_LEN, MAX_CIES, MAX_EXTENSIONS, MAX_PACKET, Packet};

/// One packet: accessors do not fail, and what is taken apart and put together again is the same.
pub fn codec(data: &[u8]) {
    let _ = Packet::parse(data, ChecksumRule::AcceptLegacyOdd);
    let octets = with_checksum(data);
    let Ok(packet) = Packet::parse(&octets, ChecksumRule::Strict) else { return };
    assert!(packet.cies().count() <= MAX_CIES);
    assert!(packet.extensions().count() <= MAX_EXTENSIONS);
    let mut copy = Builder::copy(&packet, packet.hop_count());
    let mut ended = packet.has_extensions();
    for extension in packet.extensions() {
        assert!(packet.list(&extension).count() <= MAX_CIES);
        copy.raw_extension(extension.raw_type, extension.value);
        ended = true;
    }
    if ended {
        copy.end();
    }
    let Ok(copy) = copy.finish() else { return };
    let again = Packet::parse(&copy, ChecksumRule::Strict).expect("what was built parses");
    assert_eq!(again.kind(), packet.kind());
    assert_eq!(again.body(), packet.body());
    assert!(again.extensions().eq(packet.extensions()));
    assert!(again.cies().eq(packet.cies()));
}

/// The hub's NBMA address.
pub const HUB_NBMA: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// The hub's tunnel address.
pub const HUB: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);
const MAX_BINDINGS: usize = 20;
const MAX_FAILURES: usize = 10;

/// A sequence of events. The first octet chooses phase and password; each event is an octet of kind, one of peer, two
/// of length, and that many octets.
pub fn server(data: &[u8]) {
    let Some((&choice, mut rest)) = data.split_first() else { return };
    let mut server = Server::new(config(choice)).expect("the configuration is good");
    let mut actions = Vec::new();
    server.start(0, &mut actions);
    let mut mirror = HashMap::new();
    follow(&actions, &mut mirror);
    let mut now_ms = 1_000;
    while let Some((&[kind, peer, hi, lo], after)) = rest.split_first_chunk::<4>() {
        let len = usize::from(u16::from_be_bytes([hi, lo])).min(after.len());
        let (payload, after) = after.split_at(len);
        rest = after;
        actions.clear();
        let nbma = Ipv4Addr::new(203, 0, 113, peer);
        let session = Session::new(u32::from(peer & 3)).filter(|_| kind & 0x40 != 0);
        let station = Station { nbma, session };
        match kind % 8 {
            0..=3 => {
                server.packet(now_ms, kind >> 7, station, &with_checksum(payload), &routes, &mut actions)
            }
            4 => server.redirect(now_ms, 0, station, payload, &routes, &mut actions),
            5 => {
                now_ms += u64::from(u16::from_be_bytes([hi, lo])) * 100;
                server.tick(now_ms, &mut actions);
            }
            6 if let Some(session) = session => match hi & 1 {
                0 => server.session_gone(now_ms, session, "gone", &mut actions),
                _ => server.session_moved(now_ms, session, nbma, &mut actions),
            },
            6 => {
                server.clear(now_ms, Clear::Peer { tunnel: None, nbma }, &mut actions);
            }
            _ => server.routes_changed(now_ms, Ipv4Addr::new(10, peer, 0, 0), 16, &routes, &mut actions),
        }
        follow(&actions, &mut mirror);
        check(&server, now_ms, &mirror);
    }
}

fn config(choice: u8) -> ServerConfig {
    let mut tunnel = TunnelConfig::new(0, HUB_NBMA, HUB, 24);
    tunnel.phase = match choice % 3 {
        0 => Phase::Three,
        1 => Phase::Two,
        _ => Phase::One,
    };
    tunnel.legacy_odd_checksum = choice & 4 != 0;
    tunnel.hold_zero_deregisters = choice & 8 != 0;
    tunnel.require_registration = choice & 16 == 0;
    if choice & 32 != 0 {
        tunnel.authentication = Authentication::new("secret").ok();
    }
    tunnel.map.push(StaticMap {
        protocol: Ipv4Addr::new(10, 255, 0, 50),
        nbma: Ipv4Addr::new(203, 0, 113, 50),
        multicast: true,
    });
    let mut other = TunnelConfig::new(1, Ipv4Addr::new(203, 0, 113, 2), Ipv4Addr::new(10, 254, 0, 1), 32);
    other.network_id = u32::from(choice >> 6);
    ServerConfig {
        tunnels: vec![tunnel, other],
        max_bindings: MAX_BINDINGS,
        max_failures: MAX_FAILURES,
        seed: 1,
    }
}

fn routes(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [10, 100, n, _] if n < 20 => {
            Reach::Spoke { tunnel: 0, protocol: Ipv4Addr::new(10, 255, 0, n + 10), prefix_len: 24 }
        }
        [172, 16..=31, ..] => Reach::Hub { prefix_len: 12 },
        _ => Reach::None,
    }
}

/// Who follows the actions knows the cache; whatever is sent parses.
fn follow(actions: &[Action], mirror: &mut HashMap<(TunnelId, Ipv4Addr), Ipv4Addr>) {
    for action in actions {
        match action {
            Action::Send { packet, .. } => {
                assert!(packet.len() <= MAX_PACKET);
                Packet::parse(packet, ChecksumRule::Strict).expect("what is sent parses");
            }
            Action::Bind { binding, .. } | Action::Refresh { binding } => {
                mirror.insert((binding.tunnel, binding.protocol), binding.nbma);
            }
            Action::Unbind { tunnel, protocol, station, .. } => {
                assert_eq!(mirror.remove(&(*tunnel, *protocol)), Some(station.nbma));
            }
            Action::Log(event) => assert!(!event.to_string().is_empty()),
        }
    }
}

fn check(server: &Server, now_ms: u64, mirror: &HashMap<(TunnelId, Ipv4Addr), Ipv4Addr>) {
    let cache: HashMap<_, _> = server.bindings().map(|b| ((b.tunnel, b.protocol), b.nbma)).collect();
    assert_eq!(*mirror, cache);
    assert!(server.len() <= MAX_BINDINGS);
    assert!(server.failures().count() <= MAX_FAILURES);
    assert!(server.next_deadline().is_none_or(|deadline| deadline > now_ms));
    assert!(server.cache(now_ms).count() >= server.len());
}

/// The packet with its size field (unless it is smaller by intent) and checksum made good.
pub fn with_checksum(data: &[u8]) -> Vec<u8> {
    let mut octets = data.to_vec();
    let size = match octets.get(10..12) {
        Some(&[hi, lo]) => usize::from(u16::from_be_bytes([hi, lo])).min(octets.len()),
        _ => return octets,
    };
    if size < FIXED_LEN {
        return octets;
    }
    octets[12..14].fill(0);
    let sum = wire::checksum::checksum(&octets[..size]);
    octets[12..14].copy_from_slice(&sum.to_be_bytes());
    octets
}
