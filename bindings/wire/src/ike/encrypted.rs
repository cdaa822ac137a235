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

/// What the negotiated algorithms make of an Encrypted payload, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Initialization vector: 16 with AES-CBC, 8 with AES-GCM.
    pub iv: usize,
    /// The ciphertext is a multiple of this: 16 with AES-CBC, 1 with AES-GCM.
    pub block: usize,
    /// Integrity checksum data.
    pub icv: usize,
}

impl Layout {
    /// AES-GCM with an ICV of 16 octets (RFC 5282).
    pub const GCM_16: Self = Self { iv: 8, block: 1, icv: 16 };

    /// AES-CBC with a checksum of `icv` octets.
    pub const fn cbc(icv: usize) -> Self {
        Self { iv: 16, block: 16, icv }
    }

    /// The padding for `len` octets of payloads: what lacks, with the pad length, to a multiple of the block.
    pub(super) fn padding(&self, len: usize) -> usize {
        (len + 1).next_multiple_of(self.block.max(1)) - (len + 1)
    }
}

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
    /// From the message's first octet to where `sealed` begins.
    head: &'a [u8],
    /// Initialization vector, ciphertext, checksum.
    sealed: &'a [u8],
    octets: &'a [u8],
}

/// Parts of an Encrypted payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// What a combined mode authenticates besides: the message up to the initialization vector, so with the head of the
    /// Encrypted payload, and fragment number and total (RFC 5282 5.1, RFC 7383 2.5).
    pub associated: &'a [u8],
    /// Initialization vector.
    pub iv: &'a [u8],
    /// Ciphertext.
    pub ciphertext: &'a [u8],
    /// Integrity checksum data.
    pub icv: &'a [u8],
    /// What a separate integrity algorithm authenticates: the message up to the checksum.
    pub signed: &'a [u8],
}

impl<'a> Encrypted<'a> {
    /// `payload` is the last one in `message`.
    pub(super) fn parse(message: &'a [u8], payload: Payload<'a>) -> Result<Self, ParseError> {
        let (fragment, sealed) = match payload.kind {
            PayloadType::EncryptedFragment => {
                let have = payload.body.len();
                let short = ParseError::EncryptedTruncated { have, need: FRAGMENT_LEN };
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
        let head = message.get(..message.len() - sealed.len()).unwrap_or_default();
        Ok(Self { first: payload.next, fragment, head, sealed, octets: message })
    }

    /// Where in the message its generic header begins.
    pub fn at(&self) -> usize {
        let numbers = if self.fragment.is_some() { FRAGMENT_LEN } else { 0 };
        self.head.len() - numbers - PAYLOAD_HEADER_LEN
    }

    /// Where its parts are under `layout`. The checksum is for who has the keys.
    pub fn split(&self, layout: Layout) -> Result<Sealed<'a>, ParseError> {
        let have = self.sealed.len();
        // One block at least, or the octet of the pad length.
        let need = layout.iv + layout.block.max(1) + layout.icv;
        let short = ParseError::EncryptedTruncated { have, need };
        let length = have.checked_sub(layout.iv + layout.icv).filter(|_| have >= need).ok_or(short)?;
        if !length.is_multiple_of(layout.block.max(1)) {
            return Err(ParseError::EncryptedAlignment(length));
        }
        let (iv, rest) = self.sealed.split_at_checked(layout.iv).ok_or(short)?;
        let (ciphertext, icv) = rest.split_at_checked(length).ok_or(short)?;
        let signed = self.octets.get(..self.octets.len() - layout.icv).ok_or(short)?;
        Ok(Sealed { associated: self.head, iv, ciphertext, icv, signed })
    }
}

impl std::fmt::Debug for Encrypted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Encrypted({}, {:?}, {} octets)", self.first, self.fragment, self.sealed.len())
    }
}

/// The payloads in decrypted octets, without padding and pad length. What the padding is made of is not looked at
/// (RFC 7296 3.14).
pub fn unpad(plaintext: &[u8]) -> Result<&[u8], ParseError> {
    let have = plaintext.len();
    let (&pad, rest) = plaintext.split_last().ok_or(ParseError::EncryptedTruncated { have, need: 1 })?;
    let end = rest.len().checked_sub(usize::from(pad)).ok_or(ParseError::Padding { pad, have })?;
    Ok(rest.get(..end).unwrap_or_default())
}
