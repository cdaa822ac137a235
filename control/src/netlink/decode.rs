//! Messages of the kernel to facts.

use crate::kernel::{Fact, Hop, Link, Neighbour, Route};
use crate::prefix::{self, Prefix};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{InfoData, InfoVrf, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteNextHopFlags, RouteType,
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
            LinkAttribute::Controller(index) => link.master = Some(*index),
            LinkAttribute::LinkInfo(infos) => link.table = infos.iter().find_map(vrf_table),
            LinkAttribute::Address(octets) => link.mac = <[u8; 6]>::try_from(octets.as_slice()).ok(),
            _ => {}
        }
    }
    // Some notifications (of bridges, of wireless) speak of a link without naming it.
    (!link.name.is_empty()).then_some(link)
}

/// The table of a VRF device.
fn vrf_table(info: &LinkInfo) -> Option<u32> {
    let LinkInfo::Data(InfoData::Vrf(attributes)) = info else { return None };
    attributes.iter().find_map(|attribute| match attribute {
        InfoVrf::TableId(table) => Some(*table),
        _ => None,
    })
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
    if discard {
        hops.clear();
    } else if hops.is_empty() && single.index != 0 {
        hops.push(single);
    }
    let prefix = prefix::network(to, header.destination_prefix_length);
    Some(Route { table, prefix, metric, protocol: header.protocol.into(), hops, nexthop })
}

#[cfg(test)]
mod tests {
    use super::super::attribute::attribute;
    use super::super::message::{Message, messages};
    use super::*;
    use netlink_packet_core::NetlinkPayload;

    /// `RTM_NEWLINK`, `RTM_NEWROUTE`
    const LINK: u16 = 16;
    const ROUTE: u16 = 24;

    fn read(kind: u16, header: &[u8], attributes: &[Vec<u8>]) -> Option<Fact> {
        let body = [header.to_vec(), attributes.concat()].concat();
        let mut octets = ((body.len() + 16) as u32).to_ne_bytes().to_vec();
        octets.extend(kind.to_ne_bytes());
        octets.extend([0; 10]);
        octets.extend(body);
        let mut malformed = 0;
        let message = messages(&octets, &mut malformed).pop().expect("a message");
        assert_eq!(malformed, 0);
        match message.into_parts().1 {
            NetlinkPayload::InnerMessage(Message::Known(message)) => fact(message, false),
            other => panic!("{other:?}"),
        }
    }

    fn link(index: u32, attributes: &[Vec<u8>]) -> Link {
        let mut header = vec![0; 16];
        header[4..8].copy_from_slice(&index.to_ne_bytes());
        match read(LINK, &header, attributes) {
            Some(Fact::Link(link)) => link,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_vrf_device_tells_its_table_and_a_member_its_device() {
        let table = attribute(1, &1001_u32.to_ne_bytes());
        let info = attribute(18, &[attribute(1, b"vrf\0"), attribute(2, &table)].concat());
        let device = link(9, &[attribute(3, b"RED\0"), info]);
        assert_eq!((device.index, device.table, device.master), (9, Some(1001), None));
        let of_slave = attribute(18, &[attribute(4, b"vrf\0"), attribute(5, &table)].concat());
        let member = link(5, &[attribute(3, b"gre0\0"), attribute(10, &9_u32.to_ne_bytes()), of_slave]);
        assert_eq!((member.table, member.master), (None, Some(9)));
    }

    #[test]
    fn a_route_tells_its_table_in_its_header_or_beside_it() {
        let header = |table| [2, 16, 0, 0, table, 4, 0, 1, 0, 0, 0, 0];
        let to = attribute(1, &[10, 1, 0, 0]);
        let oif = attribute(4, &3_u32.to_ne_bytes());
        let table = |header: [u8; 12], more: Vec<Vec<u8>>| {
            let attributes = [vec![to.clone(), oif.clone()], more].concat();
            match read(ROUTE, &header, &attributes) {
                Some(Fact::Route(route, false)) => route.table,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(table(header(254), vec![]), 254);
        assert_eq!(table(header(10), vec![attribute(15, &10_u32.to_ne_bytes())]), 10);
        assert_eq!(table(header(0), vec![attribute(15, &1001_u32.to_ne_bytes())]), 1001);
        // RT_TABLE_COMPAT, which the kernel writes into the octet of a large number.
        assert_eq!(table(header(252), vec![attribute(15, &70_000_u32.to_ne_bytes())]), 70_000);
    }
}
