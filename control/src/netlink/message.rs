//! What comes over the routing socket: the messages that the library knows, next-hop objects and multicast routes.

use super::{mroute, nexthop};
use crate::kernel::Fact;
use netlink_packet_core::{DecodeError, NetlinkDeserializable, NetlinkHeader, NetlinkMessage};
use netlink_packet_route::RouteNetlinkMessage;

/// A message.
#[derive(Debug)]
pub enum Message {
    /// Links, addresses, neighbours, routes.
    Known(RouteNetlinkMessage),
    /// A next-hop object or a multicast route; `None`: of no concern.
    Other(Option<Fact>),
}

impl NetlinkDeserializable for Message {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, Self::Error> {
        match header.message_type {
            nexthop::NEW | nexthop::DELETE => {
                let fact = nexthop::fact(header.message_type == nexthop::NEW, payload);
                fact.map(Self::Other).ok_or_else(|| "truncated next-hop object".into())
            }
            mroute::NEW | mroute::DELETE if payload.first() == Some(&mroute::FAMILY) => {
                let fact = mroute::fact(header.message_type == mroute::NEW, payload);
                fact.map(Self::Other).ok_or_else(|| "truncated multicast route".into())
            }
            _ => RouteNetlinkMessage::deserialize(header, payload).map(Self::Known),
        }
    }
}

/// The messages of a datagram; one that cannot be read is counted and skipped.
pub fn messages(buffer: &[u8], malformed: &mut u64) -> Vec<NetlinkMessage<Message>> {
    let mut found = Vec::new();
    let mut rest = buffer;
    while let Some(&[a, b, c, d]) = rest.first_chunk::<4>() {
        let length = u32::from_ne_bytes([a, b, c, d]) as usize;
        let Some(octets) = rest.get(..length).filter(|_| length >= 16) else {
            *malformed += 1;
            break;
        };
        match NetlinkMessage::deserialize(octets) {
            Ok(message) => found.push(message),
            Err(_) => *malformed += 1,
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}
