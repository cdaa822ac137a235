//! Keys of one direction of a child SA.

use std::fmt;
use zeroize::Zeroizing;

/// Encryption and integrity of ESP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EspTransform {
    /// AES-GCM with a 16-octet ICV (RFC 4106).
    Gcm {
        /// 16 or 32 octets.
        key: u8,
    },
    /// AES-CBC (RFC 3602) with an HMAC.
    Cbc {
        /// 16 or 32 octets.
        key: u8,
        /// Its HMAC.
        integrity: EspIntegrity,
    },
}

/// HMAC of ESP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EspIntegrity {
    /// HMAC-SHA1-96 (RFC 2404), by configuration only.
    Sha1_96,
    /// HMAC-SHA2-256-128 (RFC 4868).
    Sha256_128,
    /// HMAC-SHA2-384-192 (RFC 4868).
    Sha384_192,
    /// HMAC-SHA2-512-256 (RFC 4868).
    Sha512_256,
}

impl EspIntegrity {
    /// Octets of its key.
    pub fn key_len(self) -> usize {
        match self {
            Self::Sha1_96 => 20,
            Self::Sha256_128 => 32,
            Self::Sha384_192 => 48,
            Self::Sha512_256 => 64,
        }
    }
}

impl EspTransform {
    /// Octets of encryption key, with GCM's salt.
    pub fn encryption_len(self) -> usize {
        match self {
            Self::Gcm { key } => usize::from(key) + 4,
            Self::Cbc { key, .. } => usize::from(key),
        }
    }

    /// Octets of integrity key.
    pub fn integrity_len(self) -> usize {
        match self {
            Self::Gcm { .. } => 0,
            Self::Cbc { integrity, .. } => integrity.key_len(),
        }
    }

    /// Octets of key material for one direction.
    pub fn key_material(self) -> usize {
        self.encryption_len() + self.integrity_len()
    }
}

impl fmt::Display for EspTransform {
    /// In Cisco's words, as `show crypto ipsec sa` has them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gcm { key: 16 } => write!(f, "esp-gcm"),
            Self::Gcm { key } => write!(f, "esp-gcm {}", u16::from(*key) * 8),
            Self::Cbc { key, integrity } => {
                match key {
                    16 => write!(f, "esp-aes ")?,
                    key => write!(f, "esp-{}-aes ", u16::from(*key) * 8)?,
                }
                f.write_str(match integrity {
                    EspIntegrity::Sha1_96 => "esp-sha-hmac",
                    EspIntegrity::Sha256_128 => "esp-sha256-hmac",
                    EspIntegrity::Sha384_192 => "esp-sha384-hmac",
                    EspIntegrity::Sha512_256 => "esp-sha512-hmac",
                })
            }
        }
    }
}

/// Keys of one direction: encryption key (GCM: then the 4-octet salt), then integrity key. Wiped when dropped.
#[derive(Clone)]
pub struct EspKeys {
    transform: EspTransform,
    material: Zeroizing<Vec<u8>>,
}

impl EspKeys {
    /// Keys cut from key material; `None` if their length is not the transform's.
    pub fn new(transform: EspTransform, material: &[u8]) -> Option<Self> {
        (material.len() == transform.key_material())
            .then(|| Self { transform, material: Zeroizing::new(material.to_vec()) })
    }

    /// What they are for.
    pub fn transform(&self) -> EspTransform {
        self.transform
    }

    /// Encryption key, GCM's with the salt behind it.
    pub fn encryption(&self) -> &[u8] {
        self.material.get(..self.transform.encryption_len()).unwrap_or_default()
    }

    /// Integrity key; none with GCM.
    pub fn integrity(&self) -> &[u8] {
        self.material.get(self.transform.encryption_len()..).unwrap_or_default()
    }
}

/// Of keys, nothing.
impl fmt::Debug for EspKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EspKeys({})", self.transform)
    }
}
