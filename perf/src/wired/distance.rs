//! How far two cores are from each other.
//!
//! In a virtual machine the host says which real cores they are, and may change its mind at any time. Two cores that share
//! a cache hand a packet over in a fraction of the time that two others need, so figures of the one case and of the other
//! say nothing about each other.

use crate::machine::pin;
use crate::spread::Spread;
use shm::cpu::cycles;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Times that the line goes to the other core and back.
const TRIPS: u64 = 2_000;
/// How long that may take.
const PATIENCE: Duration = Duration::from_millis(200);
/// Looks at the line between two at the clock.
const LOOKS: u32 = 1 << 16;
/// Distances are alike if none is greater than another by more than this.
const ALIKE: f64 = 1.5;

/// A cache line, and the one that the processor fetches with it.
#[repr(align(128))]
struct Line(AtomicU64);

impl Line {
    /// Waits for a number; `false`: it did not come in time.
    fn wait(&self, number: u64, end: Instant) -> bool {
        while Instant::now() < end {
            for _ in 0..LOOKS {
                if self.0.load(Ordering::Acquire) == number {
                    return true;
                }
                std::hint::spin_loop();
            }
        }
        false
    }
}

/// Cycles that a cache line takes to another core and back, the median; this thread is on the first. `None`: both are the
/// same, or something else ran there.
pub fn distance(ours: usize, theirs: usize) -> Option<u64> {
    if ours == theirs {
        return None;
    }
    let (line, ready) = (Line(AtomicU64::new(0)), Barrier::new(2));
    let end = Instant::now() + PATIENCE;
    std::thread::scope(|scope| {
        // Even numbers are ours, odd ones theirs.
        scope.spawn(|| {
            let pinned = pin(theirs);
            ready.wait();
            for trip in (0..2 * TRIPS).step_by(2) {
                if !pinned || !line.wait(trip + 1, end) {
                    return;
                }
                line.0.store(trip + 2, Ordering::Release);
            }
        });
        ready.wait();
        let mut trips = Vec::new();
        for trip in (0..2 * TRIPS).step_by(2) {
            let before = cycles();
            line.0.store(trip + 1, Ordering::Release);
            if !line.wait(trip + 2, end) {
                return None;
            }
            trips.push(cycles().wrapping_sub(before) as f64);
        }
        Some(Spread::of(trips).median as u64)
    })
}

/// Whether the cores were equally far from each other each time, as far as is known.
pub fn alike(distances: impl IntoIterator<Item = u64>) -> bool {
    let all = Spread::of(distances.into_iter().map(|distance| distance as f64));
    all.min.is_nan() || all.max <= all.min * ALIKE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_that_moved_are_told() {
        assert!(alike([]) && alike([700]) && alike([330, 380, 312]));
        assert!(!alike([330, 380, 990]));
    }

    #[test]
    fn a_core_is_no_distance_from_itself() {
        assert_eq!(distance(0, 0), None);
    }
}
