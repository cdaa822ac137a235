//! Public-key work, done off the event loop.
//!
//! The state machine hands out [`Job`]s; the caller runs each on any thread and brings the [`Done`] back. A job waits for
//! nothing, holds no lock, and takes from some ten microseconds (X25519) to some milliseconds (RSA, MODP-4096).

use std::fmt;
use std::sync::Arc;

use crate::certificate::{PrivateKey, Trust, Verified, VerifyError};
use crate::crypto::signature::{AuthData, HashAlgorithms, SignError};
use crate::crypto::{Exchange, ExchangeError, Group, Secret};
use crate::identity::Identity;

/// Work to be done.
#[derive(Debug)]
pub struct Job {
    id: u64,
    work: Work,
}

/// What is to be done.
pub enum Work {
    /// The responder's side of a key exchange.
    KeyExchange {
        /// The method.
        group: Group,
        /// The initiator's value.
        peer: Vec<u8>,
    },
    /// A private value for a key exchange, which is not finished before it is known that the peer goes on.
    Generate {
        /// The method; no key encapsulation if we are the responder.
        group: Group,
    },
    /// The end of a key exchange with such a private value.
    Agree {
        /// Ours.
        exchange: Box<Exchange>,
        /// The peer's value.
        peer: Vec<u8>,
    },
    /// Our AUTH by signature.
    Sign {
        /// With which key.
        key: Arc<PrivateKey>,
        /// What the peer can verify: from its SIGNATURE_HASH_ALGORITHMS, empty if there was none.
        hashes: HashAlgorithms,
        /// What is signed ([`crate::crypto::auth::Signed::octets`]).
        octets: Vec<u8>,
    },
    /// The peer's AUTH by signature, and its certificate.
    Verify(Box<Verify>),
}

/// A peer's AUTH by signature, and its certificate.
pub struct Verify {
    /// Whom we trust.
    pub trust: Arc<Trust>,
    /// Who the peer says it is.
    pub identity: Identity,
    /// Its certificates (DER) in the order of its CERT payloads: its own first.
    pub certificates: Vec<Vec<u8>>,
    /// Authentication method of its AUTH payload.
    pub method: u8,
    /// Data of its AUTH payload.
    pub auth: Vec<u8>,
    /// What it signed.
    pub octets: Vec<u8>,
    /// Now, in seconds since 1970.
    pub now_seconds: u64,
}

/// What came of a job.
#[derive(Debug)]
pub struct Done {
    /// The job's.
    pub id: u64,
    /// The result.
    pub outcome: Outcome,
}

/// The result of a job.
#[derive(Debug)]
pub enum Outcome {
    /// Of a key exchange.
    KeyExchange(Result<Exchanged, ExchangeError>),
    /// Of a private value.
    Generated(Result<Box<Exchange>, ExchangeError>),
    /// Of the end of a key exchange.
    Agreed(Result<Secret, ExchangeError>),
    /// Of a signature: what AUTH has to carry.
    Signed(Result<AuthData, SignError>),
    /// Of a verification.
    Verified(Result<Verified, VerifyError>),
}

/// A key exchange that was answered.
#[derive(Debug)]
pub struct Exchanged {
    /// Our value for the KE payload.
    pub public: Vec<u8>,
    /// The shared secret.
    pub shared: Secret,
}

impl Job {
    /// `id` comes back with the result.
    #[must_use]
    pub const fn new(id: u64, work: Work) -> Self {
        Self { id, work }
    }

    /// The number that comes back with the result.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Does the work.
    #[must_use]
    pub fn run(self) -> Done {
        Done { id: self.id, outcome: self.work.run() }
    }
}

impl Work {
    fn run(self) -> Outcome {
        match self {
            Self::KeyExchange { group, peer } => Outcome::KeyExchange(
                crate::crypto::respond(group, &peer).map(|(public, shared)| Exchanged { public, shared }),
            ),
            Self::Generate { group } => Outcome::Generated(Exchange::generate(group).map(Box::new)),
            Self::Agree { exchange, peer } => Outcome::Agreed(exchange.agree(&peer)),
            Self::Sign { key, hashes, octets } => Outcome::Signed(key.sign(hashes, &octets)),
            Self::Verify(verify) => Outcome::Verified(verify.run()),
        }
    }
}

impl Verify {
    fn run(self) -> Result<Verified, VerifyError> {
        self.trust.verify(
            &self.identity,
            &self.certificates,
            self.now_seconds,
            self.method,
            &self.auth,
            &self.octets,
        )
    }
}

/// The kind of work, not what it is done with.
impl fmt::Debug for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyExchange { group, .. } => write!(formatter, "KeyExchange({group:?})"),
            Self::Generate { group } => write!(formatter, "Generate({group:?})"),
            Self::Agree { exchange, .. } => write!(formatter, "Agree({:?})", exchange.group()),
            Self::Sign { .. } => formatter.write_str("Sign"),
            Self::Verify(verify) => write!(formatter, "Verify({})", verify.identity),
        }
    }
}

const fn assert_send<T: Send>() {}
const _: () = assert_send::<Job>();
const _: () = assert_send::<Done>();
const _: () = assert_send::<crate::crypto::Exchange>();
