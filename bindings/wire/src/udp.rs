//! UDP over IPv4.
//!
//! ```text
//! RFC 768
//! |          source port          |       destination port        |
//! |            length             |           checksum            |   checksum 0: none was computed
//! ```

use crate::checksum;
use crate::ip4::protocol;
use core::net::Ipv4Addr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Octets of the header.
pub const LEN: usize = 8;

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// From which port.
    pub source: U16,
    /// To which port.
    pub destination: U16,
    /// Octets of header and payload.
    pub length: U16,
    /// Over pseudo header, header and payload; zero: none.
    pub checksum: U16,
}
const _: () = assert!(size_of::<Header>() == LEN);

/// Why octets are no UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Fewer than eight octets.
    #[error("shorter than its UDP header")]
    Truncated,
    /// Length field below eight or beyond the IP payload.
    #[error("UDP length shorter than the header or longer than the packet")]
    Length,
    /// Checksum present and wrong.
    #[error("UDP checksum wrong")]
    Checksum,
}

/// A datagram whose lengths were checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// From which port.
    pub source: u16,
    /// To which port.
    pub destination: u16,
    /// What is carried, without octets behind the length field's end.
    pub payload: &'a [u8],
}

/// Reads the payload of a whole (not fragmented) IPv4 packet between the two addresses.
#[inline]
pub fn parse(data: &[u8], from: Ipv4Addr, to: Ipv4Addr) -> Result<Datagram<'_>, Error> {
    let (header, _) = Header::ref_from_prefix(data).map_err(|_| Error::Truncated)?;
    let length = header.length.get();
    let octets = data.get(..usize::from(length)).ok_or(Error::Length)?;
    let payload = octets.get(LEN..).ok_or(Error::Length)?;
    if header.checksum.get() != 0 {
        let pseudo = checksum::pseudo(from, to, protocol::UDP, length);
        if checksum::add(pseudo, checksum::sum(octets)) != 0xffff {
            return Err(Error::Checksum);
        }
    }
    Ok(Datagram { source: header.source.get(), destination: header.destination.get(), payload })
}

/// Writes the header for the payload that stands behind it: `out` is header room and payload. `None`: shorter than a
/// header or longer than a datagram, nothing written.
pub fn emit(out: &mut [u8], source: u16, destination: u16, from: Ipv4Addr, to: Ipv4Addr) -> Option<()> {
    let length = u16::try_from(out.len()).ok()?;
    let mut header = Header {
        source: U16::new(source),
        destination: U16::new(destination),
        length: U16::new(length),
        checksum: U16::ZERO,
    };
    header.write_to_prefix(out).ok()?;
    let pseudo = checksum::pseudo(from, to, protocol::UDP, length);
    let sum = !checksum::add(pseudo, checksum::sum(out));
    // A computed zero is sent as all ones, which means the same.
    header.checksum.set(if sum == 0 { 0xffff } else { sum });
    header.write_to_prefix(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ip4, pcap};
    use proptest::prelude::*;

    /// IKE and ESP in UDP.
    #[test]
    fn golden_parse_and_emit() {
        let file = include_bytes!("../testdata/isakmp4500.pcap");
        let mut seen = 0;
        for packet in pcap::Reader::new(file).unwrap().packets() {
            let Ok(ip) = ip4::parse(&packet.unwrap().data[14..]) else { continue };
            if ip.is_fragment() || ip.protocol() != protocol::UDP {
                continue;
            }
            let udp = parse(ip.payload(), ip.source(), ip.destination()).unwrap();
            let mut out = vec![0; LEN];
            out.extend(udp.payload);
            emit(&mut out, udp.source, udp.destination, ip.source(), ip.destination()).unwrap();
            // Linux sends ESP in UDP without a checksum (RFC 3948 2.1).
            if ip.payload()[6..8] != [0, 0] {
                assert_eq!(out, ip.payload());
                seen += 1;
            }
        }
        assert!(seen > 0);
    }

    #[test]
    fn faults_have_names() {
        let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let mut out = *b"________payload";
        emit(&mut out, 1, 2, a, b).unwrap();
        assert_eq!(parse(&out, a, b).unwrap().payload, b"payload");
        for short in 0..LEN {
            assert_eq!(parse(&out[..short], a, b), Err(Error::Truncated));
        }
        assert_eq!(parse(&out[..14], a, b), Err(Error::Length));
        for bit in (0..32).chain(64..out.len() * 8) {
            let mut flipped = out;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&flipped, a, b), Err(Error::Checksum));
        }
        assert_eq!(parse(&out, a, Ipv4Addr::LOCALHOST), Err(Error::Checksum));
        out[4..6].copy_from_slice(&[0, 7]);
        assert_eq!(parse(&out, a, b), Err(Error::Length));
        assert_eq!(emit(&mut [0; 7], 1, 2, a, b), None);
        assert_eq!(emit(&mut vec![0; 65_536], 1, 2, a, b), None);
    }

    proptest! {
        #[test]
        fn round_trip(ports: (u16, u16), from: u32, to: u32, payload in proptest::collection::vec(any::<u8>(), 0..99)) {
            let mut out = vec![0; LEN];
            out.extend(&payload);
            emit(&mut out, ports.0, ports.1, from.into(), to.into()).unwrap();
            let expected = Datagram { source: ports.0, destination: ports.1, payload: &payload };
            prop_assert_eq!(parse(&out, from.into(), to.into()), Ok(expected));
        }

        #[test]
        fn any_octets_are_safe(data in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(&data, Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST);
        }
    }
}
