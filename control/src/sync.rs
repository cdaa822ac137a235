//! Desired state to updates.
//!
//! The order within one push keeps every reference valid: links and SAs, then peers, then paths, then routes and multicast
//! routes, then who has joined; deletes the other
//! way round. A resync is the same push with all that was told forgotten, between `Begin` and `End`: whatever the data
//! plane holds and was not named is then swept by it. Nothing here waits: a full ring ends the push, and the next
//! turn of the loop goes on where it stopped.

use crate::prefix::Net;
use crate::secrets::Secrets;
use crate::table::Table;
use shm::message::{
    Direction, GroupId, GroupRoute, LinkId, PathsId, PeerId, PortId, Protection, SaId, SaInbound, SaOutbound,
    Target, TunnelId, Update, Ways,
};
use std::net::Ipv4Addr;

/// A link as the data plane should know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkRow {
    /// Port.
    pub port: PortId,
    /// MAC address, once resolved.
    pub mac: Option<[u8; 6]>,
}

/// A peer as the data plane should know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerRow {
    /// Tunnel.
    pub tunnel: TunnelId,
    /// NBMA address.
    pub nbma: Ipv4Addr,
    /// Underlay next hop.
    pub link: LinkId,
    /// Receives multicast.
    pub multicast: bool,
    /// Under IPsec: whose it is, and how its packets leave.
    pub protection: Option<Protection>,
}

/// Where updates go; `false`: no room, try later.
pub trait Outlet {
    /// Offers one update.
    fn offer(&mut self, update: &Update) -> bool;
}

/// A resync under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Incremental,
    Begin(u64),
    Until(u64),
}

/// All desired state.
#[derive(Debug)]
pub struct Sync {
    /// Links.
    pub links: Table<LinkId, LinkRow>,
    /// Inbound halves of child SAs.
    pub inbound: Secrets<SaId, SaInbound>,
    /// Outbound halves of child SAs.
    pub outbound: Secrets<SaId, SaOutbound>,
    /// Peers.
    pub peers: Table<PeerId, PeerRow>,
    /// Several ways to the same place.
    pub paths: Table<PathsId, Ways>,
    /// Overlay routes.
    pub routes: Table<Net, Target>,
    /// Multicast routes.
    pub groups: Table<GroupId, GroupRoute>,
    /// Who has joined which of them.
    pub members: Table<(GroupId, PeerId), ()>,
    phase: Phase,
    /// Not all that is desired is known yet: a resync must not end, nor anything be removed.
    pub hold: bool,
    /// Updates given to the ring since start.
    pub sent: u64,
    /// Resyncs finished since start.
    pub resyncs: u64,
}

impl Default for Sync {
    fn default() -> Self {
        Self {
            links: Table::default(),
            inbound: Secrets::default(),
            outbound: Secrets::default(),
            peers: Table::default(),
            paths: Table::default(),
            routes: Table::default(),
            groups: Table::default(),
            members: Table::default(),
            phase: Phase::Incremental,
            hold: false,
            sent: 0,
            resyncs: 0,
        }
    }
}

impl Sync {
    /// Everything will be told again, as resync `generation`.
    pub fn resync(&mut self, generation: u64) {
        self.links.forget();
        self.inbound.forget();
        self.outbound.forget();
        self.peers.forget();
        self.paths.forget();
        self.routes.forget();
        self.groups.forget();
        self.members.forget();
        self.phase = Phase::Begin(generation);
    }

    /// How many rows still have to be told.
    pub fn pending(&self) -> usize {
        let sas = self.inbound.pending() + self.outbound.pending();
        let targets = self.links.pending() + self.peers.pending() + self.paths.pending();
        let multicast = self.groups.pending() + self.members.pending();
        sas + targets + self.routes.pending() + multicast
    }

    /// Tells what the outlet takes; `true`: all of it.
    pub fn push(&mut self, outlet: &mut impl Outlet) -> bool {
        if let Phase::Begin(generation) = self.phase {
            if !outlet.offer(&Update::Begin { generation }) {
                return false;
            }
            self.phase = Phase::Until(generation);
        }
        if !self.upserts(outlet) {
            return false;
        }
        if self.hold && matches!(self.phase, Phase::Until(_)) {
            return true;
        }
        if let Phase::Until(generation) = self.phase {
            if !outlet.offer(&Update::End { generation }) {
                return false;
            }
            self.phase = Phase::Incremental;
            self.resyncs += 1;
        }
        // Not within a resync: what is not swept yet may still refer to what would be removed.
        self.deletes(outlet)
    }

    fn upserts(&mut self, outlet: &mut impl Outlet) -> bool {
        while let Some((id, row)) = self.links.upsert() {
            if !self.tell(outlet, Update::Link { id, port: row.port, mac: row.mac }) {
                return false;
            }
            self.links.tell(id);
        }
        while let Some((id, row)) = self.inbound.upsert() {
            let update = Update::SaInbound(row.clone());
            if !self.tell(outlet, update) {
                return false;
            }
            self.inbound.tell(id);
        }
        while let Some((id, row)) = self.outbound.upsert() {
            let update = Update::SaOutbound(row.clone());
            if !self.tell(outlet, update) {
                return false;
            }
            self.outbound.tell(id);
        }
        while let Some((id, row)) = self.peers.upsert() {
            let PeerRow { tunnel, nbma, link, multicast, protection } = row;
            if !self.tell(outlet, Update::Peer { id, tunnel, nbma, link, multicast, protection }) {
                return false;
            }
            self.peers.tell(id);
        }
        while let Some((id, ways)) = self.paths.upsert() {
            if !self.tell(outlet, Update::Paths { id, ways }) {
                return false;
            }
            self.paths.tell(id);
        }
        while let Some((net, target)) = self.routes.upsert() {
            let Net { vrf, prefix } = net;
            if !self.tell(outlet, Update::Route { vrf, prefix: prefix.address, len: prefix.len, target }) {
                return false;
            }
            self.routes.tell(net);
        }
        self.multicast_upserts(outlet)
    }

    fn multicast_upserts(&mut self, outlet: &mut impl Outlet) -> bool {
        while let Some((id, route)) = self.groups.upsert() {
            if !self.tell(outlet, Update::Group { id, route }) {
                return false;
            }
            self.groups.tell(id);
        }
        while let Some((key, ())) = self.members.upsert() {
            if !self.tell(outlet, Update::GroupMember { id: key.0, peer: key.1 }) {
                return false;
            }
            self.members.tell(key);
        }
        true
    }

    fn multicast_deletes(&mut self, outlet: &mut impl Outlet) -> bool {
        while let Some(key) = self.members.delete() {
            if !self.tell(outlet, Update::GroupMemberDelete { id: key.0, peer: key.1 }) {
                return false;
            }
            self.members.tell(key);
        }
        while let Some(id) = self.groups.delete() {
            if !self.tell(outlet, Update::GroupDelete { id }) {
                return false;
            }
            self.groups.tell(id);
        }
        true
    }

    fn deletes(&mut self, outlet: &mut impl Outlet) -> bool {
        if !self.multicast_deletes(outlet) {
            return false;
        }
        while let Some(net) = self.routes.delete() {
            let Net { vrf, prefix } = net;
            if !self.tell(outlet, Update::RouteDelete { vrf, prefix: prefix.address, len: prefix.len }) {
                return false;
            }
            self.routes.tell(net);
        }
        while let Some(id) = self.paths.delete() {
            if !self.tell(outlet, Update::PathsDelete { id }) {
                return false;
            }
            self.paths.tell(id);
        }
        while let Some(id) = self.peers.delete() {
            if !self.tell(outlet, Update::PeerDelete { id }) {
                return false;
            }
            self.peers.tell(id);
        }
        while let Some(id) = self.outbound.delete() {
            if !self.tell(outlet, Update::SaDelete { id, direction: Direction::Outbound }) {
                return false;
            }
            self.outbound.tell(id);
        }
        while let Some(id) = self.inbound.delete() {
            if !self.tell(outlet, Update::SaDelete { id, direction: Direction::Inbound }) {
                return false;
            }
            self.inbound.tell(id);
        }
        while let Some(id) = self.links.delete() {
            if !self.tell(outlet, Update::LinkDelete { id }) {
                return false;
            }
            self.links.tell(id);
        }
        true
    }

    fn tell(&mut self, outlet: &mut impl Outlet, update: Update) -> bool {
        let taken = outlet.offer(&update);
        self.sent += u64::from(taken);
        taken
    }
}
