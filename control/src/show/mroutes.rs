//! `show ip mroute`.

use crate::hub::Hub;
use api::{Mroute, MrouteInterface, MrouteSpoke};
use shm::message::{GroupId, GroupRoute, Incoming, PeerId, PortId, TunnelId};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// All multicast routes, or those of one group, in order of group and source.
pub fn mroutes(hub: &Hub, group: Option<Ipv4Addr>, now_ms: u64) -> Vec<Mroute> {
    let mut addresses: BTreeMap<PeerId, Ipv4Addr> = BTreeMap::new();
    for binding in hub.server.bindings() {
        if let Some(id) = hub.state.peer_of(binding.tunnel, binding.protocol) {
            let known = addresses.entry(id).or_insert(binding.protocol);
            *known = binding.protocol.min(*known);
        }
    }
    let routes = hub.state.multicast.routes();
    let meant = routes.filter(|((of, _), _)| group.is_none_or(|group| group == *of));
    let known = meant.filter_map(|(_, id)| Some((id, hub.state.sync.groups.get(&id)?)));
    known.map(|(id, route)| one(hub, id, route, &addresses, now_ms)).collect()
}

fn one(
    hub: &Hub,
    id: GroupId,
    route: &GroupRoute,
    addresses: &BTreeMap<PeerId, Ipv4Addr>,
    now_ms: u64,
) -> Mroute {
    let port = |id: PortId| hub.config.port.get(usize::from(id)).map(|port| port.name.clone());
    let tunnels = (0..hub.config.tunnel.len() as TunnelId).filter(|id| route.tunnels >> id & 1 != 0);
    let ports = (0..hub.config.port.len() as PortId).filter(|id| route.ports >> id & 1 != 0);
    let members = hub.state.members_of(id);
    let spokes = |tunnel: TunnelId| {
        let on = |id: &&PeerId| hub.state.peers.get(**id).is_some_and(|peer| peer.tunnel == tunnel);
        let spoke = |id: &PeerId| {
            let until = hub.state.multicast.joins.until(*id, route.group, route.source);
            Some(MrouteSpoke {
                tunnel: addresses.get(id).copied(),
                nbma: hub.state.peers.get(*id)?.station.nbma,
                expires: until
                    .filter(|until| *until != u64::MAX)
                    .map(|until| until.saturating_sub(now_ms) / 1_000),
            })
        };
        members.iter().filter(on).filter_map(spoke).collect()
    };
    let by_port = ports.filter_map(|id| Some(MrouteInterface { interface: port(id)?, spokes: Vec::new() }));
    let by_tunnel = tunnels.map(|id| MrouteInterface { interface: hub.tunnel_name(id), spokes: spokes(id) });
    let totals = hub.plane.as_ref().map(|plane| plane.group_totals(id)).unwrap_or_default();
    let totals = totals.since(hub.state.multicast.base(id));
    Mroute {
        source: route.source,
        group: route.group,
        incoming: match route.incoming {
            Incoming::Tunnel(tunnel) => Some(hub.tunnel_name(tunnel)),
            Incoming::Port(id) => port(id),
            Incoming::Kernel => None,
        },
        outgoing: by_port.chain(by_tunnel).collect(),
        kernel: route.kernel,
        packets: totals.packets,
        bytes: totals.bytes,
        copies: totals.copies,
        wrong_interface: totals.wrong_interface,
        dropped: totals.dropped,
    }
}
