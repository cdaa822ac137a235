//! Reading IKE messages out of capture files.
#![allow(dead_code)]

use ike::crypto::{Encryption, Envelope, Integrity, Keys, Prf, Spis, Suite};
use wire::pcap::{LINK_ETHERNET, Reader};

const ENCRYPTED: u8 = 46;
const FRAGMENT: u8 = 53;

/// An IKEv2 message as it was sent, from the initiator's SPI on.
#[derive(Clone, Debug)]
pub struct Message {
    pub octets: Vec<u8>,
}

impl Message {
    pub fn exchange(&self) -> u8 {
        self.octets[18]
    }

    pub fn is_of_initiator(&self) -> bool {
        self.octets[19] & 0x08 != 0
    }

    pub fn is_response(&self) -> bool {
        self.octets[19] & 0x20 != 0
    }

    pub fn spis(&self) -> Spis {
        Spis {
            initiator: self.octets[..8].try_into().unwrap(),
            responder: self.octets[8..16].try_into().unwrap(),
        }
    }

    /// Where the encrypted payload is.
    pub fn encrypted(&self) -> Option<(usize, Envelope)> {
        let (mut kind, mut at) = (self.octets[16], 28);
        loop {
            match kind {
                0 => return None,
                ENCRYPTED => return Some((at, Envelope::Whole)),
                FRAGMENT => return Some((at, Envelope::Fragment)),
                _ => {}
            }
            kind = self.octets[at];
            at += usize::from(u16::from_be_bytes([self.octets[at + 2], self.octets[at + 3]]));
        }
    }
}

/// Every IKEv2 message on UDP 500 and 4500 (there after the non-ESP marker).
pub fn ike_messages(file: &[u8]) -> Vec<Message> {
    let reader = Reader::new(file).unwrap();
    let mut messages = Vec::new();
    for packet in reader.packets() {
        let data = packet.unwrap().data;
        let ip = if reader.link() == LINK_ETHERNET { &data[14..] } else { data };
        if ip[0] >> 4 != 4 || ip[9] != 17 {
            continue;
        }
        let udp = &ip[usize::from(ip[0] & 15) * 4..];
        let port = |at: usize| u16::from_be_bytes([udp[at], udp[at + 1]]);
        let body = &udp[8..usize::from(port(4))];
        let body = match (port(0), port(2)) {
            (500, _) | (_, 500) => body,
            (4500, _) | (_, 4500) if body.starts_with(&[0; 4]) => &body[4..],
            _ => continue,
        };
        if body.len() >= 28 && body[17] == 0x20 {
            messages.push(Message { octets: body.to_vec() });
        }
    }
    messages
}

/// Types and bodies of inner payloads; they fill the octets exactly.
pub fn payloads(first: u8, mut octets: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut kind, mut found) = (first, Vec::new());
    while kind != 0 {
        let length = usize::from(u16::from_be_bytes([octets[2], octets[3]]));
        found.push((kind, octets[4..length].to_vec()));
        kind = octets[0];
        octets = &octets[length..];
    }
    assert!(octets.is_empty());
    found
}

/// A line of Wireshark's `ikev2_decryption_table`. It has no SK_d, SK_pi and SK_pr: those are zero here.
pub fn wireshark_keys(line: &str) -> (Spis, Keys) {
    let fields: Vec<&str> = line.split(',').map(|field| field.trim_matches('"')).collect();
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let spis =
        Spis { initiator: hex(fields[0]).try_into().unwrap(), responder: hex(fields[1]).try_into().unwrap() };
    let encryption = match fields[4] {
        "AES-CBC-128 [RFC3602]" => Encryption::AesCbc128,
        "AES-CBC-256 [RFC3602]" => Encryption::AesCbc256,
        other => panic!("{other}"),
    };
    assert_eq!(fields[7], "HMAC_SHA2_256_128 [RFC4868]");
    let suite = Suite::new(encryption, Some(Integrity::HmacSha256_128), Prf::Sha256).unwrap();
    let material =
        [vec![0; 32], hex(fields[5]), hex(fields[6]), hex(fields[2]), hex(fields[3]), vec![0; 64]].concat();
    (spis, Keys::import(suite, &material).unwrap())
}
