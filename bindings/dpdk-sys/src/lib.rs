//! Raw bindings to DPDK, generated at build time, and a C shim for its static inlines.
//!
//! The surface is kept small: what differs between DPDK releases is read by `csrc/shim.c`, so that the same code
//! builds against later long-term releases. The safe form is crate `dpdk`; nothing else should use this one.

#[allow(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    non_snake_case,
    unnecessary_transmutes,
    unsafe_op_in_unsafe_fn,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block
)]
mod raw {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

pub use raw::*;
