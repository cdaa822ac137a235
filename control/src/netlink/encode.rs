//! Commands to messages for the kernel.

use super::{Command, RouteCommand, mroute, nexthop};
use crate::kernel::Class;
use crate::prefix::{self, Prefix};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
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
    message.header.table = RouteHeader::RT_TABLE_MAIN;
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
