//! Sets of next hops, each kept once, whatever number of routes have it.
//!
//! A routing table has few of them: half a million prefixes of a provider come from a handful of neighbours. So a
//! change of a next-hop object is one change of a set, and what follows from it is worked out once.

use super::{Hop, HopsId, NextHopId};
use crate::prefix::Net;
use shm::message::{MAX_VRFS, VrfId};
use std::collections::{BTreeSet, HashMap};

/// What makes two routes of a VRF share a set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// They name this object.
    Object(VrfId, NextHopId),
    /// They have these next hops of their own; none: they discard.
    Own(VrfId, Vec<Hop>),
}

impl Key {
    /// The object that routes with this set name.
    pub(super) fn object(&self) -> Option<NextHopId> {
        match self {
            Self::Object(_, id) => Some(*id),
            Self::Own(..) => None,
        }
    }

    /// The VRF of routes with this set.
    pub(super) fn vrf(&self) -> VrfId {
        match self {
            Self::Object(vrf, _) | Self::Own(vrf, _) => *vrf,
        }
    }
}

#[derive(Debug)]
struct Set {
    key: Key,
    /// What can be used at present; none: packets are discarded.
    hops: Vec<Hop>,
    /// Prefixes with a route that has the set.
    users: BTreeSet<Net>,
}

/// All sets that a route has.
#[derive(Debug, Default)]
pub(super) struct HopSets {
    sets: HashMap<HopsId, Set>,
    by_key: HashMap<Key, HopsId>,
    latest: u32,
}

impl HopSets {
    /// None yet, with numbers that those of another source do not have.
    pub(super) fn of(source: Source) -> Self {
        Self { latest: source as u32, ..Self::default() }
    }
}

/// Who tells of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The kernel.
    Netlink = 0,
    /// Zebra.
    Fpm = 1,
}

/// Whose set it is.
pub(super) fn source(id: HopsId) -> Source {
    if id.0 & 1 == 0 { Source::Netlink } else { Source::Fpm }
}

impl HopSets {
    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sets.len()
    }

    /// The set with a key.
    pub(super) fn id(&self, key: &Key) -> Option<HopsId> {
        self.by_key.get(key).copied()
    }

    /// Its hops.
    pub(super) fn hops(&self, id: HopsId) -> Option<&[Hop]> {
        self.sets.get(&id).map(|set| set.hops.as_slice())
    }

    /// The object that its routes name.
    pub(super) fn object(&self, id: HopsId) -> Option<NextHopId> {
        self.sets.get(&id)?.key.object()
    }

    /// The VRF of its routes.
    pub(super) fn vrf(&self, id: HopsId) -> Option<VrfId> {
        self.sets.get(&id).map(|set| set.key.vrf())
    }

    /// The sets that name an object, one for each VRF that does.
    pub(super) fn naming(&self, object: NextHopId) -> Vec<HopsId> {
        let vrfs = 0..MAX_VRFS as VrfId;
        vrfs.filter_map(|vrf| self.id(&Key::Object(vrf, object))).collect()
    }

    /// Prefixes with a route that has the set.
    pub(super) fn users(&self, id: HopsId) -> impl Iterator<Item = Net> + '_ {
        self.sets.get(&id).into_iter().flat_map(|set| set.users.iter().copied())
    }

    /// A prefix has a route with this set; the flag says whether its hops were others until now.
    pub(super) fn join(&mut self, key: Key, hops: Vec<Hop>, prefix: Net) -> (HopsId, bool) {
        let id = match self.by_key.get(&key) {
            Some(id) => *id,
            None => self.create(key),
        };
        let Some(set) = self.sets.get_mut(&id) else { return (id, false) };
        let changed = !set.users.is_empty() && set.hops != hops;
        set.hops = hops;
        set.users.insert(prefix);
        (id, changed)
    }

    /// The prefix has no route with this set any more.
    pub(super) fn leave(&mut self, id: HopsId, prefix: Net) {
        let Some(set) = self.sets.get_mut(&id) else { return };
        set.users.remove(&prefix);
        if set.users.is_empty()
            && let Some(set) = self.sets.remove(&id)
        {
            self.by_key.remove(&set.key);
        }
    }

    /// The set has these hops now; `false`: as before.
    pub(super) fn set(&mut self, id: HopsId, hops: Vec<Hop>) -> bool {
        match self.sets.get_mut(&id) {
            Some(set) if set.hops != hops => {
                set.hops = hops;
                true
            }
            _ => false,
        }
    }

    /// Sets with a hop that leaves by an interface.
    pub(super) fn through(&self, index: u32) -> Vec<HopsId> {
        let leaves = |set: &Set| set.hops.iter().any(|hop| hop.index == index);
        self.sets.iter().filter(|(_, set)| leaves(set)).map(|(id, _)| *id).collect()
    }

    /// Others may still mean a set that is gone: its number comes again after all others.
    fn create(&mut self, key: Key) -> HopsId {
        let id = loop {
            self.latest = self.latest.wrapping_add(2);
            if !self.sets.contains_key(&HopsId(self.latest)) {
                break HopsId(self.latest);
            }
        };
        self.by_key.insert(key.clone(), id);
        self.sets.insert(id, Set { key, hops: Vec::new(), users: BTreeSet::new() });
        id
    }
}
