//! Registration.

use super::support::*;
use crate::*;
use std::net::Ipv4Addr;
use wire::nhrp::{Cie, ExtensionType, PacketType};

fn bound(hub: &Hub, n: u8) -> Option<Ipv4Addr> {
    hub.server.binding(0, spoke(n)).map(|binding| binding.nbma)
}

#[test]
fn binds_and_confirms() {
    let mut hub = Hub::new(tunnel());
    let actions = hub.packet(nbma(2), &registration(nbma(2), spoke(2)).build());
    // The binding is in place before the spoke is told.
    assert!(matches!(
        &actions[..],
        [Action::Bind { change: Change::New, .. }, Action::Log(_), Action::Send { .. }]
    ));
    let (to, reply) = only(&actions);
    assert_eq!((to, reply.kind(), reply.flags().0), (nbma(2), PacketType::RegistrationReply, 0x8002));
    assert_eq!((reply.request_id(), reply.hop_count()), (77, 255));
    assert_eq!(logs(&actions), [LogKind::Up]);
    let binding = hub.server.binding(0, spoke(2)).unwrap();
    assert_eq!(binding.expires_ms, Some(hub.now_ms + 600_000));
    assert!(binding.unique && binding.nat_capable && !binding.is_natted());
}

#[test]
fn a_duplicate_is_answered_alike_and_is_nothing_new() {
    let mut hub = Hub::new(tunnel());
    let request = registration(nbma(2), spoke(2)).build();
    let first = hub.packet(nbma(2), &request);
    hub.now_ms += 500;
    let second = hub.packet(nbma(2), &request);
    assert_eq!(sent(&first), sent(&second));
    assert!(matches!(&second[..], [Action::Refresh { .. }, Action::Send { .. }]));
    let counters = hub.server.counters(0).unwrap();
    assert_eq!((counters.registrations_new, counters.registrations_refreshed), (1, 1));
    assert_eq!(hub.server.binding(0, spoke(2)).unwrap().created_ms, 1_000_000);
}

#[test]
fn a_constant_request_id_is_no_replay() {
    let mut hub = Hub::new(tunnel());
    for _ in 0..5 {
        hub.register(2);
        hub.packet(nbma(2), &purge(2, spoke(2)).build());
    }
    assert_eq!(hub.server.counters(0).unwrap().registrations_new, 5);
}

#[test]
fn own_address_and_broadcast_are_the_hub() {
    for destination in [spoke(2), HUB, Ipv4Addr::new(10, 255, 0, 255)] {
        let mut hub = Hub::new(tunnel());
        let request =
            registration(nbma(2), spoke(2)).with(|m| m.head.destination_protocol = destination.into());
        let actions = hub.packet(nbma(2), &request.build());
        assert_eq!(only(&actions).1.destination_protocol(), std::net::IpAddr::from(HUB));
        assert_eq!(bound(&hub, 2), Some(nbma(2)));
    }
}

#[test]
fn all_entries_come_back_each_with_its_code() {
    let mut hub = Hub::new(tunnel());
    let request = registration(nbma(2), spoke(2)).with(|m| {
        m.head.flags.0 = 2;
        let entry = |host, prefix_len| Cie { prefix_len, holding_time: 60, ..cie(nbma(2), spoke(host)) };
        m.cies = vec![entry(2, 32), entry(1, 32), entry(3, 0), entry(4, 24), entry(5, 255)];
    });
    let actions = hub.packet(nbma(2), &request.build());
    let cies: Vec<Cie> = only(&actions).1.cies().collect();
    assert_eq!(cies.iter().map(|c| c.code.0).collect::<Vec<_>>(), [0, 4, 0, 4, 0]);
    assert_eq!(cies.iter().map(|c| c.holding_time).collect::<Vec<_>>(), [60, 0, 60, 0, 60]);
    assert_eq!(cies.iter().map(|c| c.prefix_len).collect::<Vec<_>>(), [32, 32, 0, 24, 255]);
    assert_eq!(hub.server.len(), 3);
}

#[test]
fn unique_with_several_entries_is_prohibited() {
    let mut hub = Hub::new(tunnel());
    let request = registration(nbma(2), spoke(2)).with(|m| m.cies.push(cie(nbma(2), spoke(3))));
    assert_eq!(codes(&hub.packet(nbma(2), &request.build())), [4, 4]);
    assert!(hub.server.is_empty());
}

#[test]
fn unique_conflict_is_code_14_and_the_old_binding_stays() {
    let mut hub = Hub::new(tunnel());
    hub.register(2);
    for flags in [0x8002, 0x0002] {
        let thief = registration(nbma(9), spoke(2)).with(|m| m.head.flags.0 = flags);
        let actions = hub.packet(nbma(9), &thief.build());
        assert_eq!(codes(&actions), [14]);
        assert_eq!(only(&actions).1.cies().next().unwrap().holding_time, 0);
        assert_eq!(bound(&hub, 2), Some(nbma(2)));
        assert_eq!(hub.server.failures().next().unwrap().failure, Failure::Refused(14));
    }
    assert_eq!(hub.server.counters(0).unwrap().registrations_refused[14], 2);
    // The holding time over, the address is free.
    hub.pass(600_000);
    assert_eq!(codes(&hub.packet(nbma(9), &registration(nbma(9), spoke(2)).build())), [0]);
}

#[test]
fn without_unique_a_spoke_moves() {
    let mut hub = Hub::new(tunnel());
    let from = |n| registration(nbma(n), spoke(2)).with(|m| m.head.flags.0 = 2).build();
    hub.packet(nbma(2), &from(2));
    hub.now_ms += 5;
    let actions = hub.packet(nbma(9), &from(9));
    assert!(actions.iter().any(|action| matches!(
        action,
        Action::Bind { change: Change::Moved { from }, binding } if *from == nbma(2) && binding.nbma == nbma(9)
    )));
    assert_eq!(logs(&actions), [LogKind::Moved { from: nbma(2) }]);
    assert_eq!(hub.server.len(), 1);
    assert_eq!(hub.server.bindings_of(0, Owner::Nbma(nbma(2))).count(), 0);
}

#[test]
fn addresses_that_nobody_may_register_are_code_4() {
    let mut tunnel = tunnel();
    tunnel.map.push(StaticMap { protocol: spoke(50), nbma: nbma(50), multicast: false });
    let mut hub =
        Hub::with(config(vec![tunnel, TunnelConfig::new(1, nbma(1), Ipv4Addr::new(10, 255, 0, 200), 24)]));
    let refused = [
        HUB,
        Ipv4Addr::new(10, 255, 0, 200),
        spoke(50),
        spoke(0),
        spoke(255),
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::BROADCAST,
        Ipv4Addr::new(224, 0, 0, 5),
        Ipv4Addr::new(10, 254, 0, 7),
        Ipv4Addr::new(8, 8, 8, 8),
    ];
    for address in refused {
        hub.now_ms += 60_000;
        let actions = hub.packet(nbma(2), &registration(nbma(2), address).build());
        assert_eq!(codes(&actions), [4], "{address}");
        assert!(matches!(logs(&actions)[..], [LogKind::RegistrationRefused { code: 4, .. }]), "{address}");
    }
    assert_eq!(hub.server.len(), 1);
    // What the map says anyway may be registered, and stays static.
    assert_eq!(codes(&hub.packet(nbma(50), &registration(nbma(50), spoke(50)).build())), [0]);
    assert_eq!(hub.server.binding(0, spoke(50)).unwrap().kind, Kind::Static);
}

#[test]
fn a_host_tunnel_address_admits_any_address_but_the_hubs_own() {
    let mut hub = Hub::new(TunnelConfig::new(0, HUB_NBMA, HUB, 32));
    let server = Ipv4Addr::new(10, 100, 254, 10);
    hub.routes.push((server, 32, Reach::Hub { prefix_len: 32 }));
    assert_eq!(codes(&hub.packet(nbma(2), &registration(nbma(2), server).build())), [4]);
    assert_eq!(codes(&hub.packet(nbma(2), &registration(nbma(2), Ipv4Addr::new(10, 9, 0, 2)).build())), [0]);
}

#[test]
fn subnets_are_code_4_with_and_without_unique() {
    let mut hub = Hub::new(tunnel());
    for (flags, prefix_len) in [(0x8000, 24), (0, 24), (0, 31), (0x8000, 1)] {
        let request = registration(nbma(2), spoke(2)).with(|m| {
            m.head.flags.0 = flags;
            m.cies[0].prefix_len = prefix_len;
        });
        assert_eq!(codes(&hub.packet(nbma(2), &request.build())), [4]);
    }
}

#[test]
fn bounds_are_code_5() {
    let mut tunnel = tunnel();
    tunnel.max_bindings_per_peer = 3;
    let mut hub = Hub::with(ServerConfig { max_bindings: 5, ..config(vec![tunnel]) });
    let mut register = |from: u8, host: u8| {
        let code = codes(&hub.packet(nbma(from), &registration(nbma(from), spoke(host)).build()))[0];
        (code, hub.server.len())
    };
    assert_eq!([10, 11, 12].map(|host| register(2, host).0), [0, 0, 0]);
    assert_eq!(register(2, 13), (5, 3));
    assert_eq!(register(2, 12), (0, 3));
    assert_eq!([20, 21, 22].map(|host| register(3, host).0), [0, 0, 5]);
    assert_eq!(register(4, 30), (5, 5));
    assert_eq!((hub.server.server_counters().cache_full, hub.server.server_counters().peer_full), (2, 1));
}

#[test]
fn a_move_to_a_full_peer_is_code_5_and_nothing_moves() {
    let mut tunnel = tunnel();
    tunnel.max_bindings_per_peer = 1;
    let mut hub = Hub::new(tunnel);
    let from = |n, host| registration(nbma(n), spoke(host)).with(|m| m.head.flags.0 = 2).build();
    hub.packet(nbma(2), &from(2, 2));
    hub.packet(nbma(3), &from(3, 3));
    assert_eq!(codes(&hub.packet(nbma(3), &from(3, 2))), [5]);
    assert_eq!(bound(&hub, 2), Some(nbma(2)));
}

#[test]
fn holding_time_0_is_code_4_unless_it_means_farewell() {
    let farewell = registration(nbma(2), spoke(2)).with(|m| m.cies[0].holding_time = 0).build();
    let mut hub = Hub::new(tunnel());
    hub.register(2);
    assert_eq!(codes(&hub.packet(nbma(2), &farewell)), [4]);
    assert_eq!(bound(&hub, 2), Some(nbma(2)));
    let mut hub = Hub::new(TunnelConfig { hold_zero_deregisters: true, ..tunnel() });
    hub.register(2);
    let stranger = registration(nbma(9), spoke(2)).with(|m| m.cies[0].holding_time = 0).build();
    assert_eq!(codes(&hub.packet(nbma(9), &stranger)), [14]);
    assert_eq!(bound(&hub, 2), Some(nbma(2)));
    let actions = hub.packet(nbma(2), &farewell);
    assert_eq!(codes(&actions), [0]);
    assert!(actions.iter().any(|a| matches!(a, Action::Unbind { reason: UnbindReason::Purged, .. })));
    assert_eq!(bound(&hub, 2), None);
}

#[test]
fn a_claimed_address_is_shown_and_never_sent_to() {
    let victim = Ipv4Addr::new(198, 51, 100, 66);
    let mut hub = Hub::new(tunnel());
    let request = registration(victim, spoke(2)).with(|m| m.cies[0].nbma = Some(victim.into()));
    let actions = hub.packet(nbma(2), &request.build());
    assert_eq!(only(&actions).0, nbma(2));
    let binding = hub.server.binding(0, spoke(2)).unwrap();
    assert_eq!((binding.nbma, binding.claimed), (nbma(2), victim));
}

#[test]
fn only_the_first_server_tells_the_public_address_and_only_once() {
    let private = Ipv4Addr::new(192, 168, 1, 2);
    let count = |message: Message| {
        let mut hub = Hub::new(tunnel());
        let actions = hub.packet(nbma(2), &message.build());
        let reply = only(&actions).1;
        reply.extension(ExtensionType::Nat).map(|nat| reply.list(&nat).count())
    };
    assert_eq!(count(registration(nbma(2), spoke(2))), Some(1));
    assert_eq!(count(registration(private, spoke(2))), Some(2));
    let relayed =
        registration(private, spoke(2)).with(|m| cie(nbma(7), spoke(7)).emit(&mut m.extensions[1].2));
    assert_eq!(count(relayed), Some(1));
    let known = registration(private, spoke(2)).with(|m| cie(nbma(2), spoke(2)).emit(&mut m.extensions[3].2));
    assert_eq!(count(known), Some(2));
    let without = registration(private, spoke(2)).with(|m| m.extensions.truncate(3));
    assert_eq!(count(without), None);
}

#[test]
fn flags_come_back_without_bits_that_mean_nothing() {
    let mut hub = Hub::new(tunnel());
    let request = registration(nbma(2), spoke(2)).with(|m| m.head.flags.0 = 0xffff);
    assert_eq!(only(&hub.packet(nbma(2), &request.build())).1.flags().0, 0x8002);
}

#[test]
fn a_vendor_extension_is_kept_raw_and_not_answered() {
    let mut hub = Hub::new(tunnel());
    let request =
        registration(nbma(2), spoke(2)).with(|m| m.extensions.push((8, false, vec![0, 0, 12, 1, 2, 3])));
    let actions = hub.packet(nbma(2), &request.build());
    assert!(only(&actions).1.extension(ExtensionType::Vendor).is_none());
    assert_eq!(hub.server.cache(hub.now_ms).next().unwrap().vendor, [0, 0, 12, 1, 2, 3]);
}

#[test]
fn a_wrong_nhs_address_is_told_to_both_sides() {
    let mut hub = Hub::new(tunnel());
    let request = registration(nbma(2), spoke(2)).with(|m| m.head.destination_protocol = spoke(77).into());
    let actions = hub.packet(nbma(2), &request.build());
    assert_eq!(error(&actions), wire::nhrp::ErrorCode::ProtocolAddressUnreachable);
    assert_eq!(logs(&actions), [LogKind::WrongNhs { address: spoke(77) }]);
    assert_eq!(hub.dropped(DropReason::WrongNhs), 1);
    let absent: Vec<_> = hub.server.absent().collect();
    assert_eq!((absent[0].protocol, absent[0].failure), (Some(spoke(2)), Failure::WrongNhs(spoke(77))));
}

#[test]
fn without_extensions_the_reply_has_none() {
    let mut hub = Hub::new(tunnel());
    let actions =
        hub.packet(nbma(2), &registration(nbma(2), spoke(2)).with(|m| m.extensions.clear()).build());
    assert!(!only(&actions).1.has_extensions());
}

#[test]
fn dynamic_multicast_follows_the_configuration() {
    for dynamic in [false, true] {
        let mut hub = Hub::new(TunnelConfig { map_multicast_dynamic: dynamic, ..tunnel() });
        hub.register(2);
        assert_eq!(hub.server.binding(0, spoke(2)).unwrap().multicast, dynamic);
    }
}

#[test]
fn a_changed_flag_is_an_update() {
    let mut hub = Hub::new(tunnel());
    hub.register(2);
    let actions = hub.packet(nbma(2), &registration(nbma(2), spoke(2)).with(|m| m.head.flags.0 = 2).build());
    assert!(matches!(&actions[..], [Action::Bind { change: Change::Updated, .. }, Action::Send { .. }]));
}

#[test]
fn expiry_is_told_and_remembered_until_the_spoke_is_back() {
    let mut hub = Hub::new(tunnel());
    hub.register(2);
    assert_eq!(hub.server.next_deadline(), Some(1_600_000));
    assert_eq!(hub.pass(599_999), []);
    let actions = hub.pass(1);
    assert!(
        matches!(actions[0], Action::Unbind { reason: UnbindReason::Expired, station, .. } if station.nbma == nbma(2))
    );
    assert_eq!(logs(&actions), [LogKind::Down(UnbindReason::Expired)]);
    let absent = *hub.server.absent().next().unwrap();
    assert_eq!((absent.failure, absent.station.nbma), (Failure::Gone(UnbindReason::Expired), nbma(2)));
    assert_eq!(hub.server.cache(hub.now_ms).next().unwrap().kind, Kind::Incomplete);
    hub.register(2);
    assert_eq!(hub.server.absent().count(), 0);
}
