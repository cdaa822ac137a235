//! The only writer of the tables.

use crate::fib::place;
use crate::joins::Joins;
use crate::leaf::Leaf;
use crate::link::Link;
use crate::peers::{Named, Peer, Peers};
use crate::refusal::{ApplyError, Refusal};
use crate::rib::{Rib, network};
use crate::sas::Sas;
use crate::tables::Tables;
use crate::ways::Entries;
use shm::message::{
    LinkId, MAX_LINKS, MAX_PATHS, PathsId, PeerId, PortId, SaOutbound, Target, Update, VrfId, Ways,
};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Most routes per peer that is configured for, on top of [`ROUTES_BASE`].
const ROUTES_PER_PEER: usize = 4;
/// Most routes whatever the number of peers: what control gives at most, a full table of the Internet among it.
const ROUTES_BASE: usize = 1 << 20;

/// How full the tables are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableSizes {
    /// Routes.
    pub routes: u32,
    /// Peers.
    pub peers: u32,
    /// Links.
    pub links: u32,
    /// Entries of several ways.
    pub paths: u32,
    /// Halves of SAs.
    pub sas: u32,
    /// Multicast routes.
    pub groups: u32,
    /// Joins of spokes to them.
    pub joins: u32,
    /// Second-level groups of the FIB in use or waiting for workers.
    pub fib_groups: u32,
    /// Updates refused since the start.
    pub refused: u64,
}

/// A link's content.
type LinkState = (PortId, Option<[u8; 6]>);

/// Applies [`Update`]s. Owned by one thread; workers see each change in place, without being stopped.
#[derive(Debug)]
pub struct Updater {
    tables: Arc<Tables>,
    rib: Rib,
    peers: Peers,
    links: BTreeMap<LinkId, Named<LinkState>>,
    entries: Entries,
    sas: Sas,
    joins: Joins,
    /// The resync that updates belong to.
    generation: u64,
    /// Whether [`Update::Begin`] came without its [`Update::End`] yet.
    open: bool,
    refused: u64,
}

impl Updater {
    pub(crate) fn new(tables: Arc<Tables>) -> Self {
        let limit = ROUTES_BASE + ROUTES_PER_PEER * tables.settings.max_peers as usize;
        let rib = Rib::new(&tables.fib, limit);
        Self {
            tables,
            rib,
            peers: Peers::default(),
            links: BTreeMap::new(),
            entries: Entries::default(),
            sas: Sas::default(),
            joins: Joins::default(),
            generation: 0,
            open: false,
            refused: 0,
        }
    }

    /// Applies one update. It was written by a stranger for all we know: every index is checked, and what is refused
    /// is counted and changes nothing.
    pub fn apply(&mut self, update: &Update) -> Result<(), ApplyError> {
        self.entries.settle(&self.tables);
        let result = match *update {
            Update::Begin { generation } => self.begin(generation),
            Update::End { generation } => self.end(generation),
            Update::Link { id, port, mac } => self.link(id, port, mac),
            Update::LinkDelete { id } => self.link_delete(id),
            Update::Peer { id, tunnel, nbma, link, multicast, protection } => {
                self.peer(id, Peer { tunnel, nbma, link, multicast, protection })
            }
            Update::SaInbound(_) | Update::SaOutbound(_) | Update::SaDelete { .. }
                if self.sas.is_waiting() =>
            {
                self.sas.settle(&self.tables)
            }
            Update::SaInbound(ref sa) => self.sas.insert_inbound(&self.tables, sa, self.generation),
            Update::SaOutbound(ref sa) => self.sa_outbound(sa),
            Update::SaDelete { id, direction } => self.sas.remove(&self.tables, id, direction),
            Update::PeerDelete { id } => self.peer_delete(id),
            Update::Group { id, route } => self.joins.insert(&self.tables, id, route, self.generation),
            Update::GroupDelete { id } => self.joins.remove(&self.tables, id),
            Update::GroupMember { id, peer } => self.joins.join(&self.tables, id, peer, self.generation),
            Update::GroupMemberDelete { id, peer } => self.joins.leave(&self.tables, id, peer),
            Update::Route { vrf, prefix, len, target } => self.route(vrf, prefix, len, target),
            Update::Paths { id, ref ways } => self.paths(id, ways),
            Update::PathsDelete { id } => self.entries.remove(&self.tables, id),
            Update::RouteDelete { vrf, prefix, len } => self.route_delete(vrf, prefix, len),
        };
        if matches!(result, Err(ApplyError::Refused(_))) {
            self.refused += 1;
        }
        result
    }

    /// How full the tables are.
    pub fn sizes(&self) -> TableSizes {
        TableSizes {
            routes: self.rib.len() as u32,
            peers: self.peers.len() as u32,
            links: self.links.len() as u32,
            paths: self.entries.len() as u32,
            sas: self.sas.len() as u32,
            groups: self.joins.len() as u32,
            joins: self.joins.members() as u32,
            fib_groups: self.rib.groups() as u32,
            refused: self.refused,
        }
    }

    fn begin(&mut self, generation: u64) -> Result<(), ApplyError> {
        if generation == 0 {
            return Err(Refusal::Generation.into());
        }
        // A second Begin is a control process that died during its resync and came back.
        (self.generation, self.open) = (generation, true);
        Ok(())
    }

    /// Sweeps what the resync did not name: first what refers, then what is referred to.
    fn end(&mut self, generation: u64) -> Result<(), ApplyError> {
        if !self.open || generation != self.generation {
            return Err(Refusal::Generation.into());
        }
        self.rib.sweep((&self.tables.fib, &self.tables.epochs), generation);
        for id in self.entries.stale(generation) {
            self.entries.remove(&self.tables, id)?;
        }
        self.joins.sweep(&self.tables, generation)?;
        for id in self.peers.stale(generation) {
            self.peer_delete(id)?;
        }
        let links: Vec<_> =
            self.links.iter().filter(|(_, link)| link.generation != generation).map(|(id, _)| *id).collect();
        for id in links {
            self.link_delete(id)?;
        }
        self.sas.sweep(&self.tables, generation)?;
        self.open = false;
        self.tables.complete.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn link(&mut self, id: LinkId, port: PortId, mac: Option<[u8; 6]>) -> Result<(), ApplyError> {
        let Some(settings) = self.tables.settings.ports.get(usize::from(port)) else {
            return Err(Refusal::Index.into());
        };
        if usize::from(id) >= MAX_LINKS {
            return Err(Refusal::Index.into());
        }
        if mac.is_some_and(|mac| mac[0] & 1 != 0 || mac == [0; 6]) {
            return Err(Refusal::Address.into());
        }
        let new = Named { content: (port, mac), generation: self.generation };
        let old = self.links.insert(id, new).map(|link| link.content);
        if old != Some(new.content) {
            self.tables.links.write(id, mac.map(|mac| Link::new(port, settings, mac)).as_ref());
        }
        if old.map(|(port, _)| port) != Some(port) {
            self.peers.link_moved(&self.tables, &self.sas, id, port);
        }
        Ok(())
    }

    fn link_delete(&mut self, id: LinkId) -> Result<(), ApplyError> {
        self.links.remove(&id).ok_or(Refusal::Absent)?;
        self.tables.links.write(id, None);
        Ok(())
    }

    fn peer(&mut self, id: PeerId, peer: Peer) -> Result<(), ApplyError> {
        let port = self.links.get(&peer.link).map(|link| link.content.0);
        let named = Named { content: peer, generation: self.generation };
        self.peers.insert(&self.tables, &self.sas, id, named, port)
    }

    fn peer_delete(&mut self, id: PeerId) -> Result<(), ApplyError> {
        self.joins.peer_gone(&self.tables, id);
        self.peers.remove(&self.tables, id)
    }

    fn sa_outbound(&mut self, sa: &SaOutbound) -> Result<(), ApplyError> {
        let result = self.sas.insert_outbound(&self.tables, sa, self.generation);
        if !matches!(result, Err(ApplyError::Refused(_))) {
            let links = &self.links;
            let port_of = |link| links.get(&link).map(|link| link.content.0);
            self.peers.sa_changed(&self.tables, &self.sas, sa.id, port_of);
        }
        result
    }

    fn paths(&mut self, id: PathsId, ways: &Ways) -> Result<(), ApplyError> {
        if !ways.as_slice().iter().all(|way| self.is_bounded(*way)) {
            return Err(Refusal::Index.into());
        }
        self.entries.insert(&self.tables, id, ways, self.generation)
    }

    fn is_bounded(&self, target: Target) -> bool {
        let settings = &self.tables.settings;
        match target {
            Target::Peer(peer) => peer < settings.max_peers,
            Target::Link(link) => usize::from(link) < MAX_LINKS,
            Target::Tunnel(tunnel) => usize::from(tunnel) < settings.tunnels.len(),
            Target::Port(port) | Target::Glean(port) => usize::from(port) < settings.ports.len(),
            Target::Paths(paths) => (paths as usize) < MAX_PATHS,
            Target::Unresolved | Target::Drop => true,
        }
    }

    /// Whether the hub itself is in the VRF there. Of links and peers, which come and go, workers see for themselves.
    fn is_within(&self, vrf: VrfId, target: Target) -> bool {
        let settings = &self.tables.settings;
        let of = match target {
            Target::Tunnel(tunnel) => settings.tunnels.get(usize::from(tunnel)).map(|tunnel| tunnel.vrf),
            Target::Port(port) | Target::Glean(port) => {
                settings.ports.get(usize::from(port)).map(|port| port.vrf)
            }
            Target::Peer(_) | Target::Link(_) | Target::Paths(_) | Target::Unresolved | Target::Drop => None,
        };
        of.is_none_or(|of| of == vrf)
    }

    fn route(&mut self, vrf: VrfId, prefix: Ipv4Addr, len: u8, target: Target) -> Result<(), ApplyError> {
        if !self.is_bounded(target) || usize::from(vrf) >= self.tables.fib.vrf_count() {
            return Err(Refusal::Index.into());
        }
        if !self.is_within(vrf, target) {
            return Err(Refusal::Vrf.into());
        }
        let prefix = place(vrf, checked(prefix, len)?);
        self.rib.insert(
            (&self.tables.fib, &self.tables.epochs),
            prefix,
            len,
            Leaf::from(target),
            self.generation,
        )
    }

    fn route_delete(&mut self, vrf: VrfId, prefix: Ipv4Addr, len: u8) -> Result<(), ApplyError> {
        let prefix = place(vrf, checked(prefix, len)?);
        match self.rib.remove((&self.tables.fib, &self.tables.epochs), prefix, len) {
            true => Ok(()),
            false => Err(Refusal::Absent.into()),
        }
    }
}

/// The prefix in host order, if it is one.
fn checked(prefix: Ipv4Addr, len: u8) -> Result<u32, Refusal> {
    let address = prefix.to_bits();
    if len > 32 || network(address, len) != address { Err(Refusal::Prefix) } else { Ok(address) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nbma::Key;
    use crate::settings::{PortSettings, Role, Settings, TunnelSettings};
    use crate::tables::{Reader, tables};

    const A: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
    const B: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

    fn hub() -> (Updater, Reader) {
        hub_for(16)
    }

    fn hub_for(max_peers: u32) -> (Updater, Reader) {
        let port = |mtu| PortSettings {
            role: Role::Underlay,
            vrf: 0,
            mac: [2; 6],
            vlan: None,
            mtu,
            unreachables: true,
            addresses: Vec::new(),
        };
        let tunnel = |key| TunnelSettings {
            vrf: 0,
            tunnel_vrf: 0,
            source: Ipv4Addr::new(192, 0, 2, 1),
            key: Some(key),
            address: Ipv4Addr::new(10, 255, 0, 1),
            len: 24,
            ip_mtu: 1476,
            adjust_mss: None,
            ttl: 255,
            network_id: 1,
            redirect: true,
            unreachables: true,
            redirect_timeout: 8000,
            multicast_rate: 100_000,
            protected: false,
        };
        let settings = Settings {
            ports: vec![port(1500), port(1400)],
            tunnels: vec![tunnel(1), tunnel(2)],
            vrfs: 2,
            max_peers,
            workers: 1,
            buffers: 1024,
            control_plane: Default::default(),
        };
        let (updater, mut readers) = tables(settings).expect("settings");
        (updater, readers.remove(0))
    }

    fn key(tunnel: u8, nbma: Ipv4Addr) -> Key {
        Key::new(tunnel, nbma.to_bits())
    }

    fn peer(id: PeerId, nbma: Ipv4Addr) -> Update {
        Update::Peer { id, tunnel: 0, nbma, link: 0, multicast: true, protection: None }
    }

    fn route(third: u8, target: Target) -> Update {
        Update::Route { vrf: 0, prefix: Ipv4Addr::new(10, 0, third, 0), len: 24, target }
    }

    #[test]
    fn what_is_wrong_is_refused_and_changes_nothing() {
        let (mut updater, reader) = hub();
        let route = |target| Update::Route { vrf: 0, prefix: A, len: 32, target };
        let prefix = |prefix, len| Update::Route { vrf: 0, prefix, len, target: Target::Drop };
        let mac = |mac| Update::Link { id: 0, port: 0, mac: Some(mac) };
        let cases = [
            (peer(16, A), Refusal::Index),
            (
                Update::Peer { id: 0, tunnel: 2, nbma: A, link: 0, multicast: false, protection: None },
                Refusal::Index,
            ),
            (
                Update::Peer {
                    id: 0,
                    tunnel: 0,
                    nbma: A,
                    link: MAX_LINKS as u16,
                    multicast: false,
                    protection: None,
                },
                Refusal::Index,
            ),
            (peer(0, Ipv4Addr::UNSPECIFIED), Refusal::Address),
            (peer(0, Ipv4Addr::LOCALHOST), Refusal::Address),
            (peer(0, Ipv4Addr::new(224, 0, 0, 1)), Refusal::Address),
            (peer(0, Ipv4Addr::BROADCAST), Refusal::Address),
            (peer(0, Ipv4Addr::new(192, 0, 2, 1)), Refusal::Address),
            (Update::Link { id: 0, port: 2, mac: None }, Refusal::Index),
            (Update::Link { id: MAX_LINKS as u16, port: 0, mac: None }, Refusal::Index),
            (mac([0; 6]), Refusal::Address),
            (mac([1, 0, 0x5e, 0, 0, 1]), Refusal::Address),
            (route(Target::Peer(16)), Refusal::Index),
            (route(Target::Link(MAX_LINKS as u16)), Refusal::Index),
            (route(Target::Tunnel(2)), Refusal::Index),
            (route(Target::Port(2)), Refusal::Index),
            (route(Target::Glean(2)), Refusal::Index),
            (prefix(A, 33), Refusal::Prefix),
            (prefix(A, 24), Refusal::Prefix),
            (prefix(A, 0), Refusal::Prefix),
            (Update::Begin { generation: 0 }, Refusal::Generation),
            (Update::End { generation: 0 }, Refusal::Generation),
            (Update::End { generation: 7 }, Refusal::Generation),
            (Update::PeerDelete { id: 0 }, Refusal::Absent),
            (Update::LinkDelete { id: 0 }, Refusal::Absent),
            (Update::RouteDelete { vrf: 0, prefix: A, len: 32 }, Refusal::Absent),
            (Update::RouteDelete { vrf: 0, prefix: A, len: 200 }, Refusal::Prefix),
        ];
        let count = cases.len() as u64;
        for (update, refusal) in cases {
            assert_eq!(updater.apply(&update), Err(refusal.into()), "{update:?}");
        }
        assert_eq!(updater.sizes(), TableSizes { refused: count, ..TableSizes::default() });
        assert_eq!(reader.tables.nbma.find(key(0, A)), None);
        assert_eq!(reader.tables.fib.lookup(A.to_bits().into()), Leaf::NONE);
    }

    #[test]
    fn a_resync_sweeps_what_it_does_not_name_and_touches_nothing_else() {
        let (mut updater, reader) = hub();
        let tables = reader.tables.clone();
        let mac = Some([2, 0, 0, 0, 0, 9]);
        let apply = |updater: &mut Updater, update| updater.apply(&update).expect("applied");
        apply(&mut updater, Update::Begin { generation: 1 });
        for id in 0..2 {
            apply(&mut updater, Update::Link { id, port: 0, mac });
        }
        apply(&mut updater, peer(0, A));
        apply(&mut updater, peer(1, B));
        apply(&mut updater, route(0, Target::Peer(0)));
        apply(&mut updater, route(1, Target::Peer(1)));
        apply(&mut updater, Update::End { generation: 1 });
        // Between resyncs a change belongs to the last one.
        apply(&mut updater, route(2, Target::Peer(0)));
        apply(&mut updater, Update::Begin { generation: 2 });
        apply(&mut updater, Update::Link { id: 0, port: 0, mac });
        apply(&mut updater, peer(0, A));
        apply(&mut updater, route(0, Target::Peer(0)));
        // Nothing is missed before the end, also when control dies and begins again.
        apply(&mut updater, Update::Begin { generation: 3 });
        assert_eq!(updater.sizes().routes, 3);
        apply(&mut updater, Update::Link { id: 0, port: 0, mac });
        apply(&mut updater, peer(0, A));
        apply(&mut updater, route(0, Target::Peer(0)));
        assert_eq!(updater.apply(&Update::End { generation: 2 }), Err(Refusal::Generation.into()));
        assert!(tables.adjacencies.read(1).is_some());
        apply(&mut updater, Update::End { generation: 3 });
        let sizes = updater.sizes();
        assert_eq!((sizes.routes, sizes.peers, sizes.links), (1, 1, 1));
        assert_eq!((tables.nbma.find(key(0, A)), tables.nbma.find(key(0, B))), (Some(0), None));
        assert!(tables.adjacencies.read(0).is_some() && tables.adjacencies.read(1).is_none());
        assert!(tables.links.read(0).is_some() && tables.links.read(1).is_none());
        assert_eq!((tables.members.next(0, 0), tables.members.next(0, 1)), (Some(0), None));
    }

    /// After a restart control may number its peers otherwise: the spoke is known at every moment.
    #[test]
    fn a_spoke_may_change_its_number() {
        let (mut updater, reader) = hub();
        let find = || reader.tables.nbma.find(key(0, A));
        updater.apply(&peer(3, A)).expect("applied");
        assert_eq!(find(), Some(3));
        updater.apply(&peer(5, A)).expect("applied");
        assert_eq!(find(), Some(5));
        updater.apply(&Update::PeerDelete { id: 3 }).expect("applied");
        assert_eq!(find(), Some(5));
        updater.apply(&peer(6, A)).expect("applied");
        updater.apply(&Update::PeerDelete { id: 6 }).expect("applied");
        assert_eq!(find(), Some(5), "who has the address still gets it back");
        updater.apply(&Update::PeerDelete { id: 5 }).expect("applied");
        assert_eq!(find(), None);
    }

    #[test]
    fn a_slot_is_used_again_only_after_all_workers_polled() {
        let (mut updater, reader) = hub();
        updater.apply(&peer(3, A)).expect("applied");
        updater.apply(&Update::PeerDelete { id: 3 }).expect("applied");
        assert_eq!(updater.apply(&peer(3, B)), Err(ApplyError::Busy));
        assert_eq!(updater.sizes().refused, 0);
        reader.tables.epochs.quiescent(0);
        updater.apply(&peer(3, B)).expect("applied");
        assert_eq!(reader.tables.nbma.find(key(0, B)), Some(3));
    }

    /// Where all spokes are neighbours on one subnet each has its own link, which comes and goes with it.
    #[test]
    fn a_link_concerns_the_peers_on_it_alone() {
        const SPOKES: u16 = 10_000;
        let (mut updater, reader) = hub_for(SPOKES.into());
        let nbma = |n: u16| Ipv4Addr::from_bits(A.to_bits() + u32::from(n));
        let peer = |n, link| Update::Peer {
            id: u32::from(n),
            tunnel: 0,
            nbma: nbma(n),
            link,
            multicast: false,
            protection: None,
        };
        let link = |id, port| Update::Link { id, port, mac: Some([2, 0, 0, 0, 0, 9]) };
        let on_link =
            |updater: &Updater, link| updater.peers.on_link(link).map(|(id, _)| id).collect::<Vec<_>>();
        for round in 0..2 {
            for n in 0..SPOKES {
                updater.apply(&link(n, round)).expect("link");
                reader.tables.epochs.quiescent(0);
                updater.apply(&peer(n, n)).expect("peer");
            }
            for n in 0..SPOKES {
                updater.apply(&link(n, 1 - round)).expect("moved");
                assert_eq!(on_link(&updater, n), [u32::from(n)]);
                let mtu = reader.tables.adjacencies.read(n.into()).expect("peer").mtu();
                assert_eq!(mtu, [1372, 1472][usize::from(round)]);
            }
            // Half of them move to the link of another.
            for n in (0..SPOKES).step_by(2) {
                updater.apply(&peer(n, n + 1)).expect("peer");
                assert_eq!((on_link(&updater, n).len(), on_link(&updater, n + 1).len()), (0, 2));
            }
            for n in 0..SPOKES {
                updater.apply(&Update::PeerDelete { id: n.into() }).expect("gone");
                updater.apply(&Update::LinkDelete { id: n }).expect("gone");
            }
            assert!(updater.peers.is_empty());
        }
    }

    #[test]
    fn the_mtu_follows_the_port_that_the_link_leaves_by() {
        let (mut updater, reader) = hub();
        let mtu = || reader.tables.adjacencies.read(0).expect("peer").mtu();
        let link = |port| Update::Link { id: 0, port, mac: Some([2, 0, 0, 0, 0, 9]) };
        updater.apply(&peer(0, A)).expect("applied");
        assert_eq!(mtu(), 1476, "as configured until the link is known");
        updater.apply(&link(0)).expect("applied");
        assert_eq!(mtu(), 1472);
        updater.apply(&link(1)).expect("applied");
        assert_eq!(mtu(), 1372);
    }
}
