//! NHRP server core (RFC 2332 with the DMVPN extensions), sans-I/O.
//!
//! `(event, now) -> actions`: no socket, no clock, no thread, no randomness but the seed in [`ServerConfig`]. The
//! caller hands in packets, redirect events and the time; the server answers with [`Action`]s in the order in which
//! they are to be carried out.
//!
//! | file | what it is about |
//! |---|---|
//! | `server` | the state, and where each packet goes |
//! | `registration`, `resolution`, `purge`, `error`, `redirect` | one kind of exchange each |
//! | `bind`, `withdraw` | what a registration does, and what is undone when a binding goes |
//! | `station` | who somebody is: an NBMA address in the clear, a session under IPsec |
//! | `session` | an authenticated peer that moved or is gone |
//! | `transit`, `reply` | passing packets on, and answering them |
//! | `locate`, `routes` | who has an address, and what follows when it is elsewhere |
//! | `vouch` | what a spoke may say of itself to others |
//! | `auth`, `limits` | who may, and how often |
//! | `cache`, `answers`, `failures` | what is remembered, each with its bound |
//! | `prefixes` | tables that are asked what overlaps a prefix |
//! | `admin`, `view`, `report` | operators: clear and restore, show, log |
#![forbid(unsafe_code)]

mod action;
mod admin;
mod answers;
mod auth;
mod bind;
mod binding;
mod cache;
mod config;
mod counters;
mod drops;
mod error;
mod failures;
mod ingress;
mod limits;
mod locate;
mod log;
mod overlay;
mod prefixes;
mod purge;
mod redirect;
mod registration;
mod reply;
mod report;
mod resolution;
mod routes;
mod server;
mod session;
mod station;
mod transit;
mod view;
mod vouch;
mod withdraw;

#[cfg(test)]
mod tests;

pub use action::{Action, Change, UnbindReason};
pub use admin::{Clear, Restored};
pub use binding::{Binding, CacheEntry, EntryFlags, Failure, Kind, PeerRecord, Refused, Requester};
pub use config::{Authentication, ConfigError, MAX_PASSWORD, Phase, ServerConfig, StaticMap, TunnelConfig};
pub use counters::{ByType, ServerCounters, TunnelCounters};
pub use drops::DropReason;
pub use log::{LogEvent, LogKind};
pub use overlay::{Overlay, Reach};
pub use server::Server;
pub use station::{Owner, Session, Station};

/// Index of a tunnel interface in `hub.toml`'s order.
pub type TunnelId = u8;
