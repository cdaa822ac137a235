//! Notifies (RFC 7296 3.10).
//!
//! ```text
//! +---------------+---------------+-------------------------------+
//! |   protocol    |   SPI size    |             type              |
//! +---------------+---------------+-------------------------------+
//! |                         SPI, then data                        |
//! +---------------------------------------------------------------+
//! ```

use super::error::ParseError;
use super::number::{NotifyType, PayloadType, Protocol};

/// Octets of a NAT detection hash (RFC 7296 2.23).
const NAT_DETECTION_LEN: usize = 20;

/// Body of a Notify payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Notify<'a> {
    /// Of the SA concerned.
    pub protocol: Protocol,
    /// Of the SA concerned; empty without one.
    pub spi: &'a [u8],
    /// Type.
    pub kind: NotifyType,
    /// Data.
    pub data: &'a [u8],
}

impl<'a> Notify<'a> {
    /// One that concerns no SA but the IKE SA it travels in.
    pub fn plain(kind: NotifyType, data: &'a [u8]) -> Self {
        Self { protocol: Protocol::None, spi: &[], kind, data }
    }

    /// From a payload's body.
    pub fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let have = body.len();
        let short = |need| ParseError::BodyTruncated { kind: PayloadType::Notify, have, need };
        let ([protocol, size, k0, k1], rest) = body.split_first_chunk::<4>().ok_or(short(4))?;
        let size = usize::from(*size);
        let (spi, data) = rest.split_at_checked(size).ok_or(short(4 + size))?;
        let kind = NotifyType(u16::from_be_bytes([*k0, *k1]));
        Ok(Self { protocol: Protocol(*protocol), spi, kind, data })
    }

    /// The SPI of an ESP SA; `None`: another size.
    pub fn spi32(&self) -> Option<u32> {
        <[u8; 4]>::try_from(self.spi).ok().map(u32::from_be_bytes)
    }

    /// The data of INVALID_KE_PAYLOAD, or any two octets; `None`: another size.
    pub fn data_u16(&self) -> Option<u16> {
        <[u8; 2]>::try_from(self.data).ok().map(u16::from_be_bytes)
    }

    /// The hash of NAT_DETECTION_SOURCE_IP or NAT_DETECTION_DESTINATION_IP; `None`: another size, to be ignored.
    pub fn nat_detection(&self) -> Option<&'a [u8; NAT_DETECTION_LEN]> {
        self.data.try_into().ok()
    }

    /// The hash algorithms of SIGNATURE_HASH_ALGORITHMS (RFC 7427 4).
    pub fn hashes(&self) -> impl Iterator<Item = super::HashId> + use<'a> {
        let (pairs, _) = self.data.as_chunks::<2>();
        pairs.iter().map(|pair| super::HashId(u16::from_be_bytes(*pair)))
    }

    /// Appends the body. An SPI over 255 octets does not exist; it would be left out.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let (size, spi) = u8::try_from(self.spi.len()).map_or((0, &[][..]), |size| (size, self.spi));
        out.extend_from_slice(&[self.protocol.0, size]);
        out.extend_from_slice(&self.kind.0.to_be_bytes());
        out.extend_from_slice(spi);
        out.extend_from_slice(self.data);
    }
}

/// Data are not shown: a cookie is for its sender only.
impl std::fmt::Debug for Notify<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Notify({} {} {:02x?}, {} octets)", self.kind, self.protocol, self.spi, self.data.len())
    }
}
