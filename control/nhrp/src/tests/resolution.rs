//! Resolution: answered, passed on, refused.

use super::support::*;
use crate::*;
use std::net::Ipv4Addr;
use wire::nhrp::{Cie, ErrorCode, ExtensionType, PacketType};

fn hub_with(tunnel: TunnelConfig, spokes: &[u8]) -> Hub {
    let mut hub = Hub::new(tunnel);
    spokes.iter().for_each(|n| {
        hub.register(*n);
    });
    hub
}

fn phase(phase: Phase) -> TunnelConfig {
    TunnelConfig { phase, ..tunnel() }
}

fn lan(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 100, n, 10)
}

fn behind(n: u8) -> (Ipv4Addr, u8, Reach) {
    (Ipv4Addr::new(10, 100, n, 0), 24, Reach::Spoke { tunnel: 0, protocol: spoke(n), prefix_len: 24 })
}

#[test]
fn the_hubs_own_address_is_answered_by_the_hub() {
    let mut hub = hub_with(TunnelConfig { mtu: 1400, ..tunnel() }, &[2]);
    let actions = hub.packet(nbma(2), &resolution(2, HUB).build());
    let (to, reply) = only(&actions);
    assert_eq!((to, reply.kind(), reply.flags().0), (nbma(2), PacketType::ResolutionReply, 0xf802));
    let cies: Vec<Cie> = reply.cies().collect();
    assert_eq!(cies, [Cie { mtu: 1400, holding_time: 7200, ..cie(HUB_NBMA, HUB) }]);
    let responder = reply.extension(ExtensionType::Responder).unwrap();
    assert_eq!(reply.list(&responder).count(), 1);
}

#[test]
fn behind_the_hub_is_answered_with_the_route_but_not_a_default_route() {
    let mut hub = hub_with(tunnel(), &[2]);
    hub.routes.push((Ipv4Addr::new(10, 100, 254, 0), 24, Reach::Hub { prefix_len: 24 }));
    hub.routes.push((Ipv4Addr::UNSPECIFIED, 0, Reach::Hub { prefix_len: 0 }));
    for (address, len) in [(lan(254), 24), (Ipv4Addr::new(9, 9, 9, 9), 32)] {
        let actions = hub.packet(nbma(2), &resolution(2, address).build());
        let reply = only(&actions).1;
        assert_eq!(
            reply.cies().map(|c| (c.prefix_len, v4(c.nbma))).collect::<Vec<_>>(),
            [(len, Some(HUB_NBMA))]
        );
        assert_eq!(reply.flags().0, 0xe802);
    }
    let local: Vec<_> = hub.server.cache(hub.now_ms).filter(|entry| entry.flags.local).collect();
    assert_eq!(local.len(), 2);
    assert!(local.iter().all(|entry| entry.requesters[0].protocol == spoke(2)));
}

#[test]
fn phase_3_passes_it_on_to_the_owner() {
    let mut hub = hub_with(tunnel(), &[2, 3]);
    hub.routes.push(behind(3));
    for address in [spoke(3), lan(3)] {
        let request = resolution(2, address).build();
        let actions = hub.packet(nbma(2), &request);
        let (to, copy) = only(&actions);
        assert_eq!((to, copy.kind(), copy.hop_count()), (nbma(3), PacketType::ResolutionRequest, 254));
        let record = copy.extension(ExtensionType::ForwardTransit).unwrap();
        let record: Vec<Cie> = copy.list(&record).collect();
        assert_eq!(record, [Cie { prefix_len: 0, holding_time: 7200, ..cie(HUB_NBMA, HUB) }]);
        assert_eq!(copy.body(), parse(&request).body());
    }
    assert_eq!(hub.server.counters(0).unwrap().forwarded.get(1), 2);
    let entry = hub.server.cache(hub.now_ms).find(|entry| entry.protocol == spoke(3)).unwrap();
    assert!(entry.flags.used && entry.hits == 2);
}

#[test]
fn retries_are_passed_on_each_time() {
    let mut hub = hub_with(tunnel(), &[2, 3]);
    let request = resolution(2, spoke(3)).build();
    for _ in 0..5 {
        hub.now_ms += 1000;
        assert_eq!(only(&hub.packet(nbma(2), &request)).0, nbma(3));
    }
}

#[test]
fn no_record_is_added_where_there_is_none() {
    let mut hub = hub_with(tunnel(), &[2, 3]);
    let bare = resolution(2, spoke(3)).with(|m| m.extensions.clear()).build();
    let actions = hub.packet(nbma(2), &bare);
    let (_, copy) = only(&actions);
    assert_eq!(copy.octets().len(), bare.len());
    assert!(!copy.has_extensions());
}

#[test]
fn a_reply_goes_to_who_asked_with_the_reverse_record() {
    let mut hub = hub_with(tunnel(), &[2, 3]);
    let mut answer = reply(PacketType::ResolutionReply, nbma(2), spoke(2), lan(3));
    answer.cies.push(cie(nbma(3), spoke(3)));
    // It bears the hub in its forward record, since the request came by here; that is no loop.
    cie(HUB_NBMA, HUB).emit(&mut answer.extensions[1].2);
    let actions = hub.packet(nbma(3), &answer.build());
    let (to, copy) = only(&actions);
    assert_eq!((to, copy.hop_count()), (nbma(2), 254));
    for kind in [ExtensionType::ForwardTransit, ExtensionType::ReverseTransit] {
        assert_eq!(copy.list(&copy.extension(kind).unwrap()).count(), 1);
    }
}

#[test]
fn nat_addresses_are_filled_in_on_the_way() {
    let private = Ipv4Addr::new(192, 168, 1, 2);
    let mut hub = hub_with(tunnel(), &[3]);
    hub.packet(nbma(2), &registration(private, spoke(2)).build());
    let nat_of = |actions: &[Action]| {
        let copy = only(actions).1;
        copy.extension(ExtensionType::Nat).map(|e| copy.list(&e).map(|c| v4(c.nbma)).collect::<Vec<_>>())
    };
    let request = resolution(2, spoke(3)).with(|m| m.head.source_nbma = private.into());
    assert_eq!(nat_of(&hub.packet(nbma(2), &request.clone().build())), Some(vec![Some(nbma(2))]));
    let missing = request.clone().with(|m| m.extensions.truncate(3));
    assert_eq!(nat_of(&hub.packet(nbma(2), &missing.build())), Some(vec![Some(nbma(2))]));
    let bare = request.with(|m| m.extensions.clear());
    assert_eq!(nat_of(&hub.packet(nbma(2), &bare.build())), Some(vec![Some(nbma(2))]));
    // Who is not behind NAT gets nothing added.
    assert_eq!(nat_of(&hub.packet(nbma(3), &resolution(3, spoke(2)).build())), Some(vec![]));
    // The reply of the spoke behind NAT.
    let mut answer = reply(PacketType::ResolutionReply, nbma(3), spoke(3), spoke(2));
    answer.cies.push(cie(private, spoke(2)));
    answer.extensions.push((9, false, vec![]));
    assert_eq!(nat_of(&hub.packet(nbma(2), &answer.build())), Some(vec![Some(nbma(2))]));
}

#[test]
fn phase_2_answers_from_the_registrations() {
    let mut hub = hub_with(phase(Phase::Two), &[2, 3]);
    hub.routes.push(behind(3));
    hub.now_ms += 100_000;
    for (address, len, flags) in [(spoke(3), 32, 0xf802), (lan(3), 24, 0xe802)] {
        let actions = hub.packet(nbma(2), &resolution(2, address).build());
        let (to, reply) = only(&actions);
        assert_eq!((to, reply.flags().0), (nbma(2), flags));
        let cies: Vec<Cie> = reply.cies().collect();
        // What is left of the holding time.
        assert_eq!(cies, [Cie { prefix_len: len, mtu: 1514, holding_time: 500, ..cie(nbma(3), spoke(3)) }]);
    }
    let entry = hub.server.cache(hub.now_ms).find(|entry| entry.protocol == spoke(3)).unwrap();
    assert_eq!(entry.requesters.len(), 2);
    assert_eq!((entry.requesters[0].protocol, entry.requesters[0].request_id), (spoke(2), 77));
}

#[test]
fn phase_2_tells_of_nat() {
    let private = Ipv4Addr::new(192, 168, 1, 3);
    let mut hub = hub_with(phase(Phase::Two), &[2]);
    hub.packet(nbma(3), &registration(private, spoke(3)).build());
    let actions = hub.packet(nbma(2), &resolution(2, spoke(3)).build());
    let reply = only(&actions).1;
    assert_eq!(v4(reply.cies().next().unwrap().nbma), Some(private));
    let nat: Vec<Cie> = reply.list(&reply.extension(ExtensionType::Nat).unwrap()).collect();
    assert_eq!(nat, [cie(nbma(3), spoke(3))]);
    // Who knows nothing of NAT gets the address that works.
    let actions = hub.packet(nbma(2), &resolution(2, spoke(3)).with(|m| m.extensions.truncate(3)).build());
    assert_eq!(v4(only(&actions).1.cies().next().unwrap().nbma), Some(nbma(3)));
}

#[test]
fn phase_1_refuses_spoke_to_spoke() {
    let mut hub = hub_with(phase(Phase::One), &[2, 3]);
    assert_eq!(codes(&hub.packet(nbma(2), &resolution(2, spoke(3)).build())), [4]);
    assert_eq!(codes(&hub.packet(nbma(2), &resolution(2, HUB).build())), [0]);
}

#[test]
fn static_maps_are_answered_and_asked() {
    let mut tunnel = phase(Phase::Two);
    tunnel.map.push(StaticMap { protocol: spoke(50), nbma: nbma(50), multicast: true });
    let mut hub = hub_with(tunnel, &[2]);
    let actions = hub.packet(nbma(2), &resolution(2, spoke(50)).build());
    assert_eq!(
        only(&actions).1.cies().map(|c| (v4(c.nbma), c.holding_time)).collect::<Vec<_>>(),
        [(Some(nbma(50)), 7200)]
    );
    // A mapped peer may ask without having registered.
    assert_eq!(codes(&hub.packet(nbma(50), &resolution(50, spoke(2)).build())), [0]);
}

#[test]
fn unknown_addresses_are_code_12() {
    let mut hub = hub_with(tunnel(), &[2]);
    let nobody = [
        spoke(99),
        lan(9),
        Ipv4Addr::UNSPECIFIED,
        spoke(255),
        Ipv4Addr::BROADCAST,
        Ipv4Addr::new(224, 0, 0, 1),
    ];
    for address in nobody {
        let actions = hub.packet(nbma(2), &resolution(2, address).build());
        let cies: Vec<Cie> = only(&actions).1.cies().collect();
        assert_eq!((cies[0].code.0, cies[0].holding_time, cies[0].nbma), (12, 0, None), "{address}");
    }
    // Nor is the connected route of the tunnel an answer.
    hub.routes.push((spoke(0), 24, Reach::Hub { prefix_len: 24 }));
    assert_eq!(codes(&hub.packet(nbma(2), &resolution(2, spoke(99)).build())), [12]);
    // A route whose next hop is not registered is no help.
    hub.routes.push(behind(3));
    assert_eq!(codes(&hub.packet(nbma(2), &resolution(2, lan(3)).build())), [12]);
    assert_eq!(hub.server.counters(0).unwrap().resolutions_refused[12], 8);
}

#[test]
fn unique_wanted_and_not_there_is_code_13() {
    for phase_ in [Phase::Two, Phase::Three] {
        let mut hub = hub_with(phase(phase_), &[2]);
        hub.packet(nbma(3), &registration(nbma(3), spoke(3)).with(|m| m.head.flags.0 = 2).build());
        let actions =
            hub.packet(nbma(2), &resolution(2, spoke(3)).with(|m| m.head.flags.0 |= 0x1000).build());
        assert_eq!(only(&actions).1.cies().map(|c| (c.code.0, c.nbma)).collect::<Vec<_>>(), [(13, None)]);
    }
}

#[test]
fn a_way_back_to_the_asker_is_dropped() {
    let mut hub = hub_with(tunnel(), &[2, 3]);
    hub.routes.push(behind(2));
    assert_eq!(hub.packet(nbma(2), &resolution(2, lan(2)).build()), []);
    assert_eq!(hub.packet(nbma(2), &resolution(2, spoke(2)).build()), []);
    assert_eq!(hub.dropped(DropReason::BackToSender), 2);
}

#[test]
fn a_loop_is_error_3() {
    let mut hub = hub_with(tunnel(), &[2, 3]);
    let looped = resolution(2, spoke(3)).with(|m| cie(HUB_NBMA, HUB).emit(&mut m.extensions[1].2));
    let actions = hub.packet(nbma(2), &looped.build());
    assert_eq!(error(&actions), ErrorCode::LoopDetected);
    assert_eq!(hub.dropped(DropReason::Loop), 1);
    for extension in [0, 2] {
        hub.now_ms += 2000;
        let mut answer = reply(PacketType::ResolutionReply, nbma(2), spoke(2), lan(3));
        cie(HUB_NBMA, HUB).emit(&mut answer.extensions[extension].2);
        assert_eq!(error(&hub.packet(nbma(3), &answer.build())), ErrorCode::LoopDetected);
    }
}

#[test]
fn hop_count_0_is_error_15() {
    let mut hub = hub_with(tunnel(), &[2, 3]);
    let spent = resolution(2, spoke(3)).with(|m| m.head.hop_count = 0);
    assert_eq!(error(&hub.packet(nbma(2), &spent.build())), ErrorCode::HopCountExceeded);
    assert_eq!(hub.dropped(DropReason::HopCount), 1);
    let last = resolution(2, spoke(3)).with(|m| m.head.hop_count = 1);
    assert_eq!(only(&hub.packet(nbma(2), &last.build())).1.hop_count(), 0);
    // To us it may come with 0.
    let actions = hub.packet(nbma(2), &resolution(2, HUB).with(|m| m.head.hop_count = 0).build());
    assert_eq!(only(&actions).1.hop_count(), 255);
}

#[test]
fn unknown_compulsory_extensions_stop_at_us_and_pass_through() {
    let mut hub = hub_with(tunnel(), &[2, 3]);
    let unknown = |to| resolution(2, to).with(|m| m.extensions.push((0x1200, true, vec![1, 2])));
    let request = unknown(HUB).build();
    let actions = hub.packet(nbma(2), &request);
    let (_, packet) = only(&actions);
    assert_eq!(packet.error_code(), ErrorCode::UnrecognizedExtension);
    // The offset points at the extension.
    let at = usize::from(packet.error_offset());
    assert_eq!(request[at..at + 2], [0x92, 0]);
    assert_eq!(hub.dropped(DropReason::UnknownExtension), 1);
    let actions = hub.packet(nbma(2), &unknown(spoke(3)).build());
    let (_, copy) = only(&actions);
    assert_eq!(copy.extension(ExtensionType(0x1200)).unwrap().value, [1, 2]);
    assert!(copy.extension(ExtensionType::ForwardTransit).unwrap().value.is_empty());
}

#[test]
fn a_full_record_is_not_grown() {
    let mut hub = hub_with(tunnel(), &[2, 3]);
    let full = resolution(2, spoke(3))
        .with(|m| (0..16).for_each(|n| cie(nbma(20 + n), spoke(20 + n)).emit(&mut m.extensions[1].2)));
    assert_eq!(error(&hub.packet(nbma(2), &full.build())), ErrorCode::HopCountExceeded);
}

#[test]
fn a_packet_that_would_grow_too_long_is_error_8() {
    let mut hub = hub_with(tunnel(), &[2, 3]);
    let long = resolution(2, spoke(3)).with(|m| m.extensions.push((0x1201, false, vec![0; 1420])));
    let actions = hub.packet(nbma(2), &long.build());
    assert_eq!(error(&actions), ErrorCode::SduSizeExceeded);
    // Of the offender 256 octets come back.
    assert_eq!(only(&actions).1.body().len(), 256);
}

#[test]
fn strangers_are_not_served() {
    let mut hub = hub_with(tunnel(), &[2, 3]);
    assert_eq!(sent(&hub.packet(nbma(66), &resolution(66, spoke(3)).build())), []);
    assert_eq!(hub.dropped(DropReason::UnknownPeer), 1);
    let mut hub = hub_with(TunnelConfig { require_registration: false, ..tunnel() }, &[3]);
    assert_eq!(only(&hub.packet(nbma(66), &resolution(66, spoke(3)).build())).0, nbma(3));
}

fn two_tunnels(network_id: u32) -> Hub {
    let mut other = TunnelConfig::new(1, Ipv4Addr::new(198, 51, 100, 1), Ipv4Addr::new(10, 254, 0, 1), 24);
    other.network_id = network_id;
    other.authentication = Some(Authentication::new("other").unwrap());
    let mut hub = Hub::with(config(vec![tunnel(), other]));
    hub.register(2);
    let (at, address) = (Ipv4Addr::new(198, 51, 100, 9), Ipv4Addr::new(10, 254, 0, 9));
    let request =
        registration(at, address).with(|m| m.head.destination_protocol = Ipv4Addr::new(10, 254, 0, 1).into());
    assert_eq!(codes(&hub.packet_on(1, at, &request.auth("other").build())), [0]);
    hub.routes.push((address, 32, Reach::Spoke { tunnel: 1, protocol: address, prefix_len: 32 }));
    hub
}

#[test]
fn tunnels_of_one_network_are_one_each_with_its_own_password() {
    let mut hub = two_tunnels(1);
    let actions = hub.packet(nbma(2), &resolution(2, Ipv4Addr::new(10, 254, 0, 9)).build());
    let (to, copy) = only(&actions);
    assert_eq!(to, Ipv4Addr::new(198, 51, 100, 9));
    assert!(matches!(actions[..], [Action::Send { tunnel: 1, .. }]));
    assert!(copy.authentication().unwrap().matches(b"other"));
    let record = copy.extension(ExtensionType::ForwardTransit).unwrap();
    assert_eq!(v4(copy.list(&record).next().unwrap().protocol), Some(Ipv4Addr::new(10, 254, 0, 1)));
    assert_eq!(hub.server.counters(1).unwrap().forwarded.get(1), 1);
}

#[test]
fn another_network_is_behind_the_hub() {
    let mut hub = two_tunnels(2);
    let actions = hub.packet(nbma(2), &resolution(2, Ipv4Addr::new(10, 254, 0, 9)).build());
    assert_eq!(v4(only(&actions).1.cies().next().unwrap().nbma), Some(HUB_NBMA));
}
