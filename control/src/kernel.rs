//! A mirror of what the kernel knows about our interfaces: links, addresses, neighbours, next-hop objects and the routes
//! of the VRFs that the hub serves: of the main table, and of a table for each further one.
//!
//! Facts come from [`crate::netlink`]; what they changed goes to [`crate::state`]. Interfaces that are neither a
//! twin nor the loopback do not concern the hub and are not kept, so the mirror stays as small as the hub's part of
//! the table.

mod fact;
mod hopsets;
mod mroutes;
mod nexthops;
mod routes;
mod vrfs;

pub use fact::{
    Change, Class, Fact, Hop, HopsId, Installed, Interface, Link, Mroute, Neighbour, NextHop, NextHopId,
    Route,
};
pub use mroutes::MAX_MROUTES;
pub use nexthops::MAX_NEXTHOPS;

use crate::prefix::{Net, Prefix};
use config::Config;
use hopsets::{Source, source};
use mroutes::Mroutes;
use routes::Routes;
use shm::message::{GLOBAL, PortId, TunnelId, VrfId};
use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use vrfs::Vrfs;

/// A value and the dump in which it was last seen.
#[derive(Clone, Debug)]
struct Seen<T> {
    value: T,
    epoch: u64,
}

/// Tells which interfaces the hub cares for.
fn ours(roles: &HashMap<u32, Interface>) -> impl Fn(u32) -> bool + '_ {
    |index| roles.contains_key(&index)
}

/// The mirror.
#[derive(Debug)]
pub struct Kernel {
    names: HashMap<String, Interface>,
    vrfs: Vrfs,
    roles: HashMap<u32, Interface>,
    links: BTreeMap<u32, Seen<Link>>,
    addresses: BTreeMap<(u32, Prefix), u64>,
    neighbours: BTreeMap<(u32, Ipv4Addr), Seen<Neighbour>>,
    routes: Routes,
    /// Multicast routes.
    pub mroutes: Mroutes,
    epoch: u64,
    /// What zebra tells; `None`: its routes are taken from the kernel.
    fpm: Option<Routes>,
    fpm_epoch: u64,
}

/// Routing protocols of FRR (`RTPROT_*`): zebra itself, babel, and from BGP to SRTE.
fn is_of_frr(protocol: u8) -> bool {
    matches!(protocol, 11 | 42 | 186..=198)
}

/// `RTPROT_KERNEL`: as which zebra tells what it has from the kernel.
const FROM_KERNEL: u8 = 2;

impl Kernel {
    /// An empty mirror that will care for the interfaces the configuration names.
    pub fn new(config: &Config) -> Self {
        let ports =
            config.port.iter().enumerate().map(|(i, p)| (p.name.clone(), Interface::Port(i as PortId)));
        let tunnels = config
            .tunnel
            .iter()
            .enumerate()
            .map(|(i, t)| (t.interface.clone(), Interface::Tunnel(i as TunnelId)));
        let devices = config.vrf.iter().zip(1..).map(|(vrf, id)| (vrf.name.clone(), Interface::Loopback(id)));
        let lo = ("lo".to_string(), Interface::Loopback(GLOBAL));
        Self {
            names: ports.chain(tunnels).chain(devices).chain([lo]).collect(),
            vrfs: Vrfs::new(config),
            roles: HashMap::new(),
            links: BTreeMap::new(),
            addresses: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            routes: Routes::default(),
            mroutes: Mroutes::default(),
            epoch: 1,
            fpm: config.fpm.is_some().then(|| Routes::from(Source::Fpm)),
            fpm_epoch: 1,
        }
    }

    /// What the interface with this index is to us.
    pub fn role(&self, index: u32) -> Option<Interface> {
        self.roles.get(&index).copied()
    }

    /// The link that has a role at present.
    pub fn link(&self, role: Interface) -> Option<&Link> {
        self.links.values().map(|seen| &seen.value).find(|link| self.roles.get(&link.index) == Some(&role))
    }

    /// The twins that are there.
    pub fn twins(&self) -> impl Iterator<Item = &Link> + '_ {
        let twin =
            |index: &u32| self.roles.get(index).is_some_and(|role| !matches!(role, Interface::Loopback(_)));
        self.links.values().map(|seen| &seen.value).filter(move |link| twin(&link.index))
    }

    /// The hub's own addresses with their subnets.
    pub fn addresses(&self) -> impl Iterator<Item = (Interface, Prefix)> + '_ {
        self.addresses.keys().filter_map(|(index, prefix)| Some((self.role(*index)?, *prefix)))
    }

    /// A neighbour entry.
    pub fn neighbour(&self, role: Interface, address: Ipv4Addr) -> Option<&Neighbour> {
        let index = self.link(role)?.index;
        self.neighbours.get(&(index, address)).map(|seen| &seen.value)
    }

    /// All neighbour entries.
    pub fn neighbours(&self) -> impl Iterator<Item = (Interface, &Neighbour)> + '_ {
        self.neighbours.values().filter_map(|seen| Some((self.role(seen.value.index)?, &seen.value)))
    }

    /// The routes of one prefix, best metric first.
    pub fn routes_of(&self, net: Net) -> impl Iterator<Item = Installed<'_>> + '_ {
        let (mut told, mut own) = (
            self.routes.of(net).peekable(),
            self.fpm.iter().flat_map(move |routes| routes.of(net)).peekable(),
        );
        std::iter::from_fn(move || match (told.peek(), own.peek()) {
            (Some(a), Some(b)) if b.metric < a.metric => own.next(),
            (Some(_), _) => told.next(),
            (None, _) => own.next(),
        })
    }

    /// All routes.
    #[cfg(test)]
    pub fn routes(&self) -> impl Iterator<Item = Installed<'_>> + '_ {
        self.routes.iter().chain(self.fpm.iter().flat_map(Routes::iter))
    }

    /// The routes that the hub put there itself with one of its protocol numbers.
    pub fn own_routes(&self, protocol: u8) -> impl Iterator<Item = Installed<'_>> + '_ {
        self.routes.own(protocol)
    }

    /// The hops of a set; `None`: no route has it any more.
    pub fn hops(&self, id: HopsId) -> Option<&[Hop]> {
        self.source(id)?.hops(id)
    }

    /// The VRF of the routes that have the set.
    pub fn vrf_of_set(&self, id: HopsId) -> Option<VrfId> {
        self.source(id)?.vrf(id)
    }

    /// The VRF that an interface is in.
    pub fn vrf_of(&self, interface: Interface) -> VrfId {
        self.vrfs.of(interface)
    }

    /// The table of a VRF.
    pub fn table(&self, vrf: VrfId) -> u32 {
        self.vrfs.table(vrf)
    }

    /// The VRF with a table.
    pub fn vrf_with(&self, table: u32) -> Option<VrfId> {
        self.vrfs.with_table(table)
    }

    /// Prefixes with a route that has the set.
    pub fn users(&self, id: HopsId) -> impl Iterator<Item = Net> + '_ {
        self.source(id).into_iter().flat_map(move |routes| routes.users(id))
    }

    /// All prefixes that have a route; one with several is named several times.
    pub fn prefixes(&self) -> impl Iterator<Item = Net> + '_ {
        self.routes.prefixes().chain(self.fpm.iter().flat_map(Routes::prefixes))
    }

    /// Next-hop objects known, and how many were not taken in because there are [`MAX_NEXTHOPS`].
    pub fn nexthops(&self) -> (usize, u64) {
        let (mut known, mut full) = self.routes.nexthops();
        if let Some(routes) = &self.fpm {
            let (more, missing) = routes.nexthops();
            (known, full) = (known + more, full + missing);
        }
        (known, full)
    }

    fn source(&self, id: HopsId) -> Option<&Routes> {
        match source(id) {
            Source::Netlink => Some(&self.routes),
            Source::Fpm => self.fpm.as_ref(),
        }
    }

    /// Zebra connected and tells everything anew.
    pub fn fpm_begin(&mut self) {
        self.fpm_epoch += 1;
    }

    /// What zebra did not tell since then is gone.
    pub fn fpm_sweep(&mut self, changes: &mut Vec<Change>) {
        if let Some(routes) = &mut self.fpm {
            routes.sweep_nexthops(self.fpm_epoch, changes);
            routes.sweep(self.fpm_epoch, changes);
        }
    }

    /// Takes in one fact of zebra's.
    pub fn fpm_apply(&mut self, fact: Fact, changes: &mut Vec<Change>) {
        let Some(routes) = &mut self.fpm else { return };
        let epoch = self.fpm_epoch;
        // Zebra tells next hops of all interfaces; routes that lead elsewhere today may be ours once links are there.
        match fact {
            Fact::NextHop(id, nexthop) => routes.nexthop_is(id, nexthop, epoch, |_| true, changes),
            Fact::NextHopGone(id) => routes.nexthop_gone(id, changes),
            // What zebra has from the kernel we have, too.
            Fact::Route(route, _) if route.protocol != FROM_KERNEL => {
                if let Some(vrf) = self.vrfs.with_table(route.table) {
                    routes.insert((vrf, route), true, epoch, |_| true, changes);
                }
            }
            Fact::RouteGone(route) if route.protocol != FROM_KERNEL => {
                if let Some(vrf) = self.vrfs.with_table(route.table) {
                    routes.remove((vrf, &route), changes);
                }
            }
            _ => {}
        }
    }

    /// A dump starts: what it does not name is swept by [`Self::end`].
    pub fn begin(&mut self) {
        self.epoch += 1;
    }

    /// The dump of one class is complete.
    pub fn end(&mut self, class: Class, changes: &mut Vec<Change>) {
        let epoch = self.epoch;
        match class {
            Class::Links => {
                let gone: Vec<u32> =
                    self.links.iter().filter(|(_, s)| s.epoch < epoch).map(|(i, _)| *i).collect();
                gone.into_iter().for_each(|index| self.apply(Fact::LinkGone(index), changes));
            }
            Class::Addresses => {
                let before = self.addresses.len();
                self.addresses.retain(|_, seen| *seen >= epoch);
                if self.addresses.len() != before {
                    changes.push(Change::Addresses);
                }
            }
            Class::Neighbours => self.neighbours.retain(|(index, address), seen| {
                let keep = seen.epoch >= epoch;
                if !keep {
                    changes.push(Change::Neighbour(*index, *address));
                }
                keep
            }),
            Class::NextHops => self.routes.sweep_nexthops(epoch, changes),
            Class::Routes => self.routes.sweep(epoch, changes),
            Class::Mroutes => self.mroutes.sweep(epoch, changes),
        }
    }

    /// Takes in one fact and says what it changed.
    pub fn apply(&mut self, fact: Fact, changes: &mut Vec<Change>) {
        match fact {
            Fact::Link(link) => self.link_is(link, changes),
            Fact::LinkGone(index) => self.link_gone(index, changes),
            Fact::Address(index, prefix) => {
                if self.roles.contains_key(&index)
                    && self.addresses.insert((index, prefix), self.epoch).is_none()
                {
                    changes.push(Change::Addresses);
                }
            }
            Fact::AddressGone(index, prefix) => {
                if self.addresses.remove(&(index, prefix)).is_some() {
                    changes.extend([Change::Addresses, Change::Stale]);
                }
            }
            Fact::Neighbour(neighbour) => self.neighbour_is(neighbour, changes),
            Fact::NeighbourGone(index, address) => {
                if self.neighbours.remove(&(index, address)).is_some() {
                    changes.push(Change::Neighbour(index, address));
                }
            }
            Fact::NextHop(id, nexthop) => {
                self.routes.nexthop_is(id, nexthop, self.epoch, ours(&self.roles), changes);
            }
            Fact::NextHopGone(id) => self.routes.nexthop_gone(id, changes),
            // In the kernel as well or not: zebra is asked.
            Fact::Route(route, _) if self.fpm.is_some() && is_of_frr(route.protocol) => {}
            Fact::Route(route, replace) => {
                if let Some(vrf) = self.vrfs.with_table(route.table) {
                    self.routes.insert((vrf, route), replace, self.epoch, ours(&self.roles), changes);
                }
            }
            Fact::RouteGone(route) => {
                if let Some(vrf) = self.vrfs.with_table(route.table) {
                    self.routes.remove((vrf, &route), changes);
                }
            }
            Fact::Mroute(route) => self.mroutes.insert(route, self.epoch, changes),
            Fact::MrouteGone(group, source) => self.mroutes.remove((group, source), changes),
        }
    }

    fn link_is(&mut self, link: Link, changes: &mut Vec<Change>) {
        let index = link.index;
        let role = self.names.get(&link.name).copied();
        let before = self.roles.get(&index).copied();
        if role != before {
            match role {
                Some(role) => self.roles.insert(index, role),
                None => self.roles.remove(&index),
            };
            // Facts about an interface that had no role were not kept.
            changes.extend([Change::Interfaces, Change::Stale]);
        }
        let Some(role) = role else {
            self.links.remove(&index);
            return;
        };
        if let Interface::Loopback(vrf) = role
            && self.vrfs.device(vrf, link.table)
        {
            // Routes of a table that nobody followed were not kept.
            changes.push(Change::Stale);
        }
        // A twin that was made anew under the same name, its old index not yet reported gone.
        self.roles.retain(|other, held| *held != role || *other == index);
        if let Some(old) = self.links.get(&index).map(|seen| &seen.value) {
            if old.up && !link.up {
                self.routes.forget_through(index, changes);
            }
            // Next-hop objects go with the carrier already, routes with the VRF.
            if (old.up, old.running, old.master) != (link.up, link.running, link.master) {
                changes.push(Change::Stale);
            }
        }
        self.links.insert(index, Seen { value: link, epoch: self.epoch });
    }

    fn link_gone(&mut self, index: u32, changes: &mut Vec<Change>) {
        self.links.remove(&index);
        let Some(role) = self.roles.remove(&index) else { return };
        if let Interface::Loopback(vrf) = role
            && self.vrfs.device(vrf, None)
        {
            changes.push(Change::Stale);
        }
        self.routes.forget_through(index, changes);
        self.addresses.retain(|(at, _), _| *at != index);
        self.neighbours.retain(|(at, _), _| *at != index);
        changes.extend([Change::Interfaces, Change::Addresses]);
    }

    fn neighbour_is(&mut self, neighbour: Neighbour, changes: &mut Vec<Change>) {
        if !matches!(self.role(neighbour.index), Some(Interface::Port(_))) {
            return;
        }
        let at = (neighbour.index, neighbour.address);
        let old = self.neighbours.insert(at, Seen { value: neighbour, epoch: self.epoch });
        if old.is_none_or(|old| old.value != neighbour) {
            changes.push(Change::Neighbour(neighbour.index, neighbour.address));
        }
    }
}
