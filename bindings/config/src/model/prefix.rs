//! An address with a length.

use std::fmt;
use std::net::Ipv4Addr;

/// An IPv4 network in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    /// Address; of an interface address the host bits are kept.
    pub address: Ipv4Addr,
    /// Prefix length, 0 to 32.
    pub len: u8,
}

impl Prefix {
    /// The network mask, in host byte order.
    pub fn mask(&self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.len.min(32))).unwrap_or(0)
    }
    /// The same with host bits zero.
    pub fn network(&self) -> Self {
        Self { address: Ipv4Addr::from(u32::from(self.address) & self.mask()), len: self.len }
    }
    /// The highest address inside.
    pub fn last(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) | !self.mask())
    }
    /// Whether `address` lies inside.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        (u32::from(self.address) ^ u32::from(address)) & self.mask() == 0
    }
    /// Whether some address lies in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let wider = if self.len <= other.len { self } else { other };
        wider.contains(self.address) && wider.contains(other.address)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

impl std::str::FromStr for Prefix {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an IPv4 prefix such as 10.255.0.1/24");
        let (address, len) = text.split_once('/').ok_or_else(wrong)?;
        let address = address.parse().map_err(|_| wrong())?;
        let len = len.parse().ok().filter(|len| *len <= 32).ok_or_else(wrong)?;
        Ok(Self { address, len })
    }
}
