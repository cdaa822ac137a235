//! The test plays control: it fills the tables, sends NHRP packets, and hears of what arrives.

use crate::frames::{SPOKE1, SPOKE2, echo, ip, parse_ip, through_tunnel, to_mac};
use crate::hub::{self, Hub, Setup};
use crate::namespace::{isolated, wait_for};
use crate::wire_end::WireEnd;
use shm::message::{Event, Inject, Target, Update};
use shm::{Segment, Side, UpdateSender};
use std::net::Ipv4Addr;

#[test]
fn control_fills_the_tables_and_nhrp_passes_both_ways() {
    isolated("control::control_fills_the_tables_and_nhrp_passes_both_ways", || {
        let wire = WireEnd::lay();
        let mut hub = Hub::start("control", Setup { tables: false, ..Setup::default() });
        let segment = hub.segment();
        let mut updates = segment.update_sender().unwrap();
        synchronise(&segment, &mut updates, 1);
        let packet = SPOKE1.gre(None, &ip(SPOKE1.tunnel(), SPOKE2.tunnel(), 1, 64, &echo(8, 1)));
        let arrives = |frame: &[u8]| through_tunnel(frame, SPOKE2, None);
        wire.send(&packet);
        wire.wait("the packet at spoke 2", arrives);

        let mut injects = segment.inject_sender().unwrap();
        let mut events = segment.event_receiver(0).unwrap();
        nhrp_to_a_spoke(&wire, &mut injects);
        nhrp_from_a_spoke(&wire, &mut events);

        // A dataplane that comes back has empty tables until it is told everything again.
        let before = segment.life(Side::Dataplane).boot_id;
        hub.kill_and_restart();
        let life = wait_for("the new dataplane", || {
            Some(segment.life(Side::Dataplane)).filter(|life| life.boot_id != before && life.boot_id != 0)
        });
        assert_eq!(life.generation, 0, "a new dataplane has completed nothing");
        synchronise(&segment, &mut updates, 2);
        wire.send(&packet);
        wire.wait("the packet at spoke 2", arrives);

        // What a resync does not name is gone.
        send(&mut updates, &Update::Begin { generation: 3 });
        send(&mut updates, &Update::End { generation: 3 });
        wait_for("the sweep", || (segment.life(Side::Dataplane).generation == 3).then_some(()));
        let unknown = || segment.worker(0).drops[shm::drops::DropReason::UnknownPeer as usize].get();
        let count = unknown();
        wire.send(&packet);
        wait_for("a drop", || (unknown() > count).then_some(()));
    });
}

fn send(updates: &mut UpdateSender, update: &Update) {
    wait_for("room for an update", || updates.send(update).ok());
}

/// Two spokes and their host routes.
fn synchronise(segment: &Segment, updates: &mut UpdateSender, generation: u64) {
    send(updates, &Update::Begin { generation });
    for (id, spoke) in [SPOKE1, SPOKE2].into_iter().enumerate() {
        send(updates, &Update::Link { id: id as u16, port: 0, mac: Some(spoke.mac()) });
        let nbma = Ipv4Addr::from(spoke.nbma());
        let peer = Update::Peer {
            id: id as u32,
            tunnel: 0,
            nbma,
            link: id as u16,
            multicast: false,
            protection: None,
        };
        send(updates, &peer);
        let prefix = Ipv4Addr::from(spoke.tunnel());
        send(updates, &Update::Route { vrf: 0, prefix, len: 32, target: Target::Peer(id as u32) });
    }
    send(updates, &Update::End { generation });
    wait_for("the tables", || (segment.life(Side::Dataplane).generation == generation).then_some(()));
}

/// Protocol type of NHRP in GRE.
const NHRP: [u8; 4] = [0, 0, 0x20, 0x01];

fn nhrp_to_a_spoke(wire: &WireEnd, injects: &mut shm::InjectSender) {
    let packet = b"stands for an NHRP packet";
    let nbma = Ipv4Addr::from(SPOKE1.nbma());
    wait_for("room", || {
        injects.send(&Inject::Nhrp { tunnel: 0, nbma, link: 0, protection: None, packet }).then_some(())
    });
    let outer = wire.wait("the injected packet", |frame| {
        to_mac(frame, SPOKE1.mac()).filter(|outer| outer.protocol == 47 && outer.payload.starts_with(&NHRP))
    });
    assert_eq!((outer.from, outer.to), (hub::NBMA, SPOKE1.nbma()));
    assert_eq!(&outer.payload[4..], packet);
}

fn nhrp_from_a_spoke(wire: &WireEnd, events: &mut shm::EventReceiver) {
    let packet = b"stands for a registration";
    // From an address that is not registered: that is how one gets registered.
    let nobody = crate::frames::Spoke { number: 55 };
    wire.send(&nobody.frame(47, &[&NHRP[..], packet].concat()));
    let heard = wait_for("the event", || {
        let mut heard = None;
        events.receive(16, |event| {
            if let Event::Nhrp { tunnel, nbma, packet, .. } = event {
                heard = Some((tunnel, nbma, packet.to_vec()));
            }
        });
        heard
    });
    assert_eq!(heard, (0, Ipv4Addr::from(nobody.nbma()), packet.to_vec()));
    // Not IP, so nothing of it reached a twin or another spoke.
    assert!(parse_ip(packet).is_none());
}
