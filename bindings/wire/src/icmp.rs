//! ICMP for IPv4.
//!
//! ```text
//! RFC 792
//! |     type      |     code      |           checksum            |   over the whole message
//! |          meaning depends on type (RFC 1191 4: next MTU)       |
//! |                body: echo data, or the quoted packet          |
//! ```

use crate::checksum;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Octets of the header.
pub const LEN: usize = 8;
/// Octets that a quoting message may have with its IPv4 header (RFC 1812 4.3.2.3).
pub const MAX_ERROR: usize = 576;

/// Type: echo reply.
pub const ECHO_REPLY: u8 = 0;
/// Type: destination unreachable.
pub const UNREACHABLE: u8 = 3;
/// Code of [`UNREACHABLE`]: no route.
pub const NET_UNREACHABLE: u8 = 0;
/// Code of [`UNREACHABLE`]: a route, and behind it a host or next hop that is not there.
pub const HOST_UNREACHABLE: u8 = 1;
/// Code of [`UNREACHABLE`]: fragmentation needed and DF set.
pub const FRAGMENTATION_NEEDED: u8 = 4;
/// Type: echo request.
pub const ECHO_REQUEST: u8 = 8;
/// Type: time exceeded.
pub const TIME_EXCEEDED: u8 = 11;

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Over the whole message.
    pub checksum: U16,
    /// By type: identifier and sequence number; zero and next-hop MTU; zero.
    pub rest: [u8; 4],
}
const _: () = assert!(size_of::<Header>() == LEN);

/// Why octets are no ICMP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Fewer than eight octets.
    #[error("shorter than its ICMP header")]
    Truncated,
    /// Checksum wrong.
    #[error("ICMP checksum wrong")]
    Checksum,
}

/// A checked message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// By type.
    pub rest: [u8; 4],
    /// Echo data, or the quoted packet.
    pub body: &'a [u8],
}

/// Reads the payload of a whole (not fragmented) IPv4 packet.
#[inline]
pub fn parse(data: &[u8]) -> Result<Message<'_>, Error> {
    let (header, body) = Header::ref_from_prefix(data).map_err(|_| Error::Truncated)?;
    if !checksum::verify(data) {
        return Err(Error::Checksum);
    }
    Ok(Message { kind: header.kind, code: header.code, rest: header.rest, body })
}

/// Whether a message of this type only asks or answers, so that an error about it cannot start a storm. All types but
/// the registered queries count as errors (RFC 1122 3.2.2), unknown ones too: silence is the safe side.
#[inline]
pub fn is_query(kind: u8) -> bool {
    // Echo, router discovery, timestamp, information, address mask, photuris and extended echo have no quote.
    matches!(kind, 0 | 8 | 9 | 10 | 13..=18 | 42 | 43)
}

/// Writes the header for the body that stands behind it: `out` is header room and body. `None`: shorter than a header,
/// nothing written.
#[inline]
pub fn emit(out: &mut [u8], kind: u8, code: u8, rest: [u8; 4]) -> Option<()> {
    let mut header = Header { kind, code, checksum: U16::ZERO, rest };
    header.write_to_prefix(out).ok()?;
    header.checksum.set(checksum::checksum(out));
    header.write_to_prefix(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gre, ip4, pcap};
    use proptest::prelude::*;

    /// Pings through the hub between two Linux guests.
    #[test]
    fn golden_echo() {
        let file = include_bytes!("../testdata/frr-shortcut-bgp.pcap");
        let mut kinds = Vec::new();
        for packet in pcap::Reader::new(file).unwrap().packets() {
            let Ok(outer) = ip4::parse(&packet.unwrap().data[14..]) else { continue };
            let Ok(gre) = gre::parse(outer.payload()) else { continue };
            let Ok(inner) = ip4::parse(gre.payload) else { continue };
            if inner.protocol() != ip4::protocol::ICMP {
                continue;
            }
            let message = parse(inner.payload()).unwrap();
            let mut out = vec![0; LEN];
            out.extend(message.body);
            emit(&mut out, message.kind, message.code, message.rest).unwrap();
            assert_eq!(out, inner.payload());
            kinds.push(message.kind);
        }
        assert!(kinds.contains(&ECHO_REQUEST) && kinds.contains(&ECHO_REPLY));
    }

    #[test]
    fn faults_have_names() {
        let mut out = *b"________body";
        emit(&mut out, UNREACHABLE, FRAGMENTATION_NEEDED, [0, 0, 5, 120]).unwrap();
        for short in 0..LEN {
            assert_eq!(parse(&out[..short]), Err(Error::Truncated));
        }
        for bit in 0..out.len() * 8 {
            let mut flipped = out;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&flipped), Err(Error::Checksum));
        }
        assert_eq!(emit(&mut [0; 7], 0, 0, [0; 4]), None);
    }

    #[test]
    fn errors_are_no_queries() {
        for kind in [3, 4, 5, 11, 12, 1, 2, 255] {
            assert!(!is_query(kind), "{kind}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(kind: u8, code: u8, rest: [u8; 4], body in proptest::collection::vec(any::<u8>(), 0..99)) {
            let mut out = vec![0; LEN];
            out.extend(&body);
            emit(&mut out, kind, code, rest).unwrap();
            prop_assert_eq!(parse(&out), Ok(Message { kind, code, rest, body: &body }));
        }

        #[test]
        fn any_octets_are_safe(data in proptest::collection::vec(any::<u8>(), 0..20)) {
            let _ = parse(&data);
        }
    }
}
