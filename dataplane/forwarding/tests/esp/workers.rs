//! Several workers: one owns an SA, the others hand its packets over.

use crate::common::secured::*;
use crate::common::*;
use shm::drops::DropReason;
use shm::message::Transform;

#[test]
fn the_first_to_receive_owns_the_sa() {
    for port in [None, Some(4711)] {
        let (mut one, two) = (sa(1, Transform::Gcm128), sa(2, Transform::Gcm128));
        one.udp = port;
        let mut hub = Hub::with_spokes(2, [&one, &two]);
        hub.receive_at(0, &[one.frame(1, &data(64))]);
        assert_eq!(two.receive(&hub.one()).0, 1);
        // The other worker has no say in what is a copy.
        hub.receive_at(1, &[one.frame(1, &data(64)), one.frame(2, &data(64))]);
        assert_eq!(hub.workers[1].out.handed.len(), 2);
        assert_eq!(hub.workers[1].out.sent, []);
        hub.pass_handed();
        assert_eq!(two.receive(&hub.one()).0, 2);
        assert_eq!(hub.drops(), [(DropReason::EspReplayDup.name(), 1)]);
        // In fragments, which are put together where they arrive.
        let whole = one.frame(3, &data(1000))[14..].to_vec();
        hub.receive_at(1, &pieces(&whole, 512));
        hub.pass_handed();
        assert_eq!(two.receive(&hub.one()).0, 3);
        // Both send by one SA, each with numbers of its own.
        assert_eq!(hub.segment.sa(two.id).expect("cells").outbound.sequence(), 3);
    }
}

#[test]
fn a_full_queue_is_counted() {
    let (one, two) = (sa(1, Transform::Gcm128), sa(2, Transform::Gcm128));
    let mut hub = Hub::with_spokes(2, [&one, &two]);
    hub.receive_at(0, &[one.frame(1, &data(64))]);
    hub.workers[1].out.deaf = true;
    hub.receive_at(1, &[one.frame(2, &data(64))]);
    assert_eq!(hub.drops(), [(DropReason::EspHandoff.name(), 1)]);
}

/// A packet handed to a worker that no longer is the owner is not handed on for ever.
#[test]
fn nothing_goes_round() {
    let (one, two) = (sa(1, Transform::Gcm128), sa(2, Transform::Gcm128));
    let mut hub = Hub::with_spokes(2, [&one, &two]);
    hub.receive_at(0, &[one.frame(1, &data(64))]);
    let datagram = one.frame(2, &data(64))[14..].to_vec();
    hub.workers[0].out.handed.push((1, UNDERLAY, datagram));
    hub.pass_handed();
    assert!(hub.workers.iter().all(|worker| worker.out.handed.is_empty()));
    assert_eq!(hub.drops(), [(DropReason::EspHandoff.name(), 1)]);
}
