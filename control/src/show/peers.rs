//! `show dmvpn`.

use super::{ago, failures, interfaces};
use crate::hub::Hub;
use crate::kernel::Interface;
use api::{Dmvpn, Kind, Peer, PeerFilter, PeerState, Prefix, Traffic};
use nhrp::{Binding, Failure, PeerRecord};
use shm::message::TunnelId;
use std::collections::HashMap;
use std::net::Ipv4Addr;

type Failures<'a> = HashMap<(TunnelId, Ipv4Addr), &'a PeerRecord>;

/// Tunnel interfaces with the peers that a filter admits.
pub fn dmvpn(hub: &Hub, filter: &PeerFilter, now_ms: u64) -> Vec<Dmvpn> {
    let mut all: Vec<Dmvpn> =
        (0..hub.config.tunnel.len()).filter_map(|id| interface(hub, id as TunnelId, now_ms)).collect();
    let failures: Failures<'_> = hub
        .server
        .failures()
        .filter_map(|record| Some(((record.tunnel?, record.station.nbma), record)))
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
    for dmvpn in &mut all {
        dmvpn.peers.sort_by_key(|peer| (peer.nbma.is_none(), peer.nbma, peer.tunnel));
    }
    all.retain(|dmvpn| filter.interface.as_ref().is_none_or(|name| *name == dmvpn.interface));
    all
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
        key: tunnel.key,
        network_id: tunnel.nhrp.network_id,
        phase: tunnel.nhrp.phase,
        protection: tunnel.protection.clone(),
        peers: Vec::new(),
        sessions: Vec::new(),
    })
}

fn bound(hub: &Hub, binding: &Binding, line_up: bool, failures: &Failures<'_>, now_ms: u64) -> Peer {
    let traffic = hub.state.peer_of(binding.tunnel, binding.protocol).and_then(|id| {
        let totals = hub.plane.as_ref()?.totals(id).since(hub.state.peers.get(id)?.base);
        Some(Traffic {
            rx_packets: totals.rx_packets,
            rx_bytes: totals.rx_bytes,
            tx_packets: totals.tx_packets,
            tx_bytes: totals.tx_bytes,
        })
    });
    let failure = failures.get(&(binding.tunnel, binding.nbma));
    Peer {
        nbma: Some(binding.nbma),
        claimed_nbma: binding.is_natted().then_some(binding.claimed),
        tunnel: binding.protocol,
        network: Prefix::host(binding.protocol),
        session: None,
        identity: None,
        state: if line_up { PeerState::Up } else { PeerState::Intf },
        since: Some(ago(now_ms, binding.created_ms)),
        kind: if binding.kind == nhrp::Kind::Static { Kind::Static } else { Kind::Dynamic },
        multicast: binding.multicast,
        group: None,
        traffic,
        last_failure: failure.map(|record| failures::one(hub, record, now_ms)),
    }
}

fn absent(hub: &Hub, record: &PeerRecord, tunnel: Ipv4Addr, now_ms: u64) -> Peer {
    let was_up = matches!(record.failure, Failure::Gone(_));
    Peer {
        nbma: Some(record.station.nbma),
        claimed_nbma: None,
        tunnel,
        network: Prefix::host(tunnel),
        session: None,
        identity: None,
        state: PeerState::Nhrp,
        since: was_up.then(|| ago(now_ms, record.first_ms)),
        kind: Kind::Incomplete,
        multicast: false,
        group: None,
        traffic: None,
        last_failure: Some(failures::one(hub, record, now_ms)),
    }
}
