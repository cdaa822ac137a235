//! Key material on its way from control to the dataplane.

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Algorithms of an ESP SA, with their order of key material (RFC 4106 8.1, RFC 4301 4.5.2: encryption before
/// integrity).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Zeroize)]
#[repr(u8)]
pub enum Transform {
    /// AES-GCM with a 16-octet ICV: key of 16, salt of 4 octets.
    Gcm128 = 1,
    /// AES-GCM with a 16-octet ICV: key of 32, salt of 4 octets.
    Gcm256 = 2,
    /// AES-CBC with a key of 16, HMAC-SHA1-96 with one of 20 octets.
    Cbc128Sha1 = 3,
    /// AES-CBC with a key of 16, HMAC-SHA-256-128 with one of 32 octets.
    Cbc128Sha256 = 4,
    /// AES-CBC with a key of 16, HMAC-SHA-384-192 with one of 48 octets.
    Cbc128Sha384 = 5,
    /// AES-CBC with a key of 16, HMAC-SHA-512-256 with one of 64 octets.
    Cbc128Sha512 = 6,
    /// AES-CBC with a key of 32, HMAC-SHA1-96 with one of 20 octets.
    Cbc256Sha1 = 7,
    /// AES-CBC with a key of 32, HMAC-SHA-256-128 with one of 32 octets.
    Cbc256Sha256 = 8,
    /// AES-CBC with a key of 32, HMAC-SHA-384-192 with one of 48 octets.
    Cbc256Sha384 = 9,
    /// AES-CBC with a key of 32, HMAC-SHA-512-256 with one of 64 octets.
    Cbc256Sha512 = 10,
}

impl Transform {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Gcm128,
        Self::Gcm256,
        Self::Cbc128Sha1,
        Self::Cbc128Sha256,
        Self::Cbc128Sha384,
        Self::Cbc128Sha512,
        Self::Cbc256Sha1,
        Self::Cbc256Sha256,
        Self::Cbc256Sha384,
        Self::Cbc256Sha512,
    ];

    /// Octets of the encryption key, with GCM's salt of 4.
    pub const fn encryption_len(self) -> usize {
        match self {
            Self::Gcm128 => 20,
            Self::Gcm256 => 36,
            Self::Cbc128Sha1 | Self::Cbc128Sha256 | Self::Cbc128Sha384 | Self::Cbc128Sha512 => 16,
            Self::Cbc256Sha1 | Self::Cbc256Sha256 | Self::Cbc256Sha384 | Self::Cbc256Sha512 => 32,
        }
    }

    /// Octets of the integrity key; 0 of GCM.
    pub const fn integrity_len(self) -> usize {
        match self {
            Self::Gcm128 | Self::Gcm256 => 0,
            Self::Cbc128Sha1 | Self::Cbc256Sha1 => 20,
            Self::Cbc128Sha256 | Self::Cbc256Sha256 => 32,
            Self::Cbc128Sha384 | Self::Cbc256Sha384 => 48,
            Self::Cbc128Sha512 | Self::Cbc256Sha512 => 64,
        }
    }

    /// Octets of key material of one direction.
    pub const fn material_len(self) -> usize {
        self.encryption_len() + self.integrity_len()
    }

    /// Octets of the IV on the wire.
    pub const fn iv_len(self) -> usize {
        if self.is_gcm() { 8 } else { 16 }
    }

    /// Octets of the ICV on the wire.
    pub const fn icv_len(self) -> usize {
        match self {
            Self::Cbc128Sha1 | Self::Cbc256Sha1 => 12,
            Self::Gcm128 | Self::Gcm256 | Self::Cbc128Sha256 | Self::Cbc256Sha256 => 16,
            Self::Cbc128Sha384 | Self::Cbc256Sha384 => 24,
            Self::Cbc128Sha512 | Self::Cbc256Sha512 => 32,
        }
    }

    /// What the plaintext with its trailer is padded to, in octets.
    pub const fn block_len(self) -> usize {
        if self.is_gcm() { 4 } else { 16 }
    }

    /// Whether it encrypts and authenticates in one (RFC 4106).
    pub const fn is_gcm(self) -> bool {
        matches!(self, Self::Gcm128 | Self::Gcm256)
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|transform| *transform as u8 == number)
    }
}

/// Octets of the longest key material.
pub const MAX_KEYS: usize = 96;
const _: () = assert!(Transform::Cbc256Sha512.material_len() == MAX_KEYS);

/// The keys of one direction of an SA: not shown by `Debug`, compared in constant time, wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Keys {
    #[zeroize(skip)]
    transform: Transform,
    /// The first `transform.material_len()` octets; the others are zero.
    material: [u8; MAX_KEYS],
}

impl Keys {
    /// `None`: `material` has not the length that `transform` takes.
    pub fn new(transform: Transform, material: &[u8]) -> Option<Self> {
        let mut keys = Self { transform, material: [0; MAX_KEYS] };
        if material.len() != transform.material_len() {
            return None;
        }
        keys.material.get_mut(..material.len())?.copy_from_slice(material);
        Some(keys)
    }

    /// Which algorithms.
    pub fn transform(&self) -> Transform {
        self.transform
    }

    /// The encryption key; of GCM with the salt behind it.
    pub fn encryption(&self) -> &[u8] {
        self.material.get(..self.transform.encryption_len()).unwrap_or_default()
    }

    /// The integrity key; empty of GCM.
    pub fn integrity(&self) -> &[u8] {
        self.material.get(self.transform.encryption_len()..self.transform.material_len()).unwrap_or_default()
    }

    /// All of it, as key derivation cuts it.
    pub fn material(&self) -> &[u8] {
        self.material.get(..self.transform.material_len()).unwrap_or_default()
    }

    pub(crate) fn padded(&self) -> &[u8; MAX_KEYS] {
        &self.material
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("transform", &self.transform).finish_non_exhaustive()
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        let same = Choice::from(u8::from(self.transform == other.transform));
        bool::from(same & self.material.ct_eq(&other.material))
    }
}

impl Eq for Keys {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn material_is_cut_in_order() {
        let octets: Vec<u8> = (1..=MAX_KEYS as u8).collect();
        for transform in Transform::ALL {
            let material = &octets[..transform.material_len()];
            let keys = Keys::new(*transform, material).unwrap();
            assert_eq!([keys.encryption(), keys.integrity()].concat(), material);
            assert_eq!((keys.material(), keys.transform()), (material, *transform));
            assert!(Keys::new(*transform, &octets[1..transform.material_len()]).is_none());
            assert_eq!(Transform::from_number(*transform as u8), Some(*transform));
        }
        assert!(Keys::new(Transform::Gcm128, &[0; MAX_KEYS + 1]).is_none());
        assert_eq!(Transform::from_number(0), None);
    }

    #[test]
    fn keys_are_not_shown() {
        let keys = Keys::new(Transform::Gcm128, &[0xab; 20]).unwrap();
        assert_eq!(format!("{keys:?}"), "Keys { transform: Gcm128, .. }");
        let other = Keys::new(Transform::Gcm128, &[0xac; 20]).unwrap();
        assert!(keys == keys.clone() && keys != other);
        assert_ne!(
            Keys::new(Transform::Cbc128Sha1, &[1; 36]).unwrap(),
            Keys::new(Transform::Gcm256, &[1; 36]).unwrap()
        );
    }
}
