//! What the server sends, as Wireshark's dissector reads it. Where there is no tshark the test has nothing to say.

use super::support::*;
use crate::*;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

/// One of everything that the server sends.
fn everything() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut keep =
        |actions: &[Action]| all.extend(sent(actions).into_iter().map(|(_, octets)| octets.to_vec()));
    for phase in [Phase::One, Phase::Two, Phase::Three] {
        for password in [None, Authentication::new("secret").ok()] {
            let auth = password.is_some();
            let mut hub = Hub::new(TunnelConfig { phase, authentication: password, ..tunnel() });
            let sign = |message: Message| if auth { message.auth("secret").build() } else { message.build() };
            for n in [2, 3, 4] {
                let claimed = if n == 4 { Ipv4Addr::new(192, 168, 1, 4) } else { nbma(n) };
                keep(&hub.packet(nbma(n), &sign(registration(claimed, spoke(n)))));
            }
            hub.routes.push((Ipv4Addr::new(10, 100, 0, 0), 16, Reach::Hub { prefix_len: 16 }));
            for to in [HUB, spoke(3), spoke(4), spoke(99), Ipv4Addr::new(10, 100, 1, 1)] {
                keep(&hub.packet(nbma(2), &sign(resolution(2, to))));
            }
            keep(&hub.packet(nbma(9), &sign(registration(nbma(9), spoke(3)))));
            keep(&hub.redirect(nbma(2), &ping(spoke(2), spoke(3))));
            keep(&hub.packet(nbma(3), &sign(purge(3, spoke(3)))));
            keep(&hub.pass(1000));
            keep(&hub.pass(2000));
            // Errors. An offender over 256 octets is cut, and a packet cut short is what Wireshark calls malformed.
            keep(&hub.packet(
                nbma(5),
                &sign(
                    registration(nbma(5), spoke(5)).with(|m| m.head.destination_protocol = spoke(99).into()),
                ),
            ));
            let long = resolution(2, HUB).with(|m| m.extensions.push((0x1201, true, vec![7; 100])));
            keep(&hub.packet(nbma(2), &sign(long)));
        }
    }
    all
}

/// In IPv4 and GRE, from the hub to anyone.
fn capture(packets: &[Vec<u8>]) -> Vec<u8> {
    const RAW_IP: u32 = 101;
    let mut writer = wire::pcap::Writer::new(RAW_IP);
    for packet in packets {
        let total = 20 + 4 + packet.len() as u16;
        let [hi, lo] = total.to_be_bytes();
        let mut frame = vec![0x45, 0xc0, hi, lo, 0, 0, 0, 0, 255, 47, 0, 0];
        frame.extend_from_slice(&HUB_NBMA.octets());
        frame.extend_from_slice(&nbma(2).octets());
        let sum = wire::checksum::checksum(&frame);
        frame[10..12].copy_from_slice(&sum.to_be_bytes());
        frame.extend_from_slice(&[0, 0, 0x20, 0x01]);
        frame.extend_from_slice(packet);
        writer.packet(0, &frame);
    }
    writer.finish()
}

#[test]
fn wireshark_finds_nothing_malformed() {
    let packets = everything();
    let kinds: std::collections::BTreeSet<u8> = packets.iter().map(|octets| octets[17]).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), [1, 2, 4, 5, 6, 7, 8]);
    let path = std::env::temp_dir().join(format!("nhrp-sent-{}.pcap", std::process::id()));
    std::fs::write(&path, capture(&packets)).unwrap();
    let fields = ["-T", "fields", "-e", "frame.number", "-e", "nhrp.hdr.op.type", "-e", "_ws.expert.message"];
    let output = Command::new("tshark").arg("-r").arg(&path).args(fields).stderr(Stdio::null()).output();
    std::fs::remove_file(&path).unwrap();
    let Ok(output) = output else { return };
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), packets.len());
    for (line, packet) in text.lines().zip(&packets) {
        let mut fields = line.split('\t').skip(1);
        let kind = fields.next().unwrap().split(',').next().unwrap();
        assert_eq!(kind, packet[17].to_string(), "{line}");
        assert_eq!(fields.next(), Some(""), "{line}");
    }
}
