//! Peers and the links that lead to them.

use super::{Bound, Effect, State};
use crate::kernel::Interface;
use crate::links::{self, NO_LINK};
use crate::sync::{LinkRow, PeerRow};
use nhrp::Station;
use shm::message::{LinkId, PeerId, TunnelId};

impl State {
    pub(super) fn peer(&mut self, tunnel: TunnelId, station: Station) -> Option<PeerId> {
        if let Some(id) = self.peers.id(tunnel, station.owner()) {
            self.relocate(id, station);
            return Some(id);
        }
        if self.is_asleep(tunnel, &station) {
            return None;
        }
        let told = &self.sync.peers;
        let id = self.peers.create(tunnel, station, |id| told.is_told(&id))?;
        self.effects.push(Effect::PeerNew(id));
        Some(id)
    }

    /// Whether it is a static map on a protected tunnel whose peer has no session: nothing can be sent to it yet.
    pub(super) fn is_asleep(&self, tunnel: TunnelId, station: &Station) -> bool {
        station.session.is_none()
            && self.protected.get(usize::from(tunnel)).is_some_and(|protected| *protected)
    }

    /// The same station has another address: with all that is bound to it.
    pub(super) fn relocate(&mut self, id: PeerId, station: Station) {
        let moves = self.peers.get(id).is_some_and(|peer| peer.station != station);
        if moves && self.peers.rekey(id, station) {
            self.effects.push(Effect::PeerMoved(id));
        }
    }

    /// A spoke that changed its NBMA address keeps its number when nothing else is bound to it: routes to it stay.
    pub(super) fn move_peer(&mut self, old: Bound, station: Station) -> Option<PeerId> {
        let id = old.peer?;
        if old.station.is(&station) {
            self.relocate(id, station);
            return Some(id);
        }
        let alone = self.peers.get(id).is_some_and(|peer| peer.bindings == 1);
        if !(alone && self.peers.rekey(id, station)) {
            return None;
        }
        self.effects.push(Effect::PeerMoved(id));
        Some(id)
    }

    pub(super) fn detach(&mut self, old: Bound) {
        if let Some(peer) = old.peer.and_then(|id| self.peers.get_mut(id)) {
            peer.bindings = peer.bindings.saturating_sub(1);
            peer.multicast = peer.multicast.saturating_sub(u32::from(old.multicast));
        }
    }

    /// After the routes moved on: the peer of a former binding goes if it was the last, or changes.
    pub(super) fn reap(&mut self, old: Bound) {
        let Some(id) = old.peer else { return };
        match self.peers.get(id).map(|peer| peer.bindings) {
            Some(0) => self.remove_peer(id),
            Some(_) => self.refresh_peer(id),
            None => {}
        }
    }

    pub(super) fn remove_peer(&mut self, id: PeerId) {
        self.forget_joins(id);
        self.peers.remove(id);
        if let Some(row) = self.sync.peers.set(id, None) {
            self.release(row.link);
        }
        self.effects.push(Effect::PeerGone(id));
    }

    pub(super) fn refresh_peer(&mut self, id: PeerId) {
        let Some(&peer) = self.peers.get(id) else { return };
        let way = self.rib.underlay(self.underlay_of(peer.tunnel), peer.station.nbma);
        let link = way.and_then(|key| self.acquire(key)).unwrap_or(NO_LINK);
        let row = PeerRow {
            tunnel: peer.tunnel,
            nbma: peer.station.nbma,
            link,
            multicast: peer.multicast > 0,
            protection: peer.station.session.map(|session| self.protection(session)),
        };
        if let Some(old) = self.sync.peers.set(id, Some(row)) {
            self.release(old.link);
        }
        self.check_recursion_to(id);
    }

    pub(super) fn acquire(&mut self, key: links::Key) -> Option<LinkId> {
        let told = &self.sync.links;
        let (id, new) = self.links.acquire(key, self.now_ms, |id| told.is_told(&id))?;
        if new {
            self.new_link(id, key);
        }
        Some(id)
    }

    pub(super) fn release(&mut self, id: LinkId) {
        if id != NO_LINK {
            self.links.release(id, self.now_ms);
        }
    }

    pub(super) fn new_link(&mut self, id: LinkId, (port, address): links::Key) {
        let mac = self.kernel.neighbour(Interface::Port(port), address).and_then(|n| n.mac);
        self.sync.links.set(id, Some(LinkRow { port, mac }));
        self.effects.push(Effect::Resolve(port, address));
    }
}
