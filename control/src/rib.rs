//! The kernel's routes, seen twice: as underlay (where a spoke's NBMA address is reached) and as overlay (where its
//! packets go).
//!
//! Underlay are the routes through underlay ports, overlay those through tunnels and LAN ports and the discard
//! routes. The two do not see each other: a default route learnt through a tunnel cannot swallow the transport of
//! that tunnel (recursive routing, `%TUN-5-RECURDOWN` elsewhere), and overlay traffic never leaks to the Internet
//! in the clear. What they share is the kernel's table, where only one default route can be the best: with a
//! front-door VRF the underlay has a table of its own.
//!
//! Each VRF has its own two, of its own table of the kernel's. A next hop counts only where its interface is in the
//! VRF of the route: what a kernel leaks from one table into another is not followed.

use crate::kernel::{Hop, HopsId, Interface, Kernel};
use crate::prefix::{self, Key, Net, Prefix};
use config::Config;
use config::model::Role;
use prefix_trie::PrefixMap;
use shm::message::{GLOBAL, MAX_WAYS, PortId, TunnelId, VrfId};
use std::collections::HashMap;
use std::net::Ipv4Addr;

/// Most next hops of one route that are looked at.
pub const MAX_HOPS: usize = MAX_WAYS;

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

impl OverlayHop {
    /// The next hop's address; `None`: the destination's.
    pub fn gateway(self) -> Option<Ipv4Addr> {
        match self {
            Self::Tunnel(_, gateway) | Self::Lan(_, gateway) => gateway,
        }
    }
}

/// Where a set of next hops leads in one of the two tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead<H> {
    /// Nowhere: packets are discarded.
    pub discard: bool,
    /// Next hops with their weights.
    pub hops: Vec<(H, u32)>,
}

impl<H> Lead<H> {
    /// Whether a route with it belongs to the table at all.
    fn counts(&self) -> bool {
        self.discard || !self.hops.is_empty()
    }
}

/// A set of next hops as seen from both sides.
#[derive(Debug)]
struct Set {
    under: Lead<UnderlayHop>,
    over: Lead<OverlayHop>,
    /// Entries of the two tables that have it.
    refs: u32,
}

/// What looking at a prefix again brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// It has another underlay route.
    pub underlay: bool,
    /// It has another set of overlay next hops; which it had.
    pub overlay: Option<Option<HopsId>>,
    /// And they lead elsewhere.
    pub elsewhere: bool,
}

/// What looking at a set again brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    /// Underlay hops are others.
    pub underlay: bool,
    /// Overlay hops are others.
    pub overlay: bool,
    /// It belongs to another table now: prefixes may have another best route.
    pub sides: bool,
    /// It is, or was, a subnet of a port: single stations in it have other routes.
    pub attached: bool,
}

/// The two tables of a VRF.
#[derive(Debug, Default)]
struct Tables {
    underlay: PrefixMap<Key, HopsId>,
    overlay: PrefixMap<Key, HopsId>,
}

/// The tables of all VRFs.
#[derive(Debug, Default)]
pub struct Rib {
    roles: Vec<Role>,
    sets: HashMap<HopsId, Set>,
    /// By VRF.
    tables: Vec<Tables>,
}

impl Rib {
    /// Empty tables for the ports of a configuration.
    pub fn new(config: &Config) -> Self {
        let roles = config.port.iter().map(|port| port.role).collect();
        let tables = (0..config.vrf_count()).map(|_| Tables::default()).collect();
        Self { roles, tables, ..Self::default() }
    }

    /// Reads one prefix anew from the mirror.
    pub fn refresh(&mut self, kernel: &Kernel, net: Net) -> Refreshed {
        let (mut under, mut over) = (None, None);
        // The best route that has any hop in a table; a discard route is in both.
        for route in kernel.routes_of(net) {
            if !self.sets.contains_key(&route.set) {
                let set = self.look(kernel, net.vrf, route.hops);
                self.sets.insert(route.set, set);
            }
            let Some(set) = self.sets.get(&route.set) else { continue };
            under = under.or_else(|| set.under.counts().then_some(route.set));
            over = over.or_else(|| set.over.counts().then_some(route.set));
        }
        let key = prefix::key(net.prefix);
        let Some(tables) = self.tables.get_mut(usize::from(net.vrf)) else { return Refreshed::default() };
        let (was_under, was_over) = (tables.underlay.get(&key).copied(), tables.overlay.get(&key).copied());
        let leads = |set: Option<HopsId>| Some(&self.sets.get(&set?)?.over);
        let elsewhere = was_over != over && leads(was_over) != leads(over);
        if was_under != under {
            put(&mut tables.underlay, key, under);
        }
        if was_over != over {
            put(&mut tables.overlay, key, over);
        }
        for set in [under, over].into_iter().flatten() {
            self.sets.entry(set).and_modify(|set| set.refs += 1);
        }
        for set in [was_under, was_over].into_iter().flatten() {
            self.sets.entry(set).and_modify(|set| set.refs -= 1);
        }
        let seen = kernel.routes_of(net).map(|route| route.set);
        for set in seen.chain(was_under).chain(was_over) {
            if self.sets.get(&set).is_some_and(|set| set.refs == 0) {
                self.sets.remove(&set);
            }
        }
        Refreshed { underlay: was_under != under, overlay: (was_over != over).then_some(was_over), elsewhere }
    }

    /// Reads one set anew.
    pub fn turn(&mut self, kernel: &Kernel, id: HopsId) -> Turned {
        // Without a route that has it: its prefixes are about to be read.
        let (Some(old), Some(hops)) = (self.sets.get(&id), kernel.hops(id)) else { return Turned::default() };
        let mut new = self.look(kernel, kernel.vrf_of_set(id).unwrap_or(GLOBAL), hops);
        new.refs = old.refs;
        let attached =
            |set: &Set| set.over.hops.iter().any(|(hop, _)| matches!(hop, OverlayHop::Lan(_, None)));
        let turned = Turned {
            underlay: old.under != new.under,
            overlay: old.over != new.over,
            sides: old.under.counts() != new.under.counts() || old.over.counts() != new.over.counts(),
            attached: attached(old) || attached(&new),
        };
        self.sets.insert(id, new);
        turned
    }

    /// All sets that a route of the two tables has.
    pub fn sets(&self) -> impl Iterator<Item = HopsId> + '_ {
        self.sets.keys().copied()
    }

    fn look(&self, kernel: &Kernel, vrf: VrfId, hops: &[Hop]) -> Set {
        let role = |hop: &Hop| {
            let role = kernel.role(hop.index).filter(|role| kernel.vrf_of(*role) == vrf)?;
            Some((role, hop.gateway, hop.weight))
        };
        let under = hops.iter().filter_map(role).filter_map(|(role, gateway, weight)| match role {
            Interface::Port(port) if self.role(port) == Some(Role::Underlay) => {
                Some((UnderlayHop { port, gateway }, weight))
            }
            _ => None,
        });
        let over = hops.iter().filter_map(role).filter_map(|(role, gateway, weight)| match role {
            Interface::Tunnel(tunnel) => Some((OverlayHop::Tunnel(tunnel, gateway), weight)),
            Interface::Port(port) if self.role(port) == Some(Role::Lan) => {
                Some((OverlayHop::Lan(port, gateway), weight))
            }
            _ => None,
        });
        let discard = hops.is_empty();
        Set {
            under: Lead { discard, hops: under.take(MAX_HOPS).collect() },
            over: Lead { discard, hops: over.take(MAX_HOPS).collect() },
            refs: 0,
        }
    }

    /// How many ports there are.
    pub fn ports(&self) -> usize {
        self.roles.len()
    }

    /// What a port is for.
    pub fn role(&self, port: PortId) -> Option<Role> {
        self.roles.get(usize::from(port)).copied()
    }

    /// The way to an NBMA address in a VRF: port and next-hop address. Where there are several, each address has its own.
    pub fn underlay(&self, vrf: VrfId, nbma: Ipv4Addr) -> Option<(PortId, Ipv4Addr)> {
        let hops = &self.sets.get(&self.underlay_set(vrf, nbma)?)?.under.hops;
        let total: u64 = hops.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut left = seeded::mix(u32::from(nbma).into()).checked_rem(total)?;
        let hop = hops.iter().find_map(|(hop, weight)| match left.checked_sub((*weight).into()) {
            None => Some(hop),
            Some(rest) => {
                left = rest;
                None
            }
        })?;
        Some((hop.port, hop.gateway.unwrap_or(nbma)))
    }

    /// The set of next hops on the way to an NBMA address.
    pub fn underlay_set(&self, vrf: VrfId, nbma: Ipv4Addr) -> Option<HopsId> {
        self.tables(vrf)?.underlay.get_lpm(&(nbma.into(), 32)).map(|(_, set)| *set)
    }

    /// The most specific underlay route that covers an address.
    pub fn underlay_prefix(&self, vrf: VrfId, address: Ipv4Addr) -> Option<Prefix> {
        self.tables(vrf)?.underlay.get_lpm(&(address.into(), 32)).map(|(key, _)| prefix::from_key(key))
    }

    /// The most specific overlay route that covers an address.
    pub fn overlay(&self, vrf: VrfId, address: Ipv4Addr) -> Option<(Prefix, &Lead<OverlayHop>)> {
        let (key, set) = self.tables(vrf)?.overlay.get_lpm(&(address.into(), 32))?;
        Some((prefix::from_key(key), &self.sets.get(set)?.over))
    }

    /// The overlay route of exactly this prefix.
    pub fn overlay_exact(&self, net: Net) -> Option<(HopsId, &Lead<OverlayHop>)> {
        let set = self.tables(net.vrf)?.overlay.get(&prefix::key(net.prefix))?;
        Some((*set, &self.sets.get(set)?.over))
    }

    /// Where a set leads in the overlay.
    pub fn lead(&self, set: HopsId) -> Option<&Lead<OverlayHop>> {
        self.sets.get(&set).map(|set| &set.over)
    }

    /// The overlay routes within a prefix, itself included.
    pub fn overlay_within(&self, net: Net) -> impl Iterator<Item = Prefix> + '_ {
        let overlay = self.tables(net.vrf).map(|tables| &tables.overlay);
        let children =
            overlay.into_iter().flat_map(move |overlay| overlay.children(&prefix::key(net.prefix)));
        children.map(|(key, _)| prefix::from_key(key))
    }

    /// All prefixes with an underlay route.
    pub fn underlay_prefixes(&self) -> impl Iterator<Item = Net> + '_ {
        self.all().flat_map(|(vrf, tables)| nets(vrf, &tables.underlay))
    }

    /// All prefixes with an overlay route.
    pub fn overlay_prefixes(&self) -> impl Iterator<Item = Net> + '_ {
        self.all().flat_map(|(vrf, tables)| nets(vrf, &tables.overlay))
    }

    fn tables(&self, vrf: VrfId) -> Option<&Tables> {
        self.tables.get(usize::from(vrf))
    }

    fn all(&self) -> impl Iterator<Item = (VrfId, &Tables)> + '_ {
        (0..).zip(&self.tables)
    }
}

fn nets(vrf: VrfId, table: &PrefixMap<Key, HopsId>) -> impl Iterator<Item = Net> + '_ {
    table.keys().map(move |key| Net { vrf, prefix: prefix::from_key(key) })
}

fn put(table: &mut PrefixMap<Key, HopsId>, key: Key, set: Option<HopsId>) {
    match set {
        Some(set) => table.insert(key, set),
        None => table.remove(&key),
    };
}
