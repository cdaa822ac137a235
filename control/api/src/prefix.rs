//! An IPv4 prefix as text, `10.0.0.0/24`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// An address with a prefix length. Host bits may be set (an interface's address) or not (a network).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    /// Address.
    pub address: Ipv4Addr,
    /// Prefix length, 0 to 32.
    pub len: u8,
}

impl Prefix {
    /// The prefix of one address.
    pub fn host(address: Ipv4Addr) -> Self {
        Self { address, len: 32 }
    }
    /// Whether `address` lies inside.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        (u32::from(self.address) ^ u32::from(address)) & self.mask() == 0
    }
    /// The network mask in host byte order.
    pub fn mask(&self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.len.min(32))).unwrap_or(0)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

impl FromStr for Prefix {
    type Err = String;

    /// `A.B.C.D/LEN`, or an address alone for its host prefix.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is neither an IPv4 address nor a prefix such as 10.0.0.0/24");
        let (address, len) = text.split_once('/').unwrap_or((text, "32"));
        let address = address.parse().map_err(|_| wrong())?;
        let len = len.parse().ok().filter(|len| *len <= 32).ok_or_else(wrong)?;
        Ok(Self { address, len })
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_both_ways() {
        for text in ["10.0.0.0/24", "0.0.0.0/0", "10.0.0.7/32"] {
            assert_eq!(text.parse::<Prefix>().unwrap().to_string(), text);
        }
        assert_eq!("10.0.0.7".parse::<Prefix>().unwrap(), Prefix::host(Ipv4Addr::new(10, 0, 0, 7)));
        for text in ["", "10.0.0.0/33", "10.0.0/24", "10.0.0.0/", "10.0.0.0/-1", "::/0"] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }

    #[test]
    fn contains_at_every_length() {
        let address = Ipv4Addr::new(10, 1, 2, 3);
        for len in 0..=32 {
            let prefix = Prefix { address, len };
            assert!(prefix.contains(address));
            if len > 0 {
                let flipped = Ipv4Addr::from(u32::from(address) ^ (1 << (32 - len)));
                assert!(!prefix.contains(flipped), "/{len}");
            }
        }
    }
}
