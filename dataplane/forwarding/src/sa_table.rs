//! How SAs come to the workers and go again, without a lock.
//!
//! Each worker owns a table by SA slot. The updater posts a new half, or none, to every worker's mailbox; the worker
//! puts it in its place at its next poll and gives back what stood there. So each letter has one answer, the updater
//! is the one that frees, and wipes, and once all answers are in no worker holds what was replaced.

use crate::sa::{Inbound, Outbound};
use crossbeam::queue::ArrayQueue;
use shm::message::{SaId, sa_of};
use shm::{SaCells, Shared};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};

/// Letters on their way to one worker and back.
pub(crate) const LETTERS: usize = 256;

/// Half of an SA, or its absence.
#[derive(Clone, Debug)]
pub(crate) enum Half {
    Inbound(Option<Arc<Inbound>>),
    Outbound(Option<Arc<Outbound>>),
}

/// To a worker: what shall stand in the slot. Back: what stood there.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) id: SaId,
    pub(crate) half: Half,
}

/// What passes between the updater and one worker.
#[derive(Debug)]
pub(crate) struct Mailbox {
    /// Written by the updater, read by the worker.
    to_worker: ArrayQueue<Letter>,
    /// Written by the worker, read by the updater.
    answers: ArrayQueue<Letter>,
    /// Set by the worker when it will not read any more.
    left: AtomicBool,
}

/// A worker's own SAs.
#[derive(Debug)]
pub(crate) struct SaTable {
    inbound: Vec<Option<Arc<Inbound>>>,
    outbound: Vec<Option<Arc<Outbound>>>,
    cells: Option<Shared<[SaCells]>>,
}

impl Mailbox {
    pub(crate) fn new() -> Self {
        let queue = || ArrayQueue::new(LETTERS);
        Self { to_worker: queue(), answers: queue(), left: AtomicBool::new(false) }
    }

    /// Updater: posts a letter. The caller keeps no more than [`LETTERS`] unanswered.
    pub(crate) fn post(&self, letter: Letter) {
        let _ = self.to_worker.push(letter);
    }

    /// Updater: takes an answer, and frees what it brings by letting go of it.
    pub(crate) fn answered(&self) -> Option<Letter> {
        self.answers.pop()
    }

    /// Updater: whether the worker has left; then nobody reads, and letters come back unread.
    pub(crate) fn is_left(&self) -> bool {
        if !self.left.load(Acquire) {
            return false;
        }
        while self.to_worker.pop().is_some() || self.answers.pop().is_some() {}
        true
    }

    /// Worker: it holds nothing and will not read any more.
    pub(crate) fn leave(&self) {
        self.left.store(true, Release);
    }
}

impl SaTable {
    /// Room for all SAs that the cells are for.
    pub(crate) fn new(cells: Option<Shared<[SaCells]>>) -> Self {
        let len = cells.as_ref().map_or(0, |cells| cells.len());
        let (inbound, outbound) = (vec![None; len], vec![None; len]);
        shm::pages::populate::<Option<Arc<Inbound>>>(&inbound);
        shm::pages::populate::<Option<Arc<Outbound>>>(&outbound);
        Self { inbound, outbound, cells }
    }

    /// Takes what the updater has posted.
    #[inline(always)]
    pub(crate) fn read(&mut self, mailbox: &Mailbox) {
        if !mailbox.to_worker.is_empty() {
            self.read_letters(mailbox);
        }
    }

    #[cold]
    fn read_letters(&mut self, mailbox: &Mailbox) {
        // No more than fit the answers, which the updater may not have taken yet.
        while !mailbox.answers.is_full() {
            let Some(mut letter) = mailbox.to_worker.pop() else { return };
            let at = letter.id as usize;
            match &mut letter.half {
                Half::Inbound(new) => exchange(self.inbound.get_mut(at), new),
                Half::Outbound(new) => exchange(self.outbound.get_mut(at), new),
            }
            let _ = mailbox.answers.push(letter);
        }
    }

    /// Starts loading the slot that an SPI names.
    #[inline(always)]
    pub(crate) fn prefetch_inbound(&self, spi: u32) {
        shm::cpu::prefetch_index(&self.inbound, sa_of(spi) as usize);
    }

    /// The SA in the slot that an SPI names; whether it has that SPI is not asked.
    #[inline(always)]
    pub(crate) fn inbound(&self, spi: u32) -> Option<&Arc<Inbound>> {
        self.inbound.get(sa_of(spi) as usize)?.as_ref()
    }

    /// Starts loading the slot of an outbound SA.
    #[inline(always)]
    pub(crate) fn prefetch_outbound(&self, id: SaId) {
        shm::cpu::prefetch_index(&self.outbound, id as usize);
    }

    /// An outbound SA.
    #[inline(always)]
    pub(crate) fn outbound(&self, id: SaId) -> Option<&Arc<Outbound>> {
        self.outbound.get(id as usize)?.as_ref()
    }

    /// The cells of an SA.
    #[inline(always)]
    pub(crate) fn cells(&self, id: SaId) -> Option<&SaCells> {
        self.cells.as_ref()?.get(id as usize)
    }
}

fn exchange<T>(slot: Option<&mut Option<T>>, new: &mut Option<T>) {
    if let Some(slot) = slot {
        std::mem::swap(slot, new);
    }
}
