//! Who is who: one session to an identity (RFC 7296 2.4).

use crate::identity::Identity;
use crate::nat::Nat;
use crate::{Path, SessionId};
use seeded::Seeded;
use std::collections::{HashMap, VecDeque};

/// Sessions, and the numbers that identities had.
pub(crate) struct Sessions {
    /// Our SPI of each session's IKE SA.
    up: HashMap<SessionId, u64, Seeded>,
    /// Numbers of all identities seen lately: who comes back gets his number back.
    numbers: HashMap<Vec<u8>, SessionId, Seeded>,
    /// Identities in the order in which they were first seen.
    order: VecDeque<Vec<u8>>,
    next: u32,
    max: usize,
}

impl Sessions {
    pub(crate) fn new(max: usize, hash: Seeded) -> Self {
        Self {
            up: HashMap::with_hasher(hash),
            numbers: HashMap::with_hasher(hash),
            order: VecDeque::new(),
            next: 1,
            max: max.max(1),
        }
    }

    /// What tells identities apart. Behind NAT an address is one that many networks have: there the address that we see
    /// goes with it.
    pub(crate) fn key(identity: &Identity, nat: Nat, path: &Path) -> Vec<u8> {
        let mut key = identity.body();
        if nat.remote && matches!(identity, Identity::Address(_)) {
            key.extend_from_slice(&path.remote.0.octets());
        }
        // One hub, several tunnel sources: each has its own child SAs, so each has its own session.
        key.extend_from_slice(&path.local.0.octets());
        key
    }

    /// The number of an identity if its session is up, and our SPI of its IKE SA.
    pub(crate) fn find(&self, key: &[u8]) -> Option<(SessionId, u64)> {
        let session = self.numbers.get(key)?;
        self.up.get(session).map(|spi| (*session, *spi))
    }

    /// A session for an identity, under the number that it had before; `None`: there are too many.
    pub(crate) fn open(&mut self, key: &[u8], spi: u64) -> Option<SessionId> {
        let known = self.numbers.get(key).copied();
        if self.up.len() >= self.max && known.is_none_or(|session| !self.up.contains_key(&session)) {
            return None;
        }
        let session = match known {
            Some(session) => session,
            None => self.number(key)?,
        };
        self.up.insert(session, spi);
        Some(session)
    }

    /// As [`Self::open`], with the number that an earlier process gave. `false`: somebody else has it.
    pub(crate) fn restore(&mut self, key: &[u8], session: SessionId, spi: u64) -> bool {
        if self.up.len() >= self.max || self.up.contains_key(&session) || self.find(key).is_some() {
            return false;
        }
        if let Some(stale) = self.numbers.insert(key.to_vec(), session)
            && stale != session
        {
            self.up.remove(&stale);
        } else {
            self.order.push_back(key.to_vec());
        }
        self.next = self.next.max(session.get().saturating_add(1));
        self.up.insert(session, spi);
        true
    }

    /// A number that nobody has, and room to remember it.
    fn number(&mut self, key: &[u8]) -> Option<SessionId> {
        while self.numbers.len() >= 2 * self.max {
            let oldest = self.order.pop_front()?;
            match self.numbers.get(&oldest) {
                Some(session) if self.up.contains_key(session) => self.order.push_back(oldest),
                _ => {
                    self.numbers.remove(&oldest);
                }
            }
        }
        // Numbers run on, so that one is not soon another's; after 2^32 they begin anew among those that are remembered.
        let taken = |session: &SessionId| self.up.contains_key(session);
        let mut session = SessionId::new(self.next).unwrap_or(SessionId::MIN);
        while taken(&session) {
            session = session.checked_add(1).unwrap_or(SessionId::MIN);
        }
        self.next = session.get().wrapping_add(1).max(1);
        self.numbers.insert(key.to_vec(), session);
        self.order.push_back(key.to_vec());
        Some(session)
    }

    /// The session's IKE SA is another now (rekeyed).
    pub(crate) fn transfer(&mut self, session: SessionId, spi: u64) {
        if let Some(current) = self.up.get_mut(&session) {
            *current = spi;
        }
    }

    /// The session ends, if `spi` is still its IKE SA.
    pub(crate) fn close(&mut self, session: SessionId, spi: u64) -> bool {
        let is = self.up.get(&session) == Some(&spi);
        if is {
            self.up.remove(&session);
        }
        is
    }

    pub(crate) fn spi(&self, session: SessionId) -> Option<u64> {
        self.up.get(&session).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.up.len()
    }
}
