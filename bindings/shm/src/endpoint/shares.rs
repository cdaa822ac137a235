//! A place for each class in a ring that all share: who floods it with one class finds the places of the others free.
//!
//! The sender alone keeps the books. It remembers the class of each message it has sent, and the receiver's position
//! tells which of them are gone. Messages of a predecessor are in nobody's books and wait in the free places.

use crate::class::Class;

/// Sixteenths of the ring that a class may fill. What control answers has most.
const fn sixteenths(class: Class) -> u32 {
    match class {
        Class::Nhrp | Class::Ike => 6,
        Class::Routing | Class::Rest => 1,
        Class::Arp | Class::Icmp => 1,
    }
}

const _: () = {
    let (mut at, mut sum) = (0, 0);
    while at < Class::COUNT {
        sum += sixteenths(Class::ALL[at]);
        at += 1;
    }
    assert!(sum <= 16);
};

/// Who waits in the ring.
#[derive(Debug)]
pub(super) struct Shares {
    /// Class of the message in each slot, as its discriminant.
    slots: Box<[u8]>,
    /// Messages of each class that wait, or did when `seen` was the receiver's position.
    waiting: [u32; Class::COUNT],
    /// Up to here the receiver's progress is in the books.
    seen: u64,
}

impl Shares {
    /// Of a ring of so many slots, a power of two, whose next message has this position.
    pub(super) fn new(slots: usize, position: u64) -> Self {
        Self { slots: vec![0; slots].into(), waiting: [0; Class::COUNT], seen: position }
    }

    /// Whether the class has a place left; `taken` tells the receiver's position, which costs a look at its cache line,
    /// and so is asked only when the class seems to have none.
    #[inline]
    pub(super) fn admits(&mut self, class: Class, taken: impl Fn() -> u64) -> bool {
        let most = (self.slots.len() as u32 * sixteenths(class) / 16).max(1);
        let full = |shares: &Self| shares.waiting.get(class as usize).is_none_or(|waiting| *waiting >= most);
        if full(self) {
            self.settle(taken());
        }
        !full(self)
    }

    /// The message at this position was sent.
    #[inline]
    pub(super) fn sent(&mut self, class: Class, position: u64) {
        // It lies where a message lay that is gone: that one leaves the books at the latest now.
        let gone = (position + 1).saturating_sub(self.slots.len() as u64);
        self.settle(gone);
        if let Some(slot) = self.slot(position) {
            *slot = class as u8;
            self.waiting[class as usize] += 1;
        }
    }

    /// All messages before this position are gone.
    fn settle(&mut self, taken: u64) {
        while self.seen < taken {
            let class = self.slot(self.seen).map_or(0, |slot| usize::from(*slot));
            if let Some(waiting) = self.waiting.get_mut(class) {
                *waiting = waiting.saturating_sub(1);
            }
            self.seen += 1;
        }
    }

    fn slot(&mut self, position: u64) -> Option<&mut u8> {
        let at = position & (self.slots.len() as u64).wrapping_sub(1);
        self.slots.get_mut(at as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    /// A ring of which only the positions matter.
    struct Ring {
        shares: Shares,
        waiting: VecDeque<Class>,
        taken: u64,
    }

    impl Ring {
        fn new(slots: usize, start: u64) -> Self {
            Self { shares: Shares::new(slots, start), waiting: VecDeque::new(), taken: start }
        }

        fn send(&mut self, class: Class) -> bool {
            let taken = self.taken;
            let admitted = self.shares.admits(class, || taken);
            assert!(self.waiting.len() < self.shares.slots.len() || !admitted, "the shares fit the ring");
            if admitted {
                self.shares.sent(class, self.taken + self.waiting.len() as u64);
                self.waiting.push_back(class);
            }
            admitted
        }

        fn take(&mut self, count: usize) {
            let count = count.min(self.waiting.len());
            self.waiting.drain(..count);
            self.taken += count as u64;
        }

        fn held(&self, class: Class) -> u32 {
            self.waiting.iter().filter(|waiting| **waiting == class).count() as u32
        }
    }

    #[test]
    fn a_flood_fills_its_own_places_only() {
        for flooded in Class::ALL {
            let mut ring = Ring::new(1024, 1 << 40);
            let filled = (0..5000).filter(|_| ring.send(flooded)).count() as u32;
            assert_eq!(filled, 64 * sixteenths(flooded));
            for other in Class::ALL.into_iter().filter(|other| *other != flooded) {
                let found = (0..5000).filter(|_| ring.send(other)).count() as u32;
                assert_eq!(found, 64 * sixteenths(other), "{other:?} while {flooded:?} has all its places");
            }
            ring.take(1);
            assert!(ring.send(flooded), "a place that came free is found");
            assert!(!ring.send(flooded));
        }
    }

    proptest! {
        /// No class ever holds more than its places, and one that holds fewer is never refused.
        #[test]
        fn the_books_are_right(steps in proptest::collection::vec((0..Class::COUNT, 0usize..40, 0usize..60), 1..300)) {
            let mut ring = Ring::new(64, 17);
            for (class, sends, takes) in steps {
                let class = Class::ALL[class];
                let most = 4 * sixteenths(class);
                for _ in 0..sends {
                    let held = ring.held(class);
                    prop_assert!(held <= most);
                    prop_assert_eq!(ring.send(class), held < most);
                }
                ring.take(takes);
            }
        }
    }
}
