//! What follows from a change of the kernel.

use super::{Effect, State};
use crate::kernel::{HopsId, Interface};
use crate::prefix::{self, Prefix};
use crate::rib::Refreshed;
use crate::sync::LinkRow;
use config::model::Role;
use shm::message::{PeerId, Target};
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
        let hosts: BTreeSet<Ipv4Addr> = self.hosts.keys().copied().collect();
        self.hosts.clear();
        let known: Vec<_> = self.kernel.neighbours().map(|(_, n)| (n.index, n.address)).collect();
        for address in hosts {
            self.refresh_route(prefix::host(address));
        }
        for (index, address) in known {
            self.refresh_neighbour(index, address);
        }
    }

    /// Looks at the routes of a prefix; `anew`: also when they are the same, what they lead to may have changed.
    pub(super) fn refresh_rib(&mut self, prefix: Prefix, anew: bool) {
        let Refreshed { underlay, overlay, elsewhere } = self.rib.refresh(&self.kernel, prefix);
        if underlay {
            let (first, last) = prefix::range(prefix);
            let peers: Vec<PeerId> = self.peers.within(first, last).collect();
            peers.into_iter().for_each(|id| self.refresh_peer(id));
        }
        if let Some(before) = overlay {
            if let Some((set, _)) = self.rib.overlay_exact(prefix) {
                self.join(set, prefix);
            }
            self.refresh_route(prefix);
            before.into_iter().for_each(|set| self.leave(set, prefix));
            self.check_recursion(prefix);
        } else if anew {
            self.check_recursion(prefix);
            self.refresh_route(prefix);
        }
        if elsewhere || anew {
            let (first, last) = prefix::range(prefix);
            let hosts: Vec<Ipv4Addr> = self.hosts.range(first..=last).map(|(host, _)| *host).collect();
            hosts.into_iter().for_each(|host| self.refresh_route(prefix::host(host)));
        }
        if elsewhere {
            self.effects.push(Effect::Overlay(prefix));
        }
    }

    /// The host route of a spoke and the routes through it.
    pub(super) fn refresh_via(&mut self, protocol: Ipv4Addr) {
        self.refresh_route(prefix::host(protocol));
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
            match neighbour {
                Some(n) if n.mac.is_some() => self.hosts.insert(address, port),
                Some(n) if !n.failed => return,
                _ => self.hosts.remove(&address),
            };
            self.refresh_route(prefix::host(address));
        }
    }

    pub(super) fn refresh_locals(&mut self) {
        let mut locals = BTreeMap::new();
        let mut guards = BTreeSet::new();
        for (interface, subnet) in self.kernel.addresses() {
            let target = match interface {
                Interface::Port(port) => Target::Port(port),
                Interface::Tunnel(tunnel) => Target::Tunnel(tunnel),
                Interface::Loopback if subnet.address.is_loopback() => continue,
                Interface::Loopback => Target::Tunnel(0),
            };
            locals.insert(subnet.address, target);
            if matches!(interface, Interface::Port(port) if self.rib.role(port) == Some(Role::Lan))
                && subnet.len <= 30
            {
                let (first, last) = prefix::range(subnet);
                guards.extend([first, last]);
            }
        }
        let mut touched: BTreeSet<Ipv4Addr> = locals.keys().chain(&guards).copied().collect();
        touched.extend(self.locals.keys().chain(&self.guards));
        (self.locals, self.guards) = (locals, guards);
        touched.into_iter().for_each(|address| self.refresh_route(prefix::host(address)));
    }
}
