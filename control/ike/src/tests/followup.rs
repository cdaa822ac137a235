//! Rekeys with additional key exchanges (RFC 9370 2.2.4).

use super::establish::{check_pair, up_with};
use super::rekey::check_pair_any;
use super::spoke::Spoke;
use super::world::{World, config};
use crate::crypto::{Exchange as KeyExchange, Group, Role};
use crate::{Cause, Count, Rekey, SessionId};
use wire::ike::{Chain, Exchange, KeyExchangeId, NotifyType};

const TWO: [Group; 2] = [Group::MlKem768, Group::Ecp256];

/// A hub that wants two on top, for IKE SAs and child SAs.
fn world() -> World {
    let mut config = config();
    config.proposals = vec!["aes256gcm16-prfsha384-x25519-ke1_mlkem768-ke1_none-ke2_ecp256-ke2_none".into()];
    config.protections[0].proposals =
        vec!["aes128gcm16-none-x25519-ke1_mlkem768-ke1_none-ke2_ecp256-ke2_none".into()];
    World::with(config)
}

fn spoke(additional: &[Group], seed: u64) -> Spoke {
    let mut spoke = Spoke::new();
    spoke.random.0 ^= seed;
    spoke.additional = additional.to_vec();
    (spoke.pfs, spoke.pfs_additional) = (Some(Group::X25519), additional.to_vec());
    spoke
}

fn hybrid(additional: &[Group], seed: u64) -> (World, Spoke, SessionId) {
    let (mut world, spoke) = up_with(world(), spoke(additional, seed));
    world.host.random.0 ^= seed << 8;
    let session = world.ups[0].session;
    (world, spoke, session)
}

fn rekey(world: &mut World, session: SessionId, what: Rekey) {
    let mut actions = Vec::new();
    assert!(world.responder.rekey(world.now, session, what, &mut world.host, &mut actions));
    world.act(actions);
}

/// The spoke's next datagrams reach the hub; what the hub says waits.
fn deliver(world: &mut World, spoke: &mut Spoke) {
    spoke.take().into_iter().for_each(|(path, datagram)| world.datagram(path, &datagram));
}

/// And the other way round.
fn return_to(world: &mut World, spoke: &mut Spoke) {
    std::mem::take(&mut world.sent).into_iter().for_each(|(path, datagram)| spoke.receive(path, &datagram));
}

/// The IKE SA works in both directions, and nothing is left over.
fn check_ike(world: &mut World, spoke: &mut Spoke, session: SessionId) {
    let view = world.responder.session(session).unwrap();
    assert_eq!(spoke.sa().spis, view.spis);
    let got = spoke.got.len();
    spoke.ask(Exchange::Informational, &Chain::new());
    world.exchange(spoke);
    assert!(spoke.got.len() > got, "an answer under the new keys");
    world.live(spoke, 100_000);
    assert_eq!(world.responder.sessions().len(), 1);
    assert!(world.downs.is_empty());
    assert_eq!(world.host.used.len(), world.plane.inbound.len(), "a slot that is nobody's");
}

#[test]
fn the_spoke_rekeys_the_ike_sa_with_all_it_was_made_with() {
    for additional in [&TWO[..1], &TWO[..]] {
        let (mut world, mut spoke, session) = hybrid(additional, 0);
        let made = world.responder.session(session).unwrap().suite;
        assert!(made.contains("-ke1_mlkem768"), "{made}");
        for rekeys in 1..=3 {
            spoke.rekey_ike();
            world.exchange(&mut spoke);
            let view = world.responder.session(session).unwrap();
            assert_eq!((view.rekeys, view.suite.as_str()), (rekeys, made.as_str()));
            check_ike(&mut world, &mut spoke, session);
        }
        check_pair(&world, &spoke);
    }
}

#[test]
fn the_hub_rekeys_the_ike_sa_with_all_it_was_made_with() {
    let mut config = world().responder.config().clone();
    config.lifetime_s = 1000;
    let (mut world, mut spoke) = up_with(World::with(config), spoke(&TWO, 0));
    let session = world.ups[0].session;
    let made = world.responder.session(session).unwrap().suite;
    world.live(&mut spoke, 1_001_000);
    let view = world.responder.session(session).unwrap();
    assert_eq!((view.rekeys, view.initiator, view.suite), (1, true, made));
    check_ike(&mut world, &mut spoke, session);
    check_pair(&world, &spoke);
}

#[test]
fn a_peer_that_leaves_out_what_is_wanted_is_refused() {
    let mut config = config();
    config.proposals = vec!["aes256gcm16-prfsha384-x25519-ke1_mlkem768".into()];
    let (mut world, mut spoke) = up_with(World::with(config), spoke(&TWO[..1], 0));
    let session = world.ups[0].session;
    spoke.additional.clear();
    spoke.rekey_ike();
    world.exchange(&mut spoke);
    assert_eq!(spoke.failed, Some(NotifyType::NoProposalChosen));
    assert_eq!(world.causes(), [Cause::IkeGroup]);
    assert_eq!(world.responder.session(session).unwrap().rekeys, 0);
}

#[test]
fn child_sas_with_perfect_forward_secrecy_and_more() {
    let (mut world, mut spoke, session) = hybrid(&TWO, 0);
    for _ in 0..3 {
        let old = spoke.live()[0].spi_in;
        spoke.rekey_child(Some(old));
        world.exchange(&mut spoke);
        check_pair(&world, &spoke);
    }
    let pfs = |world: &World| world.responder.session(session).unwrap().children.last().unwrap().pfs.clone();
    assert_eq!(pfs(&world).as_deref(), Some("x25519-ke1_mlkem768-ke2_ecp256"));
    world.live(&mut spoke, 10_000);
    // Ours is made as the last was.
    rekey(&mut world, session, Rekey::Children);
    world.exchange(&mut spoke);
    assert_eq!(world.count(Count::ChildRekeyed), 4);
    check_pair(&world, &spoke);
    assert_eq!(pfs(&world).as_deref(), Some("x25519-ke1_mlkem768-ke2_ecp256"));
    check_ike(&mut world, &mut spoke, session);
    // And without a key exchange there is nothing to come on top of.
    spoke.pfs = None;
    let old = spoke.live()[0].spi_in;
    spoke.rekey_child(Some(old));
    world.exchange(&mut spoke);
    assert_eq!(pfs(&world), None);
    check_pair(&world, &spoke);
}

#[test]
fn a_followup_that_nobody_awaits_is_not_fatal() {
    let (mut world, mut spoke, session) = hybrid(&TWO, 0);
    let exchange = KeyExchange::generate(Group::MlKem768).unwrap();
    let mut chain = Chain::new();
    chain.key_exchange(KeyExchangeId(Group::MlKem768.id()), exchange.public());
    chain.status(NotifyType::AdditionalKeyExchange, &[1, 2, 3]);
    spoke.ask(Exchange::IkeFollowupKe, &chain);
    world.exchange(&mut spoke);
    assert!(spoke.got.last().unwrap().has(NotifyType::StateNotFound));
    // With a wrong link neither; what it is not a link to goes on.
    spoke.stall = true;
    spoke.rekey_ike();
    world.exchange(&mut spoke);
    spoke.ask(Exchange::IkeFollowupKe, &chain);
    world.exchange(&mut spoke);
    assert!(spoke.got.last().unwrap().has(NotifyType::StateNotFound));
    assert_eq!(world.count(Count::FollowupUnknown), 2);
    spoke.stall = false;
    let link = spoke.link.clone().unwrap();
    spoke.follow(&link);
    world.exchange(&mut spoke);
    assert_eq!(world.responder.session(session).unwrap().rekeys, 1);
    // A link is good for once.
    let mut chain = Chain::new();
    chain.key_exchange(KeyExchangeId(Group::MlKem768.id()), exchange.public());
    chain.status(NotifyType::AdditionalKeyExchange, &link);
    spoke.ask(Exchange::IkeFollowupKe, &chain);
    world.exchange(&mut spoke);
    assert!(spoke.got.last().unwrap().has(NotifyType::StateNotFound));
    check_ike(&mut world, &mut spoke, session);
}

#[test]
fn key_exchanges_out_of_order_end_the_ike_sa() {
    for (group, value) in [
        (Group::Ecp256, KeyExchange::generate(Group::Ecp256).unwrap().public().to_vec()),
        (Group::MlKem768, vec![0; 5]),
        // Not reduced: no encapsulation key (FIPS 203 7.2).
        (Group::MlKem768, vec![0xff; Group::MlKem768.public_len(Role::Initiator)]),
    ] {
        let (mut world, mut spoke, _) = hybrid(&TWO, 0);
        spoke.stall = true;
        let old = spoke.live()[0].spi_in;
        spoke.rekey_child(Some(old));
        world.exchange(&mut spoke);
        let mut chain = Chain::new();
        chain.key_exchange(KeyExchangeId(group.id()), &value);
        chain.status(NotifyType::AdditionalKeyExchange, spoke.link.as_ref().unwrap());
        spoke.ask(Exchange::IkeFollowupKe, &chain);
        world.exchange(&mut spoke);
        assert!(spoke.got.last().unwrap().has(NotifyType::InvalidSyntax));
        assert_eq!(world.downs.len(), 1);
        world.pass(60_000);
        assert!(world.responder.sessions().is_empty() && world.host.used.is_empty());
    }
}

#[test]
fn what_the_peer_does_not_go_on_with_is_forgotten() {
    let (mut world, mut spoke, session) = hybrid(&TWO, 0);
    let used = world.used(session);
    spoke.stall = true;
    for ike in [false, true] {
        let old = spoke.live()[0].spi_in;
        if ike {
            spoke.rekey_ike()
        } else {
            spoke.rekey_child(Some(old))
        }
        world.exchange(&mut spoke);
        assert_eq!(world.host.used.len(), world.plane.inbound.len() + usize::from(!ike));
        world.live(&mut spoke, 19_000);
        assert_eq!(world.count(Count::FollowupExpired), u64::from(ike));
        world.live(&mut spoke, 2_000);
        assert_eq!(world.count(Count::FollowupExpired), u64::from(ike) + 1);
        assert_eq!(world.host.used.len(), world.plane.inbound.len());
        let link = spoke.link.clone().unwrap();
        spoke.follow(&link);
        world.exchange(&mut spoke);
        assert_eq!(spoke.failed.or(spoke.child_failed), Some(NotifyType::StateNotFound));
        (spoke.failed, spoke.child_failed) = (None, None);
    }
    assert_eq!(world.used(session), used);
    // All over again.
    spoke.stall = false;
    spoke.rekey_ike();
    world.exchange(&mut spoke);
    assert_eq!(world.responder.session(session).unwrap().rekeys, 1);
    check_ike(&mut world, &mut spoke, session);
}

#[test]
fn a_peer_that_begins_again_and_again_holds_one_slot() {
    let (mut world, mut spoke, session) = hybrid(&TWO, 0);
    spoke.stall = true;
    let old = spoke.live()[0].spi_in;
    for _ in 0..20 {
        spoke.rekey_child(Some(old));
        world.exchange(&mut spoke);
        assert_eq!(world.host.used.len(), 2);
    }
    // Only the last one's link is good.
    let link = spoke.link.clone().unwrap();
    spoke.stall = false;
    spoke.follow(&link);
    world.exchange(&mut spoke);
    check_pair(&world, &spoke);
    check_ike(&mut world, &mut spoke, session);
}

#[test]
fn a_copy_of_a_followup_gets_the_same_answer() {
    let (mut world, mut spoke, session) = hybrid(&TWO, 0);
    spoke.stall = true;
    spoke.rekey_ike();
    world.exchange(&mut spoke);
    spoke.stall = false;
    let link = spoke.link.clone().unwrap();
    spoke.follow(&link);
    let (path, request) = spoke.take().pop().unwrap();
    // While it is computed, and after.
    world.hold_tasks = true;
    world.datagram(path, &request);
    world.datagram(path, &request);
    assert_eq!((world.sent.len(), world.count(Count::Underway)), (0, 1));
    world.hold_tasks = false;
    world.run_tasks();
    let first = world.sent.pop_front().unwrap();
    world.datagram(path, &request);
    assert_eq!(world.sent.front(), Some(&first));
    world.exchange(&mut spoke);
    assert_eq!(world.responder.session(session).unwrap().rekeys, 1);
    check_ike(&mut world, &mut spoke, session);
}

#[test]
fn a_followup_that_is_lost_is_sent_again() {
    let (mut world, mut spoke, session) = hybrid(&TWO, 0);
    rekey(&mut world, session, Rekey::Ike);
    return_to(&mut world, &mut spoke);
    deliver(&mut world, &mut spoke);
    // In fragments, as ML-KEM makes it long.
    let lost = std::mem::take(&mut world.sent);
    assert!(lost.len() > 1);
    world.pass(4_000);
    assert!(world.sent == lost);
    world.exchange(&mut spoke);
    assert_eq!(world.responder.session(session).unwrap().rekeys, 1);
    check_ike(&mut world, &mut spoke, session);
}

#[test]
fn a_peer_that_forgets_is_asked_again_but_not_for_ever() {
    let (mut world, mut spoke, session) = hybrid(&TWO, 0);
    spoke.forgetful = true;
    rekey(&mut world, session, Rekey::Ike);
    world.live(&mut spoke, 15_000);
    assert!(world.responder.session(session).is_some());
    spoke.forgetful = false;
    world.live(&mut spoke, 15_000);
    assert_eq!(world.responder.session(session).unwrap().rekeys, 1);
    spoke.forgetful = true;
    rekey(&mut world, session, Rekey::Children);
    // Without a key exchange of its own the first child SA is rekeyed without.
    world.live(&mut spoke, 15_000);
    assert_eq!(world.count(Count::ChildRekeyed), 1);
    rekey(&mut world, session, Rekey::Ike);
    world.live(&mut spoke, 60_000);
    assert_eq!(world.downs.len(), 1);
    assert_eq!(world.causes(), [Cause::Rejected]);
    world.pass(400_000);
    assert!(world.responder.sessions().is_empty() && world.host.used.is_empty());
}

/// Both ask before either hears of the other; requests and answers cross.
fn collide(seed: u64, what: Rekey) -> (World, Spoke, SessionId) {
    let (mut world, mut spoke, session) = hybrid(&TWO, seed);
    // The hub rekeys a child SA with what the last was made with.
    let old = spoke.live()[0].spi_in;
    spoke.rekey_child(Some(old));
    world.exchange(&mut spoke);
    world.live(&mut spoke, 10_000);
    rekey(&mut world, session, what);
    let old = spoke.live()[0].spi_in;
    if what == Rekey::Ike {
        spoke.rekey_ike()
    } else {
        spoke.rekey_child(Some(old))
    }
    let ours = std::mem::take(&mut world.sent);
    deliver(&mut world, &mut spoke);
    ours.into_iter().for_each(|(path, datagram)| spoke.receive(path, &datagram));
    (world, spoke, session)
}

#[test]
fn both_rekey_the_ike_sa_at_once() {
    let mut ours = 0;
    for seed in 0..24 {
        let (mut world, mut spoke, session) = collide(seed, Rekey::Ike);
        world.exchange(&mut spoke);
        assert_eq!((world.count(Count::Collision), world.count(Count::IkeRekeyed)), (1, 1), "{seed}");
        let view = world.responder.session(session).unwrap();
        ours += u32::from(view.initiator);
        check_ike(&mut world, &mut spoke, session);
        let spi = spoke.live()[0].spi_in;
        spoke.rekey_child(Some(spi));
        world.exchange(&mut spoke);
        check_pair(&world, &spoke);
    }
    assert!((1..24).contains(&ours), "{ours}");
}

#[test]
fn both_rekey_a_child_at_once() {
    for seed in 0..24 {
        let (mut world, mut spoke, session) = collide(seed, Rekey::Children);
        world.exchange(&mut spoke);
        world.live(&mut spoke, 70_000);
        assert_eq!((world.count(Count::Collision), world.count(Count::ChildRekeyed)), (1, 2), "{seed}");
        assert_eq!((spoke.live().len(), world.plane.inbound.len()), (1, 1), "{seed}");
        check_pair_any(&world, &spoke);
        check_ike(&mut world, &mut spoke, session);
    }
}

#[test]
fn one_side_wants_more_than_the_other() {
    for (seed, what) in (0..24).flat_map(|seed| [(seed, Rekey::Ike), (seed, Rekey::Children)]) {
        // What the hub asks for has additional key exchanges, the spoke's has none; and the other way round.
        for hub in [true, false] {
            let (mut world, mut spoke, session) = hybrid(if hub { &TWO } else { &[] }, seed);
            let old = spoke.live()[0].spi_in;
            spoke.rekey_child(Some(old));
            world.exchange(&mut spoke);
            world.live(&mut spoke, 10_000);
            let theirs = if hub { Vec::new() } else { TWO.to_vec() };
            (spoke.additional, spoke.pfs_additional) = (theirs.clone(), theirs);
            let (before, old) = (spoke.sa().spis, spoke.live()[0].spi_in);
            rekey(&mut world, session, what);
            if what == Rekey::Ike {
                spoke.rekey_ike()
            } else {
                spoke.rekey_child(Some(old))
            }
            let ours = std::mem::take(&mut world.sent);
            deliver(&mut world, &mut spoke);
            ours.into_iter().for_each(|(path, datagram)| spoke.receive(path, &datagram));
            world.exchange(&mut spoke);
            world.live(&mut spoke, 70_000);
            let context = format!("{seed} {what:?} {hub}");
            match what {
                Rekey::Ike => assert_ne!(spoke.sa().spis, before, "{context}"),
                Rekey::Children => {
                    assert_eq!((spoke.live().len(), world.plane.inbound.len()), (1, 1), "{context}");
                    assert_ne!(spoke.live()[0].spi_in, old, "{context}");
                    check_pair_any(&world, &spoke);
                }
            }
            check_ike(&mut world, &mut spoke, session);
        }
    }
}

#[test]
fn who_comes_while_ours_is_under_way_is_put_off() {
    for what in [Rekey::Ike, Rekey::Children] {
        let (mut world, mut spoke, session) = hybrid(&TWO, 0);
        let old = spoke.live()[0].spi_in;
        spoke.rekey_child(Some(old));
        world.exchange(&mut spoke);
        world.live(&mut spoke, 10_000);
        rekey(&mut world, session, what);
        return_to(&mut world, &mut spoke);
        deliver(&mut world, &mut spoke);
        // CREATE_CHILD_SA is done, IKE_FOLLOWUP_KE not.
        let old = spoke.live()[0].spi_in;
        if what == Rekey::Ike {
            spoke.rekey_ike()
        } else {
            spoke.rekey_child(Some(old))
        }
        let (path, request) = spoke.take().pop().unwrap();
        let ours = std::mem::take(&mut world.sent);
        world.datagram(path, &request);
        return_to(&mut world, &mut spoke);
        assert_eq!(spoke.failed.or(spoke.child_failed), Some(NotifyType::TemporaryFailure));
        ours.into_iter().for_each(|(path, datagram)| spoke.receive(path, &datagram));
        world.exchange(&mut spoke);
        let rekeyed = if what == Rekey::Ike { Count::IkeRekeyed } else { Count::ChildRekeyed };
        assert_eq!(world.count(rekeyed), if what == Rekey::Ike { 1 } else { 2 });
        check_ike(&mut world, &mut spoke, session);
    }
}

#[test]
fn ours_waits_while_the_peers_is_under_way() {
    let (mut world, mut spoke, session) = hybrid(&TWO, 0);
    spoke.stall = true;
    spoke.rekey_ike();
    world.exchange(&mut spoke);
    rekey(&mut world, session, Rekey::Ike);
    assert!(world.sent.is_empty());
    spoke.stall = false;
    let link = spoke.link.clone().unwrap();
    spoke.follow(&link);
    world.exchange(&mut spoke);
    world.live(&mut spoke, 30_000);
    // The hub's wish was for the one that is gone.
    assert_eq!(world.responder.session(session).unwrap().rekeys, 1);
    check_ike(&mut world, &mut spoke, session);
}

#[test]
fn an_ike_sa_may_end_at_any_point() {
    for ike in [true, false] {
        let (mut world, mut spoke, _) = hybrid(&TWO, 0);
        spoke.stall = true;
        let old = spoke.live()[0].spi_in;
        if ike {
            spoke.rekey_ike()
        } else {
            spoke.rekey_child(Some(old))
        }
        world.exchange(&mut spoke);
        spoke.delete_ike();
        world.exchange(&mut spoke);
        world.pass(60_000);
        assert!(world.responder.sessions().is_empty() && world.host.used.is_empty());
        let (mut world, mut spoke, session) = hybrid(&TWO, 0);
        rekey(&mut world, session, if ike { Rekey::Ike } else { Rekey::Children });
        return_to(&mut world, &mut spoke);
        deliver(&mut world, &mut spoke);
        world.pass(400_000);
        assert!(world.responder.sessions().is_empty() && world.host.used.is_empty());
    }
}
