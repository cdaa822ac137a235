//! The peers behind the tables that workers read: adjacencies, the NBMA map and multicast members.

use crate::adjacency::Adjacency;
use crate::nbma::Key;
use crate::refusal::{ApplyError, Refusal};
use crate::sa::Outbound;
use crate::sas::Sas;
use crate::settings::TunnelSettings;
use crate::tables::Tables;
use shm::message::{LinkId, MAX_LINKS, PeerId, PortId, Protection, SaId, TunnelId};
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
    pub(crate) protection: Option<Protection>,
}

/// All peers.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    entries: BTreeMap<PeerId, Named<Peer>>,
    /// Peers by tunnel and what they are known by there. Two may share that while control replaces one by the other; the
    /// map that workers use holds the one named last.
    claims: BTreeSet<(TunnelId, u32, PeerId)>,
    /// Peers by their link: where every spoke is a neighbour each has a link of its own, and one that changes
    /// concerns one peer of many thousand.
    on_link: BTreeSet<(LinkId, PeerId)>,
    /// Peers by the SA they send with: what fits depends on it.
    on_sa: BTreeSet<(SaId, PeerId)>,
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
        self.entries.is_empty() && self.claims.is_empty() && self.on_link.is_empty() && self.on_sa.is_empty()
    }

    /// Those that a resync did not name.
    pub(crate) fn stale(&self, generation: u64) -> Vec<PeerId> {
        self.entries.iter().filter(|(_, peer)| peer.generation != generation).map(|(id, _)| *id).collect()
    }

    /// Adds or changes a peer, whose link leaves by `port` if it is known.
    pub(crate) fn insert(
        &mut self,
        tables: &Tables,
        sas: &Sas,
        id: PeerId,
        peer: Named<Peer>,
        port: Option<PortId>,
    ) -> Result<(), ApplyError> {
        let (settings, new) = (&tables.settings, peer.content);
        let known = usize::from(new.tunnel) < settings.tunnels.len() && usize::from(new.link) < MAX_LINKS;
        if id >= settings.max_peers || !known {
            return Err(Refusal::Index.into());
        }
        // Nothing is sent in the clear where it must not be, nor is anybody known by an address alone.
        if tables.interfaces.is_protected(new.tunnel) != new.protection.is_some() {
            return Err(Refusal::Protection.into());
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
        write_adjacency(tables, sas, id, &new, port);
        if let Some(old) = old {
            self.forget_uses(id, &old);
        }
        self.on_link.insert((new.link, id));
        self.on_sa.extend(new.sa().map(|sa| (sa, id)));
        self.claims.insert((new.tunnel, new.station(), id));
        tables.nbma.insert(key(&new), id);
        if let Some(old) = old.filter(|old| key(old) != key(&new)) {
            self.release_claim(tables, id, &old);
        }
        if let Some(old) = old.filter(|old| old.tunnel != new.tunnel) {
            tables.members.set(old.tunnel.into(), id, false);
        }
        tables.members.set(new.tunnel.into(), id, new.multicast);
        Ok(())
    }

    /// Removes a peer.
    pub(crate) fn remove(&mut self, tables: &Tables, id: PeerId) -> Result<(), ApplyError> {
        let old = self.entries.remove(&id).ok_or(Refusal::Absent)?.content;
        tables.members.set(old.tunnel.into(), id, false);
        self.forget_uses(id, &old);
        self.release_claim(tables, id, &old);
        tables.adjacencies.write(id, None);
        self.leaving.insert(id, tables.epochs.advance());
        Ok(())
    }

    /// A link now leaves by another port, whose MTU may differ.
    pub(crate) fn link_moved(&self, tables: &Tables, sas: &Sas, link: LinkId, port: PortId) {
        for (id, peer) in self.on_link(link) {
            write_adjacency(tables, sas, id, &peer, Some(port));
        }
    }

    /// An SA is another now, with other room in its packets.
    pub(crate) fn sa_changed(
        &self,
        tables: &Tables,
        sas: &Sas,
        sa: SaId,
        port_of: impl Fn(LinkId) -> Option<PortId>,
    ) {
        let ids = self.on_sa.range((sa, PeerId::MIN)..=(sa, PeerId::MAX)).map(|(_, id)| *id);
        for (id, peer) in ids.filter_map(|id| Some((id, self.entries.get(&id)?.content))) {
            write_adjacency(tables, sas, id, &peer, port_of(peer.link));
        }
    }

    /// The peer no longer uses its link and SA.
    fn forget_uses(&mut self, id: PeerId, old: &Peer) {
        self.on_link.remove(&(old.link, id));
        if let Some(sa) = old.sa() {
            self.on_sa.remove(&(sa, id));
        }
    }

    /// The peers on a link.
    pub(crate) fn on_link(&self, link: LinkId) -> impl Iterator<Item = (PeerId, Peer)> + '_ {
        let ids = self.on_link.range((link, PeerId::MIN)..=(link, PeerId::MAX)).map(|(_, id)| *id);
        ids.filter_map(|id| Some((id, self.entries.get(&id)?.content)))
    }

    /// The peer is no longer known by that on that tunnel; another that claims them gets them back.
    fn release_claim(&mut self, tables: &Tables, id: PeerId, old: &Peer) {
        let station = old.station();
        self.claims.remove(&(old.tunnel, station, id));
        if tables.nbma.find(key(old)) != Some(id) {
            return;
        }
        let all = (old.tunnel, station, 0)..=(old.tunnel, station, PeerId::MAX);
        match self.claims.range(all).next() {
            Some((_, _, other)) => tables.nbma.insert(key(old), *other),
            None => tables.nbma.remove(key(old)),
        }
    }
}

impl Peer {
    /// What it is known by on its tunnel.
    fn station(&self) -> u32 {
        self.protection.map_or(self.nbma.to_bits(), |protection| protection.session.get())
    }

    fn sa(&self) -> Option<SaId> {
        self.protection.and_then(|protection| protection.sa)
    }
}

fn write_adjacency(tables: &Tables, sas: &Sas, id: PeerId, peer: &Peer, port: Option<PortId>) {
    let settings = &tables.settings;
    let Some(tunnel) = settings.tunnels.get(usize::from(peer.tunnel)) else { return };
    // The outer packet must fit the port, since it is not fragmented for data (RFC 4459 3).
    let port = port.and_then(|port| settings.ports.get(usize::from(port)));
    let room = port.map_or(u16::MAX, |port| room(tunnel, peer, sas, port.mtu));
    let mtu = tunnel.ip_mtu.min(room);
    let adjacency = Adjacency::new(peer.tunnel, tunnel, peer.nbma, peer.link, mtu, peer.protection);
    tables.adjacencies.write(id, Some(&adjacency));
}

/// Octets of the largest inner packet whose outer packet is not longer than `mtu`.
fn room(tunnel: &TunnelSettings, peer: &Peer, sas: &Sas, mtu: u16) -> u16 {
    // Without an SA nothing is sent, and what control is going to choose is not known.
    let (Some(protection), Some(sa)) = (peer.protection, peer.sa()) else {
        return mtu.saturating_sub(tunnel.overhead());
    };
    let udp = if protection.udp.is_some() { wire::udp::LEN as u16 } else { 0 };
    let before = wire::ip4::LEN as u16 + udp;
    let room = match sas.outbound(sa) {
        Some(sa) => sa.room(mtu, before),
        None => Outbound::least_room(mtu, before),
    };
    room.saturating_sub(tunnel.gre_len())
}

fn key(peer: &Peer) -> Key {
    Key::new(peer.tunnel, peer.station())
}

/// Whether a neighbour can have the address (RFC 1122 3.2.1.3).
fn is_neighbour(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    first != 0 && first != 127 && first < 224
}
