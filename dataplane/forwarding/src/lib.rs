//! All packet logic of the hub: stages, tables, snapshots.
//!
//! A worker owns one [`Forwarder`] and calls, once per turn of its poll loop, [`Forwarder::tick`], then
//! [`Forwarder::process`] for each port's burst and [`Forwarder::process_tunnel`] for each TUN twin's. One thread
//! owns the [`Updater`], the only writer of the tables. No function that a worker calls allocates, locks, logs,
//! reads a clock or makes a system call; time comes in as [`Now`].
#![forbid(unsafe_code)]

mod adjacency;
pub mod ecn;
mod epoch;
mod fib;
mod forwarder;
pub mod fragment;
pub mod icmp_error;
mod leaf;
pub mod limiter;
mod link;
mod members;
pub mod memory;
pub mod mss;
mod nbma;
mod now;
pub mod reassembly;
mod rib;
mod seqlock;
mod settings;
mod sink;
mod tables;
mod updater;

pub use forwarder::{BURST, Burst, Forwarder};
pub use now::Now;
pub use settings::{PortAddress, PortSettings, Role, Settings, SettingsError, TunnelSettings};
pub use sink::Sink;
pub use tables::{Reader, tables};
pub use updater::{ApplyError, Refusal, TableSizes, Updater};
