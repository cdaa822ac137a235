//! Longest prefix match for IPv4: for each VRF one table of 2^24 entries for the upper three octets, and groups of 256
//! entries for those /24s that hold longer prefixes. A look-up is one or two loads.
//!
//! An address in a VRF is a [`place`]; the tables stand one behind the other, so that a place is an index into all of
//! them. A table takes memory, 64 MiB, from its VRF's first route on. The groups are for all VRFs together, and take
//! memory, 1 KiB, from their first use on.
//!
//! One writer ([`crate::rib::Rib`]) changes entries in place while workers read. Every single entry is always a
//! right answer of before or after the change:
//! - a leaf is stored with release ordering after what it names was written, and loaded with acquire ordering;
//! - a group is filled completely before the entry that leads to it is stored (release), and is filled again for
//!   another use only after every worker has passed a quiescent point since it was unlinked.

use crate::leaf::Leaf;
use crate::zeroed::unbacked;
use shm::message::VrfId;
use std::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Release};

/// Entries of a VRF's first table.
const SLOTS: usize = 1 << 24;
/// Entries of a group.
const GROUP: usize = 256;

/// An address (host order) in a VRF.
#[inline(always)]
pub(crate) fn place(vrf: VrfId, address: u32) -> u64 {
    u64::from(vrf) << 32 | u64::from(address)
}

/// The tables that workers read.
#[derive(Debug)]
pub(crate) struct Fib {
    slots: Box<[AtomicU32]>,
    groups: Box<[AtomicU32]>,
}

impl Fib {
    /// Empty tables for `vrfs` VRFs, with room for `groups` groups, or `None` without memory for it.
    pub(crate) fn new(vrfs: usize, groups: usize) -> Option<Self> {
        let slots = unbacked(vrfs.checked_mul(SLOTS)?)?;
        // The writer fills one before workers can see it: what they read has memory.
        let groups = unbacked(groups.checked_mul(GROUP)?)?;
        Some(Self { slots, groups })
    }

    /// Writer: puts memory behind a VRF's table. `false`: there is no such VRF.
    pub(crate) fn back(&self, vrf: VrfId) -> bool {
        let first = usize::from(vrf) * SLOTS;
        let table = self.slots.get(first..first + SLOTS);
        table.map(shm::pages::populate).is_some()
    }

    /// How many VRFs there are.
    pub(crate) fn vrf_count(&self) -> usize {
        self.slots.len() / SLOTS
    }

    /// How many groups there are.
    pub(crate) fn group_count(&self) -> usize {
        self.groups.len() / GROUP
    }

    /// The best route to a place.
    #[inline(always)]
    pub(crate) fn lookup(&self, place: u64) -> Leaf {
        self.second(self.first(place), place)
    }

    /// First half of a look-up, for callers that put other work before [`Fib::second`].
    #[inline(always)]
    pub(crate) fn first(&self, place: u64) -> Leaf {
        self.slot(place).map_or(Leaf::NONE, |slot| Leaf::from_raw(slot.load(Acquire)))
    }

    /// Second half of a look-up.
    #[inline(always)]
    pub(crate) fn second(&self, first: Leaf, place: u64) -> Leaf {
        let Some(group) = first.group() else { return first };
        match self.groups.get(position(group, place)) {
            Some(entry) => Leaf::from_raw(entry.load(Acquire)),
            None => Leaf::NONE,
        }
    }

    /// Starts loading what [`Fib::first`] will read.
    #[inline(always)]
    pub(crate) fn prefetch_first(&self, place: u64) {
        shm::cpu::prefetch_index(&self.slots, (place >> 8) as usize);
    }

    /// Starts loading what [`Fib::second`] will read.
    #[inline(always)]
    pub(crate) fn prefetch_second(&self, first: Leaf, place: u64) {
        if let Some(group) = first.group() {
            shm::cpu::prefetch_index(&self.groups, position(group, place));
        }
    }

    /// Writer: overwrites the entries of the places from `start` up to, not including, `end`. Where only a part
    /// of a /24 is meant, the /24 must have its group already.
    pub(crate) fn fill(&self, start: u64, end: u64, leaf: Leaf) {
        let mut at = start;
        while at < end {
            let Some(slot) = self.slot(at) else { return };
            let stop = end.min((at | 0xff) + 1);
            match Leaf::from_raw(slot.load(Acquire)).group() {
                None => slot.store(leaf.raw(), Release),
                Some(group) => {
                    let first = position(group, at);
                    for entry in self.groups.iter().skip(first).take((stop - at) as usize) {
                        entry.store(leaf.raw(), Release);
                    }
                }
            }
            at = stop;
        }
    }

    /// Writer: gives the /24 of a place the group, which nobody reads, with the /24's present answer in all entries.
    pub(crate) fn expand(&self, place: u64, group: u32) {
        let Some(slot) = self.slot(place) else { return };
        let leaf = slot.load(Acquire);
        for entry in self.groups.iter().skip(group as usize * GROUP).take(GROUP) {
            entry.store(leaf, Release);
        }
        slot.store(Leaf::new(crate::leaf::Kind::Group, group).raw(), Release);
    }

    /// Writer: takes the group of the /24 of a place away; all of its entries must be the same.
    pub(crate) fn collapse(&self, place: u64) {
        let leaf = self.lookup(place);
        if let Some(slot) = self.slot(place) {
            slot.store(leaf.raw(), Release);
        }
    }

    #[inline(always)]
    fn slot(&self, place: u64) -> Option<&AtomicU32> {
        self.slots.get((place >> 8) as usize)
    }
}

#[inline(always)]
fn position(group: u32, place: u64) -> usize {
    (group as usize * GROUP) | (place & 0xff) as usize
}
