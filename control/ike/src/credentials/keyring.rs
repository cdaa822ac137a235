//! Pre-shared keys, as a Cisco `crypto ikev2 keyring` has them.

use std::collections::HashMap;
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
    /// After `0x` something else than pairs of hexadecimal digits.
    #[error("a pre-shared key that begins with `0x` has to go on with pairs of hexadecimal digits")]
    Hexadecimal,
    /// A prefix length over 32.
    #[error("prefix length {0}")]
    PrefixLength(u8),
    /// Address bits beyond the prefix length.
    #[error("{0}/{1} has bits beyond its prefix length")]
    HostBits(Ipv4Addr, u8),
    /// Two keys for the same.
    #[error("two pre-shared keys for {0}")]
    Twice(String),
}

/// Pre-shared keys.
///
/// Looked up by what the peer says it is before where it comes from, since addresses change; the more exact entry goes
/// first: an identity, a wildcard (`*.example.net`, the longest), a prefix (the longest), `*`.
#[derive(Debug)]
pub struct Keyring {
    exact: HashMap<Identity, Secret>,
    /// Longest first.
    patterns: Vec<(Pattern, Secret)>,
    prefixes: HashMap<(u8, Ipv4Addr), Secret>,
    any: Option<Secret>,
    /// For whoever has no key.
    decoy: Secret,
}

/// Octets of the key that nobody knows.
const DECOY: usize = 32;

impl Default for Keyring {
    fn default() -> Self {
        Self::new()
    }
}

impl Keyring {
    /// Without any key.
    #[must_use]
    pub fn new() -> Self {
        let mut decoy = Secret::zeroed(DECOY);
        // The library ends the process itself if there is no entropy; a decoy that is known must not be.
        if aws_lc_rs::rand::fill(decoy.as_mut()).is_err() {
            std::process::abort();
        }
        Self { exact: HashMap::new(), patterns: Vec::new(), prefixes: HashMap::new(), any: None, decoy }
    }

    /// A key as configuration has it: text, or octets in hexadecimal after `0x`, as strongSwan has them.
    pub fn parse_key(text: &[u8]) -> Result<Secret, KeyringError> {
        let Some(digits) = text.strip_prefix(b"0x") else {
            return if text.is_empty() { Err(KeyringError::EmptyKey) } else { Ok(Secret::copy_of(text)) };
        };
        if digits.is_empty() || !digits.len().is_multiple_of(2) {
            return Err(KeyringError::Hexadecimal);
        }
        let mut key = Secret::zeroed(digits.len() / 2);
        for (octet, pair) in key.as_mut().iter_mut().zip(digits.chunks_exact(2)) {
            let value = |digit: u8| char::from(digit).to_digit(16).ok_or(KeyringError::Hexadecimal);
            let &[high, low] = pair else { return Err(KeyringError::Hexadecimal) };
            *octet = u8::try_from(value(high)? << 4 | value(low)?).map_err(|_| KeyringError::Hexadecimal)?;
        }
        Ok(key)
    }

    /// Adds a key.
    pub fn add(&mut self, whom: Match, key: Secret) -> Result<(), KeyringError> {
        if key.is_empty() {
            return Err(KeyringError::EmptyKey);
        }
        let twice = match whom {
            Match::Identity(Pattern::Any) => self.any.replace(key).map(|_| Pattern::Any.to_string()),
            Match::Identity(Pattern::Exact(identity)) => {
                let name = identity.to_string();
                self.exact.insert(identity, key).map(|_| name)
            }
            Match::Identity(pattern) => {
                let twice =
                    self.patterns.iter().any(|(other, _)| *other == pattern).then(|| pattern.to_string());
                self.patterns.push((pattern, key));
                self.patterns.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.weight()));
                twice
            }
            Match::Address { prefix, length } => {
                let masked = mask(prefix, length).ok_or(KeyringError::PrefixLength(length))?;
                if masked != prefix {
                    return Err(KeyringError::HostBits(prefix, length));
                }
                self.prefixes.insert((length, prefix), key).map(|_| format!("{prefix}/{length}"))
            }
        };
        twice.map_or(Ok(()), |name| Err(KeyringError::Twice(name)))
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.patterns.is_empty() && self.prefixes.is_empty() && self.any.is_none()
    }

    /// The key for a peer that says it is `identity` and whose datagrams come from `address`. If there is none: `false`
    /// with a key that nobody knows, so that the answer takes as long as that to a wrong key and says as little.
    #[must_use]
    pub fn find(&self, identity: &Identity, address: Ipv4Addr) -> (Secret, bool) {
        let found = self.exact.get(identity).or_else(|| self.by_pattern(identity));
        let found = found.or_else(|| self.by_address(address)).or(self.any.as_ref());
        found.map_or_else(|| (self.decoy.clone(), false), |key| (key.clone(), true))
    }

    fn by_pattern(&self, identity: &Identity) -> Option<&Secret> {
        self.patterns.iter().find(|(pattern, _)| pattern.matches(identity)).map(|(_, key)| key)
    }

    fn by_address(&self, address: Ipv4Addr) -> Option<&Secret> {
        (0..=32).rev().find_map(|length| self.prefixes.get(&(length, mask(address, length)?)))
    }
}

/// The first `length` bits; `None` over 32.
fn mask(address: Ipv4Addr, length: u8) -> Option<Ipv4Addr> {
    let rest = 32_u32.checked_sub(u32::from(length))?;
    Some(Ipv4Addr::from(address.to_bits() & u32::MAX.checked_shl(rest).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(text: &str) -> Identity {
        Identity::from_config(text).unwrap()
    }

    fn by_identity(text: &str) -> Match {
        Match::Identity(text.parse().unwrap())
    }

    fn by_address(text: &str) -> Match {
        let (prefix, length) = text.split_once('/').unwrap();
        Match::Address { prefix: prefix.parse().unwrap(), length: length.parse().unwrap() }
    }

    fn ring(entries: &[Match]) -> Keyring {
        let mut ring = Keyring::new();
        for (number, whom) in entries.iter().enumerate() {
            ring.add(whom.clone(), Secret::copy_of(&[u8::try_from(number).unwrap(); 16])).unwrap();
        }
        ring
    }

    fn find(ring: &Keyring, who: &str, from: &str) -> Option<u8> {
        let (key, known) = ring.find(&identity(who), from.parse().unwrap());
        known.then(|| key.expose()[0])
    }

    #[test]
    fn the_most_exact_entry_is_taken_in_whatever_order_they_were_added() {
        let mut entries = [
            by_identity("spoke1.example.net"),
            by_identity("*.lab.example.net"),
            by_identity("*.example.net"),
            by_address("192.0.2.7/32"),
            by_address("192.0.2.0/24"),
            by_address("0.0.0.0/0"),
        ];
        for (who, from, expected) in [
            ("spoke1.example.net", "192.0.2.7", 0),
            ("Spoke1.Example.Net", "198.51.100.1", 0),
            ("a.lab.example.net", "192.0.2.7", 1),
            ("spoke2.example.net", "192.0.2.7", 2),
            ("other.example.org", "192.0.2.7", 3),
            ("10.1.2.3", "192.0.2.8", 4),
            ("other.example.org", "192.0.3.7", 5),
        ] {
            assert_eq!(find(&ring(&entries), who, from), Some(expected), "{who} {from}");
        }
        entries.reverse();
        assert_eq!(find(&ring(&entries), "a.lab.example.net", "192.0.2.7"), Some(4));
        assert_eq!(find(&ring(&entries), "other.example.org", "192.0.2.7"), Some(2));
    }

    #[test]
    fn any_identity_comes_last_of_all() {
        let ring = ring(&[by_identity("*"), by_address("192.0.2.0/24")]);
        assert_eq!(find(&ring, "a.example.net", "192.0.2.1"), Some(1));
        assert_eq!(find(&ring, "a.example.net", "192.0.3.1"), Some(0));
    }

    #[test]
    fn who_has_no_key_gets_one_that_nobody_knows() {
        let (one, two) = (ring(&[by_identity("a.example.net")]), Keyring::new());
        let (key, known) = one.find(&identity("b.example.net"), Ipv4Addr::new(192, 0, 2, 1));
        assert!(!known);
        assert_eq!(key.len(), DECOY);
        assert!(!key.equals(&[0; DECOY]));
        assert!(!key.equals(two.find(&identity("b.example.net"), Ipv4Addr::LOCALHOST).0.expose()));
        // For the same ring it is the same.
        assert!(key.equals(one.find(&identity("c.example.net"), Ipv4Addr::LOCALHOST).0.expose()));
        assert!(two.is_empty() && !one.is_empty());
    }

    #[test]
    fn keys_are_text_or_hexadecimal() {
        let key = |text: &str| Keyring::parse_key(text.as_bytes()).map(|key| key.expose().to_vec());
        assert_eq!(key("secret"), Ok(b"secret".to_vec()));
        assert_eq!(key("0x00fF10"), Ok(vec![0, 0xFF, 0x10]));
        assert_eq!(key(""), Err(KeyringError::EmptyKey));
        for bad in ["0x", "0x0", "0xzz", "0x+1", "0x\u{e4}"] {
            assert_eq!(key(bad), Err(KeyringError::Hexadecimal), "{bad}");
        }
    }

    #[test]
    fn entries_that_say_nothing_clear_are_refused() {
        let key = || Secret::copy_of(b"key");
        let mut ring = Keyring::new();
        assert_eq!(ring.add(by_identity("a"), Secret::zeroed(0)), Err(KeyringError::EmptyKey));
        assert_eq!(ring.add(by_address("0.0.0.0/33"), key()), Err(KeyringError::PrefixLength(33)));
        let host_bits = KeyringError::HostBits(Ipv4Addr::new(192, 0, 2, 1), 24);
        assert_eq!(ring.add(by_address("192.0.2.1/24"), key()), Err(host_bits));
        for whom in ["a.example.net", "*.example.net", "*"] {
            ring.add(by_identity(whom), key()).unwrap();
            let twice = KeyringError::Twice(whom.into());
            assert_eq!(ring.add(by_identity(whom), key()), Err(twice));
        }
        ring.add(by_address("0.0.0.0/0"), key()).unwrap();
        assert_eq!(ring.add(by_address("0.0.0.0/0"), key()), Err(KeyringError::Twice("0.0.0.0/0".into())));
    }

    #[test]
    fn debug_shows_no_key() {
        let mut ring = Keyring::new();
        ring.add(by_identity("a.example.net"), Secret::copy_of(b"hidden")).unwrap();
        let shown = format!("{ring:?}");
        assert!(shown.contains("a.example.net") && shown.contains("Secret(6 octets)"), "{shown}");
        assert!(!shown.contains("104, 105"), "{shown}");
    }
}
