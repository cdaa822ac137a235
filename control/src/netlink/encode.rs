//! Commands to messages for the kernel.

use super::{Command, RouteCommand, mroute, nexthop};
use crate::kernel::Class;
use crate::prefix::{self, Prefix};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVrf, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::{IpAddr, Ipv4Addr};

/// A request for everything of a class.
pub fn dump(class: Class, sequence: u32) -> Vec<u8> {
    let message = match class {
        Class::Links => RouteNetlinkMessage::GetLink(LinkMessage::default()),
        Class::Addresses => {
            let mut message = AddressMessage::default();
            message.header.family = AddressFamily::Inet;
            RouteNetlinkMessage::GetAddress(message)
        }
        Class::Neighbours => {
            let mut message = NeighbourMessage::default();
            message.header.family = AddressFamily::Inet;
            RouteNetlinkMessage::GetNeighbour(message)
        }
        Class::NextHops => return nexthop::dump(sequence),
        Class::Mroutes => return mroute::dump(sequence),
        Class::Routes => {
            let mut message = RouteMessage::default();
            message.header.address_family = AddressFamily::Inet;
            RouteNetlinkMessage::GetRoute(message)
        }
    };
    request(message, NLM_F_DUMP, sequence)
}

/// A command, to be acknowledged.
pub fn command(command: &Command, sequence: u32) -> Vec<u8> {
    match command {
        Command::LinkUp { index, mtu } => {
            let mut message = LinkMessage::default();
            message.header.index = *index;
            message.header.flags = LinkFlags::Up;
            message.header.change_mask = LinkFlags::Up;
            message.attributes.push(LinkAttribute::Mtu(*mtu));
            request(RouteNetlinkMessage::SetLink(message), NLM_F_ACK, sequence)
        }
        Command::Vrf { name, table } => {
            let mut message = LinkMessage::default();
            message.attributes.push(LinkAttribute::IfName(name.clone()));
            message.attributes.push(LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Vrf),
                LinkInfo::Data(InfoData::Vrf(vec![InfoVrf::TableId(*table)])),
            ]));
            let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
            request(RouteNetlinkMessage::NewLink(message), flags, sequence)
        }
        Command::Enslave { index, master } => {
            let mut message = LinkMessage::default();
            message.header.index = *index;
            message.attributes.push(LinkAttribute::Controller(*master));
            request(RouteNetlinkMessage::SetLink(message), NLM_F_ACK, sequence)
        }
        Command::Address { index, prefix } => {
            let message = RouteNetlinkMessage::NewAddress(address(*index, *prefix));
            request(message, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sequence)
        }
        Command::Route(route) => {
            let message = RouteNetlinkMessage::NewRoute(route_message(route));
            // Not "replace": a route of the operator's with the same metric is left alone.
            request(message, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sequence)
        }
        Command::RouteDelete(route) => {
            request(RouteNetlinkMessage::DelRoute(route_message(route)), NLM_F_ACK, sequence)
        }
    }
}

/// `NTF_USE`: as if a packet wanted to go there. An unknown neighbour is resolved, a stale one confirmed. The state
/// is left as it is.
pub fn resolve(index: u32, to: Ipv4Addr, sequence: u32) -> Vec<u8> {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.ifindex = index;
    message.header.state = NeighbourState::None;
    message.header.flags = NeighbourFlags::Use;
    message.header.kind = RouteType::Unicast;
    message.attributes.push(NeighbourAttribute::Destination(NeighbourAddress::Inet(to)));
    request(RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE, sequence)
}

fn address(index: u32, at: Prefix) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = at.len;
    message.header.scope = AddressScope::Universe;
    message.header.index = index;
    message.attributes.push(AddressAttribute::Local(IpAddr::V4(at.address)));
    message.attributes.push(AddressAttribute::Address(IpAddr::V4(at.address)));
    if at.len <= 30 {
        message.attributes.push(AddressAttribute::Broadcast(prefix::range(at).1));
    }
    message
}

fn route_message(route: &RouteCommand) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = route.prefix.len;
    match u8::try_from(route.table) {
        Ok(table) => message.header.table = table,
        Err(_) => {
            message.header.table = RouteHeader::RT_TABLE_UNSPEC;
            message.attributes.push(RouteAttribute::Table(route.table));
        }
    }
    message.header.protocol = RouteProtocol::Other(route.protocol);
    message.header.scope = if route.gateway.is_some() { RouteScope::Universe } else { RouteScope::Link };
    message.header.kind = RouteType::Unicast;
    if route.onlink {
        message.header.flags |= RouteFlags::Onlink;
    }
    let to = prefix::network(route.prefix.address, route.prefix.len).address;
    message.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(to)));
    message.attributes.push(RouteAttribute::Oif(route.index));
    message.attributes.push(RouteAttribute::Priority(route.metric));
    if let Some(gateway) = route.gateway {
        message.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(gateway)));
    }
    message
}

fn request(message: RouteNetlinkMessage, flags: u16, sequence: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
    message.finalize();
    let mut buffer = vec![0; message.buffer_len()];
    message.serialize(&mut buffer);
    buffer
}

#[cfg(test)]
mod tests {
    use super::super::attribute::attribute;
    use super::*;

    /// A message without the header of 16 octets.
    fn body(wanted: &Command) -> Vec<u8> {
        command(wanted, 7).split_off(16)
    }

    #[test]
    fn a_vrf_device_and_what_is_put_into_it() {
        let table = attribute(1, &1001_u32.to_ne_bytes());
        let info = [attribute(1, b"vrf"), attribute(2, &table)].concat();
        let wanted = [vec![0; 16], attribute(3, b"RED\0"), attribute(18, &info)].concat();
        let octets = body(&Command::Vrf { name: "RED".into(), table: 1001 });
        // The kernel takes a kind with or without the octet of zero at its end.
        let with_zero = [attribute(1, b"vrf\0"), attribute(2, &table)].concat();
        let other = [vec![0; 16], attribute(3, b"RED\0"), attribute(18, &with_zero)].concat();
        assert!(octets == wanted || octets == other, "{octets:02x?}");
        let mut header = vec![0; 16];
        header[4..8].copy_from_slice(&5_u32.to_ne_bytes());
        let wanted = [header, attribute(10, &9_u32.to_ne_bytes())].concat();
        assert_eq!(body(&Command::Enslave { index: 5, master: 9 }), wanted);
    }

    #[test]
    fn a_table_over_255_has_an_attribute() {
        let route = |table| {
            let route = RouteCommand {
                table,
                prefix: "10.1.0.0/16".parse().unwrap(),
                gateway: None,
                index: 3,
                metric: 0,
                protocol: 78,
                onlink: false,
            };
            body(&Command::Route(route))
        };
        assert_eq!(route(100)[..8], [2, 16, 0, 0, 100, 78, 253, 1]);
        let large = route(1001);
        assert_eq!(large[..8], [2, 16, 0, 0, 0, 78, 253, 1]);
        let table = attribute(15, &1001_u32.to_ne_bytes());
        assert!(large[12..].windows(8).any(|window| window == table), "{large:02x?}");
    }
}
