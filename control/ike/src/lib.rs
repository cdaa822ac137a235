//! IKEv2 responder (RFC 7296) as a state machine: `(event, now) -> actions`.
//!
//! No socket, clock, thread or random source: datagrams, time and randomness come in by [`Host`], [`Action`]s go out in
//! the order in which they are to be carried out, and public-key work is handed out as [`Task`]s whose [`Outcome`]s
//! come back as events.
//!
//! | file | what it is about |
//! |---|---|
//! | `responder` | the state, and where each event goes |
//! | `receive`, `send`, `message`, `fragments` | messages under an IKE SA's keys, in and out |
//! | `init`, `intermediate`, `auth`, `create_child`, `followup`, `informational` | one kind of exchange each, as the peer begins it |
//! | `establishment`, `heir` | what comes of IKE_AUTH, and of a rekey of the IKE SA by the peer |
//! | `initiator`, `venture`, `answers`, `rekey` | CREATE_CHILD_SA as we begin it, and when both sides do |
//! | `negotiation`, `proposal`, `offer`, `selection`, `selectors`, `nat` | what is agreed on |
//! | `ike_sa`, `embryo`, `child`, `serve`, `ask` | the state of one IKE SA and its parts |
//! | `half_open`, `cookie`, `throttle`, `tasks` | what strangers may make us do, and how much of it |
//! | `sessions`, `moved`, `timers` | who is who, and where, and what is due |
//! | `admin`, `export`, `octets`, `view`, `report`, `failures`, `counters`, `log` | operators: clear and rekey, restart, show, log |
#![forbid(unsafe_code)]

mod action;
mod admin;
mod answers;
mod ask;
mod auth;
pub mod certificate;
mod child;
mod config;
mod cookie;
mod counters;
mod create_child;
pub mod credentials;
pub mod crypto;
mod cx;
mod embryo;
mod esp_keys;
mod establishment;
mod export;
mod failures;
mod followup;
mod fragments;
mod half_open;
mod heir;
mod host;
pub mod identity;
mod ike_sa;
mod informational;
mod init;
mod initiator;
mod intermediate;
pub mod job;
mod log;
mod message;
mod moved;
mod nat;
mod negotiation;
mod octets;
mod offer;
pub mod path;
mod proposal;
mod receive;
mod rekey;
mod report;
mod responder;
mod selection;
mod selectors;
mod send;
mod serve;
mod sessions;
mod tasks;
mod throttle;
mod timers;
mod venture;
mod view;

#[cfg(test)]
mod tests;

pub use action::{Action, ChildInbound, ChildOutbound, Direction, Encapsulation, Mode, SessionUp, WhyDown};
pub use admin::{Clear, Load, Rekey};
pub use config::{Config, ConfigError, HARD_FACTOR, Lifetimes, ModePolicy, Protection, Unique};
pub use counters::{Count, Counters};
pub use esp_keys::{EspIntegrity, EspKeys, EspTransform};
pub use failures::{Cause, Failure};
pub use host::{Host, Slot, Usage};
pub use job::{Done as Outcome, Job as Task};
pub use log::{LogEvent, LogKind};
pub use path::Path;
pub use responder::Responder;
pub use view::{ChildView, SessionState, SessionView};

/// Number of a child SA's slot, chosen by the host ([`Host::allocate`]); both directions share it.
pub type SaId = u32;

/// Number of an authenticated peer, the same for as long as the same identity comes back.
pub type SessionId = std::num::NonZeroU32;
