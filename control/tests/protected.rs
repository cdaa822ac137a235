//! Tunnels with protection: what a spoke negotiated holds whatever happens to control, and nobody is taken for another.

#![cfg(test)]

mod common;

use api::{Cause, CryptoFilter, Failure, Request, Response, SessionStatus};
use common::initiator::Initiator;
use common::{Plane, World, nbma, protocol, registration, reply, wait};
use shm::message::{Event, SaInbound, SessionId};
use std::net::Ipv4Addr;
use wire::ike::NotifyType;

const GATEWAY: &str = "neigh replace 203.0.113.254 lladdr 02:00:00:00:00:fe nud permanent dev wan0";

/// A hub with a protected tunnel, and its data plane.
fn start(test: &str) -> Option<(World, common::Control, Plane)> {
    let world = World::new(test)?;
    world.protect();
    let control = world.control();
    let mut plane = world.plane();
    wait("the port's address", || world.ip("addr show wan0").contains("203.0.113.1/24").then_some(()));
    world.ip(GATEWAY);
    plane.until("the first resync", |plane| plane.tables.resyncs == 1);
    Some((world, control, plane))
}

/// The inbound half of the SA of a spoke.
fn sa(plane: &Plane, spoke: &Initiator) -> SaInbound {
    let mut rows = plane.tables.state.inbound.values();
    rows.rfind(|row| (row.nbma, row.udp) == (spoke.nbma, None)).unwrap().clone()
}

/// Registers an address by the session; gives the code of the answer.
fn register(plane: &mut Plane, session: SessionId, at: Ipv4Addr, protocol: Ipv4Addr) -> u8 {
    let from = plane.injected.len();
    plane.nhrp_of(session, at, &registration(7, at, protocol, 600));
    let answer = |plane: &Plane| {
        let mut sent = plane.injected.get(from..)?.iter();
        sent.find(|sent| sent.protection.is_some_and(|p| p.session == session))
            .map(|sent| reply(&sent.packet))
    };
    plane.until("an answer to a registration", |plane| answer(plane).is_some());
    let (kind, code) = answer(plane).unwrap();
    assert_eq!(kind, 4);
    code
}

fn failures(world: &World) -> Vec<Failure> {
    match world.ask(&Request::Failures) {
        Response::Failures(failures) => failures,
        other => panic!("{other:?}"),
    }
}

#[test]
fn killed_at_any_time_control_rekeys_nothing_and_loses_nobody() {
    let Some((world, mut control, mut plane)) = start("sessions") else { return };
    let mut spokes: Vec<Initiator> =
        (1..=3).map(|n| Initiator::new(nbma(n), 500, &format!("spoke{n}.example.net"))).collect();
    let mut sessions = Vec::new();
    for (n, spoke) in (1..).zip(&mut spokes) {
        assert_eq!(spoke.connect(&mut plane), None);
        // The reply came after the data plane had the SA, armed.
        let inbound = sa(&plane, spoke);
        assert!(plane.is_armed(&plane.tables.state.outbound[&inbound.id]));
        assert_eq!(register(&mut plane, inbound.session, spoke.nbma, protocol(n)), 0);
        let id = plane.tables.state.peer(spoke.nbma).unwrap();
        let protection = plane.tables.state.peers[&id].4.unwrap();
        assert_eq!((protection.session, protection.sa), (inbound.session, Some(inbound.id)));
        sessions.push(inbound.session);
    }
    for round in 0..6 {
        // Killed at rest, and with a question of a spoke under way; what waits in the ring is answered by the next.
        if round % 2 == 1 {
            spokes[0].question_unheard(&mut plane);
        }
        control.kill();
        let (before, changes) = (plane.tables.state.clone(), plane.tables.changes);
        let resyncs = plane.tables.resyncs;
        control = world.control();
        plane.until("a resync", |plane| plane.tables.resyncs > resyncs);
        assert_eq!(plane.tables.state, before, "round {round}");
        assert_eq!(plane.tables.changes, changes, "round {round}");
        for spoke in &mut spokes {
            spoke.question(&mut plane);
        }
        // A refresh is one, and no new registration.
        assert_eq!(register(&mut plane, sessions[1], nbma(2), protocol(2)), 0);
    }
    assert_eq!(plane.tables.peers_lost, 0);
    assert!(plane.tables.state.outbound.values().all(|row| plane.is_armed(row)));
    match world.ask(&Request::CryptoSessions { filter: CryptoFilter::default() }) {
        Response::CryptoSessions(shown) => {
            assert_eq!(shown.len(), 3);
            assert!(shown.iter().all(|session| session.status == SessionStatus::UpActive));
            assert_eq!(shown[0].tunnels, [protocol(1)]);
        }
        other => panic!("{other:?}"),
    }
    // Cleared, it takes its registration and its SA along.
    let filter = CryptoFilter { session: Some(sessions[0].get()), ..Default::default() };
    assert_eq!(world.ask(&Request::ClearCrypto { filter }), Response::Cleared { count: 1 });
    plane.until("the end of a session", |plane| plane.tables.state.peer(nbma(1)).is_none());
    plane.until("the end of its SA", |plane| plane.tables.state.inbound.len() == 2);
    assert!(control.terminate());
}

#[test]
fn a_table_that_takes_many_turns_to_read_costs_no_session() {
    let Some((world, control, mut plane)) = start("table") else { return };
    let mut spoke = Initiator::new(nbma(1), 500, "spoke1.example.net");
    assert_eq!(spoke.connect(&mut plane), None);
    let session = sa(&plane, &spoke).session;
    assert_eq!(register(&mut plane, session, spoke.nbma, protocol(1)), 0);
    const ROUTES: u32 = 20_000;
    let line =
        |n: u32| format!("route add blackhole {}/24 proto bgp\n", Ipv4Addr::from((20 << 24) + (n << 8)));
    let commands = world.journal().with_file_name("batch");
    std::fs::write(&commands, (0..ROUTES).map(line).collect::<String>()).unwrap();
    world.ip(&format!("-batch {}", commands.display()));
    plane.until("all routes", |plane| plane.tables.state.routes.len() >= ROUTES as usize);
    control.kill();
    let (before, resyncs) = (plane.tables.state.clone(), plane.tables.resyncs);
    let control = world.control();
    plane.until("a resync", |plane| plane.tables.resyncs > resyncs);
    assert!(plane.tables.state == before, "{:?} before {:?}", plane.tables.state.peers, before.peers);
    spoke.question(&mut plane);
    assert_eq!(plane.tables.peers_lost, 0);
    assert!(control.terminate());
}

#[test]
fn nobody_takes_another_s_address_nor_speaks_in_the_clear() {
    let Some((world, control, mut plane)) = start("claims") else { return };
    let mut first = Initiator::new(nbma(1), 500, "first.example.net");
    let mut second = Initiator::new(nbma(2), 500, "second.example.net");
    assert_eq!((first.connect(&mut plane), second.connect(&mut plane)), (None, None));
    let (a, b) = (sa(&plane, &first).session, sa(&plane, &second).session);
    // In the clear, and by a session that does not exist: no answer, whatever comes later has one.
    plane.nhrp(nbma(9), &registration(1, nbma(9), protocol(9), 600));
    plane.nhrp_of(SessionId::new(999).unwrap(), nbma(9), &registration(1, nbma(9), protocol(9), 600));
    assert_eq!(register(&mut plane, a, nbma(1), protocol(1)), 0);
    assert!(plane.injected.iter().all(|sent| sent.nbma != nbma(9)));
    assert_eq!(register(&mut plane, b, nbma(2), protocol(1)), 4);
    let refused = failures(&world);
    let refused = refused.iter().find(|failure| failure.cause == Cause::ClaimRefused).unwrap();
    assert_eq!(refused.identity.as_deref(), Some("second.example.net"));
    assert_eq!((plane.tables.state.peer(nbma(1)).is_some(), plane.tables.state.peer(nbma(2))), (true, None));
    // First come also holds over a restart.
    control.kill();
    let control = world.control();
    plane.until("a resync", |plane| plane.tables.resyncs == 2);
    assert_eq!(register(&mut plane, b, nbma(2), protocol(1)), 4);
    assert!(control.terminate());
}

#[test]
fn a_session_is_followed_to_another_address() {
    let Some((_world, control, mut plane)) = start("moved") else { return };
    let mut spoke = Initiator::new(nbma(1), 500, "spoke1.example.net");
    assert_eq!(spoke.connect(&mut plane), None);
    let inbound = sa(&plane, &spoke);
    assert_eq!(register(&mut plane, inbound.session, nbma(1), protocol(1)), 0);
    let id = plane.tables.state.peer(nbma(1)).unwrap();
    plane.event(&Event::Moved { sa: inbound.id, nbma: nbma(7), port: None });
    plane.until("the peer's new address", |plane| plane.tables.state.peers[&id].1 == nbma(7));
    plane.until("the SA's new address", |plane| plane.tables.state.inbound[&inbound.id].nbma == nbma(7));
    // What it registered went with it: a refresh is one.
    assert_eq!(register(&mut plane, inbound.session, nbma(7), protocol(1)), 0);
    assert_eq!((plane.tables.peers_lost, plane.tables.state.peers.len()), (0, 1));
    assert!(control.terminate());
}

#[test]
fn who_does_not_know_the_key_is_named_with_the_cause() {
    let Some((world, control, mut plane)) = start("key") else { return };
    let mut stranger = Initiator::new(nbma(1), 500, "spoke1.example.org");
    assert_eq!(stranger.connect(&mut plane), Some(NotifyType::AuthenticationFailed));
    assert!(plane.tables.state.inbound.is_empty());
    let failure = wait("the failure", || failures(&world).into_iter().next());
    assert_eq!((failure.cause, failure.nbma), (Cause::UnknownIdentity, Some(nbma(1))));
    assert!(control.terminate());
}
