//! A request as a hub's peer would send it, octet by octet; tshark's second opinion on the same.

use super::real::hex;
use crate::ike::*;
use std::net::Ipv4Addr;
use std::process::Command;

const HEADER: Header = Header {
    initiator_spi: 0x0102_0304_0506_0708,
    responder_spi: 0,
    exchange: Exchange::IkeSaInit,
    flags: Flags(Flags::INITIATOR),
    message_id: 0,
};

const IKE: [Transform; 4] = [
    Transform::encryption(EncryptionId::AesGcm16, Some(256)),
    Transform::prf(PrfId::HmacSha384),
    Transform::key_exchange(KeyExchangeId::Ecp384),
    Transform::key_exchange(KeyExchangeId::Curve25519),
];

/// IKE_SA_INIT with a cookie.
fn request() -> Vec<u8> {
    let proposal = ProposalSpec { number: 1, protocol: Protocol::Ike, spi: &[], transforms: &IKE };
    let mut chain = Chain::new();
    chain
        .status(NotifyType::Cookie, &[0xaa; 8])
        .security_association(&[proposal])
        .key_exchange(KeyExchangeId::Curve25519, &[0xbb; 32])
        .nonce(&[0xcc; 32])
        .status(NotifyType::NatDetectionSource, &[0xdd; 20])
        .status(NotifyType::SignatureHashAlgorithms, &[0, 2, 0, 3]);
    chain.message(&HEADER).unwrap()
}

/// All that only goes encrypted, in the clear.
fn everything() -> Vec<u8> {
    let transforms = [Transform::encryption(EncryptionId::AesGcm16, Some(128)), Transform::esn(EsnId::No)];
    let proposal =
        ProposalSpec { number: 2, protocol: Protocol::Esp, spi: &[1, 0, 0, 7], transforms: &transforms };
    let (spoke, hub) = (Ipv4Addr::new(198, 51, 100, 7), Ipv4Addr::new(192, 0, 2, 1));
    let rekey = Notify { protocol: Protocol::Esp, spi: &[1, 0, 0, 6], kind: NotifyType::RekeySa, data: &[] };
    let mut chain = Chain::new();
    chain
        .identity(PayloadType::IdInitiator, IdType::Fqdn, b"spoke1.example.net")
        .certificate(&Certificate { encoding: CertEncoding::X509, data: &[0x30, 0] })
        .certificate_request(&CertificateRequest { encoding: CertEncoding::X509, authorities: &[[9; 20]] })
        .authentication(AuthMethod::SharedKey, &[0xee; 32])
        .status(NotifyType::UseTransportMode, &[])
        .notify(&rekey)
        .security_association(&[proposal])
        .selectors(PayloadType::SelectorsInitiator, &[TrafficSelector::host(47, spoke)])
        .selectors(PayloadType::SelectorsResponder, &[TrafficSelector::host(47, hub)])
        .delete_esp(&[0x0100_0005, 0x0100_0004])
        .raw(PayloadType::Vendor, b"vendor");
    chain.message(&Header { exchange: Exchange::IkeAuth, responder_spi: 9, message_id: 1, ..HEADER }).unwrap()
}

#[test]
fn request_octet_by_octet() {
    let expected = [
        "0102030405060708 0000000000000000 29 20 22 08 00000000 000000d0",
        "21 00 0010 00 00 4006 aaaaaaaaaaaaaaaa",
        "22 00 0030 00 00 002c 01 01 00 04",
        "03 00 000c 01 00 0014 800e 0100  03 00 0008 02 00 0006  03 00 0008 04 00 0014  00 00 0008 04 00 001f",
        "28 00 0028 001f 0000 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        "29 00 0024 cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
        "29 00 001c 00 00 4004 dddddddddddddddddddddddddddddddddddddddd",
        "00 00 000c 00 00 402f 0002 0003",
    ];
    assert_eq!(request(), hex(&expected.concat().replace(' ', "")));
}

/// The lines of tshark's dissection of a message in UDP; `None`: no tshark here.
fn dissect(message: &[u8]) -> Option<String> {
    let (spoke, hub) = (Ipv4Addr::new(198, 51, 100, 7), Ipv4Addr::new(192, 0, 2, 1));
    let mut datagram = vec![0; crate::udp::LEN];
    datagram.extend_from_slice(message);
    crate::udp::emit(&mut datagram, crate::esp::PORT_IKE, crate::esp::PORT_IKE, spoke, hub).unwrap();
    let fields = crate::ip4::Fields {
        tos: 0,
        total_len: (crate::ip4::LEN + datagram.len()) as u16,
        id: 0,
        flags_offset: 0,
        ttl: 64,
        protocol: crate::ip4::protocol::UDP,
        source: spoke,
        destination: hub,
    };
    let mut packet = fields.header().octets().to_vec();
    packet.extend_from_slice(&datagram);
    let mut writer = crate::pcap::Writer::new(crate::pcap::LINK_RAW);
    writer.packet(0, &packet);
    let path = std::env::temp_dir().join(format!("wire-ike-{}-{}.pcap", std::process::id(), message.len()));
    std::fs::write(&path, writer.finish()).unwrap();
    let run = Command::new("tshark").args(["-V", "-o", "nameres.mac_name:FALSE", "-r"]).arg(&path).output();
    std::fs::remove_file(&path).unwrap();
    let output = match run {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        run => run.unwrap(),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn assert_lines(text: &str, lines: &[&str]) {
    assert!(!text.contains("Malformed") && !text.contains("Expert Info (Error"), "{text}");
    for line in lines {
        assert!(text.lines().any(|got| got.trim_start().starts_with(line)), "{line} in {text}");
    }
}

#[test]
fn tshark_reads_the_same() {
    let Some(text) = dissect(&request()) else {
        eprintln!("skipped: no tshark");
        return;
    };
    assert_lines(
        &text,
        &[
            "Exchange type: IKE_SA_INIT (34)",
            "Notify Message Type: COOKIE (16390)",
            "Transform ID (ENCR): AES-GCM with a 16 octet ICV (20)",
            "Transform Attribute (t=14,l=2): Key Length: 256",
            "Transform ID (PRF): PRF_HMAC_SHA2_384 (6)",
            "DH Group #: Curve25519 (31)",
            "Notify Message Type: NAT_DETECTION_SOURCE_IP (16388)",
            "Supported Signature Hash Algorithm: SHA2-384 (3)",
        ],
    );
    let text = dissect(&everything()).unwrap();
    assert_lines(
        &text,
        &[
            "Identification Data:spoke1.example.net",
            "Authentication Method: Shared Key Message Integrity Code (2)",
            "Certificate Authority Data: 0909090909090909090909090909090909090909",
            "Notify Message Type: USE_TRANSPORT_MODE (16391)",
            "Notify Message Type: REKEY_SA (16393)",
            "Protocol ID: Generic Routing Encapsulation (47)",
            "Starting Addr: 198.51.100.7",
            "Delete SPI: 01000004",
            "Vendor ID: 76656e646f72",
        ],
    );
}
