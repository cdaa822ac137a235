//! Every field of the packets of real routers, and the same octets back.

use crate::nhrp::*;
use serde_json::Value;
use std::net::IpAddr;

pub(super) fn packets() -> Vec<(String, Vec<u8>, Value)> {
    let files =
        [include_str!("../../../testdata/nhrp/cisco.json"), include_str!("../../../testdata/nhrp/frr.json")];
    let mut all = Vec::new();
    for file in files {
        let file: Value = serde_json::from_str(file).unwrap();
        for packet in file["packets"].as_array().unwrap() {
            let name = format!("{} frame {}", packet["file"], packet["frame"]);
            all.push((name, hex(packet["nhrp_hex"].as_str().unwrap()), packet.clone()));
        }
    }
    all
}

fn hex(text: &str) -> Vec<u8> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty());
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn number(value: &Value) -> u64 {
    match value {
        Value::String(text) => u64::from_str_radix(text, 16).unwrap(),
        other => other.as_u64().unwrap(),
    }
}

fn address(value: &Value) -> Option<IpAddr> {
    let text = value.as_str().unwrap();
    (!text.is_empty()).then(|| text.parse().unwrap())
}

fn assert_cies(name: &str, cies: &[Cie], expected: &Value) {
    let expected = expected.as_array().unwrap();
    assert_eq!(cies.len(), expected.len(), "{name}");
    for (cie, expected) in cies.iter().zip(expected) {
        assert_eq!(u64::from(cie.code.0), number(&expected["code"]), "{name}");
        assert_eq!(u64::from(cie.prefix_len), number(&expected["prefix_len"]), "{name}");
        assert_eq!(u64::from(cie.mtu), number(&expected["mtu"]), "{name}");
        assert_eq!(u64::from(cie.holding_time), number(&expected["holding_time"]), "{name}");
        assert_eq!(u64::from(cie.preference), number(&expected["preference"]), "{name}");
        assert_eq!(cie.nbma, address(&expected["nbma"]), "{name}");
        assert_eq!(cie.protocol, address(&expected["proto"]), "{name}");
    }
}

#[test]
fn there_are_36_of_cisco_and_119_of_frr() {
    assert_eq!(packets().len(), 36 + 119);
}

#[test]
fn every_field_is_what_another_decoder_read() {
    for (name, octets, expected) in packets() {
        let packet = Packet::parse(&octets, ChecksumRule::Strict).unwrap_or_else(|e| panic!("{name}: {e}"));
        let header = packet.header();
        assert_eq!(u64::from(header.afn.get()), number(&expected["afn"]), "{name}");
        assert_eq!(u64::from(header.protocol.get()), number(&expected["pro"]), "{name}");
        assert_eq!(u64::from(packet.hop_count()), number(&expected["hop"]), "{name}");
        assert_eq!(u64::from(header.size.get()), number(&expected["pktsz"]), "{name}");
        assert_eq!(u64::from(header.extension_offset.get()), number(&expected["extoff"]), "{name}");
        assert_eq!(packet.kind() as u64, number(&expected["type"]), "{name}");
        assert_eq!(u64::from(header.shtl), number(&expected["shtl"]), "{name}");
        assert_eq!(u64::from(packet.flags().0), number(&expected["flags"]), "{name}");
        assert_eq!(u64::from(packet.request_id()), number(&expected["request_id_or_code"]), "{name}");
        assert_eq!(Some(packet.source_nbma()), address(&expected["src_nbma"]), "{name}");
        assert_eq!(Some(packet.source_protocol()), address(&expected["src_proto"]), "{name}");
        assert_eq!(Some(packet.destination_protocol()), address(&expected["dst_proto"]), "{name}");
        match packet.kind() {
            PacketType::TrafficIndication => {
                assert_eq!(packet.body(), hex(expected["excerpt_hex"].as_str().unwrap()), "{name}");
                assert_eq!(packet.traffic_code(), 0, "{name}");
            }
            _ => assert_cies(&name, &packet.cies().collect::<Vec<_>>(), &expected["cies"]),
        }
        assert_extensions(&name, &packet, &expected["extensions"]);
    }
}

fn assert_extensions(name: &str, packet: &Packet<'_>, expected: &Value) {
    let expected = expected.as_array().unwrap();
    // The list in the file ends with End, ours leaves it out.
    assert_eq!(packet.extensions().count(), expected.len().saturating_sub(1), "{name}");
    for (extension, expected) in packet.extensions().zip(expected) {
        assert_eq!(u64::from(extension.kind.0), number(&expected["type"]), "{name}");
        assert_eq!(Some(extension.compulsory), expected["compulsory"].as_bool(), "{name}");
        assert_eq!(extension.value.len() as u64, number(&expected["len"]), "{name}");
        if extension.is_list() {
            assert_cies(name, &packet.list(&extension).collect::<Vec<_>>(), &expected["cies"]);
        } else {
            assert_eq!(extension.value, hex(expected["value_hex"].as_str().unwrap()), "{name}");
        }
    }
}

/// Takes a packet apart by its accessors and puts it together again.
pub(super) fn rebuild(packet: &Packet<'_>) -> Vec<u8> {
    let hop_count = packet.hop_count();
    let (source_nbma, source_protocol) = (packet.source_nbma(), packet.source_protocol());
    let destination_protocol = packet.destination_protocol();
    let mut builder = match packet.kind() {
        PacketType::ErrorIndication => Builder::error(&ErrorHead {
            hop_count,
            code: packet.error_code(),
            offset: packet.error_offset(),
            source_nbma,
            source_protocol,
            destination_protocol,
        }),
        PacketType::TrafficIndication => Builder::indication(&IndicationHead {
            hop_count,
            code: packet.traffic_code(),
            source_nbma,
            source_protocol,
            destination_protocol,
        }),
        kind => Builder::message(&Head {
            kind,
            hop_count,
            flags: packet.flags(),
            request_id: packet.request_id(),
            source_nbma,
            source_protocol,
            destination_protocol,
        }),
    };
    if packet.kind().has_cies() {
        packet.cies().for_each(|cie| {
            builder.cie(&cie);
        });
    } else {
        builder.body(packet.body());
    }
    for extension in packet.extensions() {
        if extension.is_list() {
            let list: Vec<Cie> = packet.list(&extension).collect();
            builder.list(extension.kind, extension.compulsory, &list);
        } else {
            builder.extension(extension.kind, extension.compulsory, extension.value);
        }
    }
    if packet.has_extensions() {
        builder.end();
    }
    builder.finish().unwrap()
}

#[test]
fn emitted_octets_are_the_received_ones() {
    for (name, octets, _) in packets() {
        let packet = Packet::parse(&octets, ChecksumRule::Strict).unwrap();
        assert_eq!(rebuild(&packet), octets, "{name}");
    }
}

#[test]
fn a_copy_differs_in_hop_count_and_checksum_only() {
    for (name, octets, _) in packets() {
        let packet = Packet::parse(&octets, ChecksumRule::Strict).unwrap();
        let mut copy = Builder::copy(&packet, packet.hop_count() - 1);
        packet.extensions().for_each(|e| {
            copy.raw_extension(e.raw_type, e.value);
        });
        if packet.has_extensions() {
            copy.end();
        }
        let mut copy = copy.finish().unwrap();
        assert_eq!(Packet::parse(&copy, ChecksumRule::Strict).unwrap().hop_count(), octets[9] - 1, "{name}");
        copy[9] = octets[9];
        copy[12..14].copy_from_slice(&octets[12..14]);
        assert_eq!(copy, octets, "{name}");
    }
}

#[test]
fn odd_length_of_81_octets_has_the_right_checksum() {
    let (_, octets, _) = packets().into_iter().find(|(name, ..)| name.contains("ios_nhrp")).unwrap();
    assert_eq!(octets.len(), 81);
    Packet::parse(&octets, ChecksumRule::Strict).unwrap();
}

/// Packets that close with End are the same under both rules (their last octet is zero); FRR's traffic indications
/// close with the excerpt.
#[test]
fn legacy_checksum_of_an_odd_length_needs_its_rule() {
    let (_, mut octets, _) =
        packets().into_iter().find(|(_, octets, _)| octets[17] == 8 && octets[14..16] == [0, 0]).unwrap();
    octets.pop();
    let size = octets.len() as u16;
    octets[10..12].copy_from_slice(&size.to_be_bytes());
    octets[12..14].fill(0);
    let (last, even) = octets.split_last().unwrap();
    let sum = !crate::checksum::add(crate::checksum::sum(even), u16::from(*last));
    octets[12..14].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(Packet::parse(&octets, ChecksumRule::Strict).unwrap_err(), ParseError::Checksum);
    assert!(Packet::parse(&octets, ChecksumRule::AcceptLegacyOdd).is_ok());
}
