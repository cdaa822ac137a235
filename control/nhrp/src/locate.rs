//! Who has an overlay address, as seen from a station that asks.

use crate::cache::Slot;
use crate::ingress::{Ingress, is_martian};
use crate::{Overlay, Reach, Server, TunnelId};
use std::net::Ipv4Addr;

/// Where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the hub's own.
    Own,
    /// Behind the hub, or in another NHRP network, which comes to the same: packets go through the hub.
    Behind {
        /// Length of the route.
        prefix_len: u8,
    },
    /// A bound station, or behind one.
    Spoke {
        /// Its entry.
        slot: Slot,
        /// 32 for the station itself, else the length of the route.
        prefix_len: u8,
    },
    /// Nobody's.
    Nowhere,
}

impl Server {
    /// Finds an address: ours, a bound one in the asking tunnel's NHRP network, or by the overlay's routes.
    pub(crate) fn locate(&self, ingress: &Ingress<'_>, address: Ipv4Addr, overlay: &impl Overlay) -> Place {
        self.locate_from(ingress.tunnel, address, overlay)
    }

    pub(crate) fn locate_from(&self, from: TunnelId, address: Ipv4Addr, overlay: &impl Overlay) -> Place {
        if self.is_own(address) {
            return Place::Own;
        }
        let is_broadcast = self.tunnel(from).is_some_and(|tunnel| tunnel.broadcast() == Some(address));
        if is_martian(address) || is_broadcast {
            return Place::Nowhere;
        }
        let friends = self.config.tunnels.iter().filter(|tunnel| self.same_network(from, tunnel.id));
        if let Some(slot) = friends.filter_map(|tunnel| self.cache.find(tunnel.id, address)).next() {
            return Place::Spoke { slot, prefix_len: 32 };
        }
        let reach = overlay.lookup(address);
        // The kernel's connected route of the tunnel leads to nobody who is not bound.
        let is_connected = self.tunnel(from).is_some_and(|tunnel| tunnel.connects(address));
        if is_connected && !matches!(reach, Reach::Spoke { .. }) {
            return Place::Nowhere;
        }
        match reach {
            Reach::Local => Place::Own,
            Reach::Hub { prefix_len } => Place::Behind { prefix_len },
            Reach::Spoke { tunnel, prefix_len, .. } if !self.same_network(from, tunnel) => {
                Place::Behind { prefix_len }
            }
            Reach::Spoke { tunnel, protocol, prefix_len } => match self.cache.find(tunnel, protocol) {
                Some(slot) => Place::Spoke { slot, prefix_len },
                None => Place::Nowhere,
            },
            Reach::None => Place::Nowhere,
        }
    }

    /// Whether two tunnels are in one NHRP network.
    pub(crate) fn same_network(&self, a: TunnelId, b: TunnelId) -> bool {
        match (self.tunnel(a), self.tunnel(b)) {
            (Some(one), Some(other)) => a == b || one.network_id == other.network_id,
            _ => false,
        }
    }
}
