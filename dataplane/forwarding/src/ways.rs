//! The entries of several ways behind the lines that workers read.

use crate::refusal::{ApplyError, Refusal};
use crate::tables::Tables;
use shm::message::{MAX_PATHS, PathsId, Target, Ways};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// All entries, known to the updater alone.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// The resync that named each last.
    generations: BTreeMap<PathsId, u64>,
    /// Deleted entries whose line workers may still read.
    leaving: BTreeSet<PathsId>,
    /// The same in order of the epoch until which that is so.
    until: VecDeque<(u64, PathsId)>,
}

impl Entries {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.generations.len()
    }

    /// Those that a resync did not name.
    pub(crate) fn stale(&self, generation: u64) -> Vec<PathsId> {
        self.generations.iter().filter(|(_, named)| **named != generation).map(|(id, _)| *id).collect()
    }

    /// Adds or changes an entry, whose ways are within their bounds.
    pub(crate) fn insert(
        &mut self,
        tables: &Tables,
        id: PathsId,
        ways: &Ways,
        generation: u64,
    ) -> Result<(), ApplyError> {
        if id as usize >= MAX_PATHS {
            return Err(Refusal::Index.into());
        }
        // Two levels would cost a packet two look-ups, and could lead round in a circle.
        if ways.as_slice().iter().any(|way| matches!(way, Target::Paths(_))) {
            return Err(Refusal::Index.into());
        }
        // Re-using a line too early could send packets to where another prefix leads.
        if self.leaving.contains(&id) {
            return Err(ApplyError::Busy);
        }
        self.generations.insert(id, generation);
        tables.paths.write(id, ways.as_slice());
        Ok(())
    }

    /// Removes an entry. A worker that has looked up a prefix before it was given another entry finds its ways as long as
    /// it may look: a packet that is on its way then is not lost.
    pub(crate) fn remove(&mut self, tables: &Tables, id: PathsId) -> Result<(), ApplyError> {
        self.generations.remove(&id).ok_or(Refusal::Absent)?;
        self.leaving.insert(id);
        self.until.push_back((tables.epochs.advance(), id));
        Ok(())
    }

    /// Empties the lines of deleted entries that no worker reads any more.
    pub(crate) fn settle(&mut self, tables: &Tables) {
        if self.until.is_empty() {
            return;
        }
        let reached = tables.epochs.reached();
        while let Some((_, id)) = self.until.pop_front_if(|(epoch, _)| *epoch <= reached) {
            self.leaving.remove(&id);
            tables.paths.write(id, &[]);
        }
    }
}
