//! Why a message or payload is refused.

use super::number::{IdType, PayloadType};

/// One variant per rule that octets can break. Proposals have [`super::ProposalError`]: a malformed one is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ParseError {
    /// Fewer octets than a header has.
    #[error("{0} octets, a header has 28")]
    Truncated(usize),
    /// Major version is not 2.
    #[error("major version {0}")]
    MajorVersion(u8),
    /// Length field is not the octets received.
    #[error("length field {length}, {have} octets received")]
    Length {
        /// Length field.
        length: u32,
        /// Octets received.
        have: usize,
    },
    /// Fewer octets left than a payload's head has.
    #[error("{0} octets left where the head of a payload should be")]
    PayloadTruncated(usize),
    /// A payload's length is under 4 or runs over the end.
    #[error("payload {kind} has length {length}, {have} octets are left")]
    PayloadLength {
        /// Its type.
        kind: PayloadType,
        /// Its length field.
        length: u16,
        /// Octets left, with its head.
        have: usize,
    },
    /// More payloads than [`super::MAX_PAYLOADS`].
    #[error("more than 64 payloads")]
    TooManyPayloads,
    /// Octets after the last payload.
    #[error("{0} octets after the last payload")]
    TrailingOctets(usize),
    /// An Encrypted payload among decrypted ones.
    #[error("encrypted payload in an encrypted payload")]
    NestedEncryption,
    /// A payload that may come once comes twice.
    #[error("payload {0} twice")]
    Duplicate(PayloadType),
    /// A payload's body is shorter than its fixed fields.
    #[error("payload {kind} has a body of {have} octets, {need} needed")]
    BodyTruncated {
        /// Its type.
        kind: PayloadType,
        /// Octets of its body.
        have: usize,
        /// Octets needed.
        need: usize,
    },
    /// A proposal's length is under 8 or runs over the end: those after it cannot be found.
    #[error("proposal of length {length}, {have} octets are left")]
    ProposalLength {
        /// Its length field.
        length: u16,
        /// Octets left, with its head.
        have: usize,
    },
    /// The octet that says whether another proposal follows is wrong.
    #[error("proposal has last/more {0}")]
    ProposalMore(u8),
    /// More proposals than numbers for them.
    #[error("more than 255 proposals")]
    TooManyProposals,
    /// An SA payload without any proposal.
    #[error("no proposal")]
    NoProposal,
    /// An identity of an address has another length than the address.
    #[error("identity of type {kind} has {have} octets")]
    IdentityLength {
        /// Its type.
        kind: IdType,
        /// Octets.
        have: usize,
    },
    /// A list of authorities is no multiple of a hash's length.
    #[error("certificate authorities of {0} octets")]
    Authorities(usize),
    /// Digital signature whose algorithm identifier runs over the end, or is or leaves nothing.
    #[error("digital signature of {have} octets with an algorithm identifier of {algorithm}")]
    Signature {
        /// Length of the algorithm identifier.
        algorithm: usize,
        /// Octets of authentication data.
        have: usize,
    },
    /// A nonce outside 16 to 256 octets.
    #[error("nonce of {0} octets")]
    NonceLength(usize),
    /// SPIs of a delete: count and size do not make the octets there are.
    #[error("delete of {count} SPIs of {size} octets has {have} octets")]
    DeleteLength {
        /// Number of SPIs.
        count: u16,
        /// Octets of each.
        size: u8,
        /// Octets there are.
        have: usize,
    },
    /// Number of traffic selectors is none, or not that of the selectors there are.
    #[error("{count} traffic selectors announced, {have} found")]
    SelectorCount {
        /// What the payload says.
        count: u8,
        /// What there are.
        have: usize,
    },
    /// A traffic selector's length is not its type's, or runs over the end.
    #[error("traffic selector of type {kind} has length {length}, {have} octets are left")]
    SelectorLength {
        /// Its type.
        kind: u8,
        /// Its length field.
        length: u16,
        /// Octets left, with its head.
        have: usize,
    },
    /// Fragment number 0 or over the total (RFC 7383 2.5).
    #[error("fragment {number} of {total}")]
    Fragment {
        /// Its number.
        number: u16,
        /// How many there are.
        total: u16,
    },
}

/// Coarse kind of a [`ParseError`], for counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Header and length of the message.
    Header,
    /// Version: the only one that may be answered before there are keys.
    Version,
    /// Chain of payloads.
    Chain,
    /// A payload's body.
    Body,
}

impl ParseError {
    /// Its class.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Truncated(_) | Self::Length { .. } => ErrorClass::Header,
            Self::MajorVersion(_) => ErrorClass::Version,
            Self::PayloadTruncated(_)
            | Self::PayloadLength { .. }
            | Self::TooManyPayloads
            | Self::TrailingOctets(_)
            | Self::NestedEncryption
            | Self::Duplicate(_) => ErrorClass::Chain,
            Self::BodyTruncated { .. }
            | Self::Fragment { .. }
            | Self::ProposalLength { .. }
            | Self::ProposalMore(_)
            | Self::TooManyProposals
            | Self::NoProposal
            | Self::IdentityLength { .. }
            | Self::Authorities(_)
            | Self::Signature { .. }
            | Self::NonceLength(_)
            | Self::DeleteLength { .. }
            | Self::SelectorCount { .. }
            | Self::SelectorLength { .. } => ErrorClass::Body,
        }
    }
}
