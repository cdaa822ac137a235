//! All packet logic of the hub: stages and the tables they read.
//!
//! A worker owns one [`Forwarder`] and calls, once per turn of its poll loop, [`Forwarder::tick`], then
//! [`Forwarder::process`] for each port's burst and [`Forwarder::process_tunnel`] for each TUN twin's. One thread
//! owns the [`Updater`], the only writer of the tables. No function that a worker calls allocates, locks, logs,
//! reads a clock or makes a system call; time comes in as [`Now`].
#![forbid(unsafe_code)]

mod adjacency;
mod class;
pub mod crypto;
pub mod ecn;
mod epoch;
mod esp_input;
mod esp_open;
mod esp_output;
mod esp_payload;
mod esp_wrap;
mod eth_input;
mod fib;
mod flow;
mod forward;
mod forwarder;
pub mod fragment;
mod gre_input;
mod groups;
pub mod icmp_error;
mod inject;
mod inner_input;
mod interfaces;
mod joins;
mod leaf;
mod leave;
pub mod limiter;
mod link;
mod local_input;
mod members;
pub mod memory;
mod meta;
pub mod mss;
mod multicast;
mod nbma;
mod now;
mod output;
mod pace;
mod path;
mod paths;
mod peers;
mod police;
mod punt;
pub mod reassembly;
mod recent;
mod redirect;
mod refusal;
mod replay;
mod replicate;
mod rib;
mod sa;
mod sa_table;
mod sas;
mod seqlock;
mod settings;
mod several;
mod sink;
mod tables;
mod turn;
mod updater;
mod ways;
mod zeroed;

pub use forwarder::{BURST, Burst, Forwarder};
pub use now::Now;
pub use police::ControlPlane;
pub use refusal::{ApplyError, Refusal};
pub use sa::SA_OCTETS;
pub use settings::{PortAddress, PortSettings, Role, Settings, SettingsError, TunnelSettings};
pub use shm::counters::STAGES;
pub use sink::Sink;
pub use tables::{Reader, Security, secured_tables, tables};
pub use updater::{TableSizes, Updater};
