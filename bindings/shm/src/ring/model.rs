//! The ring under loom: every schedule and every value that a relaxed load may return, on a small ring.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p shm --lib --release model`. Each property has a mutant with
//! one ordering weakened, which must fail: a model that cannot fail proves nothing (loom once explored a single
//! schedule of a ring whose spawned thread began with a load; that is why threads here begin with a store and why
//! the schedules are counted). The release of `tail` has no mutant: it keeps the consumer's loads before its store,
//! and loom performs loads in program order whatever their ordering.

use super::*;
use loom::sync::Arc;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;

const WORDS: usize = 2;

struct Plain<const SECRET: bool>(Arc<(RingHeader, [[AtomicU64; WORDS]; 2])>);

impl<const SECRET: bool> Plain<SECRET> {
    fn new() -> Self {
        Self(Arc::new((RingHeader::default(), [[0, 0].map(AtomicU64::new), [0, 0].map(AtomicU64::new)])))
    }
    fn share(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<const SECRET: bool> Memory<WORDS> for Plain<SECRET> {
    const SECRET: bool = SECRET;
    fn header(&self) -> &RingHeader {
        &self.0.0
    }
    fn slots(&self) -> &[[AtomicU64; WORDS]] {
        &self.0.1
    }
}

/// Which ordering is weakened.
#[derive(Clone, Copy, PartialEq)]
enum Mutant {
    None,
    Publish,
    Observe,
    WipeLate,
}

/// Runs a model and gives how many schedules were explored.
fn explore(model: impl Fn() + Sync + Send + 'static) -> usize {
    let explored = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = explored.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        model();
    });
    explored.load(Ordering::Relaxed)
}

fn take<const SECRET: bool>(consumer: &mut Consumer<Plain<SECRET>, WORDS>) -> Option<u64> {
    let mut out = [0; WORDS];
    match consumer.peek(&mut out) {
        Peek::Empty => None,
        Peek::Message(length) => {
            assert_eq!(length, 1, "a slot was read before it was written");
            consumer.advance();
            consumer.commit();
            Some(out[0])
        }
        Peek::Malformed => panic!("a slot was read before it was written"),
    }
}

/// A producer pushes three messages through two slots while a consumer takes them.
fn passing<const SECRET: bool>(mutant: Mutant) -> usize {
    explore(move || {
        let memory = Plain::<SECRET>::new();
        let shared = memory.share();
        let mut consumer = Consumer::attach(memory);
        if mutant == Mutant::Observe {
            consumer.observe = Ordering::Relaxed;
        }
        consumer.wipes_late = mutant == Mutant::WipeLate;
        let mut producer = Producer::attach(shared);
        if mutant == Mutant::Publish {
            producer.publish = Ordering::Relaxed;
        }
        let thread = loom::thread::spawn(move || {
            // The third finds the ring full unless the consumer was quick.
            let mut sent = 0;
            for value in 1..=3 {
                if producer.push(&[value]).is_ok() {
                    sent = value;
                } else {
                    break;
                }
            }
            sent
        });
        let mut seen = 0;
        for _ in 0..2 {
            if let Some(value) = take(&mut consumer) {
                assert_eq!(value, seen + 1, "lost, doubled or torn");
                seen = value;
            }
        }
        let sent = thread.join().unwrap();
        while let Some(value) = take(&mut consumer) {
            assert_eq!(value, seen + 1, "lost, doubled or torn");
            seen = value;
        }
        assert_eq!(seen, sent);
        assert_eq!(consumer.memory.0.0.stats(2).corrupt, 0);
    })
}

/// A producer dies having written a slot without publishing it; its successor, in another thread, takes over while
/// the consumer works.
fn succession(mutant: Mutant) -> usize {
    explore(move || {
        let memory = Plain::<false>::new();
        let shared = memory.share();
        let mut consumer = Consumer::attach(memory);
        let mut first = Producer::attach(shared.share());
        if mutant == Mutant::Publish {
            first.publish = Ordering::Relaxed;
        }
        let thread = loom::thread::spawn(move || {
            first.push(&[1]).unwrap();
            shared.slots()[1][0].store(7, Ordering::Relaxed);
            shared.slots()[1][1].store(99, Ordering::Relaxed);
            drop(first);
            let mut second = Producer::attach(shared);
            if mutant == Mutant::Publish {
                second.publish = Ordering::Relaxed;
            }
            second.push(&[2]).unwrap();
        });
        let mut seen = 0;
        for _ in 0..2 {
            if let Some(value) = take(&mut consumer) {
                assert_eq!(value, seen + 1, "lost, doubled or torn");
                seen = value;
            }
        }
        thread.join().unwrap();
        while let Some(value) = take(&mut consumer) {
            assert_eq!(value, seen + 1, "lost, doubled or torn");
            seen = value;
        }
        assert_eq!(seen, 2);
    })
}

fn must_fail(model: impl FnOnce() -> usize) {
    assert!(catch_unwind(AssertUnwindSafe(model)).is_err(), "the mutant survived: the model sees nothing");
}

#[test]
fn messages_pass_whole_and_in_order() {
    assert!(passing::<false>(Mutant::None) > 1);
}

/// Slots are wiped while the producer waits for them.
#[test]
fn secrets_pass_whole_and_in_order() {
    assert!(passing::<true>(Mutant::None) > 1);
}

#[test]
fn mutant_late_wipe_fails() {
    must_fail(|| passing::<true>(Mutant::WipeLate));
}

#[test]
fn mutant_relaxed_publish_fails() {
    must_fail(|| passing::<false>(Mutant::Publish));
}

#[test]
fn mutant_relaxed_observe_fails() {
    must_fail(|| passing::<false>(Mutant::Observe));
}

#[test]
fn a_successor_takes_over() {
    assert!(succession(Mutant::None) > 1);
}

#[test]
fn mutant_relaxed_publish_in_succession_fails() {
    must_fail(|| succession(Mutant::Publish));
}
