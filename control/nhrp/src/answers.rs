//! Answers given out about addresses behind the hub itself (the `local` entries of `show ip nhrp`), so that who got
//! one can be told when it is no longer true.

use crate::cache::remember;
use crate::prefixes::{Table, overlapping};
use crate::{Requester, TunnelId};
use std::net::Ipv4Addr;

/// Most prefixes with answers.
const MAX_ANSWERS: usize = 4096;
/// Most requesters of one prefix.
const MAX_REQUESTERS: usize = 256;
/// How often a full table is searched for what ran out.
const PRUNE_MS: u64 = 1000;

/// One prefix.
pub(crate) struct Answer {
    pub(crate) tunnel: TunnelId,
    pub(crate) prefix: Ipv4Addr,
    pub(crate) prefix_len: u8,
    pub(crate) created_ms: u64,
    pub(crate) until_ms: u64,
    pub(crate) hits: u64,
    pub(crate) requesters: Vec<Requester>,
}

/// All of them.
pub(crate) struct Answers {
    by_prefix: Table<TunnelId, Answer>,
    pruned_ms: Option<u64>,
}

impl Answers {
    pub(crate) fn new() -> Self {
        Self { by_prefix: Table::new(), pruned_ms: None }
    }

    /// Remembers an answer; the prefix is the requester's. `false`: no room.
    pub(crate) fn told(&mut self, tunnel: TunnelId, requester: Requester, now_ms: u64) -> bool {
        let key = (requester.prefix, requester.prefix_len, tunnel);
        if self.by_prefix.len() >= MAX_ANSWERS && !self.by_prefix.contains_key(&key) && !self.prune(now_ms) {
            return false;
        }
        let answer = self.by_prefix.entry(key).or_insert_with(|| Answer {
            tunnel,
            prefix: requester.prefix,
            prefix_len: requester.prefix_len,
            created_ms: now_ms,
            until_ms: 0,
            hits: 0,
            requesters: Vec::new(),
        });
        answer.until_ms = answer.until_ms.max(requester.until_ms);
        answer.hits += 1;
        remember(&mut answer.requesters, requester, now_ms, MAX_REQUESTERS)
    }

    fn prune(&mut self, now_ms: u64) -> bool {
        if self.pruned_ms.is_some_and(|last| now_ms < last.saturating_add(PRUNE_MS)) {
            return false;
        }
        self.pruned_ms = Some(now_ms);
        self.by_prefix.retain(|_, answer| answer.until_ms > now_ms);
        self.by_prefix.len() < MAX_ANSWERS
    }

    /// Tunnel and prefix of the answers that overlap a prefix.
    pub(crate) fn overlapping(&self, prefix: Ipv4Addr, len: u8) -> Vec<(Ipv4Addr, u8, TunnelId)> {
        overlapping(&self.by_prefix, prefix, len, (TunnelId::MIN, TunnelId::MAX))
    }

    /// Takes out one of those.
    pub(crate) fn take(&mut self, key: (Ipv4Addr, u8, TunnelId)) -> Option<Answer> {
        self.by_prefix.remove(&key)
    }

    pub(crate) fn iter(&self, now_ms: u64) -> impl Iterator<Item = &Answer> {
        self.by_prefix.values().filter(move |answer| answer.until_ms > now_ms)
    }
}

/// The network address of a prefix.
pub(crate) fn network(address: Ipv4Addr, len: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits() & mask(len))
}

/// The mask of a prefix length; over 32 is taken as 32.
pub(crate) fn mask(len: u8) -> u32 {
    u32::MAX.checked_shl(32u32.saturating_sub(len.into())).unwrap_or(0)
}

/// Whether one prefix holds the other.
pub(crate) fn overlap(a: Ipv4Addr, a_len: u8, b: Ipv4Addr, b_len: u8) -> bool {
    let shorter = a_len.min(b_len);
    network(a, shorter) == network(b, shorter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks() {
        assert_eq!(
            [0, 1, 8, 31, 32, 255].map(mask),
            [0, 0x8000_0000, 0xff00_0000, u32::MAX - 1, u32::MAX, u32::MAX]
        );
        let (a, b) = (Ipv4Addr::new(10, 1, 0, 0), Ipv4Addr::new(10, 1, 2, 0));
        assert!(overlap(a, 16, b, 24) && overlap(b, 24, a, 16) && overlap(a, 0, Ipv4Addr::LOCALHOST, 8));
        assert!(!overlap(a, 24, b, 24));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut answers = Answers::new();
        let requester = |n: u32, until_ms| Requester {
            tunnel: 0,
            protocol: Ipv4Addr::LOCALHOST,
            station: Ipv4Addr::LOCALHOST.into(),
            request_id: 0,
            until_ms,
            prefix: Ipv4Addr::from(n),
            prefix_len: 32,
            passed_on: false,
        };
        for n in 0..MAX_ANSWERS as u32 {
            assert!(answers.told(0, requester(n, 5000), 0));
        }
        assert!(!answers.told(0, requester(9_999_999, 5000), 0));
        assert!(answers.told(0, requester(9_999_999, 9000), 5000));
        assert_eq!(answers.iter(5000).count(), 1);
    }
}
