//! A checked message.

use super::chain::{Payload, Payloads};
use super::encrypted::Encrypted;
use super::error::ParseError;
use super::header::Header;
use super::{HEADER_LEN, PayloadType};

/// A message whose header and chain of payloads are sound. Borrows the received octets.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    octets: &'a [u8],
    header: Header,
    payloads: Payloads<'a>,
    last: Option<Payload<'a>>,
}

impl<'a> Message<'a> {
    /// Checks version, length and chain. `octets` are a whole datagram, without the non-ESP marker of port 4500.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let (header, first) = Header::parse(octets)?;
        let (payloads, last) = Payloads::check(first, octets.get(HEADER_LEN..).unwrap_or_default())?;
        Ok(Self { octets, header, payloads, last })
    }

    /// The whole message: what is signed in IKE_AUTH (RFC 7296 2.15).
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The header.
    pub fn header(&self) -> Header {
        self.header
    }

    /// The payloads in the clear, and as last one the Encrypted payload if there is one.
    pub fn payloads(&self) -> Payloads<'a> {
        self.payloads
    }

    /// The Encrypted payload, or fragment of one.
    pub fn encrypted(&self) -> Result<Option<Encrypted<'a>>, ParseError> {
        match self.last {
            Some(payload) if payload.is_encrypted() => Encrypted::parse(self.octets, payload).map(Some),
            _ => Ok(None),
        }
    }

    /// Type of the last payload; [`PayloadType::None`] without any.
    pub fn last(&self) -> PayloadType {
        self.last.map_or(PayloadType::None, |payload| payload.kind)
    }
}
