//! The dataplane process as a whole, with static tables and no control: on a wire that the test holds the other end
//! of, on capture files, and through being killed.
//!
//! Each test runs itself again in a network name space of its own, for which it needs root or user name spaces.
#![cfg(test)]

mod control;
mod esp;
mod exception;
mod frames;
mod golden;
mod hub;
mod namespace;
mod packets;
mod restart;
mod syscalls;
mod wire_end;
