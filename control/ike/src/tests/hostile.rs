//! Hostile input: every one of these has broken somebody's IKE.

use super::establish::{check_pair, up};
use super::spoke::{Spoke, cipher, transform};
use super::world::{HUB, SPOKE, World, config};
use crate::crypto::{Encryption, Group, Secret, auth::shared_key};
use crate::offer::kind;
use crate::{Cause, Count, WhyDown};
use wire::ike::{
    AuthMethod, Chain, Exchange, Flags, Header, KeyExchangeId, Message, NotifyType, PayloadType,
    ProposalSpec, Protocol, TrafficSelector, Transform, TransformType,
};

/// A world and a good IKE_SA_INIT.
fn init() -> (World, Spoke, Vec<u8>) {
    let mut spoke = Spoke::new();
    spoke.init();
    let (_, datagram) = spoke.take().pop().unwrap();
    (World::new(), spoke, datagram)
}

/// After IKE_SA_INIT, before IKE_AUTH.
pub(super) fn half() -> (World, Spoke) {
    let (mut world, mut spoke, datagram) = init();
    world.datagram(spoke.path(), &datagram);
    let (path, response) = world.sent.pop_front().unwrap();
    spoke.receive(path, &response);
    spoke.take();
    spoke.sa().next = 1;
    (world, spoke)
}

/// A good peer still comes up.
pub(super) fn still_serves(mut world: World) {
    let mut good = Spoke::at(std::net::Ipv4Addr::new(198, 51, 100, 200), 77);
    world.sent.clear();
    good.init();
    world.exchange(&mut good);
    assert!(good.established, "{:?}", world.responder.counters());
    check_pair(&world, &good);
}

/// IKE_SA_INIT with these payloads; what is answered.
fn init_with(chain: &Chain) -> (World, Spoke, Option<NotifyType>) {
    let (mut world, mut spoke, _) = init();
    let datagram = chain.message(&spoke.init_header()).unwrap();
    let path = spoke.path();
    world.datagram(path, &datagram);
    let answer = world.sent.pop_front().and_then(|(_, datagram)| {
        let message = Message::parse(&datagram).unwrap();
        spoke.response = datagram.clone();
        let notify = message.payloads().notifies().flatten().next();
        notify.filter(|notify| notify.kind.is_error()).map(|notify| notify.kind)
    });
    (world, spoke, answer)
}

fn is_ignored(chain: &Chain) -> bool {
    let (world, spoke, answer) = init_with(chain);
    let ignored = answer.is_none() && spoke.response.is_empty() && world.responder.load().half_open == 0;
    still_serves(world);
    ignored
}

#[test]
fn truncation_and_length_fields_are_ignored() {
    let (mut world, spoke, datagram) = init();
    for length in 0..datagram.len() {
        world.datagram(spoke.path(), &datagram[..length]);
    }
    for wrong in [0_u32, 27, 28, datagram.len() as u32 - 1, datagram.len() as u32 + 1, u32::MAX] {
        let mut bad = datagram.clone();
        bad[24..28].copy_from_slice(&wrong.to_be_bytes());
        world.datagram(spoke.path(), &bad);
    }
    assert!(world.sent.is_empty());
    assert_eq!(world.responder.load().half_open, 0);
    still_serves(world);
}

#[test]
fn only_higher_versions_are_answered_and_not_often() {
    let (mut world, spoke, datagram) = init();
    for version in [0x00, 0x10, 0x1f] {
        let mut bad = datagram.clone();
        bad[17] = version;
        world.datagram(spoke.path(), &bad);
    }
    assert!(world.sent.is_empty());
    for _ in 0..10 {
        let mut bad = datagram.clone();
        bad[17] = 0x30;
        world.datagram(spoke.path(), &bad);
    }
    assert_eq!(world.sent.len(), 1);
    let (_, answer) = world.sent.pop_front().unwrap();
    let message = Message::parse(&answer).unwrap();
    assert_eq!(message.payloads().notifies().next().unwrap().unwrap().kind, NotifyType::InvalidMajorVersion);
    // A minor version is not looked at.
    let mut minor = datagram;
    minor[17] = 0x27;
    world.datagram(spoke.path(), &minor);
    assert_eq!(world.responder.load().half_open, 1);
}

#[test]
fn every_octet_of_ike_sa_init_may_be_wrong() {
    let (mut world, spoke, datagram) = init();
    for at in 0..datagram.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bad = datagram.clone();
            bad[at] ^= flip;
            world.datagram(spoke.path(), &bad);
        }
    }
    world.pass(31_000);
    assert_eq!(world.responder.load().half_open, 0);
    still_serves(world);
}

#[test]
fn spis_and_flags_that_cannot_be_are_ignored() {
    let (mut world, spoke, datagram) = init();
    let alter = |at: usize, octets: &[u8]| {
        let mut bad = datagram.clone();
        bad[at..at + octets.len()].copy_from_slice(octets);
        bad
    };
    let bads = [
        alter(0, &[0; 8]),
        alter(8, &[1; 8]),
        alter(19, &[Flags::RESPONSE | Flags::INITIATOR]),
        alter(19, &[0]),
        alter(20, &[0, 0, 0, 1]),
        alter(18, &[Exchange::IkeAuth.0]),
        alter(18, &[Exchange::CreateChildSa.0]),
        alter(18, &[Exchange::Informational.0]),
        alter(18, &[0]),
    ];
    for bad in bads {
        world.datagram(spoke.path(), &bad);
    }
    assert!(world.sent.is_empty());
    assert_eq!(world.responder.load().half_open, 0);
    // To an address that is nobody's tunnel source.
    let mut path = spoke.path();
    path.local.0 = SPOKE;
    world.datagram(path, &datagram);
    assert_eq!(world.count(Count::UnknownAddress), 1);
    still_serves(world);
}

#[test]
fn a_chain_of_payloads_has_an_end() {
    for body in [
        // Lengths of 0 to 3, beyond the end, a payload that names itself for ever, octets behind the end.
        vec![33, 0, 0, 0],
        vec![33, 0, 0, 3],
        vec![33, 0, 0, 200],
        vec![43, 0, 0, 4],
        [43, 0, 0, 4].repeat(1000),
        vec![0, 0, 0, 4, 9, 9, 9, 9],
        vec![0, 0],
    ] {
        let (mut world, spoke, _) = init();
        let mut datagram = Chain::new().message(&spoke.init_header()).unwrap();
        datagram[16] = 43;
        datagram.extend_from_slice(&body);
        let length = datagram.len() as u32;
        datagram[24..28].copy_from_slice(&length.to_be_bytes());
        world.datagram(spoke.path(), &datagram);
        assert!(world.sent.is_empty());
        still_serves(world);
    }
}

#[test]
fn what_ike_sa_init_has_to_have_is_there_once() {
    let (_, mut spoke, _) = init();
    let full = |spoke: &mut Spoke, skip: PayloadType, twice: PayloadType| {
        let chain = spoke.init_chain();
        let mut bad = Chain::new();
        for payload in chain.payloads().unwrap() {
            if payload.kind != skip {
                bad.raw(payload.kind, payload.body);
            }
            if payload.kind == twice {
                bad.raw(payload.kind, payload.body);
            }
        }
        bad
    };
    for kind in [PayloadType::Sa, PayloadType::KeyExchange, PayloadType::Nonce] {
        assert!(is_ignored(&full(&mut spoke, kind, PayloadType::None)), "without {kind}");
        assert!(is_ignored(&full(&mut spoke, PayloadType::None, kind)), "two of {kind}");
    }
    for length in [0, 1, 15, 257, 300] {
        spoke.nonce = vec![7; length];
        assert!(is_ignored(&spoke.init_chain()), "nonce of {length}");
    }
    // Long enough to be a nonce, too short for HMAC-SHA-384 (RFC 7296 2.10).
    spoke.nonce = vec![7; 16];
    assert!(is_ignored(&spoke.init_chain()));
}

#[test]
fn payloads_of_ikev1_and_unknown_ones_are_skipped_unless_critical() {
    for kind in (1..=32).chain(54..=80).chain([200, 255]) {
        let (_, mut spoke, _) = init();
        let mut chain = spoke.init_chain();
        chain.raw(PayloadType(kind), &[1, 2, 3]);
        let (_, spoke, answer) = init_with(&chain);
        assert!(answer.is_none() && !spoke.response.is_empty(), "payload {kind}");
    }
    let (_, mut spoke, _) = init();
    let mut chain = spoke.init_chain();
    chain.raw(PayloadType(99), &[]);
    let mut datagram = chain.message(&spoke.init_header()).unwrap();
    let at = datagram.len() - 3;
    datagram[at] = 0x80;
    let mut world = World::new();
    world.datagram(spoke.path(), &datagram);
    let (_, answer) = world.sent.pop_front().unwrap();
    let message = Message::parse(&answer).unwrap();
    let notify = message.payloads().notifies().next().unwrap().unwrap();
    assert_eq!((notify.kind, notify.data), (NotifyType::UnsupportedCriticalPayload, &[99][..]));
    assert_eq!(message.header().responder_spi, 0);
}

/// IKE_SA_INIT with this proposal.
fn proposal(transforms: &[Transform], group: Group) -> (World, Option<NotifyType>, bool) {
    let mut spoke = Spoke::new();
    spoke.init_chain();
    spoke.exchange = Some(crate::crypto::Exchange::generate(group).unwrap());
    let mut chain = Chain::new();
    chain.security_association(&[ProposalSpec { number: 1, protocol: Protocol::Ike, spi: &[], transforms }]);
    chain.key_exchange(KeyExchangeId(group.id()), spoke.exchange.as_ref().unwrap().public());
    chain.nonce(&spoke.nonce);
    let (world, spoke, answer) = init_with(&chain);
    (world, answer, spoke.response.len() > 40)
}

#[test]
fn proposals_that_cannot_be_are_skipped() {
    let gcm = cipher(Encryption::AesGcm256);
    let cbc = cipher(Encryption::AesCbc256);
    let bare = Transform::new(TransformType(1), 20, None);
    let odd = Transform::new(TransformType(1), 20, Some(255));
    let (prf, integrity, x25519) = (transform(2, 6), transform(3, 12), transform(4, 31));
    let prf_with_length = Transform::new(TransformType(2), 6, Some(128));
    let none: &[&[Transform]] = &[
        &[gcm, prf],                                                          // no key exchange
        &[gcm, x25519],                                                       // no pseudo-random function
        &[prf, x25519],                                                       // no cipher
        &[bare, prf, x25519],                                                 // AES without a key length
        &[odd, prf, x25519],                                                  // AES of 255 bits
        &[gcm, prf_with_length, x25519], // a key length where none belongs
        &[gcm, prf, x25519, integrity],  // integrity beside a combined mode
        &[cbc, prf, x25519],             // none where it is needed
        &[gcm, prf, x25519, transform(13, 1)], // a kind of transform that nobody knows
        &[gcm, prf, x25519, transform(241, 1)], // nor this
        &[gcm, transform(2, 1), x25519], // HMAC-MD5
        &[cbc, prf, x25519, transform(3, 5)], // AES-XCBC
        &[Transform::new(TransformType(1), 3, None), prf, integrity, x25519], // 3DES
        &[gcm, prf, transform(4, 1025)], // groups that are somebody's own
        &[gcm, prf, transform(4, 1040)],
        &[gcm, prf, transform(4, 65_535)],
        &[gcm, prf, transform(4, 2)], // and one that is too weak
        &[gcm, prf, transform(4, 0)],
    ];
    for transforms in none {
        let (world, answer, made) = proposal(transforms, Group::X25519);
        assert_eq!((answer, made), (Some(NotifyType::NoProposalChosen), false), "{transforms:?}");
        // The last ones lack nothing but a group.
        let cause = if transforms.contains(&x25519) { Cause::IkeProposal } else { Cause::IkeGroup };
        assert_eq!(world.causes(), [cause]);
        let text = &world.responder.failures()[0].text;
        assert!(text.contains("offered") && text.contains("wanted aes256gcm16"), "{text}");
        still_serves(world);
    }
    for transforms in [
        &[gcm, prf, x25519, transform(3, 0)][..], // integrity none is none
        &[gcm, cbc, integrity, prf, x25519],      // both ways in one
        &[gcm, gcm, prf, prf, x25519, x25519],    // twice the same
        &[transform(4, 1040), gcm, prf, x25519],  // ours among others
    ] {
        let (_, answer, made) = proposal(transforms, Group::X25519);
        assert!(answer.is_none() && made, "{transforms:?}");
    }
    // As many as there can be.
    let many: Vec<Transform> =
        (0..250).map(|n| transform(kind::KE, 1000 + n)).chain([gcm, prf, x25519]).collect();
    let (_, answer, made) = proposal(&many, Group::X25519);
    assert!(answer.is_none() && made);
}

#[test]
fn malformed_security_associations_are_ignored() {
    let (_, mut spoke, _) = init();
    let bodies: [&[u8]; 7] = [
        &[],
        &[0, 0, 0, 8, 1, 1, 0, 0],                             // no transform
        &[0, 0, 0, 7, 1, 1, 0],                                // shorter than its head
        &[0, 0, 0, 200, 1, 1, 0, 1],                           // beyond the end
        &[2, 0, 0, 8, 1, 1, 0, 0],                             // more, and none follows
        &[0, 0, 0, 16, 1, 1, 0, 2, 0, 0, 0, 8, 1, 0, 0, 20],   // fewer transforms than announced
        &[0, 0, 0, 16, 1, 1, 255, 1, 0, 0, 0, 8, 1, 0, 0, 20], // SPI beyond the end
    ];
    for body in bodies {
        let chain = spoke.init_chain();
        let mut bad = Chain::new();
        for payload in chain.payloads().unwrap() {
            bad.raw(payload.kind, if payload.kind == PayloadType::Sa { body } else { payload.body });
        }
        let (world, _, answer) = init_with(&bad);
        assert!(matches!(answer, None | Some(NotifyType::NoProposalChosen)), "{body:?}");
        assert_eq!(world.responder.load().half_open, 0);
        still_serves(world);
    }
}

#[test]
fn a_key_exchange_that_is_not_in_the_proposal_is_not_taken() {
    let (_, mut spoke, _) = init();
    for (method, length) in
        [(1025, 32), (1040, 256), (65_535, 8), (0, 0), (2, 128), (14, 256), (31, 31), (31, 33)]
    {
        let chain = spoke.init_chain();
        let mut bad = Chain::new();
        for payload in chain.payloads().unwrap() {
            if payload.kind == PayloadType::KeyExchange {
                bad.key_exchange(KeyExchangeId(method), &vec![9; length]);
            } else {
                bad.raw(payload.kind, payload.body);
            }
        }
        let (world, _, answer) = init_with(&bad);
        let expected = if method == 31 { None } else { Some(NotifyType::InvalidKePayload) };
        assert_eq!(answer, expected, "{method}");
        assert_eq!(world.responder.load().half_open, 0);
        still_serves(world);
    }
}

#[test]
fn public_values_that_nobody_sends_come_to_nothing() {
    let ones = |length: usize| {
        let mut value = vec![0; length];
        value[length - 1] = 1;
        value
    };
    let cases = [
        (Group::X25519, vec![0; 32]),
        (Group::X25519, [&[1][..], &[0; 31]].concat()),
        (Group::Ecp256, vec![0; 64]),
        (Group::Ecp256, vec![5; 64]),
        (Group::Ecp384, vec![0xff; 96]),
        (Group::Ecp521, vec![1; 132]),
        (Group::Modp2048, vec![0; 256]),
        (Group::Modp2048, ones(256)),
        (Group::Modp2048, vec![0xff; 256]),
        (Group::Modp4096, vec![0; 512]),
    ];
    for (group, value) in cases {
        let mut spoke = Spoke::new();
        (spoke.group, spoke.offered) = (group, vec![group]);
        let chain = spoke.init_chain();
        let mut bad = Chain::new();
        for payload in chain.payloads().unwrap() {
            if payload.kind == PayloadType::KeyExchange {
                bad.key_exchange(KeyExchangeId(group.id()), &value);
            } else {
                bad.raw(payload.kind, payload.body);
            }
        }
        let mut world = World::new();
        world.datagram(spoke.path(), &bad.message(&spoke.init_header()).unwrap());
        let (path, response) = world.sent.pop_front().unwrap();
        // What the spoke derives is of no interest; it sends an IKE_AUTH, and the hub has to compute.
        spoke.receive(path, &response);
        let (path, auth) = spoke.take().pop().unwrap();
        world.datagram(path, &auth);
        assert!(world.sent.is_empty() && world.ups.is_empty(), "{group:?}");
        assert_eq!(world.responder.load().half_open, 0, "{group:?}");
        still_serves(world);
    }
}

#[test]
fn nat_detection_of_another_length_is_none() {
    for length in (0..20).chain([21, 64, 300]) {
        let mut spoke = Spoke::new();
        let chain = spoke.init_chain();
        let mut bad = Chain::new();
        for payload in
            chain.payloads().unwrap().into_iter().filter(|payload| payload.kind != PayloadType::Notify)
        {
            bad.raw(payload.kind, payload.body);
        }
        bad.status(NotifyType::NatDetectionSource, &vec![1; length]);
        bad.status(NotifyType::NatDetectionDestination, &vec![1; length]);
        let mut world = World::new();
        spoke.request = bad.message(&spoke.init_header()).unwrap();
        spoke.send(spoke.request.clone());
        world.exchange(&mut spoke);
        let view = &world.responder.sessions()[0];
        assert!(!view.nat_remote && !view.nat_local, "{length}");
    }
}

#[test]
fn what_is_not_authentic_changes_nothing() {
    let (mut world, mut spoke) = up();
    let before = world.responder.session(world.ups[0].session);
    spoke.ask(Exchange::Informational, &Chain::new());
    let (path, good) = spoke.take().pop().unwrap();
    // Version 3 would be answered.
    for at in (16..good.len()).filter(|at| *at != 17) {
        for flip in [0x01, 0x10, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            world.datagram(path, &bad);
        }
    }
    for length in 28..good.len() {
        let mut bad = good[..length].to_vec();
        bad[24..28].copy_from_slice(&(length as u32).to_be_bytes());
        if length >= 32 {
            bad[30..32].copy_from_slice(&((length - 28) as u16).to_be_bytes());
        }
        world.datagram(path, &bad);
    }
    assert!(world.sent.is_empty());
    assert_eq!(world.responder.session(world.ups[0].session), before);
    world.datagram(path, &good);
    assert_eq!(world.sent.len(), 1);
}

#[test]
fn exchanges_out_of_their_order_are_ignored() {
    // CREATE_CHILD_SA and INFORMATIONAL before IKE_AUTH: the rekey of what is not authenticated.
    for (exchange, id) in
        [(Exchange::CreateChildSa, 1), (Exchange::Informational, 1), (Exchange::IkeFollowupKe, 1)]
    {
        let (mut world, mut spoke) = half();
        let mut chain = Chain::new();
        spoke.sa().next = id;
        spoke.child_payloads(&mut chain, Some((&[1; 32], None)));
        spoke.ask(exchange, &chain);
        let (path, datagram) = spoke.take().pop().unwrap();
        world.datagram(path, &datagram);
        assert!(world.sent.is_empty() && world.ups.is_empty());
        // After the keys are there too.
        let auth = spoke.auth_chain();
        spoke.sa().next = 1;
        let sealed = spoke.seal(0, Exchange::IkeIntermediate, 1, false, &auth);
        world.datagram(path, &sealed[0]);
        let sealed = spoke.seal(0, exchange, 1, false, &chain);
        world.datagram(path, &sealed[0]);
        assert!(world.sent.is_empty() && world.ups.is_empty());
        spoke.sa().next = 1;
        spoke.auth();
        world.exchange(&mut spoke);
        assert!(spoke.established);
    }
    // A second IKE_AUTH.
    let (mut world, mut spoke) = up();
    let session = world.ups[0].session;
    let before = world.responder.session(session);
    let chain = spoke.auth_chain();
    spoke.ask(Exchange::IkeAuth, &chain);
    world.exchange(&mut spoke);
    assert_eq!((world.ups.len(), world.responder.session(session)), (1, before));
    // Message ids that cannot be, responses that nobody asked for.
    for id in [1, 5, 1000, u32::MAX] {
        for response in [false, true] {
            let sealed = spoke.seal(0, Exchange::Informational, id, response, &Chain::new());
            let path = spoke.path();
            world.datagram(path, &sealed[0]);
        }
    }
    assert!(world.sent.iter().all(|(_, datagram)| datagram[18] == Exchange::IkeAuth.0), "a copy of the last");
}

#[test]
fn what_is_authentic_and_malformed_is_the_end() {
    let malformed: [(PayloadType, &[u8]); 8] = [
        (PayloadType::Delete, &[3, 4, 0, 2, 1, 2, 3, 4]), // two announced, one there
        (PayloadType::Delete, &[3, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8]), // SPI of eight octets
        (PayloadType::Delete, &[0, 0, 0, 0]),
        (PayloadType::Delete, &[4, 4, 0, 1, 1, 2, 3, 4]),
        (PayloadType::Delete, &[1, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8]),
        (PayloadType::Delete, &[]),
        (PayloadType::Notify, &[0, 200, 0, 1]),
        (PayloadType::Notify, &[]),
    ];
    for (kind, body) in malformed {
        let (mut world, mut spoke) = up();
        let mut chain = Chain::new();
        chain.raw(kind, body);
        spoke.ask(Exchange::Informational, &chain);
        world.exchange(&mut spoke);
        assert!(spoke.got.last().unwrap().has(NotifyType::InvalidSyntax), "{kind} {body:?}");
        assert_eq!(world.downs, [(world.ups[0].session, WhyDown::Syntax)]);
        assert_eq!(world.causes(), [Cause::Syntax]);
        assert!(world.host.used.is_empty());
        still_serves(world);
    }
}

#[test]
fn a_chain_that_breaks_inside_is_the_end_too() {
    for bad in [vec![41, 0, 0, 3], vec![41, 0, 0, 99], [43, 0, 0, 4].repeat(100), vec![0, 0, 0, 4, 1]] {
        let (mut world, mut spoke) = up();
        let mut chain = Chain::new();
        chain.raw(PayloadType::Vendor, &[]);
        let mut sealed = spoke.seal(0, Exchange::Informational, 2, false, &chain);
        // Sealed by hand: the chain cannot make such a thing.
        let head = 32;
        let mut message = sealed.pop().unwrap()[..head].to_vec();
        message.extend_from_slice(&bad);
        let random = &mut spoke.random.clone();
        let sealer = &mut spoke.sa().sealer;
        let whole = crate::crypto::Envelope::Whole;
        sealer.seal(&mut message, head, whole, &mut |octets| random.fill(octets)).unwrap();
        let path = spoke.path();
        world.datagram(path, &message);
        world.exchange(&mut spoke);
        assert_eq!(world.downs, [(world.ups[0].session, WhyDown::Syntax)], "{bad:?}");
    }
}

#[test]
fn an_unknown_critical_payload_is_refused_and_no_more() {
    let (mut world, mut spoke) = up();
    let mut chain = Chain::new();
    chain.raw(PayloadType(100), &[1]);
    let sealed = {
        let mut octets = chain.octets().to_vec();
        octets[1] = 0x80;
        let mut message = spoke.seal(0, Exchange::Informational, 2, false, &chain)[0][..32].to_vec();
        message.extend_from_slice(&octets);
        let random = &mut spoke.random.clone();
        let whole = crate::crypto::Envelope::Whole;
        spoke.sa().sealer.seal(&mut message, 32, whole, &mut |octets| random.fill(octets)).unwrap();
        message
    };
    let path = spoke.path();
    world.datagram(path, &sealed);
    world.exchange(&mut spoke);
    assert_eq!(spoke.got.last().unwrap().notify(NotifyType::UnsupportedCriticalPayload), Some(vec![100]));
    assert!(world.downs.is_empty());
}

/// IKE_AUTH with these selectors.
fn selectors(i: Vec<TrafficSelector>, r: Vec<TrafficSelector>) -> (World, Spoke) {
    let mut world = World::new();
    let mut spoke = Spoke::new();
    spoke.selectors = Some((i, r));
    spoke.init();
    world.exchange(&mut spoke);
    (world, spoke)
}

#[test]
fn selectors_that_are_not_gre_between_two_hosts_are_refused() {
    let (ours, theirs) = (TrafficSelector::host(47, SPOKE), TrafficSelector::host(47, HUB));
    let wide = TrafficSelector { start: [0; 4].into(), end: [255; 4].into(), ..ours };
    let net = TrafficSelector { start: [198, 51, 100, 0].into(), end: [198, 51, 100, 255].into(), ..ours };
    let reversed = TrafficSelector { start: SPOKE.into(), end: [0; 4].into(), ..ours };
    let other = TrafficSelector::host(47, [203, 0, 113, 99]);
    let v6 = TrafficSelector::host(47, std::net::Ipv6Addr::LOCALHOST);
    for (i, r) in [
        (wide, theirs),
        (net, theirs),
        (reversed, theirs),
        (other, theirs),
        (v6, theirs),
        (TrafficSelector { protocol: 0, ..ours }, theirs),
        (TrafficSelector { protocol: 17, ..ours }, theirs),
        (ours, wide),
        (ours, other),
        (ours, TrafficSelector { protocol: 50, ..theirs }),
    ] {
        let (world, spoke) = selectors(vec![i], vec![r]);
        assert!(spoke.established, "the IKE SA stays");
        assert_eq!(spoke.child_failed, Some(NotifyType::TsUnacceptable), "{i} {r}");
        assert_eq!(world.causes(), [Cause::Selectors]);
        assert!(world.plane.inbound.is_empty() && world.host.used.is_empty());
    }
    // The good one among others will do.
    let (world, spoke) = selectors(vec![wide, other, ours], vec![v6, theirs]);
    check_pair(&world, &spoke);
}

#[test]
fn malformed_selectors_are_the_end() {
    let bodies: [&[u8]; 6] = [
        &[0, 0, 0, 0],
        &[2, 0, 0, 0, 7, 47, 0, 16, 0, 0, 255, 255, 1, 2, 3, 4, 1, 2, 3, 4],
        &[1, 0, 0, 0, 7, 47, 0, 15, 0, 0, 255, 255, 1, 2, 3, 4, 1, 2, 3],
        &[1, 0, 0, 0, 8, 47, 0, 16, 0, 0, 255, 255, 1, 2, 3, 4, 1, 2, 3, 4],
        &[1, 0, 0, 0, 7, 47, 0, 255],
        &[1],
    ];
    for body in bodies {
        let (mut world, mut spoke) = half();
        let good = spoke.auth_chain();
        let mut chain = Chain::new();
        for payload in good.payloads().unwrap() {
            let bad = payload.kind == PayloadType::SelectorsInitiator;
            chain.raw(payload.kind, if bad { body } else { payload.body });
        }
        spoke.ask(Exchange::IkeAuth, &chain);
        world.exchange(&mut spoke);
        assert!(spoke.got.last().unwrap().has(NotifyType::InvalidSyntax), "{body:?}");
        assert_eq!(world.responder.load().sessions, 0);
        assert!(world.host.used.is_empty());
        still_serves(world);
    }
}

#[test]
fn a_rekey_names_esp_and_an_spi() {
    for (protocol, spi, expected) in [
        (Protocol::None, &[0, 0, 0x10, 1][..], NotifyType::InvalidSyntax),
        (Protocol::Ike, &[0, 0, 0x10, 1], NotifyType::InvalidSyntax),
        (Protocol(4), &[0, 0, 0x10, 1], NotifyType::InvalidSyntax),
        (Protocol::Esp, &[], NotifyType::InvalidSyntax),
        (Protocol::Esp, &[1, 2, 3, 4, 5, 6, 7, 8], NotifyType::InvalidSyntax),
        (Protocol::Esp, &[9, 9, 9, 9], NotifyType::ChildSaNotFound),
    ] {
        let (mut world, mut spoke) = up();
        let mut chain = Chain::new();
        chain.notify(&wire::ike::Notify { protocol, spi, kind: NotifyType::RekeySa, data: &[] });
        spoke.child_payloads(&mut chain, Some((&[3; 32], None)));
        spoke.ask(Exchange::CreateChildSa, &chain);
        world.exchange(&mut spoke);
        assert!(spoke.got.last().unwrap().has(expected), "{protocol} {spi:?}");
        still_serves(world);
    }
}

#[test]
fn a_delete_of_what_is_not_there_is_answered_with_nothing() {
    let (mut world, mut spoke) = up();
    let mut chain = Chain::new();
    chain.delete_esp(&[0, 1, 0xffff_ffff, 0x0bad_f00d]);
    spoke.ask(Exchange::Informational, &chain);
    world.exchange(&mut spoke);
    assert!(spoke.got.last().unwrap().inner.is_empty());
    check_pair(&world, &spoke);
}

/// IKE_AUTH with this identity and AUTH.
fn auth_with(identity: &[u8], method: u8, data: Option<&[u8]>) -> (World, Spoke) {
    let (mut world, mut spoke) = half();
    let octets = spoke.signed(crate::crypto::Role::Initiator, identity, 1);
    let right = shared_key(spoke.suite.prf(), &Secret::copy_of(&spoke.psk), &octets);
    let mut chain = Chain::new();
    chain.raw(PayloadType::IdInitiator, identity);
    if method != 0 {
        chain.authentication(AuthMethod(method), data.unwrap_or(right.expose()));
    }
    spoke.child_payloads(&mut chain, None);
    spoke.ask(Exchange::IkeAuth, &chain);
    world.exchange(&mut spoke);
    (world, spoke)
}

#[test]
fn identities_that_are_none_are_refused() {
    let huge = [&[2, 0, 0, 0][..], &[b'a'; 2000]].concat();
    let bodies: [&[u8]; 12] = [
        &[],
        &[2],
        &[2, 0, 0, 0],
        &[1, 0, 0, 0, 1, 2, 3],
        &[1, 0, 0, 0, 1, 2, 3, 4, 5],
        &[0, 0, 0, 0, 1],
        &[13, 0, 0, 0],
        &[200, 0, 0, 0, b'x'],
        &[5, 0, 0, 0, 1, 2, 3, 4],
        &[9, 0, 0, 0, 0x30, 0x80],
        b"\x02\0\0\0hub\0.example.net",
        &huge,
    ];
    for body in bodies {
        let (world, spoke) = auth_with(body, 2, None);
        assert_eq!(spoke.failed, Some(NotifyType::AuthenticationFailed), "{:?}", &body[..body.len().min(20)]);
        assert_eq!(world.causes(), [Cause::UnknownIdentity]);
        assert!(world.ups.is_empty() && world.plane.inbound.is_empty());
        still_serves(world);
    }
    let (world, _) = auth_with(b"\x02\0\0\0spoke.example.net", 2, None);
    assert_eq!(world.ups[0].identity, "spoke.example.net");
}

#[test]
fn authentication_cannot_be_left_out() {
    let identity = b"\x02\0\0\0spoke.example.net";
    for (method, data) in [
        (0, None),           // EAP is asked for
        (13, Some(&[][..])), // NULL
        (13, Some(&[1; 32])),
        (2, Some(&[])), // empty
        (2, Some(&[0; 48])),
        (2, Some(&[0; 47])),
        (1, Some(&[])),
        (14, Some(&[])),
        (14, Some(&[200, 1])),
        (9, Some(&[1; 64])),
        (255, Some(&[1])),
    ] {
        let (mut world, mut spoke) = auth_with(identity, method, data);
        assert_eq!(spoke.failed, Some(NotifyType::AuthenticationFailed), "{method}");
        assert!(world.ups.is_empty());
        // Nothing more comes of this IKE SA.
        spoke.established = false;
        spoke.sa().next = 2;
        spoke.auth();
        world.exchange(&mut spoke);
        assert!(world.ups.is_empty());
        still_serves(world);
    }
}

#[test]
fn the_answer_to_a_failed_authentication_may_be_lost() {
    let mut world = World::new();
    let mut spoke = Spoke::new();
    spoke.psk = b"another".to_vec();
    spoke.init();
    world.exchange(&mut spoke);
    assert_eq!(spoke.failed, Some(NotifyType::AuthenticationFailed));
    assert_eq!(world.causes(), [Cause::Authentication]);
    assert_eq!(world.responder.failures()[0].text, "wrong pre-shared key");
    world.pass(31_000);
    assert!(world.responder.sessions().is_empty());
}

#[test]
fn cookies_that_are_wrong_get_another() {
    let mut config = config();
    config.cookie_threshold = 0;
    let mut world = World::with(config);
    for cookie in [vec![], vec![0], vec![1; 25], vec![0; 64], vec![7; 65], vec![1; 1000]] {
        let mut spoke = Spoke::new();
        spoke.cookie = Some(cookie);
        spoke.init();
        let (path, datagram) = spoke.take().pop().unwrap();
        world.datagram(path, &datagram);
        let (_, answer) = world.sent.pop_front().unwrap();
        let message = Message::parse(&answer).unwrap();
        let notify = message.payloads().notifies().next().unwrap().unwrap();
        assert_eq!((notify.kind, notify.data.len()), (NotifyType::Cookie, 25));
        assert_eq!((message.header().responder_spi, message.header().flags.0), (0, Flags::RESPONSE));
        assert_eq!(world.responder.load().half_open, 0);
    }
    // One that is too old, or another's.
    let mut spoke = Spoke::new();
    spoke.init();
    let (path, datagram) = spoke.take().pop().unwrap();
    world.datagram(path, &datagram);
    let (answered, answer) = world.sent.pop_front().unwrap();
    spoke.receive(answered, &answer);
    let (path, again) = spoke.take().pop().unwrap();
    let mut other = path;
    other.remote.0 = HUB;
    world.datagram(other, &again);
    world.now += 121_000;
    world.datagram(path, &again);
    assert_eq!(world.responder.load().half_open, 0);
    assert_eq!(world.sent.len(), 2);
    world.sent.clear();
    still_serves(world);
}

#[test]
fn a_header_alone_is_no_message() {
    let (mut world, spoke) = up();
    let spis = spoke.sas[0].spis;
    for exchange in 0..=255 {
        let header = Header {
            initiator_spi: spis.0,
            responder_spi: spis.1,
            exchange: Exchange(exchange),
            flags: Flags(Flags::INITIATOR),
            message_id: 2,
        };
        let datagram = Chain::new().message(&header).unwrap();
        world.datagram(spoke.path(), &datagram);
    }
    assert!(world.sent.is_empty() && world.downs.is_empty());
}
