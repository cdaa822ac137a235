//! Messages of real peers: what another decoder read of them, and the same octets back.

use crate::ike::*;
use serde_json::Value;

/// A message of the test data.
pub(super) struct Real {
    pub(super) name: String,
    pub(super) octets: Vec<u8>,
    /// First payload inside the Encrypted payload, and what it holds without its padding.
    pub(super) inner: Option<(PayloadType, Vec<u8>)>,
    seen: Value,
}

pub(super) fn malformed() -> Vec<Real> {
    read(include_str!("../../../testdata/ike/malformed.json"))
}

pub(super) fn messages() -> Vec<Real> {
    let mut all = read(include_str!("../../../testdata/ike/strongswan.json"));
    all.extend(read(include_str!("../../../testdata/ike/others.json")));
    all
}

fn read(file: &str) -> Vec<Real> {
    let file: Value = serde_json::from_str(file).unwrap();
    let message = |message: &Value| Real {
        name: format!("{} frame {}", message["file"].as_str().unwrap(), message["frame"]),
        octets: hex(message["hex"].as_str().unwrap()),
        inner: message["plaintext"].as_str().map(|plaintext| {
            let mut plaintext = hex(plaintext);
            let padding = plaintext.pop().unwrap();
            plaintext.truncate(plaintext.len() - usize::from(padding));
            (PayloadType(message["first"].as_u64().unwrap() as u8), plaintext)
        }),
        seen: message["seen"].clone(),
    };
    file["messages"].as_array().unwrap().iter().map(message).collect()
}

pub(super) fn hex(text: &str) -> Vec<u8> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty());
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

impl Real {
    fn parse(&self) -> Message<'_> {
        Message::parse(&self.octets).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// What tshark has for a field; empty: nothing.
    fn seen(&self, field: &str) -> Vec<String> {
        let list = self.seen[field].as_str().unwrap_or_default();
        list.split(',').filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    fn number(&self, field: &str) -> u64 {
        let text = self.seen[field].as_str().unwrap();
        let hexadecimal = text.strip_prefix("0x").or_else(|| field.ends_with("spi").then_some(text));
        hexadecimal.map_or_else(|| text.parse(), |digits| u64::from_str_radix(digits, 16)).unwrap()
    }
}

/// All payloads of each message, decrypted; a message in fragments is put together at its last one. Of messages that
/// cannot be decrypted those in the clear.
fn with_payloads(messages: &[Real], mut run: impl FnMut(&Real, &[Payload<'_>])) {
    let mut pending: Vec<(&Real, Encrypted<'_>)> = Vec::new();
    for real in messages {
        let message = real.parse();
        let mut all: Vec<_> = message.payloads().into_iter().collect();
        let Some((first, plaintext)) = &real.inner else {
            run(real, &all);
            continue;
        };
        let encrypted = message.encrypted().unwrap().unwrap();
        assert_eq!(encrypted.first, *first, "{}", real.name);
        let Some(fragment) = encrypted.fragment else {
            all.extend(Payloads::parse(*first, plaintext).unwrap());
            run(real, &all);
            continue;
        };
        pending.push((real, encrypted));
        assert_eq!(usize::from(fragment.number), pending.len(), "{}", real.name);
        if fragment.number < fragment.total {
            run(real, &all);
            continue;
        }
        let part = |(real, _): &(&Real, _)| real.inner.as_ref().unwrap().1.clone();
        let whole: Vec<u8> = pending.iter().flat_map(part).collect();
        all.extend(Payloads::parse(pending[0].1.first, &whole).unwrap());
        run(real, &all);
        pending.clear();
    }
    assert!(pending.is_empty());
}

fn texts(numbers: impl IntoIterator<Item = impl Into<u64>>) -> Vec<String> {
    numbers.into_iter().map(|number| number.into().to_string()).collect()
}

#[test]
fn there_are_171_of_strongswan_and_24_of_others() {
    assert_eq!(messages().len(), 171 + 24);
    assert_eq!(messages().iter().filter(|real| real.inner.is_some()).count(), 123);
}

#[test]
fn headers_are_what_another_decoder_read() {
    for real in messages() {
        let header = real.parse().header();
        assert_eq!(header.initiator_spi, real.number("ispi"), "{}", real.name);
        assert_eq!(header.responder_spi, real.number("rspi"), "{}", real.name);
        assert_eq!(u64::from(header.exchange.0), real.number("exchangetype"), "{}", real.name);
        assert_eq!(u64::from(header.flags.0), real.number("flags"), "{}", real.name);
        assert_eq!(u64::from(header.message_id), real.number("messageid"), "{}", real.name);
        assert_eq!(real.octets.len() as u64, real.number("length"), "{}", real.name);
    }
}

#[test]
fn payloads_are_what_another_decoder_read() {
    with_payloads(&messages(), |real, payloads| {
        let name = &real.name;
        // tshark counts proposals and transforms as payloads 2 and 3.
        let mut kinds = real.seen("typepayload");
        kinds.retain(|kind| !["2", "3"].contains(&kind.as_str()));
        assert_eq!(texts(payloads.iter().map(|payload| payload.kind.0)), kinds, "{name}");
        let of =
            |kind| payloads.iter().filter(move |payload| payload.kind == kind).map(|payload| payload.body);
        let notifies = of(PayloadType::Notify).map(|body| Notify::parse(body).unwrap().kind.0);
        assert_eq!(texts(notifies), real.seen("notify.msgtype"), "{name}");
        let methods = of(PayloadType::KeyExchange).map(|body| {
            let exchange = KeyExchange::parse(body).unwrap();
            assert!(exchange.method.0 < 14 || exchange.method.initiator_len() == Some(exchange.data.len()));
            exchange.method.0
        });
        assert_eq!(texts(methods), real.seen("key_exchange.dh_group"), "{name}");
        let auth = of(PayloadType::Authentication).map(|body| Authentication::parse(body).unwrap().method.0);
        assert_eq!(texts(auth), real.seen("auth.method"), "{name}");
        let ids =
            payloads.iter().filter(|p| matches!(p.kind, PayloadType::IdInitiator | PayloadType::IdResponder));
        let ids = ids.map(|payload| Identity::parse(payload.kind, payload.body).unwrap().kind.0);
        assert_eq!(texts(ids), real.seen("id.type"), "{name}");
    });
}

#[test]
fn proposals_are_what_another_decoder_read() {
    with_payloads(&messages(), |real, payloads| {
        let sa = payloads.iter().find(|payload| payload.kind == PayloadType::Sa);
        let sa = sa.map(|payload| SecurityAssociation::parse(payload.body).unwrap());
        let proposals: Vec<_> = sa.iter().flat_map(|sa| sa.proposals()).map(Result::unwrap).collect();
        let transforms: Vec<_> = proposals.iter().flat_map(Proposal::transforms).collect();
        assert_eq!(texts(proposals.iter().map(|p| p.number)), real.seen("prop.number"), "{}", real.name);
        assert_eq!(texts(transforms.iter().map(|t| t.kind.0)), real.seen("tf.type"), "{}", real.name);
        let lengths = transforms.iter().filter_map(|transform| transform.key_length);
        assert_eq!(texts(lengths), real.seen("ike2.attr.key_length"), "{}", real.name);
        assert!(transforms.iter().all(|transform| transform.understood), "{}", real.name);
    });
}

#[test]
fn selectors_and_deletes_are_what_another_decoder_read() {
    with_payloads(&messages(), |real, payloads| {
        let kinds = [PayloadType::SelectorsInitiator, PayloadType::SelectorsResponder];
        let bodies = payloads.iter().filter(|payload| kinds.contains(&payload.kind));
        let all: Vec<_> = bodies
            .flat_map(|payload| Selectors::parse(payload.kind, payload.body).unwrap().iter())
            .map(Option::unwrap)
            .collect();
        assert_eq!(
            texts(all.iter().map(|selector| selector.protocol)),
            real.seen("ts.protoid"),
            "{}",
            real.name
        );
        let starts: Vec<_> = all.iter().map(|selector| selector.start.to_string()).collect();
        let ends: Vec<_> = all.iter().map(|selector| selector.end.to_string()).collect();
        assert_eq!((starts, ends), (real.seen("ts.start_ipv4"), real.seen("ts.end_ipv4")), "{}", real.name);
        let deletes = payloads.iter().filter(|payload| payload.kind == PayloadType::Delete);
        let spis = deletes.flat_map(|payload| Delete::parse(payload.body).unwrap().spis());
        let spis: Vec<_> = spis.map(|spi| format!("{spi:08x}")).collect();
        assert_eq!(spis, real.seen("delete.spi"), "{}", real.name);
    });
}

/// Takes a payload apart by its accessors and puts it together again.
pub(super) fn again(chain: &mut Chain, payload: &Payload<'_>) {
    let (kind, body) = (payload.kind, payload.body);
    match kind {
        PayloadType::Sa => {
            let sa = SecurityAssociation::parse(body).unwrap();
            let proposals: Vec<_> = sa.proposals().map(Result::unwrap).collect();
            let transforms: Vec<Vec<_>> = proposals.iter().map(|p| p.transforms().collect()).collect();
            let specs: Vec<_> = proposals
                .iter()
                .zip(&transforms)
                .map(|(p, transforms)| ProposalSpec {
                    number: p.number,
                    protocol: p.protocol,
                    spi: p.spi,
                    transforms,
                })
                .collect();
            chain.security_association(&specs)
        }
        PayloadType::KeyExchange => {
            let exchange = KeyExchange::parse(body).unwrap();
            chain.key_exchange(exchange.method, exchange.data)
        }
        PayloadType::IdInitiator | PayloadType::IdResponder => {
            let identity = Identity::parse(kind, body).unwrap();
            chain.identity(kind, identity.kind, identity.data)
        }
        PayloadType::Authentication => {
            let authentication = Authentication::parse(body).unwrap();
            chain.authentication(authentication.method, authentication.data)
        }
        PayloadType::Certificate => chain.certificate(&Certificate::parse(body).unwrap()),
        PayloadType::CertificateRequest => {
            chain.certificate_request(&CertificateRequest::parse(body).unwrap())
        }
        PayloadType::Nonce => chain.nonce(check_nonce(body).unwrap()),
        PayloadType::Notify => chain.notify(&Notify::parse(body).unwrap()),
        PayloadType::Delete => match Delete::parse(body).unwrap() {
            Delete { protocol: Protocol::Ike, .. } => chain.delete_ike(),
            delete => chain.delete_esp(&delete.spis().collect::<Vec<_>>()),
        },
        PayloadType::SelectorsInitiator | PayloadType::SelectorsResponder => {
            let selectors: Vec<_> =
                Selectors::parse(kind, body).unwrap().iter().map(Option::unwrap).collect();
            chain.selectors(kind, &selectors)
        }
        PayloadType::Vendor => chain.raw(kind, body),
        other => panic!("payload {other}"),
    };
    if payload.critical {
        chain.critical();
    }
}

#[test]
fn emitted_octets_are_the_received_ones() {
    let (mut clear, mut sealed) = (0, 0);
    with_payloads(&messages(), |real, payloads| {
        let header = real.parse().header();
        let split = payloads.iter().position(Payload::is_encrypted);
        let Some(split) = split else {
            let mut chain = Chain::new();
            payloads.iter().for_each(|payload| again(&mut chain, payload));
            assert_eq!(chain.message(&header).unwrap(), real.octets, "{}", real.name);
            clear += 1;
            return;
        };
        if real.inner.is_none() || payloads.len() == 1 && real.inner.as_ref().unwrap().0 != PayloadType::None
        {
            return;
        }
        let mut chain = Chain::new();
        payloads[split + 1..].iter().for_each(|payload| again(&mut chain, payload));
        let (first, plaintext) = real.inner.as_ref().unwrap();
        let message = real.parse();
        let encrypted = message.encrypted().unwrap().unwrap();
        match encrypted.fragment {
            None => assert_eq!((chain.octets(), chain.first()), (&plaintext[..], *first), "{}", real.name),
            Some(_) => assert!(chain.octets().ends_with(plaintext), "{}", real.name),
        }
        // With what the cipher made of it, and the lengths that follow from that, it is what was received.
        let mut again = header.encrypted_head(encrypted.first, encrypted.fragment);
        again.extend_from_slice(encrypted.sealed);
        let length = again.len() as u32;
        again[24..28].copy_from_slice(&length.to_be_bytes());
        let length = length as u16 - HEADER_LEN as u16;
        again[30..32].copy_from_slice(&length.to_be_bytes());
        assert_eq!((again, encrypted.at()), (real.octets.clone(), HEADER_LEN), "{}", real.name);
        sealed += 1;
    });
    assert_eq!((clear, sealed), (44, 120));
}

#[test]
fn a_message_in_a_line_names_no_secret() {
    let mut lines = Vec::new();
    for real in messages() {
        let message = real.parse();
        lines.push(Trace::from(&message).to_string());
        if let Some((first, plaintext)) = &real.inner
            && let Ok(payloads) = Payloads::parse(*first, plaintext)
        {
            lines.push(Trace::new(message.header(), payloads).to_string());
        }
    }
    let has = |text: &str| assert!(lines.iter().any(|line| line == text), "{text} in {lines:#?}");
    has("IKE_SA_INIT response 0 [ N(COOKIE) ]");
    has("IKE_SA_INIT response 0 [ N(INVALID_KE_PAYLOAD) ]");
    has("CREATE_CHILD_SA response 2 [ SA No TSi(0 10.8.1.1) TSr(0 10.8.2.1) ]");
    has("INFORMATIONAL request 3 [ D(ESP 1) ]");
    has("INFORMATIONAL response 2 [ ]");
    // No run of hexadecimal digits as long as a nonce, key or authentication data.
    for line in &lines {
        let run = line.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max();
        assert!(run < Some(16), "{line}");
    }
}
