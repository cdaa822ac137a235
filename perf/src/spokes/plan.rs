//! Which spoke has which addresses: all follow from the first spoke's.

use super::{Args, Error};
use std::net::Ipv4Addr;

/// Most spokes of one emulator.
pub const MAX_SPOKES: u32 = 1 << 17;

/// A network behind a spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lan {
    /// Network address.
    pub network: Ipv4Addr,
    /// Prefix length, 1 to 32.
    pub len: u8,
}

impl Lan {
    /// Whether an address lies within.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        (address.to_bits() ^ self.network.to_bits()) & mask(self.len) == 0
    }
}

impl std::fmt::Display for Lan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network, self.len)
    }
}

/// The network mask of a prefix length; lengths over 32 count as 32.
pub fn mask(len: u8) -> u32 {
    u32::MAX.checked_shl(32u32.saturating_sub(len.into())).unwrap_or(0)
}

impl std::str::FromStr for Lan {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a network such as 10.100.1.0/24");
        let (network, len) = text.split_once('/').ok_or_else(wrong)?;
        let network: Ipv4Addr = network.parse().map_err(|_| wrong())?;
        let len = len.parse().ok().filter(|len| (1..=32).contains(len)).ok_or_else(wrong)?;
        if network.to_bits() & !mask(len) != 0 {
            return Err(format!("`{text}` has bits set beyond its prefix length"));
        }
        Ok(Self { network, len })
    }
}

/// Addresses of one spoke.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Its number, from 0.
    pub index: u32,
    /// Where its GRE packets come from.
    pub nbma: Ipv4Addr,
    /// What it calls its NBMA address.
    pub claimed: Ipv4Addr,
    /// Its tunnel address.
    pub tunnel: Ipv4Addr,
    /// The network behind it.
    pub lan: Option<Lan>,
}

impl Identity {
    /// Whether packets to an address are this spoke's.
    pub fn owns(&self, address: Ipv4Addr) -> bool {
        address == self.tunnel || self.lan.is_some_and(|lan| lan.contains(address))
    }
}

/// The addresses of all spokes; refused when they run out of the address space or meet the hub's.
pub fn identities(args: &Args) -> Result<Vec<Identity>, Error> {
    let usage = |text: String| Err(Error::Usage(text));
    if args.count == 0 || args.count > MAX_SPOKES {
        return usage(format!("--count is {}, must be 1 to {MAX_SPOKES}", args.count));
    }
    let add = |first: Ipv4Addr, n: u32| first.to_bits().checked_add(n).map(Ipv4Addr::from_bits);
    let identity = |index: u32| {
        let lan = match args.lan {
            None => None,
            Some(Lan { network, len }) => {
                let step = index.checked_mul(1u32.checked_shl(32 - u32::from(len))?)?;
                Some(Lan { network: add(network, step)?, len })
            }
        };
        let nbma = add(args.nbma, index)?;
        let claimed = args.claim.map_or(Some(nbma), |first| add(first, index))?;
        Some(Identity { index, nbma, claimed, tunnel: add(args.tunnel, index)?, lan })
    };
    let Some(all) = (0..args.count).map(identity).collect::<Option<Vec<_>>>() else {
        return usage(format!("{} spokes do not fit behind the first one's addresses", args.count));
    };
    if let Some(clash) = all.iter().find(|spoke| spoke.nbma == args.hub || spoke.owns(args.hub_tunnel)) {
        return usage(format!("spoke {} would have an address of the hub's", clash.index));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let lan: Lan = "10.100.1.0/24".parse().unwrap();
        assert!(lan.contains([10, 100, 1, 255].into()) && !lan.contains([10, 100, 2, 0].into()));
        for wrong in ["10.0.0.1/24", "10.0.0.0", "10.0.0.0/0", "10.0.0.0/33", "x/24"] {
            assert!(wrong.parse::<Lan>().is_err(), "{wrong}");
        }
        assert_eq!((mask(0), mask(24), mask(32), mask(255)), (0, 0xffff_ff00, u32::MAX, u32::MAX));
    }
}
