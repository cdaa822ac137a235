//! Octets that nobody may see: wiped when dropped, compared in constant time, absent from Debug.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Key material of any length.
///
/// It is built at its full length (see [`Secret::zeroed`], [`Secret::from_vec`]) and never grows, so no copy is left
/// behind by a vector that moved.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes the octets over.
    #[must_use]
    pub fn from_vec(octets: Vec<u8>) -> Self {
        if octets.len() == octets.capacity() {
            return Self(octets.into_boxed_slice());
        }
        // Shrinking may move the octets; then the vector, not the allocator, has to forget them.
        let mut octets = octets;
        let secret = Self::copy_of(&octets);
        octets.zeroize();
        secret
    }

    /// A copy; the original stays its owner's to wipe.
    #[must_use]
    pub fn copy_of(octets: &[u8]) -> Self {
        Self(octets.into())
    }

    /// `length` zero octets, to be filled by the caller.
    #[must_use]
    pub fn zeroed(length: usize) -> Self {
        Self(vec![0; length].into_boxed_slice())
    }

    /// To be used, never to be kept or shown.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The octets to be filled.
    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Number of octets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is the same, in a time that does not depend on where the difference is. Lengths are no secret.
    #[must_use]
    pub fn equals(&self, other: &[u8]) -> bool {
        self.0.ct_eq(other).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret({} octets)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_length_only() {
        assert_eq!(format!("{:?}", Secret::copy_of(&[0xAB; 20])), "Secret(20 octets)");
    }

    #[test]
    fn comparison_needs_the_same_length_and_octets() {
        let secret = Secret::copy_of(b"abc");
        assert!(secret.equals(b"abc"));
        assert!(!secret.equals(b"abd"));
        assert!(!secret.equals(b"ab"));
        assert!(!secret.equals(b""));
    }

    #[test]
    fn a_vector_with_room_to_spare_is_taken_over_whole() {
        let mut octets = Vec::with_capacity(64);
        octets.extend_from_slice(b"key");
        assert_eq!(Secret::from_vec(octets).expose(), b"key");
    }
}
