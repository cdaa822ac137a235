//! Ethernet II with an optional 802.1Q tag.
//!
//! ```text
//!  0                   1                   2                   3
//! |             destination (6)                   | source (6) ...
//! |            ... source         |  0x8100 | PCP DEI VID(12)  |   the tag, when there is one (802.1Q 9.3)
//! |          EtherType            |
//! ```

use core::fmt;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// EtherType of IPv4.
pub const TYPE_IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const TYPE_ARP: u16 = 0x0806;
/// EtherType of an 802.1Q tag.
pub const TYPE_VLAN: u16 = 0x8100;
/// EtherType of IPv6.
pub const TYPE_IPV6: u16 = 0x86dd;
/// Octets of an untagged header.
pub const LEN: usize = 14;
/// Octets of a tagged header.
pub const LEN_TAGGED: usize = 18;
/// Octets of the shortest frame without its FCS: what a port pads to.
pub const MIN_FRAME: usize = 60;

/// A 48-bit station address.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// All stations.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Whether it names a group (broadcast included): the I/G bit.
    #[inline(always)]
    pub fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// The group address that carries an IPv4 multicast group (RFC 1112 6.4).
    pub fn for_multicast(group: core::net::Ipv4Addr) -> Self {
        let [_, b, c, d] = group.octets();
        Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The untagged header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// To whom.
    pub destination: Mac,
    /// From whom.
    pub source: Mac,
    /// What follows, or [`TYPE_VLAN`].
    pub ethertype: U16,
}
const _: () = assert!(size_of::<Header>() == LEN);

/// The tagged header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct TaggedHeader {
    /// To whom.
    pub destination: Mac,
    /// From whom.
    pub source: Mac,
    /// [`TYPE_VLAN`].
    pub tpid: U16,
    /// Priority (3 bits), drop eligible (1), VLAN id (12).
    pub tci: U16,
    /// What follows the tag.
    pub ethertype: U16,
}
const _: () = assert!(size_of::<TaggedHeader>() == LEN_TAGGED);

/// Why a frame has no readable header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Shorter than its header.
    #[error("frame shorter than its Ethernet header")]
    Truncated,
}

/// What a frame's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// To whom.
    pub destination: Mac,
    /// From whom.
    pub source: Mac,
    /// VLAN id of the outermost tag; 0 is a priority tag (802.1Q 9.6), which belongs to the untagged LAN.
    pub vlan: Option<u16>,
    /// What follows the tag; a second tag is left standing here as [`TYPE_VLAN`].
    pub ethertype: u16,
    /// Octets before the payload: 14 or 18.
    pub header_len: usize,
}

/// Reads the header and one tag.
#[inline(always)]
pub fn parse(frame: &[u8]) -> Result<Frame, Error> {
    let (header, _) = Header::ref_from_prefix(frame).map_err(|_| Error::Truncated)?;
    let ethertype = header.ethertype.get();
    if ethertype != TYPE_VLAN {
        return Ok(Frame {
            destination: header.destination,
            source: header.source,
            vlan: None,
            ethertype,
            header_len: LEN,
        });
    }
    let (header, _) = TaggedHeader::ref_from_prefix(frame).map_err(|_| Error::Truncated)?;
    Ok(Frame {
        destination: header.destination,
        source: header.source,
        vlan: Some(header.tci.get() & 0x0fff),
        ethertype: header.ethertype.get(),
        header_len: LEN_TAGGED,
    })
}

/// Octets that [`emit`] writes.
#[inline(always)]
pub fn emitted_len(vlan: Option<u16>) -> usize {
    if vlan.is_some() { LEN_TAGGED } else { LEN }
}

/// Writes a header at the start of `out` and says how long it is; `None`: no room, nothing written.
#[inline(always)]
pub fn emit(
    out: &mut [u8],
    destination: Mac,
    source: Mac,
    vlan: Option<u16>,
    ethertype: u16,
) -> Option<usize> {
    let ethertype = U16::new(ethertype);
    match vlan {
        None => Header { destination, source, ethertype }.write_to_prefix(out).ok()?,
        Some(vlan) => {
            let (tpid, tci) = (U16::new(TYPE_VLAN), U16::new(vlan & 0x0fff));
            TaggedHeader { destination, source, tpid, tci, ethertype }.write_to_prefix(out).ok()?;
        }
    }
    Some(emitted_len(vlan))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// First octets of a Cisco registration on VLAN 10 (`NHRP_registration.pcap`).
    #[test]
    fn golden_tagged() {
        let capture = crate::pcap::Reader::new(include_bytes!("../testdata/NHRP_registration.pcap")).unwrap();
        let packet = capture.packets().next().unwrap().unwrap();
        let frame = parse(packet.data).unwrap();
        assert_eq!(frame.ethertype, TYPE_IPV4);
        assert_eq!(frame.header_len, LEN_TAGGED);
        let mut out = [0; LEN_TAGGED];
        assert_eq!(
            emit(&mut out, frame.destination, frame.source, frame.vlan, frame.ethertype),
            Some(LEN_TAGGED)
        );
        assert_eq!(out, packet.data[..LEN_TAGGED]);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let mut out = [0; LEN_TAGGED];
        for vlan in [None, Some(7)] {
            let len =
                emit(&mut out, Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]), vlan, TYPE_IPV4).unwrap();
            for short in 0..len {
                assert_eq!(parse(&out[..short]), Err(Error::Truncated));
                assert_eq!(emit(&mut vec![0; short], Mac::BROADCAST, Mac::BROADCAST, vlan, 0), None);
            }
        }
    }

    #[test]
    fn a_second_tag_is_left_alone() {
        let mut out = [0; 22];
        emit(&mut out, Mac::BROADCAST, Mac::BROADCAST, Some(7), TYPE_VLAN);
        assert_eq!(parse(&out).unwrap().ethertype, TYPE_VLAN);
    }

    #[test]
    fn multicast_mapping_drops_the_ninth_bit() {
        assert_eq!(Mac::for_multicast([239, 129, 2, 3].into()), Mac([1, 0, 0x5e, 1, 2, 3]));
        assert!(Mac::for_multicast([224, 0, 0, 5].into()).is_group());
        assert_eq!(Mac([2, 0, 0xab, 0, 0, 1]).to_string(), "02:00:ab:00:00:01");
    }

    proptest! {
        #[test]
        fn round_trip(d: [u8; 6], s: [u8; 6], vlan in proptest::option::of(0u16..4096), ethertype: u16) {
            prop_assume!(vlan.is_some() || ethertype != TYPE_VLAN);
            let mut out = [0; LEN_TAGGED];
            let header_len = emit(&mut out, Mac(d), Mac(s), vlan, ethertype).unwrap();
            let expected = Frame { destination: Mac(d), source: Mac(s), vlan, ethertype, header_len };
            prop_assert_eq!(parse(&out[..header_len]), Ok(expected));
        }

        #[test]
        fn any_octets_are_safe(data in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(frame) = parse(&data) {
                prop_assert!(frame.header_len <= data.len());
            }
        }
    }
}
