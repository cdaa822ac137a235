//! Each rule of the format, broken once.

use super::real::packets;
use crate::nhrp::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const NBMA: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SPOKE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const HUB: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

fn head(kind: PacketType) -> Head {
    Head {
        kind,
        hop_count: 255,
        flags: Flags(Flags::UNIQUE),
        request_id: 7,
        source_nbma: NBMA,
        source_protocol: SPOKE,
        destination_protocol: HUB,
    }
}

fn registration() -> Builder {
    let mut builder = Builder::message(&head(PacketType::RegistrationRequest));
    builder.cie(&Cie { prefix_len: 32, holding_time: 600, ..Cie::EMPTY });
    builder
}

/// A registration with the extensions that Cisco sends: head 40 octets, entry up to 52, extensions to 92.
fn full() -> Vec<u8> {
    let mut builder = registration();
    builder.extension(ExtensionType::Responder, true, &[]);
    builder.extension(ExtensionType::ForwardTransit, true, &[]);
    builder.extension(ExtensionType::ReverseTransit, true, &[]);
    builder.authentication(b"pass");
    builder.list(ExtensionType::Nat, false, &[Cie { nbma: Some(NBMA), protocol: Some(HUB), ..Cie::EMPTY }]);
    builder.end();
    builder.finish().unwrap()
}

fn fix(octets: &mut [u8]) {
    octets[12..14].fill(0);
    let sum = crate::checksum::checksum(octets);
    octets[12..14].copy_from_slice(&sum.to_be_bytes());
}

/// The error after `change`, with the checksum made good.
fn after(change: impl FnOnce(&mut Vec<u8>)) -> ParseError {
    let mut octets = full();
    change(&mut octets);
    fix(&mut octets);
    Packet::parse(&octets, ChecksumRule::Strict).expect_err("parsed")
}

fn error_of(octets: &[u8]) -> ParseError {
    Packet::parse(octets, ChecksumRule::Strict).expect_err("parsed")
}

#[test]
fn truncation_at_each_octet_is_an_error_and_no_panic() {
    for (name, octets, _) in packets() {
        for n in 0..octets.len() {
            let class = error_of(&octets[..n]).class();
            assert_eq!(class, ErrorClass::Truncated, "{name} cut to {n}");
            // The same with a size field that agrees: what is left of it must be refused or harmless.
            let mut cut = octets[..n].to_vec();
            if n >= FIXED_LEN {
                cut[10..12].copy_from_slice(&(n as u16).to_be_bytes());
                fix(&mut cut);
                let _ = Packet::parse(&cut, ChecksumRule::AcceptLegacyOdd).map(|p| p.extensions().count());
            }
        }
    }
}

#[test]
fn octets_after_the_size_are_ignored() {
    let mut octets = full();
    octets.extend_from_slice(&[0xaa; 9]);
    assert_eq!(Packet::parse(&octets, ChecksumRule::Strict).unwrap().octets().len(), octets.len() - 9);
}

#[test]
fn size() {
    assert_eq!(error_of(&full()[..19]), ParseError::Truncated { have: 19, need: 28 });
    assert_eq!(error_of(&full()[..27]), ParseError::Truncated { have: 27, need: 28 });
    let have = full().len();
    assert_eq!(
        after(|o| o[10..12].copy_from_slice(&[0xff; 2])),
        ParseError::SizeBeyondEnd { size: 0xffff, have }
    );
    for size in [0u8, 19, 27] {
        let error = after(|o| o[10..12].copy_from_slice(&[0, size]));
        assert_eq!(error, ParseError::SizeTooSmall { size: size.into(), need: 28 });
    }
    let error = after(|o| {
        o.truncate(39);
        o[10..12].copy_from_slice(&[0, 39]);
        o[14..16].fill(0);
    });
    assert_eq!(error, ParseError::SizeTooSmall { size: 39, need: 40 });
}

#[test]
fn checksum_comes_before_everything_else() {
    let mut octets = full();
    octets[13] ^= 1;
    octets[16] = 9;
    assert_eq!(error_of(&octets), ParseError::Checksum);
}

#[test]
fn fixed_part() {
    for version in [0, 2, 255] {
        assert_eq!(after(|o| o[16] = version), ParseError::Version(version));
    }
    for kind in [0, 9, 128, 255] {
        assert_eq!(after(|o| o[17] = kind), ParseError::Type(kind));
    }
    for afn in (0..=u16::MAX).filter(|afn| ![1, 2].contains(afn)) {
        assert_eq!(after(|o| o[0..2].copy_from_slice(&afn.to_be_bytes())), ParseError::AddressFamily(afn));
    }
    for protocol in [0u16, 0x0080, 0x00cc, 0x0100, 0x0400, 0x0500, 0x0806, 0x8909, 0xffff] {
        let error = after(|o| o[2..4].copy_from_slice(&protocol.to_be_bytes()));
        assert_eq!(error, ParseError::Protocol(protocol));
    }
    for length in (0..=255).filter(|length| *length != 4) {
        assert_eq!(after(|o| o[18] = length), ParseError::SourceNbmaLength(length));
        assert_eq!(after(|o| o[20] = length), ParseError::SourceProtocolLength(length));
        assert_eq!(after(|o| o[21] = length), ParseError::DestinationProtocolLength(length));
    }
    for length in 1..=255 {
        assert_eq!(after(|o| o[19] = length), ParseError::SourceSubaddress(length));
    }
}

#[test]
fn extension_offset() {
    let size = full().len() as u16;
    for offset in 1..40u16 {
        let error = after(|o| o[14..16].copy_from_slice(&offset.to_be_bytes()));
        assert_eq!(error, ParseError::ExtensionOffsetTooSmall(offset));
    }
    for offset in [size, size + 1, u16::MAX] {
        let error = after(|o| o[14..16].copy_from_slice(&offset.to_be_bytes()));
        assert_eq!(error, ParseError::ExtensionOffsetBeyondEnd(offset));
    }
    // An offset in the middle of the entry cuts it.
    assert_eq!(after(|o| o[15] = 51), ParseError::CieTruncated(11));
}

#[test]
fn entries() {
    for left in 1..12 {
        let octets = {
            let mut builder = registration();
            builder.body(&vec![0; left]);
            builder.finish().unwrap()
        };
        assert_eq!(error_of(&octets), ParseError::CieTruncated(left));
    }
    for length in (1..=255).filter(|length| *length != 4) {
        assert_eq!(after(|o| o[48] = length), ParseError::CieNbmaLength(length));
        assert_eq!(after(|o| o[50] = length), ParseError::CieProtocolLength(length));
    }
    assert_eq!(after(|o| o[49] = 4), ParseError::CieSubaddress(4));
    assert_eq!(after(|o| o[48] = 4), ParseError::CieAddresses { need: 4, have: 0 });
    let mut builder = registration();
    (0..MAX_CIES).for_each(|_| {
        builder.cie(&Cie::EMPTY);
    });
    assert_eq!(error_of(&builder.finish().unwrap()), ParseError::TooManyCies);
}

#[test]
fn a_protocol_length_of_4_in_an_ipv6_packet_is_refused() {
    let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let mut builder = Builder::message(&Head {
        source_protocol: v6,
        destination_protocol: v6,
        ..head(PacketType::PurgeRequest)
    });
    builder.cie(&Cie { protocol: Some(SPOKE), ..Cie::EMPTY });
    assert_eq!(error_of(&builder.finish().unwrap()), ParseError::CieProtocolLength(4));
}

#[test]
fn extensions() {
    let with = |extend: &dyn Fn(&mut Builder)| {
        let mut builder = registration();
        extend(&mut builder);
        error_of(&builder.finish().unwrap())
    };
    // 1 to 3 octets where a head should be.
    for left in 1..4 {
        let size = full().len();
        let error = after(|o| {
            o.truncate(size - 4 + left);
            o[10..12].copy_from_slice(&((size - 4 + left) as u16).to_be_bytes());
        });
        assert_eq!(error, ParseError::ExtensionTruncated(left));
    }
    assert_eq!(
        after(|o| o[54..56].copy_from_slice(&[0xff, 0xff])),
        ParseError::ExtensionLength { kind: 3, length: 0xffff, have: full().len() - 56 }
    );
    let many = with(&|b| {
        (0..=MAX_EXTENSIONS).for_each(|_| {
            b.extension(ExtensionType(0x3fff), false, &[]);
        });
    });
    assert_eq!(many, ParseError::TooManyExtensions);
    for kind in [3, 4, 5, 7, 9] {
        let value: &[u8] = if kind == 7 { b"\0\0\0\x01x" } else { &[] };
        let twice = with(&|b| {
            b.extension(ExtensionType(kind), true, value).extension(ExtensionType(kind), true, value).end();
        });
        assert_eq!(twice, ParseError::DuplicateExtension(kind));
    }
    for n in 0..=4 {
        let empty = with(&|b| {
            b.extension(ExtensionType::Authentication, true, &[0, 0, 0, 1][..n]).end();
        });
        assert_eq!(empty, ParseError::AuthenticationLength(n));
    }
    for kind in [3, 4, 5, 9] {
        let bad = with(&|b| {
            b.extension(ExtensionType(kind), true, &[0; 11]).end();
        });
        assert_eq!(bad, ParseError::ExtensionCies(kind));
    }
}

#[test]
fn any_type_number_and_ten_unknown_extensions_are_no_harm() {
    for kind in (10..=0x3fff).chain([1, 2, 6]) {
        let mut builder = registration();
        builder.extension(ExtensionType(kind), false, b"abc").end();
        let octets = builder.finish().unwrap();
        let packet = Packet::parse(&octets, ChecksumRule::Strict).unwrap();
        assert_eq!(packet.extensions().next().unwrap().kind, ExtensionType(kind));
        assert_eq!(packet.unknown_compulsory(), None);
    }
    let mut builder = registration();
    (0..MAX_EXTENSIONS as u16).for_each(|n| {
        builder.extension(ExtensionType(0x3800 + n), n == 12, &[]);
    });
    builder.end();
    let octets = builder.finish().unwrap();
    let packet = Packet::parse(&octets, ChecksumRule::Strict).unwrap();
    assert_eq!(packet.extensions().count(), MAX_EXTENSIONS);
    assert_eq!(packet.unknown_compulsory(), Some(ExtensionType(0x380c)));
}

#[test]
fn end_may_be_missing_and_what_follows_it_is_ignored() {
    let mut builder = registration();
    builder.extension(ExtensionType::ForwardTransit, true, &[]);
    let octets = builder.finish().unwrap();
    assert_eq!(Packet::parse(&octets, ChecksumRule::Strict).unwrap().extensions().count(), 1);
    // OpenNHRP puts 16 zero octets after End; here they are rubbish.
    let mut builder = registration();
    builder.end().extension(ExtensionType::Authentication, true, &[]).body(&[0xff; 3]);
    let octets = builder.finish().unwrap();
    assert_eq!(Packet::parse(&octets, ChecksumRule::Strict).unwrap().extensions().count(), 0);
}

#[test]
fn device_capabilities_are_no_list() {
    let mut builder = registration();
    builder.extension(ExtensionType::Nat, false, &[1, 2, 3, 4, 5, 6, 7, 8]).end();
    let octets = builder.finish().unwrap();
    let packet = Packet::parse(&octets, ChecksumRule::Strict).unwrap();
    let extension = packet.extension(ExtensionType::Nat).unwrap();
    assert!(!extension.is_list());
    assert_eq!(packet.list(&extension).count(), 0);
}

#[test]
fn the_unused_bit_of_a_type_is_ignored_and_kept() {
    let mut builder = registration();
    builder.raw_extension(0xc004, &[]).end();
    let octets = builder.finish().unwrap();
    let packet = Packet::parse(&octets, ChecksumRule::Strict).unwrap();
    let extension = packet.extension(ExtensionType::ForwardTransit).unwrap();
    assert_eq!((extension.raw_type, extension.compulsory), (0xc004, true));
}

#[test]
fn ipv6_overlay_over_ipv4_is_understood() {
    let v6: IpAddr = "2001:db8::2".parse().unwrap();
    let mut builder = Builder::message(&Head { source_protocol: v6, ..head(PacketType::ResolutionReply) });
    builder.cie(&Cie { nbma: Some(NBMA), protocol: Some(v6), ..Cie::EMPTY });
    let mut octets = builder.finish().unwrap();
    // The destination must be of the same protocol as the source.
    assert_eq!(error_of(&octets), ParseError::DestinationProtocolLength(4));
    let mut builder = Builder::message(&Head {
        source_protocol: v6,
        destination_protocol: v6,
        ..head(PacketType::ResolutionReply)
    });
    builder.cie(&Cie { nbma: Some(NBMA), protocol: Some(v6), ..Cie::EMPTY });
    octets = builder.finish().unwrap();
    let packet = Packet::parse(&octets, ChecksumRule::Strict).unwrap();
    assert_eq!(packet.protocol(), Protocol::Ipv6);
    assert_eq!(packet.ipv4_addresses(), None);
    assert_eq!(packet.cies().next().unwrap().protocol, Some(v6));
}

#[test]
fn a_packet_too_long_is_not_built() {
    let mut builder = registration();
    builder.body(&[0; MAX_PACKET]);
    assert_eq!(builder.finish(), Err(TooLong(52 + MAX_PACKET)));
}
