//! What a transform is made of.

use shm::message::Transform;

/// Octets of SPI and sequence number in front of the IV (RFC 4303 2).
pub const HEADER: usize = 8;
/// Octets of the longest ICV, of HMAC-SHA-512-256.
pub const MAX_ICV: usize = 32;
/// Octets of a GCM salt, which follow the key in the material (RFC 4106 8.1).
pub const SALT: usize = 4;
/// Octets of an AES block.
pub const BLOCK: usize = 16;
/// Octets of GCM's IV on the wire (RFC 4106 3.1).
pub(super) const GCM_IV: usize = 8;
/// Octets of GCM's ICV.
pub(super) const GCM_ICV: usize = 16;

/// Length of an AES key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Aes {
    Aes128,
    Aes256,
}

/// How a CBC transform is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Integrity {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Integrity {
    /// Octets of the ICV (RFC 2404, RFC 4868).
    #[inline(always)]
    pub const fn icv_len(self) -> usize {
        match self {
            Integrity::Sha1 => 12,
            Integrity::Sha256 => 16,
            Integrity::Sha384 => 24,
            Integrity::Sha512 => 32,
        }
    }
}

/// The two kinds of transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Gcm(Aes),
    Cbc(Aes, Integrity),
}

impl Kind {
    pub const fn of(transform: Transform) -> Self {
        match transform {
            Transform::Gcm128 => Kind::Gcm(Aes::Aes128),
            Transform::Gcm256 => Kind::Gcm(Aes::Aes256),
            Transform::Cbc128Sha1 => Kind::Cbc(Aes::Aes128, Integrity::Sha1),
            Transform::Cbc128Sha256 => Kind::Cbc(Aes::Aes128, Integrity::Sha256),
            Transform::Cbc128Sha384 => Kind::Cbc(Aes::Aes128, Integrity::Sha384),
            Transform::Cbc128Sha512 => Kind::Cbc(Aes::Aes128, Integrity::Sha512),
            Transform::Cbc256Sha1 => Kind::Cbc(Aes::Aes256, Integrity::Sha1),
            Transform::Cbc256Sha256 => Kind::Cbc(Aes::Aes256, Integrity::Sha256),
            Transform::Cbc256Sha384 => Kind::Cbc(Aes::Aes256, Integrity::Sha384),
            Transform::Cbc256Sha512 => Kind::Cbc(Aes::Aes256, Integrity::Sha512),
        }
    }
}

/// Octets that ESP adds around the ciphertext: SPI, sequence number, IV, ICV.
pub const fn overhead(transform: Transform) -> usize {
    HEADER + transform.iv_len() + transform.icv_len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_agree_with_the_contract() {
        for transform in Transform::ALL {
            let (gcm, icv) = match Kind::of(*transform) {
                Kind::Gcm(_) => (true, GCM_ICV),
                Kind::Cbc(_, integrity) => (false, integrity.icv_len()),
            };
            assert_eq!((gcm, icv), (transform.is_gcm(), transform.icv_len()));
            assert!(icv <= MAX_ICV);
        }
        assert_eq!(overhead(Transform::Gcm128), 32);
        assert_eq!(overhead(Transform::Cbc128Sha1), 36);
    }
}
