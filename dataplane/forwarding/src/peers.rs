//! The peers behind the tables that workers read: adjacencies, the NBMA map and multicast members.

use crate::adjacency::Adjacency;
use crate::nbma::Key;
use crate::refusal::{ApplyError, Refusal};
use crate::tables::Tables;
use shm::message::{LinkId, MAX_LINKS, PeerId, PortId, TunnelId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// What is in a table, with the resync that named it last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<T> {
    pub(crate) content: T,
    pub(crate) generation: u64,
}

/// A peer as control describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) tunnel: TunnelId,
    pub(crate) nbma: Ipv4Addr,
    pub(crate) link: LinkId,
    pub(crate) multicast: bool,
}

/// All peers.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    entries: BTreeMap<PeerId, Named<Peer>>,
    /// Peers by tunnel and NBMA address. Two may share an address while control replaces one by the other; the map
    /// that workers use holds the one named last.
    claims: BTreeSet<(TunnelId, Ipv4Addr, PeerId)>,
    /// Peers by their link: where every spoke is a neighbour each has a link of its own, and one that changes
    /// concerns one peer of many thousand.
    on_link: BTreeSet<(LinkId, PeerId)>,
    /// Deleted peers whose slot workers may still read, until the epoch.
    leaving: BTreeMap<PeerId, u64>,
}

impl Peers {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is left of any peer but the slots that workers may still read.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.claims.is_empty() && self.on_link.is_empty()
    }

    /// Those that a resync did not name.
    pub(crate) fn stale(&self, generation: u64) -> Vec<PeerId> {
        self.entries.iter().filter(|(_, peer)| peer.generation != generation).map(|(id, _)| *id).collect()
    }

    /// Adds or changes a peer, whose link leaves by `port` if it is known.
    pub(crate) fn insert(
        &mut self,
        tables: &Tables,
        id: PeerId,
        peer: Named<Peer>,
        port: Option<PortId>,
    ) -> Result<(), ApplyError> {
        let (settings, new) = (&tables.settings, peer.content);
        let known = usize::from(new.tunnel) < settings.tunnels.len() && usize::from(new.link) < MAX_LINKS;
        if id >= settings.max_peers || !known {
            return Err(Refusal::Index.into());
        }
        if !is_neighbour(new.nbma) || settings.tunnels.iter().any(|tunnel| tunnel.source == new.nbma) {
            return Err(Refusal::Address.into());
        }
        // Re-using a slot too early could send what was meant for its former peer to the new one.
        if let Some(epoch) = self.leaving.get(&id).copied() {
            if tables.epochs.reached() < epoch {
                return Err(ApplyError::Busy);
            }
            self.leaving.remove(&id);
        }
        let old = self.entries.insert(id, peer).map(|peer| peer.content);
        if old == Some(new) {
            return Ok(());
        }
        write_adjacency(tables, id, &new, port);
        if let Some(old) = old {
            self.on_link.remove(&(old.link, id));
        }
        self.on_link.insert((new.link, id));
        self.claims.insert((new.tunnel, new.nbma, id));
        tables.nbma.insert(key(&new), id);
        if let Some(old) = old.filter(|old| key(old) != key(&new)) {
            self.release_claim(tables, id, &old);
        }
        if let Some(old) = old.filter(|old| old.tunnel != new.tunnel) {
            tables.members.set(old.tunnel, id, false);
        }
        tables.members.set(new.tunnel, id, new.multicast);
        Ok(())
    }

    /// Removes a peer.
    pub(crate) fn remove(&mut self, tables: &Tables, id: PeerId) -> Result<(), ApplyError> {
        let old = self.entries.remove(&id).ok_or(Refusal::Absent)?.content;
        tables.members.set(old.tunnel, id, false);
        self.on_link.remove(&(old.link, id));
        self.release_claim(tables, id, &old);
        tables.adjacencies.write(id, None);
        self.leaving.insert(id, tables.epochs.advance());
        Ok(())
    }

    /// A link now leaves by another port, whose MTU may differ.
    pub(crate) fn link_moved(&self, tables: &Tables, link: LinkId, port: PortId) {
        for (id, peer) in self.on_link(link) {
            write_adjacency(tables, id, &peer, Some(port));
        }
    }

    /// The peers on a link.
    pub(crate) fn on_link(&self, link: LinkId) -> impl Iterator<Item = (PeerId, Peer)> + '_ {
        let ids = self.on_link.range((link, PeerId::MIN)..=(link, PeerId::MAX)).map(|(_, id)| *id);
        ids.filter_map(|id| Some((id, self.entries.get(&id)?.content)))
    }

    /// The peer no longer has that tunnel and NBMA address; another that claims them gets them back.
    fn release_claim(&mut self, tables: &Tables, id: PeerId, old: &Peer) {
        self.claims.remove(&(old.tunnel, old.nbma, id));
        if tables.nbma.find(key(old)) != Some(id) {
            return;
        }
        let all = (old.tunnel, old.nbma, 0)..=(old.tunnel, old.nbma, PeerId::MAX);
        match self.claims.range(all).next() {
            Some((_, _, other)) => tables.nbma.insert(key(old), *other),
            None => tables.nbma.remove(key(old)),
        }
    }
}

fn write_adjacency(tables: &Tables, id: PeerId, peer: &Peer, port: Option<PortId>) {
    let settings = &tables.settings;
    let Some(tunnel) = settings.tunnels.get(usize::from(peer.tunnel)) else { return };
    // The outer packet must fit the port, since it is not fragmented for data (RFC 4459 3).
    let port = port.and_then(|port| settings.ports.get(usize::from(port)));
    let room = port.map_or(u16::MAX, |port| port.mtu.saturating_sub(tunnel.overhead()));
    let adjacency = Adjacency::new(peer.tunnel, tunnel, peer.nbma, peer.link, tunnel.ip_mtu.min(room));
    tables.adjacencies.write(id, Some(&adjacency));
}

fn key(peer: &Peer) -> Key {
    Key::new(peer.tunnel, peer.nbma.to_bits())
}

/// Whether a neighbour can have the address (RFC 1122 3.2.1.3).
fn is_neighbour(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    first != 0 && first != 127 && first < 224
}
