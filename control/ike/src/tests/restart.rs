//! The process dies and another takes over.

use super::establish::{check_pair, up};
use super::spoke::Spoke;
use super::world::{World, config};
use crate::{Count, Rekey};
use wire::ike::{Chain, Exchange};

/// Another process with the same data plane.
fn restart(mut world: World) -> World {
    let sessions: Vec<_> = world.responder.sessions().into_iter().filter_map(|view| view.session).collect();
    let exports: Vec<_> = sessions.iter().filter_map(|session| world.responder.export(*session)).collect();
    let mut new = World::with(config());
    (new.now, new.host.random) = (world.now + 1_000, world.host.random.clone());
    new.ups = std::mem::take(&mut world.ups);
    for export in exports {
        let mut actions = Vec::new();
        let restored = new.responder.restore(new.now, &export, &mut new.host, &mut actions);
        assert!(restored.is_some());
        new.act(actions);
    }
    for (sa, child) in &world.plane.inbound {
        let same = &new.plane.inbound[sa];
        assert!(same.restored);
        assert_eq!(
            (same.spi, same.tag, same.keys.encryption()),
            (child.spi, child.tag, child.keys.encryption())
        );
    }
    new
}

fn goes_on(world: &mut World, spoke: &mut Spoke) {
    let got = spoke.got.len();
    spoke.ask(Exchange::Informational, &Chain::new());
    world.exchange(spoke);
    assert!(spoke.got.len() > got, "no answer after the restart");
    check_pair(world, spoke);
    let spi = spoke.live().last().unwrap().spi_in;
    spoke.rekey_child(Some(spi));
    world.exchange(spoke);
    check_pair(world, spoke);
    world.live(spoke, 100_000);
    check_pair(world, spoke);
    assert!(world.downs.is_empty());
}

#[test]
fn a_session_goes_on() {
    let (world, mut spoke) = up();
    let mut world = restart(world);
    assert_eq!(world.count(Count::SessionRestored), 1);
    assert!(world.ups.last().unwrap().restored);
    goes_on(&mut world, &mut spoke);
}

#[test]
fn a_lost_response_is_still_there() {
    let (mut world, mut spoke) = up();
    spoke.rekey_ike();
    world.exchange(&mut spoke);
    let spi = spoke.live()[0].spi_in;
    spoke.rekey_child(Some(spi));
    let (path, request) = spoke.take().pop().unwrap();
    world.datagram(path, &request);
    let lost = world.sent.pop_front().unwrap();
    let mut world = restart(world);
    world.datagram(path, &request);
    assert_eq!(world.sent.front(), Some(&lost));
    world.exchange(&mut spoke);
    goes_on(&mut world, &mut spoke);
}

#[test]
fn a_question_is_asked_again() {
    let (mut world, mut spoke) = up();
    world.pass(34_000);
    let lost = world.sent.pop_front().unwrap();
    let mut world = restart(world);
    world.pass(4_000);
    assert_eq!(world.sent.front(), Some(&lost));
    world.exchange(&mut spoke);
    goes_on(&mut world, &mut spoke);
}

#[test]
fn a_rekey_that_was_under_way_is_undone_and_done_again() {
    let (mut world, mut spoke) = up();
    let session = world.ups[0].session;
    let mut actions = Vec::new();
    world.responder.rekey(world.now, session, Rekey::Children, &mut world.host, &mut actions);
    world.act(actions);
    let (path, request) = world.sent.pop_front().unwrap();
    // The peer has it, its answer is lost.
    spoke.receive(path, &request);
    spoke.take();
    let mut world = restart(world);
    assert_eq!(spoke.live().len(), 2);
    // What strongSwan would not do at this point is to take the old one for gone.
    spoke.children[0].rekeyed = false;
    world.live(&mut spoke, 20_000);
    assert_eq!(spoke.live().len(), 1, "{:?}", spoke.children);
    check_pair(&world, &spoke);
    assert!(world.downs.is_empty());
}

#[test]
fn what_is_no_export_is_refused() {
    let (world, _) = up();
    let export = world.responder.export(world.ups[0].session).unwrap();
    let mut new = World::new();
    for length in 0..export.len() {
        let mut actions = Vec::new();
        let restored = new.responder.restore(new.now, &export[..length], &mut new.host, &mut actions);
        assert!(restored.is_none() && actions.is_empty());
    }
    for at in 0..export.len() {
        let mut bad = export.to_vec();
        bad[at] ^= 0x55;
        let mut new = World::new();
        let mut actions = Vec::new();
        // It may be another session's; it must not be the end.
        let _ = new.responder.restore(new.now, &bad, &mut new.host, &mut actions);
    }
    // Twice the same.
    let mut actions = Vec::new();
    assert!(new.responder.restore(new.now, &export, &mut new.host, &mut actions).is_some());
    assert!(new.responder.restore(new.now, &export, &mut new.host, &mut actions).is_none());
    assert_eq!(new.host.used.len(), 1);
}

#[test]
fn no_key_is_in_what_is_shown() {
    let (world, spoke) = up();
    let shown = format!("{:?} {:?} {:?}", world.plane.inbound, world.plane.outbound, world.logs);
    let key: Vec<String> = spoke.children[0].key_in.iter().map(u8::to_string).collect();
    assert!(!shown.contains(&key[..4].join(", ")));
    let hex: String = spoke.children[0].key_in.iter().take(4).map(|octet| format!("{octet:02x}")).collect();
    assert!(!shown.to_lowercase().contains(&hex));
}
