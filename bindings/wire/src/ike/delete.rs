//! Deletes (RFC 7296 3.11).
//!
//! ```text
//! +---------------+---------------+-------------------------------+
//! |   protocol    |   SPI size    |        number of SPIs         |
//! +---------------+---------------+-------------------------------+
//! |                             SPIs                              |
//! +---------------------------------------------------------------+
//! ```

use super::error::ParseError;
use super::number::{PayloadType, Protocol};

/// Body of a Delete payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delete<'a> {
    /// IKE: the IKE SA that it travels in, without SPI. ESP: the SAs that the sender receives on.
    pub protocol: Protocol,
    /// Octets of each SPI.
    pub spi_size: u8,
    /// How many SPIs.
    pub count: u16,
    /// They themselves.
    spis: &'a [u8],
}

impl<'a> Delete<'a> {
    /// From a payload's body.
    pub fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let have = body.len();
        let short = ParseError::BodyTruncated { kind: PayloadType::Delete, have, need: 4 };
        let ([protocol, spi_size, c0, c1], spis) = body.split_first_chunk::<4>().ok_or(short)?;
        let (spi_size, count) = (*spi_size, u16::from_be_bytes([*c0, *c1]));
        if usize::from(spi_size) * usize::from(count) != spis.len() {
            return Err(ParseError::DeleteLength { count, size: spi_size, have: spis.len() });
        }
        Ok(Self { protocol: Protocol(*protocol), spi_size, count, spis })
    }

    /// The SPIs of ESP SAs; none if they are not of four octets.
    pub fn spis(&self) -> impl Iterator<Item = u32> + use<'a> {
        let (spis, _) = if self.spi_size == 4 { self.spis } else { &[] }.as_chunks::<4>();
        spis.iter().map(|spi| u32::from_be_bytes(*spi))
    }

    /// Appends the body of a delete of the IKE SA that it travels in.
    pub fn emit_ike(out: &mut Vec<u8>) {
        out.extend_from_slice(&[Protocol::Ike.0, 0, 0, 0]);
    }

    /// Appends the body of a delete of ESP SAs. More than a payload has room for are left out.
    pub fn emit_esp(spis: &[u32], out: &mut Vec<u8>) {
        let spis = spis.get(..MAX_SPIS).unwrap_or(spis);
        out.extend_from_slice(&[Protocol::Esp.0, 4]);
        out.extend_from_slice(&(spis.len() as u16).to_be_bytes());
        spis.iter().for_each(|spi| out.extend_from_slice(&spi.to_be_bytes()));
    }
}

/// SPIs of four octets that a payload has room for.
const MAX_SPIS: usize = (u16::MAX as usize - 8) / 4;
