//! Rekeys, by either side and by both at once.

use super::establish::{check_pair, up, up_with};
use super::spoke::Spoke;
use super::world::{World, config};
use crate::crypto::Group;
use crate::{Count, Lifetimes, Rekey, Usage};
use wire::ike::{Chain, Exchange, NotifyType};

fn limited(lifetimes: Lifetimes) -> World {
    let mut config = config();
    config.protections[0].lifetimes = lifetimes;
    World::with(config)
}

#[test]
fn the_spoke_rekeys_a_child() {
    for pfs in [None, Some(Group::X25519), Some(Group::Ecp256)] {
        let (mut world, mut spoke) = up();
        spoke.pfs = pfs;
        let session = world.ups[0].session;
        for _ in 0..5 {
            let old = world.used(session);
            let spi = spoke.live()[0].spi_in;
            spoke.rekey_child(Some(spi));
            world.exchange(&mut spoke);
            assert_ne!(world.used(session), old);
            assert_eq!(spoke.live().len(), 1);
            check_pair(&world, &spoke);
            assert_eq!(world.plane.outbound.len(), 1);
            world.pass(6_000);
            assert_eq!(world.plane.inbound.len(), 1);
        }
        assert_eq!(world.count(Count::ChildRekeyed), 5);
    }
}

#[test]
fn the_hub_sends_with_a_new_child_when_the_peer_does() {
    let (mut world, mut spoke) = up();
    let session = world.ups[0].session;
    let old = world.used(session).unwrap();
    let spi = spoke.live()[0].spi_in;
    spoke.rekey_child(Some(spi));
    let (path, request) = spoke.take().pop().unwrap();
    world.datagram(path, &request);
    // Received with at once, sent with not yet.
    assert_eq!((world.plane.inbound.len(), world.used(session)), (2, Some(old)));
    let new = *world.plane.inbound.keys().find(|sa| **sa != old).unwrap();
    world.pass(1_000);
    assert_eq!(world.used(session), Some(old));
    world.host.usage.insert(new, Usage { packets_in: 1, ..Default::default() });
    world.pass(150);
    assert_eq!(world.used(session), Some(new));
}

#[test]
fn the_hub_sends_with_a_new_child_after_five_seconds_at_the_latest() {
    let (mut world, mut spoke) = up();
    let session = world.ups[0].session;
    let old = world.used(session).unwrap();
    let spi = spoke.live()[0].spi_in;
    spoke.rekey_child(Some(spi));
    let (path, request) = spoke.take().pop().unwrap();
    world.datagram(path, &request);
    world.pass(4_900);
    assert_eq!(world.used(session), Some(old));
    world.pass(200);
    assert_ne!(world.used(session), Some(old));
    // A peer that never deletes the old one is helped.
    world.live(&mut spoke, 60_000);
    assert!(!world.plane.outbound.contains_key(&old));
}

#[test]
fn the_hub_rekeys_a_child_at_its_limits() {
    let world = limited(Lifetimes { seconds: 100, octets: 0, packets: 0 });
    let (mut world, mut spoke) = up_with(world, Spoke::new());
    world.live(&mut spoke, 80_000);
    assert_eq!(world.count(Count::ChildRekeyed), 0);
    world.live(&mut spoke, 21_000);
    assert_eq!(world.count(Count::ChildRekeyed), 1);
    check_pair(&world, &spoke);
    assert_eq!(spoke.live().len(), 1);
    world.live(&mut spoke, 1_000_000);
    assert!((9..=12).contains(&world.count(Count::ChildRekeyed)));
    check_pair(&world, &spoke);

    for usage in [
        Usage { octets_out: 1_900_000, ..Default::default() },
        Usage { packets_in: 900, ..Default::default() },
    ] {
        let world = limited(Lifetimes { seconds: 0, octets: 1_000_000, packets: 900 });
        let (mut world, mut spoke) = up_with(world, Spoke::new());
        world.live(&mut spoke, 20_000);
        assert_eq!(world.count(Count::ChildRekeyed), 0);
        let sa = world.used(world.ups[0].session).unwrap();
        world.host.usage.insert(sa, usage);
        world.live(&mut spoke, 3_000);
        assert_eq!(world.count(Count::ChildRekeyed), 1);
        check_pair(&world, &spoke);
        // Once is enough.
        world.live(&mut spoke, 20_000);
        assert_eq!(world.count(Count::ChildRekeyed), 1);
    }
}

#[test]
fn a_child_that_has_carried_all_it_may_ends() {
    let hard = [
        (
            Usage { octets_in: 1_999_999, ..Default::default() },
            Usage { octets_in: 2_000_000, ..Default::default() },
        ),
        (
            Usage { packets_out: 1_799, ..Default::default() },
            Usage { packets_out: 1_800, ..Default::default() },
        ),
    ];
    for (almost, all) in hard {
        let world = limited(Lifetimes { seconds: 0, octets: 1_000_000, packets: 900 });
        let (mut world, mut spoke) = up_with(world, Spoke::new());
        let session = world.ups[0].session;
        let sa = world.used(session).unwrap();
        spoke.mute = true;
        world.host.usage.insert(sa, almost);
        world.live(&mut spoke, 10_000);
        assert_eq!((world.used(session), world.count(Count::ChildExpired)), (Some(sa), 0));
        // By now it is looked at several times a second.
        world.host.usage.insert(sa, all);
        world.live(&mut spoke, 300);
        assert_eq!((world.used(session), world.count(Count::ChildExpired)), (None, 1));
        assert!(world.plane.outbound.is_empty() && world.plane.inbound.is_empty());
    }
    // One that has a successor that is not sent with yet, too.
    let world = limited(Lifetimes { seconds: 0, octets: 1_000_000, packets: 0 });
    let (mut world, mut spoke) = up_with(world, Spoke::new());
    let session = world.ups[0].session;
    let old = world.used(session).unwrap();
    let spi = spoke.live()[0].spi_in;
    spoke.rekey_child(Some(spi));
    let (path, request) = spoke.take().pop().unwrap();
    world.datagram(path, &request);
    world.host.usage.insert(old, Usage { octets_out: 3_000_000, ..Default::default() });
    world.pass(2_100);
    assert!(world.used(session).is_some_and(|sa| sa != old));
    assert_eq!((world.plane.outbound.len(), world.plane.inbound.len()), (1, 1));
}

#[test]
fn a_peer_that_replaces_ike_sas_and_deletes_none_has_a_few() {
    let (mut world, mut spoke) = up();
    for _ in 0..20 {
        spoke.rekey_ike();
        spoke.take().into_iter().for_each(|(path, datagram)| world.datagram(path, &datagram));
        std::mem::take(&mut world.sent)
            .into_iter()
            .for_each(|(path, datagram)| spoke.receive(path, &datagram));
        // Its delete is lost.
        spoke.take();
    }
    assert_eq!((world.responder.sessions().len(), world.count(Count::ReplacedDropped)), (5, 16));
    assert_eq!(world.responder.session(world.ups[0].session).unwrap().rekeys, 20);
    check_pair(&world, &spoke);
    // So has one that authenticates again and again.
    for seed in 0..20 {
        let mut spoke = Spoke::at(super::world::SPOKE, 100 + seed);
        spoke.init();
        world.exchange(&mut spoke);
        assert!(spoke.established);
    }
    assert_eq!((world.responder.sessions().len(), world.count(Count::ReplacedDropped)), (5, 36));
    assert_eq!((world.responder.load().sessions, world.host.used.len()), (1, 1));
    world.pass(300_000);
    assert!(world.responder.sessions().is_empty() && world.host.used.is_empty());
}

#[test]
fn the_hub_rekeys_with_pfs_if_that_is_configured() {
    let mut config = config();
    config.protections[0].proposals = vec!["aes128gcm16-ecp256".into()];
    let (mut world, mut spoke) = up_with(World::with(config), Spoke::new());
    let session = world.ups[0].session;
    let mut actions = Vec::new();
    assert!(world.responder.rekey(world.now, session, Rekey::Children, &mut world.host, &mut actions));
    world.act(actions);
    world.exchange(&mut spoke);
    check_pair(&world, &spoke);
    let view = world.responder.session(session).unwrap();
    assert_eq!(view.children.last().unwrap().pfs, Some("ecp256".into()));
}

#[test]
fn a_child_that_cannot_be_rekeyed_ends() {
    let world = limited(Lifetimes { seconds: 100, octets: 0, packets: 0 });
    let (mut world, mut spoke) = up_with(world, Spoke::new());
    let session = world.ups[0].session;
    spoke.mute = true;
    world.live(&mut spoke, 112_000);
    assert_eq!(world.used(session), None);
    assert!(world.plane.outbound.is_empty() && world.plane.inbound.is_empty());
}

#[test]
fn the_spoke_rekeys_the_ike_sa() {
    let (mut world, mut spoke) = up();
    let session = world.ups[0].session;
    let child = world.used(session);
    for rekeys in 1..=3 {
        spoke.rekey_ike();
        world.exchange(&mut spoke);
        let view = world.responder.session(session).unwrap();
        assert_eq!((view.rekeys, view.children.len()), (rekeys, 1));
        assert_eq!(world.used(session), child);
        // The new one works.
        let spi = spoke.live()[0].spi_in;
        spoke.ask(Exchange::Informational, &Chain::new());
        world.exchange(&mut spoke);
        assert_eq!(spoke.live()[0].spi_in, spi);
    }
    let spi = spoke.live()[0].spi_in;
    spoke.rekey_child(Some(spi));
    world.exchange(&mut spoke);
    check_pair(&world, &spoke);
    assert!(world.downs.is_empty());
    world.pass(40_000);
    assert_eq!(world.responder.sessions().len(), 1);
}

#[test]
fn the_hub_rekeys_the_ike_sa() {
    let mut config = config();
    config.lifetime_s = 1000;
    let (mut world, mut spoke) = up_with(World::with(config), Spoke::new());
    let session = world.ups[0].session;
    world.live(&mut spoke, 1_001_000);
    assert_eq!(world.count(Count::IkeRekeyed), 1);
    let view = world.responder.session(session).unwrap();
    assert!(view.initiator && view.rekeys == 1);
    check_pair(&world, &spoke);
    world.live(&mut spoke, 5_000_000);
    assert!(world.count(Count::IkeRekeyed) >= 5);
    // The spoke rekeys what the hub has made.
    spoke.rekey_ike();
    world.exchange(&mut spoke);
    let view = world.responder.session(session).unwrap();
    assert!(!view.initiator);
    check_pair(&world, &spoke);
    assert!(world.downs.is_empty());
}

#[test]
fn both_rekey_a_child_at_once() {
    let mut winners = [0, 0];
    for seed in 0..24 {
        let mut spoke = Spoke::new();
        spoke.random.0 ^= seed;
        let (mut world, mut spoke) = up_with(World::new(), spoke);
        world.host.random.0 ^= seed << 8;
        let session = world.ups[0].session;
        let old = spoke.live()[0].spi_in;
        let mut actions = Vec::new();
        world.responder.rekey(world.now, session, Rekey::Children, &mut world.host, &mut actions);
        spoke.rekey_child(Some(old));
        world.act(actions);
        // Both requests are under way before either is received.
        let (theirs, ours) = (spoke.take(), std::mem::take(&mut world.sent));
        for (path, datagram) in theirs {
            world.datagram(path, &datagram);
        }
        for (path, datagram) in ours {
            spoke.receive(path, &datagram);
        }
        world.exchange(&mut spoke);
        assert_eq!(world.count(Count::Collision), 1);
        assert_eq!(spoke.live().len(), 1, "{:?}", spoke.children);
        check_pair_any(&world, &spoke);
        world.live(&mut spoke, 70_000);
        assert_eq!((world.plane.inbound.len(), world.plane.outbound.len()), (1, 1));
        check_pair_any(&world, &spoke);
        let view = world.responder.session(session).unwrap();
        winners[usize::from(
            view.children[0].made_ms > 0 && spoke.live()[0].spi_in == spoke.children[1].spi_in,
        )] += 1;
    }
    assert!(winners.iter().all(|wins| *wins > 0), "{winners:?}");
}

/// As [`check_pair`], of the only child SA that the spoke has left.
pub(super) fn check_pair_any(world: &World, spoke: &Spoke) {
    let child = spoke.live()[0];
    let sa = world.used(world.ups[0].session).expect("an SA to send with");
    assert_eq!(world.plane.inbound[&sa].spi, child.spi_out);
    assert_eq!(world.plane.outbound[&sa].spi, child.spi_in);
    assert_eq!([world.plane.inbound[&sa].keys.encryption()].concat(), child.key_out);
}

#[test]
fn a_rekey_that_is_put_off_is_tried_again() {
    let (mut world, mut spoke) = up();
    let session = world.ups[0].session;
    spoke.children[0].rekeyed = true;
    let mut actions = Vec::new();
    world.responder.rekey(world.now, session, Rekey::Children, &mut world.host, &mut actions);
    world.act(actions);
    world.exchange(&mut spoke);
    assert_eq!(world.count(Count::ChildRekeyed), 0);
    spoke.children[0].rekeyed = false;
    world.live(&mut spoke, 11_000);
    assert_eq!(world.count(Count::ChildRekeyed), 1);
    check_pair(&world, &spoke);
}

#[test]
fn a_child_that_the_peer_does_not_know_is_refused() {
    let (mut world, mut spoke) = up();
    spoke.rekey_child(Some(0x0bad_0bad));
    world.exchange(&mut spoke);
    assert_eq!(spoke.child_failed, Some(NotifyType::ChildSaNotFound));
    let last = spoke.got.last().unwrap();
    let notify = last.payloads().notifies().next().unwrap().unwrap();
    assert_eq!(notify.spi32(), Some(0x0bad_0bad));
    assert_eq!(spoke.live().len(), 1);
    // Twice the same: the second comes too late.
    let spi = spoke.live()[0].spi_in;
    spoke.rekey_child(Some(spi));
    let first = spoke.take();
    for (path, datagram) in first {
        world.datagram(path, &datagram);
    }
    spoke.rekey_child(Some(spi));
    world.exchange(&mut spoke);
    assert_eq!(spoke.child_failed, Some(NotifyType::TemporaryFailure));
}

#[test]
fn one_more_child_is_made_and_no_more_than_eight() {
    let (mut world, mut spoke) = up();
    for _ in 0..10 {
        spoke.rekey_child(None);
        world.exchange(&mut spoke);
    }
    assert_eq!(spoke.child_failed, Some(NotifyType::NoAdditionalSas));
    assert_eq!(world.plane.inbound.len(), 8);
    assert_eq!(world.count(Count::ChildrenFull), 3);
}

#[test]
fn a_counter_that_is_not_armed_makes_a_rekey() {
    let (mut world, mut spoke) = up();
    let sa = world.used(world.ups[0].session).unwrap();
    let mut actions = Vec::new();
    for _ in 0..3 {
        world.responder.exhausted(world.now, sa, &mut world.host, &mut actions);
    }
    world.act(actions);
    world.exchange(&mut spoke);
    assert_eq!(world.count(Count::ChildRekeyed), 1);
    check_pair(&world, &spoke);
}

#[test]
fn a_lost_rekey_is_sent_again() {
    let (mut world, mut spoke) = up();
    let session = world.ups[0].session;
    let mut actions = Vec::new();
    world.responder.rekey(world.now, session, Rekey::Children, &mut world.host, &mut actions);
    world.act(actions);
    let lost = world.sent.pop_front().unwrap();
    world.pass(4_000);
    assert_eq!(world.sent.front(), Some(&lost));
    world.exchange(&mut spoke);
    check_pair(&world, &spoke);
}

/// Both ask to rekey the IKE SA before either hears of the other.
fn collide(seed: u64) -> (World, Spoke) {
    let mut spoke = Spoke::new();
    spoke.random.0 ^= seed;
    let (mut world, mut spoke) = up_with(World::new(), spoke);
    world.host.random.0 ^= seed << 8;
    let session = world.ups[0].session;
    let mut actions = Vec::new();
    world.responder.rekey(world.now, session, Rekey::Ike, &mut world.host, &mut actions);
    spoke.rekey_ike();
    world.act(actions);
    let (theirs, ours) = (spoke.take(), std::mem::take(&mut world.sent));
    theirs.into_iter().for_each(|(path, datagram)| world.datagram(path, &datagram));
    ours.into_iter().for_each(|(path, datagram)| spoke.receive(path, &datagram));
    (world, spoke)
}

#[test]
fn both_rekey_the_ike_sa_at_once() {
    let mut ours = 0;
    for seed in 0..24 {
        let (mut world, mut spoke) = collide(seed);
        let session = world.ups[0].session;
        world.exchange(&mut spoke);
        assert_eq!(world.count(Count::Collision), 1);
        let view = world.responder.session(session).unwrap();
        ours += u32::from(view.initiator);
        assert_eq!(view.children.len(), 1);
        // Both have the same one in use: it works either way.
        assert_eq!(spoke.sa().spis, view.spis);
        let got = spoke.got.len();
        spoke.ask(Exchange::Informational, &Chain::new());
        world.exchange(&mut spoke);
        assert!(spoke.got.len() > got);
        world.live(&mut spoke, 100_000);
        assert_eq!(world.responder.sessions().len(), 1);
        assert!(world.downs.is_empty());
        let spi = spoke.live()[0].spi_in;
        spoke.rekey_child(Some(spi));
        world.exchange(&mut spoke);
        check_pair(&world, &spoke);
    }
    assert!((1..24).contains(&ours), "{ours}");
}

#[test]
fn an_ike_sa_may_be_deleted_while_we_rekey_it() {
    let (mut world, mut spoke) = up();
    let session = world.ups[0].session;
    let mut actions = Vec::new();
    world.responder.rekey(world.now, session, Rekey::Ike, &mut world.host, &mut actions);
    world.act(actions);
    world.sent.clear();
    spoke.delete_ike();
    world.exchange(&mut spoke);
    assert_eq!(world.downs.len(), 1);
    world.pass(300_000);
    assert!(world.responder.sessions().is_empty() && world.host.used.is_empty());
}

#[test]
fn what_does_not_go_together_is_put_off() {
    // The peer rekeys the IKE SA while we rekey a child SA.
    let (mut world, mut spoke) = up();
    let session = world.ups[0].session;
    let mut actions = Vec::new();
    world.responder.rekey(world.now, session, Rekey::Children, &mut world.host, &mut actions);
    world.act(actions);
    spoke.rekey_ike();
    let (path, request) = spoke.take().pop().unwrap();
    world.datagram(path, &request);
    world.exchange(&mut spoke);
    assert_eq!(spoke.failed, Some(NotifyType::TemporaryFailure));
    check_pair(&world, &spoke);
    // The peer rekeys a child SA while we rekey the IKE SA.
    let (mut world, mut spoke) = up();
    let mut actions = Vec::new();
    world.responder.rekey(world.now, session, Rekey::Ike, &mut world.host, &mut actions);
    world.act(actions);
    let spi = spoke.live()[0].spi_in;
    spoke.rekey_child(Some(spi));
    let (path, request) = spoke.take().pop().unwrap();
    world.datagram(path, &request);
    world.exchange(&mut spoke);
    assert_eq!(spoke.child_failed, Some(NotifyType::TemporaryFailure));
    world.live(&mut spoke, 15_000);
    assert_eq!(world.responder.session(session).unwrap().rekeys, 1);
}

#[test]
fn who_asks_an_ike_sa_that_has_a_successor_is_put_off() {
    let (mut world, mut spoke) = up();
    spoke.rekey_ike();
    let (path, request) = spoke.take().pop().unwrap();
    world.datagram(path, &request);
    world.sent.clear();
    let spi = spoke.live()[0].spi_in;
    spoke.asked_ike = None;
    spoke.rekey_child(Some(spi));
    world.exchange(&mut spoke);
    assert_eq!(spoke.child_failed, Some(NotifyType::TemporaryFailure));
    // It never deletes the old one: we forget it.
    world.pass(61_000);
    assert_eq!(world.responder.sessions().len(), 1);
}

#[test]
fn a_peer_that_falls_silent_in_a_collision_holds_up_nothing() {
    for seed in 0..8 {
        let (mut world, mut spoke) = collide(seed);
        spoke.take().into_iter().for_each(|(path, datagram)| world.datagram(path, &datagram));
        world.pass(400_000);
        assert!(world.responder.sessions().is_empty() && world.host.used.is_empty());
    }
}

#[test]
fn a_peer_makes_one_successor_while_ours_is_under_way() {
    let (mut world, mut spoke) = up();
    let session = world.ups[0].session;
    let mut actions = Vec::new();
    world.responder.rekey(world.now, session, Rekey::Ike, &mut world.host, &mut actions);
    world.act(actions);
    for _ in 0..10 {
        spoke.rekey_ike();
        for (path, datagram) in spoke.take() {
            world.datagram(path, &datagram);
        }
    }
    // The one that it has, and the first of those that it made; ours is not there before it is answered.
    assert_eq!((world.count(Count::Collision), world.responder.sessions().len()), (1, 2));
}
