//! What follows from a change of the kernel.

use super::{Effect, State};
use crate::kernel::Interface;
use crate::prefix::{self, Prefix};
use crate::rib::OverlayHop;
use crate::sync::LinkRow;
use config::model::Role;
use shm::message::{PeerId, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

impl State {
    /// Interface indexes mean something else: everything is read anew.
    pub(super) fn rebuild(&mut self) {
        let old: Vec<Prefix> = self.rib.overlay_prefixes().collect();
        let mut prefixes: BTreeSet<Prefix> = self.kernel.prefixes().chain(old).collect();
        prefixes.extend(self.rib.underlay_prefixes());
        prefixes.into_iter().for_each(|prefix| self.refresh_rib(prefix));
        self.refresh_locals();
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

    pub(super) fn refresh_rib(&mut self, prefix: Prefix) {
        let before = self.gateways(prefix);
        let (underlay, overlay) = self.rib.refresh(&self.kernel, prefix);
        if underlay {
            let (first, last) = prefix::range(prefix);
            let peers: Vec<PeerId> = self.peers.within(first, last).collect();
            peers.into_iter().for_each(|id| self.refresh_peer(id));
        }
        if overlay {
            self.index_gateways(prefix, before);
            self.refresh_route(prefix);
            let (first, last) = prefix::range(prefix);
            let hosts: Vec<Ipv4Addr> = self.hosts.range(first..=last).map(|(host, _)| *host).collect();
            hosts.into_iter().for_each(|host| self.refresh_route(prefix::host(host)));
            self.effects.push(Effect::Overlay(prefix));
        }
    }

    pub(super) fn gateways(&self, prefix: Prefix) -> Vec<Ipv4Addr> {
        let spoke = |hop: &OverlayHop| match hop {
            OverlayHop::Tunnel(_, gateway) => *gateway,
            OverlayHop::Lan(..) => None,
        };
        self.rib.overlay_exact(prefix).into_iter().flatten().filter_map(spoke).collect()
    }

    pub(super) fn index_gateways(&mut self, prefix: Prefix, before: Vec<Ipv4Addr>) {
        for gateway in before {
            if let Some(prefixes) = self.by_gateway.get_mut(&gateway) {
                prefixes.remove(&prefix);
                if prefixes.is_empty() {
                    self.by_gateway.remove(&gateway);
                }
            }
        }
        for gateway in self.gateways(prefix) {
            self.by_gateway.entry(gateway).or_default().insert(prefix);
        }
    }

    /// The host route of a spoke and the routes through it.
    pub(super) fn refresh_via(&mut self, protocol: Ipv4Addr) {
        self.refresh_route(prefix::host(protocol));
        let routes: Vec<Prefix> = self.by_gateway.get(&protocol).into_iter().flatten().copied().collect();
        routes.into_iter().for_each(|prefix| self.refresh_route(prefix));
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
