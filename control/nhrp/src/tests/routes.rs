//! Redirect, resolution and purge by the overlay's routes.

use super::support::*;
use crate::*;
use std::net::Ipv4Addr;
use wire::nhrp::{Cie, ExtensionType, PacketType};

fn lan(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 100, n, 10)
}

fn net(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 100, n, 0)
}

fn via(n: u8, prefix_len: u8) -> Reach {
    Reach::Spoke { tunnel: 0, protocol: spoke(n), prefix_len }
}

/// Spokes 2, 3 and 4 with a LAN each.
fn hub(phase: Phase) -> Hub {
    let mut hub = Hub::new(TunnelConfig { phase, ..tunnel() });
    for n in [2, 3, 4] {
        hub.register(n);
        hub.route(net(n), 24, &[via(n, 24)]);
    }
    hub
}

/// To whom purges go, and about what.
fn purged(actions: &[Action]) -> Vec<(Ipv4Addr, Ipv4Addr, u8)> {
    let packets = sent(actions).into_iter().map(|(to, octets)| (to, parse(octets)));
    let purges = packets.filter(|(_, packet)| packet.kind() == PacketType::PurgeRequest);
    let about = |cie: Cie| (v4(cie.protocol).unwrap(), cie.prefix_len);
    purges
        .map(|(to, packet)| (to, about(packet.cies().next().unwrap())))
        .map(|(to, (at, len))| (to, at, len))
        .collect()
}

#[test]
fn behind_the_hub_until_it_is_not() {
    let mut hub = hub(Phase::Three);
    hub.route(net(254), 24, &[Reach::Hub { prefix_len: 24 }]);
    hub.packet(nbma(2), &resolution(2, lan(254)).build());
    assert_eq!(hub.route(Ipv4Addr::new(10, 9, 0, 0), 16, &[Reach::Hub { prefix_len: 16 }]), []);
    // Another LAN gateway, a shorter route: it is behind the hub as before.
    assert_eq!(hub.route(net(254), 24, &[Reach::Hub { prefix_len: 24 }]), []);
    // A part of it is behind a spoke now: what was told is too wide.
    let part = Ipv4Addr::new(10, 100, 254, 128);
    let actions = hub.route(part, 25, &[via(3, 25)]);
    let expected = Cie { prefix_len: 24, ..cie(HUB_NBMA, net(254)) };
    assert_eq!(only(&actions).1.cies().collect::<Vec<_>>(), [expected]);
    assert_eq!(hub.server.cache(hub.now_ms).filter(|entry| entry.flags.local).count(), 0);
    // What is told from now on leaves that part out.
    let actions = hub.packet(nbma(2), &resolution(2, lan(254)).build());
    assert_eq!(only(&actions).1.cies().next().unwrap().prefix_len, 25);
    assert_eq!(hub.route(part, 25, &[via(4, 25)]), []);
    assert_eq!(purged(&hub.route(net(254), 24, &[])), [(nbma(2), net(254), 25)]);
}

#[test]
fn what_the_hub_said_of_a_spoke_s_network_is_taken_back_when_it_moves() {
    let mut hub = hub(Phase::Two);
    for (asker, host) in [(2, 10), (2, 11), (4, 12)] {
        let mut address = net(3).octets();
        address[3] = host;
        hub.packet(nbma(asker), &resolution(asker, address.into()).build());
    }
    // Its own address is no matter of routes.
    hub.packet(nbma(2), &resolution(2, spoke(3)).build());
    assert_eq!(hub.route(net(3), 24, &[via(3, 24)]), []);
    let mut told = purged(&hub.route(net(3), 24, &[via(4, 24)]));
    told.sort();
    assert_eq!(told, [(nbma(2), net(3), 24), (nbma(4), net(3), 24)]);
    assert_eq!(hub.route(net(3), 24, &[via(3, 24)]), [], "they were told");
    let entry = hub.server.cache(hub.now_ms).find(|entry| entry.protocol == spoke(3)).unwrap();
    assert_eq!(entry.requesters.iter().map(|r| r.prefix).collect::<Vec<_>>(), [spoke(3)]);
    // A route that is gone is no longer true either.
    hub.packet(nbma(2), &resolution(2, lan(3)).build());
    assert_eq!(purged(&hub.route(net(3), 24, &[])), [(nbma(2), net(3), 24)]);
}

#[test]
fn a_spoke_s_own_answer_is_taken_back_only_when_its_network_is_elsewhere() {
    let mut hub = hub(Phase::Three);
    assert_eq!(only(&hub.packet(nbma(2), &resolution(2, lan(3)).build())).0, nbma(3));
    // FRR beside the hub was started again: shortcuts stay.
    assert_eq!(hub.route(net(3), 24, &[]), []);
    assert_eq!(hub.route(net(3), 24, &[via(3, 24)]), []);
    let actions = hub.route(net(3), 24, &[via(4, 24)]);
    assert_eq!(only(&actions).1.cies().collect::<Vec<_>>(), [Cie { prefix_len: 24, ..cie(nbma(3), net(3)) }]);
    assert_eq!(only(&actions).0, nbma(2));
    // Who is not registered any more may still be reached by those who know where it is; not so when it says goodbye.
    hub.packet(nbma(2), &resolution(2, lan(4)).build());
    let mut gone = Vec::new();
    hub.server.clear(hub.now_ms, Clear::Peer { tunnel: None, nbma: nbma(4) }, &mut gone);
    assert_eq!(purged(&gone), []);
    hub.register(4);
    hub.packet(nbma(2), &resolution(2, lan(4)).build());
    let farewell = purge(4, spoke(4)).with(|m| m.head.flags.0 = 0x8000).build();
    assert_eq!(purged(&hub.packet(nbma(4), &farewell)), [(nbma(2), net(4), 24)]);
}

#[test]
fn a_spoke_that_moves_takes_the_shortcuts_to_its_old_address_with_it() {
    let mut hub = Hub::new(tunnel());
    hub.register(2);
    let request = |at| registration(nbma(at), spoke(3)).with(|m| m.head.flags.0 = 2).build();
    hub.packet(nbma(3), &request(3));
    hub.packet(nbma(2), &resolution(2, spoke(3)).build());
    assert_eq!(purged(&hub.packet(nbma(9), &request(9))), [(nbma(2), spoke(3), 32)]);
}

#[test]
fn a_spoke_s_default_route_and_summary_cover_only_what_no_other_has() {
    let mut hub = hub(Phase::Two);
    hub.route(Ipv4Addr::UNSPECIFIED, 0, &[via(4, 0)]);
    hub.route(Ipv4Addr::new(10, 0, 0, 0), 8, &[via(4, 8)]);
    let mut told = |address: Ipv4Addr| {
        let actions = hub.packet(nbma(2), &resolution(2, address).build());
        let cie = only(&actions).1.cies().next().unwrap();
        (v4(cie.nbma).unwrap(), cie.prefix_len)
    };
    assert_eq!(told(Ipv4Addr::new(9, 9, 9, 9)), (nbma(4), 32), "a default route is told for a host");
    assert_eq!(
        told(Ipv4Addr::new(10, 9, 9, 9)),
        (nbma(4), 10),
        "10.0.0.0/10 has no LAN in it, 10.64.0.0/10 has"
    );
    assert_eq!(told(Ipv4Addr::new(10, 100, 5, 1)), (nbma(4), 24));
    assert_eq!(told(lan(3)), (nbma(3), 24));
}

#[test]
fn phase_3_asks_the_spoke_that_has_the_more_specific_route() {
    let mut hub = hub(Phase::Three);
    hub.route(Ipv4Addr::UNSPECIFIED, 0, &[via(4, 0)]);
    for (address, owner) in [(lan(3), 3), (Ipv4Addr::new(9, 9, 9, 9), 4)] {
        assert_eq!(only(&hub.packet(nbma(2), &resolution(2, address).build())).0, nbma(owner));
        assert_eq!(sent(&hub.redirect(nbma(2), &ping(lan(2), address))).len(), 1);
    }
    // From who has it there is no redirect, and no way back.
    assert_eq!(hub.redirect(nbma(4), &ping(lan(4), Ipv4Addr::new(9, 9, 9, 9))), []);
    assert_eq!(hub.packet(nbma(4), &resolution(4, Ipv4Addr::new(9, 9, 9, 9)).build()), []);
}

#[test]
fn a_route_by_an_unregistered_spoke_leads_nowhere() {
    let mut hub = hub(Phase::Three);
    hub.route(net(3), 24, &[via(77, 24)]);
    assert_eq!(codes(&hub.packet(nbma(2), &resolution(2, lan(3)).build())), [12]);
    assert_eq!(hub.redirect(nbma(2), &ping(lan(2), lan(3))), []);
    // Beside another it is not taken.
    hub.route(net(3), 24, &[via(77, 24), via(3, 24)]);
    for asker in [2, 4] {
        assert_eq!(only(&hub.packet(nbma(asker), &resolution(asker, lan(3)).build())).0, nbma(3));
    }
}

#[test]
fn of_equal_ways_one_pair_of_networks_has_one_and_all_have_some() {
    let mut hub = hub(Phase::Three);
    for n in 10..60 {
        hub.register(n);
    }
    hub.route(net(200), 24, &[via(3, 24), via(4, 24)]);
    let mut asked = |n: u8| {
        let request = resolution(n, lan(200)).build();
        let first = only(&hub.packet(nbma(n), &request)).0;
        hub.now_ms += 1000;
        assert_eq!(only(&hub.packet(nbma(n), &request)).0, first);
        first
    };
    // The spokes' tunnel addresses are one /24.
    let one = asked(10);
    assert!((11..60).all(|n| asked(n) == one));
    let mut owners: Vec<_> = (0..40u8)
        .map(|n| {
            hub.route(net(100 + n), 24, &[via(3, 24), via(4, 24)]);
            only(&hub.packet(nbma(2), &resolution(2, lan(100 + n)).build())).0
        })
        .collect();
    owners.sort();
    owners.dedup();
    assert_eq!(owners, [nbma(3), nbma(4)]);
    // One of the two asks: the other has it.
    assert_eq!(only(&hub.packet(nbma(3), &resolution(3, lan(200)).build())).0, nbma(4));
}

#[test]
fn a_site_with_two_spokes_is_redirected_whichever_it_sends_by() {
    let mut hub = hub(Phase::Three);
    hub.route(net(200), 24, &[via(3, 24), via(4, 24)]);
    for n in [3, 4] {
        assert_eq!(sent(&hub.redirect(nbma(n), &ping(lan(200), lan(2)))).len(), 1, "from {n}");
    }
    assert_eq!(hub.redirect(nbma(2), &ping(lan(200), lan(2))), [], "a source of others");
    assert_eq!(sent(&hub.redirect(nbma(2), &ping(lan(2), lan(200)))).len(), 1);
}

fn second_tunnel(phase: Phase) -> Hub {
    let other = TunnelConfig {
        phase,
        ..TunnelConfig::new(1, Ipv4Addr::new(198, 51, 100, 1), Ipv4Addr::new(10, 254, 0, 1), 24)
    };
    let mut hub = Hub::with(config(vec![tunnel(), other]));
    hub.register(2);
    let (at, address) = (Ipv4Addr::new(198, 51, 100, 9), Ipv4Addr::new(10, 254, 0, 9));
    let request =
        registration(at, address).with(|m| m.head.destination_protocol = Ipv4Addr::new(10, 254, 0, 1).into());
    assert_eq!(codes(&hub.packet_on(1, at, &request.build())), [0]);
    hub.route(net(2), 24, &[via(2, 24)]);
    hub.route(net(9), 24, &[Reach::Spoke { tunnel: 1, protocol: address, prefix_len: 24 }]);
    hub
}

#[test]
fn a_route_through_a_second_tunnel_of_the_network() {
    let mut hub = second_tunnel(Phase::Three);
    assert_eq!(sent(&hub.redirect(nbma(2), &ping(lan(2), lan(9)))).len(), 1);
    let actions = hub.packet(nbma(2), &resolution(2, lan(9)).build());
    assert!(matches!(actions[..], [Action::Send { tunnel: 1, .. }]));
    // And the answer back, through the first.
    let mut answer = reply(PacketType::ResolutionReply, nbma(2), spoke(2), lan(9));
    answer
        .cies
        .push(Cie { prefix_len: 24, ..cie(Ipv4Addr::new(198, 51, 100, 9), Ipv4Addr::new(10, 254, 0, 9)) });
    let actions = hub.packet_on(1, Ipv4Addr::new(198, 51, 100, 9), &answer.build());
    assert!(matches!(actions[..], [Action::Send { tunnel: 0, .. }]));
    assert_eq!(only(&actions).1.cies().next().unwrap().prefix_len, 24);
}

#[test]
fn behind_a_phase_1_tunnel_is_behind_the_hub() {
    let mut hub = second_tunnel(Phase::One);
    assert_eq!(hub.redirect(nbma(2), &ping(lan(2), lan(9))), []);
    for (address, len) in [(lan(9), 24), (Ipv4Addr::new(10, 254, 0, 9), 32)] {
        hub.routes.push((
            Ipv4Addr::new(10, 254, 0, 9),
            32,
            Reach::Spoke { tunnel: 1, protocol: Ipv4Addr::new(10, 254, 0, 9), prefix_len: 32 },
        ));
        let actions = hub.packet(nbma(2), &resolution(2, address).build());
        let cie = only(&actions).1.cies().next().unwrap();
        assert_eq!((v4(cie.nbma), cie.prefix_len), (Some(HUB_NBMA), len));
    }
}

/// What spoke 3 answers spoke 2 about an address, as it arrives there.
fn passed(hub: &mut Hub, address: Ipv4Addr, entry: Cie) -> Vec<Cie> {
    let mut answer = reply(PacketType::ResolutionReply, nbma(2), spoke(2), address);
    answer.cies.push(entry);
    let actions = hub.packet(nbma(3), &answer.build());
    sent(&actions).iter().flat_map(|(_, octets)| parse(octets).cies().collect::<Vec<_>>()).collect()
}

#[test]
fn a_reply_speaks_for_no_more_than_the_hub_routes_to_its_sender() {
    let mut hub = hub(Phase::Three);
    let about = |prefix_len| Cie { prefix_len, mtu: 1400, holding_time: 60, ..cie(nbma(3), spoke(3)) };
    let mut arrives = |address, len| passed(&mut hub, address, about(len))[0];
    // As the hub has it, or less.
    for len in [24, 28, 32, 255] {
        assert_eq!(arrives(lan(3), len), about(len));
    }
    for len in [1, 8, 23] {
        assert_eq!(arrives(lan(3), len), about(24));
    }
    // A host by the book, the default route to some.
    assert_eq!(arrives(lan(3), 0), about(32));
    // Of what is not its own, the host that was asked about and no more.
    for address in [lan(4), Ipv4Addr::new(9, 9, 9, 9), spoke(3)] {
        assert_eq!(arrives(address, 8), about(32));
    }
    assert_eq!(hub.server.counters(0).unwrap().replies_narrowed, 7);
    // Refusals have no prefix to speak of.
    let refusal = Cie { code: wire::nhrp::CieCode(12), ..Cie::EMPTY };
    assert_eq!(passed(&mut hub, lan(3), refusal), [refusal]);
}

#[test]
fn a_reply_gives_no_other_station_s_address() {
    let mut hub = hub(Phase::Three);
    let victim = Ipv4Addr::new(198, 51, 100, 7);
    for (nbma_, protocol) in [(victim, spoke(3)), (nbma(3), spoke(4)), (victim, spoke(4))] {
        assert_eq!(passed(&mut hub, lan(3), Cie { prefix_len: 24, ..cie(nbma_, protocol) }), []);
    }
    assert_eq!(hub.dropped(DropReason::ReplyDenied), 3);
    // Nor in the extension that says how a NAT has it.
    let mut answer = reply(PacketType::ResolutionReply, nbma(2), spoke(2), lan(3));
    answer.cies.push(cie(nbma(3), spoke(3)));
    let mut nat = Vec::new();
    cie(victim, spoke(3)).emit(&mut nat);
    answer.extensions.push((ExtensionType::Nat.0, false, nat));
    assert_eq!(sent(&hub.packet(nbma(3), &answer.build())), []);
    // A router of its own behind it, which the hub does not know, it may name.
    let other = Cie { prefix_len: 24, ..cie(victim, Ipv4Addr::new(10, 255, 0, 200)) };
    assert_eq!(passed(&mut hub, lan(3), other), [other]);
}

#[test]
fn a_registration_injects_no_route() {
    let mut hub = hub(Phase::Three);
    for len in [1, 8, 24, 31] {
        let wide = registration(nbma(2), spoke(2)).with(|m| m.cies[0].prefix_len = len);
        assert_eq!(codes(&hub.packet(nbma(2), &wide.build())), [4], "/{len}");
    }
    let others =
        [HUB, lan(3), lan(254), spoke(0), spoke(255), Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(9, 9, 9, 9)];
    for address in others {
        let request = registration(nbma(2), spoke(2)).with(|m| m.cies[0].protocol = Some(address.into()));
        assert_eq!(codes(&hub.packet(nbma(2), &request.build())), [4], "{address}");
    }
    assert_eq!(hub.server.len(), 3);
}

#[test]
fn where_the_tunnel_has_no_subnet_what_is_routed_elsewhere_is_not_for_registering() {
    let open = TunnelConfig { prefix_len: 32, ..tunnel() };
    let listed = TunnelConfig { spoke_addresses: vec![(spoke(0), 24)], ..open.clone() };
    for (tunnel, spoke_codes) in [(open, [4, 4, 0, 0]), (listed, [4, 4, 0, 4])] {
        let mut hub = Hub::new(tunnel);
        hub.register(3);
        hub.route(net(3), 24, &[via(3, 24)]);
        hub.route(Ipv4Addr::new(10, 1, 0, 0), 24, &[Reach::Hub { prefix_len: 24 }]);
        hub.route(Ipv4Addr::UNSPECIFIED, 0, &[Reach::Hub { prefix_len: 0 }]);
        let addresses = [lan(3), Ipv4Addr::new(10, 1, 0, 9), spoke(2), Ipv4Addr::new(10, 77, 0, 2)];
        let codes =
            addresses.map(|address| codes(&hub.packet(nbma(2), &registration(nbma(2), address).build()))[0]);
        assert_eq!(codes, spoke_codes);
        // Who is there may stay.
        hub.register(3);
    }
}

#[test]
fn who_was_told_that_an_address_is_behind_the_hub_hears_when_a_spoke_has_it() {
    let mut hub = Hub::new(TunnelConfig { prefix_len: 32, ..tunnel() });
    hub.register(2);
    hub.route(Ipv4Addr::UNSPECIFIED, 0, &[Reach::Hub { prefix_len: 0 }]);
    hub.packet(nbma(2), &resolution(2, spoke(7)).build());
    let actions = hub.packet(nbma(7), &registration(nbma(7), spoke(7)).build());
    assert_eq!(purged(&actions), [(nbma(2), spoke(7), 32)]);
}
