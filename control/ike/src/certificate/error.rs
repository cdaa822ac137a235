//! Why a peer's certificate or signature is refused: one variant for each thing that an operator can do about it.

use webpki::Error;

use crate::crypto::signature::SignatureError;

/// Why a peer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum VerifyError {
    /// It sent none.
    #[error("no certificate")]
    NoCertificate,
    /// Its certificate is not good.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The IKE identity is neither among the certificate's names nor its subject.
    #[error("identity not in certificate")]
    IdentityNotInCertificate,
    /// Its AUTH is not good.
    #[error(transparent)]
    Auth(#[from] SignatureError),
}

/// Why a certificate is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CertificateError {
    /// No chain leads to a certification authority that we trust.
    #[error("unknown certification authority")]
    UnknownAuthority,
    /// It, or one above it, is over.
    #[error("certificate expired")]
    Expired,
    /// It, or one above it, is not valid yet.
    #[error("certificate not valid yet")]
    NotYetValid,
    /// It, or one above it, was revoked.
    #[error("certificate revoked")]
    Revoked,
    /// Revocation is demanded to be checked, and no list of the issuer is there.
    #[error("no revocation list of the certificate's issuer")]
    NoCrl,
    /// Revocation is demanded to be checked, and the issuer's list is over.
    #[error("revocation list expired")]
    CrlExpired,
    /// The issuer's list is not signed by the issuer, or of a kind that is not supported.
    #[error("revocation list of the certificate's issuer cannot be used")]
    CrlUnusable,
    /// It, or one above it, is for other uses or other names.
    #[error("certificate not for this use")]
    Usage,
    /// It is signed with what is not supported (SHA-1 is not), or its key is of a kind that is not.
    #[error("certificate's algorithm not supported")]
    Algorithm,
    /// The authority's name is one that we trust, its signature is not: another authority with the same name.
    #[error("bad signature on certificate")]
    Signature,
    /// Not DER, or not X.509 version 3.
    #[error("malformed certificate")]
    Malformed,
    /// More certificates, or longer ones, than a chain may have.
    #[error("certificate chain too long")]
    TooLong,
}

/// Why a revocation list is refused when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CrlError {
    /// Not DER, or without what RFC 5280 5.1.2 demands.
    #[error("malformed")]
    Malformed,
    /// Version 1, which says neither which list it is nor whose key signed it (RFC 5280 5.2.1, 5.2.3).
    #[error(
        "of version 1; for version 2, openssl wants `crlnumber` and `crl_extensions` in its configuration"
    )]
    Version1,
    /// Delta lists, indirect lists, and lists for some reasons or with unknown critical extensions.
    #[error("of a kind that is not supported: a complete list of the authority itself is needed")]
    Kind,
}

impl From<Error> for CrlError {
    fn from(error: Error) -> Self {
        match error {
            Error::UnsupportedCrlVersion => Self::Version1,
            Error::UnsupportedCrlIssuingDistributionPoint
            | Error::UnsupportedDeltaCrl
            | Error::UnsupportedIndirectCrl
            | Error::UnsupportedRevocationReason
            | Error::UnsupportedRevocationReasonsPartitioning
            | Error::UnsupportedCriticalExtension => Self::Kind,
            _ => Self::Malformed,
        }
    }
}

impl From<Error> for CertificateError {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownIssuer => Self::UnknownAuthority,
            Error::CertExpired { .. } => Self::Expired,
            Error::CertNotValidYet { .. } => Self::NotYetValid,
            Error::CertRevoked => Self::Revoked,
            Error::UnknownRevocationStatus => Self::NoCrl,
            Error::CrlExpired { .. } => Self::CrlExpired,
            Error::IssuerNotCrlSigner
            | Error::InvalidCrlNumber
            | Error::InvalidCrlSignatureForPublicKey
            | Error::UnsupportedCrlIssuingDistributionPoint
            | Error::UnsupportedCrlSignatureAlgorithmContext(_)
            | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_)
            | Error::UnsupportedCrlVersion
            | Error::UnsupportedDeltaCrl
            | Error::UnsupportedIndirectCrl
            | Error::UnsupportedRevocationReason
            | Error::UnsupportedRevocationReasonsPartitioning => Self::CrlUnusable,
            Error::CaUsedAsEndEntity
            | Error::CertDistrusted
            | Error::EmptyEkuExtension
            | Error::EndEntityUsedAsCa
            | Error::InvalidNetworkMaskConstraint
            | Error::NameConstraintViolation
            | Error::PathLenConstraintViolated
            | Error::RequiredEkuNotFoundContext(_)
            | Error::UnsupportedCriticalExtension => Self::Usage,
            Error::InvalidSignatureForPublicKey => Self::Signature,
            Error::SignatureAlgorithmMismatch
            | Error::UnsupportedSignatureAlgorithmContext(_)
            | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Self::Algorithm,
            Error::MaximumNameConstraintComparisonsExceeded
            | Error::MaximumPathBuildCallsExceeded
            | Error::MaximumPathDepthExceeded
            | Error::MaximumSignatureChecksExceeded => Self::TooLong,
            _ => Self::Malformed,
        }
    }
}
