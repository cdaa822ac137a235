//! The SAs behind the tables that workers read.

use crate::peers::Named;
use crate::refusal::{ApplyError, Refusal};
use crate::sa::{Inbound, Outbound};
use crate::sa_table::{Half, LETTERS, Letter};
use crate::tables::{Secured, Tables};
use shm::SaCells;
use shm::message::{Direction, MAX_WINDOW, MIN_WINDOW, RESERVED_SPIS, SaId, SaInbound, SaOutbound, sa_of};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All SAs.
#[derive(Debug, Default)]
pub(crate) struct Sas {
    inbound: BTreeMap<SaId, Named<Arc<Inbound>>>,
    outbound: BTreeMap<SaId, Named<Arc<Outbound>>>,
    /// Letters that each worker has not answered.
    unanswered: Vec<usize>,
    /// Whether an update waits for answers: it is applied again until they are in.
    waiting: bool,
}

impl Sas {
    /// Halves installed.
    pub(crate) fn len(&self) -> usize {
        self.inbound.len() + self.outbound.len()
    }

    /// An outbound half.
    pub(crate) fn outbound(&self, id: SaId) -> Option<&Outbound> {
        self.outbound.get(&id).map(|sa| &*sa.content)
    }

    /// Whether the update that is applied was applied before, and only answers are lacking.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Installs an inbound half, or learns where the peer of a known one is now.
    pub(crate) fn insert_inbound(
        &mut self,
        tables: &Tables,
        sa: &SaInbound,
        generation: u64,
    ) -> Result<(), ApplyError> {
        let (secured, cells) = slot(tables, sa.id)?;
        // RFC 4303 2.1, and the SPI must lead to the slot.
        if sa.spi <= RESERVED_SPIS || sa_of(sa.spi) != sa.id {
            return Err(Refusal::Spi.into());
        }
        if !(MIN_WINDOW..=MAX_WINDOW).contains(&sa.window) || !sa.window.is_power_of_two() {
            return Err(Refusal::Window.into());
        }
        if !tables.interfaces.is_protected_anywhere(sa.local.to_bits()) {
            return Err(Refusal::Protection.into());
        }
        if !cells.inbound.is_armed(sa.tag) {
            return Err(Refusal::Tag.into());
        }
        if let Some(known) = self.inbound.get_mut(&sa.id)
            && (known.content.tag, known.content.spi) == (sa.tag, sa.spi)
        {
            known.generation = generation;
            known.content.set_known(sa);
            return Ok(());
        }
        let new = Arc::new(Inbound::new(sa, &secured.choice, cells.inbound.top.get())?);
        self.inbound.insert(sa.id, Named { content: new.clone(), generation });
        self.post(tables, sa.id, Half::Inbound(Some(new)))
    }

    /// Installs an outbound half.
    pub(crate) fn insert_outbound(
        &mut self,
        tables: &Tables,
        sa: &SaOutbound,
        generation: u64,
    ) -> Result<(), ApplyError> {
        let (secured, cells) = slot(tables, sa.id)?;
        if sa.spi <= RESERVED_SPIS {
            return Err(Refusal::Spi.into());
        }
        // Else its numbers would be another's, and a nonce could come twice.
        if !cells.outbound.is_armed(sa.tag) {
            return Err(Refusal::Tag.into());
        }
        if let Some(known) = self.outbound.get_mut(&sa.id)
            && (known.content.tag, known.content.spi) == (sa.tag, sa.spi)
        {
            known.generation = generation;
            return Ok(());
        }
        let new = Arc::new(Outbound::new(sa, &secured.choice)?);
        self.outbound.insert(sa.id, Named { content: new.clone(), generation });
        self.post(tables, sa.id, Half::Outbound(Some(new)))
    }

    /// Removes one half.
    pub(crate) fn remove(
        &mut self,
        tables: &Tables,
        id: SaId,
        direction: Direction,
    ) -> Result<(), ApplyError> {
        let half = match direction {
            Direction::Inbound => self.inbound.remove(&id).map(|_| Half::Inbound(None)),
            Direction::Outbound => self.outbound.remove(&id).map(|_| Half::Outbound(None)),
        };
        self.post(tables, id, half.ok_or(Refusal::Absent)?)
    }

    /// Removes what a resync did not name. To be called again until it is done.
    pub(crate) fn sweep(&mut self, tables: &Tables, generation: u64) -> Result<(), ApplyError> {
        fn stale<T>(all: &BTreeMap<SaId, Named<T>>, generation: u64) -> Vec<SaId> {
            all.iter().filter(|(_, sa)| sa.generation != generation).map(|(id, _)| *id).collect()
        }
        // What was posted in earlier calls makes room for the rest.
        let _ = self.settle(tables);
        let inbound = stale(&self.inbound, generation).into_iter().map(|id| (id, Direction::Inbound));
        let outbound = stale(&self.outbound, generation).into_iter().map(|id| (id, Direction::Outbound));
        for (id, direction) in inbound.chain(outbound) {
            if self.unanswered.iter().any(|letters| *letters >= LETTERS) {
                return Err(ApplyError::Busy);
            }
            // Busy with this one means only that it is on its way.
            match self.remove(tables, id, direction) {
                Ok(()) | Err(ApplyError::Busy) => {}
                refused => return refused,
            }
        }
        self.settle(tables)
    }

    /// Tells all workers. There is room: before, all letters were answered, or the caller has looked.
    fn post(&mut self, tables: &Tables, id: SaId, half: Half) -> Result<(), ApplyError> {
        let Some(secured) = &tables.secured else { return Ok(()) };
        self.unanswered.resize(secured.mailboxes.len(), 0);
        for (mailbox, unanswered) in secured.mailboxes.iter().zip(&mut self.unanswered) {
            mailbox.post(Letter { id, half: half.clone() });
            *unanswered += 1;
        }
        drop(half);
        self.settle(tables)
    }

    /// Takes the answers and frees what they bring. [`ApplyError::Busy`]: some are lacking.
    pub(crate) fn settle(&mut self, tables: &Tables) -> Result<(), ApplyError> {
        let Some(secured) = &tables.secured else { return Ok(()) };
        for (mailbox, unanswered) in secured.mailboxes.iter().zip(&mut self.unanswered) {
            while mailbox.answered().is_some() {
                *unanswered = unanswered.saturating_sub(1);
            }
            if *unanswered > 0 && mailbox.is_left() {
                *unanswered = 0;
            }
        }
        self.waiting = self.unanswered.iter().any(|letters| *letters > 0);
        if self.waiting { Err(ApplyError::Busy) } else { Ok(()) }
    }
}

/// What an SA's slot needs: engines, cells.
fn slot(tables: &Tables, id: SaId) -> Result<(&Secured, &SaCells), Refusal> {
    let secured = tables.secured.as_ref().ok_or(Refusal::Protection)?;
    let cells = secured.cells.get(id as usize).ok_or(Refusal::Index)?;
    Ok((secured, cells))
}
