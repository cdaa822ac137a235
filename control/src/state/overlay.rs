//! Where overlay packets go.

use super::{Bound, MAX_ROUTES, State};
use crate::kernel::Interface;
use crate::links;
use crate::prefix::{self, Net, Prefix};
use crate::rib::{Lead, OverlayHop};
use shm::message::{Target, TunnelId, VrfId};
use std::net::Ipv4Addr;

/// A target whose link has no number yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Target(Target),
    Link(links::Key),
}

impl State {
    pub(super) fn refresh_route(&mut self, net: Net) {
        let mut target = self.target(net);
        if target.is_some() && self.sync.routes.get(&net).is_none() && self.sync.routes.len() >= MAX_ROUTES {
            self.routes_full += 1;
            target = None;
        }
        let target = target.map(|wanted| match wanted {
            Wanted::Target(target) => target,
            Wanted::Link(key) => self.acquire(key).map_or(Target::Unresolved, Target::Link),
        });
        if let Some(Target::Link(old)) = self.sync.routes.set(net, target) {
            self.release(old);
        }
    }

    /// What the data plane should do with a prefix. The hub's own addresses come first, then the kernel's routes,
    /// then what is known of single stations.
    fn target(&self, net: Net) -> Option<Wanted> {
        let Net { vrf, prefix } = net;
        let host = (prefix.len == 32).then_some(prefix.address);
        if let Some(address) = host {
            if let Some(target) = self.locals.get(&(vrf, address)) {
                return Some(Wanted::Target(*target));
            }
            if self.guards.contains(&(vrf, address)) {
                return Some(Wanted::Target(Target::Drop));
            }
        }
        if let Some((set, lead)) = self.rib.overlay_exact(net) {
            let paths = self.paths_of(set).map(|id| Wanted::Target(Target::Paths(id)));
            return Some(paths.unwrap_or_else(|| self.through(host, lead)));
        }
        let address = host?;
        if let Some((_, bound)) = self.host_binding(vrf, address) {
            return Some(Wanted::Target(bound.peer.map_or(Target::Unresolved, Target::Peer)));
        }
        let port = *self.hosts.get(&(vrf, address))?;
        let (_, lead) = self.rib.overlay(vrf, address)?;
        lead.is_attached_to(port).then_some(Wanted::Link((port, address)))
    }

    /// The first hop of a route that leads somewhere.
    fn through(&self, host: Option<Ipv4Addr>, lead: &Lead<OverlayHop>) -> Wanted {
        if lead.discard {
            return Wanted::Target(Target::Drop);
        }
        let usable = |(hop, _): &(OverlayHop, u32)| match *hop {
            OverlayHop::Tunnel(tunnel, gateway) => {
                let id = self.peer_of(tunnel, gateway.or(host)?)?;
                Some(Wanted::Target(Target::Peer(id)))
            }
            OverlayHop::Lan(port, gateway) => Some(match gateway.or(host) {
                Some(address) => Wanted::Link((port, address)),
                None => Wanted::Target(Target::Glean(port)),
            }),
        };
        lead.hops.iter().find_map(usable).unwrap_or(Wanted::Target(Target::Unresolved))
    }

    /// The binding that owns a host address of a VRF: in the tunnel's subnet; or if the tunnel has none, anywhere but in the
    /// subnet of a port.
    pub(super) fn host_binding(&self, vrf: VrfId, address: Ipv4Addr) -> Option<(TunnelId, &Bound)> {
        self.bindings
            .range((address, TunnelId::MIN)..=(address, TunnelId::MAX))
            .find(|((_, tunnel), _)| self.vrf_of(*tunnel) == vrf && self.admits(*tunnel, address))
            .map(|((_, tunnel), bound)| (*tunnel, bound))
    }

    /// Whether a tunnel's spokes may have an address.
    pub(super) fn admits(&self, tunnel: TunnelId, address: Ipv4Addr) -> bool {
        let of_port = |(interface, subnet): (Interface, Prefix)| {
            matches!(interface, Interface::Port(_))
                && self.kernel.vrf_of(interface) == self.vrf_of(tunnel)
                && prefix::contains(subnet, address)
        };
        match self.tunnels.get(usize::from(tunnel)) {
            Some(subnet) if subnet.len >= 31 => !self.kernel.addresses().any(of_port),
            Some(subnet) => prefix::contains(*subnet, address),
            None => false,
        }
    }

    /// Whether the kernel is to have a host route to this address through this tunnel.
    pub fn wants_host_route(&self, tunnel: TunnelId, address: Ipv4Addr) -> bool {
        let enabled = self.host_routes.get(usize::from(tunnel)).is_some_and(|enabled| *enabled);
        let vrf = self.vrf_of(tunnel);
        let owner = || {
            self.host_binding(vrf, address).filter(|(owner, bound)| *owner == tunnel && bound.peer.is_some())
        };
        enabled && !self.locals.contains_key(&(vrf, address)) && owner().is_some()
    }

    /// All addresses that may want one.
    pub fn host_routes(&self) -> impl Iterator<Item = (TunnelId, Ipv4Addr)> + '_ {
        let enabled = |tunnel: TunnelId| self.host_routes.get(usize::from(tunnel)).copied().unwrap_or(false);
        self.bindings
            .keys()
            .map(|(address, tunnel)| (*tunnel, *address))
            .filter(move |(tunnel, _)| enabled(*tunnel))
    }
}
