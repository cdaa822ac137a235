//! The main table's routes that concern the hub, with the next-hop objects they name.

use super::nexthops::{NextHops, Resolved};
use super::{Change, NextHop, NextHopId, Route, Seen};
use crate::prefix::{self, Prefix};
use std::collections::{BTreeMap, BTreeSet};

/// The routes.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// By prefix, best metric first.
    routes: BTreeMap<Prefix, Vec<Seen<Route>>>,
    nexthops: NextHops,
    /// Prefixes with a route that names the object.
    users: BTreeMap<NextHopId, BTreeSet<Prefix>>,
}

impl Routes {
    /// The routes of one prefix, best metric first.
    pub(super) fn of(&self, prefix: Prefix) -> impl Iterator<Item = &Route> + '_ {
        self.routes.get(&prefix).into_iter().flatten().map(|seen| &seen.value)
    }

    /// All routes.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Route> + '_ {
        self.routes.values().flatten().map(|seen| &seen.value)
    }

    /// All prefixes that have a route.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = Prefix> + '_ {
        self.routes.keys().copied()
    }

    /// Next-hop objects known, and not kept.
    pub(super) fn nexthops(&self) -> (usize, u64) {
        (self.nexthops.len(), self.nexthops.full)
    }

    /// A route is there; with `replace` it takes the place of that of the same prefix and metric. Kept are those
    /// that lead through an interface of `ours`, or discard.
    pub(super) fn insert(
        &mut self,
        mut route: Route,
        replace: bool,
        epoch: u64,
        ours: impl Fn(u32) -> bool,
        changes: &mut Vec<Change>,
    ) {
        route.prefix = prefix::network(route.prefix.address, route.prefix.len);
        let prefix = route.prefix;
        let usable = self.resolve(&mut route);
        let keep = usable && (route.hops.is_empty() || route.hops.iter().any(|hop| ours(hop.index)));
        let routes = self.routes.entry(prefix).or_default();
        let (before, mut gone) = (routes.len(), Vec::new());
        if replace {
            routes.retain(|old| {
                let keep = old.value.metric != route.metric || old.value == route;
                gone.extend(old.value.nexthop.filter(|_| !keep));
                keep
            });
        }
        let mut changed = routes.len() != before;
        if let Some(old) = routes.iter_mut().find(|old| old.value == route) {
            old.epoch = epoch;
        } else if keep {
            let at = routes.partition_point(|old| old.value.metric <= route.metric);
            if let Some(id) = route.nexthop {
                self.users.entry(id).or_default().insert(prefix);
            }
            routes.insert(at, Seen { value: route, epoch });
            changed = true;
        }
        self.settle(prefix, gone, changed, changes);
    }

    /// A route was removed.
    pub(super) fn remove(&mut self, route: &Route, changes: &mut Vec<Change>) {
        let prefix = prefix::network(route.prefix.address, route.prefix.len);
        let Some(routes) = self.routes.get_mut(&prefix) else { return };
        // The kernel names what it removed exactly, except that a link going down may have shortened our copy, and
        // that next hops of an object need not be told.
        let same = |old: &Route| match route.nexthop {
            Some(_) => old.nexthop == route.nexthop,
            None => old.nexthop.is_none() && old.hops == route.hops,
        };
        let exact = routes.iter().position(|old| old.value.metric == route.metric && same(&old.value));
        let Some(at) = exact.or_else(|| routes.iter().position(|old| old.value.metric == route.metric))
        else {
            return;
        };
        let old = routes.remove(at);
        self.settle(prefix, old.value.nexthop.into_iter().collect(), true, changes);
    }

    /// Forgets the routes that a dump did not name.
    pub(super) fn sweep(&mut self, epoch: u64, changes: &mut Vec<Change>) {
        self.retain(|seen| seen.epoch >= epoch, changes);
    }

    /// An interface went away or down: so did the routes through it, and the objects.
    pub(super) fn forget_through(&mut self, index: u32, changes: &mut Vec<Change>) {
        for id in self.nexthops.through(index) {
            self.nexthops.remove(id);
        }
        self.retain(
            |seen| {
                let discard = seen.value.hops.is_empty();
                seen.value.hops.retain(|hop| hop.index != index);
                discard || !seen.value.hops.is_empty()
            },
            changes,
        );
    }

    /// A next-hop object is there, or changed, and with it all routes that name it or a group it is in.
    pub(super) fn nexthop_is(
        &mut self,
        id: NextHopId,
        nexthop: NextHop,
        epoch: u64,
        ours: impl Fn(u32) -> bool,
        changes: &mut Vec<Change>,
    ) {
        if self.nexthops.confirm(id, &nexthop, epoch) {
            return;
        }
        let affected = self.nexthops.with_groups(id);
        let concerns = |nexthops: &NextHops, id: &NextHopId| match nexthops.resolve(*id) {
            Some(Resolved::Hops(hops)) => hops.iter().any(|hop| ours(hop.index)),
            Some(Resolved::Discard) => true,
            None => false,
        };
        // A route that names an object nobody knew yet is told after it. But routes through other interfaces were
        // not kept: when their object turns to one of ours, they are asked for.
        let before: Vec<_> = affected
            .iter()
            .map(|id| (self.nexthops.resolve(*id).is_some(), concerns(&self.nexthops, id)))
            .collect();
        self.nexthops.insert(id, nexthop, epoch);
        for (id, (known, concerned)) in affected.iter().zip(before) {
            if known && !concerned && concerns(&self.nexthops, id) {
                changes.push(Change::Stale);
            }
            self.follow(*id, changes);
        }
    }

    /// A next-hop object was removed. The kernel drops the routes that name it without a word.
    pub(super) fn nexthop_gone(&mut self, id: NextHopId, changes: &mut Vec<Change>) {
        let affected = self.nexthops.with_groups(id);
        if self.nexthops.remove(id) {
            affected.into_iter().for_each(|id| self.follow(id, changes));
        }
    }

    /// Forgets the objects that a dump did not name.
    pub(super) fn sweep_nexthops(&mut self, epoch: u64, changes: &mut Vec<Change>) {
        self.nexthops.stale(epoch).into_iter().for_each(|id| self.nexthop_gone(id, changes));
    }

    /// Gives a route the next hops of its object; `false`: it has none that is of use.
    fn resolve(&self, route: &mut Route) -> bool {
        let Some(id) = route.nexthop else { return true };
        match self.nexthops.resolve(id) {
            Some(Resolved::Discard) => route.hops.clear(),
            Some(Resolved::Hops(hops)) => {
                route.hops = hops;
                return !route.hops.is_empty();
            }
            // What the kernel told with the route itself, if it did.
            None => return !route.hops.is_empty(),
        }
        true
    }

    /// The object of some routes changed or went.
    fn follow(&mut self, id: NextHopId, changes: &mut Vec<Change>) {
        let resolved = self.nexthops.resolve(id);
        for prefix in self.users.get(&id).cloned().unwrap_or_default() {
            let Some(routes) = self.routes.get_mut(&prefix) else { continue };
            let (mut changed, mut gone) = (false, Vec::new());
            routes.retain_mut(|seen| {
                if seen.value.nexthop != Some(id) {
                    return true;
                }
                let hops = match &resolved {
                    Some(Resolved::Discard) => Some(Vec::new()),
                    Some(Resolved::Hops(hops)) if !hops.is_empty() => Some(hops.clone()),
                    _ => None,
                };
                changed |= hops.as_ref() != Some(&seen.value.hops);
                match hops {
                    Some(hops) => seen.value.hops = hops,
                    None => {
                        gone.push(id);
                        return false;
                    }
                }
                true
            });
            self.settle(prefix, gone, changed, changes);
        }
    }

    /// Keeps the routes `keep` wants; a prefix whose routes it changed or dropped is reported.
    fn retain(&mut self, mut keep: impl FnMut(&mut Seen<Route>) -> bool, changes: &mut Vec<Change>) {
        let mut touched = Vec::new();
        for (prefix, routes) in &mut self.routes {
            let (mut changed, mut gone) = (false, Vec::new());
            routes.retain_mut(|seen| {
                let before = seen.value.hops.len();
                let keep = keep(seen);
                gone.extend(seen.value.nexthop.filter(|_| !keep));
                changed |= !keep || seen.value.hops.len() != before;
                keep
            });
            if changed {
                touched.push((*prefix, gone));
            }
        }
        touched.into_iter().for_each(|(prefix, gone)| self.settle(prefix, gone, true, changes));
    }

    /// After the routes of a prefix changed: those that named the objects in `gone` went.
    fn settle(&mut self, prefix: Prefix, gone: Vec<NextHopId>, changed: bool, changes: &mut Vec<Change>) {
        for id in gone {
            if self.of(prefix).any(|route| route.nexthop == Some(id)) {
                continue;
            }
            let Some(prefixes) = self.users.get_mut(&id) else { continue };
            prefixes.remove(&prefix);
            if prefixes.is_empty() {
                self.users.remove(&id);
            }
        }
        if self.routes.get(&prefix).is_some_and(Vec::is_empty) {
            self.routes.remove(&prefix);
        }
        if changed {
            changes.push(Change::Route(prefix));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Hop;
    use std::net::Ipv4Addr;

    /// Interfaces below 10 are the hub's.
    fn ours(index: u32) -> bool {
        index < 10
    }

    fn hop(index: u32, last: u8) -> Hop {
        Hop { index, gateway: Some(Ipv4Addr::new(10, 255, 0, last)) }
    }

    fn through(to: &str, id: NextHopId) -> Route {
        Route { prefix: to.parse().unwrap(), metric: 20, protocol: 186, hops: vec![], nexthop: Some(id) }
    }

    #[derive(Default)]
    struct World {
        routes: Routes,
        changes: Vec<Change>,
    }

    impl World {
        fn object(&mut self, id: NextHopId, nexthop: NextHop) {
            self.routes.nexthop_is(id, nexthop, 1, ours, &mut self.changes);
        }
        fn route(&mut self, route: Route) {
            self.routes.insert(route, false, 1, ours, &mut self.changes);
        }
        fn gone(&mut self, id: NextHopId) {
            self.routes.nexthop_gone(id, &mut self.changes);
        }
        fn hops(&self, to: &str) -> Option<Vec<Hop>> {
            self.routes.of(to.parse().unwrap()).next().map(|route| route.hops.clone())
        }
        fn changed(&mut self) -> Vec<Change> {
            std::mem::take(&mut self.changes)
        }
    }

    fn changed(to: &str) -> Change {
        Change::Route(to.parse().unwrap())
    }

    const A: &str = "10.100.1.0/24";
    const B: &str = "10.100.2.0/24";

    #[test]
    fn a_route_follows_its_object_and_goes_with_it() {
        let mut world = World::default();
        world.object(1, NextHop::Single(Some(hop(4, 11))));
        world.route(through(A, 1));
        world.route(through(B, 1));
        assert_eq!(world.hops(A), Some(vec![hop(4, 11)]));
        world.changed();
        world.object(1, NextHop::Single(Some(hop(4, 12))));
        assert_eq!((world.hops(A), world.hops(B)), (Some(vec![hop(4, 12)]), Some(vec![hop(4, 12)])));
        assert_eq!(world.changed(), [changed(A), changed(B)]);
        world.object(1, NextHop::Single(Some(hop(4, 12))));
        assert_eq!(world.changed(), [], "told again");
        world.object(1, NextHop::Blackhole);
        assert_eq!(world.hops(A), Some(vec![]));
        world.changed();
        world.routes.remove(&through(B, 1), &mut world.changes);
        assert_eq!(world.changed(), [changed(B)]);
        world.gone(1);
        assert_eq!((world.hops(A), world.hops(B)), (None, None));
        assert_eq!(world.changed(), [changed(A)]);
        assert!(world.routes.users.is_empty() && world.routes.nexthops() == (0, 0));
    }

    #[test]
    fn a_group_is_all_its_members_that_are_of_use() {
        let mut world = World::default();
        world.object(1, NextHop::Single(Some(hop(4, 11))));
        world.object(2, NextHop::Single(Some(hop(5, 12))));
        world.object(3, NextHop::Single(None));
        world.object(9, NextHop::Group(vec![3, 1, 2]));
        world.route(through(A, 9));
        assert_eq!(world.hops(A), Some(vec![hop(4, 11), hop(5, 12)]));
        world.changed();
        world.object(3, NextHop::Single(Some(hop(4, 13))));
        assert_eq!(world.hops(A), Some(vec![hop(4, 13), hop(4, 11), hop(5, 12)]));
        world.gone(1);
        world.routes.forget_through(5, &mut world.changes);
        assert_eq!(world.hops(A), Some(vec![hop(4, 13)]));
        assert!(world.changed().contains(&changed(A)));
        world.object(9, NextHop::Group(vec![2]));
        assert_eq!(world.hops(A), None, "nothing of use is left");
        assert!(world.routes.users.is_empty());
    }

    #[test]
    fn an_object_that_turns_to_an_interface_of_ours_has_its_routes_asked_for() {
        let mut world = World::default();
        world.object(1, NextHop::Single(Some(hop(40, 11))));
        world.object(9, NextHop::Group(vec![1]));
        world.route(through(A, 9));
        assert_eq!((world.hops(A), world.changed()), (None, vec![]));
        world.object(1, NextHop::Single(Some(hop(4, 11))));
        assert_eq!(world.changed(), [Change::Stale, Change::Stale]);
        world.route(through(A, 9));
        assert_eq!(world.hops(A), Some(vec![hop(4, 11)]));
    }

    #[test]
    fn a_dump_sweeps_objects_that_it_did_not_name() {
        let mut world = World::default();
        world.object(1, NextHop::Single(Some(hop(4, 11))));
        world.object(2, NextHop::Single(Some(hop(4, 12))));
        world.route(through(A, 1));
        world.route(through(B, 2));
        world.changed();
        world.routes.nexthop_is(2, NextHop::Single(Some(hop(4, 12))), 2, ours, &mut world.changes);
        world.routes.sweep_nexthops(2, &mut world.changes);
        assert_eq!((world.hops(A), world.hops(B)), (None, Some(vec![hop(4, 12)])));
        assert_eq!(world.changed(), [changed(A)]);
    }
}
