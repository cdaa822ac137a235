//! What an SA does to a packet: the transforms of RFC 8221 that branch routers have.

/// Octets of SPI and sequence number in front of the IV (RFC 4303 2).
pub const HEADER: usize = 8;
/// Octets of the longest ICV, of HMAC-SHA-512-256.
pub const MAX_ICV: usize = 32;
/// Octets of the longest key material: AES-256 and HMAC-SHA-512.
pub const MAX_MATERIAL: usize = 96;
/// Octets of a GCM salt, which follow the key in the material (RFC 4106 8.1).
pub const SALT: usize = 4;
/// Octets of an AES block.
pub const BLOCK: usize = 16;

/// Length of an AES key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aes {
    /// 128 bits.
    Aes128,
    /// 256 bits.
    Aes256,
}

impl Aes {
    /// Octets of the key.
    #[inline(always)]
    pub const fn key_len(self) -> usize {
        match self {
            Aes::Aes128 => 16,
            Aes::Aes256 => 32,
        }
    }
}

/// How a CBC transform is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Integrity {
    /// HMAC-SHA1-96 (RFC 2404), which Cisco once had by default.
    Sha1,
    /// HMAC-SHA-256-128 (RFC 4868).
    Sha256,
    /// HMAC-SHA-384-192 (RFC 4868).
    Sha384,
    /// HMAC-SHA-512-256 (RFC 4868).
    Sha512,
}

impl Integrity {
    /// Octets of the key: of the hash's output (RFC 4868 2.1.1, RFC 2404 3).
    #[inline(always)]
    pub const fn key_len(self) -> usize {
        match self {
            Integrity::Sha1 => 20,
            Integrity::Sha256 => 32,
            Integrity::Sha384 => 48,
            Integrity::Sha512 => 64,
        }
    }

    /// Octets of the ICV.
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

/// Encryption and authentication of an SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transform {
    /// AES-GCM with an ICV of 16 octets (RFC 4106).
    Gcm(Aes),
    /// AES-CBC (RFC 3602) with an HMAC.
    Cbc(Aes, Integrity),
}

impl Transform {
    /// All there are.
    pub const ALL: [Transform; 10] = [
        Transform::Gcm(Aes::Aes128),
        Transform::Gcm(Aes::Aes256),
        Transform::Cbc(Aes::Aes128, Integrity::Sha1),
        Transform::Cbc(Aes::Aes128, Integrity::Sha256),
        Transform::Cbc(Aes::Aes128, Integrity::Sha384),
        Transform::Cbc(Aes::Aes128, Integrity::Sha512),
        Transform::Cbc(Aes::Aes256, Integrity::Sha1),
        Transform::Cbc(Aes::Aes256, Integrity::Sha256),
        Transform::Cbc(Aes::Aes256, Integrity::Sha384),
        Transform::Cbc(Aes::Aes256, Integrity::Sha512),
    ];

    /// Octets of the IV behind the sequence number.
    #[inline(always)]
    pub const fn iv_len(self) -> usize {
        match self {
            Transform::Gcm(_) => 8,
            Transform::Cbc(..) => BLOCK,
        }
    }

    /// Octets of the ICV behind the ciphertext.
    #[inline(always)]
    pub const fn icv_len(self) -> usize {
        match self {
            Transform::Gcm(_) => 16,
            Transform::Cbc(_, integrity) => integrity.icv_len(),
        }
    }

    /// What the octets between IV and ICV are a multiple of (RFC 4303 2.4).
    #[inline(always)]
    pub const fn align(self) -> usize {
        match self {
            Transform::Gcm(_) => 4,
            Transform::Cbc(..) => BLOCK,
        }
    }

    /// Octets around the ciphertext: SPI, sequence number, IV, ICV.
    #[inline(always)]
    pub const fn overhead(self) -> usize {
        HEADER + self.iv_len() + self.icv_len()
    }

    /// Octets of key material: the encryption key, then the salt or the integrity key.
    pub const fn material_len(self) -> usize {
        match self {
            Transform::Gcm(aes) => aes.key_len() + SALT,
            Transform::Cbc(aes, integrity) => aes.key_len() + integrity.key_len(),
        }
    }
}

/// The words of strongSwan's proposals.
impl std::fmt::Display for Transform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bits = |aes: &Aes| aes.key_len() * 8;
        match self {
            Transform::Gcm(aes) => write!(f, "aes{}gcm16", bits(aes)),
            Transform::Cbc(aes, integrity) => {
                let hash = match integrity {
                    Integrity::Sha1 => "sha1",
                    Integrity::Sha256 => "sha256",
                    Integrity::Sha384 => "sha384",
                    Integrity::Sha512 => "sha512",
                };
                write!(f, "aes{}-{hash}", bits(aes))
            }
        }
    }
}

/// No such transform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no ESP transform: aes128gcm16, aes256gcm16, aes128-sha256, aes256-sha512 …")]
pub struct UnknownTransform(String);

impl std::str::FromStr for Transform {
    type Err = UnknownTransform;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|transform| transform.to_string() == text);
        found.ok_or_else(|| UnknownTransform(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_rfcs() {
        for transform in Transform::ALL {
            assert!(transform.icv_len() <= MAX_ICV && transform.material_len() <= MAX_MATERIAL);
            assert_eq!(transform.to_string().parse(), Ok(transform));
        }
        assert_eq!(Transform::Gcm(Aes::Aes128).material_len(), 20);
        assert_eq!(Transform::Gcm(Aes::Aes256).overhead(), 32);
        assert_eq!(Transform::Cbc(Aes::Aes128, Integrity::Sha1).overhead(), 36);
        assert_eq!(Transform::Cbc(Aes::Aes256, Integrity::Sha512).material_len(), MAX_MATERIAL);
        assert!("aes192gcm16".parse::<Transform>().is_err());
    }
}
