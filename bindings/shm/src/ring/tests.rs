use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;

const WORDS: usize = 4;
const CAPACITY: u64 = 8;

/// A ring in plain memory.
#[derive(Clone)]
struct Plain<const SECRET: bool = false>(Arc<(RingHeader, Vec<[AtomicU64; WORDS]>)>);

impl<const SECRET: bool> Plain<SECRET> {
    fn new() -> Self {
        Self(Arc::new((RingHeader::default(), (0..CAPACITY).map(|_| Default::default()).collect())))
    }
    fn stats(&self) -> RingStats {
        self.0.0.stats(self.0.1.len())
    }
    /// Slots with something in them that is not zero, beside the length.
    fn secrets(&self) -> usize {
        let holds =
            |slot: &&[AtomicU64; WORDS]| slot[1..].iter().any(|word| word.load(Ordering::Relaxed) != 0);
        self.0.1.iter().filter(holds).count()
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

/// One step of either side, its death, or a stranger's.
#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Take,
    Commit,
    ProducerDies,
    ConsumerDies,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..WORDS).prop_map(Step::Push),
        6 => Just(Step::Take),
        3 => Just(Step::Commit),
        1 => Just(Step::ProducerDies),
        1 => Just(Step::ConsumerDies),
    ]
}

/// Against a queue: what was pushed comes out in order; a consumer's successor sees again exactly what was not
/// committed; full is said exactly when it is. Of secrets nothing stays in slots that are free.
fn queue<const SECRET: bool>(steps: Vec<Step>, start: u64) -> Result<(), TestCaseError> {
    let memory = Plain::<SECRET>::new();
    memory.0.0.producer.head.store(start, Ordering::Relaxed);
    memory.0.0.consumer.tail.store(start, Ordering::Relaxed);
    let (mut producer, mut consumer) = (Producer::attach(memory.clone()), Consumer::attach(memory.clone()));
    // Messages not committed, and how many of them the consumer has taken.
    let (mut queue, mut taken, mut next) = (VecDeque::new(), 0, start);
    for step in steps {
        match step {
            Step::Push(length) => {
                let message: Vec<u64> =
                    (0..length as u64).map(|word| (next ^ word << 32) | 1 << 63).collect();
                let pushed = producer.push(&message);
                if queue.len() as u64 == CAPACITY {
                    prop_assert_eq!(pushed, Err(Refused::Full));
                } else {
                    prop_assert_eq!(pushed, Ok(next));
                    next = next.wrapping_add(1);
                    queue.push_back(message);
                }
            }
            Step::Take => {
                let mut out = [0; WORDS];
                match queue.get(taken) {
                    None => prop_assert_eq!(consumer.peek(&mut out), Peek::Empty),
                    Some(message) => {
                        prop_assert_eq!(consumer.peek(&mut out), Peek::Message(message.len()));
                        prop_assert_eq!(&out[..message.len()], message.as_slice());
                        taken += 1;
                    }
                }
                consumer.advance();
            }
            Step::Commit => {
                consumer.commit();
                queue.drain(..taken);
                taken = 0;
            }
            Step::ProducerDies => producer = Producer::attach(memory.clone()),
            Step::ConsumerDies => {
                consumer = Consumer::attach(memory.clone());
                taken = 0;
            }
        }
        prop_assert_eq!(producer.position(), next);
        prop_assert_eq!(next.wrapping_sub(producer.acknowledged()), queue.len() as u64);
        prop_assert_eq!(memory.stats().depth, queue.len() as u64);
        if SECRET {
            prop_assert_eq!(memory.secrets(), queue.iter().filter(|message| !message.is_empty()).count());
        }
    }
    prop_assert_eq!(memory.stats().corrupt, 0);
    Ok(())
}

proptest! {
    #[test]
    fn behaves_as_a_queue(steps in prop::collection::vec(step(), 0..400), start in any::<u64>()) {
        queue::<false>(steps, start)?;
    }

    #[test]
    fn behaves_as_a_queue_of_secrets(steps in prop::collection::vec(step(), 0..400), start in any::<u64>()) {
        queue::<true>(steps, start)?;
    }

    /// A consumer that dies at whatever store of its wiping: its successor finds what was not wiped, whole, and nothing
    /// else; and wipes the rest.
    #[test]
    fn a_consumer_dies_while_it_wipes(
        start in any::<u64>(),
        messages in 1..=CAPACITY as usize,
        taken in 1..=CAPACITY as usize,
        stores in 0..=CAPACITY as usize * WORDS,
    ) {
        let memory = Plain::<true>::new();
        memory.0.0.producer.head.store(start, Ordering::Relaxed);
        memory.0.0.consumer.tail.store(start, Ordering::Relaxed);
        let mut producer = Producer::attach(memory.clone());
        for number in 1..=messages as u64 {
            producer.push(&[number, number, number]).unwrap();
        }
        let taken = taken.min(messages);
        let stores = stores.min(taken * WORDS);
        for store in 0..stores {
            let position = start.wrapping_add((store / WORDS) as u64);
            let word = &memory.0.1[index(position, CAPACITY as usize)][store % WORDS];
            word.store(if store % WORDS == 0 { WIPED } else { 0 }, Ordering::Relaxed);
        }
        let mut consumer = Consumer::attach(memory.clone());
        // A slot is gone with the first store into it.
        let first = stores.div_ceil(WORDS) as u64 + 1;
        let mut out = [0; WORDS];
        for number in first..=messages as u64 {
            prop_assert_eq!(consumer.peek(&mut out), Peek::Message(3));
            prop_assert_eq!(&out[..3], [number; 3]);
            consumer.advance();
        }
        prop_assert_eq!(consumer.peek(&mut out), Peek::Empty);
        consumer.commit();
        prop_assert_eq!(memory.secrets(), 0);
        prop_assert_eq!((memory.stats().corrupt, memory.stats().depth), (0, 0));
    }

    /// Whatever a stranger writes over the positions and slots, at whatever moment: no panic, no endless loop, and
    /// once it stops the ring carries messages again.
    #[test]
    fn a_stranger_cannot_break_it_for_good(
        scribbles in prop::collection::vec((0..3usize, any::<u64>(), any::<bool>(), any::<bool>()), 1..20),
    ) {
        let memory = <Plain>::new();
        let (mut producer, mut consumer) = (Producer::attach(memory.clone()), Consumer::attach(memory.clone()));
        let mut out = [0; WORDS];
        let mut drain = |consumer: &mut Consumer<Plain, WORDS>| {
            let mut seen = Vec::new();
            for _ in 0..3 * CAPACITY {
                match consumer.peek(&mut out) {
                    Peek::Empty => break,
                    Peek::Message(length) => seen.push(out[..length].to_vec()),
                    Peek::Malformed => consumer.count_rejected(),
                }
                consumer.advance();
                consumer.commit();
            }
            seen
        };
        for (place, value, pushes, restarts) in scribbles {
            let _ = producer.push(&[1]);
            match place {
                0 => memory.0.0.producer.head.store(value, Ordering::Relaxed),
                1 => memory.0.0.consumer.tail.store(value, Ordering::Relaxed),
                _ => memory.0.1[value as usize % CAPACITY as usize][0].store(value, Ordering::Relaxed),
            }
            if pushes {
                for _ in 0..2 * CAPACITY {
                    let _ = producer.push(&[2, 3]);
                }
            }
            if restarts {
                producer = Producer::attach(memory.clone());
                drop(std::mem::replace(&mut consumer, Consumer::attach(memory.clone())));
            }
            drain(&mut consumer);
            prop_assert!(memory.stats().depth <= CAPACITY);
        }
        // Two rounds heal whatever is left; then nothing is lost.
        for _ in 0..2 {
            let _ = producer.push(&[0]);
            drain(&mut consumer);
        }
        for round in 0..3 * CAPACITY {
            prop_assert!(producer.push(&[round, round]).is_ok());
            prop_assert_eq!(drain(&mut consumer), vec![vec![round, round]]);
        }
    }
}

#[test]
fn too_long_a_message_is_refused() {
    let mut producer = Producer::attach(<Plain>::new());
    assert_eq!(producer.push(&[0; WORDS]), Err(Refused::Unfit));
    assert_eq!(producer.push(&[0; WORDS - 1]), Ok(0));
    assert_eq!(producer.memory.stats().unfit, 1);
}

#[test]
fn what_a_dead_producer_had_not_published_does_not_exist() {
    let memory = <Plain>::new();
    let mut producer = Producer::attach(memory.clone());
    producer.push(&[1]).unwrap();
    // It dies with the second slot written and its position not.
    for word in &memory.0.1[1] {
        word.store(u64::MAX, Ordering::Relaxed);
    }
    let mut consumer = Consumer::attach(memory.clone());
    let mut out = [0; WORDS];
    assert_eq!(consumer.peek(&mut out), Peek::Message(1));
    consumer.advance();
    assert_eq!(consumer.peek(&mut out), Peek::Empty);
    let mut successor = Producer::attach(memory);
    assert_eq!(successor.push(&[2]), Ok(1));
    assert_eq!((consumer.peek(&mut out), out[0]), (Peek::Message(1), 2));
}
