//! Transforms: what an IKE SA or a child SA encrypts and authenticates with (RFC 7296 3.3.2, IANA "IKEv2 Parameters").
//!
//! Only what is fit for use is here: no DES, no 3DES, no MD5. SHA-1 is known to the code and used only where
//! configuration names it (see [`Integrity::is_legacy`], [`crate::crypto::Prf::is_legacy`]).

use crate::crypto::Prf;

/// Transform type 1. The key length is part of it: AES without one is malformed (RFC 7296 3.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// ENCR_AES_CBC, 128 bits.
    AesCbc128,
    /// ENCR_AES_CBC, 192 bits.
    AesCbc192,
    /// ENCR_AES_CBC, 256 bits.
    AesCbc256,
    /// AES-GCM with an ICV of 16 octets, 128 bits.
    AesGcm128,
    /// AES-GCM with an ICV of 16 octets, 192 bits.
    AesGcm192,
    /// AES-GCM with an ICV of 16 octets, 256 bits.
    AesGcm256,
}

/// ENCR_AES_CBC.
const AES_CBC: u16 = 12;
/// AES-GCM with an ICV of 16 octets.
const AES_GCM_16: u16 = 20;

impl Encryption {
    /// By number and key length in bits.
    #[must_use]
    pub const fn from_transform(id: u16, key_bits: Option<u16>) -> Option<Self> {
        match (id, key_bits) {
            (AES_CBC, Some(128)) => Some(Self::AesCbc128),
            (AES_CBC, Some(192)) => Some(Self::AesCbc192),
            (AES_CBC, Some(256)) => Some(Self::AesCbc256),
            (AES_GCM_16, Some(128)) => Some(Self::AesGcm128),
            (AES_GCM_16, Some(192)) => Some(Self::AesGcm192),
            (AES_GCM_16, Some(256)) => Some(Self::AesGcm256),
            _ => None,
        }
    }

    /// Transform number.
    #[must_use]
    pub const fn id(self) -> u16 {
        if self.is_aead() { AES_GCM_16 } else { AES_CBC }
    }

    /// Key length in bits, without salt: the key length attribute.
    #[must_use]
    pub const fn key_bits(self) -> u16 {
        match self {
            Self::AesCbc128 | Self::AesGcm128 => 128,
            Self::AesCbc192 | Self::AesGcm192 => 192,
            Self::AesCbc256 | Self::AesGcm256 => 256,
        }
    }

    /// Whether it authenticates too, so that no integrity transform goes with it (RFC 5282 8).
    #[must_use]
    pub const fn is_aead(self) -> bool {
        matches!(self, Self::AesGcm128 | Self::AesGcm192 | Self::AesGcm256)
    }

    /// Octets of the AES key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        self.key_bits() as usize / 8
    }

    /// Octets of salt after the key in key material (RFC 5282 7.1, RFC 4106 8.1).
    #[must_use]
    pub const fn salt_len(self) -> usize {
        if self.is_aead() { 4 } else { 0 }
    }

    /// Octets that key material has for it: key, then salt.
    #[must_use]
    pub const fn material_len(self) -> usize {
        self.key_len() + self.salt_len()
    }

    /// Octets of the IV on the wire.
    #[must_use]
    pub const fn iv_len(self) -> usize {
        if self.is_aead() { 8 } else { 16 }
    }

    /// Plaintext with padding and pad length is a multiple of so many octets in IKE.
    #[must_use]
    pub const fn block_len(self) -> usize {
        if self.is_aead() { 1 } else { 16 }
    }

    /// As strongSwan writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCbc128 => "aes128",
            Self::AesCbc192 => "aes192",
            Self::AesCbc256 => "aes256",
            Self::AesGcm128 => "aes128gcm16",
            Self::AesGcm192 => "aes192gcm16",
            Self::AesGcm256 => "aes256gcm16",
        }
    }
}

/// Transform type 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Integrity {
    /// AUTH_HMAC_SHA1_96: by configuration only.
    HmacSha1_96,
    /// AUTH_HMAC_SHA2_256_128.
    HmacSha256_128,
    /// AUTH_HMAC_SHA2_384_192.
    HmacSha384_192,
    /// AUTH_HMAC_SHA2_512_256.
    HmacSha512_256,
}

impl Integrity {
    /// By number.
    #[must_use]
    pub const fn from_transform(id: u16) -> Option<Self> {
        match id {
            2 => Some(Self::HmacSha1_96),
            12 => Some(Self::HmacSha256_128),
            13 => Some(Self::HmacSha384_192),
            14 => Some(Self::HmacSha512_256),
            _ => None,
        }
    }

    /// Transform number.
    #[must_use]
    pub const fn id(self) -> u16 {
        match self {
            Self::HmacSha1_96 => 2,
            Self::HmacSha256_128 => 12,
            Self::HmacSha384_192 => 13,
            Self::HmacSha512_256 => 14,
        }
    }

    /// Whether only configuration may bring it in.
    #[must_use]
    pub const fn is_legacy(self) -> bool {
        matches!(self, Self::HmacSha1_96)
    }

    /// Octets of the key: those of the hash (RFC 4868 2.1.1).
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::HmacSha1_96 => 20,
            Self::HmacSha256_128 => 32,
            Self::HmacSha384_192 => 48,
            Self::HmacSha512_256 => 64,
        }
    }

    /// Octets of the ICV.
    #[must_use]
    pub const fn icv_len(self) -> usize {
        match self {
            Self::HmacSha1_96 => 12,
            Self::HmacSha256_128 => 16,
            Self::HmacSha384_192 => 24,
            Self::HmacSha512_256 => 32,
        }
    }

    /// As strongSwan writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha1_96 => "sha1",
            Self::HmacSha256_128 => "sha256",
            Self::HmacSha384_192 => "sha384",
            Self::HmacSha512_256 => "sha512",
        }
    }
}

/// What an IKE SA protects itself with, but for its key exchange methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Suite {
    encryption: Encryption,
    integrity: Option<Integrity>,
    prf: Prf,
}

impl Suite {
    /// `None` unless exactly the ciphers that do not authenticate have an integrity transform.
    #[must_use]
    pub const fn new(encryption: Encryption, integrity: Option<Integrity>, prf: Prf) -> Option<Self> {
        if encryption.is_aead() == integrity.is_some() {
            return None;
        }
        Some(Self { encryption, integrity, prf })
    }

    /// Transform type 1.
    #[must_use]
    pub const fn encryption(&self) -> Encryption {
        self.encryption
    }

    /// Transform type 3; none with AES-GCM.
    #[must_use]
    pub const fn integrity(&self) -> Option<Integrity> {
        self.integrity
    }

    /// Transform type 2.
    #[must_use]
    pub const fn prf(&self) -> Prf {
        self.prf
    }

    /// Octets of SK_ai and SK_ar each.
    #[must_use]
    pub const fn integrity_key_len(&self) -> usize {
        match self.integrity {
            Some(integrity) => integrity.key_len(),
            None => 0,
        }
    }

    /// Octets of the ICV.
    #[must_use]
    pub const fn icv_len(&self) -> usize {
        match self.integrity {
            Some(integrity) => integrity.icv_len(),
            None => 16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integrity_transform_goes_with_cbc_only() {
        let sha = Some(Integrity::HmacSha256_128);
        assert!(Suite::new(Encryption::AesCbc128, sha, Prf::Sha256).is_some());
        assert!(Suite::new(Encryption::AesCbc128, None, Prf::Sha256).is_none());
        assert!(Suite::new(Encryption::AesGcm128, None, Prf::Sha256).is_some());
        assert!(Suite::new(Encryption::AesGcm128, sha, Prf::Sha256).is_none());
    }

    #[test]
    fn every_transform_is_found_by_its_own_number() {
        use Encryption::{AesCbc128, AesCbc192, AesCbc256, AesGcm128, AesGcm192, AesGcm256};
        for encryption in [AesCbc128, AesCbc192, AesCbc256, AesGcm128, AesGcm192, AesGcm256] {
            let found = Encryption::from_transform(encryption.id(), Some(encryption.key_bits()));
            assert_eq!(found, Some(encryption));
            assert_eq!(Encryption::from_transform(encryption.id(), None), None);
        }
        use Integrity::{HmacSha1_96, HmacSha256_128, HmacSha384_192, HmacSha512_256};
        for integrity in [HmacSha1_96, HmacSha256_128, HmacSha384_192, HmacSha512_256] {
            assert_eq!(Integrity::from_transform(integrity.id()), Some(integrity));
        }
        // 3DES, NULL, AES-CTR, odd key lengths; MD5, XCBC.
        for (id, bits) in
            [(3, None), (11, None), (13, Some(128)), (12, Some(64)), (20, Some(512)), (12, Some(0))]
        {
            assert_eq!(Encryption::from_transform(id, bits), None);
        }
        assert_eq!(Integrity::from_transform(0), None);
        assert_eq!(Integrity::from_transform(1), None);
        assert_eq!(Integrity::from_transform(5), None);
    }
}
