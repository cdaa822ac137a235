//! The routes that concern the hub, of the tables of all VRFs, with the next-hop objects they name.

use super::hopsets::{HopSets, Key, Source};
use super::nexthops::{NextHops, Resolved};
use super::{Change, Hop, HopsId, Installed, NextHop, NextHopId, Route};
use crate::prefix::{self, Net, Prefix};
use crate::{hostroutes, twins};
use shm::message::VrfId;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Where a route stands: best metric of a prefix first, and of one metric the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    net: Net,
    metric: u32,
    order: u32,
}

impl At {
    const LEAST: Self = Self {
        net: Net { vrf: VrfId::MIN, prefix: Prefix { address: Ipv4Addr::UNSPECIFIED, len: 0 } },
        metric: 0,
        order: 0,
    };
    const MOST: Self = Self {
        net: Net { vrf: VrfId::MAX, prefix: Prefix { address: Ipv4Addr::BROADCAST, len: 32 } },
        metric: u32::MAX,
        order: u32::MAX,
    };

    /// Where all routes of a prefix are.
    fn all(net: Net) -> std::ops::RangeInclusive<Self> {
        Self { net, metric: 0, order: 0 }..=Self { net, metric: u32::MAX, order: u32::MAX }
    }

    /// Where those with one metric are.
    fn with(net: Net, metric: u32) -> std::ops::RangeInclusive<Self> {
        Self { net, metric, order: 0 }..=Self { net, metric, order: u32::MAX }
    }
}

/// What is kept of a route.
#[derive(Clone, Copy, Debug)]
struct Row {
    set: HopsId,
    /// The dump in which it was last seen.
    epoch: u64,
    protocol: u8,
}

/// The routes.
#[derive(Debug, Default)]
pub(super) struct Routes {
    rows: BTreeMap<At, Row>,
    sets: HopSets,
    nexthops: NextHops,
    /// Routes that the hub put there itself, by their protocol number.
    own: BTreeSet<(u8, At)>,
    /// Counts routes, so that of equal metric the oldest comes first.
    order: u32,
}

impl Routes {
    /// None yet.
    pub(super) fn from(source: Source) -> Self {
        Self { sets: HopSets::of(source), ..Self::default() }
    }

    /// The routes of one prefix, best metric first.
    pub(super) fn of(&self, net: Net) -> impl Iterator<Item = Installed<'_>> + '_ {
        self.rows.range(At::all(net)).map(|(at, row)| self.view(at, row))
    }

    /// All routes.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = Installed<'_>> + '_ {
        self.rows.iter().map(|(at, row)| self.view(at, row))
    }

    /// Those with a protocol number of ours.
    pub(super) fn own(&self, protocol: u8) -> impl Iterator<Item = Installed<'_>> + '_ {
        let all = (protocol, At::LEAST)..=(protocol, At::MOST);
        self.own.range(all).filter_map(|(_, at)| self.rows.get(at).map(|row| self.view(at, row)))
    }

    /// All prefixes that have a route; one with several is named several times.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = Net> + '_ {
        self.rows.keys().map(|at| at.net)
    }

    /// Next-hop objects known, and not kept.
    pub(super) fn nexthops(&self) -> (usize, u64) {
        (self.nexthops.len(), self.nexthops.full)
    }

    /// The hops of a set; `None`: no route has it any more.
    pub(super) fn hops(&self, id: HopsId) -> Option<&[Hop]> {
        self.sets.hops(id)
    }

    /// The VRF of the routes that have the set.
    pub(super) fn vrf(&self, id: HopsId) -> Option<VrfId> {
        self.sets.vrf(id)
    }

    /// Prefixes with a route that has the set.
    pub(super) fn users(&self, id: HopsId) -> impl Iterator<Item = Net> + '_ {
        self.sets.users(id)
    }

    /// A route is there in the table of a VRF; with `replace` it takes the place of that of the same prefix and metric.
    /// Kept are those that lead through an interface of `ours`, or discard.
    pub(super) fn insert(
        &mut self,
        (vrf, route): (VrfId, Route),
        replace: bool,
        epoch: u64,
        ours: impl Fn(u32) -> bool,
        changes: &mut Vec<Change>,
    ) {
        let net = Net { vrf, prefix: prefix::network(route.prefix.address, route.prefix.len) };
        let (metric, protocol) = (route.metric, route.protocol);
        let hops = self.meaning(&route);
        let concerns = |hops: &Vec<Hop>| hops.is_empty() || hops.iter().any(|hop| ours(hop.index));
        let key = match route.nexthop {
            Some(id) => Key::Object(vrf, id),
            None => Key::Own(vrf, route.hops),
        };
        let (same, mut others) = (self.sets.id(&key), Vec::new());
        let mut present = None;
        for (at, row) in self.rows.range_mut(At::with(net, metric)) {
            if Some(row.set) == same && row.protocol == protocol {
                row.epoch = epoch;
                present = Some(row.set);
            } else if replace {
                others.push(*at);
            }
        }
        let mut changed = !others.is_empty();
        match (hops.filter(concerns), present) {
            (Some(hops), Some(set)) => {
                // A link that came back: the set had fewer hops meanwhile.
                if self.sets.set(set, hops) {
                    changes.push(Change::Hops(set));
                }
            }
            (Some(hops), None) => {
                self.order = self.order.wrapping_add(1);
                let at = At { net, metric, order: self.order };
                let (set, other) = self.sets.join(key, hops, net);
                if other {
                    changes.push(Change::Hops(set));
                }
                self.rows.insert(at, Row { set, epoch, protocol });
                if matches!(protocol, twins::PROTOCOL | hostroutes::PROTOCOL) {
                    self.own.insert((protocol, at));
                }
                changed = true;
            }
            (None, _) => {}
        }
        others.into_iter().for_each(|at| self.drop_row(at));
        if changed {
            changes.push(Change::Route(net));
        }
    }

    /// A route was removed.
    pub(super) fn remove(&mut self, (vrf, route): (VrfId, &Route), changes: &mut Vec<Change>) {
        let net = Net { vrf, prefix: prefix::network(route.prefix.address, route.prefix.len) };
        let key = match route.nexthop {
            Some(id) => Key::Object(vrf, id),
            None => Key::Own(vrf, route.hops.clone()),
        };
        let set = self.sets.id(&key);
        // The kernel names what it removed exactly, except that next hops of an object need not be told, and that
        // hops of an interface that went down are left out.
        let with = || self.rows.range(At::with(net, route.metric));
        let exact = with().find(|(_, row)| Some(row.set) == set).map(|(at, _)| *at);
        if let Some(at) = exact.or_else(|| with().next().map(|(at, _)| *at)) {
            self.drop_row(at);
            changes.push(Change::Route(net));
        }
    }

    /// Forgets the routes that a dump did not name.
    pub(super) fn sweep(&mut self, epoch: u64, changes: &mut Vec<Change>) {
        let stale: Vec<At> =
            self.rows.iter().filter(|(_, row)| row.epoch < epoch).map(|(at, _)| *at).collect();
        for at in stale {
            self.drop_row(at);
            changes.push(Change::Route(at.net));
        }
    }

    /// An interface went away or down: so did the routes through it, and the objects.
    pub(super) fn forget_through(&mut self, index: u32, changes: &mut Vec<Change>) {
        for id in self.nexthops.through(index) {
            self.nexthops.remove(id);
        }
        for set in self.sets.through(index) {
            let left = self.sets.hops(set).into_iter().flatten().filter(|hop| hop.index != index);
            let left: Vec<Hop> = left.copied().collect();
            self.set_hops(set, Some(left).filter(|left| !left.is_empty()), changes);
        }
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

    fn view(&self, at: &At, row: &Row) -> Installed<'_> {
        Installed {
            net: at.net,
            metric: at.metric,
            protocol: row.protocol,
            set: row.set,
            hops: self.sets.hops(row.set).unwrap_or_default(),
            nexthop: self.sets.object(row.set),
        }
    }

    /// The next hops of a route, or of the object it names; `None`: there is none that is of use.
    fn meaning(&self, route: &Route) -> Option<Vec<Hop>> {
        let Some(id) = route.nexthop else { return Some(route.hops.clone()) };
        match self.nexthops.resolve(id) {
            Some(Resolved::Discard) => Some(Vec::new()),
            Some(Resolved::Hops(hops)) => Some(hops).filter(|hops| !hops.is_empty()),
            // What the kernel told with the route itself, if it did.
            None => Some(route.hops.clone()).filter(|hops| !hops.is_empty()),
        }
    }

    /// The object of some routes changed or went.
    fn follow(&mut self, id: NextHopId, changes: &mut Vec<Change>) {
        let hops = match self.nexthops.resolve(id) {
            Some(Resolved::Discard) => Some(Vec::new()),
            Some(Resolved::Hops(hops)) if !hops.is_empty() => Some(hops),
            _ => None,
        };
        for set in self.sets.naming(id) {
            self.set_hops(set, hops.clone(), changes);
        }
    }

    /// The hops of a set are these now; `None`: there are none any more, and the routes are gone.
    fn set_hops(&mut self, set: HopsId, hops: Option<Vec<Hop>>, changes: &mut Vec<Change>) {
        if let Some(hops) = hops {
            if self.sets.set(set, hops) {
                changes.push(Change::Hops(set));
            }
            return;
        }
        for net in self.sets.users(set).collect::<Vec<_>>() {
            let rows = self.rows.range(At::all(net)).filter(|(_, row)| row.set == set);
            let gone: Vec<At> = rows.map(|(at, _)| *at).collect();
            gone.into_iter().for_each(|at| self.drop_row(at));
            changes.push(Change::Route(net));
        }
    }

    fn drop_row(&mut self, at: At) {
        let Some(row) = self.rows.remove(&at) else { return };
        self.own.remove(&(row.protocol, at));
        if !self.rows.range(At::all(at.net)).any(|(_, other)| other.set == row.set) {
            self.sets.leave(row.set, at.net);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Hop;

    /// Interfaces below 10 are the hub's.
    fn ours(index: u32) -> bool {
        index < 10
    }

    fn hop(index: u32, last: u8) -> Hop {
        Hop { index, gateway: Some(Ipv4Addr::new(10, 255, 0, last)), weight: 1 }
    }

    fn through(to: &str, id: NextHopId) -> Route {
        Route {
            table: 254,
            prefix: to.parse().unwrap(),
            metric: 20,
            protocol: 186,
            hops: vec![],
            nexthop: Some(id),
        }
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
            self.routes.insert((0, route), false, 1, ours, &mut self.changes);
        }
        fn gone(&mut self, id: NextHopId) {
            self.routes.nexthop_gone(id, &mut self.changes);
        }
        fn hops(&self, to: &str) -> Option<Vec<Hop>> {
            self.routes.of(to.parse().unwrap()).next().map(|route| route.hops.to_vec())
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
        assert!(matches!(world.changed()[..], [Change::Hops(_)]), "once for all");
        world.object(1, NextHop::Single(Some(hop(4, 12))));
        assert_eq!(world.changed(), [], "told again");
        world.object(1, NextHop::Blackhole);
        assert_eq!(world.hops(A), Some(vec![]));
        world.changed();
        world.routes.remove((0, &through(B, 1)), &mut world.changes);
        assert_eq!(world.changed(), [changed(B)]);
        world.gone(1);
        assert_eq!((world.hops(A), world.hops(B)), (None, None));
        assert_eq!(world.changed(), [changed(A)]);
        assert!(world.routes.sets.len() == 0 && world.routes.nexthops() == (0, 0));
    }

    #[test]
    fn a_group_is_all_its_members_that_are_of_use() {
        let mut world = World::default();
        world.object(1, NextHop::Single(Some(hop(4, 11))));
        world.object(2, NextHop::Single(Some(hop(5, 12))));
        world.object(3, NextHop::Single(None));
        world.object(9, NextHop::Group(vec![(3, 1), (1, 1), (2, 1)]));
        world.route(through(A, 9));
        assert_eq!(world.hops(A), Some(vec![hop(4, 11), hop(5, 12)]));
        world.changed();
        world.object(3, NextHop::Single(Some(hop(4, 13))));
        assert_eq!(world.hops(A), Some(vec![hop(4, 13), hop(4, 11), hop(5, 12)]));
        world.gone(1);
        world.routes.forget_through(5, &mut world.changes);
        assert_eq!(world.hops(A), Some(vec![hop(4, 13)]));
        let changed = world.changed();
        assert!(changed.iter().any(|change| matches!(change, Change::Hops(_))));
        assert!(!changed.iter().any(|change| matches!(change, Change::Route(_))), "{changed:?}");
        world.object(9, NextHop::Group(vec![(2, 1)]));
        assert_eq!(world.hops(A), None, "nothing of use is left");
        assert!(world.routes.sets.len() == 0);
    }

    #[test]
    fn an_object_that_turns_to_an_interface_of_ours_has_its_routes_asked_for() {
        let mut world = World::default();
        world.object(1, NextHop::Single(Some(hop(40, 11))));
        world.object(9, NextHop::Group(vec![(1, 1)]));
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
