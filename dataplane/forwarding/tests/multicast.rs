//! Multicast: who gets a packet, who never does, how fast copies leave, and what is counted.
#![cfg(test)]
#![allow(missing_docs)]

mod common;

use common::*;
use forwarding::{ApplyError, Now, Refusal};
use shm::drops::DropReason;
use shm::message::{GroupId, GroupRoute, Incoming, Inject, PeerId, Update, max_groups};
use std::net::Ipv4Addr;
use wire::ip4;

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const GROUP_MAC: [u8; 6] = [1, 0, 0x5e, 1, 2, 3];
const SERVER: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 50);

fn route(source: Option<Ipv4Addr>, incoming: Incoming, tunnels: u64, ports: u16) -> GroupRoute {
    GroupRoute { source, group: GROUP, incoming, tunnels, ports, kernel: false }
}

fn add(world: &mut World, id: GroupId, route: GroupRoute, members: &[PeerId]) {
    world.updater.apply(&Update::Group { id, route }).expect("route");
    for peer in members {
        world.updater.apply(&Update::GroupMember { id, peer: *peer }).expect("join");
    }
}

/// A frame to the group from a server on the LAN.
fn stream(len: usize) -> Vec<u8> {
    ethernet(GROUP_MAC, ROUTER_MAC, 0x0800, &udp(SERVER, GROUP, len))
}

/// Who got copies, in order, with what came of the packet.
fn receivers(world: &mut World) -> Vec<(Ipv4Addr, Vec<u8>)> {
    world.pass(1);
    let sent = world.sent();
    assert!(sent.iter().all(|(port, _)| *port == UNDERLAY));
    let mut all: Vec<_> =
        sent.iter().map(|(_, frame)| (open(frame).destination, open(frame).inner)).collect();
    all.sort();
    all
}

fn forwarded(packet: &[u8]) -> Vec<u8> {
    with_header(packet.to_vec(), |packet| packet[8] -= 1)
}

#[test]
fn a_stream_of_the_lan_goes_to_those_who_joined() {
    let mut world = World::new();
    let from_lan = Incoming::Port(LAN);
    // Both tunnels, and all three spokes are there; the second has not joined.
    add(&mut world, 7, route(Some(SERVER), from_lan, 0b11, 0), &[1, 3]);
    world.port(LAN, &[stream(64), stream(64)]);
    let inner = forwarded(&udp(SERVER, GROUP, 64));
    let copies =
        [(NBMA[1], inner.clone()), (NBMA[1], inner.clone()), (NBMA[3], inner.clone()), (NBMA[3], inner)];
    assert_eq!(receivers(&mut world), copies);
    let group = &world.counters.groups[7];
    assert_eq!((group.packets.get(), group.bytes.get(), group.copies.get()), (2, 128, 4));
    // The kernel saw one, so that its daemon knows that the route is used; and three seconds later another.
    assert_eq!(std::mem::take(&mut world.out.frames), [(LAN, stream(64))]);
    world.port(LAN, &[stream(64)]);
    assert_eq!(world.out.frames, []);
    world.pass(3_000);
    world.port(LAN, &[stream(64)]);
    assert_eq!(std::mem::take(&mut world.out.frames).len(), 1);
    world.pass(1);
    assert_eq!(world.sent().len(), 4);
    // One leaves the group, the other is gone altogether.
    world.updater.apply(&Update::GroupMemberDelete { id: 7, peer: 1 }).unwrap();
    world.port(LAN, &[stream(64)]);
    assert_eq!(receivers(&mut world).len(), 1);
    world.updater.apply(&Update::PeerDelete { id: 3 }).unwrap();
    assert_eq!(world.updater.sizes().joins, 0);
    world.port(LAN, &[stream(64)]);
    assert_eq!(receivers(&mut world), []);
    assert!(world.out.events.is_empty(), "never a redirect");
}

#[test]
fn without_a_route_the_kernel_gets_it_and_nobody_else() {
    let mut world = World::new();
    let inner = udp(HOST[1], GROUP, 64);
    world.port(UNDERLAY, &[from_spoke(1, &inner)]);
    world.port(LAN, &[stream(64)]);
    world.pass(1);
    assert_eq!(world.out.packets, [(0, inner)]);
    assert_eq!(world.out.frames, [(LAN, stream(64))]);
    assert!(world.out.sent.is_empty());
    assert_eq!(world.drops(), []);
}

#[test]
fn from_a_spoke_to_the_lan_and_to_others_but_never_back() {
    let mut world = World::new();
    add(&mut world, 0, route(Some(HOST[1]), Incoming::Tunnel(0), 0b11, 1 << LAN), &[1, 2, 3]);
    let inner = udp(HOST[1], GROUP, 64);
    world.port(UNDERLAY, &[from_spoke(1, &inner)]);
    let (lan, frame) = world.one();
    assert_eq!((lan, frame), (LAN, ethernet(GROUP_MAC, LAN_MAC, 0x0800, &forwarded(&inner))));
    let copy = forwarded(&inner);
    assert_eq!(receivers(&mut world), [(NBMA[2], copy.clone()), (NBMA[3], copy)]);
    assert_eq!(world.counters.groups[0].copies.get(), 3);
    assert_eq!(std::mem::take(&mut world.out.packets), [(0, inner)], "the kernel's sample");
    assert_eq!(world.drops(), []);
    // Another source has no route.
    world.port(UNDERLAY, &[from_spoke(1, &udp(HOST[2], GROUP, 64))]);
    assert_eq!((receivers(&mut world), world.out.packets.len()), (vec![], 1));
}

#[test]
fn the_route_for_any_source_is_taken_when_there_is_none_for_the_source() {
    let mut world = World::new();
    add(&mut world, 1, route(None, Incoming::Port(LAN), 1, 0), &[1]);
    world.port(LAN, &[stream(64)]);
    assert_eq!(receivers(&mut world)[0].0, NBMA[1]);
    add(&mut world, 2, route(Some(SERVER), Incoming::Port(LAN), 1, 0), &[2]);
    world.port(LAN, &[stream(64)]);
    assert_eq!(receivers(&mut world)[0].0, NBMA[2]);
    world.updater.apply(&Update::GroupDelete { id: 2 }).unwrap();
    world.port(LAN, &[stream(64)]);
    assert_eq!(receivers(&mut world)[0].0, NBMA[1]);
    // The number may mean another group only when no worker can be reading what it meant.
    let busy = Update::Group { id: 2, route: route(None, Incoming::Kernel, 1, 0) };
    world.updater.apply(&Update::GroupDelete { id: 1 }).unwrap();
    assert_eq!(
        world.updater.apply(&Update::Group { id: 1, route: route(None, Incoming::Kernel, 1, 0) }),
        Err(ApplyError::Busy)
    );
    world.tick();
    world.updater.apply(&busy).unwrap();
}

#[test]
fn another_interface_than_the_routes_is_refused() {
    let mut world = World::new();
    add(&mut world, 0, route(Some(SERVER), Incoming::Tunnel(1), 1, 0), &[1]);
    world.port(LAN, &[stream(64), stream(64), stream(64)]);
    world.port(UNDERLAY, &[from_spoke(2, &udp(SERVER, GROUP, 64))]);
    assert_eq!(receivers(&mut world), []);
    assert_eq!(world.counters.groups[0].wrong_interface.get(), 4);
    assert_eq!(world.drops(), [("multicast_interface", 3)]);
    assert_eq!(world.out.frames.len(), 1, "the daemon hears of it");
}

#[test]
fn what_the_kernel_sends_on_is_not_sent_twice() {
    let mut world = World::new();
    add(&mut world, 0, route(Some(SERVER), Incoming::Port(LAN), 1, 1 << LAN), &[1, 2]);
    let copy = forwarded(&udp(SERVER, GROUP, 64));
    world.twin(0, std::slice::from_ref(&copy));
    assert_eq!(receivers(&mut world), []);
    assert_eq!(world.drops(), [("multicast_echo", 1)]);
    let frame = |packet: &[u8]| ethernet(GROUP_MAC, LAN_MAC, 0x0800, packet);
    assert!(world.forwarder.is_echo(LAN, &frame(&copy)));
    // Not the kernel's own, nor what workers do not forward, nor unicast, nor garbage.
    for other in [
        frame(&udp(HUB_LAN, GROUP, 64)),
        frame(&udp(SERVER, Ipv4Addr::new(239, 9, 9, 9), 64)),
        frame(&udp(SERVER, Ipv4Addr::new(224, 0, 0, 5), 64)),
        lan(&copy),
        frame(&[]),
        vec![1],
    ] {
        assert!(!world.forwarder.is_echo(LAN, &other), "{other:02x?}");
    }
    // Into a tunnel without a route of ours it goes nowhere: nobody could say to whom.
    world.twin(0, &[udp(SERVER, Ipv4Addr::new(239, 9, 9, 9), 64)]);
    assert_eq!(receivers(&mut world), []);
    assert_eq!(world.drop_count(DropReason::MulticastTransit), 1);
}

#[test]
fn out_of_the_kernel_where_the_route_begins_there() {
    let mut world = World::new();
    add(&mut world, 0, route(Some(SERVER), Incoming::Kernel, 0b11, 0), &[2, 3]);
    let packet = udp(SERVER, GROUP, 64);
    // The kernel puts one into each tunnel.
    world.twin(0, std::slice::from_ref(&packet));
    assert_eq!(receivers(&mut world), [(NBMA[2], packet.clone())]);
    world.twin(1, std::slice::from_ref(&packet));
    assert_eq!(receivers(&mut world), [(NBMA[3], packet.clone())]);
    // The hub's own: joined ones where there is a route, else all that take multicast.
    let own = udp(TUNNEL0, GROUP, 64);
    world.twin(0, std::slice::from_ref(&own));
    assert_eq!(receivers(&mut world), [(NBMA[1], own.clone())]);
    add(&mut world, 1, route(Some(TUNNEL0), Incoming::Tunnel(0), 1, 0), &[2]);
    world.twin(0, std::slice::from_ref(&own));
    assert_eq!(receivers(&mut world), [(NBMA[2], own)]);
    assert_eq!(world.drops(), []);
}

#[test]
fn a_route_to_the_kernel_gives_it_every_packet() {
    let mut world = World::new();
    let route = GroupRoute { kernel: true, ..route(Some(SERVER), Incoming::Port(LAN), 0, 0) };
    add(&mut world, 0, route, &[]);
    world.port(LAN, &[stream(64), stream(64), stream(64)]);
    assert_eq!(world.out.frames.len(), 3);
}

#[test]
fn igmp_and_pim_of_spokes_go_to_the_kernel_and_to_control_and_no_further() {
    let mut world = World::new();
    add(&mut world, 0, route(None, Incoming::Tunnel(0), 1, 1 << LAN), &[1, 2]);
    let report = ip(HOST[1], GROUP, 2, &[0x16, 0, 0, 0, 239, 1, 2, 3]);
    let join = ip(HOST[1], Ipv4Addr::new(224, 0, 0, 13), 103, &[0x23, 0, 0, 0]);
    world.port(UNDERLAY, &[from_spoke(1, &report), from_spoke(1, &join)]);
    assert_eq!(receivers(&mut world), []);
    assert_eq!(world.out.packets, [(0, report.clone()), (0, join.clone())]);
    let told = |packet| Told::Membership { tunnel: 0, peer: 1, nbma: NBMA[1], packet };
    assert_eq!(std::mem::take(&mut world.out.events), [told(report.clone()), told(join)]);
    assert_eq!(world.drops(), []);
    // One spoke cannot take the event ring for itself; the kernel has its own limits.
    for _ in 0..16 {
        world.port(UNDERLAY, &vec![from_spoke(1, &report); 64]);
    }
    assert_eq!(world.out.events.len(), 498);
    // Of the LAN it is the kernel's alone, also from a host without an address.
    let report = ethernet(GROUP_MAC, ROUTER_MAC, 0x0800, &ip(Ipv4Addr::UNSPECIFIED, GROUP, 2, &[0; 8]));
    world.port(LAN, std::slice::from_ref(&report));
    assert_eq!(world.out.frames, [(LAN, report)]);
}

#[test]
fn ttl_ends_and_fragments_fit_without_a_word_to_the_source() {
    let mut world = World::new();
    add(&mut world, 0, route(Some(SERVER), Incoming::Port(LAN), 1, 0), &[1]);
    let frame = |change: fn(&mut Vec<u8>), len| {
        ethernet(GROUP_MAC, ROUTER_MAC, 0x0800, &with_header(udp(SERVER, GROUP, len), change))
    };
    world.port(LAN, &[frame(|packet| packet[8] = 1, 64)]);
    assert_eq!(receivers(&mut world), []);
    world.port(LAN, &[frame(|packet| packet[6] = 0x40, 1_450)]);
    assert_eq!(receivers(&mut world), []);
    assert_eq!(world.drops(), [("ttl_exceeded", 1), ("frag_needed", 1)]);
    assert_eq!(world.counters.groups[0].dropped.get(), 2);
    world.port(LAN, &[frame(|_| (), 1_450)]);
    let sent = receivers(&mut world);
    assert_eq!(sent.len(), 2);
    assert_eq!(
        sent.iter().map(|(_, inner)| ip4::parse(inner).unwrap().payload().len()).sum::<usize>(),
        1_430
    );
    assert_eq!(world.counters.worker.icmp_sent.get(), 0);
}

#[test]
fn a_hub_source_on_the_lan_is_a_martian() {
    let mut world = World::new();
    world.port(LAN, &[ethernet(GROUP_MAC, ROUTER_MAC, 0x0800, &udp(HUB_LAN, GROUP, 64))]);
    world.only_dropped(DropReason::InnerMartian);
}

#[test]
fn what_is_wrong_is_refused_and_changes_nothing() {
    let mut world = World::new();
    let good = route(None, Incoming::Port(LAN), 1, 1 << LAN);
    let group = |id, route| Update::Group { id, route };
    let refused = world.updater.sizes().refused;
    let cases = [
        (group(max_groups(64) as u16, good), Refusal::Index),
        (group(0, GroupRoute { incoming: Incoming::Port(UNDERLAY), ..good }), Refusal::Index),
        (group(0, GroupRoute { incoming: Incoming::Tunnel(2), ..good }), Refusal::Index),
        (group(0, GroupRoute { tunnels: 4, ..good }), Refusal::Index),
        (group(0, GroupRoute { ports: 1 << UNDERLAY, ..good }), Refusal::Index),
        (group(0, GroupRoute { group: Ipv4Addr::new(224, 0, 0, 9), ..good }), Refusal::Address),
        (Update::GroupDelete { id: 0 }, Refusal::Absent),
        (Update::GroupMember { id: 0, peer: 1 }, Refusal::Absent),
        (Update::GroupMember { id: 0, peer: 64 }, Refusal::Index),
        (Update::GroupMemberDelete { id: 0, peer: 1 }, Refusal::Absent),
    ];
    for (update, refusal) in &cases {
        assert_eq!(world.updater.apply(update), Err((*refusal).into()), "{update:?}");
    }
    assert_eq!(world.updater.sizes().refused, refused + cases.len() as u64);
    assert_eq!((world.updater.sizes().groups, world.updater.sizes().joins), (0, 0));
}

#[test]
fn a_resync_sweeps_routes_and_joins_that_it_does_not_name() {
    let mut world = World::new();
    let from_lan = route(Some(SERVER), Incoming::Port(LAN), 1, 0);
    add(&mut world, 0, from_lan, &[1, 2]);
    add(&mut world, 1, route(None, Incoming::Port(LAN), 1, 0), &[1, 2]);
    for update in updates().iter().filter(|update| !matches!(update, Update::End { .. })) {
        let update = match update {
            Update::Begin { .. } => &Update::Begin { generation: 2 },
            update => update,
        };
        world.updater.apply(update).unwrap();
    }
    // After its restart control may number routes otherwise.
    add(&mut world, 5, from_lan, &[2]);
    world.updater.apply(&Update::End { generation: 2 }).unwrap();
    assert_eq!((world.updater.sizes().groups, world.updater.sizes().joins), (1, 1));
    world.port(LAN, &[stream(64)]);
    assert_eq!(receivers(&mut world).iter().map(|(nbma, _)| *nbma).collect::<Vec<_>>(), [NBMA[2]]);
    world.port(LAN, &[ethernet(GROUP_MAC, ROUTER_MAC, 0x0800, &udp(HOST[0], GROUP, 64))]);
    assert_eq!(receivers(&mut world), []);
}

fn big_world(peers: u32) -> World {
    let mut settings = settings();
    settings.max_peers = peers;
    let mut world = World::with(settings);
    for id in 100..peers {
        let nbma = Ipv4Addr::from_bits(0xc633_6500 + id);
        let tunnel = (id % 2) as u8;
        let peer = Update::Peer { id, tunnel, nbma, link: 0, multicast: true, protection: None };
        world.updater.apply(&peer).unwrap();
    }
    world
}

/// Copies within each slice of `step` microseconds, tunnel by tunnel, until none is sent any more.
fn watch(world: &mut World, step: u64) -> Vec<[usize; 2]> {
    let start = world.now.micros();
    let mut slices = vec![];
    while world.forwarder.is_replicating() {
        let at = start + (slices.len() as u64 + 1) * step;
        world.now = Now::from_millis(at / 1_000).and_micros((at % 1_000) as u16);
        world.tick();
        let mut slice = [0; 2];
        for (_, frame) in world.sent() {
            slice[usize::from(open(&frame).key.is_none())] += 1;
        }
        slices.push(slice);
    }
    slices
}

#[test]
fn copies_are_paced_and_one_tunnels_do_not_wait_for_anothers() {
    let mut world = big_world(20_100);
    watch(&mut world, 1_000);
    world.twin(0, &[udp(TUNNEL0, Ipv4Addr::new(224, 0, 0, 5), 64)]);
    world.twin(1, &[udp(TUNNEL1, Ipv4Addr::new(224, 0, 0, 5), 64)]);
    let slices = watch(&mut world, 10);
    let sum = |tunnel: usize| slices.iter().map(|slice| slice[tunnel]).sum::<usize>();
    assert_eq!((sum(0), sum(1)), (10_001, 10_001));
    // 10,000 copies at 100,000 a second: 100 ms each, side by side, less what was there to begin with.
    assert!((9_900..=10_010).contains(&slices.len()), "{}", slices.len());
    for window in slices[100..9_900].chunks(100) {
        let copies = window.iter().map(|slice| slice[0]).sum::<usize>();
        assert!((99..=101).contains(&copies), "{copies} in a millisecond");
    }
}

#[test]
fn a_stream_does_not_wait_for_a_hello_to_all() {
    let mut world = big_world(20_100);
    add(&mut world, 0, route(Some(SERVER), Incoming::Port(LAN), 1, 0), &[1]);
    world.twin(0, &[udp(TUNNEL0, Ipv4Addr::new(224, 0, 0, 5), 64)]);
    world.pass(1);
    world.sent();
    world.port(LAN, &[stream(64)]);
    let mut passed = 0;
    while world.counters.groups[0].copies.get() == 0 {
        passed += 1;
        world.pass(1);
    }
    assert!(passed <= 2 && world.forwarder.is_replicating(), "{passed} ms");
}

/// Whose number is another group's when its turn comes is not sent to that group's members.
#[test]
fn a_route_that_ends_takes_its_waiting_packets_with_it() {
    let mut world = World::new();
    add(&mut world, 0, route(Some(SERVER), Incoming::Port(LAN), 1, 0), &[1]);
    world.port(LAN, &[stream(64)]);
    world.updater.apply(&Update::GroupDelete { id: 0 }).unwrap();
    world.tick();
    let other = GroupRoute { group: Ipv4Addr::new(239, 9, 9, 9), ..route(None, Incoming::Port(LAN), 1, 0) };
    world.sent();
    add(&mut world, 0, other, &[2]);
    assert_eq!(receivers(&mut world), []);
}

#[test]
fn control_says_something_to_the_kernel_for_a_spoke() {
    let mut world = World::new();
    let said = ip(Ipv4Addr::new(10, 0, 0, 12), Ipv4Addr::new(224, 0, 0, 13), ip4::protocol::PIM, &[0x23; 34]);
    world.forwarder.inject(&Inject::Twin { tunnel: 1, packet: &said }, world.now, &mut world.out);
    assert_eq!(std::mem::take(&mut world.out.packets), [(1, said.clone())]);
    assert_eq!((world.sent(), world.drops()), (vec![], vec![]));
    // No such tunnel; no whole packet.
    let damaged = with_header(said.clone(), |packet| packet[0] = 0x65);
    for (tunnel, packet) in [(63, &said[..]), (0, &said[1..]), (0, &said[..40]), (0, &damaged[..]), (0, &[])]
    {
        world.forwarder.inject(&Inject::Twin { tunnel, packet }, world.now, &mut world.out);
    }
    assert_eq!((world.out.packets.len(), world.drops()), (0, vec![("bad_inject", 5)]));
}
