//! The peer's requests: message ids, and the response that is kept in case it was lost (RFC 7296 2.1 to 2.3).

use crate::Path;
use crate::followup::Followup;
use crate::job::Exchanged;
use wire::ike::{Exchange, PayloadType};
use zeroize::Zeroizing;

/// What is known of the peer's requests. The window is one request.
#[derive(Default)]
pub(crate) struct Serve {
    /// Message id of the next request.
    pub(crate) expected: u32,
    /// The last response, in fragments if need was.
    pub(crate) response: Vec<Vec<u8>>,
    /// A request that waits for something to be computed. It is looked at again, from its beginning, when that is done.
    pub(crate) waiting: Option<Box<Waiting>>,
    /// What was computed for the request that is looked at again.
    pub(crate) computed: Option<Exchanged>,
    /// A new SA whose additional key exchanges are not done.
    pub(crate) followup: Option<Box<Followup>>,
}

/// A request that waits.
pub(crate) struct Waiting {
    pub(crate) ticket: u64,
    pub(crate) request: Request,
}

/// An authentic request.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) exchange: Exchange,
    pub(crate) id: u32,
    pub(crate) flags: u8,
    /// Type of the first payload.
    pub(crate) first: PayloadType,
    /// The payloads, decrypted.
    pub(crate) inner: Zeroizing<Vec<u8>>,
    /// Where it came from, and its answer goes.
    pub(crate) path: Path,
}

/// What the number of a request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The next.
    Next,
    /// The last one again: the response was lost, or the request was copied on the way.
    Last,
    /// One that is being worked on.
    Underway,
    /// None that can be.
    Outside,
}

impl Serve {
    pub(crate) fn place(&self, id: u32) -> Place {
        if id == self.expected {
            return if self.waiting.is_some() { Place::Underway } else { Place::Next };
        }
        if id.checked_add(1) == Some(self.expected) { Place::Last } else { Place::Outside }
    }
}
