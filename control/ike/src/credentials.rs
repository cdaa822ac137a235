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

/// Why credentials do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Peers would refuse us.
    #[error("identity {identity} is not in our certificate ({subject}): peers would refuse it")]
    IdentityNotInCertificate {
        /// Who we are to say we are.
        identity: String,
        /// Subject of our certificate.
        subject: String,
    },
    /// Whom we show our certificate would show us its own.
    #[error("we have a certificate, and no certification authority (`authority`) to check those of peers")]
    NoAuthority,
}

impl Credentials {
    /// Credentials that go together. Who has a certificate and says nothing of its identity is the certificate's
    /// subject. An identity that is a DN is sent in the very octets of the certificate: not every peer compares names as
    /// liberally as we do.
    pub fn new(
        identity: Option<Identity>,
        own: Option<Own>,
        trust: Trust,
        keyring: Keyring,
    ) -> Result<Self, CredentialsError> {
        let mut identity = identity;
        if let Some(own) = &own {
            if trust.is_empty() {
                return Err(CredentialsError::NoAuthority);
            }
            let subject = own.name().map(Identity::Name);
            match &identity {
                None => identity = subject,
                Some(named) if Some(named) == subject.as_ref() => identity = subject,
                Some(named) if own.contains(named) => {}
                Some(named) => {
                    return Err(CredentialsError::IdentityNotInCertificate {
                        identity: named.to_string(),
                        subject: own.subject().into(),
                    });
                }
            }
        }
        let trust = (!trust.is_empty()).then(|| Arc::new(trust));
        Ok(Self { identity, own, trust, keyring: Arc::new(keyring) })
    }
}
