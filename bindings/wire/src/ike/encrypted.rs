//! Where things are in an Encrypted payload (RFC 7296 3.14) and in a fragment of one (RFC 7383 2.5).
//!
//! ```text
//! +---------------+-+-------------+-------------------------------+
//! | first inside  |C|  reserved   |            length             |
//! +---------------+-+-------------+-------------------------------+
//! |        fragment number        |        total fragments        |  fragment only
//! +-------------------------------+-------------------------------+
//! |                     initialization vector                     |
//! +---------------------------------------------------------------+
//! |           payloads, padding, pad length: encrypted            |
//! +---------------------------------------------------------------+
//! |                    integrity checksum data                    |
//! +---------------------------------------------------------------+
//! ```

use super::PAYLOAD_HEADER_LEN;
use super::chain::Payload;
use super::error::ParseError;
use super::number::PayloadType;

/// Octets of fragment number and total.
pub(super) const FRAGMENT_LEN: usize = 4;

/// Which fragment, of how many; from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// 1 to `total`.
    pub number: u16,
    /// How many make the message.
    pub total: u16,
}

/// An Encrypted payload as received.
#[derive(Clone, Copy)]
pub struct Encrypted<'a> {
    /// Type of the first payload inside; of a fragment but the first [`PayloadType::None`].
    pub first: PayloadType,
    /// `None`: whole.
    pub fragment: Option<Fragment>,
    /// Octets of the message up to and with the head above.
    head_len: usize,
    /// Initialization vector, ciphertext, integrity checksum data: where one ends and the next begins is a matter of
    /// the algorithms.
    pub sealed: &'a [u8],
}

impl<'a> Encrypted<'a> {
    /// `payload` is the last one in `message`.
    pub(super) fn parse(message: &'a [u8], payload: Payload<'a>) -> Result<Self, ParseError> {
        let (fragment, sealed) = match payload.kind {
            PayloadType::EncryptedFragment => {
                let have = payload.body.len();
                let short = ParseError::BodyTruncated { kind: payload.kind, have, need: FRAGMENT_LEN };
                let ([n0, n1, t0, t1], rest) =
                    payload.body.split_first_chunk::<FRAGMENT_LEN>().ok_or(short)?;
                let number = u16::from_be_bytes([*n0, *n1]);
                let total = u16::from_be_bytes([*t0, *t1]);
                if number == 0 || number > total {
                    return Err(ParseError::Fragment { number, total });
                }
                (Some(Fragment { number, total }), rest)
            }
            _ => (None, payload.body),
        };
        Ok(Self { first: payload.next, fragment, head_len: message.len() - sealed.len(), sealed })
    }

    /// Where in the message its generic header begins.
    pub fn at(&self) -> usize {
        let numbers = if self.fragment.is_some() { FRAGMENT_LEN } else { 0 };
        self.head_len - numbers - PAYLOAD_HEADER_LEN
    }
}

impl std::fmt::Debug for Encrypted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Encrypted({}, {:?}, {} octets)", self.first, self.fragment, self.sealed.len())
    }
}
