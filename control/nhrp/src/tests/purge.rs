//! Purge, both ways.

use super::support::*;
use crate::*;
use std::net::Ipv4Addr;
use wire::nhrp::PacketType;

fn hub(spokes: &[u8]) -> Hub {
    let mut hub = Hub::new(TunnelConfig { phase: Phase::Two, ..tunnel() });
    spokes.iter().for_each(|n| {
        hub.register(*n);
    });
    hub
}

#[test]
fn a_spoke_withdraws_its_own_binding() {
    let mut hub = hub(&[2]);
    let request = purge(2, spoke(2));
    let actions = hub.packet(nbma(2), &request.build());
    assert!(matches!(actions[0], Action::Unbind { reason: UnbindReason::Purged, .. }));
    let (to, reply) = only(&actions);
    assert_eq!(
        (to, reply.kind(), reply.request_id(), reply.hop_count()),
        (nbma(2), PacketType::PurgeReply, 77, 255)
    );
    assert_eq!(reply.cies().collect::<Vec<_>>(), request.cies);
    assert!(hub.server.is_empty());
    // Its repetition, the first reply lost, is answered too, although nothing matches any more.
    assert_eq!(only(&hub.packet(nbma(2), &request.build())).1.kind(), PacketType::PurgeReply);
}

#[test]
fn with_n_no_reply() {
    let mut hub = hub(&[2]);
    let actions = hub.packet(nbma(2), &purge(2, spoke(2)).with(|m| m.head.flags.0 = 0x8000).build());
    assert_eq!(sent(&actions), []);
    assert!(hub.server.is_empty());
}

#[test]
fn anothers_binding_is_denied_and_nothing_of_the_packet_done() {
    let mut hub = hub(&[2, 3]);
    let thief = purge(3, spoke(3)).with(|m| m.cies.push(cie(nbma(2), spoke(2))));
    assert_eq!(sent(&hub.packet(nbma(3), &thief.build())), []);
    assert_eq!((hub.server.len(), hub.dropped(DropReason::PurgeDenied)), (2, 1));
    // Nor by a stranger, nor under a wide prefix.
    assert_eq!(sent(&hub.packet(nbma(66), &purge(66, spoke(2)).build())), []);
    hub.packet(nbma(66), &purge(66, spoke(0)).with(|m| m.cies[0].prefix_len = 8).build());
    assert_eq!(hub.server.len(), 2);
}

#[test]
fn a_prefix_covers_the_senders_bindings_only() {
    let mut hub = hub(&[2, 3]);
    hub.packet(nbma(2), &registration(nbma(2), spoke(20)).build());
    let wide = purge(2, spoke(0)).with(|m| m.cies[0].prefix_len = 24);
    assert_eq!(only(&hub.packet(nbma(2), &wide.build())).1.kind(), PacketType::PurgeReply);
    assert_eq!(hub.server.bindings().map(|b| b.protocol).collect::<Vec<_>>(), [spoke(3)]);
}

#[test]
fn a_named_nbma_address_must_match() {
    let mut hub = hub(&[2]);
    hub.packet(nbma(2), &purge(2, spoke(2)).with(|m| m.cies[0] = cie(nbma(9), spoke(2))).build());
    assert_eq!(hub.server.len(), 1);
    hub.packet(nbma(2), &purge(2, spoke(2)).with(|m| m.cies[0] = cie(nbma(2), spoke(2))).build());
    assert_eq!(hub.server.len(), 0);
}

#[test]
fn static_bindings_stay() {
    let mut tunnel = tunnel();
    tunnel.map.push(StaticMap { protocol: spoke(50), nbma: nbma(50), multicast: false });
    let mut hub = Hub::new(tunnel);
    assert_eq!(only(&hub.packet(nbma(50), &purge(50, spoke(50)).build())).1.kind(), PacketType::PurgeReply);
    assert_eq!(hub.server.len(), 1);
}

#[test]
fn a_spokes_networks_may_be_redirected_to_again() {
    let mut hub = Hub::new(tunnel());
    hub.register(2);
    hub.register(3);
    let lan = |n| Ipv4Addr::new(10, 100, n, 10);
    for n in [2, 3] {
        let reach = Reach::Spoke { tunnel: 0, protocol: spoke(n), prefix_len: 24 };
        hub.routes.push((Ipv4Addr::new(10, 100, n, 0), 24, reach));
    }
    let data = ping(lan(2), lan(3));
    assert_eq!(sent(&hub.redirect(nbma(2), &data)).len(), 1);
    assert_eq!(sent(&hub.redirect(nbma(2), &data)).len(), 0);
    let networks = purge(3, Ipv4Addr::new(10, 100, 3, 0)).with(|m| m.cies[0].prefix_len = 24);
    assert_eq!(only(&hub.packet(nbma(3), &networks.build())).1.kind(), PacketType::PurgeReply);
    assert_eq!(sent(&hub.redirect(nbma(2), &data)).len(), 1);
}

#[test]
fn purges_for_others_are_passed_on_if_they_speak_for_their_sender() {
    let mut hub = hub(&[2, 3]);
    let to_3 = |n| purge(n, spoke(n)).with(|m| m.head.destination_protocol = spoke(3).into());
    let actions = hub.packet(nbma(2), &to_3(2).build());
    assert_eq!((only(&actions).0, only(&actions).1.hop_count()), (nbma(3), 254));
    hub.register(4);
    assert_eq!(sent(&hub.packet(nbma(4), &to_3(2).build())), []);
    assert_eq!(hub.dropped(DropReason::PurgeDenied), 1);
    // And the reply back.
    let answer = reply(PacketType::PurgeReply, nbma(2), spoke(2), spoke(3));
    assert_eq!(only(&hub.packet(nbma(3), &answer.build())).0, nbma(2));
}

/// Spoke 2 was told of spoke 3, which then went.
fn told_and_gone() -> (Hub, Vec<u8>) {
    let mut hub = hub(&[2, 3]);
    hub.packet(nbma(2), &resolution(2, spoke(3)).build());
    let actions = hub.packet(nbma(3), &purge(3, spoke(3)).with(|m| m.head.flags.0 = 0x8000).build());
    let (to, request) = only(&actions);
    assert_eq!((to, request.kind()), (nbma(2), PacketType::PurgeRequest));
    assert_eq!(request.destination_protocol(), std::net::IpAddr::from(spoke(2)));
    assert_eq!(request.source_protocol(), std::net::IpAddr::from(HUB));
    assert_eq!(request.cies().collect::<Vec<_>>(), [cie(nbma(3), spoke(3))]);
    let octets = request.octets().to_vec();
    (hub, octets)
}

#[test]
fn who_was_told_hears_when_it_is_over_three_times_without_an_answer() {
    let (mut hub, first) = told_and_gone();
    assert_eq!(hub.server.next_deadline(), Some(hub.now_ms + 1000));
    let second = hub.pass(1000);
    assert_eq!(sent(&second), [(nbma(2), &first[..])]);
    assert_eq!(sent(&hub.pass(1999)), []);
    let third = hub.pass(1);
    assert_eq!((only(&third).1.flags().0, only(&third).1.request_id()), (0x8000, parse(&first).request_id()));
    assert_eq!(sent(&hub.pass(60_000)), []);
    assert_eq!(hub.server.counters(0).unwrap().purges_unanswered, 1);
}

#[test]
fn an_answer_ends_the_repetition_and_a_second_one_is_unsolicited() {
    let (mut hub, first) = told_and_gone();
    let answer = |from: u8| {
        let mut answer = reply(PacketType::PurgeReply, HUB_NBMA, HUB, spoke(from));
        answer.head.request_id = parse(&first).request_id();
        answer.build()
    };
    hub.packet(nbma(9), &answer(9));
    assert_eq!(hub.dropped(DropReason::Unsolicited), 1);
    hub.packet(nbma(2), &answer(2));
    assert_eq!(sent(&hub.pass(60_000)), []);
    hub.packet(nbma(2), &answer(2));
    assert_eq!(hub.dropped(DropReason::Unsolicited), 2);
}

#[test]
fn expiry_move_and_clear_are_told_as_well() {
    let purged = |actions: &[Action]| {
        let kinds = sent(actions).into_iter().map(|(to, octets)| (to, parse(octets).kind()));
        kinds.filter(|(_, kind)| *kind == PacketType::PurgeRequest).map(|(to, _)| to).collect::<Vec<_>>()
    };
    let told = || {
        let mut hub = hub(&[2]);
        hub.packet(nbma(3), &registration(nbma(3), spoke(3)).with(|m| m.head.flags.0 = 2).build());
        hub.packet(nbma(2), &resolution(2, spoke(3)).build());
        hub
    };
    let mut moved = told();
    let from_4 = registration(nbma(4), spoke(3)).with(|m| m.head.flags.0 = 2).build();
    assert_eq!(purged(&moved.packet(nbma(4), &from_4)), [nbma(2)]);
    let mut cleared = told();
    let mut actions = Vec::new();
    let what = Clear::Address { tunnel: None, protocol: spoke(3), prefix_len: 32 };
    assert_eq!(cleared.server.clear(cleared.now_ms, what, &mut actions), 1);
    assert_eq!(purged(&actions), [nbma(2)]);
    // With its holding time the answer ends by itself: nothing to tell at expiry.
    let mut expired = told();
    assert_eq!(purged(&expired.pass(600_000)), [] as [Ipv4Addr; 0]);
}
