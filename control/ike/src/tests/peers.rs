//! Who is who, and where; and what operators are told of those who fail.

use super::establish::{check_pair, up, up_with};
use super::spoke::{Spoke, cipher, transform};
use super::world::{HUB, PSK, SPOKE, World, config, keyring, wildcard};
use crate::credentials::Match;
use crate::crypto::{Encryption, Group};
use crate::identity::{Identity, Pattern};
use crate::{
    Cause, Clear, Count, Encapsulation, Failure, LogKind, ModePolicy, SessionState, Unique, WhyDown,
};
use std::net::Ipv4Addr;
use wire::ike::{Chain, Exchange, NotifyType};

fn again(seed: u64) -> Spoke {
    let mut spoke = Spoke::new();
    spoke.random.0 ^= seed << 32;
    spoke
}

#[test]
fn who_comes_again_takes_its_own_place() {
    for initial_contact in [false, true] {
        let (world, mut old) = up();
        let mut new = again(5);
        new.initial_contact = initial_contact;
        let (mut world, new) = up_with(world, new);
        check_pair(&world, &new);
        assert_eq!(world.ups[1].session, world.ups[0].session);
        assert!(world.ups[1].replaces && world.downs.is_empty());
        assert_eq!((world.plane.inbound.len(), world.plane.outbound.len()), (1, 1));
        // The old IKE SA is deleted, unless the peer has said that it knows nothing of it.
        world.pass(4_000);
        let deletes =
            world.sent.iter().filter(|(_, datagram)| datagram[18] == Exchange::Informational.0).count();
        assert_eq!(deletes > 0, !initial_contact);
        world.exchange(&mut old);
        let up: Vec<_> = world
            .responder
            .sessions()
            .into_iter()
            .filter(|view| view.state == SessionState::Established)
            .collect();
        assert_eq!(up.len(), 1);
    }
}

#[test]
fn who_fails_again_and_again_waits_and_nobody_else_at_his_address_is_locked_out() {
    let mut world = World::new();
    let attempt = |world: &mut World, seed: u64, key: &str| {
        let mut spoke = Spoke::at(SPOKE, seed);
        spoke.identity = Identity::from_config("spoke1.example.net").unwrap();
        spoke.psk = key.into();
        spoke.init();
        world.exchange(&mut spoke);
        (spoke.failed, spoke.established)
    };
    let mut refused = 0;
    while world.count(Count::AuthThrottled) == 0 {
        refused += u32::from(
            attempt(&mut world, refused.into(), "wrong").0 == Some(NotifyType::AuthenticationFailed),
        );
        assert!(refused <= 100);
    }
    assert_eq!(refused, 100);
    let key = std::str::from_utf8(PSK).unwrap();
    assert_eq!(attempt(&mut world, 1_000, key), (None, false));
    // At another address nobody notices; here somebody gets in as soon as there is room.
    let mut other = Spoke::at(Ipv4Addr::new(198, 51, 100, 8), 1);
    other.init();
    world.exchange(&mut other);
    assert!(other.established);
    world.pass(200);
    assert_eq!(attempt(&mut world, 1_001, key), (None, true));
}

#[test]
fn the_first_is_kept_if_that_is_configured() {
    let mut config = config();
    config.unique = Unique::Keep;
    let (mut world, old) = up_with(World::with(config), Spoke::new());
    let mut new = again(5);
    new.init();
    world.exchange(&mut new);
    assert_eq!(new.failed, Some(NotifyType::AuthenticationFailed));
    assert_eq!(world.causes(), [Cause::Duplicate]);
    check_pair(&world, &old);
    let mut new = again(6);
    new.initial_contact = true;
    let (world, new) = up_with(world, new);
    check_pair(&world, &new);
    assert_eq!(world.responder.load().sessions, 1);
}

#[test]
fn two_spokes_behind_one_nat_are_two() {
    let mut world = World::new();
    let mut spokes = Vec::new();
    for n in 1..=3 {
        let mut spoke = Spoke::at(Ipv4Addr::new(192, 168, 1, n), u64::from(n));
        spoke.nat = Some((SPOKE, 20_000 + 10 * u16::from(n)));
        (world, spoke) = up_with(world, spoke);
        check_pair(&world, &spoke);
        spokes.push(spoke);
    }
    let sessions: std::collections::BTreeSet<_> = world.ups.iter().map(|up| up.session).collect();
    assert_eq!(sessions.len(), 3);
    let ports: Vec<_> = world.ups.iter().map(|up| up.encapsulation).collect();
    assert_eq!(ports, [20_011, 20_021, 20_031].map(Encapsulation::Udp));
    // The same private address behind another NAT is another spoke.
    let mut other = Spoke::at(Ipv4Addr::new(192, 168, 1, 1), 9);
    other.nat = Some((Ipv4Addr::new(203, 0, 113, 77), 30_000));
    let (world, _) = up_with(world, other);
    assert_eq!(world.responder.load().sessions, 4);
    assert!(!world.ups[3].replaces);
}

#[test]
fn a_nat_that_changes_its_mapping_is_followed() {
    let mut spoke = Spoke::at(Ipv4Addr::new(10, 1, 1, 1), 3);
    spoke.nat = Some((SPOKE, 31_000));
    let (mut world, mut spoke) = up_with(World::new(), spoke);
    let session = world.ups[0].session;
    // By an authentic request of IKE ...
    spoke.nat = Some((SPOKE, 41_000));
    spoke.ask(Exchange::Informational, &Chain::new());
    let (path, request) = spoke.take().pop().unwrap();
    world.datagram(path, &request);
    assert_eq!(world.moved.last().unwrap().1.remote, (SPOKE, 41_001));
    assert_eq!(world.sent.pop_front().unwrap().0.remote, (SPOKE, 41_001));
    // ... but not by a copy of it that somebody sends from elsewhere, nor by what is not authentic.
    let mut elsewhere = path;
    elsewhere.remote = (Ipv4Addr::new(203, 0, 113, 66), 7);
    world.datagram(elsewhere, &request);
    let mut bad = request.clone();
    *bad.last_mut().unwrap() ^= 1;
    bad[23] += 1;
    world.datagram(elsewhere, &bad);
    assert_eq!(world.moved.len(), 1);
    let view = world.responder.session(session).unwrap();
    assert_eq!(view.path.remote, (SPOKE, 41_001));
    // ... and by what the data plane has seen.
    let sa = world.used(session).unwrap();
    let mut actions = Vec::new();
    let away = Ipv4Addr::new(203, 0, 113, 5);
    world.responder.moved(world.now, sa, away, Some(999), &mut world.host, &mut actions);
    world.act(actions);
    assert_eq!(world.moved.last().unwrap().1.remote, (away, 999));
    assert_eq!(world.responder.session(session).unwrap().encapsulation, Encapsulation::Udp(999));
    let mut actions = Vec::new();
    world.responder.moved(world.now, 4711, away, Some(1), &mut world.host, &mut actions);
    world.responder.moved(world.now, sa, away, Some(999), &mut world.host, &mut actions);
    assert!(actions.is_empty());
}

#[test]
fn keys_are_found_by_identity_then_address_then_wildcard() {
    let exact = |text: &str| Match::Identity(text.parse::<Pattern>().unwrap());
    let credentials = keyring(vec![
        (wildcard(), b"anybody"),
        (Match::Address { prefix: SPOKE, length: 32 }, b"this address"),
        (exact("*.example.net"), b"this domain"),
        (exact("spoke1.example.net"), b"this name"),
    ]);
    let away = Ipv4Addr::new(203, 0, 113, 9);
    for (identity, address, key, good) in [
        ("spoke1.example.net", SPOKE, "this name", true),
        ("spoke1.example.net", SPOKE, "this domain", false),
        ("spoke2.example.net", SPOKE, "this domain", true),
        ("other.example.org", SPOKE, "this address", true),
        ("other.example.org", away, "anybody", true),
        ("other.example.org", away, "this address", false),
        ("me@example.net", away, "anybody", true),
    ] {
        let mut world = World::with(crate::Config { credentials: credentials.clone(), ..config() });
        let mut spoke = Spoke::at(address, 1);
        spoke.identity = Identity::from_config(identity).unwrap();
        spoke.psk = key.into();
        spoke.init();
        world.exchange(&mut spoke);
        assert_eq!(spoke.established, good, "{identity} {address} {key}");
    }
}

/// A spoke that gets no child SA, and what the operator is told.
fn failure(config: crate::Config, change: impl FnOnce(&mut Spoke)) -> (World, Spoke, Failure) {
    let mut world = World::with(config);
    let mut spoke = Spoke::new();
    change(&mut spoke);
    spoke.init();
    world.exchange(&mut spoke);
    let failure = world.responder.failures().pop().unwrap();
    (world, spoke, failure)
}

#[test]
fn causes_have_names_and_particulars() {
    let mut only = config();
    only.proposals = vec!["aes256gcm16-prfsha384-ecp384".into()];
    let (_, spoke, told) = failure(only, |_| {});
    assert_eq!((spoke.failed, told.cause), (Some(NotifyType::NoProposalChosen), Cause::IkeGroup));
    assert_eq!(
        told.text,
        "no common key exchange for IKE: offered aes256gcm16-prfsha384-x25519; wanted aes256gcm16-prfsha384-ecp384"
    );

    let mut only = config();
    only.protections[0].proposals = vec!["aes256-sha256".into(), "aes256gcm16".into()];
    let (_, spoke, told) = failure(only, |_| {});
    assert_eq!((spoke.child_failed, told.cause), (Some(NotifyType::NoProposalChosen), Cause::EspProposal));
    assert_eq!(
        told.text,
        "no common ESP proposal: offered aes128gcm16-noesn; wanted aes256-sha256, aes256gcm16"
    );
    assert_eq!(told.identity.as_deref(), Some("198.51.100.7"));

    for (policy, transport) in [(ModePolicy::Tunnel, true), (ModePolicy::Transport, false)] {
        let mut only = config();
        only.protections[0].mode = policy;
        let (world, spoke, told) = failure(only, |spoke| spoke.transport = transport);
        assert_eq!((spoke.child_failed, told.cause), (Some(NotifyType::NoProposalChosen), Cause::Mode));
        assert_eq!(world.responder.load().sessions, 1);
    }

    let (world, _, told) = failure(config(), |spoke| spoke.psk = b"wrong".to_vec());
    assert_eq!(told.cause, Cause::Authentication);
    let logged = world.logs.iter().find(|event| matches!(event.kind, LogKind::Failed { .. })).unwrap();
    assert_eq!(logged.to_string(), "peer 198.51.100.7 at 198.51.100.7:500: wrong pre-shared key");
    assert_eq!(world.responder.counters().failed(Cause::Authentication), 1);

    let none = crate::Config { credentials: keyring(vec![]), ..config() };
    let (_, _, told) = failure(none, |_| {});
    assert_eq!(told.cause, Cause::UnknownIdentity);
}

#[test]
fn pfs_has_to_be_wanted_by_both() {
    for (proposal, pfs, good) in [
        ("aes128gcm16", None, true),
        ("aes128gcm16", Some(Group::X25519), false),
        ("aes128gcm16-ecp256", None, false),
        ("aes128gcm16-ecp256", Some(Group::Ecp256), true),
        ("aes128gcm16-ecp256", Some(Group::X25519), false),
    ] {
        let mut config = config();
        config.protections[0].proposals = vec![proposal.into()];
        let (mut world, mut spoke) = up_with(World::with(config), Spoke::new());
        spoke.pfs = pfs;
        let spi = spoke.live()[0].spi_in;
        spoke.rekey_child(Some(spi));
        world.exchange(&mut spoke);
        if good {
            check_pair(&world, &spoke);
        } else {
            assert_eq!(spoke.child_failed, Some(NotifyType::NoProposalChosen), "{proposal} {pfs:?}");
            assert_eq!(world.causes(), [Cause::Pfs]);
            assert_eq!(world.plane.outbound.len(), 1);
        }
    }
}

#[test]
fn key_exchanges_in_ike_auth_are_none() {
    let mut spoke = Spoke::new();
    let (mut world, _) = {
        let mut world = World::new();
        spoke.init();
        let (path, datagram) = spoke.take().pop().unwrap();
        world.datagram(path, &datagram);
        let (path, response) = world.sent.pop_front().unwrap();
        spoke.receive(path, &response);
        spoke.take();
        spoke.sa().next = 1;
        (world, ())
    };
    // As strongSwan 6 offers it: groups, and none.
    let good = spoke.auth_chain();
    let mut chain = Chain::new();
    let spi = 0x1001_u32.to_be_bytes();
    let transforms =
        [cipher(Encryption::AesGcm128), transform(4, 31), transform(4, 19), transform(4, 0), transform(5, 0)];
    for payload in good.payloads().unwrap() {
        if payload.kind == wire::ike::PayloadType::Sa {
            let protocol = wire::ike::Protocol::Esp;
            chain.security_association(&[wire::ike::ProposalSpec {
                number: 1,
                protocol,
                spi: &spi,
                transforms: &transforms,
            }]);
        } else {
            chain.raw(payload.kind, payload.body);
        }
    }
    spoke.ask(Exchange::IkeAuth, &chain);
    world.exchange(&mut spoke);
    let answer = spoke.got.last().unwrap().payloads();
    let offer = crate::offer::Offer::all(&answer.security_association().unwrap().unwrap());
    assert!(offer[0].has(4, 0) && !offer[0].has(4, 31));
}

#[test]
fn success_ends_what_failed_before() {
    let mut world = World::new();
    let mut wrong = Spoke::new();
    wrong.psk = b"wrong".to_vec();
    wrong.init();
    world.exchange(&mut wrong);
    assert_eq!(world.causes(), [Cause::Authentication]);
    let (world, _) = up_with(world, again(3));
    assert!(world.causes().is_empty());
}

#[test]
fn operators_clear_sessions() {
    for which in [Clear::All, Clear::Remote(SPOKE), Clear::Local(HUB)] {
        let (mut world, mut spoke) = up();
        let session = world.ups[0].session;
        let mut actions = Vec::new();
        assert_eq!(world.responder.clear(world.now, which, &mut world.host, &mut actions), 1);
        world.act(actions);
        assert_eq!(world.downs, [(session, WhyDown::Cleared)]);
        assert!(world.host.used.is_empty());
        world.exchange(&mut spoke);
        assert!(spoke.sas[0].gone);
        assert!(world.responder.sessions().is_empty());
    }
    let (mut world, _) = up();
    let mut actions = Vec::new();
    let other = Clear::Remote(HUB);
    assert_eq!(world.responder.clear(world.now, other, &mut world.host, &mut actions), 0);
    assert!(actions.is_empty());
}

#[test]
fn without_a_slot_the_ike_sa_stays_without_child() {
    let mut world = World::new();
    world.host.slots = 0;
    let (world, spoke) = up_with(world, Spoke::new());
    assert_eq!(spoke.child_failed, Some(NotifyType::NoAdditionalSas));
    assert_eq!((world.causes(), world.count(Count::ChildrenFull)), (vec![Cause::Full], 1));
}

#[test]
fn there_are_so_many_sessions_and_no_more() {
    let mut config = config();
    config.max_sessions = 2;
    let mut world = World::with(config);
    for n in 1..=2 {
        (world, _) = up_with(world, Spoke::at(Ipv4Addr::new(198, 51, 100, n), 1));
    }
    let mut third = Spoke::at(Ipv4Addr::new(198, 51, 100, 3), 1);
    third.init();
    world.exchange(&mut third);
    assert_eq!(third.failed, Some(NotifyType::NoAdditionalSas));
    assert_eq!(world.count(Count::SessionsFull), 1);
    // Who is up may come again.
    let mut first = Spoke::at(Ipv4Addr::new(198, 51, 100, 1), 44);
    first.init();
    world.exchange(&mut first);
    assert!(first.established);
}
