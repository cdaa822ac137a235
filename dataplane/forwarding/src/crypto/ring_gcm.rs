//! AES-GCM by the crate `ring`, which picks AVX2 with VAES at run time.

use super::context::Head;
use super::job::{Aad, GcmNonce, Status, split_gcm};
use super::transform::{Aes, SALT};
use ring::aead::{self, AES_128_GCM, AES_256_GCM, LessSafeKey, Nonce, UnboundKey};

/// Expanded keys. "Less safe" is ring's word for a caller who sees to the nonces himself, as an IPsec SA must.
pub(super) struct Gcm {
    pub head: Head,
    salt: [u8; SALT],
    key: LessSafeKey,
}

impl Gcm {
    /// `None`: a key of another length.
    pub fn new(head: Head, aes: Aes, key: &[u8], salt: [u8; SALT]) -> Option<Self> {
        let algorithm = match aes {
            Aes::Aes128 => &AES_128_GCM,
            Aes::Aes256 => &AES_256_GCM,
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
        Some(Self { head, salt, key })
    }

    #[inline]
    pub fn seal(&self, packet: &mut [u8], sequence: u64) -> Status {
        let Some(parts) = split_gcm(packet) else { return Status::BadLength };
        *parts.iv = sequence.to_be_bytes();
        let aad = Aad::new(parts.header, sequence, self.head.esn);
        let nonce = Nonce::assume_unique_for_key(*GcmNonce::new(self.salt, *parts.iv).octets());
        match self.key.seal_in_place_separate_tag(nonce, aead::Aad::from(aad.octets()), parts.text) {
            Ok(tag) => parts.icv.copy_from_slice(tag.as_ref()),
            Err(_) => return Status::BadLength,
        }
        Status::Done
    }

    #[inline]
    pub fn open(&self, packet: &mut [u8], sequence: u64) -> Status {
        let Some(parts) = split_gcm(packet) else { return Status::BadLength };
        let aad = Aad::new(parts.header, sequence, self.head.esn);
        let nonce = Nonce::assume_unique_for_key(*GcmNonce::new(self.salt, *parts.iv).octets());
        let icv = *parts.icv;
        let aad = aead::Aad::from(aad.octets());
        match self.key.open_in_place_separate_tag(nonce, aad, icv.into(), parts.text, 0..) {
            Ok(_) => Status::Done,
            Err(_) => {
                parts.text.fill(0);
                Status::BadIcv
            }
        }
    }
}

/// ring wipes no keys, so an expanded key of zeros is put in their place. The compiler must believe that somebody looks
/// at it, or it would leave the store out.
impl Drop for Gcm {
    fn drop(&mut self) {
        let zeros = [0; 32];
        let algorithm = self.key.algorithm();
        if let Some(key) = zeros.get(..algorithm.key_len())
            && let Ok(blank) = UnboundKey::new(algorithm, key)
        {
            self.key = LessSafeKey::new(blank);
        }
        self.salt = [0; SALT];
        std::hint::black_box(&*self);
    }
}
