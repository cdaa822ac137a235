//! Control may be killed at any instant: no registration is forgotten, no peer disturbed.

#![cfg(test)]

mod common;

use api::{CacheFilter, Kind, Request, Response};
use common::{Plane, World, nbma, protocol, registration, reply};
use shm::message::{Event, Target};
use std::net::Ipv4Addr;

const GATEWAY: &str = "neigh replace 203.0.113.254 lladdr 02:00:00:00:00:fe nud permanent dev wan0";

/// Waits until control has put the address on the port's twin, then makes the gateway known.
fn gateway(world: &World) {
    common::wait("the port's address", || {
        world.ip("addr show wan0").contains("203.0.113.1/24").then_some(())
    });
    world.ip(GATEWAY);
}

/// Registers spokes and waits for the replies that confirm it.
fn register(plane: &mut Plane, spokes: std::ops::Range<u16>) {
    plane.injected.clear();
    for n in spokes.clone() {
        plane.nhrp(nbma(n), &registration(u32::from(n), nbma(n), protocol(n), 600));
    }
    for n in spokes {
        plane.until("a registration reply", |plane| {
            plane.injected.iter().any(|sent| sent.nbma == nbma(n) && reply(&sent.packet) == (4, 0))
        });
        let peer = plane.tables.state.peer(nbma(n));
        assert!(peer.is_some(), "the reply must not come before the peer");
        assert_eq!(plane.tables.state.routes.get(&(protocol(n), 32)), peer.map(Target::Peer).as_ref());
    }
}

fn registered(world: &World) -> usize {
    let filter = CacheFilter { kind: Some(Kind::Dynamic), ..Default::default() };
    match world.ask(&Request::NhrpCache { filter }) {
        Response::NhrpCache(entries) => entries.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn killed_twenty_times_control_loses_nothing_and_disturbs_nobody() {
    let Some(world) = World::new("kill") else { return };
    let mut control = world.control();
    let mut plane = world.plane();
    gateway(&world);
    plane.until("the first resync", |plane| plane.tables.resyncs == 1);
    register(&mut plane, 0..40);
    for round in 1..=20u16 {
        control.kill();
        // While it is away, workers go on reporting; what fits in the ring is served afterwards.
        plane.nhrp(nbma(0), &registration(7, nbma(0), protocol(0), 600));
        let before = plane.tables.state.clone();
        let changes = plane.tables.changes;
        control = world.control();
        let resyncs = plane.tables.resyncs;
        plane.until("a resync", |plane| plane.tables.resyncs > resyncs);
        assert_eq!(plane.tables.state, before, "round {round}");
        assert_eq!(plane.tables.changes, changes, "round {round}: an update changed what was there");
        // Killed right after the reply: what the spoke was told must hold.
        register(&mut plane, 39 + round..40 + round);
    }
    assert_eq!(plane.tables.peers_lost, 0);
    assert_eq!(registered(&world), 60);
    assert_eq!(plane.tables.state.peers.len(), 60);
    assert!(control.terminate());
}

#[test]
fn a_new_data_plane_is_told_everything_and_twins_are_set_up_again() {
    let Some(world) = World::new("plane") else { return };
    let control = world.control();
    let mut plane = world.plane();
    gateway(&world);
    plane.until("the first resync", |plane| plane.tables.resyncs == 1);
    register(&mut plane, 0..5);
    plane.until("the static route through its spoke", |plane| {
        let target = plane.tables.state.routes.get(&(Ipv4Addr::new(10, 100, 1, 0), 24));
        target == plane.tables.state.peer(nbma(1)).map(Target::Peer).as_ref()
    });
    let before = plane.tables.state.clone();
    let peers_up = || match world.ask(&Request::Status) {
        Response::Status(status) => status.peers_up,
        other => panic!("{other:?}"),
    };
    plane.until("peers that are up", |_| peers_up() == 5);
    drop(plane);
    world.no_twins();
    common::wait("no peer to be up without an interface", || (peers_up() == 0).then_some(()));
    let mut plane = world.plane();
    plane.until("the resync of the new data plane", |plane| plane.tables.resyncs == 1);
    assert_eq!(plane.tables.state.peers.keys().collect::<Vec<_>>(), before.peers.keys().collect::<Vec<_>>());
    world.twins();
    gateway(&world);
    plane.until("all that was there before", |plane| plane.tables.state == before);
    assert_eq!(plane.tables.peers_lost, 0);
    // Confirmed again by the new one.
    register(&mut plane, 5..6);
    assert!(control.terminate());
}

#[test]
fn a_torn_journal_costs_the_torn_record_only() {
    let Some(world) = World::new("torn") else { return };
    let control = world.control();
    let mut plane = world.plane();
    gateway(&world);
    plane.until("the first resync", |plane| plane.tables.resyncs == 1);
    register(&mut plane, 0..9);
    // The last one alone in the file's last record.
    register(&mut plane, 9..10);
    control.kill();
    let journal = std::fs::read(world.journal()).unwrap();
    std::fs::write(world.journal(), &journal[..journal.len() - 3]).unwrap();
    let control = world.control();
    plane.until("a resync", |plane| plane.tables.resyncs == 2);
    assert_eq!(registered(&world), 9);
    control.kill();
    // Garbage instead of a journal: an empty cache, and a hub that works.
    std::fs::write(world.journal(), b"not a journal at all").unwrap();
    let control = world.control();
    plane.until("a resync", |plane| plane.tables.resyncs == 3);
    assert_eq!(registered(&world), 0);
    register(&mut plane, 0..3);
    assert!(control.terminate());
}

#[test]
fn a_refused_spoke_is_named_with_its_cause() {
    let Some(world) = World::new("refused") else { return };
    let control = world.control();
    let mut plane = world.plane();
    plane.until("the first resync", |plane| plane.tables.resyncs == 1);
    let stranger = Ipv4Addr::new(203, 0, 113, 12);
    let reason = shm::drops::DropReason::GreKeyMismatch as u8;
    plane.event(&Event::Refused { reason, nbma: stranger, local: common::HUB, key: Some(43) });
    common::wait("the failure", || match world.ask(&Request::Failures) {
        Response::Failures(failures) => {
            let failure = failures.first()?;
            assert_eq!((failure.cause, failure.nbma), (api::Cause::KeyMismatch, Some(stranger)));
            assert_eq!(failure.detail.as_deref(), Some("GRE key 43 to 203.0.113.1"));
            Some(())
        }
        other => panic!("{other:?}"),
    });
    assert!(control.terminate());
}

#[test]
fn who_is_registered_is_not_blamed_by_a_data_plane_that_was_not_told_yet() {
    let Some(world) = World::new("belated") else { return };
    let control = world.control();
    let mut plane = world.plane();
    gateway(&world);
    plane.until("the first resync", |plane| plane.tables.resyncs == 1);
    register(&mut plane, 0..1);
    let reason = shm::drops::DropReason::UnknownPeer as u8;
    for from in [nbma(0), nbma(1)] {
        plane.event(&Event::Refused { reason, nbma: from, local: common::HUB, key: Some(42) });
    }
    // Events are taken in order: when the stranger is named, the peer would have been.
    common::wait("the stranger's failure", || match world.ask(&Request::Failures) {
        Response::Failures(failures) => {
            let failure = failures.first()?;
            assert_eq!((failures.len(), failure.cause), (1, api::Cause::UnknownPeer));
            assert_eq!(failure.nbma, Some(nbma(1)));
            Some(())
        }
        other => panic!("{other:?}"),
    });
    assert!(control.terminate());
}

/// FRR installs its routes with next-hop objects; where compatibility is off, a route tells nothing but the number.
#[test]
fn routes_that_name_a_next_hop_object_follow_it() {
    let Some(world) = World::new("nexthop") else { return };
    world.run("sysctl -qw net.ipv4.nexthop_compat_mode=0");
    // The kernel takes no next-hop object without a carrier.
    world.ip("link del gre0");
    world.ip("link add gre0 type veth peer name far");
    world.ip("link set far up");
    let control = world.control();
    let mut plane = world.plane();
    gateway(&world);
    plane.until("the first resync", |plane| plane.tables.resyncs == 1);
    register(&mut plane, 0..2);
    let network = (Ipv4Addr::new(10, 200, 0, 0), 16);
    let leads = |plane: &mut Plane, what: &str, to: &[Target]| {
        plane.until(what, |plane| {
            let state = &plane.tables.state;
            match state.routes.get(&network) {
                Some(Target::Paths(id)) => state.paths.get(id).is_some_and(|ways| ways.as_slice() == to),
                Some(target) => to == [*target],
                None => to.is_empty(),
            }
        });
    };
    let [first, second] = [0, 1].map(|n| Target::Peer(plane.tables.state.peer(nbma(n)).unwrap()));
    world.ip("nexthop add id 11 via 10.255.1.0 dev gre0 onlink");
    world.ip("nexthop add id 12 via 10.255.1.1 dev gre0 onlink");
    world.ip("route add 10.200.0.0/16 nhid 11 proto bgp metric 20");
    leads(&mut plane, "a route through an object", &[first]);
    world.ip("nexthop replace id 11 via 10.255.1.1 dev gre0 onlink");
    leads(&mut plane, "its object changed", &[second]);
    world.ip("nexthop add id 20 group 12/11");
    world.ip("route replace 10.200.0.0/16 nhid 20 proto bgp metric 20");
    world.ip("nexthop replace id 12 via 10.255.1.0 dev gre0 onlink");
    leads(&mut plane, "both members of a group", &[first, second]);
    world.ip("nexthop del id 12");
    leads(&mut plane, "the member that is left", &[second]);
    // Known also to a control that finds them when it starts.
    let before = plane.tables.state.clone();
    control.kill();
    let control = world.control();
    plane.until("a resync", |plane| plane.tables.resyncs == 2);
    assert_eq!(plane.tables.state, before);
    world.ip("nexthop del id 11");
    leads(&mut plane, "no object any more", &[]);
    assert!(control.terminate());
}

/// The data plane owns the segment's size: control follows it if the file says the same, and else ends, once.
#[test]
fn a_data_plane_with_another_configuration_is_followed_if_the_file_agrees() {
    let Some(world) = World::new("geometry") else { return };
    let control = world.control();
    let mut plane = world.plane();
    gateway(&world);
    plane.until("the first resync", |plane| plane.tables.resyncs == 1);
    register(&mut plane, 0..3);
    world.configure(2 * common::MAX_PEERS);
    drop(plane);
    let mut plane = world.plane_for(2 * common::MAX_PEERS);
    plane.until("a resync in the new segment", |plane| plane.tables.resyncs == 1);
    plane.until("all spokes", |plane| plane.tables.state.peers.len() == 3);
    assert_eq!(registered(&world), 3);
    register(&mut plane, 3..4);
    drop(plane);
    let _plane = world.plane_for(common::MAX_PEERS);
    assert!(!control.ended(), "the file says otherwise");
    assert!(!world.control().ended(), "nor does it start");
}

/// A registration that waited for long must not bring back a spoke that has moved since.
#[test]
fn a_control_that_was_away_for_long_drops_what_waited() {
    let Some(world) = World::new("stale") else { return };
    let control = world.control();
    let mut plane = world.plane();
    gateway(&world);
    plane.until("the first resync", |plane| plane.tables.resyncs == 1);
    register(&mut plane, 0..1);
    control.kill();
    plane.nhrp(nbma(1), &registration(1, nbma(1), protocol(1), 600));
    world.last_seen_long_ago();
    let control = world.control();
    plane.until("a resync", |plane| plane.tables.resyncs == 2);
    register(&mut plane, 2..3);
    assert_eq!(registered(&world), 2, "the one of before, and the one of now");
    assert!(control.terminate());
}
