//! The cells under loom: whatever the schedule and whatever a relaxed load may return.

use super::*;
use loom::sync::Arc;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn tag(number: u64) -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(number - 1)
}

/// A worker with an old SA goes on while control arms the cells for another: no number goes twice with the old key.
/// `look_first` is the mutant that looks at the tag before it takes the number.
fn re_armed(look_first: bool) {
    loom::model(move || {
        let cells = Arc::new(SaCells::default());
        cells.arm(tag(1));
        let used = cells.outbound.take(tag(1), 1);
        assert_eq!(used, Some(1));
        let worker = {
            let cells = cells.clone();
            loom::thread::spawn(move || {
                if look_first {
                    let armed = cells.outbound.is_armed(tag(1));
                    let number = cells.outbound.sequence.fetch_add(1, Ordering::AcqRel) + 1;
                    armed.then_some(number)
                } else {
                    cells.outbound.take(tag(1), 1)
                }
            })
        };
        cells.arm(tag(2));
        assert!(cells.outbound.take(tag(2), 1).is_some());
        let number = worker.join().unwrap();
        assert!(number.is_none_or(|number| number > 1), "the old key has seen {number:?} twice");
    });
}

/// Two workers of one SA.
#[test]
fn numbers_are_taken_once() {
    loom::model(|| {
        let cells = Arc::new(SaCells::default());
        cells.arm(tag(1));
        let other = {
            let cells = cells.clone();
            loom::thread::spawn(move || cells.outbound.take(tag(1), 2))
        };
        let mine = cells.outbound.take(tag(1), 2).unwrap();
        let theirs = other.join().unwrap().unwrap();
        assert!(mine.abs_diff(theirs) == 2 && mine.min(theirs) == 1);
    });
}

#[test]
fn no_number_goes_twice_with_the_old_key() {
    re_armed(false);
}

#[test]
fn mutant_that_looks_before_it_takes_fails() {
    assert!(catch_unwind(AssertUnwindSafe(|| re_armed(true))).is_err(), "the mutant survived");
}
