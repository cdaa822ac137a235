//! Plain types of the CLI socket.
//!
//! `hub-control` listens on the UNIX stream socket `<run-dir>/control.sock`. A client sends one [`Request`] per line
//! as a JSON object and reads one [`Response`] per line, in the order of its requests. Nothing here has behaviour
//! beyond its encoding: whoever shows an answer turns these values into text, whoever gives one fills them in.
//!
//! Conventions: durations are whole seconds unless the name says otherwise; a time of the past is an age ("seconds
//! ago"), since no wall clock takes part; counters are free running; addresses are typed and travel as text; an
//! interface is called by its name in `hub.toml` (`Tunnel0`).
#![forbid(unsafe_code)]

pub mod cache;
pub mod codec;
pub mod control_plane;
pub mod counters;
pub mod crypto;
pub mod failure;
pub mod interface;
pub mod mroute;
pub mod nhrp_traffic;
pub mod peer;
pub mod prefix;
pub mod request;
pub mod response;
mod route;
pub mod status;

pub use cache::{CacheCounts, CacheEntry, Flag, Kind, NhrpSummary, Requester};
pub use codec::{CodecError, read_line, write_line};
pub use control_plane::{ClassCounts, PolicedClass};
pub use counters::{Drop, Stage, Worker, Workers};
pub use crypto::{
    ChildSa, CryptoFilter, CryptoSession, FlowMode, IkeCount, IkeSa, IkeState, IkeStats, Received, Sent,
    SessionStatus,
};
pub use failure::{Cause, Failure};
pub use interface::{Interface, KernelTraffic, Loss, Medium, Traffic};
pub use mroute::{Mroute, MrouteInterface, MrouteSpoke};
pub use nhrp_traffic::{NhrpTraffic, Refused, TypeCounts};
pub use peer::{Dmvpn, Peer, PeerState, Why};
pub use prefix::Prefix;
pub use request::{CacheFilter, PeerFilter, Request};
pub use response::{ErrorCode, Response};
pub use route::{Origin, Route, Target, Way};
pub use status::{Engine, Ring, Side, Status, Table};

/// Name of the socket inside the run directory.
pub const SOCKET_NAME: &str = "control.sock";

/// Version of these types, told by [`Status::api`]. Grows when a request or a field is changed or removed, not when
/// one is added.
pub const VERSION: u32 = 1;

/// Longest request in octets, newline included. A longer one is refused and its connection closed.
pub const MAX_REQUEST: usize = 4096;

/// Longest response in octets: 100,000 peers at 1 KiB with room to spare.
pub const MAX_RESPONSE: usize = 256 << 20;
