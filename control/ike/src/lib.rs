//! IKEv2 responder (RFC 7296) as a state machine: `(event, now) -> actions`.
//!
//! No socket, clock, thread or random source: datagrams, time and randomness come in by [`Host`], [`Action`]s go out in
//! the order in which they are to be carried out, and public-key work is handed out as [`Task`]s whose [`Outcome`]s
//! come back as events.
#![forbid(unsafe_code)]

mod action;
pub mod certificate;
mod config;
mod counters;
pub mod credentials;
pub mod crypto;
mod esp_keys;
mod failures;
mod host;
pub mod identity;
pub mod job;
mod log;
pub mod path;
mod responder;
mod task;
mod view;

pub use action::{Action, ChildInbound, ChildOutbound, Direction, Encapsulation, Mode, SessionUp, WhyDown};
pub use config::{Config, ConfigError, Lifetimes, ModePolicy, Protection, Unique};
pub use counters::Counters;
pub use esp_keys::{EspIntegrity, EspKeys, EspTransform};
pub use failures::{Cause, Failure};
pub use host::{Host, Slot, Usage};
pub use log::{LogEvent, LogKind};
pub use path::Path;
pub use responder::{Clear, Rekey, Responder};
pub use task::{Outcome, Task};
pub use view::{ChildView, SessionState, SessionView};

/// Number of a child SA's slot, chosen by the host ([`Host::allocate`]); both directions share it.
pub type SaId = u32;

/// Number of an authenticated peer, the same for as long as the same identity comes back.
pub type SessionId = std::num::NonZeroU32;
