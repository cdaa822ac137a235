//! Unpredictable IVs for CBC, without a system call.

use super::transform::BLOCK;
use aes::Aes256Enc;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use zeroize::{Zeroize, Zeroizing};

/// Octets of a seed.
pub const SEED: usize = 32;
/// Blocks of one refill: the next key and the IVs.
const REFILL: usize = 64;
/// Of them, the next key.
const KEY_BLOCKS: usize = SEED / BLOCK;

/// A worker's own generator: AES-256 in counter mode, whose key is replaced by output of its own at every refill, so
/// that nobody who reads this memory learns IVs that were sent.
///
/// The IV of a CBC packet must not be foreseeable to who can choose plaintext (RFC 3602 3, NIST SP 800-38A C).
pub struct Ivs {
    cipher: Aes256Enc,
    blocks: [[u8; BLOCK]; REFILL],
    next: usize,
}

impl Ivs {
    /// With a seed from the system's random source, another for each worker and each start.
    pub fn new(seed: &[u8; SEED]) -> Self {
        Self { cipher: Aes256Enc::new(seed.into()), blocks: [[0; BLOCK]; REFILL], next: REFILL }
    }

    /// Mixes in more entropy. Never needed for the outputs to be unpredictable; it heals a state that leaked.
    pub fn reseed(&mut self, seed: &[u8; SEED]) {
        let mut key = Zeroizing::new(*seed);
        let drawn = Zeroizing::new([self.draw(), self.draw()]);
        for (octet, more) in key.iter_mut().zip(drawn.as_flattened()) {
            *octet ^= more;
        }
        self.cipher = Aes256Enc::new((&*key).into());
        self.next = REFILL;
    }

    /// The next IV.
    #[inline]
    pub fn draw(&mut self) -> [u8; BLOCK] {
        if self.next >= REFILL {
            self.refill();
        }
        let drawn = self.blocks.get_mut(self.next).map(std::mem::take).unwrap_or_default();
        self.next += 1;
        drawn
    }

    fn refill(&mut self) {
        // The counter starts anew because the key is new: 2^128 blocks of one key are never reached.
        for (counter, block) in self.blocks.iter_mut().enumerate() {
            *block = (counter as u128).to_be_bytes();
        }
        self.cipher.encrypt_blocks(aes::cipher::Array::cast_slice_from_core_mut(&mut self.blocks));
        let key = self.fresh_key();
        self.cipher = Aes256Enc::new((&*key).into());
        self.next = KEY_BLOCKS;
    }

    /// Takes the first blocks, which are never given away, as a key.
    fn fresh_key(&mut self) -> Zeroizing<[u8; SEED]> {
        let mut key = Zeroizing::new([0; SEED]);
        for (octet, taken) in key.iter_mut().zip(self.blocks.as_flattened_mut()) {
            *octet = std::mem::take(taken);
        }
        key
    }
}

impl Drop for Ivs {
    fn drop(&mut self) {
        self.blocks.zeroize();
    }
}

impl std::fmt::Debug for Ivs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ivs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_iv_repeats_and_seeds_differ() {
        let mut seen = HashSet::new();
        for seed in [[1; SEED], [2; SEED]] {
            let mut ivs = Ivs::new(&seed);
            for _ in 0..1_000 {
                assert!(seen.insert(ivs.draw()));
            }
        }
    }

    #[test]
    fn one_seed_gives_one_sequence_and_a_reseed_another() {
        let draw = |ivs: &mut Ivs| (0..130).map(|_| ivs.draw()).collect::<Vec<_>>();
        let (mut a, mut b) = (Ivs::new(&[7; SEED]), Ivs::new(&[7; SEED]));
        assert_eq!(draw(&mut a), draw(&mut b));
        a.reseed(&[0; SEED]);
        b.reseed(&[1; SEED]);
        assert_ne!(draw(&mut a), draw(&mut b));
    }

    #[test]
    fn the_first_refill_is_the_counter_under_the_seed() {
        let mut first = (KEY_BLOCKS as u128).to_be_bytes().into();
        Aes256Enc::new(&[9; SEED].into()).encrypt_block(&mut first);
        assert_eq!(Ivs::new(&[9; SEED]).draw(), <[u8; 16]>::from(first));
    }
}
