//! IKEv2 of the emulated spokes (RFC 7296), without sockets and without a clock: initiator towards the hub, both roles
//! between spokes. One proposal, pre-shared keys, one child SA in transport mode for GRE.
//!
//! A [`Peer`] is one IKE SA with its child, from the first message on. What it cannot do a hub does not ask for, or is
//! told so: no fragments, no replacement of the IKE SA.

mod channel;
mod child;
mod handshake;
mod init;
mod offer;
mod peer;
mod retransmission;
mod sa;

pub use child::{Opened, Refusal};
pub use offer::{Ends, Name};
pub use peer::{Cx, Event, Peer, Why};

use ::ike::crypto::{Group, Secret};

/// Octets of our nonces: at least half the key of any prf (RFC 7296 2.10).
const NONCE_LEN: usize = 32;

/// What all peers have in common.
#[derive(Debug)]
pub struct Settings {
    /// Pre-shared key.
    pub key: Secret,
    /// Key exchange methods that are offered; the KE payload is of the first.
    pub groups: Vec<Group>,
    /// Claim to be behind a NAT, so that ESP travels in UDP.
    pub udp: bool,
}

/// Counts of all peers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// IKE SAs with their child set up, by us or by a peer.
    pub set_up: u64,
    /// Set-ups and SAs given up.
    pub lost: u64,
    /// The slowest set-up, in milliseconds from the first message.
    pub slowest_ms: u64,
    /// Requests sent for the first time.
    pub requests: u64,
    /// Requests sent again for want of an answer.
    pub again: u64,
    /// Messages that the kernel did not take.
    pub unsent: u64,
    /// Cookies returned.
    pub cookies: u64,
    /// Set-ups begun anew with another key exchange method.
    pub other_group: u64,
    /// Children replaced by the other side.
    pub rekeyed: u64,
    /// Messages that were not what is to be expected: malformed, not authentic, out of turn.
    pub refused: u64,
}

/// Random octets of the kernel's. There is no way to go on without.
pub fn random(octets: &mut [u8]) {
    let mut rest = octets;
    while !rest.is_empty() {
        let Ok(filled) = rustix::rand::getrandom(&mut *rest, rustix::rand::GetRandomFlags::empty()) else {
            continue;
        };
        rest = rest.get_mut(filled..).unwrap_or_default();
    }
}

fn random_array<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    random(&mut octets);
    octets
}

#[cfg(test)]
mod tests;
