//! The answer to pings.

use std::net::Ipv4Addr;
use wire::{icmp, ip4};

/// The reply to an echo request (RFC 792), which is in `packet`; `None`: it is something else.
pub fn echo_reply(packet: &ip4::Packet<'_>) -> Option<Vec<u8>> {
    const ECHO_REQUEST: u8 = 8;
    const ECHO_REPLY: u8 = 0;
    if packet.protocol() != ip4::protocol::ICMP || packet.is_fragment() {
        return None;
    }
    let request = packet.payload();
    icmp::parse(request).ok()?;
    let (&[kind, code, _, _, a, b, c, d], _) = request.split_first_chunk::<8>()?;
    if (kind, code) != (ECHO_REQUEST, 0) {
        return None;
    }
    let total_len = u16::try_from(ip4::LEN + request.len()).ok()?;
    let (source, destination): (Ipv4Addr, Ipv4Addr) = (packet.destination(), packet.source());
    let fields = ip4::Fields {
        tos: packet.tos(),
        total_len,
        id: packet.id(),
        flags_offset: 0,
        ttl: 64,
        protocol: ip4::protocol::ICMP,
        source,
        destination,
    };
    let mut reply = vec![0; ip4::LEN];
    fields.emit(&mut reply)?;
    reply.extend_from_slice(request);
    icmp::emit(reply.get_mut(ip4::LEN..)?, ECHO_REPLY, 0, [a, b, c, d])?;
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_an_echo_request_and_nothing_else() {
        let mut request = vec![0; ip4::LEN + 8 + 3];
        let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let fields = ip4::Fields {
            tos: 0,
            total_len: 31,
            id: 7,
            flags_offset: 0,
            ttl: 9,
            protocol: ip4::protocol::ICMP,
            source: a,
            destination: b,
        };
        fields.emit(&mut request).unwrap();
        request[28..].copy_from_slice(b"abc");
        icmp::emit(&mut request[ip4::LEN..], 8, 0, [1, 2, 3, 4]).unwrap();
        let reply = echo_reply(&ip4::parse(&request).unwrap()).unwrap();
        let packet = ip4::parse(&reply).unwrap();
        assert_eq!((packet.source(), packet.destination(), packet.ttl()), (b, a, 64));
        assert_eq!(packet.payload()[0], 0);
        assert_eq!(&packet.payload()[4..], b"\x01\x02\x03\x04abc");
        assert!(icmp::parse(packet.payload()).is_ok());
        assert!(echo_reply(&packet).is_none(), "a reply is not answered");
    }
}
