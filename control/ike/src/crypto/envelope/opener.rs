//! Authenticates and decrypts what the peer sent.

use std::fmt;

use super::cipher::{CbcDecrypt, Gcm, mac};
use super::{Envelope, IKE_HEADER};
use crate::crypto::{Secret, Suite};

/// Why an encrypted payload is refused. All but [`OpenError::Padding`] are what a stranger can cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OpenError {
    /// The payload does not stand last, or its length is not what is left of the message.
    #[error("the encrypted payload's length is not what is left of the message")]
    Length,
    /// Too short for IV, pad length and ICV.
    #[error("the encrypted payload is shorter than IV, pad length and ICV")]
    Short,
    /// The ciphertext is not whole blocks.
    #[error("the ciphertext is not whole blocks")]
    Blocks,
    /// The ICV is wrong: another key, or a message that was altered.
    #[error("the integrity check failed")]
    Icv,
    /// Authentic, but the pad length is over the plaintext: a fault of the peer's.
    #[error("the pad length is over the plaintext")]
    Padding,
    /// The keys do not fit the suite: a fault of ours.
    #[error("the keys do not fit the suite")]
    Keys,
}

/// Opens one direction of an IKE SA.
///
/// It keeps the keys, not what ciphers make of them: a hub has an opener and a sealer for each of thousands of spokes,
/// which say something every half minute, and a key schedule takes less than a microsecond.
pub struct Opener {
    suite: Suite,
    encryption: Secret,
    integrity: Secret,
}

impl Opener {
    pub(in crate::crypto) fn new(suite: Suite, encryption: &Secret, integrity: &Secret) -> Self {
        Self { suite, encryption: encryption.clone(), integrity: integrity.clone() }
    }

    /// Opens the payload of kind `envelope` whose generic header is at octet `payload` of `message`, which is the whole
    /// datagram from the IKE header on. `inner` is emptied and, on success only, holds the inner payloads.
    pub fn open(
        &self,
        message: &[u8],
        payload: usize,
        envelope: Envelope,
        inner: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        inner.clear();
        let result = self.open_into(message, payload, envelope, inner);
        if result.is_err() {
            inner.clear();
        }
        result
    }

    fn open_into(
        &self,
        message: &[u8],
        payload: usize,
        envelope: Envelope,
        inner: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        let (head, body) = split(message, payload, envelope)?;
        let (iv_len, icv_len) = (self.suite.encryption().iv_len(), self.suite.icv_len());
        let (iv, rest) = body.split_at_checked(iv_len).ok_or(OpenError::Short)?;
        let sealed_len =
            rest.len().checked_sub(icv_len).filter(|&length| length > 0).ok_or(OpenError::Short)?;
        let (sealed, icv) = rest.split_at(sealed_len);
        if !sealed_len.is_multiple_of(self.suite.encryption().block_len()) {
            return Err(OpenError::Blocks);
        }
        if self.suite.encryption().is_aead() {
            let gcm = Gcm::new(self.suite.encryption(), &self.encryption).map_err(|_| OpenError::Keys)?;
            let iv = iv.try_into().map_err(|_| OpenError::Short)?;
            inner.extend_from_slice(sealed);
            gcm.open(iv, head, inner, icv).map_err(|_| OpenError::Icv)?;
        } else {
            let mac = mac(self.suite, &self.integrity).map_err(|_| OpenError::Keys)?;
            let covered = message.len() - icv_len;
            mac.verify(message.get(..covered).ok_or(OpenError::Short)?, icv).map_err(|_| OpenError::Icv)?;
            let cbc =
                CbcDecrypt::new(self.suite.encryption(), &self.encryption).map_err(|_| OpenError::Keys)?;
            let iv = iv.try_into().map_err(|_| OpenError::Short)?;
            inner.extend_from_slice(sealed);
            cbc.decrypt(iv, inner).map_err(|_| OpenError::Blocks)?;
        }
        // Padding may hold anything (RFC 7296 3.14); only its length has to fit.
        let pad = usize::from(inner.pop().ok_or(OpenError::Padding)?);
        let length = inner.len().checked_sub(pad).ok_or(OpenError::Padding)?;
        inner.truncate(length);
        Ok(())
    }
}

/// Head and body of an encrypted payload that stands last in its message, with all lengths looked at.
fn split(message: &[u8], payload: usize, envelope: Envelope) -> Result<(&[u8], &[u8]), OpenError> {
    if payload < IKE_HEADER {
        return Err(OpenError::Length);
    }
    let generic = message.get(payload..).ok_or(OpenError::Length)?;
    let &[_, _, high, low, ..] = generic else { return Err(OpenError::Length) };
    if usize::from(u16::from_be_bytes([high, low])) != generic.len() {
        return Err(OpenError::Length);
    }
    message.split_at_checked(payload + envelope.header_len()).ok_or(OpenError::Short)
}

impl fmt::Debug for Opener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Opener").field("suite", &self.suite).finish_non_exhaustive()
    }
}
