//! The exception path: between the wire and the kernel, both ways, under more than it takes.

use crate::frames::{SPOKE1, echo, ip};
use crate::hub::{self, Hub, Setup};
use crate::namespace::{isolated, run, wait_for};
use crate::wire_end::WireEnd;
use shm::class::Class;
use shm::drops::DropReason;
use shm::service::TwinLoss;
use std::net::UdpSocket;
use std::time::Duration;

/// BFD of spoke 1 to the hub, with a number.
fn bfd(number: u16) -> Vec<u8> {
    let mut datagram = vec![0xc0, 0, 3784_u16.to_be_bytes()[0], 3784_u16.to_be_bytes()[1], 0, 10, 0, 0];
    datagram.extend(number.to_be_bytes());
    SPOKE1.gre(None, &ip(SPOKE1.tunnel(), hub::TUNNEL, 17, 255, &datagram))
}

#[test]
fn a_flood_of_pings_leaves_bfd_its_way_to_the_kernel() {
    isolated("exception::a_flood_of_pings_leaves_bfd_its_way_to_the_kernel", || {
        const BFD: u16 = 50;
        let wire = WireEnd::lay();
        let port = "[control-plane.icmp]\nrate = 1\nburst = 10";
        let mut hub = Hub::start("exception", Setup { port, ..Setup::default() });
        Hub::address_twins();
        let daemon = UdpSocket::bind("10.255.0.1:3784").unwrap();
        daemon.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let segment = hub.segment();
        let received = &segment.worker(0).ports[0].rx_packets;
        let ping = SPOKE1.gre(None, &ip(SPOKE1.tunnel(), hub::TUNNEL, 1, 64, &echo(8, 1)));
        for number in 0..BFD {
            let before = received.get();
            (0..20).for_each(|_| wire.send(&ping));
            wire.send(&bfd(number));
            while wire.receive().is_some() {}
            // What the wire itself loses, because its queue holds no more, is not what is tested.
            wait_for("the packets to come in", || (received.get() >= before + 21).then_some(()));
        }
        for number in 0..BFD {
            let mut datagram = [0; 2];
            daemon.recv(&mut datagram).unwrap();
            assert_eq!(u16::from_be_bytes(datagram), number, "lost or out of order");
        }
        let (icmp, routing) = (segment.worker(0).class(Class::Icmp), segment.worker(0).class(Class::Routing));
        assert_eq!(
            (routing.conformed.get(), routing.exceeded.get(), routing.queue_full.get()),
            (BFD.into(), 0, 0)
        );
        assert_eq!(icmp.conformed.get() + icmp.exceeded.get(), u64::from(BFD) * 20);
        assert!(icmp.exceeded.get() > 500, "{icmp:?}");
        assert_eq!(segment.worker(0).drops[DropReason::PuntLimited as usize].get(), icmp.exceeded.get());
        assert!(hub.stop().success(), "{}", hub.log());
    });
}

#[test]
fn a_burst_of_the_kernels_waits_and_what_is_too_much_is_counted() {
    isolated("exception::a_burst_of_the_kernels_waits_and_what_is_too_much_is_counted", || {
        /// What the twin's queue holds.
        const QUEUE: u64 = 10_000;
        let _wire = WireEnd::lay();
        let mut hub = Hub::start("burst", Setup::default());
        Hub::address_twins();
        let segment = hub.segment();
        let (tunnel, twin) = (&segment.worker(0).tunnels[0], &segment.service().tunnel_twins[0]);
        let daemon = UdpSocket::bind("10.255.0.1:0").unwrap();
        // While the data plane stands still the burst has nowhere to go.
        let burst = |packets: u64| {
            let pid = hub.pid().to_string();
            run("kill", &["-STOP", &pid]);
            for _ in 0..packets {
                daemon.send_to(b"an update to another neighbour", "10.255.0.11:179").unwrap();
            }
            run("kill", &["-CONT", &pid]);
        };
        let losses = || TwinLoss::ALL.iter().map(|cause| twin.lost(*cause)).sum::<u64>();
        burst(2_000);
        wait_for("the burst to leave", || (tunnel.tx_packets.get() >= 2_000).then_some(()));
        assert_eq!(losses(), 0, "{twin:?}");
        burst(QUEUE + 500);
        wait_for("each packet to leave or be counted", || {
            let all = tunnel.tx_packets.get() + twin.lost(TwinLoss::QueueFull);
            (all >= 2_000 + QUEUE + 500).then_some(())
        });
        assert!(tunnel.tx_packets.get() >= 2_000 + QUEUE - 100, "{tunnel:?} {twin:?}");
        assert_eq!(losses(), twin.lost(TwinLoss::QueueFull), "no other loss: {twin:?}");
        assert!(hub.stop().success(), "{}", hub.log());
    });
}
