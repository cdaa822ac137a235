//! SAs as control describes them: what is refused, acknowledged, swept.

use crate::common::sa::Sa;
use crate::common::secured::*;
use crate::common::*;
use forwarding::{ApplyError, Refusal};
use shm::message::{Direction, Encap, Keys, Protection, SaInbound, SaOutbound, Transform, Update};
use std::num::NonZeroU64;

fn inbound(sa: &Sa, change: impl FnOnce(&mut SaInbound)) -> Update {
    let Update::SaInbound(mut sa) = sa.inbound() else { panic!("inbound") };
    change(&mut sa);
    Update::SaInbound(sa)
}

fn outbound(sa: &Sa, change: impl FnOnce(&mut SaOutbound)) -> Update {
    let Update::SaOutbound(mut sa) = sa.outbound() else { panic!("outbound") };
    change(&mut sa);
    Update::SaOutbound(sa)
}

#[test]
fn what_is_wrong_is_refused_by_name() {
    let mut hub = Hub::new(1);
    let sa = sa(1, Transform::Gcm128);
    assert!(hub.segment.arm(sa.id, sa.tag));
    let other = NonZeroU64::new(1).expect("not 0");
    let far = 64 * 2 + 1024;
    let unprotected =
        Update::Peer { id: 1, tunnel: 0, nbma: NBMA[1], link: 0, multicast: false, protection: None };
    let protection = Some(Protection { session: sa.session, sa: None, udp: None });
    let cases = [
        (inbound(&sa, |sa| sa.tag = other), Refusal::Tag),
        (outbound(&sa, |sa| sa.tag = other), Refusal::Tag),
        (inbound(&sa, |sa| sa.id = far), Refusal::Index),
        (outbound(&sa, |sa| sa.id = far), Refusal::Index),
        (inbound(&sa, |sa| sa.spi = sa.id), Refusal::Spi),
        (inbound(&sa, |sa| sa.spi += 1), Refusal::Spi),
        (outbound(&sa, |sa| sa.spi = 255), Refusal::Spi),
        (inbound(&sa, |sa| sa.window = 32), Refusal::Window),
        (inbound(&sa, |sa| sa.window = 96), Refusal::Window),
        (inbound(&sa, |sa| sa.window = 8192), Refusal::Window),
        (inbound(&sa, |sa| sa.local = CLEAR), Refusal::Protection),
        (sa.delete(Direction::Inbound), Refusal::Absent),
        (sa.delete(Direction::Outbound), Refusal::Absent),
        (unprotected, Refusal::Protection),
        (
            Update::Peer { id: 1, tunnel: 1, nbma: NBMA[1], link: 0, multicast: false, protection },
            Refusal::Protection,
        ),
    ];
    for (update, refusal) in cases {
        assert_eq!(hub.try_apply(&update), Err(ApplyError::Refused(refusal)), "{update:?}");
    }
    assert_eq!(hub.updater.sizes().sas, 0);
    // A fresh segment has no tags: control must negotiate anew.
    let fresh = Hub::new(1);
    assert_eq!(Hub::try_apply(&mut { fresh }, &sa.outbound()), Err(Refusal::Tag.into()));
    // A hub without any protected tunnel.
    let mut world = World::new();
    assert_eq!(world.updater.apply(&sa.inbound()), Err(Refusal::Protection.into()));
    assert_eq!(world.updater.apply(&sa.delete(Direction::Inbound)), Err(Refusal::Absent.into()));
}

/// An update is done only when every worker has taken it; a worker that is gone does not hold it up.
#[test]
fn acknowledged_when_all_workers_have_it() {
    let mut hub = Hub::new(2);
    let sa = sa(1, Transform::Gcm128);
    assert!(hub.segment.arm(sa.id, sa.tag));
    for update in [sa.inbound(), sa.outbound(), sa.delete(Direction::Inbound), sa.delete(Direction::Outbound)]
    {
        for worker in 0..2 {
            assert_eq!(hub.updater.apply(&update), Err(ApplyError::Busy));
            assert_eq!(hub.updater.apply(&update), Err(ApplyError::Busy), "still");
            let now = hub.now;
            let it = &mut hub.workers[worker];
            it.forwarder.tick(now, &mut it.out);
        }
        assert_eq!(hub.updater.apply(&update), Ok(()));
    }
    assert_eq!(hub.updater.sizes().refused, 0);
    let gone = hub.workers.pop();
    drop(gone);
    assert_eq!(hub.updater.apply(&sa.inbound()), Err(ApplyError::Busy));
    hub.tick();
    assert_eq!(hub.updater.apply(&sa.inbound()), Ok(()));
}

#[test]
fn a_resync_keeps_what_it_names_and_sweeps_the_rest() {
    let mut hub = Hub::new(1);
    let all: Vec<Sa> =
        (0..600).map(|id| Sa::new(id, u64::from(id) + 1, 100, NBMA[1], Transform::Gcm128)).collect();
    hub.apply(&Update::Begin { generation: 1 });
    for sa in &all {
        hub.install(sa);
    }
    hub.apply(&Update::Link { id: 0, port: UNDERLAY, mac: Some(GATEWAY_MAC) });
    hub.apply(&Update::End { generation: 1 });
    assert_eq!(hub.updater.sizes().sas, 1200);
    hub.receive(&[all[5].frame(7, &gre_packet(0x2001, b"one"))]);
    // The window of what is named goes on where it was; more than fits the mailboxes is swept.
    hub.apply(&Update::Begin { generation: 2 });
    hub.apply(&all[5].inbound());
    hub.apply(&Update::Link { id: 0, port: UNDERLAY, mac: Some(GATEWAY_MAC) });
    hub.apply(&Update::End { generation: 2 });
    assert_eq!(hub.updater.sizes().sas, 1);
    hub.receive(&[
        all[5].frame(7, &gre_packet(0x2001, b"two")),
        all[5].frame(8, &gre_packet(0x2001, b"three")),
    ]);
    hub.receive(&[all[6].frame(1, &gre_packet(0x2001, b"swept"))]);
    let names: Vec<_> = hub.drops().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["esp_unknown_spi", "esp_replay_dup"]);
}

/// Control that was restarted may give a slot to new keys without having deleted the old ones.
#[test]
fn new_keys_in_a_slot_replace_the_old() {
    let (old, mut new) = (sa(1, Transform::Gcm128), Sa::new(10, 77, 100, NBMA[1], Transform::Gcm256));
    let two = sa(2, Transform::Gcm128);
    new.encap = Encap::Plain;
    let mut hub = Hub::with_spokes(1, [&old, &two]);
    hub.receive(&[two.frame(1, &gre_packet(0x0800, &udp(HOST[2], HOST[1], 64)))]);
    assert_eq!(old.receive(&hub.one()).0, 1);
    assert!(hub.segment.arm(new.id, new.tag));
    // Between arming and installing nothing is sent: the numbers are the new keys'.
    hub.receive(&[two.frame(2, &gre_packet(0x0800, &udp(HOST[2], HOST[1], 64)))]);
    assert_eq!(hub.sent(), Vec::<Vec<u8>>::new());
    hub.apply(&new.inbound());
    hub.apply(&new.outbound());
    hub.receive(&[two.frame(3, &gre_packet(0x0800, &udp(HOST[2], HOST[1], 64)))]);
    assert_eq!(new.receive(&hub.one()).0, 2, "one number is lost, none comes twice");
    assert_eq!(hub.updater.sizes().sas, 4);
}

/// Keys are in nobody's debug output.
#[test]
fn keys_are_not_shown() {
    let mut hub = Hub::new(1);
    let sa = sa(1, Transform::Cbc256Sha256);
    hub.install(&sa);
    let shown = format!("{:?} {:?}", hub.updater, sa.inbound());
    let Update::SaInbound(SaInbound { keys, .. }) = sa.inbound() else { panic!("inbound") };
    assert!(!Keys::material(&keys).is_empty());
    for window in sa.to_hub.material.windows(4) {
        let text = window.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        assert!(!shown.contains(&text), "{text}");
    }
}
