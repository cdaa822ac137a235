//! The contract between `hub-dataplane` and `hub-control`: one shared segment with rings, messages and counters.
//!
//! Nothing else is shared between the two processes. Whoever reads a message checks it as if a stranger wrote it.

pub mod counters;
pub mod drops;
pub mod message;
