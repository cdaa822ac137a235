//! What comes out of the builder goes through the parser, and mutated messages do no harm.

use super::real::{again, messages};
use crate::ike::*;
use proptest::prelude::*;
use std::net::IpAddr;

fn octets(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), length)
}

prop_compose! {
    fn header()(spis: (u64, u64), exchange: u8, flags: u8, message_id: u32) -> Header {
        let (initiator_spi, responder_spi) = spis;
        Header { initiator_spi, responder_spi, exchange: Exchange(exchange), flags: Flags(flags), message_id }
    }
}

fn transform() -> impl Strategy<Value = Transform> {
    (any::<(u8, u16)>(), prop::option::of(any::<u16>()))
        .prop_map(|((kind, id), key_length)| Transform::new(TransformType(kind), id, key_length))
}

type OwnedProposal = (u8, u8, Vec<u8>, Vec<Transform>);

fn proposals() -> impl Strategy<Value = Vec<OwnedProposal>> {
    let transforms = prop::collection::vec(transform(), 1..20);
    prop::collection::vec((any::<u8>(), any::<u8>(), octets(0..9), transforms), 1..8)
}

fn specs(proposals: &[OwnedProposal]) -> Vec<ProposalSpec<'_>> {
    fn spec((number, protocol, spi, transforms): &OwnedProposal) -> ProposalSpec<'_> {
        ProposalSpec { number: *number, protocol: Protocol(*protocol), spi, transforms }
    }
    proposals.iter().map(spec).collect()
}

fn selector() -> impl Strategy<Value = TrafficSelector> {
    let v4 = any::<[[u8; 4]; 2]>().prop_map(|[start, end]| (IpAddr::from(start), IpAddr::from(end)));
    let v6 = any::<[[u8; 16]; 2]>().prop_map(|[start, end]| (IpAddr::from(start), IpAddr::from(end)));
    (any::<(u8, u16, u16)>(), prop_oneof![v4, v6]).prop_map(
        |((protocol, start_port, end_port), (start, end))| TrafficSelector {
            protocol,
            start_port,
            end_port,
            start,
            end,
        },
    )
}

prop_compose! {
    /// One payload of each kind.
    fn chain()(
        proposals in proposals(),
        exchange in (any::<u16>(), octets(0..600)),
        nonce in octets(16..=256),
        id in octets(1..80),
        auth in (any::<u8>(), octets(0..300)),
        certificate in (any::<u8>(), octets(1..300)),
        authorities in prop::collection::vec(any::<[u8; 20]>(), 0..5),
        notify in (any::<(u8, u16)>(), octets(0..20), octets(0..64)),
        spis in prop::collection::vec(any::<u32>(), 0..20),
        selectors in prop::collection::vec(selector(), 1..10),
        vendor in octets(0..40),
    ) -> Chain {
        let mut chain = Chain::new();
        chain
            .security_association(&specs(&proposals))
            .key_exchange(KeyExchangeId(exchange.0), &exchange.1)
            .nonce(&nonce)
            .identity(PayloadType::IdInitiator, IdType::KeyId, &id)
            .identity(PayloadType::IdResponder, IdType::Ipv4, &[192, 0, 2, 1])
            .certificate(&Certificate { encoding: CertEncoding(certificate.0), data: &certificate.1 })
            .certificate_request(&CertificateRequest { encoding: CertEncoding::X509, authorities: &authorities })
            .authentication(AuthMethod(auth.0), &auth.1)
            .notify(&Notify {
                protocol: Protocol(notify.0.0), spi: &notify.1, kind: NotifyType(notify.0.1), data: &notify.2,
            })
            .delete_esp(&spis)
            .delete_ike()
            .selectors(PayloadType::SelectorsInitiator, &selectors)
            .selectors(PayloadType::SelectorsResponder, &selectors[..1])
            .raw(PayloadType::Vendor, &vendor);
        chain
    }
}

proptest! {
    #[test]
    fn round_trip(header in header(), chain in chain()) {
        let octets = chain.message(&header).unwrap();
        let message = Message::parse(&octets).unwrap();
        prop_assert_eq!(message.header(), header);
        prop_assert_eq!(message.octets(), &octets);
        prop_assert_eq!(message.payloads().into_iter().count(), 14);
        let mut rebuilt = Chain::new();
        message.payloads().into_iter().for_each(|payload| again(&mut rebuilt, &payload));
        prop_assert_eq!(rebuilt.message(&header).unwrap(), octets);
    }

    #[test]
    fn proposals_round_trip(proposals in proposals()) {
        let mut body = Vec::new();
        SecurityAssociation::emit(&specs(&proposals), &mut body);
        let sa = SecurityAssociation::parse(&body).unwrap();
        prop_assert_eq!(sa.proposals().count(), proposals.len());
        for (read, (number, protocol, spi, transforms)) in sa.proposals().map(Result::unwrap).zip(&proposals) {
            prop_assert_eq!((read.number, read.protocol.0, read.spi), (*number, *protocol, &spi[..]));
            prop_assert_eq!(&read.transforms().collect::<Vec<_>>(), transforms);
        }
    }

    #[test]
    fn encrypted_heads_round_trip(
        header in header(), first: u8, fragment in prop::option::of((1u16.., any::<u16>())), sealed in octets(0..80),
    ) {
        let fragment = fragment.map(|(number, more)| Fragment { number, total: number.saturating_add(more) });
        let mut octets = header.encrypted_head(PayloadType(first), fragment);
        let head = octets.len();
        octets.extend_from_slice(&sealed);
        let length = octets.len() as u32;
        octets[24..28].copy_from_slice(&length.to_be_bytes());
        octets[30..32].copy_from_slice(&(length as u16 - HEADER_LEN as u16).to_be_bytes());
        let message = Message::parse(&octets).unwrap();
        prop_assert_eq!(message.header(), header);
        let encrypted = message.encrypted().unwrap().unwrap();
        prop_assert_eq!((encrypted.first, encrypted.fragment), (PayloadType(first), fragment));
        prop_assert_eq!((encrypted.at(), encrypted.sealed, &octets[head..]), (HEADER_LEN, &sealed[..], &sealed[..]));
    }

    #[test]
    fn mutated_messages_do_not_panic(
        which: prop::sample::Index, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let messages = messages();
        let real = which.get(&messages);
        let mutate = |octets: &[u8]| {
            let mut octets = octets.to_vec();
            for (at, value) in &changes {
                if !octets.is_empty() {
                    let at = at.index(octets.len());
                    octets[at] = *value;
                }
            }
            octets
        };
        let mut octets = mutate(&real.octets);
        octets[17] = 0x20;
        let length = octets.len() as u32;
        octets[24..28].copy_from_slice(&length.to_be_bytes());
        if let Ok(message) = Message::parse(&octets) {
            read(message.payloads());
            let _ = message.encrypted().map(|encrypted| encrypted.map(|encrypted| encrypted.at()));
            let _ = Trace::from(&message).to_string();
        }
        if let Some((first, plaintext)) = &real.inner
            && let Ok(payloads) = Payloads::parse(*first, &mutate(plaintext))
        {
            read(payloads);
        }
    }

    #[test]
    fn any_octets_do_not_panic(first: u8, octets in octets(0..400)) {
        let _ = Message::parse(&octets);
        if let Ok(payloads) = Payloads::parse(PayloadType(first), &octets) {
            read(payloads);
        }
        let _ = SecurityAssociation::parse(&octets).map(|sa| format!("{sa:?}"));
        let _ = Selectors::parse(PayloadType::SelectorsInitiator, &octets).map(|s| format!("{s:?}"));
        let _ = DigitalSignature::parse(&octets);
    }
}

/// Every accessor of every payload.
fn read(payloads: Payloads<'_>) {
    let (initiator, responder) = (PayloadType::SelectorsInitiator, PayloadType::SelectorsResponder);
    let _ = payloads.unknown_critical();
    let _ = format!("{:?} {:?}", payloads, payloads.security_association());
    let _ = payloads.key_exchange();
    let _ = payloads.nonce();
    let _ = format!("{:?}", payloads.identity(PayloadType::IdInitiator));
    let _ = payloads.authentication().map(|auth| auth.map(|auth| DigitalSignature::parse(auth.data)));
    let _ = format!("{:?} {:?}", payloads.selectors(initiator), payloads.selectors(responder));
    for notify in payloads.notifies().flatten() {
        let _ = (notify.spi32(), notify.data_u16(), notify.hashes().count());
    }
    for payload in payloads {
        let _ = Delete::parse(payload.body).map(|delete| delete.spis().count());
        let _ = (Certificate::parse(payload.body), CertificateRequest::parse(payload.body));
    }
    assert!(payloads.into_iter().count() <= MAX_PAYLOADS);
}
