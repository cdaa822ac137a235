//! Tasks under way.

use seeded::Seeded;
use std::collections::HashMap;

/// Which IKE SA waits for which task.
pub(crate) struct Tasks {
    waiting: HashMap<u64, u64, Seeded>,
    next: u64,
    max: usize,
    /// The most there have been.
    pub(crate) peak: usize,
}

/// How urgent a task is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// For somebody new: a quarter of the room is kept from these.
    New,
    /// For somebody who has got further.
    Known,
}

impl Tasks {
    pub(crate) fn new(max: usize, hash: Seeded) -> Self {
        Self { waiting: HashMap::with_hasher(hash), next: 1, max: max.max(4), peak: 0 }
    }

    /// A ticket for a task of the IKE SA with our SPI `spi`; `None`: too many are under way.
    pub(crate) fn start(&mut self, spi: u64, urgency: Urgency) -> Option<u64> {
        if !self.has_room(urgency) {
            return None;
        }
        let ticket = self.next;
        self.next += 1;
        self.waiting.insert(ticket, spi);
        self.peak = self.peak.max(self.waiting.len());
        Some(ticket)
    }

    /// Whether one more may be under way.
    pub(crate) fn has_room(&self, urgency: Urgency) -> bool {
        let max = match urgency {
            Urgency::New => self.max - self.max / 4,
            Urgency::Known => self.max,
        };
        self.waiting.len() < max
    }

    /// The IKE SA that waits for it. Once only.
    pub(crate) fn finish(&mut self, ticket: u64) -> Option<u64> {
        self.waiting.remove(&ticket)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}
