//! What every step has at hand: the time, the host, and where actions go.

use crate::{Action, Host};
use std::num::NonZeroU64;

/// The surroundings of one event.
pub(crate) struct Cx<'a> {
    pub(crate) now: u64,
    pub(crate) host: &'a mut dyn Host,
    pub(crate) actions: &'a mut Vec<Action>,
}

/// Octets of our nonces: half of the longest key of a pseudo-random function, and twice the least (RFC 7296 2.10).
const NONCE: usize = 32;

impl Cx<'_> {
    pub(crate) fn random_u64(&mut self) -> u64 {
        let mut octets = [0; 8];
        self.host.random(&mut octets);
        u64::from_ne_bytes(octets)
    }

    pub(crate) fn nonce(&mut self) -> Vec<u8> {
        let mut nonce = vec![0; NONCE];
        self.host.random(&mut nonce);
        nonce
    }

    /// A number that is never 0.
    pub(crate) fn tag(&mut self) -> NonZeroU64 {
        NonZeroU64::new(self.random_u64()).unwrap_or(NonZeroU64::MIN)
    }

    /// Under `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.random_u64().checked_rem(bound).unwrap_or(0)
    }

    /// Lowered by up to a tenth, so that not all peers' limits come at once.
    pub(crate) fn lowered(&mut self, limit: u64) -> u64 {
        limit - self.below(limit / 10 + 1)
    }
}
