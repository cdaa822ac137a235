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
//! **Orderings.** Slots are written and read relaxed. The producer's `head` store is a release and the consumer's
//! load an acquire: who sees the position sees the message. The consumer's `tail` store is a release and the
//! producer's load an acquire: who sees the slot free no longer disturbs the reads that emptied it. On x86-64 all of
//! these are plain moves.

use crate::counters::Counter;
use std::sync::atomic::Ordering;
use sync::AtomicU64;

#[cfg(loom)]
pub(crate) mod sync {
    pub use loom::sync::atomic::AtomicU64;
}
#[cfg(not(loom))]
pub(crate) mod sync {
    pub use std::sync::atomic::AtomicU64;
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
    /// Positions and statistics.
    fn header(&self) -> &RingHeader;
    /// The slots; a power of two of them.
    fn slots(&self) -> &[[AtomicU64; WORDS]];
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// All slots hold messages that the consumer has not committed.
    Full,
    /// Longer than a slot.
    Unfit,
}

/// The writing end.
#[derive(Debug)]
pub struct Producer<M, const WORDS: usize> {
    memory: M,
    /// What this side published; the shared word is a copy.
    head: u64,
    /// The consumer's position when last looked at, never ahead of it.
    tail: u64,
    #[cfg(loom)]
    publish: Ordering,
}

impl<M: Memory<WORDS>, const WORDS: usize> Producer<M, WORDS> {
    /// Takes over the writing end where its predecessor left it.
    pub fn attach(memory: M) -> Self {
        let capacity = memory.slots().len() as u64;
        let lines = &memory.header().producer;
        let tail = memory.header().consumer.tail.load(Ordering::Acquire);
        let mut head = lines.head.load(Ordering::Relaxed);
        if head.wrapping_sub(tail) > capacity {
            lines.corrupt.add(1);
            head = tail;
            lines.head.store(head, Ordering::Release);
        }
        Self {
            memory,
            head,
            tail,
            #[cfg(loom)]
            publish: Ordering::Release,
        }
    }

    /// Publishes one message of `message.len()` words and gives its position: the number of messages before it.
    #[inline]
    pub fn push(&mut self, message: &[u64]) -> Result<u64, Refused> {
        let order = self.publish_order();
        let lines = &self.memory.header().producer;
        if message.len() >= WORDS {
            lines.unfit.add(1);
            return Err(Refused::Unfit);
        }
        let slots = self.memory.slots();
        let capacity = slots.len() as u64;
        if self.head.wrapping_sub(self.tail) >= capacity {
            let tail = self.memory.header().consumer.tail.load(Ordering::Acquire);
            let depth = self.head.wrapping_sub(tail);
            if depth > capacity {
                // The consumer republishes its own position at its next poll; ours may be what is damaged.
                lines.corrupt.add(1);
                lines.head.store(self.head, Ordering::Release);
                return Err(Refused::Full);
            }
            self.tail = tail;
            if depth == capacity {
                lines.full.add(1);
                return Err(Refused::Full);
            }
        }
        let Some(slot) = slots.get(index(self.head, slots.len())) else {
            return Err(Refused::Full);
        };
        let (length, words) = slot.split_at(1);
        for word in length {
            word.store(message.len() as u64, Ordering::Relaxed);
        }
        for (word, value) in words.iter().zip(message) {
            word.store(*value, Ordering::Relaxed);
        }
        let position = self.head;
        self.head = position.wrapping_add(1);
        lines.head.store(self.head, order);
        Ok(position)
    }

    /// Counts a message that could not be encoded.
    pub fn count_unfit(&self) {
        self.memory.header().producer.unfit.add(1);
    }

    /// The position the next message will have.
    pub fn position(&self) -> u64 {
        self.head
    }

    /// All messages at positions below this one were committed by the consumer.
    pub fn acknowledged(&self) -> u64 {
        let tail = self.memory.header().consumer.tail.load(Ordering::Acquire);
        if self.head.wrapping_sub(tail) > self.memory.slots().len() as u64 { self.tail } else { tail }
    }

    /// How often the consumer gave up messages: refused ones and whole rings whose positions were damaged. When it
    /// grows, what was sent must be sent again.
    pub fn losses(&self) -> u64 {
        let lines = &self.memory.header().consumer;
        lines.rejected.get().wrapping_add(lines.corrupt.get())
    }

    #[cfg(not(loom))]
    #[inline(always)]
    fn publish_order(&self) -> Ordering {
        Ordering::Release
    }
    #[cfg(loom)]
    fn publish_order(&self) -> Ordering {
        self.publish
    }
}

/// What [`Consumer::peek`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// Nothing waits.
    Empty,
    /// A message of so many words, copied out.
    Message(usize),
    /// A slot whose length is impossible; advance over it and count it.
    Malformed,
}

/// The reading end.
#[derive(Debug)]
pub struct Consumer<M, const WORDS: usize> {
    memory: M,
    /// Where the next message is read.
    next: u64,
    /// What this side committed; the shared word is a copy.
    tail: u64,
    /// The producer's position when last looked at, never ahead of it.
    head: u64,
    #[cfg(loom)]
    observe: Ordering,
}

impl<M: Memory<WORDS>, const WORDS: usize> Consumer<M, WORDS> {
    /// Takes over the reading end: what the predecessor had not committed is read again.
    pub fn attach(memory: M) -> Self {
        let capacity = memory.slots().len() as u64;
        let lines = &memory.header().consumer;
        let head = memory.header().producer.head.load(Ordering::Acquire);
        let mut tail = lines.tail.load(Ordering::Relaxed);
        if head.wrapping_sub(tail) > capacity {
            lines.corrupt.add(1);
            tail = head;
            lines.tail.store(tail, Ordering::Release);
        }
        Self {
            memory,
            next: tail,
            tail,
            head,
            #[cfg(loom)]
            observe: Ordering::Acquire,
        }
    }

    /// Copies the next message into `out`; it stays in the ring until [`Consumer::advance`] and
    /// [`Consumer::commit`].
    #[inline]
    pub fn peek(&mut self, out: &mut [u64; WORDS]) -> Peek {
        if self.next == self.head && !self.refill() {
            return Peek::Empty;
        }
        let slots = self.memory.slots();
        let Some(slot) = slots.get(index(self.next, slots.len())) else {
            return Peek::Empty;
        };
        let (length, words) = slot.split_at(1);
        // The length is read once: a later change by a stranger cannot outrun the check.
        let length = length.first().map_or(u64::MAX, |word| word.load(Ordering::Relaxed));
        if length >= WORDS as u64 {
            return Peek::Malformed;
        }
        let length = length as usize;
        for (value, word) in out.iter_mut().zip(words.iter().take(length)) {
            *value = word.load(Ordering::Relaxed);
        }
        Peek::Message(length)
    }

    /// Looks at the producer's position again; whether anything waits.
    #[inline]
    fn refill(&mut self) -> bool {
        let header = self.memory.header();
        let head = header.producer.head.load(self.observe_order());
        let depth = head.wrapping_sub(self.next);
        if depth > self.memory.slots().len() as u64 {
            // Nothing in the ring can be told from noise: start afresh where the producer says it is.
            header.consumer.corrupt.add(1);
            (self.next, self.head) = (head, head);
            self.commit();
            return false;
        }
        self.head = head;
        if depth == 0 && header.consumer.tail.load(Ordering::Relaxed) != self.tail {
            header.consumer.corrupt.add(1);
            header.consumer.tail.store(self.tail, Ordering::Release);
        }
        depth != 0
    }

    /// Steps over the message last peeked at.
    #[inline]
    pub fn advance(&mut self) {
        if self.next != self.head {
            self.next = self.next.wrapping_add(1);
        }
    }

    /// Gives all slots stepped over back to the producer, and so acknowledges them.
    #[inline]
    pub fn commit(&mut self) {
        if self.tail != self.next {
            self.tail = self.next;
            self.memory.header().consumer.tail.store(self.tail, Ordering::Release);
        }
    }

    /// Counts a message refused on decode.
    pub fn count_rejected(&self) {
        self.memory.header().consumer.rejected.add(1);
    }

    /// The position of the message that [`Consumer::peek`] looks at.
    pub fn position(&self) -> u64 {
        self.next
    }

    #[cfg(not(loom))]
    #[inline(always)]
    fn observe_order(&self) -> Ordering {
        Ordering::Acquire
    }
    #[cfg(loom)]
    fn observe_order(&self) -> Ordering {
        self.observe
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
