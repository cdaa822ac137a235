//! X.509 certificates: our own, those of peers, and whom we trust.

use crate::identity::Identity;

pub use crate::crypto::signature::PrivateKey;

/// Whom we trust: certification authorities and revocation lists.
pub struct Trust {}

/// A peer whose certificate and signature are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Subject of its certificate, for operators.
    pub subject: String,
    /// Issuer of its certificate, for operators.
    pub issuer: String,
    /// When its certificate ends, in seconds since 1970.
    pub not_after: u64,
    /// Its signature's algorithm, for operators.
    pub algorithm: &'static str,
}

/// Why a peer's certificate or signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum VerifyError {
    /// It sent none.
    #[error("no certificate")]
    NoCertificate,
    /// No chain leads to a certification authority that we trust.
    #[error("unknown certification authority")]
    UnknownAuthority,
    /// The certificate, or one above it, is over.
    #[error("certificate expired")]
    Expired,
    /// The certificate, or one above it, is not valid yet.
    #[error("certificate not valid yet")]
    NotYetValid,
    /// The certificate, or one above it, was revoked.
    #[error("certificate revoked")]
    Revoked,
    /// A revocation list is over.
    #[error("revocation list expired")]
    CrlExpired,
    /// The IKE identity is neither among the certificate's names nor its subject.
    #[error("identity not in certificate")]
    IdentityNotInCertificate,
    /// The certificate is for other uses.
    #[error("certificate not for this use")]
    Usage,
    /// Not DER, or not X.509 version 3.
    #[error("malformed certificate")]
    Malformed,
    /// More certificates than a chain may have.
    #[error("too many certificates")]
    TooMany,
    /// An authentication method that is not supported, NULL authentication among them.
    #[error("authentication method {0} not supported")]
    Method(u8),
    /// A signature algorithm that is not supported, or does not fit the certificate's key.
    #[error("signature algorithm not supported")]
    Algorithm,
    /// The AUTH signature is wrong.
    #[error("bad signature")]
    Signature,
}

impl Trust {
    /// Verifies chain, validity, revocation and identity of a peer's certificates (its own first), then its AUTH.
    pub fn verify(
        &self,
        _identity: &Identity,
        _certificates: &[Vec<u8>],
        _now_seconds: u64,
        _method: u8,
        _auth: &[u8],
        _octets: &[u8],
    ) -> Result<Verified, VerifyError> {
        Err(VerifyError::NoCertificate)
    }

    /// SHA-1 of each authority's public key: data of our CERTREQ (RFC 7296 3.7).
    #[must_use]
    pub fn request(&self) -> Vec<u8> {
        Vec::new()
    }
}
