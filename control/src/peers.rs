//! Adjacencies to spokes: one per tunnel and station, whatever number of protocol addresses it registered.
//!
//! A peer keeps its number as long as it lives, also across restarts of control (the journal holds it), so that a
//! resync disturbs nothing. Numbers of the dead are used again as late as possible.

use crate::ids::Ids;
use nhrp::{Owner, Session, Station};
use shm::message::{PeerId, TunnelId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Counters as they stood when a peer got its number: what the former owner of the number left in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Packets received.
    pub rx_packets: u64,
    /// Octets received.
    pub rx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Octets sent.
    pub tx_bytes: u64,
}

impl Totals {
    /// What was counted since `base`. Counters that stand below it were made anew: then all of it.
    pub fn since(self, base: Totals) -> Totals {
        if self.rx_packets < base.rx_packets || self.tx_packets < base.tx_packets {
            return self;
        }
        Totals {
            rx_packets: self.rx_packets - base.rx_packets,
            rx_bytes: self.rx_bytes.saturating_sub(base.rx_bytes),
            tx_packets: self.tx_packets - base.tx_packets,
            tx_bytes: self.tx_bytes.saturating_sub(base.tx_bytes),
        }
    }
}

/// One peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Tunnel.
    pub tunnel: TunnelId,
    /// Whose it is, and where.
    pub station: Station,
    /// Protocol addresses bound to it.
    pub bindings: u32,
    /// Those of them that want multicast.
    pub multicast: u32,
    /// Its counters' start.
    pub base: Totals,
}

/// All peers.
#[derive(Debug)]
pub struct Peers {
    ids: Ids,
    by_key: BTreeMap<(Owner, TunnelId), PeerId>,
    by_nbma: BTreeSet<(Ipv4Addr, PeerId)>,
    slots: BTreeMap<PeerId, Peer>,
}

impl Peers {
    /// No peer, room for `max`.
    pub fn new(max: u32) -> Self {
        Self {
            ids: Ids::new(0, max),
            by_key: BTreeMap::new(),
            by_nbma: BTreeSet::new(),
            slots: BTreeMap::new(),
        }
    }

    /// The number of a peer.
    pub fn id(&self, tunnel: TunnelId, owner: Owner) -> Option<PeerId> {
        self.by_key.get(&(owner, tunnel)).copied()
    }

    /// The peer with a number.
    pub fn get(&self, id: PeerId) -> Option<&Peer> {
        self.slots.get(&id)
    }

    /// The peer with a number, to be changed.
    pub fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.slots.get_mut(&id)
    }

    /// All peers by number.
    pub fn iter(&self) -> impl Iterator<Item = (PeerId, &Peer)> + '_ {
        self.slots.iter().map(|(id, peer)| (*id, peer))
    }

    /// Numbers of the peers whose NBMA address lies between two addresses (inclusive).
    pub fn within(&self, first: Ipv4Addr, last: Ipv4Addr) -> impl Iterator<Item = PeerId> + '_ {
        self.by_nbma.range((first, PeerId::MIN)..=(last, PeerId::MAX)).map(|(_, id)| *id)
    }

    /// Numbers of the peers that a session is, one for each tunnel.
    pub fn of_session(&self, session: Session) -> impl Iterator<Item = PeerId> + '_ {
        let owner = Owner::Session(session);
        self.by_key.range((owner, TunnelId::MIN)..=(owner, TunnelId::MAX)).map(|(_, id)| *id)
    }

    /// Whether a tunnel has a peer at an NBMA address.
    pub fn is_at(&self, tunnel: TunnelId, nbma: Ipv4Addr) -> bool {
        self.within(nbma, nbma).any(|id| self.get(id).is_some_and(|peer| peer.tunnel == tunnel))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// How often there was no number left.
    pub fn full(&self) -> u64 {
        self.ids.full
    }

    /// Makes a peer; `None`: no number left.
    pub fn create(
        &mut self,
        tunnel: TunnelId,
        station: Station,
        busy: impl Fn(PeerId) -> bool,
    ) -> Option<PeerId> {
        let id = self.ids.take(busy)?;
        self.insert(id, tunnel, station, Totals::default());
        Some(id)
    }

    /// Makes a peer with the number it had before; `false`: number or station is taken.
    pub fn restore(&mut self, id: PeerId, tunnel: TunnelId, station: Station, base: Totals) -> bool {
        if self.by_key.contains_key(&(station.owner(), tunnel)) || !self.ids.reserve(id) {
            return false;
        }
        self.insert(id, tunnel, station, base);
        true
    }

    /// Gives a peer's number to a station (a spoke that moved); `false`: the station has one.
    pub fn rekey(&mut self, id: PeerId, station: Station) -> bool {
        let Some(peer) = self.slots.get_mut(&id) else { return false };
        let key = (station.owner(), peer.tunnel);
        if self.by_key.get(&key).is_some_and(|other| *other != id) {
            return false;
        }
        self.by_key.remove(&(peer.station.owner(), peer.tunnel));
        self.by_key.insert(key, id);
        self.by_nbma.remove(&(peer.station.nbma, id));
        self.by_nbma.insert((station.nbma, id));
        peer.station = station;
        true
    }

    /// Removes a peer.
    pub fn remove(&mut self, id: PeerId) -> Option<Peer> {
        let peer = self.slots.remove(&id)?;
        self.by_key.remove(&(peer.station.owner(), peer.tunnel));
        self.by_nbma.remove(&(peer.station.nbma, id));
        self.ids.give(id);
        Some(peer)
    }

    fn insert(&mut self, id: PeerId, tunnel: TunnelId, station: Station, base: Totals) {
        self.by_key.insert((station.owner(), tunnel), id);
        self.by_nbma.insert((station.nbma, id));
        self.slots.insert(id, Peer { tunnel, station, bindings: 0, multicast: 0, base });
    }
}
