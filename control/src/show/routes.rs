//! `show ip route`.
//!
//! All routes are given piece by piece, so that spokes are served while somebody looks at half a million: each piece is
//! as the table was then, and a route that stays is shown once.

use crate::hostroutes;
use crate::hub::Hub;
use crate::kernel::Interface as Twin;
use crate::prefix::{self, Net, Prefix};
use crate::rib::{Lead, OverlayHop};
use crate::twins;
use api::{Origin, Route, Target, Way};
use shm::message::{self, VrfId};
use std::net::Ipv4Addr;
use std::ops::Bound::{Excluded, Included};

/// Routes of one piece: about a millisecond's work.
const PIECE: usize = 512;
/// What stands before the routes of a [`api::Response::Routes`] on its line, and behind them.
const BEFORE: &[u8] = b"{\"kind\":\"routes\",\"data\":[";
const BEHIND: &[u8] = b"]}\n";

/// The route that an address takes in a VRF.
pub fn route_to(hub: &Hub, vrf: VrfId, address: Ipv4Addr) -> Option<Route> {
    let table = &hub.state.sync.routes;
    let mut nets = (0..=32).rev().map(|len| Net { vrf, prefix: prefix::network(address, len) });
    nets.find_map(|net| table.get(&net).map(|target| one(hub, net, target)))
}

/// All routes of a VRF that the data plane has, on their way to a client.
#[derive(Debug)]
pub struct Listing {
    /// The last one that was given.
    given: Option<Net>,
    vrf: VrfId,
}

impl Listing {
    /// From the first one on.
    pub fn new(vrf: VrfId) -> Self {
        Self { given: None, vrf }
    }

    /// Appends the next piece of the line; `true`: it was the last.
    pub fn go_on(&mut self, hub: &Hub, line: &mut Vec<u8>) -> bool {
        let least = Net { vrf: self.vrf, prefix: Prefix { address: Ipv4Addr::UNSPECIFIED, len: 0 } };
        let most = Net::host(self.vrf, Ipv4Addr::BROADCAST);
        let from = self.given.map_or(Included(least), Excluded);
        let mut routes = hub.state.sync.routes.range((from, Included(most)));
        let mut first = self.given.is_none();
        if first {
            line.extend_from_slice(BEFORE);
        }
        for (net, target) in routes.by_ref().take(PIECE) {
            if !std::mem::take(&mut first) {
                line.push(b',');
            }
            // Writing into memory does not fail.
            let _ = serde_json::to_writer(&mut *line, &one(hub, *net, target));
            self.given = Some(*net);
        }
        let last = routes.next().is_none();
        if last {
            line.extend_from_slice(BEHIND);
        }
        last
    }
}

fn one(hub: &Hub, at: Net, target: &message::Target) -> Route {
    let target = match (target, hub.state.rib.overlay_exact(at)) {
        (message::Target::Paths(_), Some((_, lead))) => several(hub, lead),
        (_, lead) => one_way(hub, at, lead.map(|(_, lead)| lead), target),
    };
    let recursive = hub.state.recursions.get(at).map(|recursion| recursion.nbma);
    Route {
        vrf: super::interfaces::vrf(hub, at.vrf),
        prefix: api::Prefix { address: at.prefix.address, len: at.prefix.len },
        origin: origin(hub, at),
        target,
        recursive,
    }
}

fn origin(hub: &Hub, at: Net) -> Origin {
    let target = hub.state.sync.routes.get(&at);
    if matches!(target, Some(message::Target::Tunnel(_) | message::Target::Port(_))) {
        return Origin::Local;
    }
    let Some((set, _)) = hub.state.rib.overlay_exact(at) else {
        return if matches!(target, Some(message::Target::Peer(_))) {
            Origin::Nhrp
        } else {
            Origin::Connected
        };
    };
    let mut routes = hub.state.kernel.routes_of(at);
    let found = routes.find(|route| route.set == set);
    match found.map_or(0, |route| route.protocol) {
        // Of a VRF without a device, whose subnets we put into the table.
        twins::PROTOCOL if found.is_some_and(|route| route.hops.iter().all(|hop| hop.gateway.is_none())) => {
            Origin::Connected
        }
        2 => Origin::Connected,
        twins::PROTOCOL => Origin::Static,
        hostroutes::PROTOCOL => Origin::Nhrp,
        other => Origin::Kernel(protocol(other)),
    }
}

/// Names as in iproute2's `rt_protos`, and FRR's for what that lacks.
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
        191 => "nhrp",
        192 => "eigrp",
        195 => "pbr",
        196 => "frr-static",
        other => return other.to_string(),
    };
    name.to_string()
}

/// The ways of a route that shares them with others, or has several.
fn several(hub: &Hub, lead: &Lead<OverlayHop>) -> Target {
    let mut ways: Vec<Way> =
        lead.hops.iter().map(|(hop, weight)| Way { weight: *weight, target: way(hub, *hop) }).collect();
    match ways.len() {
        1 => ways.remove(0).target,
        _ => Target::Multipath { ways },
    }
}

fn way(hub: &Hub, hop: OverlayHop) -> Target {
    match hop {
        OverlayHop::Tunnel(tunnel, Some(via)) => {
            let peer = hub.state.peer_of(tunnel, via).and_then(|id| hub.state.peers.get(id));
            match peer {
                Some(peer) => {
                    Target::Peer { interface: hub.tunnel_name(tunnel), via, nbma: peer.station.nbma }
                }
                None => Target::Unresolved { via },
            }
        }
        OverlayHop::Lan(on, Some(via)) => {
            let row = hub.state.links.id((on, via)).and_then(|id| hub.state.sync.links.get(&id));
            let resolved = row.is_some_and(|row| row.mac.is_some());
            Target::NextHop { interface: port(hub, on), via, resolved }
        }
        OverlayHop::Tunnel(tunnel, None) => Target::Attached { interface: hub.tunnel_name(tunnel) },
        OverlayHop::Lan(on, None) => Target::Attached { interface: port(hub, on) },
    }
}

fn port(hub: &Hub, id: u8) -> String {
    hub.config.port.get(usize::from(id)).map_or_else(String::new, |port| port.name.clone())
}

fn one_way(hub: &Hub, at: Net, lead: Option<&Lead<OverlayHop>>, target: &message::Target) -> Target {
    let hops = || lead.into_iter().flat_map(|lead| lead.hops.iter().map(|(hop, _)| *hop));
    match *target {
        message::Target::Peer(id) => {
            let Some(peer) = hub.state.peers.get(id) else { return Target::Discard };
            let spoke = |hop: OverlayHop| match hop {
                OverlayHop::Tunnel(tunnel, gateway) => {
                    gateway.filter(|gateway| hub.state.peer_of(tunnel, *gateway) == Some(id))
                }
                OverlayHop::Lan(..) => None,
            };
            let via = hops().find_map(spoke).unwrap_or(at.prefix.address);
            Target::Peer { interface: hub.tunnel_name(peer.tunnel), via, nbma: peer.station.nbma }
        }
        message::Target::Link(id) => match hub.state.links.key(id) {
            Some((on, via)) => way(hub, OverlayHop::Lan(on, Some(via))),
            None => Target::Discard,
        },
        message::Target::Tunnel(id) => Target::Receive { interface: owner(hub, at, hub.tunnel_name(id)) },
        message::Target::Port(id) => Target::Receive { interface: owner(hub, at, port(hub, id)) },
        message::Target::Glean(id) => Target::Attached { interface: port(hub, id) },
        message::Target::Unresolved => match hops().next() {
            Some(hop @ OverlayHop::Tunnel(_, None)) => way(hub, hop),
            Some(hop) => Target::Unresolved { via: hop.gateway().unwrap_or(at.prefix.address) },
            None => Target::Unresolved { via: at.prefix.address },
        },
        // Only routes of the kernel have several ways.
        message::Target::Drop | message::Target::Paths(_) => Target::Discard,
    }
}

/// Addresses of the loopback, or of the VRF device, are taken in by the first tunnel; they are shown as what they are.
fn owner(hub: &Hub, at: Net, interface: String) -> String {
    let mut all = hub.state.kernel.addresses();
    let lo = all.any(|(twin, have)| twin == Twin::Loopback(at.vrf) && have.address == at.prefix.address);
    match hub.config.vrf(at.vrf) {
        _ if !lo => interface,
        Some(vrf) => vrf.name.clone(),
        None => "lo".into(),
    }
}
