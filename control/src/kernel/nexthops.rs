//! The kernel's next-hop objects: next hops that routes name by number.
//!
//! FRR installs its routes this way. Where `net.ipv4.nexthop_compat_mode` is off, nothing but the number is told with
//! a route, and a next hop that changes is told once for all the routes that name it.

use super::{Hop, NextHop, NextHopId, Seen};
use std::collections::{BTreeMap, BTreeSet};

/// Most objects that are kept.
pub const MAX_NEXTHOPS: usize = 1 << 18;

/// All objects.
#[derive(Debug, Default)]
pub(super) struct NextHops {
    objects: BTreeMap<NextHopId, Seen<NextHop>>,
    /// Groups by their members.
    groups: BTreeMap<NextHopId, BTreeSet<NextHopId>>,
    /// Objects not kept because there were [`MAX_NEXTHOPS`].
    pub(super) full: u64,
}

/// What an object stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// Discards.
    Discard,
    /// Next hops; none: no usable one.
    Hops(Vec<Hop>),
}

impl NextHops {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    /// What an object stands for; `None`: there is no such object.
    pub(super) fn resolve(&self, id: NextHopId) -> Option<Resolved> {
        let single = |&(id, weight): &(NextHopId, u32)| match self.objects.get(&id)?.value {
            NextHop::Single(hop) => hop.map(|hop| Hop { weight, ..hop }),
            // Groups of groups there are none.
            NextHop::Group(_) | NextHop::Blackhole => None,
        };
        Some(match &self.objects.get(&id)?.value {
            NextHop::Single(hop) => Resolved::Hops(hop.iter().copied().collect()),
            NextHop::Blackhole => Resolved::Discard,
            NextHop::Group(members) => {
                // A blackhole stands alone in its group.
                let discards = |(id, _): &(NextHopId, u32)| {
                    self.objects.get(id).is_some_and(|seen| seen.value == NextHop::Blackhole)
                };
                match members.iter().any(discards) {
                    true => Resolved::Discard,
                    false => Resolved::Hops(members.iter().filter_map(single).collect()),
                }
            }
        })
    }

    /// An object and the groups it is in: all whose meaning changes with it.
    pub(super) fn with_groups(&self, id: NextHopId) -> Vec<NextHopId> {
        std::iter::once(id).chain(self.groups.get(&id).into_iter().flatten().copied()).collect()
    }

    /// Whether this would change nothing; the object counts as seen.
    pub(super) fn confirm(&mut self, id: NextHopId, nexthop: &NextHop, epoch: u64) -> bool {
        match self.objects.get_mut(&id) {
            Some(seen) if seen.value == *nexthop => {
                seen.epoch = epoch;
                true
            }
            _ => false,
        }
    }

    /// Adds or changes an object.
    pub(super) fn insert(&mut self, id: NextHopId, nexthop: NextHop, epoch: u64) {
        self.remove(id);
        if self.objects.len() >= MAX_NEXTHOPS {
            self.full += 1;
            return;
        }
        if let NextHop::Group(members) = &nexthop {
            for (member, _) in members {
                self.groups.entry(*member).or_default().insert(id);
            }
        }
        self.objects.insert(id, Seen { value: nexthop, epoch });
    }

    /// Removes an object; `false`: there is none.
    pub(super) fn remove(&mut self, id: NextHopId) -> bool {
        let Some(old) = self.objects.remove(&id) else { return false };
        if let NextHop::Group(members) = old.value {
            for (member, _) in members {
                let Some(groups) = self.groups.get_mut(&member) else { continue };
                groups.remove(&id);
                if groups.is_empty() {
                    self.groups.remove(&member);
                }
            }
        }
        true
    }

    /// Objects whose next hop leaves by an interface.
    pub(super) fn through(&self, index: u32) -> Vec<NextHopId> {
        let leaves = |nexthop: &NextHop| matches!(nexthop, NextHop::Single(Some(hop)) if hop.index == index);
        self.objects.iter().filter(|(_, seen)| leaves(&seen.value)).map(|(id, _)| *id).collect()
    }

    /// Objects that were not seen since `epoch`.
    pub(super) fn stale(&self, epoch: u64) -> Vec<NextHopId> {
        self.objects.iter().filter(|(_, seen)| seen.epoch < epoch).map(|(id, _)| *id).collect()
    }
}
