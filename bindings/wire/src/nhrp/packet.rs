//! A checked packet.

use super::checksum::{ChecksumRule, verify};
use super::cie::{Cie, CieIter};
use super::cursor::Cursor;
use super::error::ParseError;
use super::extension::{self, Extension, ExtensionIter, ExtensionType};
use super::header::Header;
use super::types::{AddressFamily, ErrorCode, Flags, PacketType, Protocol};
use super::{Authentication, FIXED_LEN, MANDATORY_LEN};
use std::net::{IpAddr, Ipv4Addr};
use zerocopy::FromBytes;

/// A packet that kept every rule of the format. Borrows the received octets.
#[derive(Clone, Copy)]
pub struct Packet<'a> {
    octets: &'a [u8],
    header: &'a Header,
    family: AddressFamily,
    protocol: Protocol,
    kind: PacketType,
    /// Flags, or the unused half of types 7 and 8.
    flags: u16,
    /// Request id; of types 7 and 8 code and offset.
    word: [u8; 4],
    source_nbma: IpAddr,
    source_protocol: IpAddr,
    destination_protocol: IpAddr,
    body: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Checks everything. Octets after ar$pktsz are ignored, as are octets after the End extension.
    pub fn parse(octets: &'a [u8], rule: ChecksumRule) -> Result<Self, ParseError> {
        let have = octets.len();
        let least = FIXED_LEN + MANDATORY_LEN;
        let Ok((header, _)) = Header::ref_from_prefix(octets) else {
            return Err(ParseError::Truncated { have, need: least });
        };
        if have < least {
            return Err(ParseError::Truncated { have, need: least });
        }
        let size = header.size.get();
        if usize::from(size) < least {
            return Err(ParseError::SizeTooSmall { size, need: least });
        }
        let octets = octets.get(..usize::from(size)).ok_or(ParseError::SizeBeyondEnd { size, have })?;
        if !verify(octets, rule) {
            return Err(ParseError::Checksum);
        }
        let checked = header.check()?;
        Self::mandatory(octets, header, checked)
    }

    fn mandatory(
        octets: &'a [u8],
        header: &'a Header,
        super::header::Checked { family, protocol, kind }: super::header::Checked,
    ) -> Result<Self, ParseError> {
        let size = header.size.get();
        let mut cursor = Cursor(octets.get(FIXED_LEN..).unwrap_or_default());
        let need = FIXED_LEN + MANDATORY_LEN + family.address_len() + 2 * protocol.address_len();
        let small = ParseError::SizeTooSmall { size, need };
        let [source_len, destination_len, f0, f1, word @ ..] =
            cursor.array::<MANDATORY_LEN>().ok_or(small)?;
        if usize::from(source_len) != protocol.address_len() {
            return Err(ParseError::SourceProtocolLength(source_len));
        }
        if usize::from(destination_len) != protocol.address_len() {
            return Err(ParseError::DestinationProtocolLength(destination_len));
        }
        let mut address = |len| cursor.address(len).flatten().ok_or(small);
        let source_nbma = address(family.address_len())?;
        let source_protocol = address(protocol.address_len())?;
        let destination_protocol = address(protocol.address_len())?;
        let (body, extensions) = split(octets, need, header.extension_offset.get())?;
        if kind.has_cies() {
            CieIter::check(body, family, protocol)?;
        }
        extension::check(extensions, family, protocol)?;
        Ok(Self {
            octets,
            header,
            family,
            protocol,
            kind,
            flags: u16::from_be_bytes([f0, f1]),
            word,
            source_nbma,
            source_protocol,
            destination_protocol,
            body,
            extensions,
        })
    }

    /// The packet from ar$afn to ar$pktsz.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The fixed part.
    pub fn header(&self) -> &'a Header {
        self.header
    }

    /// ar$op.type.
    pub fn kind(&self) -> PacketType {
        self.kind
    }

    /// Family of the NBMA addresses.
    pub fn family(&self) -> AddressFamily {
        self.family
    }

    /// Protocol of the protocol addresses.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// ar$hopcnt.
    pub fn hop_count(&self) -> u8 {
        self.header.hop_count
    }

    /// Flags of types 1 to 6; of 7 and 8 the unused field at their place.
    pub fn flags(&self) -> Flags {
        Flags(self.flags)
    }

    /// Request id of types 1 to 6.
    pub fn request_id(&self) -> u32 {
        u32::from_be_bytes(self.word)
    }

    /// Error code of type 7.
    pub fn error_code(&self) -> ErrorCode {
        let [a, b, ..] = self.word;
        ErrorCode(u16::from_be_bytes([a, b]))
    }

    /// Error offset of type 7: which octet of the offending packet is at fault.
    pub fn error_offset(&self) -> u16 {
        let [.., c, d] = self.word;
        u16::from_be_bytes([c, d])
    }

    /// Traffic code of type 8; 0: redirect.
    pub fn traffic_code(&self) -> u16 {
        self.error_code().0
    }

    /// Source NBMA address: what the sender believes its own to be.
    pub fn source_nbma(&self) -> IpAddr {
        self.source_nbma
    }

    /// Source protocol address.
    pub fn source_protocol(&self) -> IpAddr {
        self.source_protocol
    }

    /// Destination protocol address.
    pub fn destination_protocol(&self) -> IpAddr {
        self.destination_protocol
    }

    /// Source NBMA, source protocol and destination protocol address, if all are IPv4.
    pub fn ipv4_addresses(&self) -> Option<(Ipv4Addr, Ipv4Addr, Ipv4Addr)> {
        match (self.source_nbma, self.source_protocol, self.destination_protocol) {
            (IpAddr::V4(nbma), IpAddr::V4(source), IpAddr::V4(destination)) => {
                Some((nbma, source, destination))
            }
            _ => None,
        }
    }

    /// What follows the addresses up to the extensions: entries, the offending packet or the excerpt of a data packet.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The client information entries; none of types 7 and 8.
    pub fn cies(&self) -> CieIter<'a> {
        let list = if self.kind.has_cies() { self.body } else { &[] };
        CieIter::new(list, self.family, self.protocol)
    }

    /// The extensions part as it is: End, and what may follow it, included.
    pub fn extension_octets(&self) -> &'a [u8] {
        self.extensions
    }

    /// The extensions without End.
    pub fn extensions(&self) -> ExtensionIter<'a> {
        ExtensionIter(Cursor(self.extensions))
    }

    /// Whether there is an extensions part at all.
    pub fn has_extensions(&self) -> bool {
        self.header.extension_offset.get() != 0
    }

    /// The first extension of a type.
    pub fn extension(&self, kind: ExtensionType) -> Option<Extension<'a>> {
        self.extensions().find(|extension| extension.kind == kind)
    }

    /// The entries of an extension that is a list; none of another.
    pub fn list(&self, extension: &Extension<'a>) -> impl Iterator<Item = Cie> + use<'a> {
        let list = if extension.is_list() { extension.value } else { &[] };
        CieIter::new(list, self.family, self.protocol)
    }

    /// The authentication extension.
    pub fn authentication(&self) -> Option<Authentication<'a>> {
        Authentication::parse(self.extension(ExtensionType::Authentication)?.value)
    }

    /// The first compulsory extension that this implementation does not act on.
    pub fn unknown_compulsory(&self) -> Option<ExtensionType> {
        self.extensions().find(|e| e.compulsory && !e.kind.is_known()).map(|e| e.kind)
    }
}

/// What it is and between whom, and none of its octets: the password is among them.
impl std::fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, source_nbma, source_protocol, destination_protocol, .. } = self;
        let size = self.octets.len();
        write!(
            f,
            "{kind:?} of {size} octets from {source_protocol} at {source_nbma} to {destination_protocol}"
        )
    }
}

/// Divides what follows the addresses. ar$extoff equal to the size leaves no room for any extension: refused.
fn split(octets: &[u8], addresses_end: usize, offset: u16) -> Result<(&[u8], &[u8]), ParseError> {
    let rest = octets.get(addresses_end..).unwrap_or_default();
    if offset == 0 {
        return Ok((rest, &[]));
    }
    let body_len = usize::from(offset).checked_sub(addresses_end);
    let body_len = body_len.ok_or(ParseError::ExtensionOffsetTooSmall(offset))?;
    match rest.split_at_checked(body_len) {
        Some((body, extensions)) if !extensions.is_empty() => Ok((body, extensions)),
        _ => Err(ParseError::ExtensionOffsetBeyondEnd(offset)),
    }
}
