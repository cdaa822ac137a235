//! What control knows, and what follows from it for the data plane.
//!
//! Three inputs (the kernel's facts, NHRP bindings, next hops that packets ask for), one output: the desired links,
//! peers and routes in [`Sync`]. Every change names the keys it may affect, and each of those is computed anew from
//! all inputs by one function. So the order in which things happened leaves no trace in the result.

use crate::kernel::{Change, Fact, Interface, Kernel};
use crate::links::{self, Links, NO_LINK, NO_LINK_ROW};
use crate::peers::{Peers, Totals};
use crate::prefix::{self, Prefix};
use crate::rib::{OverlayHop, Rib};
use crate::sync::{LinkRow, PeerRow, Sync};
use config::Config;
use config::model::Role;
use nhrp::{Overlay, Reach};
use shm::message::{LinkId, PeerId, PortId, Target, TunnelId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Most routes given to the data plane.
pub const MAX_ROUTES: usize = 1_000_000;

/// A binding, as far as forwarding is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bound {
    nbma: Ipv4Addr,
    multicast: bool,
    /// `None`: no peer number was left.
    peer: Option<PeerId>,
}

/// Something that others have to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The kernel is to resolve (or to confirm) a neighbour.
    Resolve(PortId, Ipv4Addr),
    /// A peer got a number: for the journal.
    PeerNew(PeerId),
    /// A peer has another NBMA address: for the journal.
    PeerMoved(PeerId),
    /// A peer's number is free again: for the journal.
    PeerGone(PeerId),
    /// An overlay route changed: stations that were told about it are to hear a purge.
    Overlay(Prefix),
    /// The kernel may have dropped routes without a word.
    Stale,
}

/// Everything control knows about forwarding.
#[derive(Debug)]
pub struct State {
    tunnels: Vec<Prefix>,
    /// The kernel's view.
    pub kernel: Kernel,
    /// Its routes as we use them.
    pub rib: Rib,
    /// Adjacencies.
    pub peers: Peers,
    /// Next hops.
    pub links: Links,
    /// Desired state.
    pub sync: Sync,
    bindings: BTreeMap<(Ipv4Addr, TunnelId), Bound>,
    /// Overlay routes by the spoke that is their next hop.
    by_gateway: BTreeMap<Ipv4Addr, BTreeSet<Prefix>>,
    locals: BTreeMap<Ipv4Addr, Target>,
    /// Network and broadcast addresses of LAN subnets: never forwarded to (RFC 2644).
    guards: BTreeSet<Ipv4Addr>,
    /// Resolved stations on LAN ports.
    hosts: BTreeMap<Ipv4Addr, PortId>,
    now_ms: u64,
    /// What others have to hear of; taken by the caller.
    pub effects: Vec<Effect>,
    /// Routes not given to the data plane because there are [`MAX_ROUTES`].
    pub routes_full: u64,
}

impl State {
    /// Nothing known yet.
    pub fn new(config: &Config) -> Self {
        let mut sync = Sync::default();
        sync.links.set(NO_LINK, Some(NO_LINK_ROW));
        Self {
            tunnels: config.tunnel.iter().map(|t| t.address).collect(),
            kernel: Kernel::new(config),
            rib: Rib::new(config),
            peers: Peers::new(config.hub.max_peers),
            links: Links::default(),
            sync,
            bindings: BTreeMap::new(),
            by_gateway: BTreeMap::new(),
            locals: BTreeMap::new(),
            guards: BTreeSet::new(),
            hosts: BTreeMap::new(),
            now_ms: 0,
            effects: Vec::new(),
            routes_full: 0,
        }
    }

    /// Sets the time, in milliseconds of the monotonic clock, and forgets links that nothing refers to.
    pub fn tick(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        for id in self.links.expire(now_ms) {
            self.sync.links.set(id, None);
        }
    }

    /// Takes in one fact of the kernel.
    pub fn fact(&mut self, fact: Fact) {
        let mut changes = Vec::new();
        self.kernel.apply(fact, &mut changes);
        self.changed(&changes);
    }

    /// Works out what changes of the kernel mean.
    pub fn changed(&mut self, changes: &[Change]) {
        if changes.contains(&Change::Interfaces) {
            self.rebuild();
        }
        for change in changes {
            match *change {
                Change::Interfaces => {}
                Change::Addresses => self.refresh_locals(),
                Change::Neighbour(index, address) => self.refresh_neighbour(index, address),
                Change::Route(prefix) => self.refresh_rib(prefix),
                Change::Stale => self.effects.push(Effect::Stale),
            }
        }
    }

    /// A protocol address is bound to an NBMA address; `false`: there is no room for another peer.
    pub fn bind(&mut self, tunnel: TunnelId, protocol: Ipv4Addr, nbma: Ipv4Addr, multicast: bool) -> bool {
        let key = (protocol, tunnel);
        let old = self.bindings.get(&key).copied();
        if old.is_some_and(|old| old.nbma == nbma && old.multicast == multicast && old.peer.is_some()) {
            return true;
        }
        let moved = old.and_then(|old| self.move_peer(old, nbma));
        if let Some(old) = old {
            self.detach(old);
        }
        let peer = moved.or_else(|| self.peer(tunnel, nbma));
        if let Some(peer) = peer.and_then(|id| self.peers.get_mut(id)) {
            peer.bindings += 1;
            peer.multicast += u32::from(multicast);
        }
        self.bindings.insert(key, Bound { nbma, multicast, peer });
        if let Some(id) = peer {
            self.refresh_peer(id);
        }
        self.refresh_via(protocol);
        if let Some(old) = old {
            self.reap(old);
        }
        peer.is_some()
    }

    /// A binding is gone.
    pub fn unbind(&mut self, tunnel: TunnelId, protocol: Ipv4Addr) {
        if let Some(old) = self.bindings.remove(&(protocol, tunnel)) {
            self.detach(old);
            self.refresh_via(protocol);
            self.reap(old);
        }
    }

    /// Gives a peer the number it had before the restart. Bindings that lead to it follow.
    pub fn restore_peer(&mut self, id: PeerId, tunnel: TunnelId, nbma: Ipv4Addr, base: Totals) -> bool {
        self.peers.restore(id, tunnel, nbma, base)
    }

    /// Drops restored peers to which no binding leads any more.
    pub fn drop_orphans(&mut self) {
        let orphans: Vec<PeerId> =
            self.peers.iter().filter(|(_, peer)| peer.bindings == 0).map(|(id, _)| id).collect();
        orphans.into_iter().for_each(|id| self.remove_peer(id));
    }

    /// The number of the peer to which a protocol address is bound.
    pub fn peer_of(&self, tunnel: TunnelId, protocol: Ipv4Addr) -> Option<PeerId> {
        self.bindings.get(&(protocol, tunnel))?.peer
    }

    /// The link to an NBMA address for a packet that is to be sent now, and whether the data plane knows its MAC
    /// address.
    pub fn way(&mut self, nbma: Ipv4Addr) -> Option<(LinkId, bool)> {
        let key = self.rib.underlay(nbma)?;
        let busy = |id: LinkId| self.sync.links.is_told(&id);
        let (id, new) = self.links.touch(key, self.now_ms, busy)?;
        if new {
            self.new_link(id, key);
        }
        let resolved = self.sync.links.get(&id).is_some_and(|row| row.mac.is_some());
        if !resolved {
            self.effects.push(Effect::Resolve(key.0, key.1));
        }
        Some((id, resolved))
    }

    /// Asks the kernel to keep the neighbours alive that are in use.
    pub fn keep_alive(&mut self) {
        let keys = self.links.keys().map(|((port, address), _)| Effect::Resolve(port, address));
        self.effects.extend(keys);
    }

    // ---- peers and links

    fn peer(&mut self, tunnel: TunnelId, nbma: Ipv4Addr) -> Option<PeerId> {
        if let Some(id) = self.peers.id(tunnel, nbma) {
            return Some(id);
        }
        let told = &self.sync.peers;
        let id = self.peers.create(tunnel, nbma, |id| told.is_told(&id))?;
        self.effects.push(Effect::PeerNew(id));
        Some(id)
    }

    /// A spoke that changed its NBMA address keeps its number when nothing else is bound to it: routes to it stay.
    fn move_peer(&mut self, old: Bound, nbma: Ipv4Addr) -> Option<PeerId> {
        let id = old.peer?;
        if old.nbma == nbma {
            return Some(id);
        }
        let alone = self.peers.get(id).is_some_and(|peer| peer.bindings == 1);
        if !(alone && self.peers.rekey(id, nbma)) {
            return None;
        }
        self.effects.push(Effect::PeerMoved(id));
        Some(id)
    }

    fn detach(&mut self, old: Bound) {
        if let Some(peer) = old.peer.and_then(|id| self.peers.get_mut(id)) {
            peer.bindings = peer.bindings.saturating_sub(1);
            peer.multicast = peer.multicast.saturating_sub(u32::from(old.multicast));
        }
    }

    /// After the routes moved on: the peer of a former binding goes if it was the last, or changes.
    fn reap(&mut self, old: Bound) {
        let Some(id) = old.peer else { return };
        match self.peers.get(id).map(|peer| peer.bindings) {
            Some(0) => self.remove_peer(id),
            Some(_) => self.refresh_peer(id),
            None => {}
        }
    }

    fn remove_peer(&mut self, id: PeerId) {
        self.peers.remove(id);
        if let Some(row) = self.sync.peers.set(id, None) {
            self.release(row.link);
        }
        self.effects.push(Effect::PeerGone(id));
    }

    fn refresh_peer(&mut self, id: PeerId) {
        let Some(&peer) = self.peers.get(id) else { return };
        let link = self.rib.underlay(peer.nbma).and_then(|key| self.acquire(key)).unwrap_or(NO_LINK);
        let row = PeerRow { tunnel: peer.tunnel, nbma: peer.nbma, link, multicast: peer.multicast > 0 };
        if let Some(old) = self.sync.peers.set(id, Some(row)) {
            self.release(old.link);
        }
    }

    fn acquire(&mut self, key: links::Key) -> Option<LinkId> {
        let told = &self.sync.links;
        let (id, new) = self.links.acquire(key, self.now_ms, |id| told.is_told(&id))?;
        if new {
            self.new_link(id, key);
        }
        Some(id)
    }

    fn release(&mut self, id: LinkId) {
        if id != NO_LINK {
            self.links.release(id, self.now_ms);
        }
    }

    fn new_link(&mut self, id: LinkId, (port, address): links::Key) {
        let mac = self.kernel.neighbour(Interface::Port(port), address).and_then(|n| n.mac);
        self.sync.links.set(id, Some(LinkRow { port, mac }));
        self.effects.push(Effect::Resolve(port, address));
    }

    // ---- what follows from a change

    /// Interface indexes mean something else: everything is read anew.
    fn rebuild(&mut self) {
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

    fn refresh_rib(&mut self, prefix: Prefix) {
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

    fn gateways(&self, prefix: Prefix) -> Vec<Ipv4Addr> {
        let spoke = |hop: &OverlayHop| match hop {
            OverlayHop::Tunnel(_, gateway) => *gateway,
            OverlayHop::Lan(..) => None,
        };
        self.rib.overlay_exact(prefix).into_iter().flatten().filter_map(spoke).collect()
    }

    fn index_gateways(&mut self, prefix: Prefix, before: Vec<Ipv4Addr>) {
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
    fn refresh_via(&mut self, protocol: Ipv4Addr) {
        self.refresh_route(prefix::host(protocol));
        let routes: Vec<Prefix> = self.by_gateway.get(&protocol).into_iter().flatten().copied().collect();
        routes.into_iter().for_each(|prefix| self.refresh_route(prefix));
    }

    fn refresh_neighbour(&mut self, index: u32, address: Ipv4Addr) {
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

    fn refresh_locals(&mut self) {
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

    // ---- routes

    fn refresh_route(&mut self, prefix: Prefix) {
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
    fn host_binding(&self, address: Ipv4Addr) -> Option<(TunnelId, &Bound)> {
        let admitted = |tunnel: TunnelId| {
            let subnet = self.tunnels.get(usize::from(tunnel));
            subnet.is_some_and(|subnet| subnet.len >= 31 || prefix::contains(*subnet, address))
        };
        self.bindings
            .range((address, TunnelId::MIN)..=(address, TunnelId::MAX))
            .find(|((_, tunnel), _)| admitted(*tunnel))
            .map(|((_, tunnel), bound)| (*tunnel, bound))
    }
}

/// A target whose link has no number yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Target(Target),
    Link(links::Key),
}

impl Overlay for State {
    fn lookup(&self, destination: Ipv4Addr) -> Reach {
        if self.locals.contains_key(&destination) {
            return Reach::Local;
        }
        if self.rib.overlay_exact(prefix::host(destination)).is_none()
            && let Some((tunnel, _)) = self.host_binding(destination)
        {
            return Reach::Spoke { tunnel, protocol: destination, prefix_len: 32 };
        }
        let Some((route, hops)) = self.rib.overlay(destination) else { return Reach::None };
        let bound = |hop: &&OverlayHop| match hop {
            OverlayHop::Tunnel(tunnel, gateway) => {
                self.peer_of(*tunnel, gateway.unwrap_or(destination)).is_some()
            }
            OverlayHop::Lan(..) => true,
        };
        match hops.iter().find(bound).or(hops.first()) {
            None => Reach::None,
            Some(OverlayHop::Lan(..)) => Reach::Hub { prefix_len: route.len },
            Some(OverlayHop::Tunnel(tunnel, Some(gateway))) => {
                Reach::Spoke { tunnel: *tunnel, protocol: *gateway, prefix_len: route.len }
            }
            // In the subnet of a tunnel, and nobody registered it.
            Some(OverlayHop::Tunnel(..)) => Reach::None,
        }
    }
}

#[cfg(test)]
mod tests;
