//! The fuzz targets as plain tests: over a message of each kind, cut short at every octet and with every octet changed
//! to every value, and over the inputs that once failed (`fuzz/regressions/TARGET/`).
//!
//! `cargo test -p shm --test corpus -- --ignored` writes the messages as seeds to `fuzz/corpus/TARGET/`.
#![cfg(test)]

#[path = "../fuzz/harness.rs"]
mod harness;

use corpus::{Corpus, change, cut, numbered};
use shm::codec::{EventSlot, InjectSlot, PACKET_WORDS, UPDATE_WORDS, encode_update};
use shm::message::{
    Direction, Encap, Event, GroupRoute, Incoming, Inject, Keys, Mode, Protection, SaInbound, SaOutbound,
    SessionId, Target, Transform, Update, Ways, spi,
};
use std::net::Ipv4Addr;
use std::num::{NonZeroU8, NonZeroU64};
use zerocopy::IntoBytes;

const NBMA: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const PREFIX: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 0);
/// Octets from the front of a message that are changed one by one: the fixed part and the first of the packet.
const CHANGED: usize = 64;

fn updates() -> Vec<Vec<u8>> {
    let targets = [
        Target::Peer(999),
        Target::Link(16_383),
        Target::Tunnel(63),
        Target::Port(15),
        Target::Glean(0),
        Target::Paths(65_535),
        Target::Unresolved,
        Target::Drop,
    ];
    let route = |target| Update::Route { vrf: 0, prefix: PREFIX, len: 16, target };
    let inner = Mode::Tunnel { local: PREFIX, remote: NBMA };
    let mut updates: Vec<Update> = targets.map(route).to_vec();
    updates.extend([
        Update::Begin { generation: 1 },
        Update::End { generation: u64::MAX },
        Update::Link { id: 7, port: 1, mac: Some([2, 0, 0, 0, 0, 9]) },
        Update::Link { id: 7, port: 1, mac: None },
        Update::LinkDelete { id: 7 },
        Update::Peer { id: 9, tunnel: 1, nbma: NBMA, link: 7, multicast: true, protection: None },
        Update::Peer { id: 9, tunnel: 1, nbma: NBMA, link: 7, multicast: true, protection: protection() },
        inbound(Encap::Udp, Some(4_500), Mode::Transport, Keys::new(Transform::Gcm128, &[0x5a; 20])),
        inbound(Encap::Plain, None, inner, Keys::new(Transform::Cbc256Sha512, &[0x5a; 96])),
        Update::SaOutbound(SaOutbound {
            id: 7,
            spi: 0x8765_4321,
            tag: NonZeroU64::MIN,
            mode: inner,
            esn: true,
            hard_packets: 1 << 32,
            keys: Keys::new(Transform::Gcm256, &[0x5a; 36]).unwrap(),
        }),
        Update::SaDelete { id: 7, direction: Direction::Inbound },
        Update::SaDelete { id: 7, direction: Direction::Outbound },
        Update::Paths { id: 65_535, ways: Ways::new([Target::Unresolved]).unwrap() },
        Update::Paths { id: 0, ways: Ways::new((0..16).map(Target::Peer)).unwrap() },
        Update::PathsDelete { id: 7 },
        Update::Group { id: 4_095, route: group(None, Incoming::Kernel) },
        Update::Group { id: 1, route: group(Some(NBMA), Incoming::Port(15)) },
        Update::Group { id: 1, route: group(Some(NBMA), Incoming::Tunnel(63)) },
        Update::GroupMember { id: 1, peer: 999 },
        Update::GroupMemberDelete { id: 1, peer: 999 },
        Update::GroupDelete { id: 4_095 },
        Update::PeerDelete { id: 9 },
        Update::RouteDelete { vrf: 0, prefix: Ipv4Addr::UNSPECIFIED, len: 0 },
    ]);
    let octets = |update| {
        let mut words = [0; UPDATE_WORDS];
        let used = encode_update(update, 1_000, &mut words).unwrap();
        words[..used].as_bytes().to_vec()
    };
    updates.iter().map(octets).collect()
}

fn group(source: Option<Ipv4Addr>, incoming: Incoming) -> GroupRoute {
    let group = Ipv4Addr::new(239, 1, 2, 3);
    GroupRoute { source, group, incoming, tunnels: 1 << 63, ports: 1 << 15, kernel: source.is_none() }
}

fn protection() -> Option<Protection> {
    Some(Protection { session: SessionId::MIN, sa: Some(7), udp: Some(4_501) })
}

fn inbound(encap: Encap, udp: Option<u16>, mode: Mode, keys: Option<Keys>) -> Update {
    Update::SaInbound(SaInbound {
        id: 7,
        spi: spi(NonZeroU8::MAX, 7),
        tag: NonZeroU64::MAX,
        session: SessionId::MAX,
        local: PREFIX,
        nbma: NBMA,
        udp,
        encap,
        mode,
        esn: true,
        window: 1_024,
        keys: keys.unwrap(),
    })
}

fn events() -> Vec<Vec<u8>> {
    let packets: [&[u8]; 3] = [&[], &[0x55; 13], &[0xaa; 128]];
    let of_packet = packets.into_iter().flat_map(|packet| {
        [
            Event::Nhrp { tunnel: 1, nbma: NBMA, session: None, packet },
            Event::Redirect { tunnel: 63, peer: 999, nbma: NBMA, session: Some(SessionId::MAX), packet },
            Event::Membership { tunnel: 63, peer: 999, nbma: NBMA, session: None, packet },
            Event::Ike { nbma: NBMA, port: 1_024, local: PREFIX, local_port: 4_500, packet },
        ]
    });
    let refused = |key| Event::Refused { reason: 3, nbma: NBMA, local: PREFIX, key };
    let moved = |port| Event::Moved { sa: 3_023, nbma: NBMA, port };
    let glean = Event::Glean { port: 1, address: NBMA };
    let others = [refused(None), refused(Some(0)), glean, moved(None), moved(Some(1))];
    let octets = |event: Event<'_>| {
        let mut words = [0; PACKET_WORDS];
        let used = EventSlot::encode(&event, 1_000, &mut words).unwrap();
        words[..used].as_bytes().to_vec()
    };
    of_packet.chain(others).map(octets).collect()
}

fn injects() -> Vec<Vec<u8>> {
    let octets = |inject: Inject<'_>| {
        let mut words = [0; PACKET_WORDS];
        let used = InjectSlot::encode(&inject, 1_000, &mut words).unwrap();
        words[..used].as_bytes().to_vec()
    };
    let seeds = |len: usize| {
        let packet = &vec![0x77; len][..];
        let nhrp = |protection| Inject::Nhrp { tunnel: 1, nbma: NBMA, link: 16_383, protection, packet };
        let ike =
            |local_port| Inject::Ike { local: PREFIX, local_port, nbma: NBMA, port: 4_501, link: 5, packet };
        [nhrp(None), nhrp(protection()), ike(500), ike(4_500)].map(octets)
    };
    [0, 1, 8, 100, shm::message::MAX_PAYLOAD].into_iter().flat_map(seeds).collect()
}

fn run(target: fn(&[u8]), name: &str, seeds: &[Vec<u8>]) {
    let failed = Corpus::of(env!("CARGO_MANIFEST_DIR")).regressions(name).unwrap();
    for seed in seeds.iter().chain(&failed) {
        target(seed);
        cut(seed, 0.., target);
        target(&[&seed[..], &[0; 8]].concat());
        change(seed, 0..CHANGED, |_| 0..=u8::MAX, target);
    }
}

#[test]
fn update() {
    run(harness::update, "update", &updates());
}

#[test]
fn event() {
    run(harness::event, "event", &events());
}

#[test]
fn inject() {
    run(harness::inject, "inject", &injects());
}

#[test]
#[ignore = "writes the seeds of the fuzz targets"]
fn write_seeds() {
    let corpus = Corpus::of(env!("CARGO_MANIFEST_DIR"));
    for (name, seeds) in [("update", updates()), ("event", events()), ("inject", injects())] {
        corpus.write(name, numbered("message", seeds)).unwrap();
    }
}
