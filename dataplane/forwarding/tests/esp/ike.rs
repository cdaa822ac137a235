//! IKE between the wire and control.

use crate::common::sa::*;
use crate::common::secured::*;
use crate::common::*;
use shm::drops::DropReason;
use shm::message::{Inject, MAX_PAYLOAD};
use std::net::Ipv4Addr;

fn told(port: u16, local_port: u16, packet: &[u8]) -> Told {
    Told::Ike { nbma: NBMA[1], port, local: HUB, local_port, packet: packet.to_vec() }
}

#[test]
fn from_the_wire_to_control() {
    let mut hub = Hub::new(1);
    let message = ike_message(300);
    let marked = [&[0; 4][..], &message].concat();
    hub.receive(&[
        udp_frame(NBMA[1], 500, 500, &message),
        udp_frame(NBMA[1], 61_234, 4500, &marked),
        udp_frame(NBMA[1], 61_234, 500, &message),
    ]);
    let all = [told(500, 500, &message), told(61_234, 4500, &message), told(61_234, 500, &message)];
    assert_eq!(std::mem::take(&mut hub.workers[0].out.events), all);
    // In fragments, of which only the first shows a port.
    let long = ike_message(1900);
    let whole = ip(NBMA[1], HUB, 17, &datagram(500, 500, &long));
    hub.receive(&pieces(&whole, 800));
    assert_eq!(std::mem::take(&mut hub.workers[0].out.events), [told(500, 500, &long)]);
    assert_eq!(hub.drops(), []);
    assert_eq!(hub.workers[0].out.frames, []);
}

#[test]
fn what_is_not_for_control() {
    let mut hub = Hub::new(1);
    hub.receive(&[
        udp_frame(NBMA[1], 500, 500, &ike_message(27)),
        udp_frame(NBMA[1], 500, 4500, &[&[0; 4][..], &ike_message(27)].concat()),
    ]);
    assert_eq!(hub.drops(), [(DropReason::IkeMalformed.name(), 2)]);
    let martians = [HUB, Ipv4Addr::new(224, 0, 0, 1), Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED];
    hub.receive(&martians.map(|from| udp_frame(from, 500, 500, &ike_message(100))));
    assert_eq!(hub.drop_count(DropReason::IpMartian), 4);
    assert_eq!(hub.workers[0].out.events, []);
    // Other ports are the kernel's, as frames; also out of fragments.
    let frame = udp_frame(NBMA[1], 53, 53, &[7; 100]);
    hub.receive(std::slice::from_ref(&frame));
    assert_eq!(std::mem::take(&mut hub.workers[0].out.frames), [(UNDERLAY, frame)]);
    let whole = ip(NBMA[1], HUB, 17, &datagram(53, 53, &[7; 1000]));
    hub.receive(&pieces(&whole, 800));
    let frames = std::mem::take(&mut hub.workers[0].out.frames);
    assert_eq!((frames.len(), &frames[0].1[..6], &frames[0].1[14..]), (1, &HUB_MAC[..], &whole[..]));
    // So is IKE to a source without protection.
    let mut settings = secured_settings(1);
    settings.ports[0].addresses.push(forwarding::PortAddress { address: CLEAR, len: 24 });
    let mut hub = Hub::on(shm::Segment::private(&geometry(1)).expect("segment"), settings);
    hub.receive(&[underlay(&ip(NBMA[1], CLEAR, 17, &datagram(500, 500, &ike_message(100))))]);
    assert_eq!((hub.workers[0].out.events.len(), hub.workers[0].out.frames.len()), (0, 1));
}

#[test]
fn a_flood_is_held_per_source_and_counted() {
    let mut hub = Hub::new(1);
    let frames = vec![udp_frame(NBMA[1], 500, 500, &ike_message(100)); 1200];
    hub.receive(&frames);
    let told = hub.workers[0].out.events.len() as u64;
    assert!((900..=1100).contains(&told), "{told}");
    assert_eq!(hub.drops(), [(DropReason::PuntLimited.name(), 1200 - told)]);
    // Others are heard.
    hub.receive(&[udp_frame(NBMA[2], 500, 500, &ike_message(100))]);
    assert_eq!(hub.workers[0].out.events.len() as u64, told + 1);
    hub.workers[0].out.deaf = true;
    hub.receive(&[udp_frame(NBMA[2], 500, 500, &ike_message(100))]);
    assert_eq!(hub.drop_count(DropReason::EventRingFull), 1);
}

fn ike(local_port: u16, port: u16, packet: &[u8]) -> Inject<'_> {
    Inject::Ike { local: HUB, local_port, nbma: NBMA[1], port, link: 0, packet }
}

#[test]
fn from_control_to_the_wire() {
    let mut hub = Hub::new(1);
    for (local_port, marker) in [(500, &[][..]), (4500, &[0; 4][..])] {
        let message = ike_message(400);
        hub.inject(&ike(local_port, 61_000, &message));
        let frame = hub.one();
        let packet = wire::ip4::parse(&frame[14..]).expect("IPv4");
        assert_eq!((packet.source(), packet.destination(), packet.tos()), (HUB, NBMA[1], 0xc0));
        assert!(!packet.dont_fragment() && packet.total_len() == frame.len() - 14);
        let udp = wire::udp::parse(packet.payload(), HUB, NBMA[1]).expect("UDP");
        assert_eq!((udp.source, udp.destination), (local_port, 61_000));
        assert_eq!(udp.payload, [marker, &message].concat());
    }
    // Longer than the port takes: in fragments.
    let message = ike_message(1980);
    hub.inject(&ike(4500, 4500, &message));
    let sent = hub.sent();
    assert_eq!(sent.len(), 2);
    let joined: Vec<u8> = sent.iter().flat_map(|frame| frame[34..].to_vec()).collect();
    let udp = wire::udp::parse(&joined, HUB, NBMA[1]).expect("UDP");
    assert_eq!(udp.payload[4..], message);
    assert_eq!(hub.drops(), []);
    // What cannot be sent is counted.
    let strange = [
        Inject::Ike { local: CLEAR, local_port: 500, nbma: NBMA[1], port: 500, link: 0, packet: &message },
        Inject::Ike { local: HUB, local_port: 501, nbma: NBMA[1], port: 500, link: 0, packet: &message },
        Inject::Ike { local: HUB, local_port: 500, nbma: NBMA[1], port: 500, link: 999, packet: &message },
        Inject::Ike {
            local: HUB,
            local_port: 500,
            nbma: NBMA[1],
            port: 500,
            link: 0,
            packet: &[1; MAX_PAYLOAD],
        },
    ];
    for inject in &strange {
        hub.inject(inject);
    }
    assert_eq!(hub.drops(), [(DropReason::BadInject.name(), strange.len() as u64)]);
}
