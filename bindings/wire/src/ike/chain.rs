//! Payloads one after another (RFC 7296 3.2): each names the type of the next.

use super::error::ParseError;
use super::number::PayloadType;
use super::{
    Authentication, Identity, KeyExchange, MAX_PAYLOADS, Notify, PAYLOAD_HEADER_LEN, SecurityAssociation,
    Selectors, check_nonce,
};

/// The critical bit (RFC 7296 3.2); the seven others are reserved and not looked at.
pub(super) const CRITICAL: u8 = 0x80;

/// One payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a> {
    /// Its type, as the one before it says.
    pub kind: PayloadType,
    /// Who does not know the type must refuse the message.
    pub critical: bool,
    /// Type of the next; of an Encrypted payload that of the first in it.
    pub next: PayloadType,
    /// What follows its head.
    pub body: &'a [u8],
}

impl<'a> Payload<'a> {
    /// Whether it holds the rest of the message, encrypted.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.kind, PayloadType::Encrypted | PayloadType::EncryptedFragment)
    }

    /// Takes the payload of type `kind` off the front.
    fn take(kind: PayloadType, octets: &'a [u8]) -> Result<(Self, &'a [u8]), ParseError> {
        let have = octets.len();
        let Some(([next, flags, l0, l1], _)) = octets.split_first_chunk::<PAYLOAD_HEADER_LEN>() else {
            return Err(ParseError::PayloadTruncated(have));
        };
        let length = u16::from_be_bytes([*l0, *l1]);
        let bad = ParseError::PayloadLength { kind, length, have };
        let (this, rest) = octets.split_at_checked(usize::from(length)).ok_or(bad)?;
        let body = this.get(PAYLOAD_HEADER_LEN..).ok_or(bad)?;
        Ok((Self { kind, critical: flags & CRITICAL != 0, next: PayloadType(*next), body }, rest))
    }
}

/// The body is not shown: of an identity or a nonce it is nobody's business.
impl std::fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}({} octets)", self.kind, if self.critical { "!" } else { "" }, self.body.len())
    }
}

/// A checked chain. Iterates over its payloads in order.
#[derive(Clone, Copy)]
pub struct Payloads<'a> {
    first: PayloadType,
    octets: &'a [u8],
}

impl<'a> Payloads<'a> {
    /// Checks a chain that was decrypted: `first` is what the Encrypted payload names, `octets` end before the padding.
    pub fn parse(first: PayloadType, octets: &'a [u8]) -> Result<Self, ParseError> {
        let (payloads, last) = Self::check(first, octets)?;
        if last.is_some_and(|payload| payload.is_encrypted()) {
            return Err(ParseError::NestedEncryption);
        }
        Ok(payloads)
    }

    /// Checks a chain, and returns its last payload. An Encrypted payload has to be the last (RFC 7296 3.14), so the
    /// chain ends there.
    pub(super) fn check(
        first: PayloadType,
        octets: &'a [u8],
    ) -> Result<(Self, Option<Payload<'a>>), ParseError> {
        let (mut kind, mut rest) = (first, octets);
        let (mut count, mut last) = (0, None);
        while kind != PayloadType::None {
            if count == MAX_PAYLOADS {
                return Err(ParseError::TooManyPayloads);
            }
            count += 1;
            let (payload, after) = Payload::take(kind, rest)?;
            (kind, rest) = (payload.next, after);
            if payload.is_encrypted() {
                kind = PayloadType::None;
            }
            last = Some(payload);
        }
        if !rest.is_empty() {
            return Err(ParseError::TrailingOctets(rest.len()));
        }
        Ok((Self { first, octets }, last))
    }

    /// Type of the first payload.
    pub fn first(&self) -> PayloadType {
        self.first
    }

    /// All payloads with their heads.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The first payload with the critical bit and a type that this implementation does not know.
    pub fn unknown_critical(&self) -> Option<PayloadType> {
        self.into_iter()
            .find(|payload| payload.critical && !payload.kind.is_known())
            .map(|payload| payload.kind)
    }

    /// The payloads of a type.
    pub fn all(&self, kind: PayloadType) -> impl Iterator<Item = Payload<'a>> + use<'a> {
        self.into_iter().filter(move |payload| payload.kind == kind)
    }

    /// The only payload of a type.
    pub fn single(&self, kind: PayloadType) -> Result<Option<Payload<'a>>, ParseError> {
        let mut all = self.all(kind);
        match (all.next(), all.next()) {
            (_, Some(_)) => Err(ParseError::Duplicate(kind)),
            (only, None) => Ok(only),
        }
    }

    fn body<T>(
        &self,
        kind: PayloadType,
        parse: impl FnOnce(&'a [u8]) -> Result<T, ParseError>,
    ) -> Result<Option<T>, ParseError> {
        self.single(kind)?.map(|payload| parse(payload.body)).transpose()
    }

    /// The SA payload.
    pub fn security_association(&self) -> Result<Option<SecurityAssociation<'a>>, ParseError> {
        self.body(PayloadType::Sa, SecurityAssociation::parse)
    }

    /// The KE payload.
    pub fn key_exchange(&self) -> Result<Option<KeyExchange<'a>>, ParseError> {
        self.body(PayloadType::KeyExchange, KeyExchange::parse)
    }

    /// The nonce.
    pub fn nonce(&self) -> Result<Option<&'a [u8]>, ParseError> {
        self.body(PayloadType::Nonce, check_nonce)
    }

    /// The identity of the initiator or responder.
    pub fn identity(&self, kind: PayloadType) -> Result<Option<Identity<'a>>, ParseError> {
        self.body(kind, |body| Identity::parse(kind, body))
    }

    /// The AUTH payload.
    pub fn authentication(&self) -> Result<Option<Authentication<'a>>, ParseError> {
        self.body(PayloadType::Authentication, Authentication::parse)
    }

    /// The traffic selectors of the initiator or responder.
    pub fn selectors(&self, kind: PayloadType) -> Result<Option<Selectors<'a>>, ParseError> {
        self.body(kind, |body| Selectors::parse(kind, body))
    }

    /// The notifies.
    pub fn notifies(&self) -> impl Iterator<Item = Result<Notify<'a>, ParseError>> + use<'a> {
        self.all(PayloadType::Notify).map(|payload| Notify::parse(payload.body))
    }
}

impl<'a> IntoIterator for Payloads<'a> {
    type Item = Payload<'a>;
    type IntoIter = PayloadIter<'a>;
    fn into_iter(self) -> PayloadIter<'a> {
        PayloadIter { next: self.first, rest: self.octets }
    }
}

/// The payloads of a [`Payloads`].
#[derive(Clone, Debug)]
pub struct PayloadIter<'a> {
    next: PayloadType,
    rest: &'a [u8],
}

impl<'a> Iterator for PayloadIter<'a> {
    type Item = Payload<'a>;
    fn next(&mut self) -> Option<Payload<'a>> {
        if self.next == PayloadType::None {
            return None;
        }
        let (payload, rest) = Payload::take(self.next, self.rest).ok()?;
        self.next = if payload.is_encrypted() { PayloadType::None } else { payload.next };
        self.rest = rest;
        Some(payload)
    }
}

impl std::fmt::Debug for Payloads<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}
