//! The fuzz targets as plain tests: over every packet of the captures, cut short at every octet and with every octet
//! changed, and over the inputs that once failed (`fuzz/regressions/TARGET/`).
//!
//! `cargo test -p forwarding --test corpus -- --ignored` writes the seeds to `fuzz/corpus/TARGET/`.
#![cfg(test)]

#[path = "../fuzz/esp.rs"]
mod esp;
#[path = "../fuzz/harness.rs"]
mod harness;
#[path = "../fuzz/hub.rs"]
mod hub;

use corpus::{Corpus, change, cut, files, numbered};
use std::path::Path;
use wire::{eth, gre, ip4, pcap};

/// Octets from the front of an input that are changed one by one: all headers, not the payload.
const CHANGED: usize = 80;

/// All captured frames.
fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bindings/wire/testdata");
    for file in files(&captures).unwrap() {
        let Ok(reader) = pcap::Reader::new(&file) else { continue };
        frames.extend(reader.packets().map_while(Result::ok).map(|packet| packet.data.to_vec()));
    }
    assert!(!frames.is_empty());
    frames
}

/// All captured IPv4 packets, outer and inner.
fn packets() -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for frame in frames() {
        let Ok(header) = eth::parse(&frame) else { continue };
        let Ok(outer) = ip4::parse(&frame[header.header_len..]) else { continue };
        packets.push(outer.octets().to_vec());
        if let Ok(inner) = gre::parse(outer.payload())
            && let Ok(inner) = ip4::parse(inner.payload)
        {
            packets.push(inner.octets().to_vec());
        }
    }
    packets
}

/// Each packet with an MTU that cuts it.
fn fragment_seeds() -> Vec<Vec<u8>> {
    packets().iter().map(|packet| [&[0, 68][..], packet].concat()).collect()
}

/// Runs of fragments: each packet's payload cut in records that the harness takes for fragments of one datagram.
fn reassembly_seeds() -> Vec<Vec<u8>> {
    let run = |packet: &Vec<u8>| {
        let mut run = vec![0xff];
        let pieces = packet[ip4::LEN..].chunks(40);
        let last = pieces.len().saturating_sub(1);
        for (number, piece) in pieces.enumerate() {
            let mut header = packet[..ip4::LEN].to_vec();
            header[6] = if number == last { 0 } else { 0x20 };
            header[7] = (number * 5) as u8;
            run.extend([1, (header.len() + piece.len()) as u8]);
            run.extend(header.iter().chain(piece));
        }
        run
    };
    packets().iter().map(run).collect()
}

/// Each captured frame as it is, and each inner packet as if spoke 1, the LAN or the kernel sent it, in small runs.
fn process_seeds() -> Vec<Vec<u8>> {
    let record = |flags: u8, octets: &[u8]| {
        let [high, low] = (octets.len() as u16).to_be_bytes();
        [&[flags, high, low], octets].concat()
    };
    let frames = frames().into_iter().map(|frame| record(2, &frame));
    let mut seeds: Vec<_> = frames.collect();
    for packet in packets() {
        let mut to_host = packet.clone();
        to_host[16..20].copy_from_slice(&hub::HOST[1].octets());
        let mut several = packet.clone();
        several[16..20].copy_from_slice(&[10, 77, 1, 1]);
        let each =
            [(3 | 4 | 8, &to_host), (3, &packet), (1 | 4, &to_host), (4, &to_host), (3 | 4 | 8, &several)];
        seeds.push(each.iter().flat_map(|(flags, packet)| record(*flags, packet)).collect());
    }
    seeds
}

/// Each captured packet as ESP of either spoke, plain and in UDP; and within GRE with a trailer as what an authentic one
/// holds, in transport and in tunnel mode.
fn esp_seeds() -> Vec<Vec<u8>> {
    let record = |flags: u8, octets: &[u8]| {
        let [high, low] = (octets.len() as u16).to_be_bytes();
        [&[flags, high, low], octets].concat()
    };
    let seed = |packet: Vec<u8>| {
        let mut to_host = packet.clone();
        to_host[16..20].copy_from_slice(&hub::HOST[1].octets());
        let _ = ip4::fill_checksum(&mut to_host);
        // Padded to whole blocks, since the harness would do it in front.
        let padded = |mut text: Vec<u8>, block: usize, next: u8| {
            let len = text.len();
            text.resize(len + wire::esp::padding(len, block) + wire::esp::TRAILER, 0);
            wire::esp::put_trailer(&mut text[len..], next).unwrap();
            text
        };
        let gre = hub::gre(hub::KEY, gre::PROTO_IPV4, &to_host);
        let tunnel = hub::ip(hub::SPOKE_NBMA[1], hub::NBMA, ip4::protocol::GRE, 64, &gre);
        let (gre, tunnel) = (padded(gre, 4, 47), padded(tunnel, 16, 4));
        let each = [(0x53, &gre), (0x5b | 4, &tunnel), (2, &packet), (1 | 4, &packet), (2 | 4 | 8, &packet)];
        each.iter().flat_map(|(flags, octets)| record(*flags, octets)).collect()
    };
    packets().into_iter().map(seed).collect()
}

/// For each transform, with and without extended sequence numbers, a batch of captured packets.
fn crypto_seeds() -> Vec<Vec<u8>> {
    let packets = packets();
    let seed = |(number, packets): (usize, &[Vec<u8>])| {
        let mut seed = vec![number as u8 / 2, number as u8, 0, 0, 0, 1, 0, 0, 0, 2, 0x5a];
        for packet in packets {
            seed.extend((packet.len() as u16).to_be_bytes());
            seed.extend(packet);
        }
        seed
    };
    packets.chunks(5).take(20).enumerate().map(seed).collect()
}

fn run(target: fn(&[u8]), name: &str, seeds: &[Vec<u8>]) {
    let failed = Corpus::of(env!("CARGO_MANIFEST_DIR")).regressions(name).unwrap();
    for seed in seeds.iter().chain(&failed) {
        target(seed);
        cut(seed, 0..CHANGED, target);
        change(seed, 0..CHANGED, |old| [0, 0xff, old ^ 1, old ^ 0x80], target);
    }
}

/// A target's name, itself, and what makes its inputs.
type Target = (&'static str, fn(&[u8]), fn() -> Vec<Vec<u8>>);

const TARGETS: [Target; 6] = [
    ("crypto", harness::crypto, crypto_seeds),
    ("esp", esp::esp, esp_seeds),
    ("fragment", harness::fragment, fragment_seeds),
    ("leaves", harness::leaves, packets),
    ("process", harness::process, process_seeds),
    ("reassembly", harness::reassembly, reassembly_seeds),
];

fn captures_hold(name: &str, step: usize) {
    for (name, target, seeds) in TARGETS.into_iter().filter(|target| target.0 == name) {
        // Neighbouring packets differ little; not taking all keeps the test short.
        let seeds: Vec<_> = seeds().into_iter().step_by(step).collect();
        run(target, name, &seeds);
    }
}

#[test]
fn crypto() {
    captures_hold("crypto", 3);
}

#[test]
fn esp() {
    captures_hold("esp", 9);
    let (opened, sealed) = esp::progress();
    assert!(opened > 1000 && sealed > 1000, "{opened} {sealed}: nothing gets past the keys");
}

#[test]
fn fragment() {
    captures_hold("fragment", 2);
}

#[test]
fn leaves() {
    captures_hold("leaves", 4);
}

#[test]
fn process() {
    captures_hold("process", 7);
}

#[test]
fn reassembly() {
    captures_hold("reassembly", 2);
}

#[test]
#[ignore = "writes the seeds of the fuzz targets"]
fn write_seeds() {
    let corpus = Corpus::of(env!("CARGO_MANIFEST_DIR"));
    for (name, _, seeds) in TARGETS {
        corpus.write(name, numbered("capture", seeds())).unwrap();
    }
}
