//! IKE_SA_INIT and IKE_AUTH: what works.

use super::spoke::Spoke;
use super::world::{HUB, SPOKE, World, config};
use crate::crypto::{Encryption, Group, Integrity, Prf, Suite};
use crate::{Count, Encapsulation, Mode, SessionState, WhyDown};
use std::net::Ipv4Addr;

/// Both sides have the same keys, and the hub sends with what it made.
pub(super) fn check_pair(world: &World, spoke: &Spoke) {
    let live = spoke.live();
    let child = live.last().expect("a child SA");
    let session = world.ups.last().unwrap().session;
    let sa = world.used(session).expect("an SA to send with");
    let (inbound, outbound) = (&world.plane.inbound[&sa], &world.plane.outbound[&sa]);
    assert_eq!((inbound.spi, outbound.spi), (child.spi_out, child.spi_in));
    assert_eq!([inbound.keys.encryption(), inbound.keys.integrity()].concat(), child.key_out);
    assert_eq!([outbound.keys.encryption(), outbound.keys.integrity()].concat(), child.key_in);
    assert_eq!(inbound.tag, outbound.tag);
    assert_eq!(child.transport, inbound.mode == Mode::Transport);
}

pub(super) fn up() -> (World, Spoke) {
    up_with(World::new(), Spoke::new())
}

pub(super) fn up_with(mut world: World, mut spoke: Spoke) -> (World, Spoke) {
    spoke.init();
    world.exchange(&mut spoke);
    assert!(spoke.established, "{:?} {:?} {:?}", spoke.failed, world.logs, world.responder.counters());
    (world, spoke)
}

#[test]
fn a_spoke_with_a_key_comes_up() {
    let (world, spoke) = up();
    check_pair(&world, &spoke);
    let up = &world.ups[0];
    assert_eq!(
        (up.identity.as_str(), up.encapsulation, up.replaces),
        ("198.51.100.7", Encapsulation::Plain, false)
    );
    let view = world.responder.session(up.session).unwrap();
    assert_eq!(view.state, SessionState::Established);
    assert_eq!(view.suite, "aes256gcm16-prfsha384-x25519");
    assert_eq!((view.auth_remote, view.children.len()), ("PSK", 1));
    assert_eq!(view.children[0].transform.to_string(), "esp-gcm");
    assert!(view.children[0].in_use);
    assert!(world.changed.contains(&up.session));
    assert!(world.responder.failures().is_empty());
    assert_eq!(world.responder.load().half_open, 0);
}

#[test]
fn every_suite_and_group_works() {
    let suites = [
        Suite::new(Encryption::AesGcm128, None, Prf::Sha256),
        Suite::new(Encryption::AesGcm256, None, Prf::Sha512),
        Suite::new(Encryption::AesCbc128, Some(Integrity::HmacSha256_128), Prf::Sha256),
        Suite::new(Encryption::AesCbc256, Some(Integrity::HmacSha512_256), Prf::Sha384),
    ];
    let groups = [
        Group::X25519,
        Group::Ecp256,
        Group::Ecp384,
        Group::Ecp521,
        Group::Modp2048,
        Group::Modp3072,
        Group::Modp4096,
    ];
    let esp = [
        (Encryption::AesGcm128, None),
        (Encryption::AesGcm256, None),
        (Encryption::AesCbc128, Some(Integrity::HmacSha256_128)),
        (Encryption::AesCbc256, Some(Integrity::HmacSha384_192)),
    ];
    for (index, group) in groups.into_iter().enumerate() {
        let mut spoke = Spoke::new();
        spoke.suite = suites[index % 4].unwrap();
        spoke.esp = esp[(index + 1) % 4];
        (spoke.group, spoke.offered) = (group, vec![group]);
        let (world, spoke) = up_with(World::new(), spoke);
        check_pair(&world, &spoke);
    }
}

#[test]
fn tunnel_mode_keeps_the_inner_addresses() {
    let mut spoke = Spoke::new();
    spoke.transport = false;
    let (world, spoke) = up_with(World::new(), spoke);
    check_pair(&world, &spoke);
    let mode = world.plane.inbound.values().next().unwrap().mode;
    assert_eq!(mode, Mode::Tunnel { local: HUB, remote: SPOKE });
}

#[test]
fn esn_is_taken_where_it_is_offered() {
    let mut spoke = Spoke::new();
    spoke.esn = vec![true, false];
    let (world, _) = up_with(World::new(), spoke);
    assert!(world.plane.inbound.values().all(|child| child.esn));
    let (world, _) = up();
    assert!(world.plane.inbound.values().all(|child| !child.esn));
}

#[test]
fn a_spoke_behind_nat_floats_and_is_answered_there() {
    let mut spoke = Spoke::at(Ipv4Addr::new(10, 1, 1, 1), 3);
    spoke.nat = Some((SPOKE, 31_000));
    let (world, spoke) = up_with(World::new(), spoke);
    check_pair(&world, &spoke);
    let up = &world.ups[0];
    assert_eq!(up.encapsulation, Encapsulation::Udp(31_001));
    assert_eq!(up.path.local, (HUB, 4500));
    let view = world.responder.session(up.session).unwrap();
    assert!(view.nat_remote && !view.nat_local);
    // The selectors of the answer name the address that we see.
    let answer = spoke.got.last().unwrap().payloads();
    let selector =
        answer.selectors(wire::ike::PayloadType::SelectorsInitiator).unwrap().unwrap().only().unwrap();
    assert_eq!((selector.start, selector.protocol), (SPOKE.into(), 47));
}

#[test]
fn the_group_in_the_ke_payload_is_preferred() {
    // AES-CBC comes second with us, but it has the group that was sent.
    let mut spoke = Spoke::new();
    (spoke.group, spoke.offered) = (Group::Ecp256, vec![Group::X25519, Group::Ecp256]);
    let (world, _) = up_with(World::new(), spoke);
    let view = world.responder.sessions();
    assert!(view[0].suite.ends_with("ecp256"), "{}", view[0].suite);
}

#[test]
fn a_wrong_group_is_named() {
    let mut config = config();
    config.proposals = vec!["aes256gcm16-prfsha384-ecp384".into()];
    let mut spoke = Spoke::new();
    spoke.offered = vec![Group::X25519, Group::Ecp384];
    let (world, spoke) = up_with(World::with(config), spoke);
    assert_eq!(spoke.group, Group::Ecp384);
    check_pair(&world, &spoke);
}

#[test]
fn ml_kem_comes_on_top() {
    for group in [Group::MlKem768, Group::MlKem1024] {
        let mut spoke = Spoke::new();
        spoke.additional = vec![group];
        let (world, spoke) = up_with(World::new(), spoke);
        check_pair(&world, &spoke);
        let suite = world.responder.sessions()[0].suite.clone();
        assert!(suite.ends_with(&format!("-ke1_{}", group.name())), "{suite}");
    }
}

#[test]
fn a_peer_without_child_is_a_session_all_the_same() {
    let mut spoke = Spoke::new();
    spoke.no_child = true;
    let (world, _) = up_with(World::new(), spoke);
    assert_eq!(world.used(world.ups[0].session), None);
    assert_eq!(world.responder.load().sessions, 1);
}

#[test]
fn other_peoples_notifies_do_no_harm() {
    let mut spoke = Spoke::new();
    // MOBIKE, no additional addresses, and two private ones as Cisco sends.
    spoke.extras = vec![(16396, vec![]), (16399, vec![]), (40_960, b"CISCO".to_vec()), (50_000, vec![1; 40])];
    let (world, spoke) = up_with(World::new(), spoke);
    check_pair(&world, &spoke);
    assert!(!spoke.got.last().unwrap().has(wire::ike::NotifyType::MobikeSupported));
}

#[test]
fn retransmissions_are_answered_with_the_same_octets() {
    let mut world = World::new();
    let mut spoke = Spoke::new();
    spoke.init();
    let (path, init) = spoke.take().pop().unwrap();
    world.datagram(path, &init);
    let first = world.sent.pop_front().unwrap();
    world.datagram(path, &init);
    assert_eq!(world.sent.pop_front().unwrap(), first);
    spoke.receive(first.0, &first.1);
    let (path, auth) = spoke.take().pop().unwrap();
    world.datagram(path, &auth);
    let first = world.sent.pop_front().unwrap();
    world.datagram(path, &auth);
    assert_eq!(world.sent.pop_front().unwrap(), first);
    assert_eq!((world.ups.len(), world.count(Count::Resent)), (1, 2));
    // A copy of IKE_SA_INIT that comes late makes nothing.
    world.datagram(path, &init);
    assert!(world.sent.is_empty());
    assert_eq!(world.responder.load().half_open, 0);
}

#[test]
fn what_comes_while_it_is_computed_waits_or_is_dropped() {
    let mut world = World::new();
    world.hold_tasks = true;
    let mut spoke = Spoke::new();
    spoke.init();
    let (path, init) = spoke.take().pop().unwrap();
    world.datagram(path, &init);
    world.datagram(path, &init);
    assert_eq!(world.tasks.len(), 1);
    world.run_tasks();
    let (_, response) = world.sent.pop_front().unwrap();
    spoke.receive(path, &response);
    let (path, auth) = spoke.take().pop().unwrap();
    world.datagram(path, &auth);
    world.datagram(path, &auth);
    assert_eq!(world.tasks.len(), 1);
    world.run_tasks();
    assert_eq!(world.sent.len(), 1);
    world.exchange(&mut spoke);
    assert!(spoke.established);
}

#[test]
fn liveness_is_answered() {
    let (mut world, mut spoke) = up();
    spoke.ask(wire::ike::Exchange::Informational, &wire::ike::Chain::new());
    world.exchange(&mut spoke);
    let answer = spoke.got.last().unwrap();
    assert!(answer.header.flags.is_response() && answer.inner.is_empty());
}

#[test]
fn a_child_is_deleted_and_lingers() {
    let (mut world, mut spoke) = up();
    let session = world.ups[0].session;
    spoke.delete_child(spoke.children[0].spi_in);
    world.exchange(&mut spoke);
    assert_eq!(world.used(session), None);
    assert!(world.plane.outbound.is_empty());
    // What is under way still comes in, for five seconds.
    world.pass(4_900);
    assert_eq!(world.plane.inbound.len(), 1);
    world.pass(200);
    assert!(world.plane.inbound.is_empty() && world.host.used.is_empty());
    assert!(world.downs.is_empty());
}

#[test]
fn an_ike_sa_is_deleted() {
    let (mut world, mut spoke) = up();
    let session = world.ups[0].session;
    spoke.delete_ike();
    world.exchange(&mut spoke);
    assert_eq!(world.downs, [(session, WhyDown::Deleted)]);
    assert!(world.plane.inbound.is_empty() && world.host.used.is_empty());
    assert_eq!(world.responder.load().sessions, 0);
    // It comes back under its number.
    let mut again = Spoke::new();
    again.random.0 ^= 99;
    let (world, _) = up_with(world, again);
    assert_eq!(world.ups[1].session, session);
}

#[test]
fn a_silent_spoke_is_asked_and_given_up() {
    let (mut world, mut spoke) = up();
    let session = world.ups[0].session;
    // It lives: no more than a question now and then.
    world.live(&mut spoke, 200_000);
    assert!(world.downs.is_empty());
    let questions = spoke.got.iter().filter(|got| !got.header.flags.is_response()).count();
    assert!((5..=7).contains(&questions), "{questions}");
    // It sends ESP: no question at all.
    let sa = world.used(session).unwrap();
    world.host.usage.insert(sa, crate::Usage { heard_ms: Some(world.now + 1_000_000), ..Default::default() });
    // It is cut off.
    world.host.usage.clear();
    world.pass(34_000);
    assert_eq!(world.downs.len(), 0);
    world.pass(165_000);
    assert_eq!(world.downs, [(session, WhyDown::Dead)]);
    assert_eq!(world.sent.len(), 6);
    assert_eq!(world.causes(), [crate::Cause::Unanswered]);
    assert!(world.host.used.is_empty());
}

#[test]
fn esp_counts_as_a_sign_of_life() {
    let (mut world, _) = up();
    let sa = world.used(world.ups[0].session).unwrap();
    for _ in 0..100 {
        world.host.usage.insert(sa, crate::Usage { heard_ms: Some(world.now), ..Default::default() });
        world.pass(20_000);
    }
    assert!(world.sent.is_empty() && world.downs.is_empty());
}
