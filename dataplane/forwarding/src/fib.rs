//! Longest prefix match for IPv4: one table of 2^24 entries for the upper three octets, and groups of 256 entries
//! for those /24s that hold longer prefixes. A look-up is one or two loads.
//!
//! One writer ([`crate::rib::Rib`]) changes entries in place while workers read. Every single entry is always a
//! right answer of before or after the change:
//! - a leaf is stored with release ordering after what it names was written, and loaded with acquire ordering;
//! - a group is filled completely before the entry that leads to it is stored (release), and is filled again for
//!   another use only after every worker has passed a quiescent point since it was unlinked.

use crate::leaf::Leaf;
use crate::zeroed::zeroed;
use std::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Release};

/// Entries of the first table.
const SLOTS: usize = 1 << 24;
/// Entries of a group.
const GROUP: usize = 256;

/// The table that workers read.
#[derive(Debug)]
pub(crate) struct Fib {
    slots: Box<[AtomicU32; SLOTS]>,
    groups: Box<[AtomicU32]>,
}

impl Fib {
    /// An empty table with room for `groups` groups, or `None` without memory for it.
    pub(crate) fn new(groups: usize) -> Option<Self> {
        let slots = zeroed(SLOTS)?.try_into().ok()?;
        let groups = zeroed(groups.checked_mul(GROUP)?)?;
        Some(Self { slots, groups })
    }

    /// How many groups there are.
    pub(crate) fn group_count(&self) -> usize {
        self.groups.len() / GROUP
    }

    /// The best route to `address` (host order).
    #[inline(always)]
    pub(crate) fn lookup(&self, address: u32) -> Leaf {
        self.second(self.first(address), address)
    }

    /// First half of a look-up, for callers that put other work before [`Fib::second`].
    #[inline(always)]
    pub(crate) fn first(&self, address: u32) -> Leaf {
        Leaf::from_raw(self.slots[(address >> 8) as usize].load(Acquire))
    }

    /// Second half of a look-up.
    #[inline(always)]
    pub(crate) fn second(&self, first: Leaf, address: u32) -> Leaf {
        let Some(group) = first.group() else { return first };
        match self.groups.get(position(group, address)) {
            Some(entry) => Leaf::from_raw(entry.load(Acquire)),
            None => Leaf::NONE,
        }
    }

    /// Starts loading what [`Fib::first`] will read.
    #[inline(always)]
    pub(crate) fn prefetch_first(&self, address: u32) {
        shm::cpu::prefetch_index(self.slots.as_slice(), (address >> 8) as usize);
    }

    /// Starts loading what [`Fib::second`] will read.
    #[inline(always)]
    pub(crate) fn prefetch_second(&self, first: Leaf, address: u32) {
        if let Some(group) = first.group() {
            shm::cpu::prefetch_index(&self.groups, position(group, address));
        }
    }

    /// Writer: overwrites the entries of the addresses from `start` up to, not including, `end`. Where only a part
    /// of a /24 is meant, the /24 must have its group already.
    pub(crate) fn fill(&self, start: u64, end: u64, leaf: Leaf) {
        let mut at = start;
        while at < end {
            let slot = &self.slots[(at >> 8) as usize & (SLOTS - 1)];
            let stop = end.min((at | 0xff) + 1);
            match Leaf::from_raw(slot.load(Acquire)).group() {
                None => slot.store(leaf.raw(), Release),
                Some(group) => {
                    let first = position(group, at as u32);
                    for entry in self.groups.iter().skip(first).take((stop - at) as usize) {
                        entry.store(leaf.raw(), Release);
                    }
                }
            }
            at = stop;
        }
    }

    /// Writer: gives the /24 of `address` the group, which nobody reads, with the /24's present answer in all entries.
    pub(crate) fn expand(&self, address: u32, group: u32) {
        let slot = &self.slots[(address >> 8) as usize];
        let leaf = slot.load(Acquire);
        for entry in self.groups.iter().skip(group as usize * GROUP).take(GROUP) {
            entry.store(leaf, Release);
        }
        slot.store(Leaf::new(crate::leaf::Kind::Group, group).raw(), Release);
    }

    /// Writer: takes the group of the /24 of `address` away; all of its entries must be the same.
    pub(crate) fn collapse(&self, address: u32) {
        let leaf = self.lookup(address);
        self.slots[(address >> 8) as usize].store(leaf.raw(), Release);
    }
}

#[inline(always)]
fn position(group: u32, address: u32) -> usize {
    (group as usize * GROUP) | (address & 0xff) as usize
}
