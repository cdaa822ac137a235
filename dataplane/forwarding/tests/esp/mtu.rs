//! The largest inner packet of each transform, mode and form, on a port that takes 1500 octets.

use crate::common::secured::*;
use crate::common::*;
use shm::drops::DropReason;
use shm::message::{Transform, Update};
use shm::{Geometry, Segment};

/// Without and with key, of each without and with UDP encapsulation, and the outer length of 1400 octets with both.
const TABLE: [(Transform, bool, [usize; 4], usize); 6] = [
    (Transform::Gcm128, false, [1442, 1434, 1438, 1430], 1472),
    (Transform::Gcm256, true, [1422, 1414, 1418, 1410], 1492),
    (Transform::Cbc128Sha256, false, [1434, 1418, 1430, 1414], 1492),
    (Transform::Cbc256Sha256, true, [1414, 1398, 1410, 1394], 1508),
    (Transform::Cbc256Sha1, true, [1414, 1398, 1410, 1394], 1504),
    // Not in anybody's table, worked out by hand: 1500 - 20 - 8 - 16 - 32 = 1424, and so on.
    (Transform::Cbc256Sha512, true, [1398, 1382, 1394, 1378], 1520),
];

#[test]
fn the_largest_inner_packet_is_as_the_table_says() {
    for (transform, tunnel_mode, largest, outer_of_1400) in TABLE {
        for (form, largest) in largest.into_iter().enumerate() {
            let (keyed, udp_form) = (form & 2 != 0, form & 1 != 0);
            let mut settings = secured_settings(1);
            settings.tunnels[0].ip_mtu = 1500;
            settings.tunnels[0].key = keyed.then_some(KEY0);
            let segment = Segment::private(&Geometry { workers: 1, max_peers: 64 }).expect("segment");
            let mut hub = Hub::on(segment, settings);
            let mut two = sa(2, transform);
            if tunnel_mode {
                two = two.tunnel_mode();
            }
            if udp_form {
                two = two.behind_nat(4500);
            }
            hub.install(&two);
            hub.register(2, &two);
            let packet = |len| with_header(udp(TUNNEL0, HOST[2], len), |packet| packet[6] = 0x40);
            hub.twin(&[packet(largest)]);
            let frame = hub.one();
            let header = if keyed { 8 } else { 4 };
            assert_eq!(two.receive(&frame).1[header..], packet(largest), "{transform:?} {form}");
            hub.twin(&[packet(largest + 1)]);
            let [answer] = &hub.workers[0].out.packets[..] else { panic!("{:?}", hub.drops()) };
            // RFC 1191: the MTU that would do.
            assert_eq!(answer.1[20 + 6..20 + 8], (largest as u16).to_be_bytes(), "{transform:?} {form}");
            assert_eq!(hub.drops(), [(DropReason::FragNeeded.name(), 1)]);
            // What would be too long is cut before it is sealed.
            hub.twin(&[udp(TUNNEL0, HOST[2], 1400)]);
            let sent = hub.sent();
            if form == 3 {
                assert_eq!(sent.len(), if outer_of_1400 > 1500 { 2 } else { 1 });
                if outer_of_1400 <= 1500 {
                    assert_eq!(sent[0].len() - 14, outer_of_1400);
                }
            }
        }
    }
}

/// A peer may be told to use an SA that is not there yet: then the worst is assumed, and the truth when it comes.
#[test]
fn the_mtu_follows_the_sa() {
    let two = sa(2, Transform::Gcm128);
    let mut settings = secured_settings(1);
    settings.tunnels[0].ip_mtu = 1500;
    let mut hub = Hub::on(Segment::private(&geometry(1)).expect("segment"), settings);
    hub.apply(&peer(2, &two, Some(two.id)));
    hub.apply(&Update::Route { vrf: 0, prefix: HOST[2], len: 32, target: shm::message::Target::Peer(2) });
    let packet = |len| with_header(udp(TUNNEL0, HOST[2], len), |packet| packet[6] = 0x40);
    hub.apply(&Update::Route { vrf: 0, prefix: TUNNEL0, len: 32, target: shm::message::Target::Tunnel(0) });
    hub.twin(&[packet(1394), packet(1395)]);
    assert_eq!(hub.drops(), [(DropReason::FragNeeded.name(), 1), (DropReason::EspNoSa.name(), 1)]);
    hub.install(&two);
    hub.twin(&[packet(1438)]);
    assert_eq!(two.receive(&hub.one()).1[8..], packet(1438));
}
