//! Pre-shared keys, as a Cisco `crypto ikev2 keyring` has them.

use std::net::Ipv4Addr;

use crate::crypto::Secret;
use crate::identity::{Identity, Pattern};

/// Whom a key is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// Peers that say they are this.
    Identity(Pattern),
    /// Peers whose datagrams come from this prefix; `0.0.0.0/0`: any.
    Address {
        /// Prefix.
        prefix: Ipv4Addr,
        /// Its length, 0 to 32.
        length: u8,
    },
}

/// Why a key is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// No octets.
    #[error("an empty pre-shared key")]
    EmptyKey,
    /// A prefix length over 32.
    #[error("prefix length {0}")]
    PrefixLength(u8),
}

/// Pre-shared keys.
#[derive(Debug, Default)]
pub struct Keyring {
    entries: Vec<(Match, Secret)>,
}

impl Keyring {
    /// Without any key.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    pub fn add(&mut self, whom: Match, key: Secret) -> Result<(), KeyringError> {
        if key.is_empty() {
            return Err(KeyringError::EmptyKey);
        }
        if let Match::Address { length: length @ 33.., .. } = whom {
            return Err(KeyringError::PrefixLength(length));
        }
        self.entries.push((whom, key));
        Ok(())
    }

    /// The key for a peer that says it is `identity` and whose datagrams come from `address`; `false` with a key that
    /// nobody knows if there is none, so that the answer takes as long as that to a wrong key. An exact identity goes
    /// before a wildcard, an identity before an address, a longer prefix before a shorter.
    #[must_use]
    pub fn find(&self, identity: &Identity, address: Ipv4Addr) -> (Secret, bool) {
        let weight = |whom: &Match| match whom {
            Match::Identity(pattern) => {
                pattern.matches(identity).then(|| pattern.weight().saturating_add(64))
            }
            Match::Address { prefix, length } => {
                let mask = u32::MAX.checked_shl(32 - u32::from(*length)).unwrap_or(0);
                ((prefix.to_bits() ^ address.to_bits()) & mask == 0).then_some(usize::from(*length) + 1)
            }
        };
        let best = self
            .entries
            .iter()
            .filter_map(|(whom, key)| Some((weight(whom)?, key)))
            .max_by_key(|(weight, _)| *weight);
        best.map_or_else(|| (Secret::zeroed(32), false), |(_, key)| (key.clone(), true))
    }
}
