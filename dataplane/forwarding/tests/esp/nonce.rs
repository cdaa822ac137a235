//! No key ever sees a nonce twice: two workers on one SA, and dataplanes that die and are rebuilt from the segment.

use crate::common::sa::Sa;
use crate::common::secured::*;
use crate::common::*;
use forwarding::crypto::SEED;
use forwarding::memory::{DATAROOM, MemoryPool};
use forwarding::{ApplyError, Burst, Forwarder, Now, Security, secured_tables};
use shm::Segment;
use shm::counters::{Traffic, WorkerCounters};
use shm::message::{Target, Transform, Update};
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

const WORKERS: usize = 2;
/// Dataplanes that live and die.
const LIVES: u64 = 100;

/// SPI and IV of every packet that was sent, which are a key and a nonce.
type Seen = Mutex<Vec<(u32, [u8; 8])>>;

/// One life of a dataplane: both workers send by one SA until they are stopped in the middle of it, as a kill would.
fn live(segment: &Segment, sa: &Sa, least: u64, seen: &Seen) {
    let security =
        Security { cells: segment.sas_shared(), choice: choice(), seeds: vec![[1; SEED]; WORKERS] };
    let (mut updater, readers) = secured_tables(secured_settings(WORKERS), Some(security)).expect("settings");
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for reader in readers {
            let (stop, sent) = (&stop, &sent);
            scope.spawn(move || {
                let mut pool = MemoryPool::new(1024, DATAROOM);
                let counters = WorkerCounters::default();
                let peers: Vec<Traffic> = (0..64).map(|_| Traffic::default()).collect();
                let mut forwarder = Forwarder::new(reader, pool.clone(), &counters, &peers);
                let (mut out, now) = (Recorder::default(), Now::from_millis(1));
                let packet = udp(TUNNEL0, HOST[2], 64);
                while !stop.load(Relaxed) {
                    forwarder.tick(now, &mut out);
                    let mut burst: Burst<_> = (0..16).map(|_| pool.with(&packet).expect("room")).collect();
                    forwarder.process_tunnel(0, &mut burst, now, &mut out);
                    let frames = std::mem::take(&mut out.sent);
                    sent.fetch_add(frames.len() as u64, Relaxed);
                    let nonces = frames.iter().map(|(_, frame)| {
                        let iv = frame[42..50].try_into().expect("8 octets");
                        (spi_of(frame), iv)
                    });
                    seen.lock().expect("lock").extend(nonces);
                }
            });
        }
        let updates = [
            Update::Link { id: 0, port: UNDERLAY, mac: Some(GATEWAY_MAC) },
            sa.inbound(),
            sa.outbound(),
            peer(2, sa, Some(sa.id)),
            Update::Route { vrf: 0, prefix: HOST[2], len: 32, target: Target::Peer(2) },
        ];
        for update in updates {
            while updater.apply(&update) == Err(ApplyError::Busy) {
                std::thread::yield_now();
            }
        }
        while sent.load(Relaxed) < least {
            std::thread::yield_now();
        }
        stop.store(true, Relaxed);
    });
}

#[test]
fn every_pair_of_key_and_nonce_once_through_a_hundred_lives() {
    let segment = Segment::private(&geometry(WORKERS)).expect("segment");
    let seen = Seen::default();
    let mut keys = 0;
    let mut sa = None;
    for life in 0..LIVES {
        // A rekey in every tenth life: the same slot, armed anew.
        if life.is_multiple_of(10) {
            keys += 1;
            let mut next = Sa::new(20, keys, 200, NBMA[2], Transform::Gcm128);
            next.to_spoke.spi = 0xc000_0000 + keys as u32;
            assert!(segment.arm(next.id, next.tag));
            sa = Some(next);
        }
        live(&segment, sa.as_ref().expect("armed"), 100 + life, &seen);
    }
    let seen = seen.into_inner().expect("lock");
    let pairs: HashSet<_> = seen.iter().collect();
    assert_eq!(pairs.len(), seen.len(), "a nonce came twice");
    assert!(seen.len() as u64 >= LIVES * 100 && keys == LIVES / 10);
}

/// Those of CBC must be unpredictable (RFC 3602 3): none twice, no counter, no bit that stays.
#[test]
fn initialization_vectors_of_cbc_are_random() {
    let (one, two) = (sa(1, Transform::Gcm128), sa(2, Transform::Cbc256Sha256));
    let mut hub = Hub::with_spokes(1, [&one, &two]);
    let frames: Vec<_> = (1..=2000).map(|sequence| one.frame(sequence, &data(64))).collect();
    hub.receive(&frames);
    let ivs: Vec<Vec<u8>> = hub.sent().iter().map(|frame| two.to_spoke.iv(&frame[34..]).to_vec()).collect();
    assert_eq!(ivs.iter().collect::<HashSet<_>>().len(), 2000);
    for bit in 0..128 {
        let ones = ivs.iter().filter(|iv| iv[bit / 8] >> (bit % 8) & 1 != 0).count();
        // Nine standard deviations of a fair coin.
        assert!((800..1200).contains(&ones), "bit {bit}: {ones}");
    }
}
