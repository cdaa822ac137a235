//! Whatever comes in: no panic, nothing unparsable goes out, and every bound holds.

use super::support::*;
use crate::*;
use proptest::prelude::*;
use std::net::Ipv4Addr;
use wire::nhrp::MAX_PACKET;

const MAX_BINDINGS: usize = 12;
const MAX_FAILURES: usize = 9;

fn hub(phase: Phase, password: bool) -> Hub {
    let mut tunnel = TunnelConfig::new(0, HUB_NBMA, HUB, 24);
    tunnel.phase = phase;
    tunnel.legacy_odd_checksum = true;
    tunnel.hold_zero_deregisters = true;
    tunnel.authentication = password.then(|| Authentication::new("secret").unwrap());
    tunnel.map.push(StaticMap { protocol: spoke(50), nbma: nbma(50), multicast: true });
    let config =
        ServerConfig { max_bindings: MAX_BINDINGS, max_failures: MAX_FAILURES, ..config(vec![tunnel]) };
    let mut hub = Hub::with(config);
    for n in 10..14 {
        let reach = Reach::Spoke { tunnel: 0, protocol: spoke(n), prefix_len: 24 };
        hub.routes.push((Ipv4Addr::new(10, 100, n - 10, 0), 24, reach));
    }
    hub.routes.push((Ipv4Addr::new(172, 16, 0, 0), 12, Reach::Hub { prefix_len: 12 }));
    hub
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    /// A real packet with some octets changed and the checksum made good.
    Mutated {
        which: prop::sample::Index,
        from: u8,
        changes: Vec<(prop::sample::Index, u8)>,
    },
    Register {
        n: u8,
        flags: u16,
        hold: u16,
    },
    Resolve {
        n: u8,
        to: Ipv4Addr,
    },
    Purge {
        n: u8,
        of: u8,
    },
    Redirect {
        n: u8,
        source: u8,
        destination: u8,
    },
    Pass(u32),
    Clear(u8),
}

fn event() -> impl Strategy<Value = Event> {
    let address = prop_oneof![
        (9u8..15).prop_map(spoke),
        (0u8..5).prop_map(|n| Ipv4Addr::new(10, 100, n, 7)),
        Just(Ipv4Addr::new(172, 20, 1, 1)),
        any::<u32>().prop_map(Ipv4Addr::from),
    ];
    prop_oneof![
        (
            any::<prop::sample::Index>(),
            1u8..16,
            prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)
        )
            .prop_map(|(which, from, changes)| Event::Mutated { which, from, changes }),
        (9u8..15, any::<u16>(), prop_oneof![Just(0u16), 1u16..200])
            .prop_map(|(n, flags, hold)| Event::Register { n, flags, hold }),
        (9u8..15, address).prop_map(|(n, to)| Event::Resolve { n, to }),
        (9u8..15, 9u8..15).prop_map(|(n, of)| Event::Purge { n, of }),
        (9u8..15, 0u8..5, 0u8..5).prop_map(|(n, source, destination)| Event::Redirect {
            n,
            source,
            destination
        }),
        (0u32..100_000).prop_map(Event::Pass),
        (9u8..15).prop_map(Event::Clear),
    ]
}

fn apply(hub: &mut Hub, packets: &[Vec<u8>], event: &Event) -> Vec<Action> {
    match event {
        Event::Mutated { which, from, changes } => {
            let mut octets = which.get(packets).clone();
            for (at, value) in changes {
                let at = at.index(octets.len());
                octets[at] = *value;
            }
            octets[12..14].fill(0);
            let sum = wire::checksum::checksum(&octets);
            octets[12..14].copy_from_slice(&sum.to_be_bytes());
            hub.packet(nbma(*from), &octets)
        }
        Event::Register { n, flags, hold } => {
            let request = registration(nbma(*n), spoke(*n)).with(|m| {
                m.head.flags.0 = *flags;
                m.cies[0].holding_time = *hold;
            });
            hub.packet(nbma(*n), &request.auth("secret").build())
        }
        Event::Resolve { n, to } => hub.packet(nbma(*n), &resolution(*n, *to).auth("secret").build()),
        Event::Purge { n, of } => hub.packet(nbma(*n), &purge(*n, spoke(*of)).auth("secret").build()),
        Event::Redirect { n, source, destination } => {
            let lan = |n: u8| Ipv4Addr::new(10, 100, n, 3);
            hub.redirect(nbma(*n), &ping(lan(*source), lan(*destination)))
        }
        Event::Pass(ms) => hub.pass(u64::from(*ms)),
        Event::Clear(n) => {
            let mut actions = Vec::new();
            hub.server.clear(hub.now_ms, Clear::Peer { tunnel: None, nbma: nbma(*n) }, &mut actions);
            actions
        }
    }
}

/// What must hold after every event. `Hub` itself checks that everything sent parses.
fn check(hub: &Hub, actions: &[Action], mirror: &mut std::collections::BTreeMap<Ipv4Addr, Ipv4Addr>) {
    for action in actions {
        match action {
            Action::Bind { binding, .. } | Action::Refresh { binding } => {
                mirror.insert(binding.protocol, binding.nbma);
            }
            Action::Unbind { protocol, station, .. } => {
                assert_eq!(mirror.remove(protocol), Some(station.nbma));
            }
            Action::Send { packet, .. } => assert!(packet.len() <= MAX_PACKET),
            Action::Log(_) => {}
        }
    }
    // Who follows the actions knows the cache.
    let cache =
        hub.server.bindings().filter(|b| b.kind == Kind::Dynamic).map(|b| (b.protocol, b.nbma)).collect();
    assert_eq!(*mirror, cache);
    assert!(hub.server.len() <= MAX_BINDINGS + 1);
    assert!(hub.server.failures().count() <= MAX_FAILURES);
    assert!(hub.server.bindings().all(|b| b.expires_ms.is_none_or(|expires| expires > hub.now_ms)));
    assert!(hub.server.next_deadline().is_none_or(|deadline| deadline > hub.now_ms));
    assert!(hub.server.cache(hub.now_ms).count() >= hub.server.len());
    assert_eq!(hub.server.binding(0, spoke(50)).map(|b| b.nbma), Some(nbma(50)));
}

proptest! {
    #[test]
    fn any_sequence_keeps_every_bound(
        phase in prop_oneof![Just(Phase::One), Just(Phase::Two), Just(Phase::Three)],
        password: bool,
        events in prop::collection::vec(event(), 1..60),
    ) {
        let packets: Vec<Vec<u8>> = cisco().into_iter().chain(frr()).map(|packet| packet.octets).collect();
        let mut hub = hub(phase, password);
        let mut mirror = std::collections::BTreeMap::new();
        for event in &events {
            let actions = apply(&mut hub, &packets, event);
            check(&hub, &actions, &mut mirror);
        }
    }

    #[test]
    fn any_octets(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut hub = hub(Phase::Three, false);
        hub.packet(nbma(2), &octets);
        hub.redirect(nbma(2), &octets);
    }
}
