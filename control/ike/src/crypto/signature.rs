//! AUTH by signature (RFC 7296 2.15, RFC 7427, RFC 8420).

mod identifier;
mod key;
mod scheme;

pub use key::{KeyError, PrivateKey};
pub use scheme::{PublicKey, Scheme, SignatureError};

/// RSA with PKCS #1 v1.5 (RFC 7296 3.8).
pub const METHOD_RSA: u8 = 1;
/// ECDSA with SHA-256 on P-256 (RFC 4754).
pub const METHOD_ECDSA_256: u8 = 9;
/// ECDSA with SHA-384 on P-384 (RFC 4754).
pub const METHOD_ECDSA_384: u8 = 10;
/// ECDSA with SHA-512 on P-521 (RFC 4754).
pub const METHOD_ECDSA_521: u8 = 11;
/// NULL authentication (RFC 7619): always refused.
pub const METHOD_NULL: u8 = 13;
/// Digital signature with its algorithm (RFC 7427).
pub const METHOD_DIGITAL: u8 = 14;

/// A hash function of signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-1: by configuration only, and with method 1 only.
    Sha1,
    /// SHA2-256.
    Sha256,
    /// SHA2-384.
    Sha384,
    /// SHA2-512.
    Sha512,
}

/// Hash functions that a peer can verify signatures with: data of SIGNATURE_HASH_ALGORITHMS (RFC 7427 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HashAlgorithms {
    /// Bit `n` is algorithm `n`.
    bits: u8,
}

/// The message itself is signed (RFC 8420 2): Ed25519.
const IDENTITY: u16 = 5;

impl Hash {
    /// Number in SIGNATURE_HASH_ALGORITHMS.
    const fn id(self) -> u16 {
        match self {
            Self::Sha1 => 1,
            Self::Sha256 => 2,
            Self::Sha384 => 3,
            Self::Sha512 => 4,
        }
    }
}

impl HashAlgorithms {
    /// From the notification's data; SHA-1 and what is not known is left away.
    #[must_use]
    pub fn parse(data: &[u8]) -> Self {
        let mut hashes = Self::default();
        for pair in data.chunks_exact(2) {
            if let &[high, low] = pair {
                hashes.add(u16::from_be_bytes([high, low]));
            }
        }
        hashes
    }

    fn add(&mut self, id: u16) {
        if (Hash::Sha256.id()..=IDENTITY).contains(&id) {
            self.bits |= 1 << id;
        }
    }

    /// What we can verify: data for our notification.
    #[must_use]
    pub fn ours() -> Vec<u8> {
        [Hash::Sha256.id(), Hash::Sha384.id(), Hash::Sha512.id(), IDENTITY].map(u16::to_be_bytes).concat()
    }

    /// Whether the peer named none: then the old methods are left.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Whether the peer named it.
    #[must_use]
    pub const fn has(self, hash: Hash) -> bool {
        self.bits & (1 << hash.id()) != 0
    }

    /// Whether the peer verifies Ed25519.
    #[must_use]
    pub const fn has_identity(self) -> bool {
        self.bits & (1 << IDENTITY) != 0
    }
}

/// Method and data of an AUTH payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthData {
    /// Authentication method.
    pub method: u8,
    /// Authentication data.
    pub data: Vec<u8>,
}

/// Why we cannot sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SignError {
    /// The peer verifies nothing that our key can make.
    #[error("the peer verifies no signature that our key can make")]
    NoCommonAlgorithm,
    /// The library failed.
    #[error("the library failed")]
    Library,
}

#[cfg(test)]
mod tests;
