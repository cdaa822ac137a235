//! Arithmetic on IPv4 prefixes, and prefixes in VRFs.

pub use config::model::Prefix;
use shm::message::VrfId;
use std::fmt;
use std::net::Ipv4Addr;

/// The form in which a trie keeps a prefix: network in host order, length.
pub type Key = (u32, u8);

/// A prefix in a VRF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Net {
    /// VRF.
    pub vrf: VrfId,
    /// Prefix, without host bits.
    pub prefix: Prefix,
}

impl Net {
    /// The host route of `address`.
    pub fn host(vrf: VrfId, address: Ipv4Addr) -> Self {
        Self { vrf, prefix: host(address) }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.prefix.fmt(f)
    }
}

/// In the global VRF.
#[cfg(test)]
impl From<Prefix> for Net {
    fn from(prefix: Prefix) -> Self {
        Self { vrf: shm::message::GLOBAL, prefix }
    }
}

/// In the global VRF.
#[cfg(test)]
impl std::str::FromStr for Net {
    type Err = <Prefix as std::str::FromStr>::Err;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(|prefix: Prefix| prefix.into())
    }
}

/// The mask of a prefix of `len` bits, in host order.
pub fn mask(len: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(len.min(32))).unwrap_or(0)
}

/// The network `address` lies in, host bits cleared.
pub fn network(address: Ipv4Addr, len: u8) -> Prefix {
    Prefix { address: Ipv4Addr::from(u32::from(address) & mask(len)), len: len.min(32) }
}

/// The host route of `address`.
pub fn host(address: Ipv4Addr) -> Prefix {
    Prefix { address, len: 32 }
}

/// Whether `address` lies in `prefix` (whose host bits may be set).
pub fn contains(prefix: Prefix, address: Ipv4Addr) -> bool {
    (u32::from(prefix.address) ^ u32::from(address)) & mask(prefix.len) == 0
}

/// The trie key of a prefix.
pub fn key(prefix: Prefix) -> Key {
    (u32::from(prefix.address) & mask(prefix.len), prefix.len)
}

/// The prefix of a trie key.
pub fn from_key((network, len): Key) -> Prefix {
    Prefix { address: network.into(), len }
}

/// First and last address of a prefix.
pub fn range(prefix: Prefix) -> (Ipv4Addr, Ipv4Addr) {
    let first = u32::from(prefix.address) & mask(prefix.len);
    (first.into(), (first | !mask(prefix.len)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_ranges() {
        assert_eq!((mask(0), mask(1), mask(24), mask(32)), (0, 0x8000_0000, 0xffff_ff00, u32::MAX));
        let p: Prefix = "10.1.2.3/24".parse().unwrap();
        assert_eq!(network(p.address, p.len), "10.1.2.0/24".parse().unwrap());
        assert!(contains(p, [10, 1, 2, 255].into()) && !contains(p, [10, 1, 3, 0].into()));
        assert_eq!(range(p), ([10, 1, 2, 0].into(), [10, 1, 2, 255].into()));
        assert_eq!(from_key(key(p)), network(p.address, 24));
    }
}
