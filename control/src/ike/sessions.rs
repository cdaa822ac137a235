//! Authenticated peers.

use ike::{Encapsulation, Path, SessionId, SessionUp};
use shm::message::SaId;
use std::collections::{BTreeMap, BTreeSet};

/// Whether a peer's ESP packets arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Esp {
    /// It may still come.
    Awaited,
    /// One was decrypted.
    Heard,
    /// None was, for so long that something on the path must be dropping them.
    Blocked,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whom it proved to be.
    pub identity: String,
    /// Where it is.
    pub path: Path,
    /// How ESP travels.
    pub encapsulation: Encapsulation,
    /// Slots of its child SAs.
    pub sas: BTreeSet<SaId>,
    /// Since when it is here.
    pub since_ms: u64,
    /// Whether its ESP arrives.
    pub esp: Esp,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Sessions {
    by_id: BTreeMap<SessionId, Session>,
}

impl Sessions {
    /// A peer proved who it is. One that comes back in place of itself keeps its child SAs: actions that follow say
    /// what becomes of them.
    pub fn up(&mut self, now_ms: u64, up: SessionUp) {
        let SessionUp { session, identity, path, encapsulation, .. } = up;
        let old = self.by_id.remove(&session);
        let sas = old.map(|old| old.sas).unwrap_or_default();
        let new = Session { identity, path, encapsulation, sas, since_ms: now_ms, esp: Esp::Awaited };
        self.by_id.insert(session, new);
    }

    /// A peer is gone.
    pub fn down(&mut self, session: SessionId) -> Option<Session> {
        self.by_id.remove(&session)
    }

    /// One of them.
    pub fn get(&self, session: SessionId) -> Option<&Session> {
        self.by_id.get(&session)
    }

    /// One of them, to be changed.
    pub fn get_mut(&mut self, session: SessionId) -> Option<&mut Session> {
        self.by_id.get_mut(&session)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.by_id.iter().map(|(id, session)| (*id, session))
    }

    /// All of them, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (SessionId, &mut Session)> {
        self.by_id.iter_mut().map(|(id, session)| (*id, session))
    }
}
