//! The fixed part (RFC 2332 5.1).

use super::error::ParseError;
use super::types::{AddressFamily, PacketType, Protocol};
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The fixed part as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Header {
    /// ar$afn: address family of the NBMA addresses.
    pub afn: U16,
    /// ar$pro.type: protocol of the protocol addresses.
    pub protocol: U16,
    /// ar$pro.snap: 0, not looked at unless ar$pro.type is 0x80, which is refused.
    pub snap: [u8; 5],
    /// ar$hopcnt: how many more times the packet may be forwarded.
    pub hop_count: u8,
    /// ar$pktsz: octets from ar$afn to the end.
    pub size: U16,
    /// ar$chksum.
    pub checksum: U16,
    /// ar$extoff: where extensions begin, from ar$afn; 0: none.
    pub extension_offset: U16,
    /// ar$op.version: 1.
    pub version: u8,
    /// ar$op.type.
    pub kind: u8,
    /// ar$shtl: type and length of the source NBMA address.
    pub shtl: u8,
    /// ar$sstl: type and length of the source NBMA subaddress.
    pub sstl: u8,
}

const _: () = assert!(size_of::<Header>() == super::FIXED_LEN);

/// ar$op.version of NHRP; 0 is MARS.
pub(super) const VERSION: u8 = 1;

/// What the fixed part says once it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checked {
    pub(super) family: AddressFamily,
    pub(super) protocol: Protocol,
    pub(super) kind: PacketType,
}

impl Header {
    /// Checks every field but size, checksum and extension offset, which concern the whole packet.
    pub(super) fn check(&self) -> Result<Checked, ParseError> {
        if self.version != VERSION {
            return Err(ParseError::Version(self.version));
        }
        let kind = PacketType::from_wire(self.kind).ok_or(ParseError::Type(self.kind))?;
        let family = match self.afn.get() {
            1 => AddressFamily::Ipv4,
            2 => AddressFamily::Ipv6,
            other => return Err(ParseError::AddressFamily(other)),
        };
        // The long form (0x0080 with the Ethertype in ar$pro.snap) MUST NOT be used where a short one exists (5.1).
        let protocol = match self.protocol.get() {
            0x0800 => Protocol::Ipv4,
            0x86dd => Protocol::Ipv6,
            other => return Err(ParseError::Protocol(other)),
        };
        // Type (bit 6) and reserved bit (bit 7) must be clear: an NBMA address in NSAP form is a plain IP address.
        if usize::from(self.shtl) != family.address_len() {
            return Err(ParseError::SourceNbmaLength(self.shtl));
        }
        if self.sstl != 0 {
            return Err(ParseError::SourceSubaddress(self.sstl));
        }
        Ok(Checked { family, protocol, kind })
    }
}
