//! What control knows, and what follows from it for the data plane.
//!
//! Three inputs (the kernel's facts, NHRP bindings, next hops that packets ask for), one output: the desired links,
//! peers and routes in [`Sync`]. Every change names the keys it may affect, and each of those is computed anew from
//! all inputs by one function. So the order in which things happened leaves no trace in the result.

mod adjacency;
mod carrier;
mod fans;
mod multicast;
mod objection;
mod overlay;
mod reach;
mod recursion;
mod refresh;

use crate::ids::Ids;
use crate::kernel::{Change, Fact, HopsId, Interface, Kernel};
use crate::links::{Links, NO_LINK, NO_LINK_ROW};
use crate::peers::{Peers, Totals};
use crate::prefix::{Net, Prefix};
use crate::rib::Rib;
use crate::sync::Sync;
use config::Config;
use fans::Fan;
use nhrp::{Session, Station};
use shm::message::{GLOBAL, GroupId, LinkId, MAX_PATHS, PeerId, PortId, Target, TunnelId, VrfId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;

pub use carrier::Carrier;
pub use multicast::{GroupTotals, Multicast};
pub use recursion::{MAX_RECURSIONS, Recursion, Recursions};

/// Most routes given to the data plane.
pub const MAX_ROUTES: usize = 1_000_000;
/// Most changes that are followed up at once; more of them wait, so that spokes are served in between.
const AT_ONCE: usize = 64;
/// Most unresolved neighbours asked for once more at a time.
const MAX_ASKED: usize = 1_000;

/// A binding, as far as forwarding is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bound {
    station: Station,
    multicast: bool,
    /// `None`: no peer number was left, or it is a static map whose peer has no session.
    peer: Option<PeerId>,
}

/// Something that others have to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The kernel is to resolve (or to confirm) a neighbour.
    Resolve(PortId, Ipv4Addr),
    /// A peer got a number: for the journal.
    PeerNew(PeerId),
    /// A peer is another station, or at another NBMA address: for the journal.
    PeerMoved(PeerId),
    /// A multicast route got a number: its counters begin, and the journal is to know it.
    GroupNew(GroupId),
    /// A multicast route's number is free again: for the journal.
    GroupGone(GroupId),
    /// The kernel is to see a packet as if it had come in by the tunnel.
    ToKernel(TunnelId, Vec<u8>),
    /// A peer's number is free again: for the journal.
    PeerGone(PeerId),
    /// An overlay route changed: stations that were told about it are to hear a purge.
    Overlay(Prefix),
    /// An address was bound, or not any more.
    Host(TunnelId, Ipv4Addr),
    /// A route would lead a tunnel into a tunnel, or does so no longer.
    Recursive(Net, Option<Recursion>),
    /// The kernel may have dropped routes without a word.
    Stale,
}

/// Everything control knows about forwarding.
#[derive(Debug)]
pub struct State {
    tunnels: Vec<Prefix>,
    /// VRF of a tunnel's underlay.
    tunnel_vrfs: Vec<VrfId>,
    /// Whether a tunnel has protection.
    protected: Vec<bool>,
    /// Whether a tunnel's spokes have host routes in the kernel.
    host_routes: Vec<bool>,
    carriers: BTreeMap<Session, Carrier>,
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
    /// Sets of next hops that overlay routes have.
    fans: HashMap<HopsId, Fan>,
    /// Those sets by the spokes that are in them.
    by_gateway: BTreeMap<Ipv4Addr, BTreeSet<HopsId>>,
    path_ids: Ids,
    /// Prefixes to be looked at again.
    todo: BTreeSet<Net>,
    locals: BTreeMap<(VrfId, Ipv4Addr), Target>,
    /// Network and broadcast addresses of LAN subnets: never forwarded to (RFC 2644).
    guards: BTreeSet<(VrfId, Ipv4Addr)>,
    /// Resolved stations on LAN ports.
    hosts: BTreeMap<(VrfId, Ipv4Addr), PortId>,
    /// Multicast routes and who has joined.
    pub multicast: Multicast,
    now_ms: u64,
    /// What others have to hear of; taken by the caller.
    pub effects: Vec<Effect>,
    /// Routes that would lead tunnels into tunnels.
    pub recursions: Recursions,
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
            tunnel_vrfs: config.tunnel.iter().map(|t| t.tunnel_vrf).collect(),
            protected: config.tunnel.iter().map(|t| t.protection.is_some()).collect(),
            host_routes: config.tunnel.iter().map(|t| t.nhrp.host_routes).collect(),
            carriers: BTreeMap::new(),
            kernel: Kernel::new(config),
            rib: Rib::new(config),
            peers: Peers::new(config.hub.max_peers),
            links: Links::default(),
            sync,
            bindings: BTreeMap::new(),
            fans: HashMap::new(),
            by_gateway: BTreeMap::new(),
            path_ids: Ids::new(0, MAX_PATHS as u32),
            todo: BTreeSet::new(),
            locals: BTreeMap::new(),
            guards: BTreeSet::new(),
            hosts: BTreeMap::new(),
            multicast: Multicast::new(config.hub.max_peers),
            now_ms: 0,
            effects: Vec::new(),
            recursions: Recursions::default(),
            routes_full: 0,
        }
    }

    /// Sets the time, in milliseconds of the monotonic clock, and forgets links that nothing refers to.
    pub fn tick(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.expire_joins(now_ms);
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
                Change::Route(net) if changes.len() <= AT_ONCE => self.refresh_rib(net, false),
                Change::Route(net) => drop(self.todo.insert(net)),
                Change::Hops(set) => self.turn(set),
                Change::Mroute(group, source) => self.refresh_mroute((group, source)),
                Change::Stale => self.effects.push(Effect::Stale),
            }
        }
    }

    /// Follows up some of what waits; `true`: there is more.
    pub fn work(&mut self) -> bool {
        for _ in 0..AT_ONCE {
            let Some(net) = self.todo.pop_first() else { return false };
            self.refresh_rib(net, true);
        }
        !self.todo.is_empty()
    }

    /// Whether all that the kernel told has been followed up.
    pub fn is_settled(&self) -> bool {
        self.todo.is_empty()
    }

    /// A protocol address is bound to a station; `false`: there is no room for another peer.
    pub fn bind(
        &mut self,
        tunnel: TunnelId,
        protocol: Ipv4Addr,
        station: impl Into<Station>,
        multicast: bool,
    ) -> bool {
        let mut station = station.into();
        // Where a session is, its carrier knows: the packet may have been under way while it moved.
        if let Some(carrier) = station.session.and_then(|session| self.carriers.get(&session)) {
            station.nbma = carrier.nbma;
        }
        let key = (protocol, tunnel);
        let old = self.bindings.get(&key).copied();
        if old.is_some_and(|old| old.station == station && old.multicast == multicast && old.peer.is_some()) {
            return true;
        }
        let moved = old.and_then(|old| self.move_peer(old, station));
        if let Some(old) = old {
            self.detach(old);
        }
        let peer = moved.or_else(|| self.peer(tunnel, station));
        if let Some(peer) = peer.and_then(|id| self.peers.get_mut(id)) {
            peer.bindings += 1;
            peer.multicast += u32::from(multicast);
        }
        self.bindings.insert(key, Bound { station, multicast, peer });
        self.effects.push(Effect::Host(tunnel, protocol));
        if let Some(id) = peer {
            self.refresh_peer(id);
        }
        self.refresh_via(tunnel, protocol);
        if let Some(old) = old {
            self.reap(old);
        }
        peer.is_some() || self.is_asleep(tunnel, &station)
    }

    /// A binding is gone.
    pub fn unbind(&mut self, tunnel: TunnelId, protocol: Ipv4Addr) {
        if let Some(old) = self.bindings.remove(&(protocol, tunnel)) {
            self.detach(old);
            self.refresh_via(tunnel, protocol);
            self.reap(old);
            self.effects.push(Effect::Host(tunnel, protocol));
        }
    }

    /// Gives a peer the number it had before the restart. Bindings that lead to it follow.
    pub fn restore_peer(
        &mut self,
        id: PeerId,
        tunnel: TunnelId,
        station: impl Into<Station>,
        base: Totals,
    ) -> bool {
        self.peers.restore(id, tunnel, station.into(), base)
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

    /// The VRF of what a tunnel carries.
    pub fn vrf_of(&self, tunnel: TunnelId) -> VrfId {
        self.kernel.vrf_of(Interface::Tunnel(tunnel))
    }

    /// The VRF in which a tunnel's spokes have their NBMA addresses.
    pub fn underlay_of(&self, tunnel: TunnelId) -> VrfId {
        self.tunnel_vrfs.get(usize::from(tunnel)).copied().unwrap_or(GLOBAL)
    }

    /// The link to an NBMA address in a VRF for a packet that is to be sent now, and whether the data plane knows its MAC
    /// address.
    pub fn way(&mut self, vrf: VrfId, nbma: Ipv4Addr) -> Option<(LinkId, bool)> {
        let key = self.rib.underlay(vrf, nbma)?;
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

    /// Asks once more for neighbours that are in use and have no MAC address: a worker drops what is for them and
    /// does not ask itself, and the kernel gives up after a few attempts.
    pub fn ask_again(&mut self) {
        let Self { links, sync, effects, .. } = self;
        let unresolved = |id: &LinkId| sync.links.get(id).is_some_and(|row| row.mac.is_none());
        let keys = links.keys().filter(|(_, id)| unresolved(id)).take(MAX_ASKED);
        effects.extend(keys.map(|((port, address), _)| Effect::Resolve(port, address)));
    }

    /// Asks the kernel to keep the neighbours alive that are in use.
    pub fn keep_alive(&mut self) {
        let keys = self.links.keys().map(|((port, address), _)| Effect::Resolve(port, address));
        self.effects.extend(keys);
    }
}

#[cfg(test)]
mod tests;
