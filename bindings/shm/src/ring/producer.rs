//! The writing end of a ring.

use super::{Memory, index, wipe};
use std::sync::atomic::Ordering;

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
    pub(super) memory: M,
    /// What this side published; the shared word is a copy.
    head: u64,
    /// The consumer's position when last looked at, never ahead of it.
    tail: u64,
    #[cfg(loom)]
    pub(super) publish: Ordering,
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
        if M::SECRET && head.wrapping_sub(tail) < capacity {
            // The predecessor may have died with a message in it that it had not published.
            if let Some(slot) = memory.slots().get(index(head, memory.slots().len())) {
                wipe(slot);
            }
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

    /// Counts a message that found no place, though the ring may have slots left for others.
    pub fn count_full(&self) {
        self.memory.header().producer.full.add(1);
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

    /// Whether a message would find a slot now. Who can wait asks first: a refused message counts as lost.
    pub fn has_room(&self) -> bool {
        self.head.wrapping_sub(self.acknowledged()) < self.memory.slots().len() as u64
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
