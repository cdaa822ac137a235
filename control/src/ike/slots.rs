//! Slots of child SAs: which are free, and with which SPI the next user of one is found.
//!
//! A slot is free again when the data plane has confirmed that it removed both halves of the last SA in it: only then
//! may its cells be armed for other keys. The SPI carries a generation besides the slot, so that a late packet of the
//! last user is not taken for one of the next.

use crate::ids::Ids;
use ike::Slot;
use shm::message::{SaId, sa_of, spi};
use std::collections::BTreeMap;
use std::num::NonZeroU8;

/// All slots.
#[derive(Debug)]
pub struct Slots {
    ids: Ids,
    /// Of the latest user; 0: the slot has had none.
    generations: Vec<u8>,
    /// Where generations begin: at random, so that they differ from those before a restart.
    first: u8,
    taken: usize,
    /// SAs on their way out, with the position that the data plane must have acknowledged; `None`: the removal has not
    /// been offered yet.
    leaving: BTreeMap<SaId, Option<u64>>,
}

impl Slots {
    /// Slots below `max`; `random` is any number.
    pub fn new(max: u32, random: u8) -> Self {
        Self {
            ids: Ids::new(0, max),
            generations: Vec::new(),
            first: random,
            taken: 0,
            leaving: BTreeMap::new(),
        }
    }

    /// A free slot.
    pub fn allocate(&mut self) -> Option<Slot> {
        let id = self.ids.take(|_| false)?;
        self.taken += 1;
        let first = self.first;
        let generation = self.generation(id)?;
        *generation = if *generation == 0 { first.max(1) } else { generation.checked_add(1).unwrap_or(1) };
        Some(Slot { sa: id, spi: spi(NonZeroU8::new(*generation)?, id) })
    }

    /// Takes exactly this slot (of a session from before the restart).
    pub fn adopt(&mut self, slot: Slot) -> bool {
        let Some(generation) = NonZeroU8::new((slot.spi >> 24) as u8) else { return false };
        if sa_of(slot.spi) != slot.sa || !self.ids.reserve(slot.sa) {
            return false;
        }
        self.taken += 1;
        if let Some(latest) = self.generation(slot.sa) {
            *latest = generation.get();
        }
        true
    }

    /// A slot that was not used.
    pub fn release(&mut self, id: SaId) {
        self.taken -= 1;
        self.ids.give(id);
    }

    /// A slot whose SA is to be removed.
    pub fn retire(&mut self, id: SaId) {
        self.leaving.entry(id).or_default();
    }

    /// All updates so far are in the ring, up to `position`: what is not `told` any more is removed once that is
    /// acknowledged.
    pub fn barrier(&mut self, position: u64, told: impl Fn(SaId) -> bool) {
        for (id, barrier) in &mut self.leaving {
            if barrier.is_none() && !told(*id) {
                *barrier = Some(position);
            }
        }
    }

    /// The data plane started anew, or is told everything again: positions mean nothing any more.
    pub fn restart(&mut self) {
        self.leaving.values_mut().for_each(|barrier| *barrier = None);
    }

    /// The data plane has taken in the updates below `position`.
    pub fn acknowledged(&mut self, position: u64) {
        let Self { ids, leaving, taken, .. } = self;
        leaving.retain(|id, barrier| {
            let gone = barrier.is_some_and(|barrier| position >= barrier);
            if gone {
                ids.give(*id);
                *taken -= 1;
            }
            !gone
        });
    }

    /// Slots in use, and such whose removal is not confirmed yet.
    pub fn len(&self) -> usize {
        self.taken
    }

    /// How often there was none.
    pub fn full(&self) -> u64 {
        self.ids.full
    }

    fn generation(&mut self, id: SaId) -> Option<&mut u8> {
        let at = id as usize;
        if self.generations.len() <= at {
            self.generations.resize(at + 1, 0);
        }
        self.generations.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_free_when_its_removal_is_confirmed_and_not_before() {
        let mut slots = Slots::new(1, 255);
        let first = slots.allocate().unwrap();
        assert_eq!((first.sa, first.spi), (0, 0xff00_0000));
        slots.retire(0);
        slots.acknowledged(u64::MAX);
        assert_eq!(slots.allocate(), None, "its removal has not been offered");
        slots.barrier(7, |_| true);
        slots.acknowledged(u64::MAX);
        assert_eq!(slots.allocate(), None, "a half of it is still told");
        slots.barrier(7, |_| false);
        slots.acknowledged(6);
        assert_eq!((slots.allocate(), slots.len()), (None, 1));
        slots.restart();
        slots.acknowledged(7);
        assert_eq!(slots.allocate(), None, "positions of another life");
        slots.barrier(3, |_| false);
        slots.acknowledged(3);
        assert_eq!(slots.len(), 0);
        // The next user is found by another SPI, which is never a reserved one.
        assert_eq!(slots.allocate().map(|slot| slot.spi), Some(0x0100_0000));
        assert_eq!(slots.full(), 4);
    }

    #[test]
    fn slots_of_before_the_restart_are_taken_back() {
        let mut slots = Slots::new(8, 0);
        let slot = Slot { sa: 5, spi: 0x2a00_0005 };
        assert!(slots.adopt(slot) && !slots.adopt(slot));
        for bad in [Slot { sa: 6, spi: 0x0000_0006 }, Slot { sa: 6, spi: 0x0100_0007 }] {
            assert!(!slots.adopt(bad));
        }
        assert!(!slots.adopt(Slot { sa: 8, spi: 0x0100_0008 }));
        let others: Vec<u32> = std::iter::from_fn(|| slots.allocate()).map(|slot| slot.sa).collect();
        assert_eq!((others.len(), others.contains(&5)), (7, false));
        slots.release(5);
        assert_eq!(slots.allocate().map(|slot| slot.spi), Some(0x2b00_0005));
    }
}
