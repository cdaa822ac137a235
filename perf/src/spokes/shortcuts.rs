//! What a spoke knows of direct ways to others.

use super::plan::mask;
use std::net::Ipv4Addr;

/// Most shortcuts of one spoke; the one that expires first makes room.
pub const MAX_SHORTCUTS: usize = 64;

/// A direct way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortcut {
    /// Network it leads to.
    pub network: Ipv4Addr,
    /// Prefix length.
    pub len: u8,
    /// Tunnel address of the other spoke.
    pub via: Ipv4Addr,
    /// Its NBMA address.
    pub nbma: Ipv4Addr,
    /// Monotonic milliseconds at which it ends.
    pub expires: u64,
}

/// The shortcuts of one spoke.
#[derive(Clone, Debug, Default)]
pub struct Shortcuts(Vec<Shortcut>);

impl Shortcuts {
    /// The NBMA address of the longest match that has not expired.
    pub fn find(&self, address: Ipv4Addr, now: u64) -> Option<Ipv4Addr> {
        let matches = self.0.iter().filter(|shortcut| now < shortcut.expires && shortcut.covers(address));
        matches.max_by_key(|shortcut| shortcut.len).map(|shortcut| shortcut.nbma)
    }

    /// Adds one or replaces that of the same network; whether it changes the way.
    pub fn insert(&mut self, shortcut: Shortcut) -> bool {
        let same = |old: &&mut Shortcut| (old.network, old.len) == (shortcut.network, shortcut.len);
        if let Some(old) = self.0.iter_mut().find(same) {
            let changed = (old.via, old.nbma) != (shortcut.via, shortcut.nbma);
            *old = shortcut;
            return changed;
        }
        if self.0.len() == MAX_SHORTCUTS
            && let Some(first) = (0..self.0.len()).min_by_key(|n| self.0.get(*n).map(|s| s.expires))
        {
            self.0.swap_remove(first);
        }
        self.0.push(shortcut);
        true
    }

    /// Removes all that lead into or through a network; gives how many.
    pub fn purge(&mut self, network: Ipv4Addr, len: u8) -> usize {
        self.remove(|shortcut| {
            let inside = |address: Ipv4Addr| (address.to_bits() ^ network.to_bits()) & mask(len) == 0;
            inside(shortcut.via)
                || (shortcut.len >= len && inside(shortcut.network))
                || shortcut.covers(network)
        })
    }

    /// Removes what has expired; gives how many.
    pub fn expire(&mut self, now: u64) -> usize {
        self.remove(|shortcut| shortcut.expires <= now)
    }

    fn remove(&mut self, which: impl Fn(&Shortcut) -> bool) -> usize {
        let before = self.0.len();
        self.0.retain(|shortcut| !which(shortcut));
        before - self.0.len()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl Shortcut {
    fn covers(&self, address: Ipv4Addr) -> bool {
        (address.to_bits() ^ self.network.to_bits()) & mask(self.len) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shortcut(third: u8, len: u8, expires: u64) -> Shortcut {
        let via = [10, 255, 0, third].into();
        Shortcut { network: [10, 100, third, 0].into(), len, via, nbma: [192, 0, 2, len].into(), expires }
    }

    #[test]
    fn longest_match_until_it_expires() {
        let mut shortcuts = Shortcuts::default();
        assert!(shortcuts.insert(shortcut(0, 16, 100)));
        assert!(shortcuts.insert(shortcut(1, 24, 50)));
        assert!(!shortcuts.insert(shortcut(1, 24, 60)));
        let address = [10, 100, 1, 9].into();
        assert_eq!(shortcuts.find(address, 59), Some([192, 0, 2, 24].into()));
        assert_eq!(shortcuts.find(address, 60), Some([192, 0, 2, 16].into()));
        assert_eq!((shortcuts.expire(60), shortcuts.expire(60), shortcuts.len()), (1, 0, 1));
    }

    #[test]
    fn purging_and_bound() {
        let mut shortcuts = Shortcuts::default();
        for n in 0..=MAX_SHORTCUTS as u8 {
            shortcuts.insert(shortcut(n, 24, 100 + u64::from(n)));
        }
        assert_eq!(shortcuts.len(), MAX_SHORTCUTS);
        assert_eq!(shortcuts.find([10, 100, 0, 1].into(), 0), None, "the first to expire made room");
        assert_eq!(shortcuts.purge([10, 255, 0, 7].into(), 32), 1);
        assert_eq!(shortcuts.purge([10, 100, 8, 0].into(), 24), 1);
        assert_eq!(shortcuts.purge([10, 100, 9, 200].into(), 32), 1);
        assert_eq!(shortcuts.purge([0, 0, 0, 0].into(), 0), MAX_SHORTCUTS - 3);
    }
}
