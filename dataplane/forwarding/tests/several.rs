//! Prefixes with several ways.
#![cfg(test)]
#![allow(missing_docs)]

mod common;
use common::*;
use forwarding::ApplyError;
use proptest::prelude::*;
use shm::drops::DropReason;
use shm::message::{Target, Update, Ways};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// An address behind an entry of several ways.
const FAR: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 9);

fn paths(id: u32, ways: &[Target]) -> Update {
    Update::Paths { id, ways: Ways::new(ways.iter().copied()).unwrap() }
}

fn route(third: u8, target: Target) -> Update {
    Update::Route { vrf: 0, prefix: Ipv4Addr::new(10, 77, third, 0), len: 24, target }
}

fn world(ways: &[Target]) -> World {
    let mut world = World::new();
    for update in [paths(7, ways), route(1, Target::Paths(7))] {
        world.updater.apply(&update).unwrap();
    }
    world
}

/// A UDP datagram of a flow from behind the LAN.
fn of_flow(flow: u16, destination: Ipv4Addr) -> Vec<u8> {
    let mut packet = udp(HOST[0], destination, 64);
    packet[20..22].copy_from_slice(&flow.to_be_bytes());
    packet
}

/// Who got it: a spoke's address, or of a next hop on the LAN its MAC address.
fn receiver(frame: &[u8]) -> Receiver {
    if frame[..6] == ROUTER_MAC { Receiver::Lan } else { Receiver::Spoke(open(frame).destination) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Receiver {
    Spoke(Ipv4Addr),
    Lan,
}

fn shares(
    world: &mut World,
    flows: std::ops::Range<u16>,
    packet: impl Fn(u16) -> Vec<u8>,
) -> BTreeMap<Receiver, usize> {
    let mut shares = BTreeMap::new();
    for flows in flows.collect::<Vec<_>>().chunks(64) {
        let frames: Vec<_> = flows.iter().map(|flow| lan(&packet(*flow))).collect();
        world.port(LAN, &frames);
        for (_, frame) in world.sent() {
            *shares.entry(receiver(&frame)).or_default() += 1;
        }
    }
    shares
}

#[test]
fn flows_are_spread_and_each_keeps_its_way() {
    let mut world = world(&[Target::Peer(1), Target::Peer(2), Target::Peer(2), Target::Peer(3)]);
    let all = shares(&mut world, 0..2048, |flow| of_flow(flow, FAR));
    let [one, two, three] = [1, 2, 3].map(|spoke| all[&Receiver::Spoke(NBMA[spoke])]);
    assert!(one.abs_diff(512) < 90 && two.abs_diff(1024) < 130 && three.abs_diff(512) < 90, "{all:?}");
    for flow in [1, 2, 3, 77] {
        assert_eq!(shares(&mut world, 0..100, |_| of_flow(flow, FAR)).len(), 1, "one flow, one way");
    }
    assert_eq!(world.drops(), []);
    // Both directions of what a spoke sends are counted where they belong.
    let peers: u64 = world.counters.peers.iter().map(|peer| peer.tx_packets.get()).sum();
    assert_eq!(peers, 2048 + 400);
}

/// The first fragment has ports and the others none: they go by addresses and protocol, which other flows of the same
/// hosts do not.
#[test]
fn all_fragments_of_a_datagram_go_one_way() {
    let mut world = world(&[Target::Peer(1), Target::Peer(2), Target::Peer(3)]);
    let fragment = |flow: u16, word: u16| {
        with_header(of_flow(flow, FAR), |packet| packet[6..8].copy_from_slice(&word.to_be_bytes()))
    };
    let fragments = |flow| [0x2000, 0x2005, 0x000a].map(|word| fragment(flow, word));
    let mut ways = BTreeSet::new();
    for flow in 0..100 {
        world.port(LAN, &fragments(flow).map(|packet| lan(&packet)));
        ways.extend(world.sent().iter().map(|(_, frame)| receiver(frame)));
    }
    assert_eq!(ways.len(), 1, "ports of the first fragment do not count");
    // What has no ports goes by its addresses; other hosts go other ways.
    let hosts = |flow: u16| {
        let mut packet = ip(HOST[0], FAR, 47, &[0; 40]);
        packet[19] = flow as u8;
        with_header(packet, |_| {})
    };
    assert_eq!(shares(&mut world, 0..200, hosts).len(), 3);
}

#[test]
fn a_way_that_cannot_be_used_is_avoided_while_another_can() {
    // Peer 63 does not exist, link 2 has no MAC address.
    let ways = [Target::Peer(63), Target::Link(2), Target::Unresolved, Target::Link(1), Target::Peer(2)];
    let mut world = world(&ways);
    let only =
        |world: &mut World| shares(world, 0..512, |flow| of_flow(flow, FAR)).into_keys().collect::<Vec<_>>();
    assert_eq!(only(&mut world), [Receiver::Spoke(NBMA[2]), Receiver::Lan]);
    world.updater.apply(&Update::Link { id: 1, port: LAN, mac: None }).unwrap();
    assert_eq!(only(&mut world), [Receiver::Spoke(NBMA[2])]);
    assert_eq!(world.drops(), []);
    world.updater.apply(&Update::PeerDelete { id: 2 }).unwrap();
    assert_eq!(only(&mut world), []);
    let drops = world.drops();
    assert_eq!(drops.iter().map(|(_, count)| count).sum::<u64>(), 512, "{drops:?}");
    assert!(drops.iter().all(|(name, _)| ["no_adjacency", "no_neighbour"].contains(name)), "{drops:?}");
    // Back as soon as there is one.
    world.updater.apply(&Update::Link { id: 2, port: LAN, mac: Some(ROUTER_MAC) }).unwrap();
    assert_eq!(only(&mut world), [Receiver::Lan]);
}

#[test]
fn one_update_moves_every_prefix() {
    let mut world = world(&[Target::Peer(1)]);
    for third in 2..200 {
        world.updater.apply(&route(third, Target::Paths(7))).unwrap();
    }
    world.updater.apply(&paths(7, &[Target::Peer(2)])).unwrap();
    for third in 1..200 {
        world.port(LAN, &[lan(&of_flow(9, Ipv4Addr::new(10, 77, third, 1)))]);
        let (_, frame) = world.one();
        assert_eq!(receiver(&frame), Receiver::Spoke(NBMA[2]));
    }
}

#[test]
fn redirects_follow_the_way_that_was_chosen() {
    // To the sender itself nothing is told; to the other spoke it is, also when the source has several ways back.
    let mut world = world(&[Target::Peer(1), Target::Peer(2)]);
    for update in [paths(8, &[Target::Peer(2), Target::Peer(1)]), route(2, Target::Paths(8))] {
        world.updater.apply(&update).unwrap();
    }
    let source = Ipv4Addr::new(10, 77, 2, 5);
    for flow in 0..64 {
        let mut inner = of_flow(flow, FAR);
        inner[12..16].copy_from_slice(&source.octets());
        let inner = with_header(inner, |_| {});
        world.port(UNDERLAY, &[from_spoke(1, &inner)]);
        let (_, frame) = world.one();
        let to = open(&frame).destination;
        let told = world.out.events.drain(..).count();
        assert_eq!(told, usize::from(to == NBMA[2]), "{to}");
        world.pass(10_000);
    }
    let mut forged = of_flow(1, HOST[2]);
    forged[12..16].copy_from_slice(&HOST[3].octets());
    world.port(UNDERLAY, &[from_spoke(1, &with_header(forged, |_| {}))]);
    assert_eq!((world.sent().len(), world.out.events.len()), (1, 0), "nor for a forged source");
}

#[test]
fn what_is_wrong_is_refused() {
    let mut world = World::new();
    let before = world.updater.sizes().paths;
    let refused = |world: &mut World, update: Update| {
        assert!(matches!(world.updater.apply(&update), Err(ApplyError::Refused(_))), "{update:?}");
    };
    for way in [Target::Peer(64), Target::Link(16_384), Target::Tunnel(2), Target::Port(2), Target::Glean(2)]
    {
        refused(&mut world, paths(0, &[Target::Drop, way]));
    }
    refused(&mut world, paths(65_536, &[Target::Drop]));
    refused(&mut world, Update::PathsDelete { id: 0 });
    refused(&mut world, route(1, Target::Paths(65_536)));
    assert_eq!(world.updater.sizes().paths, before);
}

/// A worker that read the leaf may still read the line: it gets no other meaning before.
#[test]
fn an_entry_is_used_again_only_after_all_workers_polled() {
    let mut world = world(&[Target::Peer(1)]);
    let again = paths(7, &[Target::Peer(2)]);
    world.updater.apply(&Update::PathsDelete { id: 7 }).unwrap();
    assert_eq!(world.updater.apply(&again), Err(ApplyError::Busy));
    // Nor is a packet lost that was looked up before its prefix led elsewhere.
    world.port(LAN, &[lan(&of_flow(1, FAR))]);
    assert_eq!(receiver(&world.one().1), Receiver::Spoke(NBMA[1]));
    world.tick();
    world.updater.apply(&route(9, Target::Drop)).unwrap();
    world.port(LAN, &[lan(&of_flow(1, FAR))]);
    world.only_dropped(DropReason::NoAdjacency);
    world.updater.apply(&again).unwrap();
    world.port(LAN, &[lan(&of_flow(1, FAR))]);
    assert_eq!(receiver(&world.one().1), Receiver::Spoke(NBMA[2]));
}

#[test]
fn a_resync_sweeps_entries_that_it_does_not_name() {
    let mut world = world(&[Target::Peer(1)]);
    world.updater.apply(&paths(8, &[Target::Peer(2)])).unwrap();
    let mut again = updates();
    again[0] = Update::Begin { generation: 2 };
    let end = again.len() - 1;
    again[end] = Update::End { generation: 2 };
    again.insert(end, paths(8, &[Target::Peer(3)]));
    let before = world.updater.sizes().paths;
    for update in &again {
        world.updater.apply(update).unwrap();
    }
    assert_eq!(world.updater.sizes().paths, before - 1);
}

/// What the tables should make of all updates so far.
#[derive(Debug, Default)]
struct Oracle {
    links: BTreeMap<u16, bool>,
    peers: BTreeSet<u32>,
    paths: BTreeMap<u32, Vec<Target>>,
    routes: BTreeMap<u8, Target>,
}

impl Oracle {
    fn apply(&mut self, update: &Update) {
        match update.clone() {
            Update::Link { id, mac, .. } => drop(self.links.insert(id, mac.is_some())),
            Update::LinkDelete { id } => drop(self.links.remove(&id)),
            Update::Peer { id, .. } => drop(self.peers.insert(id)),
            Update::PeerDelete { id } => drop(self.peers.remove(&id)),
            Update::Paths { id, ways } => drop(self.paths.insert(id, ways.as_slice().to_vec())),
            Update::PathsDelete { id } => drop(self.paths.remove(&id)),
            Update::Route { vrf: 0, prefix, target, .. } => {
                self.routes.insert(prefix.octets()[2], target);
            }
            Update::RouteDelete { vrf: 0, prefix, .. } => {
                self.routes.remove(&prefix.octets()[2]);
            }
            _ => unreachable!(),
        }
    }

    /// Who may get a packet: nobody when it is dropped.
    fn receivers(&self, third: u8) -> BTreeSet<Receiver> {
        let ways = match self.routes.get(&third) {
            Some(Target::Paths(id)) => self.paths.get(id).cloned().unwrap_or_default(),
            Some(target) => vec![*target],
            None => vec![],
        };
        let receiver = |way: Target| match way {
            Target::Peer(id) if self.peers.contains(&id) => Some(Receiver::Spoke(NBMA[id as usize])),
            Target::Link(id) if self.links.get(&id) == Some(&true) => Some(Receiver::Lan),
            _ => None,
        };
        ways.into_iter().filter_map(receiver).collect()
    }
}

fn anything() -> impl Strategy<Value = Update> {
    let way = || {
        prop_oneof![
            3 => (1..4_u32).prop_map(Target::Peer),
            2 => (1..4_u16).prop_map(Target::Link),
            1 => Just(Target::Unresolved),
        ]
    };
    let mac = any::<bool>().prop_map(|resolved| resolved.then_some(ROUTER_MAC));
    prop_oneof![
        1 => (1..4_u16, mac).prop_map(|(id, mac)| Update::Link { id, port: LAN, mac }),
        1 => (1..4_u16).prop_map(|id| Update::LinkDelete { id }),
        1 => (1..4_u32).prop_map(|id| Update::Peer {
            id,
            tunnel: u8::from(id == 3),
            nbma: NBMA[id as usize],
            link: 0,
            multicast: false,
            protection: None,
        }),
        1 => (1..4_u32).prop_map(|id| Update::PeerDelete { id }),
        3 => (0..4_u32, prop::collection::vec(way(), 1..=16)).prop_map(|(id, ways)| paths(id, &ways)),
        1 => (0..4_u32).prop_map(|id| Update::PathsDelete { id }),
        3 => (0..4_u8, prop_oneof![3 => (0..4_u32).prop_map(Target::Paths), 1 => way()])
            .prop_map(|(third, target)| route(third, target)),
        1 => (0..4_u8).prop_map(|third| Update::RouteDelete { vrf: 0, prefix: Ipv4Addr::new(10, 77, third, 0), len: 24 }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]
    /// Updates in any order, also such as control would never send: a packet goes by a way that can be used if there is
    /// one, each flow by its own, and else is dropped and counted.
    #[test]
    fn agrees_with_an_oracle(updates in prop::collection::vec(anything(), 1..60), polls in any::<u64>()) {
        let mut world = World::told(settings(), &[Update::Link { id: 0, port: UNDERLAY, mac: Some(GATEWAY_MAC) }]);
        let mut oracle = Oracle::default();
        for (number, update) in updates.iter().enumerate() {
            if polls >> (number % 64) & 1 != 0 {
                world.tick();
            }
            match world.updater.apply(update) {
                Ok(()) => oracle.apply(update),
                Err(ApplyError::Busy) => {
                    world.tick();
                    world.updater.apply(update).unwrap();
                    oracle.apply(update);
                }
                Err(ApplyError::Refused(refusal)) => {
                    let absent = matches!(
                        update,
                        Update::LinkDelete { .. } | Update::PeerDelete { .. }
                            | Update::PathsDelete { .. } | Update::RouteDelete { .. }
                    );
                    prop_assert!(absent, "{update:?}: {refusal}");
                }
            }
            if matches!(update, Update::PathsDelete { .. }) {
                // Its ways stand until workers have polled and another update comes.
                world.tick();
                world.updater.apply(&route(9, Target::Drop)).unwrap();
            }
            for third in 0..4 {
                let expected = oracle.receivers(third);
                let drops = world.drops().iter().map(|(_, count)| count).sum::<u64>();
                let packet = |flow| lan(&of_flow(flow, Ipv4Addr::new(10, 77, third, 1)));
                // Each flow twice in one burst.
                let frames: Vec<_> = (0..64).map(|flow| packet(flow / 2 * 5)).collect();
                world.port(LAN, &frames);
                let sent: Vec<_> = world.sent().iter().map(|(_, frame)| receiver(frame)).collect();
                let dropped = world.drops().iter().map(|(_, count)| count).sum::<u64>() - drops;
                prop_assert_eq!(sent.len() as u64 + dropped, 64);
                prop_assert_eq!(sent.is_empty(), expected.is_empty());
                prop_assert!(expected.is_empty() || dropped == 0);
                for pair in sent.chunks(2) {
                    prop_assert!(pair[0] == pair[1] && expected.contains(&pair[0]), "{pair:?} of {expected:?}");
                }
            }
        }
    }
}
