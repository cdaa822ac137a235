//! The control process of the hub.
#![forbid(unsafe_code)]

mod ids;
mod journal;
mod kernel;
mod links;
mod netlink;
mod peers;
mod prefix;
mod rib;
mod state;
mod sync;
mod table;
mod twins;

fn main() {}
