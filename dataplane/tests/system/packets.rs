//! What goes in and what comes out.

use crate::frames::{
    SPOKE1, SPOKE2, arp_request, checksum, echo, eth, ip, tagged, through_tunnel, to_mac, untagged,
};
use crate::hub::{self, Hub, Setup};
use crate::namespace::{isolated, run, wait_for};
use crate::wire_end::WireEnd;
use shm::counters::STAGES;
use shm::drops::DropReason;
use shm::service::TwinLoss;

#[test]
fn forwards_between_spokes_and_lets_the_kernel_answer() {
    isolated("packets::forwards_between_spokes_and_lets_the_kernel_answer", || {
        let wire = WireEnd::lay();
        let mut hub = Hub::start("packets", Setup::default());
        Hub::address_twins();
        hairpin(&wire);
        between_tunnels(&wire);
        the_kernel_answers_arp(&wire);
        the_kernel_answers_once(&wire);
        the_kernel_answers_in_the_tunnel(&wire);
        drops_are_counted(&wire, &hub);
        devices_and_twins_are_counted(&wire, &hub);
        assert!(hub.stop().success(), "{}", hub.log());
        assert!(hub.log().contains("ended"));
    });
}

#[test]
fn a_port_in_a_vlan_with_jumbo_frames() {
    isolated("packets::a_port_in_a_vlan_with_jumbo_frames", || {
        let wire = WireEnd::lay();
        let port = "vlan = 42\nmtu = 4000";
        let _hub = Hub::start("vlan", Setup { port, ..Setup::default() });
        Hub::address_twins();
        // The kernel sees no tag, the wire nothing without.
        wire.send(&tagged(42, &arp_request(SPOKE1, hub::NBMA)));
        let answer = wire.wait("an ARP answer", |frame| (frame[..6] == SPOKE1.mac()).then(|| frame.to_vec()));
        assert_eq!(answer[12..24], [0x81, 0, 0, 42, 8, 6, 0, 1, 8, 0, 6, 4]);
        // Another VLAN's frame and one without a tag are not for this port.
        let ping = |sequence, len: usize| {
            let mut message = echo(8, sequence);
            message.resize(len, 0);
            message[2..4].fill(0);
            let sum = checksum(&message);
            message[2..4].copy_from_slice(&sum.to_be_bytes());
            SPOKE1.frame(1, &message)
        };
        wire.send(&tagged(43, &ping(1, 24)));
        wire.send(&ping(2, 24));
        wire.send(&tagged(42, &ping(3, 3980)));
        let (sequence, len) = wire.wait("a long ping's answer", |frame| {
            let packet = to_mac(&untagged(42, frame)?, SPOKE1.mac()).filter(|packet| packet.protocol == 1)?;
            Some((packet.payload[7], packet.payload.len()))
        });
        assert_eq!((sequence, len), (3, 3980));
        let inner = ip(SPOKE1.tunnel(), SPOKE2.tunnel(), 1, 64, &echo(8, 1));
        wire.send(&tagged(42, &SPOKE1.gre(None, &inner)));
        let (_, inner) =
            wire.wait("the packet at spoke 2", |frame| through_tunnel(&untagged(42, frame)?, SPOKE2, None));
        assert_eq!(inner.ttl, 63);
    });
}

/// A router on a stick: the underlay without a tag and two VLANs of the data centre on one device.
#[test]
fn vlan_sub_interfaces_share_a_device() {
    isolated("packets::vlan_sub_interfaces_share_a_device", || {
        let wire = WireEnd::lay();
        let port = r#"
[[port]]
name = "wan0.20"
parent = "wan0"
vlan = 20
role = "lan"
address = ["10.20.0.1/24"]
[[port]]
name = "wan0.30"
parent = "wan0"
vlan = 30
role = "lan"
address = ["10.30.0.1/24"]
mtu = 1400
"#;
        let more = r#"
[[link]]
name = "host20"
port = "wan0.20"
mac = "02:00:00:00:00:20"
[[link]]
name = "host30"
port = "wan0.30"
mac = "02:00:00:00:00:30"
[[route]]
prefix = "10.20.0.9/32"
link = "host20"
[[route]]
prefix = "10.30.0.9/32"
link = "host30"
"#;
        let mut hub = Hub::start("trunk", Setup { port, more, ..Setup::default() });
        Hub::address_twins();
        for (name, address) in [("wan0.20", "10.20.0.1/24"), ("wan0.30", "10.30.0.1/24")] {
            run("ip", &["address", "add", address, "dev", name]);
            run("ip", &["link", "set", name, "up"]);
        }
        hairpin(&wire);
        // Each VLAN's host is answered in its own, by the kernel behind its twin.
        let hosts: [(u16, u8, [u8; 4], [u8; 4]); 2] =
            [(20, 0x20, [10, 20, 0, 9], [10, 20, 0, 1]), (30, 0x30, [10, 30, 0, 9], [10, 30, 0, 1])];
        for (vlan, station, address, gateway) in hosts {
            let mac = [2, 0, 0, 0, 0, station];
            let mut request = vec![0, 1, 8, 0, 6, 4, 0, 1];
            request.extend([&mac[..], &address, &[0; 6], &gateway].concat());
            wire.send(&tagged(vlan, &eth([0xff; 6], mac, 0x0806, &request)));
            let answer = wire.wait("an ARP answer", |frame| (frame[..6] == mac).then(|| frame.to_vec()));
            assert_eq!(answer[12..26], [0x81, 0, 0, vlan as u8, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
            assert_eq!((&answer[26..32], &answer[32..36]), (&hub::MAC[..], &gateway[..]));
        }
        // From a spoke into a VLAN, from there into the other, and back to a spoke.
        let to_lan = |to| SPOKE1.gre(None, &ip([172, 16, 1, 9], to, 17, 64, b"to the data centre"));
        for (vlan, station, address, _) in hosts {
            wire.send(&to_lan(address));
            let mac = [2, 0, 0, 0, 0, station];
            let packet = wire.wait("the packet in its VLAN", |frame| to_mac(&untagged(vlan, frame)?, mac));
            assert_eq!((packet.from, packet.to, packet.ttl), ([172, 16, 1, 9], address, 63));
        }
        let from_host20 = |to| {
            let packet = ip([10, 20, 0, 9], to, 17, 64, b"from the data centre");
            eth(hub::MAC, [2, 0, 0, 0, 0, 0x20], 0x0800, &packet)
        };
        wire.send(&tagged(20, &from_host20([10, 30, 0, 9])));
        let packet = wire.wait("the packet between VLANs", |frame| {
            to_mac(&untagged(30, frame)?, [2, 0, 0, 0, 0, 0x30])
                .filter(|packet| packet.from == [10, 20, 0, 9])
        });
        assert_eq!((packet.to, packet.ttl), ([10, 30, 0, 9], 63));
        wire.send(&tagged(20, &from_host20(SPOKE2.tunnel())));
        let (_, inner) = wire.wait("the packet at spoke 2", |frame| {
            through_tunnel(frame, SPOKE2, None).filter(|(_, inner)| inner.from == [10, 20, 0, 9])
        });
        assert_eq!(inner.ttl, 63);
        // A tag that no port has.
        wire.send(&tagged(40, &from_host20(SPOKE2.tunnel())));
        let segment = hub.segment();
        let worker = segment.worker(0);
        wait_for("the drop", || (worker.drops[DropReason::EthVlan as usize].get() >= 1).then_some(()));
        // One way each was counted where it belongs.
        let counted =
            |port: usize| (worker.ports[port].rx_packets.get(), worker.ports[port].tx_packets.get());
        wait_for("counters of the first VLAN", || (counted(1).0 >= 3 && counted(1).1 >= 2).then_some(()));
        wait_for("counters of the other", || (counted(2).0 >= 1 && counted(2).1 >= 3).then_some(()));
        assert!(counted(0).0 >= 4 && counted(0).1 >= 2, "{:?}", counted(0));
        wait_for("the links' states", || {
            segment.service().devices[..3].iter().all(|device| device.link_up() == Some(true)).then_some(())
        });
        assert!(hub.stop().success(), "{}", hub.log());
    });
}

#[test]
fn two_workers_share_a_port() {
    isolated("packets::two_workers_share_a_port", || {
        let wire = WireEnd::lay();
        let mut hub = Hub::start("workers", Setup { timed: true, workers: 2, ..Setup::default() });
        Hub::address_twins();
        hairpin(&wire);
        the_kernel_answers_arp(&wire);
        the_kernel_answers_once(&wire);
        // The packet socket spreads by a hash over the inner addresses' bits or not at all: both workers poll anyway.
        let segment = hub.segment();
        for worker in 0..2 {
            crate::namespace::wait_for("polls", || (segment.worker(worker).polls.get() > 0).then_some(()));
        }
        let sum = |of: fn(&shm::counters::WorkerCounters) -> u64| {
            (0..2).map(|n| of(segment.worker(n))).sum::<u64>()
        };
        assert!(sum(|worker| worker.ports[0].tx_packets.get()) >= 22);
        // Those behind them are of ESP.
        for (stage, name) in STAGES.iter().enumerate().take(4) {
            let cycles: u64 = (0..2).map(|n| segment.worker(n).stage_cycles[stage].get()).sum();
            assert!(cycles > 0, "{name}");
        }
        assert!(segment.service().tsc_hz.get() > 100_000_000);
        assert!(hub.stop().success(), "{}", hub.log());
    });
}

fn hairpin(wire: &WireEnd) {
    let payload = echo(8, 1);
    wire.send(&SPOKE1.gre(None, &ip(SPOKE1.tunnel(), SPOKE2.tunnel(), 1, 64, &payload)));
    let (outer, inner) = wire.wait("the packet at spoke 2", |frame| through_tunnel(frame, SPOKE2, None));
    assert_eq!((outer.from, outer.to, outer.ttl), (hub::NBMA, SPOKE2.nbma(), 255));
    assert_eq!((inner.from, inner.to, inner.ttl), (SPOKE1.tunnel(), SPOKE2.tunnel(), 63));
    assert_eq!(inner.payload, payload);
}

/// From a tunnel without key into one with.
fn between_tunnels(wire: &WireEnd) {
    wire.send(&SPOKE1.gre(None, &ip([172, 16, 1, 9], [172, 16, 3, 9], 17, 9, b"anything")));
    let (_, inner) = wire.wait("the packet in Tunnel1", |frame| through_tunnel(frame, SPOKE2, Some(77)));
    assert_eq!((inner.from, inner.to, inner.ttl), ([172, 16, 1, 9], [172, 16, 3, 9], 8));
    assert_eq!(inner.payload, b"anything");
}

fn the_kernel_answers_arp(wire: &WireEnd) {
    wire.send(&arp_request(SPOKE1, hub::NBMA));
    let answer = wire.wait("an ARP answer", |frame| {
        let arp = frame.get(12..42)?;
        (arp[..10] == [8, 6, 0, 1, 8, 0, 6, 4, 0, 2]).then(|| arp.to_vec())
    });
    assert_eq!(answer[10..16], hub::MAC);
    assert_eq!(answer[16..20], hub::NBMA);
    assert_eq!(answer[20..26], SPOKE1.mac());
}

/// The kernel has the frames twice, from the packet socket's interface and from the twin, and must answer once.
fn the_kernel_answers_once(wire: &WireEnd) {
    let ping = |sequence| wire.send(&SPOKE1.frame(1, &echo(8, sequence)));
    let answer = |frame: &[u8]| {
        let packet = to_mac(frame, SPOKE1.mac())?;
        let right = packet.from == hub::NBMA && packet.protocol == 1 && checksum(&packet.payload) == 0;
        right.then(|| u16::from_be_bytes([packet.payload[6], packet.payload[7]]))
    };
    // The kernel asks for the spoke's MAC address before its first answer, unless the request above taught it.
    for sequence in 1..=20 {
        ping(sequence);
        assert_eq!(wire.wait("a ping's answer", answer), sequence, "answered out of order or twice");
    }
}

fn the_kernel_answers_in_the_tunnel(wire: &WireEnd) {
    wire.send(&SPOKE1.gre(None, &ip(SPOKE1.tunnel(), hub::TUNNEL, 1, 64, &echo(8, 7))));
    let (outer, inner) = wire.wait("an answer in the tunnel", |frame| through_tunnel(frame, SPOKE1, None));
    assert_eq!((outer.from, outer.to), (hub::NBMA, SPOKE1.nbma()));
    assert_eq!((inner.from, inner.to), (hub::TUNNEL, SPOKE1.tunnel()));
    assert_eq!(inner.payload, echo(0, 7));
}

fn drops_are_counted(wire: &WireEnd, hub: &Hub) {
    let segment = hub.segment();
    let count = |reason: DropReason| segment.worker(0).drops[reason as usize].get();
    let wrong_key = SPOKE1.gre(Some(5), &ip(SPOKE1.tunnel(), SPOKE2.tunnel(), 1, 64, &echo(8, 1)));
    let before = count(DropReason::GreKeyMismatch);
    wire.send(&wrong_key);
    wait_for("the drop's counter", || (count(DropReason::GreKeyMismatch) > before).then_some(()));
    let counters = segment.worker(0);
    assert!(counters.packets.get() > 0 && counters.busy_cycles.get() > 0 && counters.polls.get() > 0);
    assert!(counters.punted.get() >= 22, "{}", counters.punted.get());
    let port = &counters.ports[0];
    assert!(port.rx_packets.get() >= 25 && port.tx_packets.get() >= 24, "{port:?}");
    assert!(port.tx_bytes.get() >= port.tx_packets.get() * 42);
}

/// What the service thread counts is in the segment for anyone to read.
fn devices_and_twins_are_counted(wire: &WireEnd, hub: &Hub) {
    let segment = hub.segment();
    let service = segment.service();
    wait_for("the port's link and the buffers", || {
        (service.devices[0].link_up() == Some(true) && service.buffers.get() == 8192).then_some(())
    });
    assert!(service.buffers_used.get() < 8192);
    let (port, tunnel) = (&service.port_twins[0], &service.tunnel_twins[0]);
    // An ARP request and twenty pings; each was answered.
    assert!(port.to_kernel_packets.get() >= 21, "{port:?}");
    assert!(port.from_kernel_packets.get() >= 21, "{port:?}");
    assert!(port.from_kernel_bytes.get() >= 21 * 42, "{port:?}");
    let ping = ip(SPOKE1.tunnel(), hub::TUNNEL, 1, 64, &echo(8, 7)).len() as u64;
    assert_eq!((tunnel.to_kernel_packets.get(), tunnel.to_kernel_bytes.get()), (1, ping), "{tunnel:?}");
    assert!(tunnel.from_kernel_packets.get() >= 1, "{tunnel:?}");
    // Nobody brought the second tunnel's twin up.
    wire.send(&SPOKE2.gre(Some(77), &ip([172, 16, 3, 9], [10, 254, 0, 1], 1, 64, &echo(8, 9))));
    let down = &service.tunnel_twins[1];
    wait_for("the loss", || (down.lost(TwinLoss::Undelivered) == 1).then_some(()));
    assert_eq!(down.to_kernel_packets.get(), 0);
    assert_eq!(port.lost(TwinLoss::Gone) + port.lost(TwinLoss::NoFrame), 0, "{port:?}");
}
