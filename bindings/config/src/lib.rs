//! `hub.toml`: what the operator tells both processes.
//!
//! Words are as near to the Cisco ones as TOML allows. A mistake is reported with file, line, what was expected and
//! the nearest valid key.
#![forbid(unsafe_code)]

pub mod model;

pub use model::Config;
