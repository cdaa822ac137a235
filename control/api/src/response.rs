//! What the server answers.

use crate::{
    CacheEntry, CryptoSession, Dmvpn, Drop, Failure, IkeStats, Interface, Mroute, NhrpSummary, NhrpTraffic,
    PolicedClass, Route, Status, Why, Workers,
};
use serde::{Deserialize, Serialize};

/// One response, one line: `{"kind": …, "data": …}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "kebab-case")]
pub enum Response {
    /// To [`crate::Request::Status`].
    Status(Box<Status>),
    /// To [`crate::Request::Dmvpn`].
    Dmvpn(Vec<Dmvpn>),
    /// To [`crate::Request::CryptoSessions`].
    CryptoSessions(Vec<CryptoSession>),
    /// To [`crate::Request::IkeStats`].
    IkeStats(IkeStats),
    /// To [`crate::Request::NhrpCache`].
    NhrpCache(Vec<CacheEntry>),
    /// To [`crate::Request::NhrpSummary`].
    NhrpSummary(NhrpSummary),
    /// To [`crate::Request::NhrpTraffic`].
    NhrpTraffic(Vec<NhrpTraffic>),
    /// To [`crate::Request::Interfaces`].
    Interfaces(Vec<Interface>),
    /// To [`crate::Request::Routes`].
    Routes(Vec<Route>),
    /// To [`crate::Request::Mroutes`].
    Mroutes(Vec<Mroute>),
    /// To [`crate::Request::Drops`].
    Drops(Vec<Drop>),
    /// To [`crate::Request::ControlPlane`].
    ControlPlane(Vec<PolicedClass>),
    /// To [`crate::Request::Workers`].
    Workers(Workers),
    /// To [`crate::Request::Why`].
    Why(Why),
    /// To [`crate::Request::Failures`].
    Failures(Vec<Failure>),
    /// To the `clear` requests.
    Cleared {
        /// Entries (or interfaces, for counters) that were cleared.
        count: u64,
    },
    /// The request was not carried out.
    Error {
        /// Why, for programs.
        code: ErrorCode,
        /// Why, for people.
        message: String,
    },
}

/// Why a request was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// No JSON object of a known command.
    BadRequest,
    /// A named interface does not exist.
    NoSuchInterface,
    /// No VRF of that name.
    NoSuchVrf,
    /// What was asked needs the dataplane, which is not attached.
    NoDataplane,
    /// Something else went wrong in the server.
    Internal,
}
