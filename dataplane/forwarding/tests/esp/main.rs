//! Protected tunnels: what goes in and comes out, and what does not.
#![cfg(test)]
#![allow(missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod closed;
mod forms;
mod hostile;
mod ike;
mod moves;
mod mtu;
mod nonce;
mod updates;
mod vectors;
mod workers;
