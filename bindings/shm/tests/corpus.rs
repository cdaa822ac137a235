//! The fuzz targets as plain tests: over a message of each kind, cut short at every octet and with every octet changed
//! to every value, and over the inputs that once failed (`fuzz/regressions/TARGET/`).
//!
//! `cargo test -p shm --test corpus -- --ignored` writes the messages as seeds to `fuzz/corpus/TARGET/`.
#![cfg(test)]

#[path = "../fuzz/harness.rs"]
mod harness;

use shm::codec::{EventSlot, InjectSlot, PACKET_WORDS, UpdateSlot};
use shm::message::{Event, Inject, Target, Update};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::{fs, io};
use zerocopy::IntoBytes;

const NBMA: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const PREFIX: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 0);
/// Octets from the front of a message that are changed one by one: the fixed part and the first of the packet.
const CHANGED: usize = 40;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(directory: &Path) -> Vec<Vec<u8>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        entries => entries.unwrap(),
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

fn updates() -> Vec<Vec<u8>> {
    let targets = [
        Target::Peer(999),
        Target::Link(16_383),
        Target::Tunnel(63),
        Target::Port(15),
        Target::Glean(0),
        Target::Unresolved,
        Target::Drop,
    ];
    let route = |target| Update::Route { prefix: PREFIX, len: 16, target };
    let mut updates: Vec<Update> = targets.map(route).to_vec();
    updates.extend([
        Update::Begin { generation: 1 },
        Update::End { generation: u64::MAX },
        Update::Link { id: 7, port: 1, mac: Some([2, 0, 0, 0, 0, 9]) },
        Update::Link { id: 7, port: 1, mac: None },
        Update::LinkDelete { id: 7 },
        Update::Peer { id: 9, tunnel: 1, nbma: NBMA, link: 7, multicast: true },
        Update::PeerDelete { id: 9 },
        Update::RouteDelete { prefix: Ipv4Addr::UNSPECIFIED, len: 0 },
    ]);
    updates.iter().map(|update| UpdateSlot::encode(update, 1_000).unwrap().as_bytes().to_vec()).collect()
}

fn events() -> Vec<Vec<u8>> {
    let packets: [&[u8]; 3] = [&[], &[0x55; 13], &[0xaa; 128]];
    let of_packet = packets.into_iter().flat_map(|packet| {
        [
            Event::Nhrp { tunnel: 1, nbma: NBMA, packet },
            Event::Redirect { tunnel: 63, peer: 999, nbma: NBMA, packet },
        ]
    });
    let refused = |key| Event::Refused { reason: 3, nbma: NBMA, local: PREFIX, key };
    let others = [refused(None), refused(Some(0)), Event::Glean { port: 1, address: NBMA }];
    let octets = |event: Event<'_>| {
        let mut words = [0; PACKET_WORDS];
        let used = EventSlot::encode(&event, 1_000, &mut words).unwrap();
        words[..used].as_bytes().to_vec()
    };
    of_packet.chain(others).map(octets).collect()
}

fn injects() -> Vec<Vec<u8>> {
    let octets = |len: usize| {
        let packet = vec![0x77; len];
        let mut words = [0; PACKET_WORDS];
        let inject = Inject { tunnel: 1, nbma: NBMA, link: 16_383, packet: &packet };
        let used = InjectSlot::encode(&inject, &mut words).unwrap();
        words[..used].as_bytes().to_vec()
    };
    [0, 1, 8, 100, shm::message::MAX_PAYLOAD].into_iter().map(octets).collect()
}

fn run(target: fn(&[u8]), name: &str, seeds: &[Vec<u8>]) {
    for seed in seeds.iter().chain(&files(&here("fuzz/regressions").join(name))) {
        target(seed);
        for short in 0..seed.len() {
            target(&seed[..short]);
        }
        let mut changed = seed.clone();
        changed.extend([0; 8]);
        target(&changed);
        changed.truncate(seed.len());
        for at in 0..seed.len().min(CHANGED) {
            let before = changed[at];
            for value in 0..=u8::MAX {
                changed[at] = value;
                target(&changed);
            }
            changed[at] = before;
        }
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
    for (name, seeds) in [("update", updates()), ("event", events()), ("inject", injects())] {
        let directory = here("fuzz/corpus").join(name);
        fs::create_dir_all(&directory).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(directory.join(format!("message-{number:03}")), seed).unwrap();
        }
    }
}
