//! What is kept of an IKE SA until its peer has authenticated.

use crate::Path;
use crate::crypto::{Exchange, Group, Secret};
use crate::selection::IkeChoice;

/// A half-open IKE SA has so long to become a whole one.
pub(crate) const LIFETIME_MS: u64 = 30_000;
/// Octets of messages that wait for the key exchange, all together.
pub(crate) const MAX_WAITING: usize = 16_384;
/// And how many.
pub(crate) const MAX_WAITING_COUNT: usize = 24;

/// What is kept of an IKE SA until its peer has authenticated.
pub(crate) struct Embryo {
    pub(crate) until_ms: u64,
    /// Its place in the table of half-open ones.
    pub(crate) place: usize,
    /// It came with a cookie of ours.
    pub(crate) proven: bool,
    /// Of the request, to know a copy of it.
    pub(crate) hash: u64,
    pub(crate) choice: IkeChoice,
    /// IKE_SA_INIT as received and as sent: AUTH covers both.
    pub(crate) request: Vec<u8>,
    pub(crate) response: Vec<u8>,
    pub(crate) nonces: (Vec<u8>, Vec<u8>),
    /// The initiator's public value.
    pub(crate) public: Vec<u8>,
    pub(crate) exchange: Progress,
    /// Messages that came before the keys were there.
    pub(crate) waiting: Vec<(Path, Vec<u8>)>,
    /// IKE_INTERMEDIATE.
    pub(crate) intermediate: Intermediate,
    /// The peer speaks it.
    pub(crate) offered_intermediate: bool,
    /// Hash algorithms of the peer's SIGNATURE_HASH_ALGORITHMS.
    pub(crate) hashes: crate::crypto::signature::HashAlgorithms,
    pub(crate) auth: AuthProgress,
}

/// The key exchange of IKE_SA_INIT.
pub(crate) enum Progress {
    /// Our private value is being made: IKE_SA_INIT is not answered yet.
    Making(u64),
    /// The peer has our public value; what is shared is computed when it comes back with IKE_AUTH.
    Made(Box<Exchange>),
    /// It is being computed.
    Agreeing(u64),
    Done,
}

impl Progress {
    /// Whether it waits for this task.
    pub(crate) fn awaits(&self, ticket: u64) -> bool {
        matches!(self, Self::Making(waiting) | Self::Agreeing(waiting) if *waiting == ticket)
    }
}

/// Additional key exchanges and what AUTH has to cover of them (RFC 9242, RFC 9370).
#[derive(Default)]
pub(crate) struct Intermediate {
    /// Methods still to come, with their transform types.
    pub(crate) pending: std::collections::VecDeque<(u8, Group)>,
    pub(crate) done: Vec<(u8, Group)>,
    /// IntAuth_i and IntAuth_r so far.
    pub(crate) initiator: Option<Secret>,
    pub(crate) responder: Option<Secret>,
}

/// How far the check of a peer's AUTH by signature is.
#[derive(Default)]
pub(crate) struct AuthProgress {
    pub(crate) verified: Option<crate::certificate::Verified>,
    pub(crate) signed: Option<crate::crypto::signature::AuthData>,
}

/// One step of it.
#[derive(Clone)]
pub(crate) enum Step {
    Verified(crate::certificate::Verified),
    Signed(crate::crypto::signature::AuthData),
}

impl AuthProgress {
    pub(crate) fn note(&mut self, step: Step) {
        match step {
            Step::Verified(verified) => self.verified = Some(verified),
            Step::Signed(signed) => self.signed = Some(signed),
        }
    }
}
