//! What follows from a change of the kernel.

use super::{Effect, State};
use crate::kernel::{HopsId, Interface};
use crate::prefix::{self, Net};
use crate::rib::Refreshed;
use crate::sync::LinkRow;
use config::model::Role;
use shm::message::{PeerId, PortId, Target, TunnelId, VrfId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

impl State {
    /// Interface indexes mean something else: everything is read anew.
    pub(super) fn rebuild(&mut self) {
        let sets: Vec<HopsId> = self.rib.sets().collect();
        sets.into_iter().for_each(|set| self.turn(set));
        self.todo.extend(self.kernel.prefixes());
        self.todo.extend(self.rib.overlay_prefixes());
        self.todo.extend(self.rib.underlay_prefixes());
        self.refresh_locals();
        self.rebuild_mroutes();
        let hosts: BTreeSet<(VrfId, Ipv4Addr)> = self.hosts.keys().copied().collect();
        self.hosts.clear();
        let known: Vec<_> = self.kernel.neighbours().map(|(_, n)| (n.index, n.address)).collect();
        for (vrf, address) in hosts {
            self.refresh_route(Net::host(vrf, address));
        }
        for (index, address) in known {
            self.refresh_neighbour(index, address);
        }
    }

    /// Looks at the routes of a prefix; `anew`: also when they are the same, what they lead to may have changed.
    pub(super) fn refresh_rib(&mut self, net: Net, anew: bool) {
        let Net { vrf, prefix } = net;
        let Refreshed { underlay, overlay, elsewhere } = self.rib.refresh(&self.kernel, net);
        if underlay {
            let (first, last) = prefix::range(prefix);
            let here =
                |id: &PeerId| self.peers.get(*id).is_some_and(|peer| self.underlay_of(peer.tunnel) == vrf);
            let peers: Vec<PeerId> = self.peers.within(first, last).filter(here).collect();
            peers.into_iter().for_each(|id| self.refresh_peer(id));
        }
        if let Some(before) = overlay {
            if let Some((set, _)) = self.rib.overlay_exact(net) {
                self.join(set, net);
            }
            self.refresh_route(net);
            before.into_iter().for_each(|set| self.leave(set, net));
            self.check_recursion(net);
        } else if anew {
            self.check_recursion(net);
            self.refresh_route(net);
        }
        if elsewhere || anew {
            let (first, last) = prefix::range(prefix);
            let hosts: Vec<Net> = self
                .hosts
                .range((vrf, first)..=(vrf, last))
                .map(|((_, host), _)| Net::host(vrf, *host))
                .collect();
            hosts.into_iter().for_each(|host| self.refresh_route(host));
        }
        if elsewhere {
            self.effects.push(Effect::Overlay(prefix));
        }
    }

    /// The host route of a spoke and the routes through it.
    pub(super) fn refresh_via(&mut self, tunnel: TunnelId, protocol: Ipv4Addr) {
        self.refresh_route(Net::host(self.vrf_of(tunnel), protocol));
        self.refresh_through(protocol);
    }

    pub(super) fn refresh_neighbour(&mut self, index: u32, address: Ipv4Addr) {
        let Some(Interface::Port(port)) = self.kernel.role(index) else { return };
        let neighbour = self.kernel.neighbour(Interface::Port(port), address).copied();
        if let Some(id) = self.links.id((port, address)) {
            let mac = neighbour.and_then(|n| n.mac);
            // An entry that the kernel merely forgot was good until now: keep using it while it is asked again.
            let keep = mac.is_none() && !neighbour.is_some_and(|n| n.failed);
            let old = self.sync.links.get(&id).and_then(|row| row.mac);
            self.sync.links.set(id, Some(LinkRow { port, mac: if keep { old } else { mac } }));
            if neighbour.is_none() {
                self.effects.push(Effect::Resolve(port, address));
            }
        }
        if self.rib.role(port) == Some(Role::Lan) {
            let vrf = self.kernel.vrf_of(Interface::Port(port));
            match neighbour {
                Some(n) if n.mac.is_some() => self.hosts.insert((vrf, address), port),
                Some(n) if !n.failed => return,
                _ => self.hosts.remove(&(vrf, address)),
            };
            self.refresh_route(Net::host(vrf, address));
        }
    }

    pub(super) fn refresh_locals(&mut self) {
        let mut locals = BTreeMap::new();
        let mut guards = BTreeSet::new();
        for (interface, subnet) in self.kernel.addresses() {
            let vrf = self.kernel.vrf_of(interface);
            let target = match interface {
                Interface::Port(port) => Target::Port(port),
                Interface::Tunnel(tunnel) => Target::Tunnel(tunnel),
                Interface::Loopback(_) if subnet.address.is_loopback() => continue,
                Interface::Loopback(_) => match self.taker(vrf) {
                    Some(target) => target,
                    None => continue,
                },
            };
            locals.insert((vrf, subnet.address), target);
            if matches!(interface, Interface::Port(port) if self.rib.role(port) == Some(Role::Lan))
                && subnet.len <= 30
            {
                let (first, last) = prefix::range(subnet);
                guards.extend([(vrf, first), (vrf, last)]);
            }
        }
        let mut touched: BTreeSet<(VrfId, Ipv4Addr)> = locals.keys().chain(&guards).copied().collect();
        touched.extend(self.locals.keys().chain(&self.guards));
        (self.locals, self.guards) = (locals, guards);
        touched.into_iter().for_each(|(vrf, address)| self.refresh_route(Net::host(vrf, address)));
    }

    /// Whose twin takes in what is for the hub's loopback in a VRF: a tunnel's, or where there is none a port's.
    fn taker(&self, vrf: VrfId) -> Option<Target> {
        let tunnels = (0..self.tunnels.len()).map(|id| id as TunnelId);
        let mut tunnels = tunnels.filter(|id| self.vrf_of(*id) == vrf).map(Target::Tunnel);
        let ports = (0..self.rib.ports()).map(|id| id as PortId);
        let mut ports = ports.filter(|id| self.kernel.vrf_of(Interface::Port(*id)) == vrf).map(Target::Port);
        tunnels.next().or_else(|| ports.next())
    }
}
