//! `show dmvpn`.

use super::{ago, crypto, failures, interfaces, unregistered};
use crate::hub::Hub;
use crate::ike::sessions::Esp;
use crate::kernel::Interface;
use api::{CryptoFilter, Dmvpn, Kind, Peer, PeerFilter, PeerState, Prefix, Traffic};
use nhrp::{Binding, Failure, Owner, PeerRecord, Session, Station};
use shm::message::TunnelId;
use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

type Failures<'a> = HashMap<(TunnelId, Owner), &'a PeerRecord>;

/// Tunnel interfaces with the peers that a filter admits.
pub fn dmvpn(hub: &Hub, filter: &PeerFilter, now_ms: u64) -> Vec<Dmvpn> {
    let mut all: Vec<Dmvpn> =
        (0..hub.config.tunnel.len()).filter_map(|id| interface(hub, id as TunnelId, now_ms)).collect();
    let failures: Failures<'_> = hub
        .server
        .failures()
        .filter_map(|record| Some(((record.tunnel?, record.station.owner()), record)))
        .collect();
    let admits = |nbma: Option<Ipv4Addr>, tunnel: Ipv4Addr| {
        filter.nbma.is_none_or(|wanted| Some(wanted) == nbma)
            && filter.tunnel.is_none_or(|wanted| wanted == tunnel)
    };
    for binding in hub.server.bindings().filter(|b| admits(Some(b.nbma), b.protocol)) {
        if let Some(dmvpn) = all.get_mut(usize::from(binding.tunnel)) {
            let line_up = dmvpn.line_up;
            dmvpn.peers.push(bound(hub, binding, line_up, &failures, now_ms));
        }
    }
    for record in hub.server.absent() {
        let Some(dmvpn) = record.tunnel.and_then(|tunnel| all.get_mut(usize::from(tunnel))) else { continue };
        let tunnel = record.protocol.unwrap_or(Ipv4Addr::UNSPECIFIED);
        if admits(Some(record.station.nbma), tunnel) {
            dmvpn.peers.push(absent(hub, record, tunnel, now_ms));
        }
    }
    for (name, peer) in unregistered::all(hub, now_ms) {
        let dmvpn = all.iter_mut().find(|dmvpn| dmvpn.interface == name);
        let admitted = admits(peer.nbma, peer.tunnel);
        dmvpn.filter(|_| admitted).into_iter().for_each(|dmvpn| dmvpn.peers.push(peer.clone()));
    }
    for dmvpn in &mut all {
        dmvpn.peers.sort_by_key(|peer| (peer.nbma.is_none(), peer.nbma, peer.tunnel));
    }
    all.retain(|dmvpn| filter.interface.as_ref().is_none_or(|name| *name == dmvpn.interface));
    all
}

/// Adds the sessions that belong to what is shown.
pub fn add_sessions(hub: &Hub, filter: &PeerFilter, interfaces: &mut [Dmvpn], now_ms: u64) {
    let sessions = crypto::sessions(hub, &CryptoFilter::default(), now_ms);
    let all = filter.nbma.is_none() && filter.tunnel.is_none();
    for dmvpn in interfaces.iter_mut().filter(|dmvpn| dmvpn.protection.is_some()) {
        let shown: HashSet<u32> = dmvpn.peers.iter().filter_map(|peer| peer.session).collect();
        let meant = sessions.iter().filter(|session| session.interfaces.contains(&dmvpn.interface));
        let meant = meant.filter(|session| all || session.id.is_some_and(|id| shown.contains(&id)));
        dmvpn.sessions = meant.cloned().collect();
    }
}

/// How far a station is that has a binding.
pub fn state(hub: &Hub, tunnel: TunnelId, station: &Station, line_up: bool) -> PeerState {
    let is_protected = hub.config.tunnel.get(usize::from(tunnel)).is_some_and(|t| t.protection.is_some());
    match (line_up, is_protected) {
        (false, _) => PeerState::Intf,
        (true, false) => PeerState::Up,
        (true, true) => crypto_state(hub, station),
    }
}

/// How far IKE and IPsec are with a station of a protected tunnel; up: both are there.
pub fn crypto_state(hub: &Hub, station: &Station) -> PeerState {
    match station.session.and_then(|session| hub.state.carrier(session)) {
        None => PeerState::Ike,
        Some(carrier) if carrier.sa.is_none() => PeerState::Ipsec,
        Some(_) => PeerState::Up,
    }
}

/// How far a station is that has no binding.
pub fn absent_state(hub: &Hub, record: &PeerRecord) -> PeerState {
    let tunnel = record.tunnel.and_then(|id| hub.config.tunnel.get(usize::from(id)));
    if tunnel.is_none_or(|tunnel| tunnel.protection.is_none()) {
        return PeerState::Nhrp;
    }
    match crypto_state(hub, &record.station) {
        PeerState::Up => PeerState::Nhrp,
        state => state,
    }
}

/// Whom a station proved to be; of one that is gone, to whom its address is pinned.
pub fn identity(hub: &Hub, record: &PeerRecord) -> Option<String> {
    let ike = hub.ike.as_ref()?;
    let session = record.station.session.and_then(|session| ike.sessions.get(session));
    let pinned = || ike.claims.pinned(record.tunnel?, record.protocol?);
    session.map(|session| session.identity.as_str()).or_else(pinned).map(Into::into)
}

fn interface(hub: &Hub, id: TunnelId, now_ms: u64) -> Option<Dmvpn> {
    let tunnel = hub.config.tunnel.get(usize::from(id))?;
    Some(Dmvpn {
        interface: tunnel.name.clone(),
        kernel_interface: tunnel.interface.clone(),
        admin_up: hub.state.kernel.link(Interface::Tunnel(id)).is_some_and(|link| link.up),
        line_up: interfaces::tunnel_line(hub, id, now_ms),
        address: Prefix { address: tunnel.address.address, len: tunnel.address.len },
        source: tunnel.source,
        vrf: interfaces::vrf(hub, tunnel.vrf),
        tunnel_vrf: interfaces::vrf(hub, tunnel.tunnel_vrf),
        key: tunnel.key,
        network_id: tunnel.nhrp.network_id,
        phase: tunnel.nhrp.phase,
        protection: tunnel.protection.clone(),
        peers: Vec::new(),
        sessions: Vec::new(),
    })
}

fn bound(hub: &Hub, binding: &Binding, line_up: bool, known: &Failures<'_>, now_ms: u64) -> Peer {
    let traffic = hub.state.peer_of(binding.tunnel, binding.protocol).and_then(|id| {
        let totals = hub.plane.as_ref()?.totals(id).since(hub.state.peers.get(id)?.base);
        Some(Traffic {
            rx_packets: totals.rx_packets,
            rx_bytes: totals.rx_bytes,
            tx_packets: totals.tx_packets,
            tx_bytes: totals.tx_bytes,
        })
    });
    let session = binding.session.and_then(|session| hub.ike.as_ref()?.sessions.get(session));
    let silent = session.filter(|session| session.esp == Esp::Blocked);
    let silent = silent.map(|session| failures::esp_blocked(hub, session, now_ms));
    let failure = known.get(&(binding.tunnel, binding.station().owner()));
    Peer {
        nbma: Some(binding.nbma),
        claimed_nbma: binding.is_natted().then_some(binding.claimed),
        tunnel: binding.protocol,
        network: Prefix::host(binding.protocol),
        session: binding.session.map(Session::get),
        identity: session.map(|session| session.identity.clone()),
        state: state(hub, binding.tunnel, &binding.station(), line_up),
        since: Some(ago(now_ms, binding.created_ms)),
        kind: if binding.kind == nhrp::Kind::Static { Kind::Static } else { Kind::Dynamic },
        multicast: binding.multicast,
        group: None,
        traffic,
        last_failure: silent.or_else(|| failure.map(|record| failures::one(hub, record, now_ms))),
    }
}

fn absent(hub: &Hub, record: &PeerRecord, tunnel: Ipv4Addr, now_ms: u64) -> Peer {
    let session = record.station.session.filter(|session| hub.state.carrier(*session).is_some());
    let was_up = matches!(record.failure, Failure::Gone(_));
    Peer {
        nbma: Some(record.station.nbma),
        claimed_nbma: None,
        tunnel,
        network: Prefix::host(tunnel),
        session: session.map(Session::get),
        identity: identity(hub, record),
        state: absent_state(hub, record),
        since: was_up.then(|| ago(now_ms, record.first_ms)),
        kind: Kind::Incomplete,
        multicast: false,
        group: None,
        traffic: None,
        last_failure: Some(failures::one(hub, record, now_ms)),
    }
}
