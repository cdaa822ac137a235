//! What is told to nobody.

use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A pre-shared key: `Debug` hides it, dropping wipes it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the octets over.
    pub fn new(octets: Vec<u8>) -> Self {
        Self(octets)
    }

    /// The octets, for whoever computes with them.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// How many octets.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_itself() {
        let secret = Secret::new(b"cisco".to_vec());
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!((secret.octets(), secret.len(), secret.is_empty()), (&b"cisco"[..], 5, false));
    }
}
