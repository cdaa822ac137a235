//! Messages of the kernel to facts.

use crate::kernel::{Fact, Hop, Link, Neighbour, Route};
use crate::prefix::{self, Prefix};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHopFlags, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::{IpAddr, Ipv4Addr};

/// What a message says, if it concerns us.
pub fn fact(message: RouteNetlinkMessage, replace: bool) -> Option<Fact> {
    match message {
        RouteNetlinkMessage::NewLink(message) => link(&message).map(Fact::Link),
        RouteNetlinkMessage::DelLink(message) => Some(Fact::LinkGone(message.header.index)),
        RouteNetlinkMessage::NewAddress(message) => {
            address(&message).map(|at| Fact::Address(message.header.index, at))
        }
        RouteNetlinkMessage::DelAddress(message) => {
            address(&message).map(|at| Fact::AddressGone(message.header.index, at))
        }
        RouteNetlinkMessage::NewNeighbour(message) => neighbour(&message).map(Fact::Neighbour),
        RouteNetlinkMessage::DelNeighbour(message) => {
            neighbour(&message).map(|n| Fact::NeighbourGone(n.index, n.address))
        }
        RouteNetlinkMessage::NewRoute(message) => route(message).map(|route| Fact::Route(route, replace)),
        RouteNetlinkMessage::DelRoute(message) => route(message).map(Fact::RouteGone),
        _ => None,
    }
}

/// What a message says about a route, if it does. One that was removed need not have next hops.
pub fn route_fact(message: RouteNetlinkMessage) -> Option<Fact> {
    match message {
        RouteNetlinkMessage::NewRoute(message) => route(message).map(|route| Fact::Route(route, true)),
        RouteNetlinkMessage::DelRoute(message) => gone(message).map(Fact::RouteGone),
        _ => None,
    }
}

fn link(message: &LinkMessage) -> Option<Link> {
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        up: message.header.flags.contains(LinkFlags::Up),
        running: message.header.flags.contains(LinkFlags::Running),
        ..Link::default()
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
            LinkAttribute::Address(octets) => link.mac = <[u8; 6]>::try_from(octets.as_slice()).ok(),
            _ => {}
        }
    }
    // Some notifications (of bridges, of wireless) speak of a link without naming it.
    (!link.name.is_empty()).then_some(link)
}

fn address(message: &AddressMessage) -> Option<Prefix> {
    let (mut local, mut remote) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(IpAddr::V4(address)) => local = Some(*address),
            AddressAttribute::Address(IpAddr::V4(address)) => remote = Some(*address),
            _ => {}
        }
    }
    Some(Prefix { address: local.or(remote)?, len: message.header.prefix_len })
}

fn neighbour(message: &NeighbourMessage) -> Option<Neighbour> {
    let mut address = None;
    let mut mac = None;
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(destination)) => {
                address = Some(*destination)
            }
            NeighbourAttribute::LinkLayerAddress(octets) => mac = <[u8; 6]>::try_from(octets.as_slice()).ok(),
            _ => {}
        }
    }
    let valid = matches!(
        message.header.state,
        NeighbourState::Reachable
            | NeighbourState::Stale
            | NeighbourState::Delay
            | NeighbourState::Probe
            | NeighbourState::Permanent
    );
    Some(Neighbour {
        index: message.header.ifindex,
        address: address?,
        mac: mac.filter(|_| valid),
        failed: message.header.state == NeighbourState::Failed,
        permanent: message.header.state == NeighbourState::Permanent,
    })
}

fn route(message: RouteMessage) -> Option<Route> {
    let discard = is_discard(&message);
    gone(message).filter(|route| discard || !route.hops.is_empty() || route.nexthop.is_some())
}

fn is_discard(message: &RouteMessage) -> bool {
    matches!(message.header.kind, RouteType::BlackHole | RouteType::Unreachable | RouteType::Prohibit)
}

fn gone(message: RouteMessage) -> Option<Route> {
    let header = &message.header;
    let discard = is_discard(&message);
    if header.address_family != AddressFamily::Inet
        || header.tos != 0
        || header.flags.contains(RouteFlags::Cloned)
        || !(discard || header.kind == RouteType::Unicast)
    {
        return None;
    }
    let mut table = u32::from(header.table);
    let mut to = Ipv4Addr::UNSPECIFIED;
    let mut metric = 0;
    let mut single = Hop { index: 0, gateway: None, weight: 1 };
    let (mut hops, mut nexthop) = (Vec::new(), None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Table(id) => table = *id,
            RouteAttribute::Destination(RouteAddress::Inet(address)) => to = *address,
            RouteAttribute::Priority(priority) => metric = *priority,
            RouteAttribute::NhId(id) => nexthop = Some(*id),
            RouteAttribute::Oif(index) => single.index = *index,
            RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => single.gateway = Some(*gateway),
            RouteAttribute::MultiPath(paths) => {
                let alive = |flags: RouteNextHopFlags| !flags.contains(RouteNextHopFlags::Dead);
                hops.extend(paths.iter().filter(|path| alive(path.flags)).map(|path| Hop {
                    index: path.interface_index,
                    weight: u32::from(path.hops) + 1,
                    gateway: path.attributes.iter().find_map(|attribute| match attribute {
                        RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => Some(*gateway),
                        _ => None,
                    }),
                }));
            }
            _ => {}
        }
    }
    if table != u32::from(RouteHeader::RT_TABLE_MAIN) {
        return None;
    }
    if discard {
        hops.clear();
    } else if hops.is_empty() && single.index != 0 {
        hops.push(single);
    }
    let prefix = prefix::network(to, header.destination_prefix_length);
    Some(Route { prefix, metric, protocol: header.protocol.into(), hops, nexthop })
}
