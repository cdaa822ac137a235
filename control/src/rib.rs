//! The kernel's routes, seen twice: as underlay (where a spoke's NBMA address is reached) and as overlay (where its
//! packets go).
//!
//! Underlay are the routes through underlay ports, overlay those through tunnels and LAN ports and the discard
//! routes. The two do not see each other: a default route learnt through a tunnel cannot swallow the transport of
//! that tunnel (recursive routing, `%TUN-5-RECURDOWN` elsewhere), and overlay traffic never leaks to the Internet
//! in the clear. It is what a front-door VRF gives, without asking for one.

use crate::kernel::{Interface, Kernel};
use crate::prefix::{self, Key, Prefix};
use config::Config;
use config::model::Role;
use prefix_trie::PrefixMap;
use shm::message::{PortId, TunnelId};
use std::net::Ipv4Addr;

/// Most next hops of one route that are looked at.
pub const MAX_HOPS: usize = 8;

/// An underlay next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnderlayHop {
    /// Port.
    pub port: PortId,
    /// Gateway; `None`: on link.
    pub gateway: Option<Ipv4Addr>,
}

/// An overlay next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverlayHop {
    /// Through a tunnel to the spoke with this tunnel address; `None`: the destination itself is the spoke.
    Tunnel(TunnelId, Option<Ipv4Addr>),
    /// Through a LAN port to a gateway; `None`: on link.
    Lan(PortId, Option<Ipv4Addr>),
}

/// The two tables. An entry without hops discards.
#[derive(Debug, Default)]
pub struct Rib {
    roles: Vec<Role>,
    underlay: PrefixMap<Key, Vec<UnderlayHop>>,
    overlay: PrefixMap<Key, Vec<OverlayHop>>,
}

impl Rib {
    /// Empty tables for the ports of a configuration.
    pub fn new(config: &Config) -> Self {
        Self { roles: config.port.iter().map(|port| port.role).collect(), ..Self::default() }
    }

    /// Reads one prefix anew from the mirror; says whether underlay and overlay changed.
    pub fn refresh(&mut self, kernel: &Kernel, prefix: Prefix) -> (bool, bool) {
        let under = best(kernel, prefix, |role, gateway| match role {
            Interface::Port(port) if self.role(port) == Some(Role::Underlay) => {
                Some(UnderlayHop { port, gateway })
            }
            _ => None,
        });
        let over = best(kernel, prefix, |role, gateway| match role {
            Interface::Tunnel(tunnel) => Some(OverlayHop::Tunnel(tunnel, gateway)),
            Interface::Port(port) if self.role(port) == Some(Role::Lan) => {
                Some(OverlayHop::Lan(port, gateway))
            }
            _ => None,
        });
        let key = prefix::key(prefix);
        (put(&mut self.underlay, key, under), put(&mut self.overlay, key, over))
    }

    /// What a port is for.
    pub fn role(&self, port: PortId) -> Option<Role> {
        self.roles.get(usize::from(port)).copied()
    }

    /// The way to an NBMA address: port and next-hop address.
    pub fn underlay(&self, nbma: Ipv4Addr) -> Option<(PortId, Ipv4Addr)> {
        let (_, hops) = self.underlay.get_lpm(&(nbma.into(), 32))?;
        hops.first().map(|hop| (hop.port, hop.gateway.unwrap_or(nbma)))
    }

    /// The most specific overlay route that covers an address.
    pub fn overlay(&self, address: Ipv4Addr) -> Option<(Prefix, &[OverlayHop])> {
        let (key, hops) = self.overlay.get_lpm(&(address.into(), 32))?;
        Some((prefix::from_key(key), hops))
    }

    /// The overlay route of exactly this prefix.
    pub fn overlay_exact(&self, prefix: Prefix) -> Option<&[OverlayHop]> {
        self.overlay.get(&prefix::key(prefix)).map(Vec::as_slice)
    }

    /// The overlay routes within a prefix, itself included.
    pub fn overlay_within(&self, prefix: Prefix) -> impl Iterator<Item = Prefix> + '_ {
        self.overlay.children(&prefix::key(prefix)).map(|(key, _)| prefix::from_key(key))
    }

    /// All prefixes with an underlay route.
    pub fn underlay_prefixes(&self) -> impl Iterator<Item = Prefix> + '_ {
        self.underlay.keys().map(prefix::from_key)
    }

    /// All prefixes with an overlay route.
    pub fn overlay_prefixes(&self) -> impl Iterator<Item = Prefix> + '_ {
        self.overlay.keys().map(prefix::from_key)
    }
}

/// The hops of the best route that has any in the wanted domain; a discard route is in both.
fn best<H>(
    kernel: &Kernel,
    prefix: Prefix,
    hop: impl Fn(Interface, Option<Ipv4Addr>) -> Option<H>,
) -> Option<Vec<H>> {
    kernel.routes_of(prefix).find_map(|route| {
        let hops: Vec<H> = route
            .hops
            .iter()
            .filter_map(|at| kernel.role(at.index).and_then(|role| hop(role, at.gateway)))
            .take(MAX_HOPS)
            .collect();
        (route.hops.is_empty() || !hops.is_empty()).then_some(hops)
    })
}

fn put<H: PartialEq>(table: &mut PrefixMap<Key, Vec<H>>, key: Key, hops: Option<Vec<H>>) -> bool {
    match hops {
        Some(hops) => {
            if table.get(&key) == Some(&hops) {
                return false;
            }
            table.insert(key, hops);
            true
        }
        None => table.remove(&key).is_some(),
    }
}
