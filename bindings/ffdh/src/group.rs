//! The groups.

/// A MODP group of RFC 3526.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Group 14 (RFC 3526 3).
    Modp2048,
    /// Group 15 (RFC 3526 4).
    Modp3072,
    /// Group 16 (RFC 3526 5).
    Modp4096,
}

impl Group {
    /// Octets of the prime and of all values.
    #[must_use]
    pub const fn value_len(self) -> usize {
        match self {
            Self::Modp2048 => 256,
            Self::Modp3072 => 384,
            Self::Modp4096 => 512,
        }
    }

    /// Octets of exponents: the larger of the two estimates of RFC 3526 8, up to a whole octet.
    #[must_use]
    pub const fn exponent_len(self) -> usize {
        match self {
            Self::Modp2048 => 40,
            Self::Modp3072 => 53,
            Self::Modp4096 => 60,
        }
    }
}
