//! A certification authority that we trust.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rustls_pki_types::{CertificateDer, TrustAnchor};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::BasicConstraints;

use super::CertificateError;
use crate::identity::DistinguishedName;

/// An authority, as its certificate describes it.
pub(super) struct Authority {
    pub(super) anchor: TrustAnchor<'static>,
    /// For operators.
    pub(super) name: String,
    /// Seconds since 1970.
    pub(super) not_before: u64,
    /// Seconds since 1970.
    pub(super) not_after: u64,
    /// SHA-1 of SubjectPublicKeyInfo: what RFC 7296 3.7 names an authority by. Nothing is trusted because of it.
    pub(super) key_hash: [u8; 20],
}

impl Authority {
    /// From DER. [`CertificateError::Usage`]: the certificate is not one of an authority.
    pub(super) fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let parsed = Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
        let certificate = parsed.tbs_certificate();
        let constraints =
            certificate.get_extension::<BasicConstraints>().map_err(|_| CertificateError::Malformed)?;
        // Version 1 has no extensions: whoever makes an authority of it knows (RFC 5280 6.1.4 (k)).
        let is_authority = match constraints {
            Some((_, constraints)) => constraints.ca,
            None => certificate.version() == Version::V1,
        };
        if !is_authority {
            return Err(CertificateError::Usage);
        }
        let info = certificate.subject_public_key_info().to_der().map_err(|_| CertificateError::Malformed)?;
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &info);
        let owned = CertificateDer::from(der);
        Ok(Self {
            anchor: webpki::anchor_from_trusted_cert(&owned)?.to_owned(),
            name: shown(certificate.subject()),
            not_before: certificate.validity().not_before.to_unix_duration().as_secs(),
            not_after: certificate.validity().not_after.to_unix_duration().as_secs(),
            key_hash: hash.as_ref().try_into().map_err(|_| CertificateError::Malformed)?,
        })
    }
}

/// A name for operators.
pub(super) fn shown(name: &x509_cert::name::Name) -> String {
    let name = name.to_der().ok().and_then(|der| DistinguishedName::from_der(&der));
    name.map_or_else(String::new, |name| name.to_string())
}
