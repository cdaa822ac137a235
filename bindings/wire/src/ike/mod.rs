//! IKEv2 messages (RFC 7296 3), with fragments (RFC 7383), digital signatures (RFC 7427), intermediate exchanges
//! (RFC 9242) and several key exchanges (RFC 9370). Formats only: no cryptography, no I/O, no policy.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------------------------------------------------------+  header (3.1), 28 octets
//! |                  IKE SA initiator's SPI, 64 bits              |
//! |                  IKE SA responder's SPI, 64 bits              |
//! +---------------+-------+-------+---------------+---------------+
//! | next payload  | major | minor | exchange type |     flags     |
//! +---------------+-------+-------+---------------+---------------+
//! |                          message id                           |
//! |                 length of the whole message                   |
//! +---------------+-+-------------+-------------------------------+  payload (3.2), as many as next payload says
//! | next payload  |C|  reserved   |  length with these 4 octets   |
//! +---------------+-+-------------+-------------------------------+
//! |                             body                              |
//! +---------------------------------------------------------------+
//! ```
//! [`Message::parse`] checks header and chain of payloads once, the `parse` of each payload its body, so that accessors
//! cannot fail. An Encrypted payload ends the chain: [`Encrypted`] says where it begins and what it is a fragment of, and
//! what came out of it is again a chain, for [`Payloads::parse`]. [`Chain`] writes payloads, [`Chain::message`] puts them
//! in a message in the clear, [`Header::encrypted_head`] begins one that is not.

mod auth;
mod certificate;
mod chain;
mod delete;
mod emit;
mod encrypted;
mod error;
mod header;
mod identity;
mod key_exchange;
mod message;
mod notify;
mod number;
mod proposal;
mod selector;
mod trace;
mod transform;

#[cfg(test)]
mod tests;

pub use auth::{Authentication, DigitalSignature};
pub use certificate::{Certificate, CertificateRequest};
pub use chain::{Payload, PayloadIter, Payloads};
pub use delete::Delete;
pub use emit::{Chain, TooLong};
pub use encrypted::{Encrypted, Fragment};
pub use error::{ErrorClass, ParseError};
pub use header::{Flags, Header};
pub use identity::Identity;
pub use key_exchange::{KeyExchange, check_nonce};
pub use message::Message;
pub use notify::Notify;
pub use number::{
    AuthMethod, CertEncoding, EncryptionId, EsnId, Exchange, HashId, IdType, IntegrityId, KeyExchangeId,
    NotifyType, PayloadType, PrfId, Protocol, SelectorType, TransformType,
};
pub use proposal::{Proposal, ProposalError, ProposalSpec, Proposals, SecurityAssociation};
pub use selector::{Selectors, TrafficSelector};
pub use trace::Trace;
pub use transform::{Transform, Transforms};

/// Octets of the header.
pub const HEADER_LEN: usize = 28;
/// Octets of a payload before its body.
pub const PAYLOAD_HEADER_LEN: usize = 4;
/// Most payloads in a chain.
pub const MAX_PAYLOADS: usize = 64;
/// Longest message, in octets: what fits in a UDP datagram over IPv4.
pub const MAX_MESSAGE: usize = 65_507;
/// Octets of a nonce (RFC 7296 2.10).
pub const NONCE_LEN: std::ops::RangeInclusive<usize> = 16..=256;
