//! Safe wrapper over DPDK: EAL, ports, queues, mempools, mbufs; and the TUN/TAP devices of the kernel, which are a
//! port's other half.
//!
//! What makes it safe without reference counts on the packet's way:
//! - EAL and the packet pools live as long as the process, so that a [`Mbuf`] never outlives its memory;
//! - an [`Mbuf`] owns its buffer alone: reference counts above one never leave a driver;
//! - a queue belongs to one thread at a time (it is [`Send`], not `Sync`, and its bursts take `&mut`);
//! - a port is stopped when the [`Port`] and all its queues are gone.

mod arguments;
mod cycles;
mod eal;
mod errno;
mod mbuf;
mod mempool;
mod port;
mod port_error;
mod queue;
mod setup;
mod stats;
mod thread;
pub mod tuntap;

pub use arguments::is_pci;
pub use cycles::{tsc, tsc_hz};
pub use eal::{Eal, EalConfig, EalError};
pub use errno::Errno;
pub use mbuf::Mbuf;
pub use mempool::{Pool, PoolError};
pub use port::{Link, Port};
pub use port_error::PortError;
pub use queue::{RxQueue, TxQueue};
pub use setup::{PortConfig, Probed};
pub use stats::PortStats;
pub use thread::{Registered, ThreadError};

/// DPDK release that the program was built against.
pub const RELEASE: &str = dpdk_sys::RELEASE;
