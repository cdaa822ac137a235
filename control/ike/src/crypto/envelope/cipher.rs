//! The ciphers of encrypted payloads, keyed for one message.

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    self, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::crypto::{Encryption, Integrity, Secret, Suite};

/// The library refused: a key of another length than the suite's, never data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// The tag is not that of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAuthentic;

/// AES-GCM with the salt that makes its nonces.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: Zeroizing<[u8; 4]>,
}

impl Gcm {
    pub(super) fn new(encryption: Encryption, material: &Secret) -> Result<Self, Refused> {
        let algorithm = match encryption {
            Encryption::AesGcm128 => &aead::AES_128_GCM,
            Encryption::AesGcm192 => &aead::AES_192_GCM,
            Encryption::AesGcm256 => &aead::AES_256_GCM,
            Encryption::AesCbc128 | Encryption::AesCbc192 | Encryption::AesCbc256 => return Err(Refused),
        };
        let (key, salt) = material.expose().split_at_checked(encryption.key_len()).ok_or(Refused)?;
        let key = UnboundKey::new(algorithm, key).map_err(|_| Refused)?;
        let salt = Zeroizing::new(salt.try_into().map_err(|_| Refused)?);
        Ok(Self { key: LessSafeKey::new(key), salt })
    }

    /// Salt, then IV (RFC 5282 4).
    fn nonce(&self, iv: &[u8; 8]) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(self.salt.as_ref());
        nonce[4..].copy_from_slice(iv);
        Nonce::assume_unique_for_key(nonce)
    }

    pub(super) fn seal(&self, iv: &[u8; 8], head: &[u8], plain: &mut [u8]) -> Result<aead::Tag, Refused> {
        self.key.seal_in_place_separate_tag(self.nonce(iv), Aad::from(head), plain).map_err(|_| Refused)
    }

    pub(super) fn open(
        &self,
        iv: &[u8; 8],
        head: &[u8],
        sealed: &mut [u8],
        icv: &[u8],
    ) -> Result<(), NotAuthentic> {
        self.key
            .open_in_place_separate_tag(self.nonce(iv), Aad::from(head), icv, sealed)
            .map(|_| ())
            .map_err(|_| NotAuthentic)
    }
}

/// HMAC cut to the length of its ICV.
pub(super) struct Mac {
    key: hmac::Key,
    icv_len: usize,
}

impl Mac {
    pub(super) fn new(integrity: Integrity, key: &Secret) -> Self {
        let algorithm = match integrity {
            Integrity::HmacSha1_96 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Integrity::HmacSha256_128 => hmac::HMAC_SHA256,
            Integrity::HmacSha384_192 => hmac::HMAC_SHA384,
            Integrity::HmacSha512_256 => hmac::HMAC_SHA512,
        };
        Self { key: hmac::Key::new(algorithm, key.expose()), icv_len: integrity.icv_len() }
    }

    /// Appends the ICV of all that is in `message`.
    pub(super) fn append(&self, message: &mut Vec<u8>) {
        let tag = hmac::sign(&self.key, message);
        message.extend_from_slice(tag.as_ref().get(..self.icv_len).unwrap_or_default());
    }

    /// Compares in constant time.
    pub(super) fn verify(&self, message: &[u8], icv: &[u8]) -> Result<(), NotAuthentic> {
        let tag = hmac::sign(&self.key, message);
        let expected = tag.as_ref().get(..self.icv_len).ok_or(NotAuthentic)?;
        if expected.ct_eq(icv).into() { Ok(()) } else { Err(NotAuthentic) }
    }
}

fn cbc_key(encryption: Encryption, key: &Secret) -> Result<UnboundCipherKey, Refused> {
    let algorithm = match encryption {
        Encryption::AesCbc128 => &cipher::AES_128,
        Encryption::AesCbc192 => &cipher::AES_192,
        Encryption::AesCbc256 => &cipher::AES_256,
        Encryption::AesGcm128 | Encryption::AesGcm192 | Encryption::AesGcm256 => return Err(Refused),
    };
    UnboundCipherKey::new(algorithm, key.expose()).map_err(|_| Refused)
}

/// AES-CBC, encrypting.
pub(super) struct CbcEncrypt(EncryptingKey);

impl CbcEncrypt {
    pub(super) fn new(encryption: Encryption, key: &Secret) -> Result<Self, Refused> {
        EncryptingKey::cbc(cbc_key(encryption, key)?).map(Self).map_err(|_| Refused)
    }

    /// `plain` is whole blocks.
    pub(super) fn encrypt(&self, iv: &[u8; 16], plain: &mut [u8]) -> Result<(), Refused> {
        let context = EncryptionContext::Iv128(FixedLength::from(*iv));
        self.0.less_safe_encrypt(plain, context).map(|_| ()).map_err(|_| Refused)
    }
}

/// AES-CBC, decrypting.
pub(super) struct CbcDecrypt(DecryptingKey);

impl CbcDecrypt {
    pub(super) fn new(encryption: Encryption, key: &Secret) -> Result<Self, Refused> {
        DecryptingKey::cbc(cbc_key(encryption, key)?).map(Self).map_err(|_| Refused)
    }

    /// `sealed` is whole blocks.
    pub(super) fn decrypt(&self, iv: &[u8; 16], sealed: &mut [u8]) -> Result<(), Refused> {
        let context = DecryptionContext::Iv128(FixedLength::from(*iv));
        self.0.decrypt(sealed, context).map(|_| ()).map_err(|_| Refused)
    }
}

/// Integrity of a suite with CBC; the suite's constructor has seen to it that there is one.
pub(super) fn mac(suite: Suite, key: &Secret) -> Result<Mac, Refused> {
    let integrity = suite.integrity().ok_or(Refused)?;
    if key.len() != integrity.key_len() {
        return Err(Refused);
    }
    Ok(Mac::new(integrity, key))
}
