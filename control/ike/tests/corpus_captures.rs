//! The fuzz targets `session`, `identity` and `certificate` as plain tests: over messages of the captures and over
//! certificates, cut short and with octets changed, and over the inputs that once failed (`fuzz/regressions/TARGET/`).
//!
//! `cargo test -p ike --test corpus_captures -- --ignored` writes the seeds to `fuzz/corpus/TARGET/`.
#![cfg(test)]

#[path = "../fuzz/names.rs"]
mod names;
#[path = "../fuzz/session.rs"]
mod session;
#[path = "../fuzz/spoke.rs"]
mod spoke;
#[path = "../fuzz/world.rs"]
mod world;

use corpus::{Corpus, change, cut, numbered};
use std::fs;
use std::path::{Path, PathBuf};
use wire::ike::{Flags, HEADER_LEN};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A captured message, and what was in its Encrypted payload with the type of the first payload before it.
struct Captured {
    octets: Vec<u8>,
    inner: Option<Vec<u8>>,
}

impl Captured {
    fn is_response(&self) -> bool {
        self.octets[19] & Flags::RESPONSE != 0
    }
}

fn hex(text: &str) -> Vec<u8> {
    corpus::hex(text).unwrap()
}

fn captured() -> Vec<Captured> {
    let mut messages = Vec::new();
    for file in ["strongswan.json", "others.json", "malformed.json"] {
        let text = fs::read_to_string(here("../../bindings/wire/testdata/ike").join(file)).unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        for message in file["messages"].as_array().unwrap() {
            let octets = hex(message["hex"].as_str().unwrap());
            let inner = message["plaintext"].as_str().map(|plaintext| {
                let plaintext = hex(plaintext);
                // The last octet says how many there are of padding before it.
                let (padding, padded) = plaintext.split_last().unwrap();
                let first = message["first"].as_u64().unwrap() as u8;
                [&[first], &padded[..padded.len() - usize::from(*padding)]].concat()
            });
            if octets.len() >= HEADER_LEN {
                messages.push(Captured { octets, inner });
            }
        }
    }
    messages
}

fn record(flags: u8, what: u8, octets: &[u8]) -> Vec<u8> {
    let [high, low] = (octets.len() as u16).to_be_bytes();
    [&[flags, what, high, low], octets].concat()
}

/// What was in the captures' Encrypted payloads as a peer's own words, in several configurations; and honest peers.
fn session_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (number, message) in captured().iter().enumerate() {
        let Some(inner) = &message.inner else { continue };
        let what = match message.octets[18] {
            35 => 0,
            36 => 2,
            37 => 5,
            _ => 6,
        };
        let choice = (number as u8).wrapping_mul(37);
        if message.is_response() {
            let asked = [record(6, 1, &[]), record(6, 0, &[]), record(3, 0, inner), record(3, 0, inner)];
            seeds.push([&[choice, 2][..], &asked.concat()].concat());
        } else {
            let begin = if what == 0 { 0 } else { 2 };
            seeds.push([&[choice, begin][..], &record(2 | 8, what, inner)].concat());
            let parts = record(2 | 8 | 0x80 | 16, what, inner);
            seeds.push([&[choice, begin | 1][..], &parts, &record(4, number as u8, &[])].concat());
        }
    }
    for choice in [0, 1, 2, 4, 8, 16, 32, 64, 128 | 1] {
        let steps: Vec<u8> = (0..7).flat_map(|what| record(4, what, &[])).collect();
        seeds.push([&[choice, 2][..], &steps].concat());
        let ours = [record(6, 0, &[]), record(3, 0, &[]), record(6, 1, &[]), record(3, 0, &[])].concat();
        let after =
            [record(5, 200, &[]), record(6, 5, &[]), record(7, 2, &[]), record(5 | 8, 200, &[])].concat();
        seeds.push([&[choice, 3][..], &ours, &record(3, 0, &[]), &after].concat());
    }
    seeds
}

fn identity_seeds() -> Vec<Vec<u8>> {
    let dn = hex("30243110300e060355040a0c074578616d706c653110300e06035504030c0746757a7a204341");
    let bodies: [(u8, &[u8]); 9] = [
        (1, &[198, 51, 100, 7]),
        (2, b"spoke1.example.net"),
        (2, b"198.51.100.7"),
        (3, b"spoke1@example.net"),
        (9, &dn),
        (11, b"branch7"),
        (11, b"0x00"),
        (11, &[0, 255]),
        (5, &[0; 16]),
    ];
    let body = |(kind, data): (u8, &[u8])| [&[kind, 0, 0, 0], data].concat();
    let pair = |one: Vec<u8>, two: Vec<u8>| [&[one.len() as u8][..], &one, &two].concat();
    let mut seeds: Vec<_> =
        bodies.iter().flat_map(|one| bodies.map(|two| pair(body(*one), body(two)))).collect();
    for text in
        ["*.example.net", "*@example.net", "*", "C=DE, O=a\\,b+CN=x", "keyid:0x00ff", "10.0.0.1", "a.b."]
    {
        seeds.push(pair(text.into(), b"0x0a0b".to_vec()));
    }
    seeds
}

fn certificate_seeds() -> Vec<Vec<u8>> {
    let crl = include_bytes!("../testdata/pki/ca.crl");
    let pem = |name: &str| fs::read(here("testdata").join(name)).unwrap();
    // What is signed is the first element; these lengths have two octets, the list's has one.
    let spoke = &world::SPOKE[4..][..4 + usize::from(u16::from_be_bytes([world::SPOKE[6], world::SPOKE[7]]))];
    let list = &crl[3..][..3 + usize::from(crl[5])];
    let fqdn = b"\x02\0\0\0spoke1.example.net";
    let address = [1, 0, 0, 0, 198, 51, 100, 7];
    let email = b"\x03\0\0\0spoke1@example.net";
    let seed = |flags: u8, identity: &[u8], one: &[u8], two: &[u8]| {
        let head = [&[flags, identity.len() as u8], identity, &(one.len() as u16).to_be_bytes()].concat();
        [&head[..], one, two].concat()
    };
    let mut seeds = Vec::new();
    for identity in [&fqdn[..], &address, email] {
        seeds.push(seed(0, identity, world::SPOKE, &[]));
        seeds.push(seed(16, identity, spoke, &[]));
        seeds.push(seed(2 | 8, identity, world::SPOKE, crl));
        seeds.push(seed(4 | 8 | 16, identity, spoke, list));
        seeds.push(seed(1 | 32, identity, world::SPOKE, world::AUTHORITY));
        seeds.push(seed(16 | 32 | 64, identity, spoke, &world::AUTHORITY[4..]));
    }
    for name in
        ["keys/sec1.pem", "keys/rsa.pem", "keys/ed25519.pem", "keys/encrypted.pem", "crl/version1.pem"]
    {
        seeds.push(seed(128, fqdn, world::SPOKE, &pem(name)));
        seeds.push(seed(128, fqdn, &pem(name), world::SPOKE_KEY));
    }
    seeds
}

/// Each seed, cut short here and there, and with octets changed: `step` says how many are left out.
fn run(target: fn(&[u8]), name: &str, seeds: &[Vec<u8>], step: usize) {
    let failed = Corpus::of(env!("CARGO_MANIFEST_DIR")).regressions(name).unwrap();
    failed.iter().for_each(|input| target(input));
    for (number, seed) in seeds.iter().enumerate() {
        target(seed);
        cut(seed, (number % step..).step_by(step), target);
        let mut flips = [1, 0x80, 0xff].into_iter().cycle().skip(number % 3);
        change(seed, (number % step..).step_by(step), |old| flips.next().map(|flip| old ^ flip), target);
    }
}

/// Else what follows tries little.
#[test]
fn peers_get_in() {
    for choice in (0..=255).step_by(17) {
        for cbc in [false, true] {
            let mut world = world::World::new(choice);
            world.forge = true;
            let mut spoke = spoke::Spoke::new(1, cbc);
            spoke.init(&mut world);
            spoke.auth(&mut world);
            assert!(spoke.established, "{choice}");
            spoke.honest(&mut world, 4);
            let rekeys =
                |world: &world::World| world.responder.sessions().iter().map(|view| view.rekeys).max();
            assert_eq!(rekeys(&world), Some(1), "{choice}");
            // Under the new keys.
            spoke.honest(&mut world, 4);
            assert_eq!(rekeys(&world), Some(2), "{choice}");
            world.end();
        }
    }
}

#[test]
fn certificate() {
    run(names::certificate, "certificate", &certificate_seeds(), 19);
}

#[test]
fn identity() {
    run(names::identity, "identity", &identity_seeds(), 1);
}

#[test]
fn sessions() {
    run(session::session, "session", &session_seeds(), 61);
}

#[test]
#[ignore = "writes the seeds of the fuzz targets"]
fn write_seeds() {
    let corpus = Corpus::of(env!("CARGO_MANIFEST_DIR"));
    for (name, seeds) in
        [("certificate", certificate_seeds()), ("identity", identity_seeds()), ("session", session_seeds())]
    {
        corpus.write(name, numbered("seed", seeds)).unwrap();
    }
}
