//! Who has an overlay address, as seen from a station that asks.

use crate::answers::network;
use crate::cache::Slot;
use crate::ingress::{Ingress, is_martian};
use crate::{Overlay, Phase, Reach, Server, Station, TunnelId};
use seeded::Seeded;
use std::hash::BuildHasher;
use std::net::Ipv4Addr;

/// Shortest route that is given in an answer; for addresses under a shorter one (the default route) the answer is
/// about the address alone, lest the spoke send everything here.
const SHORTEST_PREFIX: u8 = 8;
/// Networks of this length keep to one of several ways.
const PAIR_PREFIX: u8 = 24;

/// Where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the hub's own.
    Own,
    /// Behind the hub, or in another NHRP network, which comes to the same: packets go through the hub.
    Behind {
        /// Length of the prefix around the address that may be spoken of.
        prefix_len: u8,
    },
    /// A bound station, or behind one.
    Spoke {
        /// Its entry.
        slot: Slot,
        /// 32 for the station itself, else as above.
        prefix_len: u8,
    },
    /// Nobody's.
    Nowhere,
}

impl Server {
    /// Finds an address for who asks: ours, a bound one in the asking tunnel's NHRP network, or by the overlay's routes.
    /// Of several ways of equal cost one that does not lead back to the asker; a pair of networks keeps to one of them,
    /// however often it asks.
    pub(crate) fn locate(&self, ingress: &Ingress<'_>, address: Ipv4Addr, overlay: &impl Overlay) -> Place {
        let places = self.places(ingress.tunnel, address, overlay);
        let useful = |place: &&Place| match place {
            Place::Spoke { slot, .. } => !self.is_at(*slot, ingress.tunnel, &ingress.station),
            Place::Nowhere => false,
            Place::Own | Place::Behind { .. } => true,
        };
        let count = places.iter().filter(useful).count();
        let pair = [ingress.source, address].map(|address| network(address, PAIR_PREFIX));
        let nth = Seeded(self.config.seed).hash_one(pair).checked_rem(count as u64).unwrap_or(0);
        let chosen = places.iter().filter(useful).nth(nth as usize);
        chosen.or(places.first()).copied().unwrap_or(Place::Nowhere)
    }

    /// Where an address is, as seen from a tunnel: one place for each way of equal cost.
    pub(crate) fn places(&self, from: TunnelId, address: Ipv4Addr, overlay: &impl Overlay) -> Vec<Place> {
        if self.is_own(from, address) {
            return vec![Place::Own];
        }
        let is_broadcast = self.tunnel(from).is_some_and(|tunnel| tunnel.broadcast() == Some(address));
        if is_martian(address) || is_broadcast {
            return vec![Place::Nowhere];
        }
        let friends = self.config.tunnels.iter().filter(|tunnel| self.has_shortcuts(from, tunnel.id));
        if let Some(slot) = friends.filter_map(|tunnel| self.cache.find(tunnel.id, address)).next() {
            return vec![Place::Spoke { slot, prefix_len: 32 }];
        }
        // The kernel's connected route of the tunnel leads to nobody who is not bound.
        let is_connected = self.tunnel(from).is_some_and(|tunnel| tunnel.connects(address));
        let place = |reach: Reach| match reach {
            Reach::Spoke { tunnel, protocol, prefix_len } => {
                let prefix_len = covered(overlay, from, address, prefix_len);
                match self.cache.find(tunnel, protocol) {
                    _ if !self.has_shortcuts(from, tunnel) => Place::Behind { prefix_len },
                    Some(slot) => Place::Spoke { slot, prefix_len },
                    None => Place::Nowhere,
                }
            }
            _ if is_connected => Place::Nowhere,
            Reach::Local => Place::Own,
            Reach::Hub { prefix_len } => {
                Place::Behind { prefix_len: covered(overlay, from, address, prefix_len) }
            }
            Reach::None => Place::Nowhere,
        };
        overlay.ways(from, address).into_iter().map(place).collect()
    }

    /// Whether an entry is this station, on this tunnel.
    pub(crate) fn is_at(&self, slot: Slot, tunnel: TunnelId, station: &Station) -> bool {
        let entry = self.cache.get(slot);
        entry.is_some_and(|entry| entry.binding.tunnel == tunnel && entry.binding.station().is(station))
    }

    /// Whether spokes of one tunnel may know those of the other: an NHRP network, and none whose spokes have
    /// point-to-point tunnels behind one whose spokes have not.
    fn has_shortcuts(&self, from: TunnelId, to: TunnelId) -> bool {
        let phase = |tunnel| self.tunnel(tunnel).map(|tunnel| tunnel.phase);
        self.same_network(from, to) && (from == to || phase(to) != Some(Phase::One))
    }

    /// Whether two tunnels are in one NHRP network.
    pub(crate) fn same_network(&self, a: TunnelId, b: TunnelId) -> bool {
        match (self.tunnel(a), self.tunnel(b)) {
            (Some(one), Some(other)) => a == b || one.network_id == other.network_id,
            _ => false,
        }
    }
}

/// How much around an address an answer by this route may be about.
fn covered(overlay: &impl Overlay, from: TunnelId, address: Ipv4Addr, route_len: u8) -> u8 {
    if route_len < SHORTEST_PREFIX { 32 } else { overlay.undivided(from, address, route_len).min(32) }
}
