//! Control-plane policing: what the hub itself takes of each class. RFC 6192.
//!
//! All workers together draw on one allowance a class: where packets arrive (ARP comes by one queue, a big site by
//! another) does not matter. An allowance is one word, the instant at which a bucket that loses a packet's time with
//! each packet would be full again (the generic cell rate algorithm, ITU-T I.371 annex A); taking is one
//! compare-and-swap, and refusing, which is what a flood does, only reads.

use crate::limiter::Rate;
use crate::now::Now;
use shm::class::Class;
use std::sync::atomic::{AtomicU64, Ordering};

const NANOS_PER_SEC: u64 = 1_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// What each class is allowed, all workers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlPlane([Rate; Class::COUNT]);

impl ControlPlane {
    /// By class.
    pub fn new(rate: impl FnMut(Class) -> Rate) -> Self {
        Self(Class::ALL.map(rate))
    }

    /// What a class is allowed.
    pub fn of(&self, class: Class) -> Rate {
        self.0[class as usize]
    }

    /// The same but for one class.
    pub fn with(mut self, class: Class, rate: Rate) -> Self {
        self.0[class as usize] = rate;
        self
    }
}

impl Default for ControlPlane {
    /// Enough for what is no flood, in tests and measurements; `hub.toml` has defaults of its own.
    fn default() -> Self {
        Self([Rate { per_second: 50_000, burst: 20_000 }; Class::COUNT])
    }
}

/// The allowances of all classes. Written and read by all workers.
#[derive(Debug)]
pub(crate) struct Police([Allowance; Class::COUNT]);

impl Police {
    /// All full.
    pub(crate) fn new(rates: &ControlPlane) -> Self {
        Self(rates.0.map(Allowance::full))
    }

    /// Takes one packet of the class. `false`: it has had its share.
    #[inline]
    pub(crate) fn take(&self, class: Class, now: Now) -> bool {
        self.0[class as usize].take(now)
    }
}

/// One token bucket that many draw on; a line of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Allowance {
    /// Nanoseconds a packet.
    each: u64,
    /// Nanoseconds of the whole burst.
    burst: u64,
    /// When it will be full again, in nanoseconds of the workers' clock.
    full_at: AtomicU64,
}

impl Allowance {
    fn full(rate: Rate) -> Self {
        // Rounded up: rather a packet less than one more than the rate.
        let each = NANOS_PER_SEC.div_ceil(rate.per_second.max(1).into());
        Self { each, burst: each.saturating_mul(rate.burst.into()), full_at: AtomicU64::new(0) }
    }

    /// The order of takers does not matter, only that none is lost: relaxed.
    #[inline]
    fn take(&self, now: Now) -> bool {
        let now = now.millis().saturating_mul(NANOS_PER_MILLI);
        let taken = |full_at: u64| {
            let next = full_at.max(now).saturating_add(self.each);
            (next - now <= self.burst).then_some(next)
        };
        self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Now {
        Now::from_millis(millis)
    }

    fn took(allowance: &Allowance, tries: u32, now: Now) -> u32 {
        (0..tries).filter(|_| allowance.take(now)).count() as u32
    }

    #[test]
    fn burst_then_rate() {
        let allowance = Allowance::full(Rate { per_second: 10, burst: 3 });
        assert_eq!(took(&allowance, 10, at(5000)), 3);
        assert_eq!(took(&allowance, 10, at(5099)), 0);
        assert_eq!(took(&allowance, 10, at(5100)), 1);
        assert_eq!(took(&allowance, 10, at(5350)), 2);
        assert_eq!(
            took(&allowance, 10, at(1_000_000)),
            3,
            "no more than the burst, however long it was quiet"
        );
        assert_eq!(took(&allowance, 10, at(0)), 0, "time that goes back gives nothing");
    }

    #[test]
    fn the_extremes_hold() {
        let slow = Allowance::full(Rate { per_second: 1, burst: 1 });
        assert_eq!(took(&slow, 5, at(1 << 40)), 1);
        let fast = Allowance::full(Rate { per_second: u32::MAX, burst: u32::MAX });
        assert_eq!(took(&fast, 1000, at(0)), 1000);
        let none = Allowance::full(Rate { per_second: 0, burst: 0 });
        assert_eq!(took(&none, 5, at(77)), 0);
    }

    #[test]
    fn a_flood_of_one_class_leaves_each_other_whole() {
        let rate = Rate { per_second: 1000, burst: 50 };
        for flooded in Class::ALL {
            let police = Police::new(&ControlPlane::new(|_| rate));
            let mut passed = 0;
            // Ten seconds of virtual time: a million a second of one class, each other at its rate.
            for now in 0..10_000 {
                passed += (0..1000).filter(|_| police.take(flooded, at(now))).count();
                for other in Class::ALL.into_iter().filter(|other| *other != flooded) {
                    assert!(police.take(other, at(now)), "{other:?} while {flooded:?} is under flood");
                }
            }
            assert!((10_000..=10_050).contains(&passed), "{flooded:?}: {passed}");
        }
    }

    #[test]
    fn workers_share_exactly_one_allowance() {
        let police = Police::new(&ControlPlane::new(|_| Rate { per_second: 1000, burst: 500 }));
        let passed: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..1000).filter(|_| police.take(Class::Icmp, at(9))).count()))
                .collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(passed, 500);
    }

    proptest! {
        /// Never more than burst + rate * time in any run, and who keeps to the rate loses nothing.
        #[test]
        fn bounds_hold(
            steps in proptest::collection::vec((0u64..300, 0u32..40), 1..200),
            per_second in 1u32..5000,
            burst in 1u32..50,
        ) {
            let allowance = Allowance::full(Rate { per_second, burst });
            let (mut now, mut taken) = (0, 0);
            for (step, tries) in steps {
                now += step;
                taken += u64::from(took(&allowance, tries, at(now)));
                prop_assert!(taken * 1000 <= u64::from(burst) * 1000 + now * u64::from(per_second));
            }
            // After a quiet second and a packet a period there is always one.
            now += 1000 + u64::from(burst) * 1000;
            for _ in 0..100 {
                now += 1000_u64.div_ceil(per_second.into());
                prop_assert!(allowance.take(at(now)));
            }
        }
    }
}
