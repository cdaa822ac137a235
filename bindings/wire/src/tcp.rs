//! TCP, as far as the maximum segment size option.
//!
//! ```text
//! RFC 9293 3.1
//! |          source port          |       destination port        |
//! |                        sequence number                        |
//! |                    acknowledgment number                      |
//! |offset | rsvd  | flags         |            window             |   offset in words; SYN is flag 0x02
//! |           checksum            |         urgent pointer        |
//! |                     options, 0 to 40 octets                   |   kind 0 end, 1 no-op, else kind, length, value
//! ```

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Octets of a header without options.
pub const LEN: usize = 20;
/// Flag: synchronize.
pub const FLAG_SYN: u8 = 0x02;
/// Flag: reset.
pub const FLAG_RST: u8 = 0x04;
/// Flag: acknowledgment.
pub const FLAG_ACK: u8 = 0x10;
/// Option: end of list.
pub const OPTION_END: u8 = 0;
/// Option: no operation.
pub const OPTION_NOP: u8 = 1;
/// Option: maximum segment size, of length 4.
pub const OPTION_MSS: u8 = 2;

/// The fixed part of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// From which port.
    pub source: U16,
    /// To which port.
    pub destination: U16,
    /// Sequence number.
    pub sequence: U32,
    /// Acknowledgment number.
    pub acknowledgment: U32,
    /// Header length in words in the upper four bits.
    pub offset: u8,
    /// [`FLAG_SYN`] and others.
    pub flags: u8,
    /// Window.
    pub window: U16,
    /// Over pseudo header, header and payload.
    pub checksum: U16,
    /// Urgent pointer.
    pub urgent: U16,
}
const _: () = assert!(size_of::<Header>() == LEN);

/// Why octets are no TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Fewer than twenty octets.
    #[error("shorter than its TCP header")]
    Truncated,
    /// Data offset below five words or beyond the segment.
    #[error("TCP data offset below 20 octets or beyond the segment")]
    DataOffset,
}

/// A segment whose lengths were checked; its checksum was not.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The fixed part of the header.
    pub header: &'a Header,
    /// The option octets.
    pub options: &'a [u8],
    /// The text.
    pub payload: &'a [u8],
}

/// Reads the payload of an IPv4 packet that is no later fragment.
#[inline]
pub fn parse(data: &[u8]) -> Result<Segment<'_>, Error> {
    let (header, rest) = Header::ref_from_prefix(data).map_err(|_| Error::Truncated)?;
    let options = (usize::from(header.offset >> 4) * 4).checked_sub(LEN).ok_or(Error::DataOffset)?;
    let (options, payload) = rest.split_at_checked(options).ok_or(Error::DataOffset)?;
    Ok(Segment { header, options, payload })
}

/// Where the value of the first well-formed MSS option stands within the segment's octets, and the value. A list that
/// is malformed before it has none.
#[inline]
pub fn find_mss(segment: &Segment<'_>) -> Option<(usize, u16)> {
    let mut rest = segment.options;
    loop {
        rest = match *rest {
            [OPTION_NOP, ref rest @ ..] => rest,
            [OPTION_MSS, 4, a, b, ref after @ ..] => {
                let at = LEN + segment.options.len() - after.len() - 2;
                return Some((at, u16::from_be_bytes([a, b])));
            }
            // An MSS option of another length is malformed, and so is the list (RFC 9293 3.2).
            [OPTION_END | OPTION_MSS, ..] => return None,
            // Length counts kind and length octets: below 2 the walk would not get ahead.
            [_, length @ 2..=255, ..] => rest.get(usize::from(length)..)?,
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gre, ip4, pcap};
    use proptest::prelude::*;

    /// A BGP session's SYN and SYN-ACK within GRE between two Linux guests.
    #[test]
    fn golden_syn() {
        let file = include_bytes!("../testdata/frr-uml.pcap");
        let mut found = Vec::new();
        for packet in pcap::Reader::new(file).unwrap().packets() {
            let data = packet.unwrap().data;
            let Ok(outer) = ip4::parse(&data[14..]) else { continue };
            let Ok(gre) = gre::parse(outer.payload()) else { continue };
            let Ok(inner) = ip4::parse(gre.payload) else { continue };
            if inner.protocol() != ip4::protocol::TCP {
                continue;
            }
            let segment = parse(inner.payload()).unwrap();
            assert_eq!(LEN + segment.options.len() + segment.payload.len(), inner.payload().len());
            if segment.header.flags & FLAG_SYN != 0 {
                found.push(find_mss(&segment).unwrap());
            }
        }
        assert!(!found.is_empty());
        assert!(found.iter().all(|found| *found == (22, 1360)), "{found:?}");
    }

    fn segment(options: &[u8]) -> Vec<u8> {
        let mut out = vec![0; LEN];
        out[12] = ((LEN + options.len()) * 4) as u8;
        out.extend(options);
        out
    }

    #[test]
    fn hostile_lists() {
        let mss = |options: &[u8]| find_mss(&parse(&segment(options)).unwrap());
        assert_eq!(mss(&[]), None);
        assert_eq!(mss(&[2, 4, 5, 0xb4]), Some((22, 1460)));
        assert_eq!(mss(&[1, 1, 1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 4, 5, 0xb4]), Some((38, 1460)));
        assert_eq!(mss(&[0, 1, 1, 1, 2, 4, 5, 0xb4]), None, "behind the end");
        assert_eq!(mss(&[3, 0, 1, 1]), None, "length 0");
        assert_eq!(mss(&[3, 1, 1, 1]), None, "length 1");
        assert_eq!(mss(&[3, 255, 1, 1]), None, "beyond the header");
        assert_eq!(mss(&[2, 3, 5, 1]), None, "MSS of length 3");
        assert_eq!(mss(&[2, 6, 5, 0xb4, 0, 0, 0, 0]), None, "MSS of length 6");
        assert_eq!(mss(&[1, 1, 2, 4]), None, "value missing");
        assert_eq!(mss(&[1, 1, 1, 2]), None, "length missing");
        assert_eq!(mss(&[2, 4, 1, 1, 2, 4, 2, 2]), Some((22, 257)), "the first counts");
    }

    #[test]
    fn faults_have_names() {
        let good = segment(&[1; 8]);
        for short in 0..LEN {
            assert_eq!(parse(&good[..short]).map(|_| ()).unwrap_err(), Error::Truncated);
        }
        for short in LEN..good.len() {
            assert_eq!(parse(&good[..short]).map(|_| ()).unwrap_err(), Error::DataOffset);
        }
        for words in 0..5u8 {
            let mut low = good.clone();
            low[12] = words << 4;
            assert_eq!(parse(&low).map(|_| ()).unwrap_err(), Error::DataOffset);
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_safe(data in proptest::collection::vec(0u8..12, 20..60), words in 0u8..16) {
            let mut data = data;
            data[12] = words << 4;
            if let Ok(segment) = parse(&data)
                && let Some((at, value)) = find_mss(&segment)
            {
                prop_assert_eq!(&data[at - 2..at + 2], &[2, 4, (value >> 8) as u8, value as u8]);
            }
        }
    }
}
