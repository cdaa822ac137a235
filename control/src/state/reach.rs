//! Where overlay addresses are, as NHRP sees it: the same as the data plane's routes, by the names of spokes.

use super::State;
use crate::prefix::{self, Net, Prefix};
use crate::rib::OverlayHop;
use nhrp::{Overlay, Reach};
use shm::message::TunnelId;
use std::net::Ipv4Addr;

impl Overlay for State {
    fn lookup(&self, from: TunnelId, destination: Ipv4Addr) -> Reach {
        self.ways(from, destination).first().copied().unwrap_or(Reach::None)
    }

    /// Ways that lead nowhere at present come in only where there is no other, as in the data plane.
    fn ways(&self, from: TunnelId, destination: Ipv4Addr) -> Vec<Reach> {
        let vrf = self.vrf_of(from);
        if self.locals.contains_key(&(vrf, destination)) {
            return vec![Reach::Local];
        }
        if self.rib.overlay_exact(Net::host(vrf, destination)).is_none()
            && let Some((tunnel, _)) = self.host_binding(vrf, destination)
        {
            return vec![Reach::Spoke { tunnel, protocol: destination, prefix_len: 32 }];
        }
        let Some((route, lead)) = self.rib.overlay(vrf, destination) else { return vec![Reach::None] };
        let all = || lead.hops.iter().map(|(hop, _)| self.reach(destination, route, hop));
        let usable: Vec<Reach> = all().filter_map(|(reach, usable)| usable.then_some(reach)).collect();
        match usable.is_empty() {
            true => vec![all().map(|(reach, _)| reach).next().unwrap_or(Reach::None)],
            false => usable,
        }
    }

    /// Longer prefixes hold less, so the shortest without anything else in it is found by halving.
    fn undivided(&self, from: TunnelId, destination: Ipv4Addr, route_len: u8) -> u8 {
        let vrf = self.vrf_of(from);
        let (mut least, mut most) = (route_len.min(32), 32);
        while least < most {
            let middle = least + (most - least) / 2;
            match self.is_divided(Net { vrf, prefix: prefix::network(destination, middle) }, route_len) {
                true => least = middle + 1,
                false => most = middle,
            }
        }
        least
    }
}

impl State {
    /// Where one hop leads, and whether somebody is there.
    fn reach(&self, destination: Ipv4Addr, route: Prefix, hop: &OverlayHop) -> (Reach, bool) {
        let is_bound = |tunnel: TunnelId, protocol| self.peer_of(tunnel, protocol).is_some();
        match *hop {
            OverlayHop::Lan(..) => (Reach::Hub { prefix_len: route.len }, true),
            OverlayHop::Tunnel(tunnel, Some(protocol)) => {
                (Reach::Spoke { tunnel, protocol, prefix_len: route.len }, is_bound(tunnel, protocol))
            }
            // The destination itself is the spoke.
            OverlayHop::Tunnel(tunnel, None) if is_bound(tunnel, destination) => {
                (Reach::Spoke { tunnel, protocol: destination, prefix_len: 32 }, true)
            }
            // In the subnet of a tunnel, and nobody registered it.
            OverlayHop::Tunnel(_, None) => (Reach::None, false),
        }
    }

    /// Whether a prefix holds more than one part of a route of this length: another route, or a station.
    fn is_divided(&self, net: Net, route_len: u8) -> bool {
        let (first, last) = prefix::range(net.prefix);
        let stations = (first, TunnelId::MIN)..=(last, TunnelId::MAX);
        self.rib.overlay_within(net).any(|route| route.len > route_len)
            || self.bindings.range(stations).any(|((address, tunnel), _)| {
                self.vrf_of(*tunnel) == net.vrf && self.admits(*tunnel, *address)
            })
    }
}
