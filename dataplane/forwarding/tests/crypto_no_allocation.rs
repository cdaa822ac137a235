//! Sealing and opening allocate nothing, whatever the engine.
#![cfg(test)]

use forwarding::crypto::{
    Choice, Context, Crypto, Direction, Engine, Job, Keys, SEED, Status, Transform, Wish, overhead,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn crypto_allocates_nothing() {
    for engine in Engine::ALL {
        let Ok(choice) = Choice::new(Wish::Only(engine)) else { continue };
        let mut crypto = Crypto::new(&choice, &[1; SEED]).unwrap();
        for transform in Transform::ALL.iter().copied() {
            let keys = Keys::new(transform, &vec![7; transform.material_len()]).unwrap();
            let [inbound, outbound] = [Direction::Inbound, Direction::Outbound]
                .map(|direction| Context::new(&choice, direction, &keys, true).unwrap());
            let mut packets: Vec<Vec<u8>> =
                (0..200).map(|n| vec![0; overhead(transform) + n % 90 * 16]).collect();
            let mut jobs: Vec<_> = packets.iter_mut().map(|packet| Job::new(&outbound, packet, 9)).collect();
            let region = Region::new(ALLOCATOR);
            crypto.seal(&mut jobs);
            jobs.iter_mut().for_each(|job| job.context = &inbound);
            crypto.open(&mut jobs);
            let change = region.change();
            assert_eq!((change.allocations, change.deallocations, change.reallocations), (0, 0, 0));
            assert!(jobs.iter().all(|job| job.status == Status::Done));
        }
    }
}
