//! Why a process does not get its segment.

use crate::segment::Side;
use std::path::PathBuf;

/// One variant per cause; each text names what differs and what to do.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// A system call failed.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// Another process plays this part.
    #[error("hub-{side} is already running on {path} (process {pid}): stop it first")]
    AlreadyRunning {
        /// Which part.
        side: Side,
        /// The segment.
        path: PathBuf,
        /// The other's process id, 0 when it has not said.
        pid: u32,
    },
    /// Another process keeps the creation lock.
    #[error("{path} stays locked: another hub process hangs while it starts; end it")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The asked geometry is out of bounds.
    #[error("{field} is {found}, must be 1 to {bound}: change it in the configuration")]
    Geometry {
        /// `workers` or `max_peers`.
        field: &'static str,
        /// As configured.
        found: u32,
        /// Greatest value.
        bound: u32,
    },
    /// The file is no segment; it is left alone.
    #[error("{path} is not a hub segment (magic {found:#018x}, expected {expected:#018x}): remove the file")]
    Magic {
        /// The file.
        path: PathBuf,
        /// Its first eight octets.
        found: u64,
        /// What they should be.
        expected: u64,
    },
    /// The running dataplane is of a version with another meaning of the segment.
    #[error(
        "segment ABI is {found}, this build's is {expected}: restart hub-dataplane and hub-control in the same version"
    )]
    Abi {
        /// In the segment.
        found: u64,
        /// This build's.
        expected: u64,
    },
    /// The running dataplane is of a version with another layout of the segment.
    #[error(
        "segment layout is {found:016x}, this build's is {expected:016x}: restart hub-dataplane and hub-control in the same version"
    )]
    Layout {
        /// In the segment.
        found: u64,
        /// This build's.
        expected: u64,
    },
    /// The running dataplane has another number of workers: it or this process read an older configuration.
    #[error(
        "segment has {found} workers, configuration {expected}: restart the process that has not read the changed configuration yet"
    )]
    Workers {
        /// In the segment.
        found: u64,
        /// As configured.
        expected: u64,
    },
    /// The running dataplane has another bound on peers: it or this process read an older configuration.
    #[error(
        "segment has max-peers {found}, configuration {expected}: restart the process that has not read the changed configuration yet"
    )]
    MaxPeers {
        /// In the segment.
        found: u64,
        /// As configured.
        expected: u64,
    },
    /// The file was cut or has grown.
    #[error("segment is {found} octets, expected {expected}: restart hub-dataplane, which makes a new one")]
    Size {
        /// Of the file.
        found: u64,
        /// By its geometry.
        expected: u64,
    },
}
