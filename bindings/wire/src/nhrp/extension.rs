//! Extensions (RFC 2332 5.3): compulsory bit, unused bit, 14 bits of type; 16 bits of length; value.

use super::MAX_EXTENSIONS;
use super::auth::Authentication;
use super::cie::CieIter;
use super::cursor::Cursor;
use super::error::ParseError;
use super::types::{AddressFamily, Protocol};

/// The compulsory bit.
const COMPULSORY: u16 = 0x8000;
/// The type's bits; the bit between is unused and not looked at.
const TYPE: u16 = 0x3fff;

/// Type of an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExtensionType(pub u16);

#[allow(non_upper_case_globals)]
impl ExtensionType {
    /// Last one (5.3.0).
    pub const End: Self = Self(0);
    /// Who answers (5.3.1).
    pub const Responder: Self = Self(3);
    /// Servers that forwarded the request (5.3.2).
    pub const ForwardTransit: Self = Self(4);
    /// Servers that forwarded the reply (5.3.3).
    pub const ReverseTransit: Self = Self(5);
    /// Password (5.3.4).
    pub const Authentication: Self = Self(7);
    /// OUI and anything (5.3.5).
    pub const Vendor: Self = Self(8);
    /// Cisco's NAT addresses, a list of entries; with 8 octets it is RFC 2735's device capabilities.
    pub const Nat: Self = Self(9);

    /// Whether it may come once only.
    fn is_single(self) -> bool {
        matches!(
            self,
            Self::Responder | Self::ForwardTransit | Self::ReverseTransit | Self::Authentication | Self::Nat
        )
    }

    /// Whether this implementation acts on it, so that its compulsory bit is no obstacle (5.3).
    pub fn is_known(self) -> bool {
        self == Self::End || self.is_single()
    }
}

/// Octets of a device capabilities extension (RFC 2735), which shares its type with the NAT extension.
const DEVICE_CAPABILITIES_LEN: usize = 8;

/// One extension.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Type.
    pub kind: ExtensionType,
    /// Who does not know it must not answer the packet.
    pub compulsory: bool,
    /// Both as on the wire, with the unused bit.
    pub raw_type: u16,
    /// Value.
    pub value: &'a [u8],
}

impl<'a> Extension<'a> {
    /// Whether the value is a list of client information entries.
    pub fn is_list(&self) -> bool {
        match self.kind {
            ExtensionType::Responder | ExtensionType::ForwardTransit | ExtensionType::ReverseTransit => true,
            ExtensionType::Nat => self.value.len() != DEVICE_CAPABILITIES_LEN,
            _ => false,
        }
    }

    fn parse(cursor: &mut Cursor<'a>) -> Result<Self, ParseError> {
        let short = ParseError::ExtensionTruncated(cursor.0.len());
        let raw_type = cursor.u16().ok_or(short)?;
        let length = cursor.u16().ok_or(short)?;
        let kind = raw_type & TYPE;
        let beyond = ParseError::ExtensionLength { kind, length, have: cursor.0.len() };
        let value = cursor.take(usize::from(length)).ok_or(beyond)?;
        Ok(Self { kind: ExtensionType(kind), compulsory: raw_type & COMPULSORY != 0, raw_type, value })
    }

    fn check(&self, family: AddressFamily, protocol: Protocol) -> Result<(), ParseError> {
        if self.kind == ExtensionType::Authentication && Authentication::parse(self.value).is_none() {
            return Err(ParseError::AuthenticationLength(self.value.len()));
        }
        if self.is_list() {
            let count = CieIter::check(self.value, family, protocol);
            count.map_err(|_| ParseError::ExtensionCies(self.kind.0))?;
        }
        Ok(())
    }
}

/// Of an authentication extension the value is not shown.
impl std::fmt::Debug for Extension<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Extension({:#06x}, {} octets", self.raw_type, self.value.len())?;
        if self.kind != ExtensionType::Authentication {
            write!(f, ", {:02x?}", self.value)?;
        }
        f.write_str(")")
    }
}

/// The extensions of a packet without End. A part that was not checked ends at the first malformed one.
#[derive(Clone)]
pub struct ExtensionIter<'a>(pub(super) Cursor<'a>);

impl<'a> Iterator for ExtensionIter<'a> {
    type Item = Extension<'a>;
    fn next(&mut self) -> Option<Extension<'a>> {
        if self.0.0.is_empty() {
            return None;
        }
        match Extension::parse(&mut self.0) {
            Ok(extension) if extension.kind != ExtensionType::End => Some(extension),
            _ => {
                self.0.0 = &[];
                None
            }
        }
    }
}

/// Checks the extensions part up to End, or up to the last octet when there is no End. Octets after End are ignored.
pub(super) fn check(part: &[u8], family: AddressFamily, protocol: Protocol) -> Result<(), ParseError> {
    let mut cursor = Cursor(part);
    let mut seen = [false; 16];
    let mut count = 0;
    while !cursor.0.is_empty() {
        let extension = Extension::parse(&mut cursor)?;
        if extension.kind == ExtensionType::End {
            return Ok(());
        }
        if count == MAX_EXTENSIONS {
            return Err(ParseError::TooManyExtensions);
        }
        count += 1;
        if extension.kind.is_single()
            && let Some(seen) = seen.get_mut(usize::from(extension.kind.0))
            && std::mem::replace(seen, true)
        {
            return Err(ParseError::DuplicateExtension(extension.kind.0));
        }
        extension.check(family, protocol)?;
    }
    Ok(())
}
