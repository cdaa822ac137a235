//! Adjacencies to spokes: one per tunnel and NBMA address, whatever number of protocol addresses it registered.
//!
//! A peer keeps its number as long as it lives, also across restarts of control (the journal holds it), so that a
//! resync disturbs nothing. Numbers of the dead are used again as late as possible.

use crate::ids::Ids;
use shm::message::{PeerId, TunnelId};
use std::collections::BTreeMap;
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
    /// NBMA address.
    pub nbma: Ipv4Addr,
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
    by_key: BTreeMap<(Ipv4Addr, TunnelId), PeerId>,
    slots: BTreeMap<PeerId, Peer>,
}

impl Peers {
    /// No peer, room for `max`.
    pub fn new(max: u32) -> Self {
        Self { ids: Ids::new(0, max), by_key: BTreeMap::new(), slots: BTreeMap::new() }
    }

    /// The number of a peer.
    pub fn id(&self, tunnel: TunnelId, nbma: Ipv4Addr) -> Option<PeerId> {
        self.by_key.get(&(nbma, tunnel)).copied()
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
        self.by_key.range((first, TunnelId::MIN)..=(last, TunnelId::MAX)).map(|(_, id)| *id)
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
        nbma: Ipv4Addr,
        busy: impl Fn(PeerId) -> bool,
    ) -> Option<PeerId> {
        let id = self.ids.take(busy)?;
        self.insert(id, tunnel, nbma, Totals::default());
        Some(id)
    }

    /// Makes a peer with the number it had before; `false`: number or address is taken.
    pub fn restore(&mut self, id: PeerId, tunnel: TunnelId, nbma: Ipv4Addr, base: Totals) -> bool {
        if self.by_key.contains_key(&(nbma, tunnel)) || !self.ids.reserve(id) {
            return false;
        }
        self.insert(id, tunnel, nbma, base);
        true
    }

    /// Gives a peer another NBMA address (a spoke that moved); `false`: that address has a peer.
    pub fn rekey(&mut self, id: PeerId, nbma: Ipv4Addr) -> bool {
        let Some(peer) = self.slots.get_mut(&id) else { return false };
        if self.by_key.contains_key(&(nbma, peer.tunnel)) {
            return false;
        }
        self.by_key.remove(&(peer.nbma, peer.tunnel));
        self.by_key.insert((nbma, peer.tunnel), id);
        peer.nbma = nbma;
        true
    }

    /// Removes a peer.
    pub fn remove(&mut self, id: PeerId) -> Option<Peer> {
        let peer = self.slots.remove(&id)?;
        self.by_key.remove(&(peer.nbma, peer.tunnel));
        self.ids.give(id);
        Some(peer)
    }

    fn insert(&mut self, id: PeerId, tunnel: TunnelId, nbma: Ipv4Addr, base: Totals) {
        self.by_key.insert((nbma, tunnel), id);
        self.slots.insert(id, Peer { tunnel, nbma, bindings: 0, multicast: 0, base });
    }
}
