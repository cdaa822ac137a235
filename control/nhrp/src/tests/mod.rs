//! The server from outside: packets in, actions out.

mod cisco;
#[allow(dead_code)]
mod support;
