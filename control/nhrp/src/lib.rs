//! NHRP server core (RFC 2332 with the DMVPN extensions), sans-I/O.
//!
//! `(event, now) -> actions`: no socket, no clock, no thread, no randomness but the seed in [`ServerConfig`]. The
//! caller hands in packets, redirect events and the time; the server answers with [`Action`]s in the order in which
//! they are to be carried out.
#![forbid(unsafe_code)]

mod action;
mod binding;
mod config;
mod counters;
mod drops;
mod log;
mod overlay;
mod server;

pub use action::{Action, Change, UnbindReason};
pub use binding::{Binding, CacheEntry, EntryFlags, Failure, Kind, PeerRecord, Requester};
pub use config::{Authentication, ConfigError, Phase, ServerConfig, StaticMap, TunnelConfig};
pub use counters::{ByType, ServerCounters, TunnelCounters};
pub use drops::DropReason;
pub use log::{LogEvent, LogKind};
pub use overlay::{Overlay, Reach};
pub use server::{Clear, Restored, Server};

/// Index of a tunnel interface in `hub.toml`'s order.
pub type TunnelId = u8;
