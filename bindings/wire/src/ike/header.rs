//! The header (RFC 7296 3.1).

use super::encrypted::{FRAGMENT_LEN, Fragment};
use super::error::ParseError;
use super::number::{Exchange, PayloadType};
use super::{HEADER_LEN, PAYLOAD_HEADER_LEN};
use zerocopy::byteorder::network_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The header as it is on the wire.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Raw {
    initiator_spi: U64,
    responder_spi: U64,
    pub(super) next: u8,
    version: u8,
    exchange: u8,
    flags: u8,
    message_id: U32,
    length: U32,
}

const _: () = assert!(size_of::<Raw>() == HEADER_LEN);

/// Version 2.0. The minor version of a received message is not looked at (RFC 7296 2.5).
const VERSION: u8 = 0x20;

/// Flags; the other bits are reserved: sent as zero, not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// The sender is the original initiator of the IKE SA.
    pub const INITIATOR: u8 = 0x08;
    /// The sender speaks a higher version.
    pub const VERSION: u8 = 0x10;
    /// A response.
    pub const RESPONSE: u8 = 0x20;

    /// Whether the sender is the original initiator.
    pub fn is_initiator(self) -> bool {
        self.0 & Self::INITIATOR != 0
    }

    /// Whether it is a response.
    pub fn is_response(self) -> bool {
        self.0 & Self::RESPONSE != 0
    }
}

/// What a header says, but for next payload, version and length, which follow from the rest of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// SPI that the initiator of the IKE SA chose; never 0.
    pub initiator_spi: u64,
    /// SPI that the responder chose; 0 in the first request.
    pub responder_spi: u64,
    /// Exchange type.
    pub exchange: Exchange,
    /// Flags.
    pub flags: Flags,
    /// Message id.
    pub message_id: u32,
}

impl Header {
    /// Reads the header at the front of a datagram, checks version and length and nothing else. Also the type of the
    /// first payload.
    pub fn parse(octets: &[u8]) -> Result<(Self, PayloadType), ParseError> {
        let have = octets.len();
        let (raw, _) = Raw::ref_from_prefix(octets).map_err(|_| ParseError::Truncated(have))?;
        if raw.version >> 4 != VERSION >> 4 {
            return Err(ParseError::MajorVersion(raw.version >> 4));
        }
        let length = raw.length.get();
        if usize::try_from(length) != Ok(have) {
            return Err(ParseError::Length { length, have });
        }
        Ok((raw.header(), PayloadType(raw.next)))
    }

    /// The header alone, of a message whose version and length may be anything: for the answer to a version that is not
    /// spoken.
    pub fn peek(octets: &[u8]) -> Option<Self> {
        Raw::ref_from_prefix(octets).ok().map(|(raw, _)| raw.header())
    }

    /// Appends it; `length` is of the whole message.
    pub(super) fn emit(&self, out: &mut Vec<u8>, next: PayloadType, length: u32) {
        let raw = Raw {
            initiator_spi: self.initiator_spi.into(),
            responder_spi: self.responder_spi.into(),
            next: next.0,
            version: VERSION,
            exchange: self.exchange.0,
            flags: self.flags.0,
            message_id: self.message_id.into(),
            length: length.into(),
        };
        out.extend_from_slice(raw.as_bytes());
    }
}

impl Header {
    /// A message up to where the initialization vector of its Encrypted payload goes: header and the payload's head, of
    /// a fragment with its number. Both lengths are zero, for who encrypts the rest to write.
    pub fn encrypted_head(&self, first: PayloadType, fragment: Option<Fragment>) -> Vec<u8> {
        let kind = if fragment.is_some() { PayloadType::EncryptedFragment } else { PayloadType::Encrypted };
        let mut out = Vec::with_capacity(HEADER_LEN + PAYLOAD_HEADER_LEN + FRAGMENT_LEN);
        self.emit(&mut out, kind, 0);
        out.extend_from_slice(&[first.0, 0, 0, 0]);
        if let Some(Fragment { number, total }) = fragment {
            out.extend_from_slice(&number.to_be_bytes());
            out.extend_from_slice(&total.to_be_bytes());
        }
        out
    }
}

impl Raw {
    fn header(&self) -> Header {
        Header {
            initiator_spi: self.initiator_spi.get(),
            responder_spi: self.responder_spi.get(),
            exchange: Exchange(self.exchange),
            flags: Flags(self.flags),
            message_id: self.message_id.get(),
        }
    }
}
