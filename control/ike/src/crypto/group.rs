//! Key exchange methods (transform type 4 and, as additional exchanges, types 6 to 12).

use crate::crypto::Role;

/// A method and its rules of length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// 2048-bit MODP (RFC 3526 3).
    Modp2048,
    /// 3072-bit MODP (RFC 3526 4).
    Modp3072,
    /// 4096-bit MODP (RFC 3526 5).
    Modp4096,
    /// NIST P-256 (RFC 5903 3.1).
    Ecp256,
    /// NIST P-384 (RFC 5903 3.2).
    Ecp384,
    /// NIST P-521 (RFC 5903 3.3).
    Ecp521,
    /// Curve25519 (RFC 8031).
    X25519,
    /// ML-KEM-512 (draft-ietf-ipsecme-ikev2-mlkem).
    MlKem512,
    /// ML-KEM-768.
    MlKem768,
    /// ML-KEM-1024.
    MlKem1024,
}

impl Group {
    /// All of them, strongest reason to be chosen first.
    pub const ALL: [Self; 10] = [
        Self::X25519,
        Self::Ecp256,
        Self::Ecp384,
        Self::Ecp521,
        Self::MlKem768,
        Self::MlKem1024,
        Self::MlKem512,
        Self::Modp3072,
        Self::Modp4096,
        Self::Modp2048,
    ];

    /// By number.
    #[must_use]
    pub const fn from_transform(id: u16) -> Option<Self> {
        match id {
            14 => Some(Self::Modp2048),
            15 => Some(Self::Modp3072),
            16 => Some(Self::Modp4096),
            19 => Some(Self::Ecp256),
            20 => Some(Self::Ecp384),
            21 => Some(Self::Ecp521),
            31 => Some(Self::X25519),
            35 => Some(Self::MlKem512),
            36 => Some(Self::MlKem768),
            37 => Some(Self::MlKem1024),
            _ => None,
        }
    }

    /// Transform number.
    #[must_use]
    pub const fn id(self) -> u16 {
        match self {
            Self::Modp2048 => 14,
            Self::Modp3072 => 15,
            Self::Modp4096 => 16,
            Self::Ecp256 => 19,
            Self::Ecp384 => 20,
            Self::Ecp521 => 21,
            Self::X25519 => 31,
            Self::MlKem512 => 35,
            Self::MlKem768 => 36,
            Self::MlKem1024 => 37,
        }
    }

    /// Octets of the KE payload's data that `sender` sends. To be checked before any work is done for it.
    #[must_use]
    pub const fn public_len(self, sender: Role) -> usize {
        match self {
            Self::Modp2048 => 256,
            Self::Modp3072 => 384,
            Self::Modp4096 => 512,
            // x | y without a point format octet (RFC 5903 7).
            Self::Ecp256 => 64,
            Self::Ecp384 => 96,
            Self::Ecp521 => 132,
            Self::X25519 => 32,
            // The initiator sends an encapsulation key, the responder a ciphertext.
            Self::MlKem512 => match sender {
                Role::Initiator => 800,
                Role::Responder => 768,
            },
            Self::MlKem768 => match sender {
                Role::Initiator => 1184,
                Role::Responder => 1088,
            },
            Self::MlKem1024 => 1568,
        }
    }

    /// Whether it is a key encapsulation: fit as an additional key exchange, where size does not matter.
    #[must_use]
    pub const fn is_kem(self) -> bool {
        matches!(self, Self::MlKem512 | Self::MlKem768 | Self::MlKem1024)
    }

    /// As strongSwan writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Modp2048 => "modp2048",
            Self::Modp3072 => "modp3072",
            Self::Modp4096 => "modp4096",
            Self::Ecp256 => "ecp256",
            Self::Ecp384 => "ecp384",
            Self::Ecp521 => "ecp521",
            Self::X25519 => "x25519",
            Self::MlKem512 => "mlkem512",
            Self::MlKem768 => "mlkem768",
            Self::MlKem1024 => "mlkem1024",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_is_found_by_its_own_number_and_no_other() {
        for group in Group::ALL {
            assert_eq!(Group::from_transform(group.id()), Some(group));
        }
        // NONE, MODP-768, -1024, -1536, the 1024-bit subgroups, private use, and one of other people's numbers.
        for id in [0, 1, 2, 5, 22, 23, 24, 32, 1024, 1025, 1040, 65535] {
            assert_eq!(Group::from_transform(id), None);
        }
    }
}
