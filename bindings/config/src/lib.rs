//! `hub.toml`: what the operator tells both processes.
//!
//! Words are as near to the Cisco ones as TOML allows. [`Config::load`] reports every mistake of a file at once, each
//! with line, column, the key, what was expected and the nearest valid key; what is not wrong but unwise is a
//! warning, which [`Config::check`] gives besides. `scripts/hub.toml.example` documents every key and default.
#![forbid(unsafe_code)]

mod check;
pub mod claim;
mod cores;
mod error;
mod excerpt;
mod home;
mod kind;
mod load;
pub mod model;
mod nearest;
mod overhead;
pub mod proposal;
mod read;
mod reader;
mod secret;

pub use error::{ConfigError, Mistake, Severity};
pub use load::Checked;
pub use model::Config;
pub use secret::Secret;

/// Most ports; the segment's counter blocks have room for so many.
pub const MAX_PORTS: usize = 16;
/// Most tunnel interfaces; the segment's counter blocks have room for so many.
pub const MAX_TUNNELS: usize = 64;
/// Most VRFs, the global one among them.
pub const MAX_VRFS: usize = 64;
/// Most workers.
pub const MAX_WORKERS: usize = 64;
/// Packet buffers that a worker may hold beside the rings of the ports: queues to and from the kernel, a cache, bursts.
pub const BUFFERS_PER_WORKER: u32 = 8192;
/// Fragments that wait for the rest of their datagrams hold at most one in so many of the packet buffers.
pub const FRAGMENT_SHARE: u32 = 8;
/// Largest `max-peers`.
pub const MAX_PEERS: u32 = 1_000_000;
