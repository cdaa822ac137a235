//! `hubctl`: asks `hub-control` over its socket and turns the answers into the texts that operators of Cisco hubs,
//! and their scripts, expect.
#![forbid(unsafe_code)]

pub mod args;
pub mod client;
pub mod command;
pub mod render;
pub mod words;
