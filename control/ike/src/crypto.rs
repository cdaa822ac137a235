//! The cryptography of IKEv2, on primitives of AWS-LC: nothing is computed here that a library computes.
//!
//! | file | what it is about |
//! |---|---|
//! | `secret` | octets that are wiped and never shown |
//! | `suite` | the transforms and their numbers |
//! | `prf`, `keys` | key derivation of IKE SAs and child SAs |
//! | `envelope` | the encrypted payloads SK and SKF |
//! | `group`, `exchange` | key exchange methods |
//! | `auth` | the octets that AUTH covers, pre-shared keys |
//! | `signature`, `scheme` | AUTH by signature |

pub mod auth;
pub mod envelope;
pub mod exchange;
pub mod group;
pub mod keys;
pub mod prf;
pub mod secret;
pub mod signature;
pub mod suite;

pub use envelope::{Envelope, OpenError, Opener, SealError, Sealer};
pub use exchange::{Exchange, ExchangeError, respond};
pub use group::Group;
pub use keys::{ChildKeys, Keys, Nonces, Role, Spis};
pub use prf::Prf;
pub use secret::Secret;
pub use suite::{Encryption, Integrity, Suite};
