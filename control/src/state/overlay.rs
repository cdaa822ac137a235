//! Where overlay packets go.

use super::{Bound, MAX_ROUTES, State};
use crate::links;
use crate::prefix::{self, Prefix};
use crate::rib::OverlayHop;
use shm::message::{Target, TunnelId};
use std::net::Ipv4Addr;

/// A target whose link has no number yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Target(Target),
    Link(links::Key),
}

impl State {
    pub(super) fn refresh_route(&mut self, prefix: Prefix) {
        let mut target = self.target(prefix);
        if target.is_some() && self.sync.routes.get(&prefix).is_none() && self.sync.routes.len() >= MAX_ROUTES
        {
            self.routes_full += 1;
            target = None;
        }
        let target = target.map(|wanted| match wanted {
            Wanted::Target(target) => target,
            Wanted::Link(key) => self.acquire(key).map_or(Target::Unresolved, Target::Link),
        });
        if let Some(Target::Link(old)) = self.sync.routes.set(prefix, target) {
            self.release(old);
        }
    }

    /// What the data plane should do with a prefix. The hub's own addresses come first, then the kernel's routes,
    /// then what is known of single stations.
    fn target(&self, prefix: Prefix) -> Option<Wanted> {
        let host = (prefix.len == 32).then_some(prefix.address);
        if let Some(address) = host {
            if let Some(target) = self.locals.get(&address) {
                return Some(Wanted::Target(*target));
            }
            if self.guards.contains(&address) {
                return Some(Wanted::Target(Target::Drop));
            }
        }
        if let Some(hops) = self.rib.overlay_exact(prefix) {
            return Some(self.through(host, hops));
        }
        let address = host?;
        if let Some((_, bound)) = self.host_binding(address) {
            return Some(Wanted::Target(bound.peer.map_or(Target::Unresolved, Target::Peer)));
        }
        let port = *self.hosts.get(&address)?;
        let (_, hops) = self.rib.overlay(address)?;
        (hops.first() == Some(&OverlayHop::Lan(port, None))).then_some(Wanted::Link((port, address)))
    }

    /// The first hop of a route that leads somewhere.
    fn through(&self, host: Option<Ipv4Addr>, hops: &[OverlayHop]) -> Wanted {
        if hops.is_empty() {
            return Wanted::Target(Target::Drop);
        }
        let usable = |hop: &OverlayHop| match *hop {
            OverlayHop::Tunnel(tunnel, gateway) => {
                let id = self.peer_of(tunnel, gateway.or(host)?)?;
                Some(Wanted::Target(Target::Peer(id)))
            }
            OverlayHop::Lan(port, gateway) => Some(match gateway.or(host) {
                Some(address) => Wanted::Link((port, address)),
                None => Wanted::Target(Target::Glean(port)),
            }),
        };
        hops.iter().find_map(usable).unwrap_or(Wanted::Target(Target::Unresolved))
    }

    /// The binding that owns a host address: in the tunnel's subnet, or anywhere if the tunnel has none.
    pub(super) fn host_binding(&self, address: Ipv4Addr) -> Option<(TunnelId, &Bound)> {
        self.bindings
            .range((address, TunnelId::MIN)..=(address, TunnelId::MAX))
            .find(|((_, tunnel), _)| self.admits(*tunnel, address))
            .map(|((_, tunnel), bound)| (*tunnel, bound))
    }

    /// Whether a tunnel's spokes may have an address.
    pub(super) fn admits(&self, tunnel: TunnelId, address: Ipv4Addr) -> bool {
        let subnet = self.tunnels.get(usize::from(tunnel));
        subnet.is_some_and(|subnet| subnet.len >= 31 || prefix::contains(*subnet, address))
    }
}
