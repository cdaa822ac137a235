//! The encrypted payloads SK (RFC 7296 3.14, with AES-GCM RFC 5282) and SKF (RFC 7383 2.5).
//!
//! ```text
//! IKE header | payloads in clear | generic header [number, total] | IV | ciphertext { inner | padding | pad length } | ICV
//! '--------------- head: authenticated, not encrypted -----------'
//! ```
//! Both stand last in their message. A message is authenticated before anything of it is decrypted, and nothing of one
//! that is not authentic reaches the caller.

mod cipher;
mod opener;
mod sealer;

pub use opener::{OpenError, Opener};
pub use sealer::{SealError, Sealer};

/// Octets of the IKE header (RFC 7296 3.1).
const IKE_HEADER: usize = 28;
/// Offset of the length in the IKE header.
const IKE_LENGTH: usize = 24;

/// Which encrypted payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Envelope {
    /// SK: the whole message.
    Whole,
    /// SKF: one fragment of a message.
    Fragment,
}

impl Envelope {
    /// Octets before the IV: generic header, for SKF with fragment number and total.
    #[must_use]
    pub const fn header_len(self) -> usize {
        match self {
            Self::Whole => 4,
            Self::Fragment => 8,
        }
    }
}

/// Writes the lengths of IKE header and encrypted payload for a body of `body` octets after `head`. `None` if there is
/// no room for the headers in `head`, or no room for the length in the payload header.
pub(crate) fn set_lengths(head: &mut [u8], envelope: Envelope, body: usize) -> Option<()> {
    let payload = head.len().checked_sub(envelope.header_len()).filter(|&payload| payload >= IKE_HEADER)?;
    let total = u32::try_from(head.len() + body).ok()?;
    let length = u16::try_from(envelope.header_len() + body).ok()?;
    head.get_mut(IKE_LENGTH..IKE_HEADER)?.copy_from_slice(&total.to_be_bytes());
    head.get_mut(payload + 2..payload + 4)?.copy_from_slice(&length.to_be_bytes());
    Some(())
}

#[cfg(test)]
mod tests;
