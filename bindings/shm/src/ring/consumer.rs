//! The reading end of a ring.

use super::{Memory, WIPED, index, wipe};
use std::sync::atomic::Ordering;

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
    pub(super) memory: M,
    /// Where the next message is read.
    next: u64,
    /// What this side committed; the shared word is a copy.
    tail: u64,
    /// The producer's position when last looked at, never ahead of it.
    head: u64,
    #[cfg(loom)]
    pub(super) observe: Ordering,
    /// A mutant: slots are wiped when the producer may have them already.
    #[cfg(loom)]
    pub(super) wipes_late: bool,
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
        if M::SECRET {
            tail = pass_over_wiped(&memory, tail, head);
        }
        Self {
            memory,
            next: tail,
            tail,
            head,
            #[cfg(loom)]
            observe: Ordering::Acquire,
            #[cfg(loom)]
            wipes_late: false,
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
            let (from, late) = (self.tail, self.wipes_late());
            if M::SECRET && !late {
                wipe_all(&self.memory, from, self.next);
            }
            self.tail = self.next;
            self.memory.header().consumer.tail.store(self.tail, Ordering::Release);
            if M::SECRET && late {
                wipe_all(&self.memory, from, self.next);
            }
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

    #[cfg(not(loom))]
    #[inline(always)]
    fn wipes_late(&self) -> bool {
        false
    }
    #[cfg(loom)]
    fn wipes_late(&self) -> bool {
        self.wipes_late
    }
}

/// Wipes the slots of positions `from..to`, in this order.
fn wipe_all<M: Memory<WORDS>, const WORDS: usize>(memory: &M, from: u64, to: u64) {
    let slots = memory.slots();
    // After damage positions may lie far apart; each slot once is enough.
    for position in (0..slots.len() as u64).map(|n| from.wrapping_add(n)).take_while(|at| *at != to) {
        if let Some(slot) = slots.get(index(position, slots.len())) {
            wipe(slot);
        }
    }
}

/// Gives back the slots from `tail` on that a predecessor had taken and marked as wiped; gives the first that is not.
fn pass_over_wiped<M: Memory<WORDS>, const WORDS: usize>(memory: &M, tail: u64, head: u64) -> u64 {
    let slots = memory.slots();
    let mut position = tail;
    while position != head {
        match slots.get(index(position, slots.len())) {
            // The predecessor may have died before the last of its zeros.
            Some(slot) if slot.first().is_some_and(|length| length.load(Ordering::Relaxed) == WIPED) => {
                wipe(slot)
            }
            _ => break,
        }
        position = position.wrapping_add(1);
    }
    if position != tail {
        memory.header().consumer.tail.store(position, Ordering::Release);
    }
    position
}
