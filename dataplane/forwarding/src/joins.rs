//! The multicast routes and their members behind the tables that workers read.

use crate::epoch::Epochs;
use crate::nbma::Key;
use crate::peers::Named;
use crate::refusal::{ApplyError, Refusal};
use crate::settings::{Role, Settings};
use crate::tables::Tables;
use shm::message::{GroupId, GroupRoute, Incoming, PeerId, is_routable_group, max_groups};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Most joins of spokes, all routes together.
pub(crate) const MAX_JOINS: usize = 1 << 19;

/// All multicast routes.
#[derive(Debug, Default)]
pub(crate) struct Joins {
    routes: BTreeMap<GroupId, Named<GroupRoute>>,
    /// Members with the resync that named them last.
    members: BTreeMap<(GroupId, PeerId), u64>,
    of_peer: BTreeSet<(PeerId, GroupId)>,
    /// Groups with their numbers and how many routes each has.
    groups: BTreeMap<Ipv4Addr, (u32, usize)>,
    /// Numbers that were used and are free.
    free: BTreeSet<u32>,
    /// Removed routes whose members workers may still read, until the epoch.
    leaving: BTreeMap<GroupId, u64>,
}

/// Whether the route names only what there is.
fn is_bounded(settings: &Settings, id: GroupId, route: &GroupRoute) -> bool {
    let lan = |port: usize| settings.ports.get(port).is_some_and(|port| port.role == Role::Lan);
    let from = match route.incoming {
        Incoming::Tunnel(tunnel) => usize::from(tunnel) < settings.tunnels.len(),
        Incoming::Port(port) => lan(port.into()),
        Incoming::Kernel => true,
    };
    let tunnels = (0..64).all(|bit| route.tunnels >> bit & 1 == 0 || bit < settings.tunnels.len());
    let ports = (0..16).all(|bit| route.ports >> bit & 1 == 0 || lan(bit));
    u32::from(id) < max_groups(settings.max_peers) && from && tunnels && ports
}

impl Joins {
    /// How many routes there are.
    pub(crate) fn len(&self) -> usize {
        self.routes.len()
    }

    /// How many joins there are.
    pub(crate) fn members(&self) -> usize {
        self.members.len()
    }

    /// Adds or changes a route.
    pub(crate) fn insert(
        &mut self,
        tables: &Tables,
        id: GroupId,
        route: GroupRoute,
        generation: u64,
    ) -> Result<(), ApplyError> {
        if !is_bounded(&tables.settings, id, &route) {
            return Err(Refusal::Index.into());
        }
        if !is_routable_group(route.group) {
            return Err(Refusal::Address.into());
        }
        self.settle(&tables.epochs, id)?;
        let old = self.routes.insert(id, Named { content: route, generation }).map(|old| old.content);
        if old == Some(route) {
            return Ok(());
        }
        if old.is_none() {
            // Memory behind its members, before a worker looks for them.
            tables.joined.clear(id.into());
        }
        // One that is about another group now gives up its name before the line says so.
        if let Some(old) = old.filter(|old| (old.source, old.group) != (route.source, route.group)) {
            self.forget_name(tables, id, &old);
        }
        let is_new = old.is_none_or(|old| (old.source, old.group) != (route.source, route.group));
        tables.groups.write(id, Some(&route));
        if is_new {
            let number = self.number(tables, route.group);
            tables.groups.routes.insert(Key::of_group(number, bits(route.source)), id.into());
        }
        Ok(())
    }

    /// Removes a route with its members.
    pub(crate) fn remove(&mut self, tables: &Tables, id: GroupId) -> Result<(), ApplyError> {
        let old = self.routes.remove(&id).ok_or(Refusal::Absent)?.content;
        self.forget_name(tables, id, &old);
        tables.groups.write(id, None);
        tables.joined.clear(id.into());
        let members: Vec<PeerId> =
            self.members.range((id, PeerId::MIN)..=(id, PeerId::MAX)).map(|((_, peer), _)| *peer).collect();
        for peer in members {
            self.members.remove(&(id, peer));
            self.of_peer.remove(&(peer, id));
        }
        self.leaving.insert(id, tables.epochs.advance());
        Ok(())
    }

    /// A spoke joins.
    pub(crate) fn join(
        &mut self,
        tables: &Tables,
        id: GroupId,
        peer: PeerId,
        generation: u64,
    ) -> Result<(), ApplyError> {
        if peer >= tables.settings.max_peers {
            return Err(Refusal::Index.into());
        }
        if !self.routes.contains_key(&id) {
            return Err(Refusal::Absent.into());
        }
        if self.members.len() >= MAX_JOINS && !self.members.contains_key(&(id, peer)) {
            return Err(Refusal::Full.into());
        }
        self.members.insert((id, peer), generation);
        self.of_peer.insert((peer, id));
        tables.joined.set(id.into(), peer, true);
        Ok(())
    }

    /// A spoke leaves.
    pub(crate) fn leave(&mut self, tables: &Tables, id: GroupId, peer: PeerId) -> Result<(), ApplyError> {
        self.members.remove(&(id, peer)).ok_or(Refusal::Absent)?;
        self.of_peer.remove(&(peer, id));
        tables.joined.set(id.into(), peer, false);
        Ok(())
    }

    /// A peer is gone, and with it whatever it had joined.
    pub(crate) fn peer_gone(&mut self, tables: &Tables, peer: PeerId) {
        let of: Vec<GroupId> =
            self.of_peer.range((peer, GroupId::MIN)..=(peer, GroupId::MAX)).map(|(_, id)| *id).collect();
        for id in of {
            // It is there: both are changed together.
            let _ = self.leave(tables, id, peer);
        }
    }

    /// Removes what a resync did not name.
    pub(crate) fn sweep(&mut self, tables: &Tables, generation: u64) -> Result<(), ApplyError> {
        let stale = |named: u64| named != generation;
        let members: Vec<_> =
            self.members.iter().filter(|(_, named)| stale(**named)).map(|(key, _)| *key).collect();
        for (id, peer) in members {
            self.leave(tables, id, peer)?;
        }
        let routes = self.routes.iter().filter(|(_, route)| stale(route.generation)).map(|(id, _)| *id);
        for id in routes.collect::<Vec<_>>() {
            self.remove(tables, id)?;
        }
        Ok(())
    }

    /// Re-using a number too early could send one group's packet to another's members.
    fn settle(&mut self, epochs: &Epochs, id: GroupId) -> Result<(), ApplyError> {
        if let Some(epoch) = self.leaving.get(&id).copied() {
            if epochs.reached() < epoch {
                return Err(ApplyError::Busy);
            }
            self.leaving.remove(&id);
        }
        Ok(())
    }

    /// The number of a group, which has one route more.
    fn number(&mut self, tables: &Tables, group: Ipv4Addr) -> u32 {
        if let Some((number, routes)) = self.groups.get_mut(&group) {
            *routes += 1;
            return *number;
        }
        // As many groups as routes at most, so that there are enough numbers.
        let number = self.free.pop_first().unwrap_or(self.groups.len() as u32 + 1);
        self.groups.insert(group, (number, 1));
        tables.groups.groups.insert(Key::new(0, group.to_bits()), number);
        number
    }

    /// The route is not found by its source and group any more, unless another one has taken them over.
    fn forget_name(&mut self, tables: &Tables, id: GroupId, old: &GroupRoute) {
        let Some((number, routes)) = self.groups.get_mut(&old.group) else { return };
        let key = Key::of_group(*number, bits(old.source));
        *routes -= 1;
        let gone = *routes == 0;
        let number = *number;
        if tables.groups.routes.find(key) == Some(id.into()) {
            let same = |route: &&Named<GroupRoute>| {
                (route.content.source, route.content.group) == (old.source, old.group)
            };
            let other = self.routes.iter().find(|(other, route)| **other != id && same(route));
            match other.map(|(other, _)| *other) {
                Some(other) => tables.groups.routes.insert(key, other.into()),
                None => tables.groups.routes.remove(key),
            }
        }
        if gone {
            tables.groups.groups.remove(Key::new(0, old.group.to_bits()));
            self.groups.remove(&old.group);
            self.free.insert(number);
        }
    }
}

fn bits(source: Option<Ipv4Addr>) -> u32 {
    source.map_or(0, Ipv4Addr::to_bits)
}
