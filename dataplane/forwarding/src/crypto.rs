//! The crypto seam: ESP packets are sealed and opened here, in batches and in place, by the engine chosen at start.
//!
//! [`Choice`] is made once for the process. The updater makes a [`Context`] for each direction of an SA from its key
//! material; a worker owns a [`Crypto`] and gives it [`Job`]s.

mod calibrate;
mod choice;
mod context;
mod engine;
mod ivs;
mod job;
mod known;
mod multi_buffer;
mod portable;
mod ring_gcm;
#[cfg(test)]
mod tests;
mod transform;
mod worker;

pub use choice::Choice;
pub use context::{Context, Direction, KeyError};
pub use engine::{Engine, EngineError, Wish};
pub use ivs::SEED;
pub use job::{Job, Status};
pub use shm::message::{Keys, Transform};
pub use transform::{BLOCK, HEADER, MAX_ICV, SALT, overhead};
pub use worker::Crypto;

/// Octets of one direction's expanded keys in an SA.
pub const CONTEXT_OCTETS: usize = size_of::<Context>();
