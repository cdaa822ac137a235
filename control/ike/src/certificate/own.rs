//! Our certificate and its private key.

use std::sync::Arc;

use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

use super::authority::shown;
use super::{CertificateError, MAX_CHAIN, PrivateKey, names};
use crate::crypto::signature::{HashAlgorithms, PublicKey};
use crate::identity::{DistinguishedName, Identity};

/// Our certificate and its private key.
#[derive(Clone, Debug)]
pub struct Own {
    chain: Arc<Vec<Vec<u8>>>,
    key: Arc<PrivateKey>,
    subject: String,
    not_after: u64,
}

/// Why certificate and key cannot be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OwnError {
    /// A certificate is not good.
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    /// No certificate.
    #[error("no certificate")]
    Empty,
    /// The key is that of another certificate.
    #[error("the private key is not that of the certificate")]
    KeyMismatch,
}

impl Own {
    /// `chain` is in DER, ours first, then those above it; the authority's own need not be there.
    pub fn new(chain: Vec<Vec<u8>>, key: PrivateKey) -> Result<Self, OwnError> {
        if chain.len() > MAX_CHAIN {
            return Err(CertificateError::TooLong.into());
        }
        let parsed = chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>();
        let parsed = parsed.map_err(|_| CertificateError::Malformed)?;
        let first = parsed.first().ok_or(OwnError::Empty)?.tbs_certificate();
        let info = first.subject_public_key_info().to_der().map_err(|_| CertificateError::Malformed)?;
        let public = PublicKey::from_info(&info).ok_or(CertificateError::Algorithm)?;
        let subject = shown(first.subject());
        let not_after = first.validity().not_after.to_unix_duration().as_secs();
        // Whether they belong together is what a signature says.
        let probe = b"does this key sign for this certificate";
        let auth = key.sign(HashAlgorithms::all(), probe).map_err(|_| OwnError::KeyMismatch)?;
        public.verify(auth.method, &auth.data, probe, false).map_err(|_| OwnError::KeyMismatch)?;
        Ok(Self { chain: Arc::new(chain), key: Arc::new(key), subject, not_after })
    }

    /// DER, ours first: data of our CERT payloads.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// For a [`crate::job::Work::Sign`].
    #[must_use]
    pub fn key(&self) -> Arc<PrivateKey> {
        Arc::clone(&self.key)
    }

    /// For operators.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// When it ends, in seconds since 1970, for operators.
    #[must_use]
    pub const fn not_after(&self) -> u64 {
        self.not_after
    }

    /// Whether peers will find `identity` in it.
    #[must_use]
    pub fn contains(&self, identity: &Identity) -> bool {
        let first = self.chain.first().and_then(|der| Certificate::from_der(der).ok());
        first.is_some_and(|certificate| names::contains(&certificate, identity).unwrap_or(false))
    }

    /// Its subject in the very octets of the certificate: to be sent as a DN, since not every peer compares names as
    /// liberally as we do.
    #[must_use]
    pub fn name(&self) -> Option<DistinguishedName> {
        let certificate = self.chain.first().and_then(|der| Certificate::from_der(der).ok())?;
        DistinguishedName::from_der(&certificate.tbs_certificate().subject().to_der().ok()?)
    }
}

impl HashAlgorithms {
    fn all() -> Self {
        Self::parse(&Self::ours())
    }
}
