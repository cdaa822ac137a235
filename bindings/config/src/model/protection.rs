//! `[[protection]]`: `crypto ipsec profile`.

use crate::proposal::Proposal;

/// `[[protection]]`
#[derive(Clone, Debug)]
pub struct Protection {
    /// Name by which tunnels refer to it.
    pub name: String,
    /// Acceptable ESP proposals, best first; empty: the IKE core's default list.
    pub proposals: Vec<Proposal>,
    /// Which mode a spoke may ask for. Default: any.
    pub mode: ModePolicy,
    /// Seconds after which a child SA is rekeyed by us. Default: 3600.
    pub lifetime_seconds: u32,
    /// Kilobytes (1,024 octets) in either direction after which it is; 0: unlimited. Default: 4608000.
    pub lifetime_kilobytes: u64,
    /// Packets in either direction after which it is; absent: only what the sequence number allows.
    pub lifetime_packets: Option<u64>,
    /// Anti-replay window in packets, a power of two from 64 to 4096. Default: 1024.
    pub replay_window: u16,
    /// What an identity may register that no `[[ike.claim]]` speaks of. Default: first come.
    pub claims: ClaimPolicy,
}

/// Which mode a spoke may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModePolicy {
    /// Only transport mode.
    Transport,
    /// Only tunnel mode.
    Tunnel,
    /// What the spoke asks for.
    Any,
}

/// What an identity may register that no `[[ike.claim]]` speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClaimPolicy {
    /// What no other identity has registered before it.
    FirstCome,
    /// Nothing.
    Listed,
}

/// `crypto-engine`: who computes ESP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CryptoEngine {
    /// The fastest that this CPU has, by transform.
    Auto,
    /// Rust's own crates, on any CPU.
    Portable,
    /// `ring`, for AES-GCM.
    Ring,
    /// Intel's multi-buffer library.
    IpsecMb,
}
