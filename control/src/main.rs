//! The control process of the hub.
#![forbid(unsafe_code)]

mod ids;
mod kernel;
mod links;
mod peers;
mod prefix;
mod rib;
mod state;
mod sync;
mod table;

fn main() {}
