//! IPv4 headers.
//!
//! ```text
//! RFC 791 3.1
//!  0                   1                   2                   3
//! |Version|  IHL  |DSCP(6)    |ECN|          total length         |   DSCP RFC 2474, ECN RFC 3168
//! |         identification        |0 D M|    fragment offset / 8  |
//! |      TTL      |   protocol    |        header checksum        |
//! |                         source address                        |
//! |                      destination address                      |
//! |                    options, 0 to 40 octets                    |
//! ```

use crate::checksum;
use core::net::Ipv4Addr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Version 4 and a header without options.
const PLAIN: u8 = 0x45;
/// Octets of a header without options.
pub const LEN: usize = 20;
/// Octets of the longest header.
pub const MAX_HEADER: usize = 60;
/// Octets of the longest datagram.
pub const MAX_TOTAL: usize = 65_535;

/// Protocol numbers that the hub looks at.
pub mod protocol {
    /// RFC 792.
    pub const ICMP: u8 = 1;
    /// RFC 9293.
    pub const TCP: u8 = 6;
    /// RFC 768.
    pub const UDP: u8 = 17;
    /// RFC 2784.
    pub const GRE: u8 = 47;
    /// RFC 4303.
    pub const ESP: u8 = 50;
    /// RFC 4302.
    pub const AH: u8 = 51;
    /// RFC 2328.
    pub const OSPF: u8 = 89;
    /// RFC 3376.
    pub const IGMP: u8 = 2;
    /// RFC 7761.
    pub const PIM: u8 = 103;
}

/// Bit of the flags-and-offset word: do not fragment.
pub const FLAG_DF: u16 = 0x4000;
/// Bit of the flags-and-offset word: more fragments follow.
pub const FLAG_MF: u16 = 0x2000;
/// Bits of the flags-and-offset word that hold the offset, in units of eight octets.
pub const OFFSET_MASK: u16 = 0x1fff;
/// DSCP CS6 in its place in the TOS octet: what NHRP and routing protocols are sent with (RFC 4594 3.1).
pub const TOS_CS6: u8 = 0xc0;

/// The first twenty octets. A reference to one proves nothing about their content; [`parse`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    version_ihl: u8,
    tos: u8,
    total_len: U16,
    id: U16,
    flags_offset: U16,
    ttl: u8,
    protocol: u8,
    checksum: U16,
    source: [u8; 4],
    destination: [u8; 4],
}
const _: () = assert!(size_of::<Header>() == LEN);

/// Why octets are no IPv4 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Fewer than twenty octets, or fewer than the header length says.
    #[error("shorter than its IPv4 header")]
    Truncated,
    /// Version is not 4.
    #[error("IP version is not 4")]
    Version,
    /// Header length field below five words.
    #[error("IPv4 header length below 20 octets")]
    HeaderLength,
    /// Total length below the header's, or beyond the octets received.
    #[error("IPv4 total length shorter than the header or longer than the packet")]
    TotalLength,
    /// Header checksum does not add up.
    #[error("IPv4 header checksum wrong")]
    Checksum,
}

/// A packet whose header was checked.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    header: &'a Header,
    /// Exactly total-length octets.
    octets: &'a [u8],
    header_len: usize,
}

/// Checks version, lengths and checksum (RFC 1812 5.2.2). Octets behind the total length are left out of the packet:
/// Ethernet and ESP pad.
#[inline(always)]
pub fn parse(data: &[u8]) -> Result<Packet<'_>, Error> {
    // What nearly every packet has: a header without options, in as few steps as can be.
    if let Some(fixed) = data.first_chunk::<LEN>()
        && let Some(header) = Header::of(fixed)
        && header.version_ihl == PLAIN
        && let Some(octets) = data.get(..header.total_len.get().into())
        && octets.len() >= LEN
    {
        let good = checksum::sum20(fixed) == 0xffff;
        return if good { Ok(Packet { header, octets, header_len: LEN }) } else { Err(Error::Checksum) };
    }
    parse_other(data)
}

/// With options, or wrong.
#[cold]
#[inline(never)]
fn parse_other(data: &[u8]) -> Result<Packet<'_>, Error> {
    let packet = parse_unsummed(data)?;
    let good = packet.octets.get(..packet.header_len).is_some_and(checksum::verify);
    if good { Ok(packet) } else { Err(Error::Checksum) }
}

/// As [`parse`] without looking at the checksum: for packets whose sum the NIC verified, or the quote in an ICMP error.
#[inline(always)]
pub fn parse_unsummed(data: &[u8]) -> Result<Packet<'_>, Error> {
    let (header, _) = Header::ref_from_prefix(data).map_err(|_| Error::Truncated)?;
    if header.version_ihl >> 4 != 4 {
        return Err(Error::Version);
    }
    let header_len = header.header_len();
    if header_len < LEN {
        return Err(Error::HeaderLength);
    }
    if header_len > data.len() {
        return Err(Error::Truncated);
    }
    let total = usize::from(header.total_len.get());
    if total < header_len {
        return Err(Error::TotalLength);
    }
    let octets = data.get(..total).ok_or(Error::TotalLength)?;
    Ok(Packet { header, octets, header_len })
}

impl<'a> Packet<'a> {
    /// The fixed part of the header.
    #[inline(always)]
    pub fn header(&self) -> &'a Header {
        self.header
    }
    /// Octets of the header, 20 to 60.
    #[inline(always)]
    pub fn header_len(&self) -> usize {
        self.header_len
    }
    /// Octets of the packet.
    #[inline(always)]
    pub fn total_len(&self) -> usize {
        self.octets.len()
    }
    /// The option octets, a multiple of four.
    #[inline(always)]
    pub fn options(&self) -> &'a [u8] {
        self.octets.get(LEN..self.header_len).unwrap_or_default()
    }
    /// What follows the header, up to the total length.
    #[inline(always)]
    pub fn payload(&self) -> &'a [u8] {
        self.octets.get(self.header_len..).unwrap_or_default()
    }
    /// The packet, header included, up to the total length.
    #[inline(always)]
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

impl core::ops::Deref for Packet<'_> {
    type Target = Header;
    #[inline(always)]
    fn deref(&self) -> &Header {
        self.header
    }
}

impl Header {
    /// The header at the start of `data`, unchecked.
    #[inline(always)]
    pub fn of(data: &[u8]) -> Option<&Self> {
        Self::ref_from_prefix(data).ok().map(|(header, _)| header)
    }
    /// The header at the start of `data`, unchecked, to be changed in place.
    #[inline(always)]
    pub fn of_mut(data: &mut [u8]) -> Option<&mut Self> {
        Self::mut_from_prefix(data).ok().map(|(header, _)| header)
    }
    /// The header as it goes on the wire.
    #[inline(always)]
    pub fn octets(&self) -> [u8; LEN] {
        zerocopy::transmute!(*self)
    }
    /// Octets of the header by its length field: 0 to 60.
    #[inline(always)]
    pub fn header_len(&self) -> usize {
        usize::from(self.version_ihl & 0x0f) * 4
    }
    /// DSCP and ECN together.
    #[inline(always)]
    pub fn tos(&self) -> u8 {
        self.tos
    }
    /// DSCP, 0 to 63.
    #[inline(always)]
    pub fn dscp(&self) -> u8 {
        self.tos >> 2
    }
    /// ECN field, 0 to 3.
    #[inline(always)]
    pub fn ecn(&self) -> u8 {
        self.tos & 3
    }
    /// Total length field in octets.
    #[inline(always)]
    pub fn total_len_field(&self) -> u16 {
        self.total_len.get()
    }
    /// Identification.
    #[inline(always)]
    pub fn id(&self) -> u16 {
        self.id.get()
    }
    /// Flags and offset as one word: see [`FLAG_DF`], [`FLAG_MF`], [`OFFSET_MASK`].
    #[inline(always)]
    pub fn flags_offset(&self) -> u16 {
        self.flags_offset.get()
    }
    /// Whether the packet must not be fragmented.
    #[inline(always)]
    pub fn dont_fragment(&self) -> bool {
        self.flags_offset() & FLAG_DF != 0
    }
    /// Whether more fragments follow.
    #[inline(always)]
    pub fn more_fragments(&self) -> bool {
        self.flags_offset() & FLAG_MF != 0
    }
    /// Where the payload stands in the whole datagram's, in octets.
    #[inline(always)]
    pub fn fragment_offset(&self) -> usize {
        usize::from(self.flags_offset() & OFFSET_MASK) * 8
    }
    /// Whether it is a part of a datagram, first or not.
    #[inline(always)]
    pub fn is_fragment(&self) -> bool {
        self.flags_offset() & (FLAG_MF | OFFSET_MASK) != 0
    }
    /// Time to live.
    #[inline(always)]
    pub fn ttl(&self) -> u8 {
        self.ttl
    }
    /// What the payload is: see [`protocol`].
    #[inline(always)]
    pub fn protocol(&self) -> u8 {
        self.protocol
    }
    /// Header checksum field.
    #[inline(always)]
    pub fn checksum(&self) -> u16 {
        self.checksum.get()
    }
    /// Source address.
    #[inline(always)]
    pub fn source(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(self.source)
    }
    /// Destination address.
    #[inline(always)]
    pub fn destination(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(self.destination)
    }

    // Each setter keeps a right checksum right, and a wrong one wrong, by RFC 1624.

    /// Sets DSCP and ECN.
    #[inline(always)]
    pub fn set_tos(&mut self, tos: u8) {
        let high = u16::from(self.version_ihl) << 8;
        self.amend(high | u16::from(self.tos), high | u16::from(tos));
        self.tos = tos;
    }
    /// Sets the ECN field; only the low two bits of `ecn` count.
    #[inline(always)]
    pub fn set_ecn(&mut self, ecn: u8) {
        self.set_tos(self.tos & !3 | ecn & 3);
    }
    /// Sets the total length in octets.
    #[inline(always)]
    pub fn set_total_len(&mut self, octets: u16) {
        self.amend(self.total_len.get(), octets);
        self.total_len.set(octets);
    }
    /// Sets the identification.
    #[inline(always)]
    pub fn set_id(&mut self, id: u16) {
        self.amend(self.id.get(), id);
        self.id.set(id);
    }
    /// Sets the word of flags and offset.
    #[inline(always)]
    pub fn set_flags_offset(&mut self, word: u16) {
        self.amend(self.flags_offset.get(), word);
        self.flags_offset.set(word);
    }
    /// Sets the time to live.
    #[inline(always)]
    pub fn set_ttl(&mut self, ttl: u8) {
        let low = u16::from(self.protocol);
        self.amend(u16::from(self.ttl) << 8 | low, u16::from(ttl) << 8 | low);
        self.ttl = ttl;
    }
    /// Takes one hop off the time to live. `None`: it is 0 or 1 and the packet ends here (RFC 1812 5.3.1), unchanged.
    #[inline(always)]
    pub fn decrement_ttl(&mut self) -> Option<()> {
        if self.ttl <= 1 {
            return None;
        }
        self.ttl -= 1;
        // RFC 1624 eqn. 3 for m' = m - 0x0100: ~m + m' is the same for every m.
        self.checksum.set(!checksum::add(!self.checksum.get(), !0x0100));
        Some(())
    }

    #[inline(always)]
    fn amend(&mut self, old: u16, new: u16) {
        self.checksum.set(checksum::update16(self.checksum.get(), old, new));
    }
}

/// What a new header is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// DSCP and ECN.
    pub tos: u8,
    /// Octets of header and payload.
    pub total_len: u16,
    /// Identification.
    pub id: u16,
    /// [`FLAG_DF`], [`FLAG_MF`] and the offset.
    pub flags_offset: u16,
    /// Time to live.
    pub ttl: u8,
    /// Payload protocol.
    pub protocol: u8,
    /// From whom.
    pub source: Ipv4Addr,
    /// To whom.
    pub destination: Ipv4Addr,
}

impl Fields {
    /// A header without options, its checksum right.
    #[inline]
    pub fn header(&self) -> Header {
        let mut header = Header {
            version_ihl: 0x45,
            tos: self.tos,
            total_len: U16::new(self.total_len),
            id: U16::new(self.id),
            flags_offset: U16::new(self.flags_offset),
            ttl: self.ttl,
            protocol: self.protocol,
            checksum: U16::ZERO,
            source: self.source.octets(),
            destination: self.destination.octets(),
        };
        header.checksum.set(checksum::checksum(header.as_bytes()));
        header
    }

    /// Writes [`Fields::header`] at the start of `out`; `None`: no room, nothing written.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        self.header().write_to_prefix(out).ok()?;
        Some(LEN)
    }
}

/// Computes the checksum of the header (options included) at the start of `data` anew; `None`: no header there.
#[inline]
pub fn fill_checksum(data: &mut [u8]) -> Option<()> {
    let header_len = Header::of(data)?.header_len();
    if header_len < LEN {
        return None;
    }
    let octets = data.get_mut(..header_len)?;
    let header = Header::of_mut(octets)?;
    header.checksum.set(0);
    let sum = checksum::checksum(octets);
    Header::of_mut(octets)?.checksum.set(sum);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Outer header of a Cisco registration (`NHRP_registration.pcap`, first packet).
    fn cisco() -> Vec<u8> {
        let capture = crate::pcap::Reader::new(include_bytes!("../testdata/NHRP_registration.pcap")).unwrap();
        capture.packets().next().unwrap().unwrap().data[18..].to_vec()
    }

    #[test]
    fn golden_parse_and_emit() {
        let octets = cisco();
        let packet = parse(&octets).unwrap();
        assert_eq!((packet.tos(), packet.ttl(), packet.protocol()), (TOS_CS6, 255, protocol::GRE));
        assert_eq!(packet.header_len(), LEN);
        assert!(!packet.is_fragment() && !packet.dont_fragment());
        assert_eq!(&packet.payload()[..4], [0x20, 0x00, 0x20, 0x01]);
        let fields = Fields {
            tos: packet.tos(),
            total_len: packet.total_len_field(),
            id: packet.id(),
            flags_offset: packet.flags_offset(),
            ttl: packet.ttl(),
            protocol: packet.protocol(),
            source: packet.source(),
            destination: packet.destination(),
        };
        let mut out = [0; LEN];
        assert_eq!(fields.emit(&mut out), Some(LEN));
        assert_eq!(out, octets[..LEN]);
        assert_eq!(fields.emit(&mut out[..LEN - 1]), None);
    }

    #[test]
    fn each_fault_has_its_error() {
        let good = cisco();
        let total = parse(&good).unwrap().total_len();
        let broken = |at: usize, value: u8| {
            let mut octets = good.clone();
            octets[at] = value;
            parse(&octets).map(|_| ()).unwrap_err()
        };
        for short in 0..LEN {
            assert_eq!(parse(&good[..short]).map(|_| ()).unwrap_err(), Error::Truncated);
        }
        for short in LEN..total {
            assert_eq!(parse(&good[..short]).map(|_| ()).unwrap_err(), Error::TotalLength);
        }
        assert_eq!(broken(0, 0x65), Error::Version);
        assert_eq!(broken(0, 0x44), Error::HeaderLength);
        assert_eq!(broken(0, 0x40), Error::HeaderLength);
        assert_eq!(broken(10, !good[10]), Error::Checksum);
        assert_eq!(parse(&[0x4f; 59]).map(|_| ()).unwrap_err(), Error::Truncated);
        let mut zero_total = good.clone();
        zero_total[2..4].fill(0);
        assert_eq!(parse(&zero_total).map(|_| ()).unwrap_err(), Error::TotalLength);
        zero_total[3] = 19;
        assert_eq!(parse(&zero_total).map(|_| ()).unwrap_err(), Error::TotalLength);
    }

    #[test]
    fn padding_is_left_out() {
        let mut octets = cisco();
        let total = parse(&octets).unwrap().total_len();
        octets.extend([0xee; 7]);
        assert_eq!(parse(&octets).unwrap().octets().len(), total);
    }

    #[test]
    fn ttl_ends_at_one() {
        let mut octets = cisco();
        let header = Header::of_mut(&mut octets).unwrap();
        for left in (1..255).rev() {
            header.decrement_ttl().unwrap();
            assert_eq!(header.ttl(), left);
        }
        assert_eq!(header.decrement_ttl(), None);
        assert_eq!(header.ttl(), 1);
        assert!(parse(&octets).is_ok());
    }

    fn fields() -> impl Strategy<Value = Fields> {
        (any::<(u8, u16, u16, u16, u8, u8)>(), any::<([u8; 4], [u8; 4])>()).prop_map(
            |((tos, total_len, id, flags_offset, ttl, protocol), (source, destination))| Fields {
                tos,
                total_len: total_len.max(20),
                id,
                flags_offset,
                ttl,
                protocol,
                source: source.into(),
                destination: destination.into(),
            },
        )
    }

    proptest! {
        #[test]
        fn round_trip(fields in fields()) {
            let mut octets = vec![0; usize::from(fields.total_len)];
            fields.emit(&mut octets).unwrap();
            let packet = parse(&octets).unwrap();
            prop_assert_eq!(packet.tos(), fields.tos);
            prop_assert_eq!(packet.total_len(), usize::from(fields.total_len));
            prop_assert_eq!(packet.id(), fields.id);
            prop_assert_eq!(packet.flags_offset(), fields.flags_offset);
            prop_assert_eq!(packet.fragment_offset(), usize::from(fields.flags_offset & 0x1fff) * 8);
            prop_assert_eq!((packet.ttl(), packet.protocol()), (fields.ttl, fields.protocol));
            prop_assert_eq!((packet.source(), packet.destination()), (fields.source, fields.destination));
        }

        #[test]
        fn setters_keep_the_checksum(fields in fields(), tos: u8, ecn: u8, id: u16, word: u16, ttl: u8) {
            let mut octets = vec![0; 65_535];
            fields.emit(&mut octets).unwrap();
            let header = Header::of_mut(&mut octets).unwrap();
            header.set_tos(tos);
            header.set_ecn(ecn);
            header.set_id(id);
            header.set_flags_offset(word);
            header.set_ttl(ttl);
            let _ = header.decrement_ttl();
            header.set_total_len(40);
            let updated = octets[10..12].to_vec();
            prop_assert!(parse(&octets).is_ok());
            fill_checksum(&mut octets).unwrap();
            prop_assert_eq!(updated, &octets[10..12]);
        }

        #[test]
        fn any_octets_are_safe(mut data in proptest::collection::vec(any::<u8>(), 0..100), plausible: bool) {
            if plausible && !data.is_empty() {
                data[0] = 0x40 | data[0] & 0x0f;
            }
            if let Ok(packet) = parse_unsummed(&data) {
                prop_assert_eq!(LEN + packet.options().len() + packet.payload().len(), packet.total_len());
            }
            let _ = parse(&data);
            let _ = fill_checksum(&mut data);
        }
    }
}
