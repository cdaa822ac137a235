//! Encrypts and authenticates what we send.

use std::fmt;

use super::cipher::{CbcEncrypt, Gcm, Refused, mac};
use super::{Envelope, set_lengths};
use crate::crypto::{Secret, Suite};

/// Why a message cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SealError {
    /// The head has no room for the headers, or the message is longer than a payload can be.
    #[error("the message is too short or too long for an encrypted payload")]
    Length,
    /// The counter of IVs is used up: the IKE SA has to be replaced.
    #[error("all IVs of this key are used")]
    Exhausted,
    /// The keys do not fit the suite: a fault of ours.
    #[error("the keys do not fit the suite")]
    Keys,
}

/// Seals one direction of an IKE SA.
///
/// AES-GCM takes its IVs from a counter that lives as long as the key (RFC 5282 3.1). So a sealer is never cloned, and
/// one that is made again from exported keys has to be told where to go on, see [`Sealer::resume`].
pub struct Sealer {
    suite: Suite,
    encryption: Secret,
    integrity: Secret,
    /// IV of the next message.
    next: u64,
}

/// No counter of IVs goes on from here: what lies above is the room for [`Sealer::resume`] to step over.
const LAST_IV: u64 = u64::MAX >> 1;
/// IVs that are stepped over at least when a sealer is resumed: far more than it can have used since the export.
const RESUME_GAP: u64 = 1 << 32;
/// And so many bits at random besides, so that two resumptions from one export do not meet.
const RESUME_RANDOM: u64 = (1 << 56) - 1;

impl Sealer {
    pub(in crate::crypto) fn new(suite: Suite, encryption: &Secret, integrity: &Secret) -> Self {
        Self { suite, encryption: encryption.clone(), integrity: integrity.clone(), next: 1 }
    }

    /// Where the counter of IVs stands, for [`Sealer::resume`].
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.next
    }

    /// Goes on with a key that was in use before: `position` is what [`Sealer::position`] said at the export, and
    /// messages may have been sent since. The counter steps over more IVs than those can be, by a random amount, so
    /// that no IV repeats even if the process dies and is restored from the same export again. An SA that was resumed
    /// too often runs out of IVs and says so ([`SealError::Exhausted`]).
    #[must_use]
    pub fn resume(mut self, position: u64, random: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut bits = [0; 8];
        random(&mut bits);
        let step = RESUME_GAP + (u64::from_be_bytes(bits) & RESUME_RANDOM);
        self.next = position.saturating_add(step);
        self
    }

    /// Octets of a whole message with `inner` octets of inner payloads after a head of `head` octets.
    #[must_use]
    pub const fn sealed_len(&self, head: usize, inner: usize) -> usize {
        let plain = (inner + 1).next_multiple_of(self.suite.encryption().block_len());
        head + self.suite.encryption().iv_len() + plain + self.suite.icv_len()
    }

    /// Most octets of inner payloads in a message of at most `message` octets with a head of `head` octets.
    #[must_use]
    pub const fn capacity(&self, head: usize, message: usize) -> usize {
        let overhead = head + self.suite.encryption().iv_len() + self.suite.icv_len();
        let room = message.saturating_sub(overhead);
        let blocks = room - room % self.suite.encryption().block_len();
        blocks.saturating_sub(1)
    }

    /// Seals in place: `message` holds the head (IKE header to the end of the encrypted payload's header, `head`
    /// octets) and then the inner payloads. Both lengths are written here. `random` is for the IV of AES-CBC, which
    /// must be unpredictable. After an error the message is of no use.
    pub fn seal(
        &mut self,
        message: &mut Vec<u8>,
        head: usize,
        envelope: Envelope,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(), SealError> {
        let inner = message.len().checked_sub(head).ok_or(SealError::Length)?;
        let length = self.sealed_len(head, inner);
        let (iv_len, block) = (self.suite.encryption().iv_len(), self.suite.encryption().block_len());
        set_lengths(message.get_mut(..head).ok_or(SealError::Length)?, envelope, length - head)
            .ok_or(SealError::Length)?;
        let pad = (inner + 1).next_multiple_of(block) - inner - 1;
        message.reserve_exact(length - message.len());
        message.resize(message.len() + pad, 0);
        message.push(u8::try_from(pad).map_err(|_| SealError::Length)?);
        let plain_len = inner + pad + 1;
        // Room for the IV before the plaintext.
        message.resize(message.len() + iv_len, 0);
        message.copy_within(head..head + plain_len, head + iv_len);
        self.encrypt(message, head, random)
    }

    fn encrypt(
        &mut self,
        message: &mut Vec<u8>,
        head: usize,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(), SealError> {
        let (head, body) = message.split_at_mut(head);
        if self.suite.encryption().is_aead() {
            let gcm = Gcm::new(self.suite.encryption(), &self.encryption)?;
            if self.next > LAST_IV {
                return Err(SealError::Exhausted);
            }
            let number = self.next.to_be_bytes();
            self.next += 1;
            let (iv, plain) = body.split_first_chunk_mut::<8>().ok_or(SealError::Length)?;
            *iv = number;
            let tag = gcm.seal(&number, head, plain)?;
            message.extend_from_slice(tag.as_ref());
        } else {
            let cbc = CbcEncrypt::new(self.suite.encryption(), &self.encryption)?;
            let mac = mac(self.suite, &self.integrity)?;
            let (iv, plain) = body.split_first_chunk_mut::<16>().ok_or(SealError::Length)?;
            random(iv);
            cbc.encrypt(iv, plain)?;
            mac.append(message);
        }
        Ok(())
    }
}

impl From<Refused> for SealError {
    fn from(_: Refused) -> Self {
        Self::Keys
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sealer").field("suite", &self.suite).finish_non_exhaustive()
    }
}
