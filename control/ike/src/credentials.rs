//! What we authenticate with, and what we authenticate peers by.

mod keyring;

use std::sync::Arc;

use crate::certificate::Trust;
use crate::identity::Identity;

pub use crate::certificate::Own;
pub use keyring::{Keyring, KeyringError, Match};

/// Everything that IKE_AUTH needs to know of us and of peers.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Who we are; `None`: the tunnel's source address.
    pub identity: Option<Identity>,
    /// Our certificate; without one we authenticate by pre-shared key only.
    pub own: Option<Own>,
    /// Whose certificates we trust; without one a peer's signature is refused.
    pub trust: Option<Arc<Trust>>,
    /// Pre-shared keys.
    pub keyring: Arc<Keyring>,
}
