//! Identities (RFC 7296 3.5).
//!
//! ```text
//! +---------------+-----------------------------------------------+
//! |     type      |                   reserved                    |
//! +---------------+-----------------------------------------------+
//! |                      identification data                      |
//! +---------------------------------------------------------------+
//! ```

use super::error::ParseError;
use super::number::{IdType, PayloadType};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Characters of an identity that are shown at most.
const SHOWN: usize = 128;

/// Body of an ID payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Type.
    pub kind: IdType,
    /// Identification data.
    pub data: &'a [u8],
    /// The whole body, which AUTH covers (RFC 7296 2.15). Reserved octets included: they need not be zero.
    pub body: &'a [u8],
}

impl<'a> Identity<'a> {
    /// From a payload's body; `payload` is IDi or IDr.
    pub fn parse(payload: PayloadType, body: &'a [u8]) -> Result<Self, ParseError> {
        let short = ParseError::BodyTruncated { kind: payload, have: body.len(), need: 4 };
        let ([kind, _, _, _], data) = body.split_first_chunk::<4>().ok_or(short)?;
        let (kind, have) = (IdType(*kind), data.len());
        let right = match kind {
            IdType::Ipv4 => have == 4,
            IdType::Ipv6 => have == 16,
            IdType::Null => true,
            _ => have > 0,
        };
        if right { Ok(Self { kind, data, body }) } else { Err(ParseError::IdentityLength { kind, have }) }
    }

    /// The address that it is.
    pub fn address(&self) -> Option<IpAddr> {
        match self.kind {
            IdType::Ipv4 => <[u8; 4]>::try_from(self.data).ok().map(|octets| Ipv4Addr::from(octets).into()),
            IdType::Ipv6 => <[u8; 16]>::try_from(self.data).ok().map(|octets| Ipv6Addr::from(octets).into()),
            _ => None,
        }
    }

    /// Appends the body of an identity.
    pub fn emit(kind: IdType, data: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&[kind.0, 0, 0, 0]);
        out.extend_from_slice(data);
    }
}

/// For logs: names as they are, made printable and cut off; all else in hexadecimal.
impl std::fmt::Display for Identity<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(address) = self.address() {
            return address.fmt(f);
        }
        match self.kind {
            IdType::Fqdn | IdType::Rfc822 => {
                for &octet in self.data.iter().take(SHOWN) {
                    f.write_char(if octet.is_ascii_graphic() { octet.into() } else { '?' })?;
                }
            }
            kind => {
                write!(f, "{kind}:")?;
                for octet in self.data.iter().take(SHOWN / 2) {
                    write!(f, "{octet:02x}")?;
                }
            }
        }
        let shown = if matches!(self.kind, IdType::Fqdn | IdType::Rfc822) { SHOWN } else { SHOWN / 2 };
        if self.data.len() > shown { f.write_str("...") } else { Ok(()) }
    }
}

impl std::fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({} {self})", self.kind)
    }
}
