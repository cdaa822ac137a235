//! Prefixes for the tables: as many as asked for, by length as the Internet's table has them, the same in every run.

use crate::scenario::Random;
use std::collections::HashSet;
use std::net::Ipv4Addr;

/// Lengths, each with its share of the Internet's IPv4 table in a thousand.
const LENGTHS: [(u8, u32); 9] =
    [(24, 620), (22, 110), (23, 100), (21, 50), (20, 45), (19, 30), (16, 18), (18, 17), (17, 10)];
/// Most prefixes: far below what there is of the rarest length, so that a free one is soon found.
pub const MAX_PREFIXES: u32 = 2_000_000;

/// Prefixes that are all different.
#[derive(Clone, Debug)]
pub struct Prefixes(Vec<(u32, u8)>);

impl Prefixes {
    /// So many, at most [`MAX_PREFIXES`]. The last is a /24, so that nothing is within it.
    pub fn new(count: u32) -> Self {
        let mut random = Random::default();
        let mut known = HashSet::with_capacity(count as usize);
        let mut prefixes = Vec::with_capacity(count as usize);
        while prefixes.len() < count.min(MAX_PREFIXES) as usize {
            let len = if prefixes.len() + 1 == count as usize { 24 } else { length(random.below(1_000)) };
            let prefix = random.draw() & (u32::MAX << (32 - len));
            if usable(prefix >> 24) && known.insert((prefix, len)) {
                prefixes.push((prefix, len));
            }
        }
        Self(prefixes)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Ipv4Addr, u8)> {
        self.0.iter().map(|(prefix, len)| (Ipv4Addr::from_bits(*prefix), *len))
    }

    /// One of them at random.
    pub fn any(&self, random: &mut Random) -> Option<(Ipv4Addr, u8)> {
        let (prefix, len) = self.0.get(random.below(self.0.len() as u32) as usize)?;
        Some((Ipv4Addr::from_bits(*prefix), *len))
    }

    /// An address at random within one at random.
    pub fn address(&self, random: &mut Random) -> Ipv4Addr {
        let within = random.draw();
        let (prefix, len) = self.any(random).unwrap_or((Ipv4Addr::UNSPECIFIED, 32));
        Ipv4Addr::from_bits(prefix.to_bits() | within.checked_shr(len.into()).unwrap_or(0))
    }

    /// The last, in which no other is.
    pub fn last(&self) -> (Ipv4Addr, u8) {
        let (prefix, len) = self.0.last().copied().unwrap_or_default();
        (Ipv4Addr::from_bits(prefix), len)
    }
}

fn length(mut draw: u32) -> u8 {
    for (len, share) in LENGTHS {
        match draw.checked_sub(share) {
            None => return len,
            Some(rest) => draw = rest,
        }
    }
    24
}

/// Whether addresses with that first octet are other stations': not the hub's own networks, nor for special use.
fn usable(first: u32) -> bool {
    matches!(first, 1..=9 | 11..=126 | 128..=191 | 193..=197 | 199..=223)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_different_and_have_addresses() {
        assert_eq!(LENGTHS.iter().map(|(_, share)| share).sum::<u32>(), 1_000);
        let prefixes = Prefixes::new(50_000);
        let all: HashSet<_> = prefixes.iter().collect();
        assert_eq!((all.len(), prefixes.last().1), (50_000, 24));
        let long = all.iter().filter(|(_, len)| *len == 24).count();
        assert!((29_000..33_000).contains(&long), "{long}");
        let mut random = Random::default();
        for _ in 0..1_000 {
            let address = prefixes.address(&mut random).to_bits();
            let inside =
                |len: u8| all.contains(&(Ipv4Addr::from_bits(address & (u32::MAX << (32 - len))), len));
            assert!((16..=24).any(inside), "{address:08x}");
        }
    }
}
