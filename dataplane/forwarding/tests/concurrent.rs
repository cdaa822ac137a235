//! Control changes everything around two spokes, again and again, while they talk: no packet is lost or goes astray.
#![cfg(test)]
#![allow(missing_docs)]

mod common;
use common::*;
use forwarding::{ApplyError, Updater};
use shm::message::{Target, Update};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

const ROUNDS: u64 = 3_000;

/// Where spoke 2 is at times.
const MOVED: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 222);

/// The worker has failed: do not wait for it.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Applies what a worker that still reads holds back, too.
fn apply(updater: &mut Updater, update: Update) {
    while updater.apply(&update) == Err(ApplyError::Busy) && !FAILED.load(Relaxed) {
        std::thread::yield_now();
    }
}

fn churn(updater: &mut Updater, round: u64) {
    let generation = round + 2;
    for mut update in updates() {
        match &mut update {
            Update::Begin { generation: at } | Update::End { generation: at } => *at = generation,
            Update::Peer { id: 2, nbma, .. } if round.is_multiple_of(2) => *nbma = MOVED,
            _ => {}
        }
        if matches!(update, Update::End { .. }) {
            // Others come in every second resync, and are swept in the next.
            for id in (40..56).filter(|_| round.is_multiple_of(2)) {
                let nbma = Ipv4Addr::from_bits(0xc633_6480 + id);
                apply(
                    updater,
                    Update::Peer { id, tunnel: 0, nbma, link: 0, multicast: true, protection: None },
                );
                let prefix = Ipv4Addr::new(10, 2, 0, id as u8);
                apply(updater, Update::Route { vrf: 0, prefix, len: 32, target: Target::Peer(id) });
            }
        }
        apply(updater, update);
    }
    let longer = Update::Route { vrf: 0, prefix: HOST[2], len: 32, target: Target::Peer(2) };
    apply(updater, longer);
}

#[test]
fn two_spokes_talk_through_every_change() {
    let World { mut updater, mut forwarder, mut pool, counters, mut out, now } = World::new();
    let frame = from_spoke(1, &udp(HOST[1], HOST[2], 64));
    let rounds = AtomicU64::new(0);
    let mut packets = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                churn(&mut updater, round);
                rounds.store(round + 1, Relaxed);
            }
        });
        while rounds.load(Relaxed) < ROUNDS {
            forwarder.tick(now, &mut out);
            let mut burst = (0..32).map(|_| pool.with(&frame).expect("room")).collect();
            forwarder.process(UNDERLAY, &mut burst, now, &mut out);
            packets += 32;
            let to: Vec<_> = out.sent.drain(..).map(|(_, frame)| open(&frame).destination).collect();
            let good = to.len() == 32 && to.iter().all(|to| [NBMA[2], MOVED].contains(to));
            FAILED.store(!good, Relaxed);
            assert!(good, "after {packets} packets: {to:?}, drops {:?}", counters.worker.drops);
        }
    });
    assert_eq!(counters.peers[2].tx_packets.get(), packets);
    assert_eq!(updater.sizes().refused, 0);
}
