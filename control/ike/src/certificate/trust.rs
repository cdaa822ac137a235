//! Whom we trust, and verifying a peer.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, CertRevocationList, EndEntityCert, ExpirationPolicy, OwnedCertRevocationList,
    RevocationCheckDepth, RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy,
};
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

use super::authority::{Authority, shown};
use super::{CertificateError, CrlError, MAX_CERTIFICATE, MAX_CHAIN, VerifyError, names, usage};
use crate::crypto::signature::PublicKey;
use crate::identity::Identity;

/// Whom we trust: certification authorities and revocation lists.
#[derive(Default)]
pub struct Trust {
    authorities: Vec<Authority>,
    anchors: Vec<TrustAnchor<'static>>,
    crls: Vec<CertRevocationList<'static>>,
    revocation: Revocation,
    sha1: bool,
}

/// What lists of revoked certificates have to be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// A certificate is refused if a list names it. A list that is over still counts, and an issuer without one does no
    /// harm: forgetting to fetch a list must not stop a network.
    #[default]
    IfListed,
    /// Every certificate but the authority's own needs a list of its issuer that is not over.
    Required,
}

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

impl Trust {
    /// Nobody is trusted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts an authority, whose certificate is in DER. [`CertificateError::Usage`]: it is not one of an authority.
    pub fn add_authority(&mut self, der: &[u8]) -> Result<(), CertificateError> {
        let authority = Authority::from_der(der)?;
        self.anchors.push(authority.anchor.clone());
        self.authorities.push(authority);
        Ok(())
    }

    /// Adds a list of revoked certificates in DER. Its signature is verified when it is used.
    pub fn add_crl(&mut self, der: &[u8]) -> Result<(), CrlError> {
        self.crls.push(OwnedCertRevocationList::from_der(der)?.into());
        Ok(())
    }

    /// What lists have to be there.
    #[must_use]
    pub fn with_revocation(mut self, revocation: Revocation) -> Self {
        self.revocation = revocation;
        self
    }

    /// Takes RSA signatures with SHA-1 in AUTH (method 1), which old peers make. Never in certificates.
    #[must_use]
    pub fn with_sha1(mut self) -> Self {
        self.sha1 = true;
        self
    }

    /// Whether there is no authority.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.authorities.is_empty()
    }

    /// Names of the authorities and when they end in seconds since 1970, for operators.
    pub fn authorities(&self) -> impl Iterator<Item = (&str, u64)> {
        self.authorities.iter().map(|authority| (authority.name.as_str(), authority.not_after))
    }

    /// SHA-1 of each authority's public key, one after the other: "Certification Authority" of our CERTREQ with
    /// encoding 4 (RFC 7296 3.7).
    #[must_use]
    pub fn request(&self) -> Vec<u8> {
        self.authorities.iter().flat_map(|authority| authority.key_hash).collect()
    }

    /// Verifies chain, validity, revocation and identity of a peer's certificates (DER, its own first), then its AUTH.
    pub fn verify(
        &self,
        identity: &Identity,
        certificates: &[Vec<u8>],
        now_seconds: u64,
        method: u8,
        auth: &[u8],
        octets: &[u8],
    ) -> Result<Verified, VerifyError> {
        let (own, others) = certificates.split_first().ok_or(VerifyError::NoCertificate)?;
        if certificates.len() > MAX_CHAIN || certificates.iter().any(|der| der.len() > MAX_CERTIFICATE) {
            return Err(CertificateError::TooLong.into());
        }
        let parsed = Certificate::from_der(own).map_err(|_| CertificateError::Malformed)?;
        self.verify_chain(own, others, now_seconds)?;
        usage::signs(&parsed)?;
        if !names::contains(&parsed, identity)? {
            return Err(VerifyError::IdentityNotInCertificate);
        }
        let certificate = parsed.tbs_certificate();
        let info = certificate.subject_public_key_info().to_der().map_err(|_| CertificateError::Malformed)?;
        let key = PublicKey::from_info(&info).ok_or(CertificateError::Algorithm)?;
        let scheme = key.verify(method, auth, octets, self.sha1)?;
        Ok(Verified {
            subject: shown(certificate.subject()),
            issuer: shown(certificate.issuer()),
            not_after: certificate.validity().not_after.to_unix_duration().as_secs(),
            algorithm: scheme.name(),
        })
    }

    fn verify_chain(&self, own: &[u8], others: &[Vec<u8>], now_seconds: u64) -> Result<(), CertificateError> {
        let own = CertificateDer::from(own);
        let end_entity = EndEntityCert::try_from(&own)?;
        let others: Vec<CertificateDer<'_>> =
            others.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let crls: Vec<&CertRevocationList<'_>> = self.crls.iter().collect();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now_seconds));
        let path = end_entity.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &self.anchors,
            &others,
            now,
            usage::IpsecPeer,
            self.revocation_options(&crls)?,
            None,
        )?;
        self.check_validity(path.anchor(), now_seconds)
    }

    fn revocation_options<'a>(
        &self,
        crls: &'a [&'a CertRevocationList<'a>],
    ) -> Result<Option<RevocationOptions<'a>>, CertificateError> {
        let (status, expiration) = match self.revocation {
            Revocation::IfListed => (UnknownStatusPolicy::Allow, ExpirationPolicy::Ignore),
            Revocation::Required => (UnknownStatusPolicy::Deny, ExpirationPolicy::Enforce),
        };
        let Ok(options) = RevocationOptionsBuilder::new(crls) else {
            return match self.revocation {
                Revocation::IfListed => Ok(None),
                Revocation::Required => Err(CertificateError::NoCrl),
            };
        };
        let options = options.with_depth(RevocationCheckDepth::Chain);
        Ok(Some(options.with_status_policy(status).with_expiration_policy(expiration).build()))
    }

    /// An authority that is over has nothing to say any more; webpki leaves that to us. One that was renewed is there
    /// twice with one key.
    fn check_validity(&self, anchor: &TrustAnchor<'_>, now_seconds: u64) -> Result<(), CertificateError> {
        let mut result = Err(CertificateError::UnknownAuthority);
        for authority in &self.authorities {
            let same = authority.anchor.subject == anchor.subject
                && authority.anchor.subject_public_key_info == anchor.subject_public_key_info;
            if !same {
                continue;
            }
            if now_seconds < authority.not_before {
                result = Err(CertificateError::NotYetValid);
            } else if now_seconds > authority.not_after {
                result = Err(CertificateError::Expired);
            } else {
                return Ok(());
            }
        }
        result
    }
}

/// Numbers only.
impl std::fmt::Debug for Trust {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Trust({} authorities, {} lists)", self.authorities.len(), self.crls.len())
    }
}
