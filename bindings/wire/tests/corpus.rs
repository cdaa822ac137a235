//! The fuzz targets as plain tests: over every packet of the captures, cut short at every octet and with every octet
//! changed, and over the inputs that once failed (`fuzz/regressions/TARGET/`).
//!
//! `cargo test -p wire --test corpus -- --ignored` writes the captures as seeds to `fuzz/corpus/TARGET/`.
#![cfg(test)]

#[path = "../fuzz/harness.rs"]
mod harness;

use corpus::{Corpus, change, cut, hex, numbered};
use std::fs;
use std::path::{Path, PathBuf};

/// Octets from the front of a packet that are changed one by one: all headers, not the payload.
const CHANGED: usize = 96;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn captures() -> Vec<Vec<u8>> {
    let mut paths: Vec<_> =
        fs::read_dir(here("testdata")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "pcap"));
    paths.sort();
    assert!(!paths.is_empty());
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for file in captures() {
        let reader = wire::pcap::Reader::new(&file).unwrap();
        if reader.link() == wire::pcap::LINK_ETHERNET {
            frames.extend(reader.packets().map_while(Result::ok).map(|packet| packet.data.to_vec()));
        }
    }
    frames
}

/// The network layer of each frame.
fn packets() -> Vec<Vec<u8>> {
    let after = |frame: &Vec<u8>| Some(frame[wire::eth::parse(frame).ok()?.header_len..].to_vec());
    frames().iter().filter_map(after).collect()
}

/// IKE messages, and what was in their Encrypted payloads as messages in the clear.
fn ike() -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    for file in ["strongswan.json", "others.json", "malformed.json"] {
        let text = fs::read_to_string(here("testdata/ike").join(file)).unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        for message in file["messages"].as_array().unwrap() {
            let octets = hex(message["hex"].as_str().unwrap()).unwrap();
            if let Some(plaintext) = message["plaintext"].as_str() {
                let mut plaintext = hex(plaintext).unwrap();
                let padding = plaintext.pop().unwrap();
                plaintext.truncate(plaintext.len() - usize::from(padding));
                let mut clear = octets[..wire::ike::HEADER_LEN].to_vec();
                clear[16] = message["first"].as_u64().unwrap() as u8;
                clear.extend(plaintext);
                let length = clear.len() as u32;
                clear[24..28].copy_from_slice(&length.to_be_bytes());
                messages.push(clear);
            }
            messages.push(octets);
        }
    }
    messages
}

/// IGMP reports of versions 2 and 3, a PIM Join/Prune.
fn memberships() -> Vec<Vec<u8>> {
    let (hub, group) = ([10, 0, 0, 1].into(), [239, 1, 2, 3].into());
    let mut report = vec![0x22, 0, 0, 0, 0, 0, 0, 2, 6, 0, 0, 1, 239, 1, 2, 3, 10, 0, 0, 1];
    report.extend([4, 1, 0, 0, 239, 1, 2, 3, 0xee, 0xee, 0xee, 0xee]);
    let join = wire::pim::join_prune(hub, 210, group, &[(hub, 7)], &[(hub, 5), (hub, 4)]);
    vec![wire::igmp::emit(false, group).to_vec(), report, join]
}

/// Two frames, the second with a netlink message without attributes.
fn frames_of_zebra() -> Vec<Vec<u8>> {
    let mut octets = vec![1, 1, 0, 4, 1, 1, 0, 20, 16, 0, 0, 0, 24, 0, 1, 5];
    octets.resize(24, 0);
    vec![octets]
}

fn run(target: fn(&[u8]), name: &str, seeds: &[Vec<u8>]) {
    let failed = Corpus::of(env!("CARGO_MANIFEST_DIR")).regressions(name).unwrap();
    let others = |old: u8| [0, 0xff, old ^ 1, old ^ 0x80, old.wrapping_add(1)];
    for seed in seeds.iter().chain(&failed) {
        target(seed);
        cut(seed, 0..CHANGED, target);
        change(seed, 0..CHANGED, others, target);
    }
}

#[test]
fn frame() {
    run(harness::frame, "frame", &frames());
}

#[test]
fn fpm() {
    run(harness::fpm, "fpm", &frames_of_zebra());
}

#[test]
fn ike_messages() {
    run(harness::ike, "ike", &ike());
}

#[test]
fn ip() {
    run(harness::ip, "ip", &packets());
}

#[test]
fn membership() {
    run(harness::membership, "membership", &memberships());
}

#[test]
fn pcap() {
    run(harness::pcap, "pcap", &captures());
}

#[test]
#[ignore = "writes the seeds of the fuzz targets"]
fn write_seeds() {
    let corpus = Corpus::of(env!("CARGO_MANIFEST_DIR"));
    let all = [("fpm", frames_of_zebra()), ("frame", frames()), ("ike", ike()), ("ip", packets())];
    for (name, seeds) in all.into_iter().chain([("membership", memberships()), ("pcap", captures())]) {
        corpus.write(name, numbered("capture", seeds)).unwrap();
    }
}
