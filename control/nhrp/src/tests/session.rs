//! Stations under IPsec: known by their session, whatever their NBMA address.

use super::support::*;
use crate::*;
use std::net::Ipv4Addr;
use wire::nhrp::PacketType;

/// The public address of a NAT.
const NAT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

/// Two spokes behind one NAT, a third elsewhere; each with a network.
fn hub() -> Hub {
    let mut hub = Hub::new(tunnel());
    for (n, station) in [(2, peer(2, NAT)), (3, peer(3, NAT)), (4, peer(4, nbma(4)))] {
        assert_eq!(hub.register_session(station, n), [0]);
        let reach = Reach::Spoke { tunnel: 0, protocol: spoke(n), prefix_len: 24 };
        hub.routes.push((Ipv4Addr::new(10, 100, n, 0), 24, reach));
    }
    hub
}

fn lan(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 100, n, 10)
}

fn owner(hub: &Hub, n: u8) -> Option<(Ipv4Addr, Option<u32>)> {
    hub.server.binding(0, spoke(n)).map(|b| (b.nbma, b.session.map(Session::get)))
}

#[test]
fn two_spokes_behind_one_address_are_two() {
    let mut hub = hub();
    assert_eq!(hub.server.len(), 3);
    assert_eq!((owner(&hub, 2), owner(&hub, 3)), (Some((NAT, Some(2))), Some((NAT, Some(3)))));
    // A purge of one takes nothing from the other, nor may it name the other's.
    assert_eq!(sent(&hub.packet(peer(3, NAT), &purge(3, spoke(2)).build())), []);
    assert_eq!(hub.dropped(DropReason::PurgeDenied), 1);
    hub.packet(peer(3, NAT), &purge(3, spoke(3)).build());
    assert_eq!((owner(&hub, 2).is_some(), owner(&hub, 3)), (true, None));
}

#[test]
fn each_has_its_own_share_of_addresses() {
    let mut hub = Hub::new(TunnelConfig { max_bindings_per_peer: 2, ..tunnel() });
    for n in 10..13 {
        let expected = if n < 12 { 0 } else { 5 };
        assert_eq!(hub.register_session(peer(1, NAT), n), [expected]);
        assert_eq!(hub.register_session(peer(2, NAT), n + 10), [expected]);
    }
}

#[test]
fn a_session_that_comes_from_elsewhere_keeps_what_it_has() {
    let mut hub = hub();
    let request = registration(nbma(9), spoke(2)).with(|m| m.head.flags.0 = 0x8002).build();
    // Also with U: it is the same station.
    for at in [NAT, nbma(9)] {
        assert_eq!(codes(&hub.packet(peer(2, at), &request)), [0]);
        assert_eq!(owner(&hub, 2), Some((at, Some(2))));
    }
    // Another session is another station, also from the same address.
    assert_eq!(codes(&hub.packet(peer(8, nbma(9)), &request)), [14]);
    assert_eq!(hub.server.counters(0).unwrap().registrations_new, 4);
}

#[test]
fn what_moves_takes_its_bindings_along_and_tells_who_asked() {
    let mut hub = Hub::new(TunnelConfig { phase: Phase::Two, ..tunnel() });
    for (n, station) in [(2, peer(2, nbma(2))), (4, peer(4, nbma(4)))] {
        assert_eq!(hub.register_session(station, n), [0]);
    }
    let question = resolution(4, spoke(2)).with(|m| m.head.flags.0 = 0x8002);
    let answer = hub.packet(peer(4, nbma(4)), &question.build());
    assert_eq!(only(&answer).1.kind(), PacketType::ResolutionReply);
    let mut actions = Vec::new();
    hub.server.session_moved(hub.now_ms, Session::new(2).unwrap(), nbma(7), &mut actions);
    assert!(matches!(&actions[0], Action::Bind { change: Change::Moved { from }, binding }
            if *from == nbma(2) && binding.nbma == nbma(7)));
    let (to, purge) = only(&actions);
    assert_eq!((to, purge.kind()), (nbma(4), PacketType::PurgeRequest));
    assert_eq!(owner(&hub, 2), Some((nbma(7), Some(2))));
    hub.server.session_moved(hub.now_ms, Session::new(2).unwrap(), nbma(7), &mut Vec::new());
}

#[test]
fn a_session_that_is_gone_takes_its_bindings_along_with_the_cause() {
    let mut hub = hub();
    let mut actions = Vec::new();
    hub.server.session_gone(hub.now_ms, Session::new(2).unwrap(), "IKE: dead peer", &mut actions);
    let reason = UnbindReason::Session("IKE: dead peer");
    assert!(matches!(&actions[0], Action::Unbind { station, reason: why, .. }
        if *station == peer(2, NAT) && *why == reason));
    assert_eq!(logs(&actions), [LogKind::Down(reason)]);
    assert_eq!(hub.server.len(), 2);
    let absent = *hub.server.absent().next().unwrap();
    assert_eq!((absent.station, absent.failure), (peer(2, NAT), Failure::Gone(reason)));
}

#[test]
fn no_redirect_between_two_behind_one_address() {
    let mut hub = hub();
    assert_eq!(hub.redirect(peer(2, NAT), &ping(lan(2), lan(3))), []);
    assert_eq!(sent(&hub.redirect(peer(2, NAT), &ping(lan(2), lan(4)))).len(), 1);
    assert_eq!(sent(&hub.redirect(peer(4, nbma(4)), &ping(lan(4), lan(3)))).len(), 1);
    // The source's route must lead to the session, not merely to its address.
    assert_eq!(hub.redirect(peer(3, NAT), &ping(lan(2), lan(4))), []);
}

#[test]
fn who_asks_for_its_neighbour_is_told_the_hub() {
    for (phase, expected) in [(Phase::Two, true), (Phase::Three, true), (Phase::One, false)] {
        let mut hub = hub();
        hub.server.config.tunnels[0].phase = phase;
        for destination in [spoke(3), lan(3)] {
            let question = resolution(2, destination).with(|m| m.head.flags.0 = 0x8002);
            let actions = hub.packet(peer(2, NAT), &question.build());
            let (to, reply) = only(&actions);
            assert_eq!((to, reply.kind()), (NAT, PacketType::ResolutionReply));
            let cie = reply.cies().next().unwrap();
            let told = (v4(cie.nbma), v4(cie.protocol), cie.code.0);
            assert_eq!(told == (Some(HUB_NBMA), Some(HUB), 0), expected, "{phase:?} {told:?}");
        }
    }
}

#[test]
fn who_was_told_the_hub_hears_when_its_neighbour_is_gone() {
    let mut hub = hub();
    let question = resolution(2, spoke(3)).with(|m| m.head.flags.0 = 0x8002);
    hub.packet(peer(2, NAT), &question.build());
    let mut actions = Vec::new();
    hub.server.session_gone(hub.now_ms, Session::new(3).unwrap(), "gone", &mut actions);
    let to: Vec<_> = actions
        .iter()
        .filter_map(|action| match action {
            Action::Send { to, .. } => Some(*to),
            _ => None,
        })
        .collect();
    assert_eq!(to, [peer(2, NAT)]);
}

#[test]
fn an_identity_has_what_it_may_have_and_nothing_else() {
    let mut hub = Hub::new(tunnel());
    hub.claims.push((Session::new(2).unwrap(), spoke(2)));
    assert_eq!(hub.register_session(peer(2, nbma(2)), 2), [0]);
    let request = registration(nbma(2), spoke(3)).build();
    let actions = hub.packet(peer(2, nbma(2)), &request);
    assert_eq!(codes(&actions), [4]);
    let why = "the identity may not have this address";
    assert_eq!(logs(&actions), [LogKind::ClaimRefused { why }]);
    let counters = hub.server.counters(0).unwrap();
    assert_eq!((counters.claims_refused, counters.registrations_refused[4]), (1, 1));
    assert_eq!(hub.server.failures().next().unwrap().failure, Failure::ClaimRefused(why));
    assert_eq!(hub.server.binding(0, spoke(3)), None);
    // Nor may it take an address away from others, or give one back for them.
    let gone = registration(nbma(2), spoke(3)).with(|m| m.cies[0].holding_time = 0);
    assert_eq!(codes(&hub.packet(peer(2, nbma(2)), &gone.build())), [4]);
}

#[test]
fn a_static_map_comes_to_life_with_its_peer() {
    let mut config = config(vec![tunnel()]);
    config.tunnels[0].map.push(StaticMap { protocol: spoke(5), nbma: nbma(5), multicast: true });
    let mut hub = Hub::with(config);
    assert_eq!(hub.register_session(peer(6, nbma(6)), 5), [4]);
    assert_eq!(hub.register_session(peer(5, nbma(5)), 5), [0]);
    assert_eq!(owner(&hub, 5), Some((nbma(5), Some(5))));
    assert_eq!(hub.register_session(peer(7, nbma(5)), 5), [4]);
    let mut actions = Vec::new();
    hub.server.session_gone(hub.now_ms, Session::new(5).unwrap(), "gone", &mut actions);
    assert!(matches!(&actions[..], [Action::Bind { binding, .. }] if binding.session.is_none()));
    assert_eq!(hub.server.binding(0, spoke(5)).unwrap().kind, Kind::Static);
}
