//! What goes to the hub itself: by class, each with its rate, and whole while another is under flood.
#![cfg(test)]
#![allow(missing_docs)]

mod common;
use common::*;
use forwarding::limiter::Rate;
use forwarding::{ControlPlane, Settings};
use shm::class::{Class, ClassCounters};
use shm::drops::DropReason;
use std::net::Ipv4Addr;

const RATE: Rate = Rate { per_second: 1000, burst: 100 };

fn policed() -> World {
    World::with(Settings { control_plane: ControlPlane::new(|_| RATE), ..settings() })
}

/// A transport header's ports and some room.
fn ports(source: u16, destination: u16) -> Vec<u8> {
    [&source.to_be_bytes()[..], &destination.to_be_bytes(), &[0; 16]].concat()
}

/// A TCP segment whose checksum is right.
fn tcp(destination: u16) -> Vec<u8> {
    let mut packet = Vec::new();
    etherparse::PacketBuilder::ipv4(NBMA_INNER, TUNNEL0.octets(), 64)
        .tcp(40000, destination, 7, 1000)
        .syn()
        .write(&mut packet, &[])
        .unwrap();
    packet
}

const NBMA_INNER: [u8; 4] = [10, 255, 0, 11];

/// A frame of each class from spoke 1, or on the wire.
fn frame(class: Class) -> Vec<u8> {
    let source = Ipv4Addr::from(NBMA_INNER);
    match class {
        Class::Routing => from_spoke(1, &tcp(179)),
        Class::Nhrp => gre(NBMA[1], Some(KEY0), 0x2001, &[7; 28]),
        // To an address of the hub that is no protected tunnel's source.
        Class::Ike => underlay(&ip(NBMA[1], HUB, 17, &ports(500, 500))),
        Class::Arp => ethernet([0xff; 6], GATEWAY_MAC, 0x0806, &[0; 28]),
        Class::Icmp => from_spoke(1, &ip(source, TUNNEL0, 1, &[8, 0, 0xf7, 0xff, 0, 0, 0, 0])),
        Class::Rest => from_spoke(1, &tcp(22)),
    }
}

/// How many packets of all twins and events came out since the last call.
fn out(world: &mut World) -> usize {
    let out = &mut world.out;
    out.frames.drain(..).count() + out.packets.drain(..).count() + out.events.drain(..).count()
}

fn counts(world: &World, class: Class) -> [u64; 4] {
    let ClassCounters { conformed, exceeded, source_exceeded, queue_full } =
        &world.counters.worker.classes[class as usize];
    [conformed.get(), exceeded.get(), source_exceeded.get(), queue_full.get()]
}

#[test]
fn a_packet_of_each_class_is_counted_as_that() {
    let mut world = policed();
    for (n, class) in Class::ALL.into_iter().enumerate() {
        world.port(UNDERLAY, &[frame(class)]);
        assert_eq!(out(&mut world), 1, "{class:?}");
        for (m, other) in Class::ALL.into_iter().enumerate() {
            let expected = u64::from(m <= n);
            assert_eq!(counts(&world, other), [expected, 0, 0, 0], "{other:?} after {class:?}");
        }
    }
    assert_eq!(world.drops(), []);
}

#[test]
fn a_flood_of_each_class_leaves_each_other_whole() {
    for flooded in Class::ALL {
        let mut world = policed();
        let flood = vec![frame(flooded); 60];
        let (mut floods, mut others) = (0, 0);
        // Three seconds, a millisecond at a time.
        for _ in 0..3000 {
            world.pass(1);
            world.port(UNDERLAY, &flood);
            floods += out(&mut world) as u64;
            for other in Class::ALL.into_iter().filter(|other| *other != flooded) {
                // NHRP of one sender has half of that as its share, routing of one spoke a sixteenth.
                let each = match other {
                    Class::Nhrp => 2,
                    Class::Routing => 20,
                    _ => 1,
                };
                if !world.now.millis().is_multiple_of(each) {
                    continue;
                }
                world.port(UNDERLAY, &[frame(other)]);
                others += 1;
                assert_eq!(out(&mut world), 1, "{other:?} while {flooded:?} is under flood");
            }
        }
        let [conformed, exceeded, source_exceeded, queue_full] = counts(&world, flooded);
        assert_eq!((conformed, queue_full), (floods, 0), "{flooded:?}");
        assert_eq!(conformed + exceeded + source_exceeded, 180_000, "each packet is in one counter");
        // What is over a sender's share takes nothing from the class: 500 a second of NHRP, 62 of routing.
        let expected = match flooded {
            Class::Nhrp => 1500..=1700,
            Class::Routing => 180..=200,
            _ => 2500..=3100,
        };
        assert!(expected.contains(&floods), "{flooded:?}: {floods} passed");
        let all: u64 = Class::ALL.into_iter().map(|class| counts(&world, class)[0]).sum();
        assert_eq!(all, floods + others);
        let limited = world.drop_count(DropReason::PuntLimited);
        assert_eq!(limited, exceeded + source_exceeded, "every drop has its reason");
        assert_eq!(world.drops(), [(DropReason::PuntLimited.name(), limited)]);
    }
}

/// One spoke's flood is counted as its own, and the class is still there for the others and for the data centre.
#[test]
fn a_spoke_has_a_share_of_routing() {
    let mut world = policed();
    let hello = |spoke: usize| from_spoke(spoke, &ip(HOST[spoke], TUNNEL0, 89, &[2, 1, 0, 44]));
    let flood = vec![hello(1); 60];
    let router = lan(&ip(Ipv4Addr::new(172, 16, 0, 2), HUB_LAN, 89, &[2, 1, 0, 44]));
    let mut passed = 0;
    for millis in 0..3000 {
        world.pass(1);
        world.port(UNDERLAY, &flood);
        passed += out(&mut world) as u64;
        if millis % 20 == 0 {
            world.port(UNDERLAY, &[hello(2)]);
            assert_eq!(out(&mut world), 1, "the other spoke after {millis} ms");
        }
        // Half of the class may be a neighbour's.
        if millis % 2 == 0 {
            world.port(LAN, std::slice::from_ref(&router));
            assert_eq!(out(&mut world), 1, "the data centre's router after {millis} ms");
        }
    }
    // A sixteenth of 1,000 a second and of 100 at once.
    assert!((186..=193).contains(&passed), "{passed}");
    let expected = [passed + 150 + 1500, 0, 180_000 - passed, 0];
    assert_eq!(counts(&world, Class::Routing), expected);
    assert_eq!(world.drops(), [(DropReason::PuntLimited.name(), 180_000 - passed)]);
    // More than that of one neighbour is too much as well.
    world.pass(1000);
    world.port(LAN, &vec![router; 60]);
    assert_eq!(out(&mut world), 50);
}

#[test]
fn what_control_has_no_place_for_is_counted_by_class() {
    let mut world = policed();
    world.out.deaf = true;
    world.port(UNDERLAY, &[frame(Class::Nhrp)]);
    assert_eq!(counts(&world, Class::Nhrp), [1, 0, 0, 1]);
    world.only_dropped(DropReason::EventRingFull);
}

#[test]
fn the_data_centres_packets_to_the_hub_have_the_same_classes() {
    let mut world = policed();
    let ospf = ip(Ipv4Addr::new(172, 16, 0, 2), HUB_LAN, 89, &[2, 1, 0, 44]);
    world.port(LAN, &[lan(&ospf), lan(&ip(Ipv4Addr::new(172, 16, 0, 2), HUB_LAN, 132, &[0; 12]))]);
    assert_eq!(out(&mut world), 2);
    assert_eq!((counts(&world, Class::Routing)[0], counts(&world, Class::Rest)[0]), (1, 1));
}

/// Fragments without ports are the rest, so that nobody takes BGP's place with them.
#[test]
fn fragments_do_not_flood_routing() {
    let mut world = policed();
    let source = Ipv4Addr::from(NBMA_INNER);
    let late = with_header(ip(source, TUNNEL0, 6, &ports(179, 179)), |packet| packet[7] = 3);
    world.port(UNDERLAY, &[from_spoke(1, &late)]);
    assert_eq!((counts(&world, Class::Routing)[0], counts(&world, Class::Rest)[0]), (0, 1));
}
