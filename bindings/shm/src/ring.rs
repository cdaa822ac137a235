//! A bounded ring with one producer and one consumer, which may be two processes.
//!
//! A slot is `WORDS` atomic words: word 0 is how many of the others the message fills. Positions run freely; the
//! producer alone stores `head`, the consumer alone stores `tail`, each in cache lines of its own, and each keeps
//! its position privately as well, so that a stray write by a stranger is repaired rather than believed.
//!
//! **Death.** Either side may be killed between any two instructions and a successor attaches. A message exists from
//! the store of `head` on: what a dead producer had half written lies beyond `head` and is overwritten. A message is
//! gone from the store of `tail` on: what a dead consumer had read but not committed is seen again by its successor.
//!
//! **Secrets.** Of a ring whose [`Memory::SECRET`] is set the consumer wipes each slot before it gives it back, with
//! a mark as its length first. Should it die in between, the slot is not given back: its successor passes over what
//! is marked as wiped, whose message has been taken, and reads on behind it. A producer that takes over wipes the slot
//! that its predecessor may have half written.
//!
//! **Orderings.** Slots are written and read relaxed. The producer's `head` store is a release and the consumer's
//! load an acquire: who sees the position sees the message. The consumer's `tail` store is a release and the
//! producer's load an acquire: who sees the slot free no longer disturbs the reads that emptied it. On x86-64 all of
//! these are plain moves.

mod consumer;
mod producer;

pub use consumer::{Consumer, Peek};
pub use producer::{Producer, Refused};

use crate::counters::Counter;
use std::sync::atomic::Ordering;
use sync::{AtomicU64, fence};

#[cfg(loom)]
pub(crate) mod sync {
    pub use loom::sync::atomic::{AtomicU64, fence};
}
#[cfg(not(loom))]
pub(crate) mod sync {
    pub use std::sync::atomic::{AtomicU64, fence};
}

/// Positions and statistics of a ring: a pair of cache lines for each side.
#[derive(Debug, Default)]
#[repr(C)]
pub struct RingHeader {
    producer: ProducerLines,
    consumer: ConsumerLines,
}

/// Written by the producer, read by both.
#[derive(Debug, Default)]
#[repr(C, align(128))]
struct ProducerLines {
    /// Messages ever published.
    head: AtomicU64,
    /// Messages not taken because the ring was full.
    full: Counter,
    /// Messages not taken because they fit no slot.
    unfit: Counter,
    /// Times the consumer's position was found impossible.
    corrupt: Counter,
}

/// Written by the consumer, read by both.
#[derive(Debug, Default)]
#[repr(C, align(128))]
struct ConsumerLines {
    /// Messages ever taken.
    tail: AtomicU64,
    /// Messages refused on decode.
    rejected: Counter,
    /// Times the producer's position was found impossible and all that was in the ring was given up.
    corrupt: Counter,
}

/// What anyone may read about a ring. Free-running but for `depth` and `capacity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingStats {
    /// Slots.
    pub capacity: u64,
    /// Messages waiting, at most `capacity`.
    pub depth: u64,
    /// Messages published since the segment was made.
    pub sent: u64,
    /// Messages taken since the segment was made.
    pub received: u64,
    /// Messages the producer gave up because the ring was full (lossy rings) or had to retry (reliable ring).
    pub full: u64,
    /// Messages the producer could not encode.
    pub unfit: u64,
    /// Messages the consumer refused as malformed.
    pub rejected: u64,
    /// Times either side found the other's position impossible and resynchronised.
    pub corrupt: u64,
}

impl RingHeader {
    /// Statistics; `capacity` is the ring's number of slots.
    pub fn stats(&self, capacity: usize) -> RingStats {
        let (producer, consumer) = (&self.producer, &self.consumer);
        let received = consumer.tail.load(Ordering::Relaxed);
        let sent = producer.head.load(Ordering::Relaxed);
        let capacity = capacity as u64;
        RingStats {
            capacity,
            depth: sent.wrapping_sub(received).min(capacity),
            sent,
            received,
            full: producer.full.get(),
            unfit: producer.unfit.get(),
            rejected: consumer.rejected.get(),
            corrupt: producer.corrupt.get().wrapping_add(consumer.corrupt.get()),
        }
    }
}

/// Where a ring lies: the segment, or plain memory in tests and models.
pub trait Memory<const WORDS: usize> {
    /// Whether a slot is wiped once it was read.
    const SECRET: bool = false;
    /// Positions and statistics.
    fn header(&self) -> &RingHeader;
    /// The slots; a power of two of them.
    fn slots(&self) -> &[[AtomicU64; WORDS]];
}

/// The length of a slot that is wiped, or about to be. No message has it, nor is it what noise or a memory test leaves.
const WIPED: u64 = u64::from_le_bytes(*b"IS WIPED");

/// Wipes a slot, so that whoever dies while doing it leaves one that says so.
fn wipe<const WORDS: usize>(slot: &[AtomicU64; WORDS]) {
    let (length, words) = slot.split_at(1);
    for word in length {
        word.store(WIPED, Ordering::Relaxed);
    }
    // The compiler must not move the mark behind the zeros; the processor does not (x86-64) or is told not to.
    fence(Ordering::Release);
    for word in words {
        word.store(0, Ordering::Relaxed);
    }
}

/// The slot of a position. `slots` is a power of two, so positions may wrap.
#[inline(always)]
fn index(position: u64, slots: usize) -> usize {
    (position & (slots as u64).wrapping_sub(1)) as usize
}

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;
