//! Transforms of a proposal and their attributes (RFC 7296 3.3.2, 3.3.5).
//!
//! ```text
//! +---------------+---------------+-------------------------------+
//! | last 0 more 3 |   reserved    |            length             |
//! +---------------+---------------+-------------------------------+
//! |     type      |   reserved    |              id               |
//! +---------------+---------------+-------------------------------+
//! |1 attribute type (15 bits)     |  value                        |  or
//! |0 attribute type (15 bits)     |  length, then value           |
//! +-------------------------------+-------------------------------+
//! ```

use super::number::{EncryptionId, EsnId, IntegrityId, KeyExchangeId, PrfId, TransformType};
use super::proposal::ProposalError;

/// Octets of a transform before its attributes.
const HEAD_LEN: usize = 8;
/// Last/more of the last transform, and of those before it.
const LAST: u8 = 0;
const MORE: u8 = 3;
/// The bit of an attribute with its value in place of the length.
const SHORT: u16 = 0x8000;
/// Attribute type of the key length in bits, with that bit (RFC 7296 3.3.5).
const KEY_LENGTH: u16 = SHORT | 14;

/// One algorithm.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transform {
    /// What the algorithm is for.
    pub kind: TransformType,
    /// Which: [`EncryptionId`], [`PrfId`], [`IntegrityId`], [`KeyExchangeId`] or [`EsnId`] by kind.
    pub id: u16,
    /// Key length in bits, of ciphers that have several.
    pub key_length: Option<u16>,
    /// No attribute but one key length: another makes the transform unacceptable (RFC 7296 3.3.6).
    pub understood: bool,
}

impl Transform {
    /// Any.
    pub const fn new(kind: TransformType, id: u16, key_length: Option<u16>) -> Self {
        Self { kind, id, key_length, understood: true }
    }

    /// Encryption, with the key length in bits if the cipher has several.
    pub const fn encryption(id: EncryptionId, key_length: Option<u16>) -> Self {
        Self::new(TransformType::Encryption, id.0, key_length)
    }

    /// Pseudo-random function.
    pub const fn prf(id: PrfId) -> Self {
        Self::new(TransformType::Prf, id.0, None)
    }

    /// Integrity.
    pub const fn integrity(id: IntegrityId) -> Self {
        Self::new(TransformType::Integrity, id.0, None)
    }

    /// Key exchange method.
    pub const fn key_exchange(id: KeyExchangeId) -> Self {
        Self::new(TransformType::KeyExchange, id.0, None)
    }

    /// Extended sequence numbers.
    pub const fn esn(id: EsnId) -> Self {
        Self::new(TransformType::Esn, id.0, None)
    }

    /// Takes one off the front; also last/more.
    fn take(octets: &[u8]) -> Result<(u8, Self, &[u8]), ProposalError> {
        let have = octets.len();
        let bad = |length| ProposalError::TransformLength { length, have };
        let ([more, _, l0, l1, kind, _, i0, i1], _) = octets.split_first_chunk::<HEAD_LEN>().ok_or(bad(0))?;
        let length = u16::from_be_bytes([*l0, *l1]);
        let (this, rest) = octets.split_at_checked(usize::from(length)).ok_or(bad(length))?;
        let mut attributes = this.get(HEAD_LEN..).ok_or(bad(length))?;
        let mut transform = Self::new(TransformType(*kind), u16::from_be_bytes([*i0, *i1]), None);
        while !attributes.is_empty() {
            attributes = transform.attribute(attributes)?;
        }
        Ok((*more, transform, rest))
    }

    /// Reads an attribute off the front.
    fn attribute<'a>(&mut self, octets: &'a [u8]) -> Result<&'a [u8], ProposalError> {
        let bad = ProposalError::Attribute(octets.len());
        let ([k0, k1, v0, v1], rest) = octets.split_first_chunk::<4>().ok_or(bad)?;
        let (kind, value) = (u16::from_be_bytes([*k0, *k1]), u16::from_be_bytes([*v0, *v1]));
        if kind == KEY_LENGTH && self.key_length.is_none() {
            self.key_length = Some(value);
            return Ok(rest);
        }
        self.understood = false;
        if kind & SHORT != 0 { Ok(rest) } else { rest.get(usize::from(value)..).ok_or(bad) }
    }

    pub(super) fn emit(&self, last: bool, out: &mut Vec<u8>) {
        let length: u8 = if self.key_length.is_some() { 12 } else { 8 };
        out.extend_from_slice(&[if last { LAST } else { MORE }, 0, 0, length, self.kind.0, 0]);
        out.extend_from_slice(&self.id.to_be_bytes());
        if let Some(bits) = self.key_length {
            out.extend_from_slice(&KEY_LENGTH.to_be_bytes());
            out.extend_from_slice(&bits.to_be_bytes());
        }
    }
}

/// For logs: `AES_GCM_16_256`, `HMAC_SHA2_256`.
impl std::fmt::Display for Transform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            TransformType::Encryption => EncryptionId(self.id).fmt(f)?,
            TransformType::Prf => PrfId(self.id).fmt(f)?,
            TransformType::Integrity => IntegrityId(self.id).fmt(f)?,
            TransformType::KeyExchange => KeyExchangeId(self.id).fmt(f)?,
            TransformType::Esn => EsnId(self.id).fmt(f)?,
            TransformType(6..=12) => write!(f, "{}:{}", self.kind, KeyExchangeId(self.id))?,
            kind => write!(f, "{kind}:{}", self.id)?,
        }
        match self.key_length {
            Some(bits) => write!(f, "_{bits}"),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Transform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}{}", if self.understood { "" } else { "?" })
    }
}

/// The transforms of a checked proposal.
#[derive(Clone)]
pub struct Transforms<'a>(pub(super) &'a [u8]);

impl Iterator for Transforms<'_> {
    type Item = Transform;
    fn next(&mut self) -> Option<Transform> {
        let (_, transform, rest) = Transform::take(self.0).ok()?;
        self.0 = rest;
        Some(transform)
    }
}

/// Checks `count` transforms that fill `octets`.
pub(super) fn check(count: u8, octets: &[u8]) -> Result<(), ProposalError> {
    let (mut rest, mut have) = (octets, 0);
    while !rest.is_empty() {
        let (more, _, after) = Transform::take(rest)?;
        if more != if after.is_empty() { LAST } else { MORE } {
            return Err(ProposalError::TransformMore(more));
        }
        rest = after;
        have += 1;
    }
    if have == 0 {
        return Err(ProposalError::NoTransform);
    }
    if have == usize::from(count) { Ok(()) } else { Err(ProposalError::TransformCount { count, have }) }
}
