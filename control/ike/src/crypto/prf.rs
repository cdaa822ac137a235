//! Pseudo-random functions and prf+ (RFC 7296 2.13).

use aws_lc_rs::hmac;

use crate::crypto::Secret;

/// Transform type 2. All are HMACs, so a key of any length will do and the preferred one is that of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prf {
    /// PRF_HMAC_SHA1: by configuration only.
    Sha1,
    /// PRF_HMAC_SHA2_256.
    Sha256,
    /// PRF_HMAC_SHA2_384.
    Sha384,
    /// PRF_HMAC_SHA2_512.
    Sha512,
}

impl Prf {
    /// By number.
    #[must_use]
    pub const fn from_transform(id: u16) -> Option<Self> {
        match id {
            2 => Some(Self::Sha1),
            5 => Some(Self::Sha256),
            6 => Some(Self::Sha384),
            7 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Transform number.
    #[must_use]
    pub const fn id(self) -> u16 {
        match self {
            Self::Sha1 => 2,
            Self::Sha256 => 5,
            Self::Sha384 => 6,
            Self::Sha512 => 7,
        }
    }

    /// Whether only configuration may bring it in.
    #[must_use]
    pub const fn is_legacy(self) -> bool {
        matches!(self, Self::Sha1)
    }

    /// Octets of output, which is also the length of SK_d, SK_pi and SK_pr.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// As strongSwan writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "prfsha1",
            Self::Sha256 => "prfsha256",
            Self::Sha384 => "prfsha384",
            Self::Sha512 => "prfsha512",
        }
    }

    fn key(self, key: &[u8]) -> hmac::Key {
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        };
        hmac::Key::new(algorithm, key)
    }

    /// `prf(key, data)`; `data` is the parts one after the other.
    #[must_use]
    pub fn compute(self, key: &[u8], data: &[&[u8]]) -> Secret {
        Secret::copy_of(sign(&self.key(key), data).as_ref())
    }

    /// The first `length` octets of `prf+(key, seed)`; `None` if that is over 255 outputs.
    ///
    /// `T1 = prf(K, S | 0x01)`, `Tn = prf(K, Tn-1 | S | n)`, `prf+ = T1 | T2 | ...`
    #[must_use]
    pub fn expand(self, key: &[u8], seed: &[&[u8]], length: usize) -> Option<Secret> {
        if length > 255 * self.output_len() {
            return None;
        }
        let key = self.key(key);
        let mut output = Secret::zeroed(length);
        let mut previous = Secret::zeroed(0);
        for (chunk, number) in output.as_mut().chunks_mut(self.output_len()).zip(1_u8..=255) {
            let mut context = hmac::Context::with_key(&key);
            context.update(previous.expose());
            for part in seed {
                context.update(part);
            }
            context.update(&[number]);
            previous = Secret::copy_of(context.sign().as_ref());
            if let Some(head) = previous.expose().get(..chunk.len()) {
                chunk.copy_from_slice(head);
            }
        }
        Some(output)
    }
}

fn sign(key: &hmac::Key, data: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for part in data {
        context.update(part);
    }
    context.sign()
}
