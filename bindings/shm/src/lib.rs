//! The contract between `hub-dataplane` and `hub-control`: one shared segment with rings, messages and counters.
//!
//! Nothing else is shared between the two processes. Whoever reads a message checks it as if a stranger wrote it.
//!
//! ```text
//! segment   header | updates ring | inject ring | event ring per worker | service | counters per worker
//!           | peers per worker | multicast routes per worker | cells of SAs
//! updates   control -> dataplane   reliable, in order, acknowledged by position
//! inject    control -> dataplane   lossy, counted
//! events    worker  -> control     lossy, counted; one ring per worker, since a worker never waits
//! SAs       sequence numbers and replay windows' tops, which must outlive the dataplane
//! service   what the dataplane's service thread counts: devices, kernel twins, buffers
//! ```
//!
//! All shared memory is made of atomics: whatever another process writes there, and whenever, reading it is defined.
//! `unsafe` is confined to [`mapping`](crate::segment) (mmap and pointers into it) and [`cpu`].

pub mod class;
pub mod clock;
pub mod codec;
pub mod counters;
pub mod cpu;
pub mod drops;
#[cfg(not(loom))]
pub mod endpoint;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod header;
#[cfg(not(loom))]
mod layout;
#[cfg(not(loom))]
mod mapping;
pub mod message;
pub mod pages;
pub mod ring;
mod sa_cells;
#[cfg(not(loom))]
pub mod segment;
pub mod service;

pub use codec::{Malformed, Unfit};
pub use sa_cells::{InboundCell, OutboundCell, SaCells};
#[cfg(not(loom))]
pub use {
    endpoint::{
        EndpointError, EventReceiver, EventSender, InjectReceiver, InjectSender, Received, SendError,
        UpdateReceiver, UpdateSender,
    },
    error::AttachError,
    header::Life,
    layout::{Geometry, MAX_PEERS, MAX_WORKERS},
    mapping::Shared,
    segment::{RingName, Segment, Side},
};
