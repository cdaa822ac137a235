//! Key exchange (RFC 7296 3.4) and nonce (3.9).
//!
//! ```text
//! +-------------------------------+-------------------------------+
//! |      key exchange method      |           reserved            |
//! +-------------------------------+-------------------------------+
//! |                       key exchange data                       |
//! +---------------------------------------------------------------+
//! ```

use super::NONCE_LEN;
use super::error::ParseError;
use super::number::{KeyExchangeId, PayloadType};

/// Body of a KE payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyExchange<'a> {
    /// Method, once called group.
    pub method: KeyExchangeId,
    /// Public value, encapsulation key or ciphertext.
    pub data: &'a [u8],
}

impl<'a> KeyExchange<'a> {
    /// From a payload's body. Whether the data have the method's length: [`KeyExchangeId::initiator_len`].
    pub fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let short = ParseError::BodyTruncated { kind: PayloadType::KeyExchange, have: body.len(), need: 4 };
        let ([m0, m1, _, _], data) = body.split_first_chunk::<4>().ok_or(short)?;
        Ok(Self { method: KeyExchangeId(u16::from_be_bytes([*m0, *m1])), data })
    }

    /// Appends the body.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.method.0.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(self.data);
    }
}

impl std::fmt::Debug for KeyExchange<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyExchange({}, {} octets)", self.method, self.data.len())
    }
}

impl KeyExchangeId {
    /// Octets of the initiator's key exchange data; `None`: not known here.
    pub fn initiator_len(self) -> Option<usize> {
        Some(match self {
            Self::MlKem512 => 800,
            Self::MlKem768 => 1184,
            Self::MlKem1024 => 1568,
            other => return other.public_len(),
        })
    }

    /// Octets of the responder's key exchange data; `None`: not known here.
    pub fn responder_len(self) -> Option<usize> {
        Some(match self {
            Self::MlKem512 => 768,
            Self::MlKem768 => 1088,
            Self::MlKem1024 => 1568,
            other => return other.public_len(),
        })
    }

    /// Of a Diffie-Hellman method: both sides' length.
    fn public_len(self) -> Option<usize> {
        Some(match self {
            Self::Modp2048 => 256,
            Self::Modp3072 => 384,
            Self::Modp4096 => 512,
            // Both coordinates, without the octet 0x04 of other formats (RFC 5903 7).
            Self::Ecp256 => 64,
            Self::Ecp384 => 96,
            Self::Ecp521 => 132,
            Self::Curve25519 => 32,
            _ => return None,
        })
    }
}

/// The nonce in a payload's body.
pub fn check_nonce(body: &[u8]) -> Result<&[u8], ParseError> {
    if NONCE_LEN.contains(&body.len()) { Ok(body) } else { Err(ParseError::NonceLength(body.len())) }
}
