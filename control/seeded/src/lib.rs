//! Hashing of addresses with a seed, so that nobody outside can choose addresses that collide.
#![forbid(unsafe_code)]

use std::hash::{BuildHasher, Hasher};

/// Makes hashers that start from the seed in the configuration.
#[derive(Clone, Copy)]
pub struct Seeded(pub u64);

impl BuildHasher for Seeded {
    type Hasher = Mixer;
    fn build_hasher(&self) -> Mixer {
        Mixer { state: self.0, key: mix(self.0 ^ 0x9e37_79b9_7f4a_7c15) | 1 }
    }
}

/// Folded multiplication by a secret key, finished as in SplitMix64.
pub struct Mixer {
    state: u64,
    key: u64,
}

impl Mixer {
    fn add(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.key);
        self.state = (product as u64) ^ ((product >> 64) as u64) ^ word.rotate_left(32);
    }
}

impl Hasher for Mixer {
    fn write(&mut self, octets: &[u8]) {
        let (words, rest) = octets.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let last = rest.iter().fold(rest.len() as u64, |word, octet| word << 8 | u64::from(*octet));
            self.add(last);
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.add(word.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.add(word.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.add(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.add(word as u64);
    }

    fn finish(&self) -> u64 {
        mix(self.state)
    }
}

/// SplitMix64's finisher.
#[must_use]
pub fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::net::Ipv4Addr;

    #[test]
    fn neighbouring_addresses_spread_over_buckets() {
        let seeded = Seeded(42);
        let buckets: HashSet<u64> =
            (0..1024u32).map(|n| seeded.hash_one((0u8, Ipv4Addr::from(0x0a00_0000 + n))) & 1023).collect();
        assert!(buckets.len() > 500, "{}", buckets.len());
    }

    #[test]
    fn the_seed_changes_everything() {
        let address = Ipv4Addr::new(10, 0, 0, 1);
        assert_ne!(Seeded(1).hash_one(address), Seeded(2).hash_one(address));
    }
}
