//! X.509 certificates: our own, those of peers, and whom we trust.
//!
//! Chains, validity, name constraints and revocation are webpki's work. Here is what IPsec has of its own: names that
//! are IKE identities, uses that are not a web server's (RFC 4945), and reasons that an operator can act on.
//!
//! | file | what it is about |
//! |---|---|
//! | `trust` | authorities and revocation lists; verifying a peer |
//! | `authority` | one certification authority |
//! | `names` | identities in certificates |
//! | `usage` | what a certificate is for |
//! | `error` | why a peer is refused |
//! | `own` | our chain and key |
//! | `files` | reading all of these from files |

mod authority;
mod error;
mod files;
mod names;
mod own;
mod trust;
mod usage;

pub use crate::crypto::signature::PrivateKey;
pub use error::{CertificateError, CrlError, VerifyError};
pub use files::{FileError, FileProblem, load_own, load_trust};
pub use own::{Own, OwnError};
pub use trust::{Revocation, Trust, Verified};

/// Certificates that a chain may have, and that are taken of one peer.
pub const MAX_CHAIN: usize = 8;
/// Octets of one certificate of a peer's.
pub const MAX_CERTIFICATE: usize = 16 * 1024;
