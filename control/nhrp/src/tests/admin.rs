//! Static maps, restore, clear, limits of sending, and what can be seen.

use super::support::*;
use crate::*;
use std::net::Ipv4Addr;
use wire::nhrp::PacketType;

#[test]
fn static_maps_are_bound_at_start_and_never_expire() {
    let mut config = config(vec![tunnel()]);
    config.tunnels[0].map.push(StaticMap { protocol: spoke(50), nbma: nbma(50), multicast: true });
    let mut server = Server::new(config).unwrap();
    let mut actions = Vec::new();
    server.start(5, &mut actions);
    let [Action::Bind { binding, change: Change::Static }] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!((binding.kind, binding.expires_ms, binding.multicast), (Kind::Static, None, true));
    server.tick(u64::MAX, &mut actions);
    assert_eq!((actions.len(), server.len()), (1, 1));
    assert_eq!(server.clear(6, Clear::All, &mut actions), 0);
    assert_eq!(server.cache(5).map(|entry| entry.kind.text()).collect::<Vec<_>>(), ["static"]);
}

#[test]
fn configurations_that_cannot_work_are_refused() {
    let server = |change: &dyn Fn(&mut ServerConfig)| {
        let mut config = config(vec![tunnel(), TunnelConfig::new(1, nbma(1), spoke(9), 24)]);
        change(&mut config);
        Server::new(config).err()
    };
    assert_eq!(server(&|_| ()), None);
    assert_eq!(server(&|c| c.tunnels[1].id = 0), Some(ConfigError::DuplicateTunnel(0)));
    assert_eq!(server(&|c| c.tunnels[1].address = HUB), Some(ConfigError::DuplicateAddress(HUB)));
    assert_eq!(server(&|c| c.tunnels[1].prefix_len = 33), Some(ConfigError::PrefixLength(33)));
    for (protocol, at) in [
        (HUB, nbma(2)),
        (spoke(2), HUB_NBMA),
        (spoke(2), Ipv4Addr::BROADCAST),
        (Ipv4Addr::LOCALHOST, nbma(2)),
    ] {
        let error = server(&|c| c.tunnels[0].map.push(StaticMap { protocol, nbma: at, multicast: false }));
        assert!(matches!(error, Some(ConfigError::Map { .. })));
    }
    for password in ["", "123456789"] {
        assert_eq!(Authentication::new(password), Err(ConfigError::PasswordLength(password.len())));
    }
}

#[test]
fn restored_bindings_live_for_what_is_left() {
    let mut hub = Hub::new(tunnel());
    hub.register(2);
    let binding = *hub.server.binding(0, spoke(2)).unwrap();
    let mut hub = Hub::new(tunnel());
    let restored = Restored { binding, age_ms: 5_000, remaining_ms: 100_000 };
    let mut actions = Vec::new();
    hub.server.restore(hub.now_ms, &restored, &mut actions);
    assert!(matches!(&actions[..], [Action::Bind { change: Change::Restored, .. }]));
    let back = *hub.server.binding(0, spoke(2)).unwrap();
    assert_eq!((back.created_ms, back.expires_ms), (995_000, Some(1_100_000)));
    assert!(back.unique && back.nat_capable);
    // A registration after it is a refresh: nothing moves, nobody is told.
    let actions = hub.packet(nbma(2), &registration(nbma(2), spoke(2)).build());
    assert!(matches!(&actions[..], [Action::Refresh { .. }, Action::Send { .. }]));
    assert_eq!(hub.pass(600_000).len(), 2);
}

#[test]
fn what_the_configuration_no_longer_admits_is_not_restored() {
    let mut hub = Hub::new(tunnel());
    hub.register(2);
    let binding = *hub.server.binding(0, spoke(2)).unwrap();
    let restore = |hub: &mut Hub, binding: Binding, remaining_ms| {
        let mut actions = Vec::new();
        hub.server.restore(0, &Restored { binding, age_ms: 0, remaining_ms }, &mut actions);
        actions.len()
    };
    let mut hub = Hub::new(tunnel());
    assert_eq!(restore(&mut hub, binding, 0), 0);
    assert_eq!(restore(&mut hub, Binding { tunnel: 7, ..binding }, 1), 0);
    assert_eq!(restore(&mut hub, Binding { protocol: HUB, ..binding }, 1), 0);
    assert_eq!(restore(&mut hub, Binding { protocol: nbma(1), ..binding }, 1), 0);
    assert_eq!(restore(&mut hub, Binding { kind: Kind::Static, ..binding }, 1), 0);
    assert_eq!(restore(&mut hub, binding, 1), 1);
    assert_eq!(restore(&mut hub, binding, 1), 0);
    // A journal with nonsense in it gives no binding that outlives its holding time.
    assert_eq!(restore(&mut hub, Binding { protocol: spoke(3), ..binding }, u64::MAX), 1);
    assert_eq!(hub.server.binding(0, spoke(3)).unwrap().expires_ms, Some(600_000));
}

#[test]
fn clear_takes_what_was_asked_for() {
    let fresh = || {
        let mut hub = Hub::with(config(vec![
            tunnel(),
            TunnelConfig::new(1, nbma(1), Ipv4Addr::new(10, 254, 0, 1), 24),
        ]));
        for n in [2, 3, 4] {
            hub.register(n);
        }
        let other = registration(nbma(2), Ipv4Addr::new(10, 254, 0, 2));
        hub.packet_on(
            1,
            nbma(2),
            &other.with(|m| m.head.destination_protocol = Ipv4Addr::new(10, 254, 0, 1).into()).build(),
        );
        assert_eq!(hub.server.len(), 4);
        hub
    };
    let cleared = |what| {
        let mut hub = fresh();
        let mut actions = Vec::new();
        let count = hub.server.clear(hub.now_ms, what, &mut actions);
        let unbound =
            actions.iter().filter(|a| matches!(a, Action::Unbind { reason: UnbindReason::Cleared, .. }));
        assert_eq!((unbound.count(), hub.server.len()), (count, 4 - count));
        count
    };
    assert_eq!(cleared(Clear::All), 4);
    assert_eq!(cleared(Clear::Tunnel(0)), 3);
    assert_eq!(cleared(Clear::Peer { tunnel: None, nbma: nbma(2) }), 2);
    assert_eq!(cleared(Clear::Peer { tunnel: Some(1), nbma: nbma(2) }), 1);
    assert_eq!(cleared(Clear::Address { tunnel: None, protocol: spoke(3), prefix_len: 32 }), 1);
    assert_eq!(cleared(Clear::Address { tunnel: Some(0), protocol: spoke(2), prefix_len: 31 }), 2);
}

#[test]
fn static_maps_are_cleared_only_when_they_are_meant_and_then_start_afresh() {
    let map = StaticMap { protocol: spoke(9), nbma: nbma(9), multicast: true };
    let mut hub = Hub::new(TunnelConfig { map: vec![map], ..tunnel() });
    hub.register(2);
    hub.now_ms += 5_000;
    let mut actions = Vec::new();
    assert_eq!(hub.server.clear_static(hub.now_ms, Clear::Tunnel(7), &mut actions), 0);
    assert_eq!(
        hub.server.clear(
            hub.now_ms,
            Clear::Address { tunnel: None, protocol: spoke(9), prefix_len: 32 },
            &mut actions
        ),
        0
    );
    assert!(actions.is_empty());
    assert_eq!(hub.server.clear_static(hub.now_ms, Clear::All, &mut actions), 1);
    let steps: Vec<_> = actions
        .iter()
        .filter_map(|action| match action {
            Action::Unbind { protocol, reason: UnbindReason::Cleared, .. } => Some((*protocol, None)),
            Action::Bind { binding, change: Change::Static } => {
                Some((binding.protocol, Some(binding.created_ms)))
            }
            _ => None,
        })
        .collect();
    assert_eq!(steps, [(spoke(9), None), (spoke(9), Some(hub.now_ms))]);
    assert_eq!((hub.server.len(), hub.server.absent().count()), (2, 0));
}

#[test]
fn max_send_holds_and_shows_its_usage() {
    let mut hub = Hub::new(TunnelConfig { max_send: 10, ..tunnel() });
    let replies = (10..30)
        .filter(|n| !sent(&hub.packet(nbma(*n), &registration(nbma(*n), spoke(*n)).build())).is_empty());
    assert_eq!(replies.count(), 10);
    assert_eq!((hub.server.send_usage(hub.now_ms, 0), hub.dropped(DropReason::SendLimit)), (100, 10));
    // Registered they are all the same, and the next time they hear it.
    assert_eq!(hub.server.len(), 20);
    hub.now_ms += 10_000;
    assert_eq!(hub.server.send_usage(hub.now_ms, 0), 0);
    hub.register(29);
    assert_eq!(hub.server.send_usage(hub.now_ms, 0), 10);
}

#[test]
fn everything_is_counted_by_type() {
    let mut hub = Hub::new(tunnel());
    hub.register(2);
    hub.register(3);
    hub.packet(nbma(2), &resolution(2, spoke(3)).build());
    hub.packet(nbma(2), &resolution(2, HUB).build());
    hub.packet(nbma(2), &indication(nbma(2), spoke(2), HUB, &[0x45]));
    hub.redirect(nbma(2), &ping(spoke(2), spoke(3)));
    let counters = hub.server.counters(0).unwrap();
    assert_eq!((counters.received.get(3), counters.sent.get(4)), (2, 2));
    assert_eq!((counters.received.get(1), counters.forwarded.get(1), counters.sent.get(2)), (2, 1, 1));
    assert_eq!(
        (counters.received.get(8), counters.sent.get(8), counters.dropped(DropReason::Indication)),
        (1, 1, 1)
    );
    assert_eq!((counters.received.total(), counters.sent.total(), counters.forwarded.total()), (5, 4, 1));
    hub.server.clear_counters(Some(0));
    assert_eq!(hub.server.counters(0), Some(&TunnelCounters::default()));
}

#[test]
fn flags_read_as_cisco_prints_them() {
    let mut hub = Hub::new(tunnel());
    hub.register(2);
    hub.register(3);
    hub.packet(nbma(2), &resolution(2, spoke(3)).build());
    let flags = |hub: &Hub, n| {
        hub.server.cache(hub.now_ms).find(|e| e.protocol == spoke(n)).unwrap().flags.to_string()
    };
    assert_eq!(flags(&hub, 3), "unique registered used nhop");
    assert_eq!(flags(&hub, 2), "unique registered nhop");
    hub.now_ms += 60_000;
    assert_eq!(flags(&hub, 3), "unique registered nhop");
}

#[test]
fn refused_gre_is_remembered_until_the_spoke_registers() {
    let mut hub = Hub::new(tunnel());
    let refused = Refused { reason: "gre_key_mismatch", local: nbma(1), key: Some(43) };
    hub.server.refused(1, None, nbma(2), refused);
    let record = *hub.server.absent().next().unwrap();
    assert_eq!((record.tunnel, record.failure), (None, Failure::Encapsulation(refused)));
    hub.register(2);
    assert_eq!(hub.server.absent().count(), 0);
}

#[test]
fn seen_but_failed_peers_are_bounded() {
    let mut hub = Hub::with(ServerConfig { max_failures: 7, ..config(vec![tunnel()]) });
    for n in 1..=200 {
        hub.packet(nbma(n), &registration(nbma(n), HUB).build());
    }
    // Each of the 200 failed: one for coming from the hub's own address, the others for registering it.
    assert_eq!((hub.server.failures().count(), hub.server.server_counters().failures_evicted), (7, 200 - 7));
}

#[test]
fn a_tunnel_that_is_not_there_is_counted() {
    let mut hub = Hub::new(tunnel());
    assert_eq!(hub.packet_on(9, nbma(2), &registration(nbma(2), spoke(2)).build()), []);
    assert_eq!(hub.server.server_counters().unknown_tunnel, 1);
    assert_eq!(PacketType::from_wire(9), None);
}
