//! Who gets a tunnel's multicast: one bit per peer, set and cleared in place.
//!
//! A bitmap and not a list, because a worker replicates over many polls ([`crate::replicate`]) and keeps only a
//! position: members may come and go meanwhile.

use crate::zeroed::zeroed;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// The members of each tunnel. Written by the updater, read by all workers.
#[derive(Debug)]
pub(crate) struct Members {
    words: Box<[AtomicU64]>,
    /// Words of one tunnel.
    stride: usize,
}

impl Members {
    /// No members. `None`: no memory.
    pub(crate) fn new(tunnels: usize, max_peers: u32) -> Option<Self> {
        let stride = (max_peers as usize).div_ceil(64);
        Some(Self { words: zeroed(tunnels * stride)?, stride })
    }

    fn place(&self, tunnel: u8, peer: u32) -> Option<&AtomicU64> {
        let word = peer as usize / 64;
        self.words.get(usize::from(tunnel) * self.stride + word).filter(|_| word < self.stride)
    }

    /// Updater: adds or removes a member. The releasing store follows that of the peer's adjacency.
    pub(crate) fn set(&self, tunnel: u8, peer: u32, member: bool) {
        if let Some(word) = self.place(tunnel, peer) {
            let (old, bit) = (word.load(Relaxed), 1 << (peer % 64));
            word.store(if member { old | bit } else { old & !bit }, Release);
        }
    }

    /// The first member that is not below `from`.
    pub(crate) fn next(&self, tunnel: u8, from: u32) -> Option<u32> {
        let start = usize::from(tunnel) * self.stride;
        let words = self.words.get(start..start + self.stride)?;
        let mut mask = u64::MAX << (from % 64);
        for (index, word) in words.iter().enumerate().skip(from as usize / 64) {
            let set = word.load(Acquire) & mask;
            if set != 0 {
                return Some(index as u32 * 64 + set.trailing_zeros());
            }
            mask = u64::MAX;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_members_of_one_tunnel_in_order() {
        let members = Members::new(2, 200).expect("memory");
        for peer in [0, 63, 64, 199] {
            members.set(1, peer, true);
        }
        members.set(0, 5, true);
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(peer) = members.next(1, at) {
            found.push(peer);
            at = peer + 1;
        }
        assert_eq!(found, [0, 63, 64, 199]);
        members.set(1, 64, false);
        assert_eq!(members.next(1, 64), Some(199));
        assert_eq!(members.next(0, 6), None);
        assert_eq!(members.next(1, 1000), None);
        assert_eq!(members.next(2, 0), None);
    }
}
