//! Each rule of the format, broken once.

use super::real::{malformed, messages};
use crate::ike::*;

fn header() -> Header {
    Header {
        initiator_spi: 1,
        responder_spi: 2,
        exchange: Exchange::Informational,
        flags: Flags(Flags::INITIATOR),
        message_id: 3,
    }
}

/// A header with `next`, and then `chain` as it is.
fn raw(next: u8, chain: &[u8]) -> Vec<u8> {
    let mut octets = Chain::new().message(&header()).unwrap();
    octets.extend_from_slice(chain);
    let length = octets.len() as u32;
    octets[16] = next;
    octets[24..28].copy_from_slice(&length.to_be_bytes());
    octets
}

fn error_of(octets: &[u8]) -> ParseError {
    Message::parse(octets).expect_err("parsed")
}

#[test]
fn what_crashed_other_decoders_gets_the_right_error() {
    let errors: Vec<_> = malformed().iter().map(|real| (real.name.clone(), error_of(&real.octets))).collect();
    let expected = [
        ("ikev2-id-short.pcap frame 1", ParseError::TrailingOctets(43)),
        (
            "ikev2pI2-segfault.pcapng frame 1",
            ParseError::PayloadLength { kind: PayloadType::KeyExchange, length: 0xaaaa, have: 236 },
        ),
        ("isakmp-3948-oobr-2.pcap frame 1", ParseError::Truncated(0)),
        ("isakmp-delete-segfault.pcap frame 1", ParseError::MajorVersion(11)),
        ("isakmp-identification-segfault.pcap frame 1", ParseError::MajorVersion(1)),
        ("isakmp-ikev1_n_print-oobr.pcap frame 1", ParseError::Length { length: 0xff00_0000, have: 42 }),
        ("isakmp-ikev1_n_print-oobr.pcap frame 3", ParseError::Length { length: 0x2500_0000, have: 42 }),
        ("isakmp-no-none-np.pcapng frame 1", ParseError::MajorVersion(1)),
        ("isakmp-pointer-loop.pcap frame 1", ParseError::MajorVersion(1)),
        ("isakmp-rfc3948-oobr.pcap frame 23", ParseError::Truncated(0)),
        ("isakmp-various-oobr.pcap frame 1", ParseError::MajorVersion(1)),
        ("isakmp-various-oobr.pcap frame 2", ParseError::MajorVersion(3)),
        ("isakmpv1-attr-oobr.pcap frame 1", ParseError::MajorVersion(1)),
        ("ikev2-id-normal.pcap frame 1", ParseError::TrailingOctets(39)),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(name, error)| (name.to_owned(), error)).collect();
    assert_eq!(errors, expected);
}

#[test]
fn truncation_at_each_octet_is_an_error_and_no_panic() {
    for real in messages() {
        for n in 0..real.octets.len() {
            let class = error_of(&real.octets[..n]).class();
            assert_eq!(class, ErrorClass::Header, "{} cut to {n}", real.name);
            // The same with a length field that agrees.
            let mut cut = real.octets[..n].to_vec();
            if n >= HEADER_LEN {
                cut[24..28].copy_from_slice(&(n as u32).to_be_bytes());
                let _ = Message::parse(&cut).map(|message| Trace::from(&message).to_string());
            }
        }
    }
}

#[test]
fn header_fields() {
    assert_eq!(error_of(&raw(0, &[])[..27]), ParseError::Truncated(27));
    for version in (0..16).filter(|version| *version != 2) {
        let mut octets = raw(0, &[]);
        octets[17] = version << 4;
        assert_eq!(error_of(&octets), ParseError::MajorVersion(version));
        assert_eq!(Header::peek(&octets), Some(header()));
    }
    // A higher minor version is no obstacle (RFC 7296 2.5).
    let mut octets = raw(0, &[]);
    octets[17] = 0x2f;
    assert_eq!(Message::parse(&octets).unwrap().header(), header());
    for length in [0, 27, 29, u32::MAX] {
        let mut octets = raw(0, &[]);
        octets[24..28].copy_from_slice(&length.to_be_bytes());
        assert_eq!(error_of(&octets), ParseError::Length { length, have: 28 });
    }
}

#[test]
fn chain_of_payloads() {
    let kind = PayloadType::Vendor;
    assert_eq!(error_of(&raw(43, &[])), ParseError::PayloadTruncated(0));
    assert_eq!(error_of(&raw(43, &[0, 0, 0])), ParseError::PayloadTruncated(3));
    for length in 0..4 {
        let error = error_of(&raw(43, &[0, 0, 0, length]));
        assert_eq!(error, ParseError::PayloadLength { kind, length: length.into(), have: 4 });
    }
    let error = error_of(&raw(43, &[0, 0, 0, 5]));
    assert_eq!(error, ParseError::PayloadLength { kind, length: 5, have: 4 });
    assert_eq!(error_of(&raw(0, &[0])), ParseError::TrailingOctets(1));
    assert_eq!(error_of(&raw(43, &[0, 0, 0, 4, 9, 9])), ParseError::TrailingOctets(2));
    // What names itself again has an end all the same.
    assert_eq!(error_of(&raw(43, &[43, 0, 0, 4])), ParseError::PayloadTruncated(0));
    let mut chain = [43, 0, 0, 4].repeat(MAX_PAYLOADS);
    chain[4 * MAX_PAYLOADS - 4] = 0;
    assert_eq!(Message::parse(&raw(43, &chain)).unwrap().payloads().into_iter().count(), MAX_PAYLOADS);
    assert_eq!(error_of(&raw(43, &[43, 0, 0, 4].repeat(1000))), ParseError::TooManyPayloads);
    // The Encrypted payload is the last.
    assert_eq!(error_of(&raw(46, &[43, 0, 0, 4, 0, 0, 0, 4])), ParseError::TrailingOctets(4));
    for kind in [PayloadType::Encrypted, PayloadType::EncryptedFragment] {
        let inner = Payloads::parse(kind, &[0, 0, 0, 4]).map(|_| ());
        assert_eq!(inner, Err(ParseError::NestedEncryption));
    }
}

#[test]
fn critical_bit() {
    for kind in 1..=255 {
        let octets = raw(kind, &[0, 0x80, 0, 4]);
        let known = matches!(kind, 33..=48 | 53);
        let unknown = Message::parse(&octets).unwrap().payloads().unknown_critical();
        assert_eq!(unknown, (!known).then_some(PayloadType(kind)));
        // The reserved bits are not the critical one.
        let octets = raw(kind, &[0, 0x7f, 0, 4]);
        assert_eq!(Message::parse(&octets).unwrap().payloads().unknown_critical(), None);
    }
}

#[test]
fn payloads_that_come_once() {
    let mut chain = Chain::new();
    chain.nonce(&[1; 16]).nonce(&[2; 16]);
    let payloads = chain.payloads().unwrap();
    assert_eq!(payloads.nonce(), Err(ParseError::Duplicate(PayloadType::Nonce)));
    assert_eq!(payloads.key_exchange(), Ok(None));
    for length in [0, 15, 257] {
        let mut chain = Chain::new();
        chain.nonce(&vec![1; length]);
        assert_eq!(chain.payloads().unwrap().nonce(), Err(ParseError::NonceLength(length)));
    }
}

/// The error of the first proposal of a body of one proposal, with `change` made to it: head 8, SPI 4, encryption 12,
/// ESN 8 octets.
fn proposal(change: impl FnOnce(&mut Vec<u8>)) -> Result<(), ProposalError> {
    let transforms = [Transform::encryption(EncryptionId::AesGcm16, Some(128)), Transform::esn(EsnId::No)];
    let spec =
        ProposalSpec { number: 1, protocol: Protocol::Esp, spi: &[1, 2, 3, 4], transforms: &transforms };
    let mut body = Vec::new();
    SecurityAssociation::emit(&[spec], &mut body);
    change(&mut body);
    SecurityAssociation::parse(&body).unwrap().proposals().next().unwrap().map(|_| ())
}

#[test]
fn proposals() {
    assert_eq!(proposal(|_| ()), Ok(()));
    assert_eq!(proposal(|o| o[6] = 25), Err(ProposalError::SpiSize { size: 25, have: 24 }));
    assert_eq!(proposal(|o| o[6] = 24), Err(ProposalError::NoTransform));
    assert_eq!(proposal(|o| o[7] = 1), Err(ProposalError::TransformCount { count: 1, have: 2 }));
    assert_eq!(proposal(|o| o[7] = 255), Err(ProposalError::TransformCount { count: 255, have: 2 }));
    assert_eq!(proposal(|o| o[12] = 0), Err(ProposalError::TransformMore(0)));
    assert_eq!(proposal(|o| o[24] = 3), Err(ProposalError::TransformMore(3)));
    for length in (0..8).chain([21]) {
        let error = Err(ProposalError::TransformLength { length: length.into(), have: 20 });
        assert_eq!(proposal(|o| o[15] = length), error);
    }
    for (length, left) in [(9, 1), (10, 2), (11, 3)] {
        assert_eq!(proposal(|o| o[15] = length), Err(ProposalError::Attribute(left)));
    }
    // An attribute of type 14 with a length of 128, which is not there.
    assert_eq!(proposal(|o| o[20] = 0), Err(ProposalError::Attribute(4)));
    let short = proposal(|o| {
        o.truncate(19);
        o[3] = 19;
    });
    assert_eq!(short, Err(ProposalError::TransformLength { length: 0, have: 7 }));
}

#[test]
fn borders_of_proposals() {
    let parse = |body: &[u8]| SecurityAssociation::parse(body).map(|_| ());
    assert_eq!(parse(&[]), Err(ParseError::NoProposal));
    let kind = PayloadType::Sa;
    assert_eq!(parse(&[0, 0, 0]), Err(ParseError::BodyTruncated { kind, have: 3, need: 8 }));
    for length in (0..8).chain([9]) {
        let body = [0, 0, 0, length, 1, 1, 0, 0];
        assert_eq!(parse(&body), Err(ParseError::ProposalLength { length: length.into(), have: 8 }));
    }
    assert_eq!(parse(&[2, 0, 0, 8, 1, 1, 0, 0]), Err(ParseError::ProposalMore(2)));
    let many = |count: usize| {
        let mut body = [2, 0, 0, 8, 1, 1, 0, 0].repeat(count);
        body[count * 8 - 8] = 0;
        body
    };
    assert_eq!(parse(&many(255)), Ok(()));
    assert_eq!(parse(&many(256)), Err(ParseError::TooManyProposals));
    let body = many(255);
    let mut proposals = SecurityAssociation::parse(&body).unwrap().proposals();
    assert!(proposals.all(|proposal| proposal == Err(ProposalError::NoTransform)));
}

#[test]
fn a_malformed_proposal_does_not_hide_the_next() {
    let transforms = [Transform::encryption(EncryptionId::AesCbc, Some(128))];
    let spec = |number| ProposalSpec { number, protocol: Protocol::Ike, spi: &[], transforms: &transforms };
    let mut body = Vec::new();
    SecurityAssociation::emit(&[spec(1), spec(2)], &mut body);
    body[7] = 9;
    let sa = SecurityAssociation::parse(&body).unwrap();
    let numbers: Vec<_> = sa.proposals().map(|proposal| proposal.map(|proposal| proposal.number)).collect();
    assert_eq!(numbers, [Err(ProposalError::TransformCount { count: 9, have: 1 }), Ok(2)]);
    assert!(sa.only().is_none());
}

#[test]
fn attributes_that_are_not_understood() {
    let with = |attributes: &[u8]| {
        let mut body = vec![0, 0, 0, 16 + attributes.len() as u8, 1, 1, 0, 1];
        body.extend_from_slice(&[0, 0, 0, 8 + attributes.len() as u8, 1, 0, 0, 12]);
        body.extend_from_slice(attributes);
        let sa = SecurityAssociation::parse(&body).unwrap();
        let proposal = sa.only().unwrap().unwrap();
        let transform = proposal.transforms().next().unwrap();
        (transform.key_length, transform.understood)
    };
    assert_eq!(with(&[]), (None, true));
    assert_eq!(with(&[0x80, 14, 1, 0]), (Some(256), true));
    assert_eq!(with(&[0x80, 14, 1, 0, 0x80, 14, 0, 128]), (Some(256), false));
    assert_eq!(with(&[0x80, 15, 1, 0]), (None, false));
    // The key length in the long form is no key length (RFC 7296 3.3.5).
    assert_eq!(with(&[0, 14, 0, 2, 1, 0]), (None, false));
    assert_eq!(with(&[0, 17, 0, 3, 1, 2, 3, 0x80, 14, 0, 192]), (Some(192), false));
}

#[test]
fn bodies_shorter_than_their_fields() {
    use PayloadType as P;
    let octets = [0; 4];
    for have in 0..4 {
        let body = &octets[..have];
        let short = |kind| ParseError::BodyTruncated { kind, have, need: 4 };
        assert_eq!(KeyExchange::parse(body), Err(short(P::KeyExchange)));
        assert_eq!(Identity::parse(P::IdResponder, body), Err(short(P::IdResponder)));
        assert_eq!(Authentication::parse(body), Err(short(P::Authentication)));
        assert_eq!(Notify::parse(body), Err(short(P::Notify)));
        assert_eq!(Delete::parse(body), Err(short(P::Delete)));
        assert_eq!(Selectors::parse(P::SelectorsInitiator, body), Err(short(P::SelectorsInitiator)));
    }
    for have in 0..2 {
        let kind = P::Certificate;
        assert_eq!(
            Certificate::parse(&octets[..have]),
            Err(ParseError::BodyTruncated { kind, have, need: 2 })
        );
    }
    let kind = P::CertificateRequest;
    assert_eq!(CertificateRequest::parse(&[]), Err(ParseError::BodyTruncated { kind, have: 0, need: 1 }));
}

#[test]
fn identities() {
    let parse = |kind: u8, data: &[u8]| {
        let body = [&[kind, 0, 0, 0], data].concat();
        Identity::parse(PayloadType::IdInitiator, &body).map(|id| id.to_string())
    };
    for length in (0..32).filter(|length| *length != 4) {
        let error = ParseError::IdentityLength { kind: IdType::Ipv4, have: length };
        assert_eq!(parse(1, &vec![0; length]), Err(error));
    }
    for kind in [2, 3, 9, 10, 11, 200] {
        assert_eq!(parse(kind, &[]), Err(ParseError::IdentityLength { kind: IdType(kind), have: 0 }));
    }
    assert_eq!(parse(5, &[0; 4]), Err(ParseError::IdentityLength { kind: IdType::Ipv6, have: 4 }));
    assert_eq!(parse(1, &[192, 0, 2, 1]).unwrap(), "192.0.2.1");
    assert_eq!(parse(2, b"spoke1.example.net").unwrap(), "spoke1.example.net");
    // Nothing of it reaches a terminal or a log's next line.
    assert_eq!(parse(2, b"a\0b\n\x1b[m").unwrap(), "a?b??[m");
    assert_eq!(parse(11, b"\x01\xff").unwrap(), "key-id:01ff");
    assert_eq!(parse(2, &[b'x'; 65_000]).unwrap().len(), 131);
    assert_eq!(parse(9, &[0; 65_000]).unwrap().len(), 3 + 128 + 3);
    assert_eq!(parse(200, &[1]).unwrap(), "IdType(200):01");
}

#[test]
fn notifies_and_deletes() {
    let kind = PayloadType::Notify;
    assert_eq!(Notify::parse(&[3, 4, 0, 1, 9]), Err(ParseError::BodyTruncated { kind, have: 5, need: 8 }));
    for length in (0..=40).filter(|length| *length != 20) {
        assert_eq!(Notify::plain(NotifyType::NatDetectionSource, &vec![0; length]).nat_detection(), None);
    }
    assert!(NotifyType::TemporaryFailure.is_error() && !NotifyType::InitialContact.is_error());
    for (size, count, have) in [(4, 2, 7), (4, 1, 8), (0, 0, 1), (255, 65535, 4)] {
        let [c0, c1] = u16::to_be_bytes(count);
        let body = [&[3, size, c0, c1][..], &vec![0; have]].concat();
        assert_eq!(Delete::parse(&body), Err(ParseError::DeleteLength { count, size, have }));
    }
    // SPIs of no octet: as many as one likes, but nothing to go through.
    let delete = Delete::parse(&[1, 0, 0xff, 0xff]).unwrap();
    assert_eq!((delete.count, delete.spis().count()), (65535, 0));
    assert_eq!(Delete::parse(&[3, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8]).unwrap().spis().count(), 0);
}

#[test]
fn selectors() {
    let parse = |body: &[u8]| Selectors::parse(PayloadType::SelectorsResponder, body).map(|s| s.count());
    let one = [7, 47, 0, 16, 0, 0, 255, 255, 10, 0, 0, 1, 10, 0, 0, 1];
    let body = |count: u8, selectors: &[&[u8]]| [&[count, 0, 0, 0], selectors.concat().as_slice()].concat();
    assert_eq!(parse(&body(1, &[&one])), Ok(1));
    assert_eq!(parse(&body(0, &[])), Err(ParseError::SelectorCount { count: 0, have: 0 }));
    assert_eq!(parse(&body(1, &[])), Err(ParseError::SelectorCount { count: 1, have: 0 }));
    assert_eq!(parse(&body(0, &[&one])), Err(ParseError::SelectorCount { count: 0, have: 1 }));
    assert_eq!(parse(&body(255, &[&one, &one])), Err(ParseError::SelectorCount { count: 255, have: 2 }));
    for length in (0..=255).filter(|length| *length != 16) {
        let mut bad = one;
        bad[3] = length;
        let error = ParseError::SelectorLength { kind: 7, length: length.into(), have: 16 };
        assert_eq!(parse(&body(1, &[&bad])), Err(error));
    }
    // IPv6 with the length of IPv4.
    let mut bad = one;
    bad[0] = 8;
    assert_eq!(parse(&body(1, &[&bad])), Err(ParseError::SelectorLength { kind: 8, length: 16, have: 16 }));
    assert_eq!(
        parse(&body(1, &[&one[..7]])),
        Err(ParseError::SelectorLength { kind: 7, length: 0, have: 7 })
    );
    // A type that is not known counts, and is nothing.
    let unknown = body(2, &[&[9, 0, 0, 8, 0, 0, 0, 0], &one]);
    let selectors = Selectors::parse(PayloadType::SelectorsInitiator, &unknown).unwrap();
    assert_eq!((selectors.count(), selectors.only()), (2, None));
    let known: Vec<_> = selectors.iter().collect();
    assert!(matches!(known[..], [None, Some(TrafficSelector { protocol: 47, .. })]));
    let mut backwards = one;
    backwards[15] = 0;
    let backwards = body(1, &[&backwards]);
    assert!(
        Selectors::parse(PayloadType::SelectorsInitiator, &backwards).unwrap().only().unwrap().is_empty()
    );
}

#[test]
fn signatures_and_authorities() {
    for (data, algorithm) in [(&[][..], 0), (&[0], 0), (&[0, 1], 0), (&[2, 1], 2), (&[2, 1, 2], 2)] {
        let error = ParseError::Signature { algorithm, have: data.len() };
        assert_eq!(DigitalSignature::parse(data), Err(error));
    }
    let split = DigitalSignature::parse(&[2, 0x30, 0, 7]).unwrap();
    assert_eq!((split.algorithm, split.signature), (&[0x30, 0][..], &[7][..]));
    assert_eq!(CertificateRequest::parse(&[4; 20]), Err(ParseError::Authorities(19)));
    assert_eq!(CertificateRequest::parse(&[4; 41]).unwrap().authorities.len(), 2);
    assert!(CertificateRequest::parse(&[4]).unwrap().authorities.is_empty());
    assert!(CertificateRequest::parse(&[200, 1, 2]).unwrap().authorities.is_empty());
}

#[test]
fn fragments() {
    let fragment = |body: &[u8]| {
        let mut chain = Chain::new();
        chain.raw(PayloadType::Vendor, b"in the clear").raw(PayloadType::EncryptedFragment, body);
        let octets = chain.message(&header()).unwrap();
        let encrypted = Message::parse(&octets).unwrap().encrypted()?.unwrap();
        assert_eq!((encrypted.at(), encrypted.sealed), (HEADER_LEN + 16, &body[4..]));
        Ok(encrypted.fragment.unwrap())
    };
    let kind = PayloadType::EncryptedFragment;
    for have in 0..4 {
        assert_eq!(fragment(&[0; 4][..have]), Err(ParseError::BodyTruncated { kind, have, need: 4 }));
    }
    for (number, total) in [(0, 0), (0, 1), (2, 1), (65535, 65534), (1, 0)] {
        let body = [u16::to_be_bytes(number), u16::to_be_bytes(total)].concat();
        assert_eq!(fragment(&body), Err(ParseError::Fragment { number, total }));
    }
    assert_eq!(fragment(&[0, 1, 0, 1, 9]), Ok(Fragment { number: 1, total: 1 }));
    assert_eq!(fragment(&[255; 4]), Ok(Fragment { number: 65535, total: 65535 }));
}

#[test]
fn what_is_too_long_is_not_built() {
    let mut chain = Chain::new();
    chain.raw(PayloadType::Vendor, &[0; 65_532]);
    assert_eq!(chain.message(&header()), Err(TooLong(28 + 65_536)));
    let mut chain = Chain::new();
    (0..=MAX_PAYLOADS).for_each(|_| {
        chain.raw(PayloadType::Vendor, &[]);
    });
    assert_eq!(chain.message(&header()), Err(TooLong(28 + 65 * 4)));
}
