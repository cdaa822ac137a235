//! The bindings, their expiry, and who was told about them.

use crate::prefixes::{Table, overlapping};
use crate::{Binding, Kind, Owner, Requester, TunnelId};
use seeded::Seeded;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::Ipv4Addr;

/// Most requesters remembered for one binding.
pub(crate) const MAX_REQUESTERS: usize = 1024;

/// A binding and what the server alone needs of it.
pub(crate) struct Entry {
    pub(crate) binding: Binding,
    /// NHRP packets that it answered or led.
    pub(crate) hits: u64,
    pub(crate) used_ms: Option<u64>,
    /// Sorted by [`requester_key`].
    pub(crate) requesters: Vec<Requester>,
    pub(crate) vendor: Vec<u8>,
    /// Tells an entry from an earlier one in the same slot.
    generation: u32,
    /// Deadline of the entry's live item in the heap.
    queued_ms: Option<u64>,
}

/// Index of an entry.
pub(crate) type Slot = u32;

/// All bindings. Every operation but iteration costs the same at any size (the heap: its logarithm).
pub(crate) struct Cache {
    entries: Vec<Option<Entry>>,
    free: Vec<Slot>,
    by_protocol: HashMap<(TunnelId, Ipv4Addr), Slot, Seeded>,
    by_owner: HashMap<(TunnelId, Owner), Vec<Slot>, Seeded>,
    /// Deadline, slot, generation. An entry that lives longer by now is queued again when its item comes up, so
    /// that refreshing touches no heap.
    heap: BinaryHeap<Reverse<(u64, Slot, u32)>>,
    generation: u32,
    requesters: usize,
    max_requesters: usize,
    /// Entries by what somebody was told of them. May name too much: entries whose requesters were forgotten since.
    told: Table<Slot, ()>,
}

impl Cache {
    pub(crate) fn new(max_bindings: usize, hash: Seeded) -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            by_protocol: HashMap::with_hasher(hash),
            by_owner: HashMap::with_hasher(hash),
            heap: BinaryHeap::new(),
            generation: 0,
            requesters: 0,
            max_requesters: max_bindings.saturating_mul(4).max(65_536),
            told: Table::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_protocol.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten()
    }

    pub(crate) fn find(&self, tunnel: TunnelId, protocol: Ipv4Addr) -> Option<Slot> {
        self.by_protocol.get(&(tunnel, protocol)).copied()
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Entry> {
        self.entries.get(slot as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Entry> {
        self.entries.get_mut(slot as usize)?.as_mut()
    }

    pub(crate) fn binding(&self, tunnel: TunnelId, protocol: Ipv4Addr) -> Option<&Binding> {
        Some(&self.get(self.find(tunnel, protocol)?)?.binding)
    }

    /// Slots of the bindings that a station has.
    pub(crate) fn of(&self, tunnel: TunnelId, owner: Owner) -> &[Slot] {
        self.by_owner.get(&(tunnel, owner)).map_or(&[], Vec::as_slice)
    }

    /// Adds a binding, or replaces the one of the same protocol address: its requesters and vendor data stay.
    pub(crate) fn put(&mut self, binding: Binding) -> Slot {
        let slot = match self.find(binding.tunnel, binding.protocol) {
            Some(slot) => {
                self.rehome(slot, &binding);
                if let Some(entry) = self.get_mut(slot) {
                    entry.binding = binding;
                }
                slot
            }
            None => self.insert(binding),
        };
        self.queue(slot);
        slot
    }

    fn insert(&mut self, binding: Binding) -> Slot {
        self.generation = self.generation.wrapping_add(1);
        let entry = Entry {
            binding,
            hits: 0,
            used_ms: None,
            requesters: Vec::new(),
            vendor: Vec::new(),
            generation: self.generation,
            queued_ms: None,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            (self.entries.len() - 1) as Slot
        });
        if let Some(place) = self.entries.get_mut(slot as usize) {
            *place = Some(entry);
        }
        self.by_protocol.insert((binding.tunnel, binding.protocol), slot);
        self.by_owner.entry((binding.tunnel, binding.station().owner())).or_default().push(slot);
        slot
    }

    /// Moves a slot to the list of the station that it is about to belong to.
    fn rehome(&mut self, slot: Slot, new: &Binding) {
        let Some(old) = self.get(slot).map(|entry| entry.binding) else { return };
        let owner = new.station().owner();
        if old.station().owner() != owner {
            self.leave(slot, &old);
            self.by_owner.entry((new.tunnel, owner)).or_default().push(slot);
        }
    }

    fn leave(&mut self, slot: Slot, binding: &Binding) {
        let key = (binding.tunnel, binding.station().owner());
        if let Some(slots) = self.by_owner.get_mut(&key) {
            if let Some(at) = slots.iter().position(|other| *other == slot) {
                slots.swap_remove(at);
            }
            if slots.is_empty() {
                self.by_owner.remove(&key);
            }
        }
    }

    pub(crate) fn remove(&mut self, slot: Slot) -> Option<Entry> {
        let entry = self.entries.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        self.by_protocol.remove(&(entry.binding.tunnel, entry.binding.protocol));
        self.leave(slot, &entry.binding);
        self.requesters -= entry.requesters.len();
        for requester in &entry.requesters {
            self.told.remove(&(requester.prefix, requester.prefix_len, slot));
        }
        self.compact();
        Some(entry)
    }

    /// Sees to it that the heap holds an item no later than the entry's end.
    fn queue(&mut self, slot: Slot) {
        let Some(entry) = self.get_mut(slot) else { return };
        let Some(expires_ms) = entry.binding.expires_ms else { return };
        if entry.queued_ms.is_some_and(|queued| queued <= expires_ms) {
            return;
        }
        entry.queued_ms = Some(expires_ms);
        let item = Reverse((expires_ms, slot, entry.generation));
        self.heap.push(item);
        self.compact();
    }

    /// Stale items never outnumber the live ones for long.
    fn compact(&mut self) {
        if self.heap.len() > 2 * self.len() + 64 {
            let items = std::mem::take(&mut self.heap).into_vec();
            let live = items.into_iter().filter(|Reverse((deadline, slot, generation))| {
                self.get(*slot).is_some_and(|e| e.generation == *generation && e.queued_ms == Some(*deadline))
            });
            self.heap = live.collect();
        }
    }

    /// When [`Cache::expired`] is to be asked next.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((deadline, ..))| *deadline)
    }

    /// The next binding whose time is up.
    pub(crate) fn expired(&mut self, now_ms: u64) -> Option<Slot> {
        loop {
            let Reverse((deadline, slot, generation)) = *self.heap.peek()?;
            if deadline > now_ms {
                return None;
            }
            self.heap.pop();
            let Some(entry) = self.get_mut(slot) else { continue };
            if entry.generation != generation || entry.queued_ms != Some(deadline) {
                continue;
            }
            entry.queued_ms = None;
            match entry.binding.expires_ms {
                Some(expires_ms) if expires_ms <= now_ms => return Some(slot),
                _ => self.queue(slot),
            }
        }
    }

    /// Remembers who was told about a binding. `false`: no room, it will not hear when the binding goes.
    pub(crate) fn told(&mut self, slot: Slot, requester: Requester, now_ms: u64) -> bool {
        let room = self.requesters < self.max_requesters;
        let Some(entry) = self.get_mut(slot) else { return false };
        let before = entry.requesters.len();
        let added =
            remember(&mut entry.requesters, requester, now_ms, if room { MAX_REQUESTERS } else { before });
        let after = entry.requesters.len();
        self.requesters = self.requesters + after - before;
        if added {
            self.told.insert((requester.prefix, requester.prefix_len, slot), ());
            self.compact_told();
        }
        added
    }

    /// Requesters make room for others without a word; what they were told about is forgotten here.
    fn compact_told(&mut self) {
        if self.told.len() > 2 * self.requesters + 64 {
            let entries = self.entries.iter().enumerate();
            let entries = entries.filter_map(|(slot, entry)| Some((slot as Slot, entry.as_ref()?)));
            let keys = entries.flat_map(|(slot, entry)| {
                entry.requesters.iter().map(move |told| ((told.prefix, told.prefix_len, slot), ()))
            });
            self.told = keys.collect();
        }
    }

    /// What somebody was told, of which entry, that overlaps a prefix.
    pub(crate) fn told_about(&self, prefix: Ipv4Addr, len: u8) -> Vec<(Ipv4Addr, u8, Slot)> {
        overlapping(&self.told, prefix, len, (Slot::MIN, Slot::MAX))
    }

    /// Takes away, of those who were told exactly this of an entry, whom `which` names.
    pub(crate) fn take_told(
        &mut self,
        slot: Slot,
        prefix: Ipv4Addr,
        len: u8,
        which: impl Fn(&Requester) -> bool,
    ) -> Vec<Requester> {
        let about = |requester: &Requester| (requester.prefix, requester.prefix_len) == (prefix, len);
        let Some(entry) = self.get_mut(slot) else { return Vec::new() };
        let taken: Vec<_> =
            entry.requesters.extract_if(.., |requester| about(requester) && which(requester)).collect();
        let none_left = !entry.requesters.iter().any(about);
        self.requesters -= taken.len();
        if none_left {
            self.told.remove(&(prefix, len, slot));
        }
        taken
    }

    /// Takes away who was told.
    pub(crate) fn take_requesters(&mut self, slot: Slot) -> Vec<Requester> {
        let taken = self.get_mut(slot).map(|entry| std::mem::take(&mut entry.requesters)).unwrap_or_default();
        self.requesters -= taken.len();
        for requester in &taken {
            self.told.remove(&(requester.prefix, requester.prefix_len, slot));
        }
        taken
    }

    /// Slots of all bindings of a kind that `which` names.
    pub(crate) fn of_kind(&self, kind: Kind, which: impl Fn(&Binding) -> bool) -> Vec<Slot> {
        let slots = self.entries.iter().enumerate().filter_map(|(slot, entry)| Some((slot, entry.as_ref()?)));
        let slots = slots.filter(|(_, entry)| entry.binding.kind == kind && which(&entry.binding));
        slots.map(|(slot, _)| slot as Slot).collect()
    }
}

fn requester_key(requester: &Requester) -> (TunnelId, Ipv4Addr, Ipv4Addr, u8) {
    (requester.tunnel, requester.protocol, requester.prefix, requester.prefix_len)
}

/// Puts a requester into a sorted list of at most `max`; when it is full, those whose answer ran out make room.
pub(crate) fn remember(list: &mut Vec<Requester>, requester: Requester, now_ms: u64, max: usize) -> bool {
    let key = requester_key(&requester);
    if let Ok(at) = list.binary_search_by_key(&key, requester_key) {
        if let Some(old) = list.get_mut(at) {
            *old = requester;
        }
        return true;
    }
    if list.len() >= max {
        list.retain(|old| old.until_ms > now_ms);
        if list.len() >= max {
            return false;
        }
    }
    let at = list.partition_point(|old| requester_key(old) < key);
    list.insert(at, requester);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(host: u32, nbma: u32, expires_ms: u64) -> Binding {
        Binding {
            tunnel: 0,
            protocol: Ipv4Addr::from(0x0a00_0000 + host),
            nbma: Ipv4Addr::from(0xc000_0200 + nbma),
            session: None,
            claimed: Ipv4Addr::from(0xc000_0200 + nbma),
            kind: Kind::Dynamic,
            unique: false,
            nat_capable: false,
            multicast: false,
            mtu: 0,
            holding_time: 60,
            request_id: 1,
            created_ms: 0,
            refreshed_ms: 0,
            expires_ms: Some(expires_ms),
        }
    }

    #[test]
    fn expiry_follows_the_latest_refresh() {
        let mut cache = Cache::new(10, Seeded(1));
        let slot = cache.put(binding(1, 1, 100));
        cache.put(binding(1, 1, 200));
        assert_eq!(cache.next_deadline(), Some(100));
        assert_eq!(cache.expired(100), None);
        assert_eq!(cache.next_deadline(), Some(200));
        assert_eq!(cache.expired(199), None);
        assert_eq!(cache.expired(200), Some(slot));
        cache.remove(slot);
        assert_eq!((cache.len(), cache.next_deadline()), (0, None));
    }

    #[test]
    fn a_shorter_holding_time_counts_too() {
        let mut cache = Cache::new(10, Seeded(1));
        let slot = cache.put(binding(1, 1, 1000));
        cache.put(binding(1, 1, 50));
        assert_eq!(cache.expired(50), Some(slot));
    }

    #[test]
    fn a_reused_slot_does_not_inherit_the_deadline() {
        let mut cache = Cache::new(10, Seeded(1));
        let slot = cache.put(binding(1, 1, 100));
        cache.remove(slot);
        assert_eq!(cache.put(binding(2, 1, 500)), slot);
        assert_eq!(cache.expired(100), None);
        assert_eq!(cache.expired(500), Some(slot));
    }

    #[test]
    fn the_heap_stays_in_proportion() {
        let mut cache = Cache::new(10, Seeded(1));
        for n in 0..100_000u64 {
            cache.put(binding(1, 1, 1_000_000 - n));
            let slot = cache.put(binding(2, 1, 10 + n));
            cache.remove(slot);
        }
        assert!(cache.heap.len() <= 2 * cache.len() + 65);
    }

    #[test]
    fn a_move_changes_lists() {
        let mut cache = Cache::new(10, Seeded(1));
        let slot = cache.put(binding(1, 1, 100));
        cache.put(binding(1, 2, 100));
        assert!(cache.of(0, Owner::Nbma(Ipv4Addr::from(0xc000_0201))).is_empty());
        assert_eq!(cache.of(0, Owner::Nbma(Ipv4Addr::from(0xc000_0202))), [slot]);
    }

    #[test]
    fn requesters_are_bounded() {
        let mut cache = Cache::new(1, Seeded(1));
        let slot = cache.put(binding(1, 1, 100));
        let requester = |n: u32, until_ms| Requester {
            tunnel: 0,
            protocol: Ipv4Addr::from(n),
            station: Ipv4Addr::LOCALHOST.into(),
            request_id: n,
            until_ms,
            prefix: Ipv4Addr::UNSPECIFIED,
            prefix_len: 32,
            passed_on: false,
        };
        for n in 0..MAX_REQUESTERS as u32 {
            assert!(cache.told(slot, requester(n, 10), 0));
            assert!(cache.told(slot, requester(n, 20), 0));
        }
        assert!(!cache.told(slot, requester(5000, 20), 0));
        assert!(cache.told(slot, requester(5000, 90), 20));
        assert_eq!(cache.take_requesters(slot).len(), 1);
        assert_eq!(cache.requesters, 0);
    }
}
