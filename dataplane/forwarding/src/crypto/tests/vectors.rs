//! Packets of others, with their keys (`testdata/esp`).

use super::*;
use serde_json::Value;

const FILES: [&str; 4] = [
    include_str!("../../../testdata/esp/mcgrew.json"),
    include_str!("../../../testdata/esp/dpdk.json"),
    include_str!("../../../testdata/esp/nhrp.json"),
    include_str!("../../../testdata/esp/wycheproof.json"),
];

struct Vector {
    name: String,
    keys: Keys,
    esn: bool,
    sequence: u64,
    packet: Vec<u8>,
    plaintext: Vec<u8>,
}

fn hex(value: &Value) -> Vec<u8> {
    let digits: Vec<u8> = value.as_str().unwrap().chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn vectors() -> Vec<Vector> {
    let lists = FILES.iter().flat_map(|file| serde_json::from_str::<Vec<Value>>(file).unwrap());
    let vector = |value: Value| {
        let named = |transform: &&Transform| value["transform"] == format!("{transform:?}");
        let transform = Transform::ALL.iter().find(named).unwrap();
        Vector {
            name: value["name"].as_str().unwrap().to_owned(),
            keys: Keys::new(*transform, &hex(&value["material"])).unwrap(),
            esn: value["esn"].as_bool().unwrap(),
            sequence: u64::from_str_radix(value["sequence"].as_str().unwrap(), 16).unwrap(),
            packet: hex(&value["packet"]),
            plaintext: hex(&value["plaintext"]),
        }
    };
    lists.map(vector).collect()
}

#[test]
fn packets_of_others_open() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 29 + 55);
    for choice in Choice::every() {
        let mut crypto = crypto(&choice);
        for vector in &vectors {
            let (inbound, _) = contexts(&choice, &vector.keys, vector.esn);
            let mut packet = vector.packet.clone();
            let status = open(&mut crypto, &inbound, &mut packet, vector.sequence);
            assert_eq!(status, Status::Done, "{} {choice:?}", vector.name);
            assert_eq!(packet[text(vector.keys.transform(), &packet)], vector.plaintext, "{}", vector.name);
        }
    }
}

/// Every bit of SPI, sequence number, IV, ciphertext and ICV is authenticated, with ESN the upper half too.
#[test]
fn a_flipped_bit_in_any_field_is_found_and_leaves_nothing_to_read() {
    for choice in Choice::every() {
        let mut crypto = crypto(&choice);
        for vector in &vectors() {
            let (inbound, _) = contexts(&choice, &vector.keys, vector.esn);
            let text = text(vector.keys.transform(), &vector.packet);
            for bit in 0..vector.packet.len() * 8 {
                let mut packet = vector.packet.clone();
                packet[bit / 8] ^= 1 << (bit % 8);
                let came = packet.clone();
                let status = open(&mut crypto, &inbound, &mut packet, vector.sequence);
                assert_eq!(status, Status::BadIcv, "{} bit {bit} {choice:?}", vector.name);
                let left = &packet[text.clone()];
                assert!(left == &came[text.clone()] || left.iter().all(|octet| *octet == 0));
                let behind = text.end;
                assert_eq!(
                    (&packet[..text.start], &packet[behind..]),
                    (&came[..text.start], &came[behind..])
                );
            }
            let mut packet = vector.packet.clone();
            let status = open(&mut crypto, &inbound, &mut packet, vector.sequence ^ 1 << 32);
            assert_eq!(status == Status::BadIcv, vector.esn, "{}", vector.name);
        }
    }
}
