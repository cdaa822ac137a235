//! Multicast routes for the data plane: the kernel says which interfaces, the spokes say which of them.

use super::{Effect, State};
use crate::ids::Ids;
use crate::joins::{Joined, Joins, Key};
use crate::kernel::{Interface, Mroute};
use config::model::Role;
use nhrp::Station;
use shm::message::{GLOBAL, GroupId, GroupRoute, Incoming, PeerId, TunnelId, max_groups};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Group and source; `None`: any.
pub type Flow = (Ipv4Addr, Option<Ipv4Addr>);

/// Counters of a route, all workers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupTotals {
    /// Packets that came in.
    pub packets: u64,
    /// Their octets.
    pub bytes: u64,
    /// Copies sent.
    pub copies: u64,
    /// Packets by another interface than the route's.
    pub wrong_interface: u64,
    /// Packets or copies dropped for another reason.
    pub dropped: u64,
}

impl GroupTotals {
    /// What was counted since `base`. Counters that stand below it were made anew: then all of it.
    pub fn since(self, base: Self) -> Self {
        if self.packets < base.packets || self.wrong_interface < base.wrong_interface {
            return self;
        }
        Self {
            packets: self.packets - base.packets,
            bytes: self.bytes.saturating_sub(base.bytes),
            copies: self.copies.saturating_sub(base.copies),
            wrong_interface: self.wrong_interface - base.wrong_interface,
            dropped: self.dropped.saturating_sub(base.dropped),
        }
    }
}

/// Multicast routes with their numbers, and who has joined.
#[derive(Debug)]
pub struct Multicast {
    max: u32,
    ids: Ids,
    numbers: BTreeMap<Flow, GroupId>,
    /// Counters as they stood when a route got its number: what the former owner of the number left in them.
    bases: BTreeMap<GroupId, GroupTotals>,
    /// What spokes want.
    pub joins: Joins,
    /// Joins said to the kernel for spokes that want what another one pruned.
    pub objections: u64,
}

impl Multicast {
    /// None yet, for a data plane of `max_peers`.
    pub fn new(max_peers: u32) -> Self {
        let max = max_groups(max_peers);
        Self {
            max,
            ids: Ids::new(0, max),
            numbers: BTreeMap::new(),
            joins: Joins::default(),
            objections: 0,
            bases: BTreeMap::new(),
        }
    }

    /// All routes with their numbers, in order of their groups.
    pub fn routes(&self) -> impl Iterator<Item = (Flow, GroupId)> + '_ {
        self.numbers.iter().map(|(flow, id)| (*flow, *id))
    }

    /// What the route with a number is for.
    pub fn flow(&self, id: GroupId) -> Option<Flow> {
        self.numbers.iter().find(|(_, number)| **number == id).map(|(flow, _)| *flow)
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// How often there was no number left.
    pub fn full(&self) -> u64 {
        self.ids.full
    }

    /// Sets where a route's counters begin.
    pub fn set_base(&mut self, id: GroupId, base: GroupTotals) {
        self.bases.insert(id, base);
    }

    /// Where a route's counters begin.
    pub fn base(&self, id: GroupId) -> GroupTotals {
        self.bases.get(&id).copied().unwrap_or_default()
    }

    fn of_group(&self, group: Ipv4Addr) -> Vec<(Flow, GroupId)> {
        let of = self.numbers.range((group, None)..).take_while(|((of, _), _)| *of == group);
        of.map(|(flow, id)| (*flow, *id)).collect()
    }
}

impl State {
    /// A multicast route of the kernel changed.
    pub(super) fn refresh_mroute(&mut self, flow: Flow) {
        let wanted = self.kernel.mroutes.get(flow).map(|route| self.group_route(route));
        let known = self.multicast.numbers.get(&flow).copied();
        let Some(route) = wanted else {
            if let Some(id) = known {
                self.drop_mroute(flow, id);
            }
            return;
        };
        let id = known.or_else(|| {
            let told = &self.sync.groups;
            let id = self.multicast.ids.take(|id| told.is_told(&(id as GroupId)))? as GroupId;
            self.multicast.numbers.insert(flow, id);
            self.effects.push(Effect::GroupNew(id));
            Some(id)
        });
        if let Some(id) = id {
            self.sync.groups.set(id, Some(route));
            self.refresh_members(flow, id);
        }
    }

    /// Interface indexes mean something else.
    pub(super) fn rebuild_mroutes(&mut self) {
        let known = self.multicast.numbers.keys().copied();
        let flows: BTreeSet<Flow> = self.kernel.mroutes.flows().chain(known).collect();
        flows.into_iter().for_each(|flow| self.refresh_mroute(flow));
    }

    fn drop_mroute(&mut self, flow: Flow, id: GroupId) {
        for peer in self.members_of(id) {
            self.sync.members.set((id, peer), None);
        }
        self.sync.groups.set(id, None);
        self.multicast.numbers.remove(&flow);
        self.multicast.bases.remove(&id);
        self.multicast.ids.give(id.into());
        self.effects.push(Effect::GroupGone(id));
    }

    /// What a route of the kernel means. Interfaces that are none of ours are the kernel's to serve.
    fn group_route(&self, route: &Mroute) -> GroupRoute {
        let lan = |port| self.rib.role(port) == Some(Role::Lan);
        // The routes are the global VRF's: none leads into another, or comes from there.
        let role = |index| self.kernel.role(index).filter(|role| self.kernel.vrf_of(*role) == GLOBAL);
        let incoming = match role(route.incoming) {
            Some(Interface::Tunnel(tunnel)) => Incoming::Tunnel(tunnel),
            Some(Interface::Port(port)) if lan(port) => Incoming::Port(port),
            _ => Incoming::Kernel,
        };
        let (mut tunnels, mut ports, mut kernel) = (0, 0, false);
        for index in &route.outgoing {
            match role(*index) {
                Some(Interface::Tunnel(tunnel)) => tunnels |= 1 << tunnel,
                Some(Interface::Port(port)) if lan(port) => ports |= 1 << port,
                _ => kernel = true,
            }
        }
        // What begins in the kernel it sends on itself, but for the copies that spokes get.
        let (ports, kernel) = if incoming == Incoming::Kernel { (0, false) } else { (ports, kernel) };
        GroupRoute { source: route.source, group: route.group, incoming, tunnels, ports, kernel }
    }

    /// A spoke's IGMP or PIM message.
    pub fn membership(
        &mut self,
        now_ms: u64,
        (tunnel, peer): (TunnelId, PeerId),
        station: &Station,
        packet: &[u8],
    ) {
        // The number may have another owner since the packet came in.
        let same =
            self.peers.get(peer).is_some_and(|p| p.tunnel == tunnel && p.station.owner() == station.owner());
        let hub = self.tunnels.get(usize::from(tunnel)).map(|own| own.address);
        let Some(hub) = hub.filter(|_| same) else { return };
        let told = self.multicast.joins.packet(now_ms, peer, hub, packet);
        told.groups.into_iter().for_each(|group| self.refresh_member(group, peer));
        self.object(now_ms, (tunnel, peer), hub, &told.pruned);
    }

    /// A join of our last life, of a peer that had this number then.
    pub fn restore_join(&mut self, now_ms: u64, key: Key, joined: Joined) {
        if self.peers.get(key.0).is_some() {
            self.multicast.joins.restore(now_ms, key, joined);
            self.refresh_member(key.1, key.0);
        }
    }

    /// Gives multicast routes the numbers that they had in our last life, so that a resync takes nothing from their
    /// members in between. Nothing may have been told yet.
    pub fn restore_groups(&mut self, numbers: impl Iterator<Item = (GroupId, Flow, GroupTotals)>) {
        let now: Vec<(Flow, GroupId)> = self.multicast.routes().collect();
        now.into_iter().for_each(|(flow, id)| self.drop_mroute(flow, id));
        self.multicast.ids = Ids::new(0, self.multicast.max);
        self.effects.retain(|effect| !matches!(effect, Effect::GroupNew(_) | Effect::GroupGone(_)));
        for (id, flow, base) in numbers {
            if self.kernel.mroutes.get(flow).is_some()
                && !self.multicast.numbers.contains_key(&flow)
                && self.multicast.ids.reserve(id.into())
            {
                self.multicast.numbers.insert(flow, id);
                self.multicast.bases.insert(id, base);
            }
        }
        self.rebuild_mroutes();
    }

    /// `ip nhrp map multicast`: who is at this NBMA address gets the hub's multicast, registered or not. `false`: there is
    /// no room for another peer.
    pub fn map_multicast(&mut self, tunnel: TunnelId, nbma: Ipv4Addr) -> bool {
        let Some(id) = self.peer(tunnel, Station { nbma, session: None }) else { return false };
        if let Some(peer) = self.peers.get_mut(id) {
            peer.bindings += 1;
            peer.multicast += 1;
        }
        self.refresh_peer(id);
        true
    }

    pub(super) fn expire_joins(&mut self, now_ms: u64) {
        for (group, peer) in self.multicast.joins.expire(now_ms) {
            self.refresh_member(group, peer);
        }
    }

    pub(super) fn forget_joins(&mut self, peer: PeerId) {
        for group in self.multicast.joins.forget(peer) {
            self.refresh_member(group, peer);
        }
    }

    fn refresh_member(&mut self, group: Ipv4Addr, peer: PeerId) {
        for (flow, id) in self.multicast.of_group(group) {
            self.set_member(flow, id, peer);
        }
    }

    fn refresh_members(&mut self, flow: Flow, id: GroupId) {
        let mut peers: BTreeSet<PeerId> = self.multicast.joins.of_group(flow.0).collect();
        peers.extend(self.members_of(id));
        peers.into_iter().for_each(|peer| self.set_member(flow, id, peer));
    }

    /// Who gets a route's packets: who wants them and is on a tunnel that the route goes out by.
    fn set_member(&mut self, flow: Flow, id: GroupId, peer: PeerId) {
        let tunnels = self.sync.groups.get(&id).map_or(0, |route| route.tunnels);
        let reached = self.peers.get(peer).is_some_and(|peer| tunnels >> (peer.tunnel & 63) & 1 != 0);
        let member = reached && self.multicast.joins.wants(peer, flow.0, flow.1);
        self.sync.members.set((id, peer), member.then_some(()));
    }

    /// The members of a route as the data plane should know them.
    pub fn members_of(&self, id: GroupId) -> Vec<PeerId> {
        let of = self.sync.members.range((id, PeerId::MIN)..=(id, PeerId::MAX));
        of.map(|((_, peer), ())| *peer).collect()
    }
}
