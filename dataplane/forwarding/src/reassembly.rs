//! Reassembly of outer datagrams that arrive in fragments.
//!
//! In: fragments addressed to the hub, with checked headers. Out: whole datagrams. Drops, each fragment counted:
//! `ip_malformed`, `ip_frag_overlap`, `ip_frag_duplicate`, `ip_frag_too_big`, `ip_frag_table_full`, `ip_frag_timeout`,
//! `ecn_invalid`.
//!
//! RFC 791 3.2 and RFC 815 for the task; RFC 5722 for overlaps (the whole datagram goes; exact duplicates are harmless
//! and only counted; no memory of the spoilt datagram is kept, since IPv4 identifications come round within the timeout);
//! RFC 3168 5.3 for ECN; RFC 1858 needs no rule of its own, since nothing is looked at before it is whole.
//!
//! Everything is bounded. When a bound is reached the oldest datagram makes room: one that is whole in time was young,
//! and refusing newcomers instead would let a few packets per second shut everybody out for the whole timeout. Each
//! source (by hash) has a share, and over its share it displaces only its own.

mod datagram;
mod lists;

use crate::now::Now;
use datagram::{Datagram, Key, Part, Placed};
use lists::{Links, List, NONE};
use shm::counters::WorkerCounters;
use shm::drops::DropReason;
use std::net::Ipv4Addr;
use wire::buffer::PacketBuffer;

pub use datagram::MAX_FRAGMENTS;

/// Milliseconds from a datagram's first fragment until it is given up (RFC 791 3.2 suggests 15 s at least, RFC 1122
/// 3.3.2 60 to 120 s; 30 s is what Linux has).
pub const TIMEOUT_MS: u64 = 30_000;
/// Lists of sources; sources whose hash is the same share one.
const SOURCES: usize = 1024;

/// Bounds of one worker's reassembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Datagrams in the making, 1 to 65,534.
    pub datagrams: u16,
    /// Buffers held, of all datagrams.
    pub fragments: u32,
    /// Datagrams in the making of one source.
    pub per_source: u16,
}

/// Fragments of all workers hold at most one in so many of the packet buffers, so that no flood of them can take the
/// buffers that receiving needs.
pub const BUFFER_SHARE: u32 = 8;
/// Most buffers that one worker's fragments hold, however many there are: fragments of one datagram arrive within
/// milliseconds of each other, and each place for a datagram costs memory of its own.
const MOST_FRAGMENTS: u32 = 4096;

impl Limits {
    /// For one of `workers` that share `buffers`.
    pub fn of(buffers: u32, workers: usize) -> Self {
        let workers = u32::try_from(workers).unwrap_or(u32::MAX).max(1);
        let fragments = (buffers / BUFFER_SHARE / workers).clamp(1, MOST_FRAGMENTS);
        // Most datagrams are of two fragments; and one source must not have all of them.
        let datagrams = (fragments / 2).clamp(1, MOST_FRAGMENTS / 2) as u16;
        Self { datagrams, fragments, per_source: (datagrams / 16).clamp(2, 32) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { datagrams: 512, fragments: 1024, per_source: 32 }
    }
}

/// Fragments held by one worker.
#[derive(Debug)]
pub struct Reassembler<B> {
    limits: Limits,
    slots: Box<[Slot<B>]>,
    /// Slots without a datagram.
    free: Vec<u16>,
    /// All datagrams.
    by_age: List,
    age_links: Links,
    /// Datagrams of each source.
    by_source: Box<[List]>,
    source_links: Links,
    /// Buffers held.
    held: u32,
}

/// Room for one datagram in the making.
#[derive(Debug)]
struct Slot<B> {
    key: Key,
    started: Now,
    datagram: Datagram<B>,
}

impl<B: PacketBuffer> Reassembler<B> {
    /// Makes room for all it will ever hold. A limit of zero counts as one.
    pub fn new(limits: Limits) -> Self {
        let datagrams = limits.datagrams.clamp(1, NONE - 1);
        let limits = Limits {
            datagrams,
            fragments: limits.fragments.max(1),
            per_source: limits.per_source.clamp(1, datagrams),
        };
        let slot = |_| Slot { key: Key::NOBODY, started: Now::default(), datagram: Datagram::new() };
        Self {
            limits,
            slots: (0..datagrams).map(slot).collect(),
            free: (0..datagrams).rev().collect(),
            by_age: List::EMPTY,
            age_links: Links::new(datagrams),
            by_source: vec![List::EMPTY; SOURCES].into_boxed_slice(),
            source_links: Links::new(datagrams),
            held: 0,
        }
    }

    /// Datagrams in the making.
    pub fn datagrams(&self) -> usize {
        usize::from(self.by_age.len)
    }

    /// Buffers held.
    pub fn fragments(&self) -> usize {
        self.held as usize
    }

    /// Takes a fragment, which starts at its IPv4 header, and gives the datagram that it makes whole: header first;
    /// total length, flags, ECN and checksum right. What cannot be used is counted and given back to its pool.
    pub fn input(&mut self, mut fragment: B, now: Now, counters: &WorkerCounters) -> Option<B> {
        let part = match Part::examine(&mut fragment) {
            Ok(part) => part,
            Err(reason) => {
                counters.drop(reason);
                return None;
            }
        };
        let found = self.find(&part.key);
        if let Some(reason) = part.too_large() {
            counters.drop(reason);
            if let Some(at) = found {
                self.discard(at, reason, counters);
            }
            return None;
        }
        let at = match found {
            Some(at) => at,
            None => self.open(part.key, now, counters)?,
        };
        let datagram = &mut self.slots.get_mut(usize::from(at))?.datagram;
        match datagram.place(fragment, &part) {
            Placed::Kept => self.held += 1,
            Placed::Duplicate => {
                counters.drop(DropReason::IpFragDuplicate);
                return None;
            }
            Placed::Spoilt(reason) => {
                counters.drop(reason);
                self.discard(at, reason, counters);
                return None;
            }
        }
        if datagram.is_whole() {
            return self.finish(at, counters);
        }
        while self.held > self.limits.fragments && self.by_age.len > 0 {
            self.discard(self.by_age.oldest, DropReason::IpFragTableFull, counters);
        }
        None
    }

    /// Gives up what is older than [`TIMEOUT_MS`]. Costs one comparison when nothing is.
    pub fn expire(&mut self, now: Now, counters: &WorkerCounters) {
        while let Some(slot) = self.slots.get(usize::from(self.by_age.oldest)) {
            if now.millis().saturating_sub(slot.started.millis()) < TIMEOUT_MS {
                return;
            }
            self.discard(self.by_age.oldest, DropReason::IpFragTimeout, counters);
        }
    }

    /// Looks through the source's datagrams, the newest first: fragments mostly follow each other. The list is no
    /// longer than the source's share.
    fn find(&self, key: &Key) -> Option<u16> {
        let mut at = self.by_source[source_list(key.source)].newest;
        while let Some(slot) = self.slots.get(usize::from(at)) {
            if slot.key == *key {
                return Some(at);
            }
            at = self.source_links.older(at);
        }
        None
    }

    /// A slot for a new datagram, if need be in place of an old one.
    fn open(&mut self, key: Key, now: Now, counters: &WorkerCounters) -> Option<u16> {
        let list = source_list(key.source);
        if self.by_source[list].len >= self.limits.per_source {
            self.discard(self.by_source[list].oldest, DropReason::IpFragTableFull, counters);
        } else if self.free.is_empty() {
            self.discard(self.by_age.oldest, DropReason::IpFragTableFull, counters);
        }
        let at = self.free.pop()?;
        let slot = self.slots.get_mut(usize::from(at))?;
        (slot.key, slot.started) = (key, now);
        self.age_links.push(&mut self.by_age, at);
        self.source_links.push(&mut self.by_source[list], at);
        Some(at)
    }

    /// Drops all fragments of a datagram for `reason`.
    fn discard(&mut self, at: u16, reason: DropReason, counters: &WorkerCounters) {
        let Some(slot) = self.slots.get_mut(usize::from(at)) else { return };
        counters.drops[reason as usize].add(slot.datagram.pieces() as u64);
        self.close(at);
    }

    /// Takes a whole datagram out.
    fn finish(&mut self, at: u16, counters: &WorkerCounters) -> Option<B> {
        let datagram = &mut self.slots.get_mut(usize::from(at))?.datagram;
        let before = datagram.pieces();
        let joined = datagram.join();
        self.held -= (before - datagram.pieces()) as u32;
        match joined {
            Ok(whole) => {
                self.close(at);
                counters.reassembled.add(1);
                Some(whole)
            }
            Err(reason) => {
                self.discard(at, reason, counters);
                None
            }
        }
    }

    /// Empties a slot and takes it out of all lists.
    fn close(&mut self, at: u16) {
        let Some(slot) = self.slots.get_mut(usize::from(at)) else { return };
        self.held -= slot.datagram.clear() as u32;
        self.age_links.remove(&mut self.by_age, at);
        self.source_links.remove(&mut self.by_source[source_list(slot.key.source)], at);
        self.free.push(at);
    }
}

/// The list a source's datagrams are in.
fn source_list(source: Ipv4Addr) -> usize {
    (source.to_bits().wrapping_mul(0x9e37_79b1) >> 16) as usize % SOURCES
}

#[cfg(test)]
mod tests;
