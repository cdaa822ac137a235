//! Next hops on ports, and the numbers the data plane knows them by.

use crate::ids::Ids;
use crate::sync::LinkRow;
use shm::message::{LinkId, MAX_LINKS, PortId};
use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;

/// The link that is never resolved: of peers to which the underlay has no route.
pub const NO_LINK: LinkId = 0;
/// Most links that only packets in flight asked for (answers to stations that are no peers). A flood of
/// registrations from invented addresses on a connected subnet ends here.
pub const MAX_TRANSIENT: usize = 1_024;
/// How long a link that nothing refers to is kept.
pub const LINGER_MS: u64 = 60_000;

/// A next hop: port and address.
pub type Key = (PortId, Ipv4Addr);

#[derive(Debug)]
struct Slot {
    key: Key,
    refs: u32,
    idle_since_ms: u64,
}

/// All links.
#[derive(Debug)]
pub struct Links {
    ids: Ids,
    by_key: BTreeMap<Key, LinkId>,
    slots: HashMap<LinkId, Slot>,
    transient: usize,
    /// How often there were [`MAX_TRANSIENT`] already.
    pub transient_full: u64,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            ids: Ids::new(u32::from(NO_LINK) + 1, MAX_LINKS as u32),
            by_key: BTreeMap::new(),
            slots: HashMap::new(),
            transient: 0,
            transient_full: 0,
        }
    }
}

impl Links {
    /// The number of a next hop.
    pub fn id(&self, key: Key) -> Option<LinkId> {
        self.by_key.get(&key).copied()
    }

    /// The next hop with a number.
    pub fn key(&self, id: LinkId) -> Option<Key> {
        self.slots.get(&id).map(|slot| slot.key)
    }

    /// All next hops.
    pub fn keys(&self) -> impl Iterator<Item = (Key, LinkId)> + '_ {
        self.by_key.iter().map(|(key, id)| (*key, *id))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// How many nothing refers to.
    pub fn transient(&self) -> usize {
        self.transient
    }

    /// How often there was no number left.
    pub fn full(&self) -> u64 {
        self.ids.full
    }

    /// A number for a next hop, counted as referred to. The flag says that it is new.
    pub fn acquire(
        &mut self,
        key: Key,
        now_ms: u64,
        busy: impl Fn(LinkId) -> bool,
    ) -> Option<(LinkId, bool)> {
        let (id, new) = self.entry(key, now_ms, busy)?;
        let slot = self.slots.get_mut(&id)?;
        if slot.refs == 0 {
            self.transient -= 1;
        }
        slot.refs += 1;
        Some((id, new))
    }

    /// A number for a next hop that is needed now and may be forgotten later.
    pub fn touch(&mut self, key: Key, now_ms: u64, busy: impl Fn(LinkId) -> bool) -> Option<(LinkId, bool)> {
        if !self.by_key.contains_key(&key) && self.transient >= MAX_TRANSIENT {
            self.transient_full += 1;
            return None;
        }
        let (id, new) = self.entry(key, now_ms, busy)?;
        self.slots.get_mut(&id)?.idle_since_ms = now_ms;
        Some((id, new))
    }

    /// One reference less.
    pub fn release(&mut self, id: LinkId, now_ms: u64) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.refs = slot.refs.saturating_sub(1);
            if slot.refs == 0 {
                self.transient += 1;
                slot.idle_since_ms = now_ms;
            }
        }
    }

    /// Forgets what nothing referred to for [`LINGER_MS`] and returns the numbers.
    pub fn expire(&mut self, now_ms: u64) -> Vec<LinkId> {
        if self.transient == 0 {
            return Vec::new();
        }
        let idle = |slot: &Slot| slot.refs == 0 && now_ms.saturating_sub(slot.idle_since_ms) >= LINGER_MS;
        let old: Vec<LinkId> = self.slots.iter().filter(|(_, slot)| idle(slot)).map(|(id, _)| *id).collect();
        for id in &old {
            if let Some(slot) = self.slots.remove(id) {
                self.by_key.remove(&slot.key);
                self.transient -= 1;
                self.ids.give(u32::from(*id));
            }
        }
        old
    }

    fn entry(&mut self, key: Key, now_ms: u64, busy: impl Fn(LinkId) -> bool) -> Option<(LinkId, bool)> {
        if let Some(id) = self.by_key.get(&key) {
            return Some((*id, false));
        }
        let id = self.ids.take(|id| LinkId::try_from(id).is_ok_and(&busy))?;
        let id = LinkId::try_from(id).ok()?;
        self.by_key.insert(key, id);
        self.slots.insert(id, Slot { key, refs: 0, idle_since_ms: now_ms });
        self.transient += 1;
        Some((id, true))
    }
}

/// The row of [`NO_LINK`].
pub const NO_LINK_ROW: LinkRow = LinkRow { port: 0, mac: None };
