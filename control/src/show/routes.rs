//! `show ip route`.

use crate::hub::Hub;
use crate::kernel::Interface as Twin;
use crate::prefix::{self, Prefix};
use crate::rib::OverlayHop;
use crate::twins;
use api::{Origin, Route, Target};
use shm::message;
use std::net::Ipv4Addr;

/// All routes of the data plane, or the one that an address takes.
pub fn routes(hub: &Hub, address: Option<Ipv4Addr>) -> Vec<Route> {
    let table = &hub.state.sync.routes;
    match address {
        None => table.iter().map(|(prefix, target)| one(hub, *prefix, target)).collect(),
        Some(address) => (0..=32)
            .rev()
            .map(|len| prefix::network(address, len))
            .find_map(|prefix| table.get(&prefix).map(|target| one(hub, prefix, target)))
            .into_iter()
            .collect(),
    }
}

fn one(hub: &Hub, at: Prefix, target: &message::Target) -> Route {
    let hops = hub.state.rib.overlay_exact(at).unwrap_or_default();
    Route {
        prefix: api::Prefix { address: at.address, len: at.len },
        origin: origin(hub, at, target),
        target: lead(hub, at, hops, target),
    }
}

fn origin(hub: &Hub, at: Prefix, target: &message::Target) -> Origin {
    if matches!(target, message::Target::Tunnel(_) | message::Target::Port(_)) {
        return Origin::Local;
    }
    if hub.state.rib.overlay_exact(at).is_none() {
        return if matches!(target, message::Target::Peer(_)) { Origin::Nhrp } else { Origin::Connected };
    }
    match hub.state.kernel.routes_of(at).next().map_or(0, |route| route.protocol) {
        2 => Origin::Connected,
        twins::PROTOCOL => Origin::Static,
        other => Origin::Kernel(protocol(other)),
    }
}

/// Names as in iproute2's `rt_protos`.
fn protocol(number: u8) -> String {
    let name = match number {
        3 => "boot",
        4 => "static",
        11 => "zebra",
        12 => "bird",
        16 => "dhcp",
        18 => "keepalived",
        42 => "babel",
        186 => "bgp",
        187 => "isis",
        188 => "ospf",
        189 => "rip",
        192 => "eigrp",
        other => return other.to_string(),
    };
    name.to_string()
}

fn lead(hub: &Hub, at: Prefix, hops: &[OverlayHop], target: &message::Target) -> Target {
    let port =
        |id: u8| hub.config.port.get(usize::from(id)).map_or_else(String::new, |port| port.name.clone());
    match *target {
        message::Target::Peer(id) => {
            let Some(peer) = hub.state.peers.get(id) else { return Target::Discard };
            let spoke = |hop: &OverlayHop| match *hop {
                OverlayHop::Tunnel(tunnel, gateway) => {
                    gateway.filter(|gateway| hub.state.peer_of(tunnel, *gateway) == Some(id))
                }
                OverlayHop::Lan(..) => None,
            };
            let via = hops.iter().find_map(spoke).unwrap_or(at.address);
            Target::Peer { interface: hub.tunnel_name(peer.tunnel), via, nbma: peer.station.nbma }
        }
        message::Target::Link(id) => {
            let Some((on, via)) = hub.state.links.key(id) else { return Target::Discard };
            let resolved = hub.state.sync.links.get(&id).is_some_and(|row| row.mac.is_some());
            Target::NextHop { interface: port(on), via, resolved }
        }
        message::Target::Tunnel(id) => Target::Receive { interface: owner(hub, at, hub.tunnel_name(id)) },
        message::Target::Port(id) => Target::Receive { interface: port(id) },
        message::Target::Glean(id) => Target::Attached { interface: port(id) },
        message::Target::Unresolved => match hops.first() {
            Some(OverlayHop::Tunnel(tunnel, None)) => {
                Target::Attached { interface: hub.tunnel_name(*tunnel) }
            }
            Some(OverlayHop::Tunnel(_, Some(via)) | OverlayHop::Lan(_, Some(via))) => {
                Target::Unresolved { via: *via }
            }
            Some(OverlayHop::Lan(..)) | None => Target::Unresolved { via: at.address },
        },
        // No route of ours leads to several ways yet.
        message::Target::Drop | message::Target::Paths(_) => Target::Discard,
    }
}

/// Addresses of the loopback are taken in by the first tunnel; they are shown as what they are.
fn owner(hub: &Hub, at: Prefix, tunnel: String) -> String {
    let lo =
        hub.state.kernel.addresses().any(|(twin, have)| twin == Twin::Loopback && have.address == at.address);
    if lo { "lo".into() } else { tunnel }
}
