//! Identities in certificates (RFC 4945 3.1, 5.1.3.6).

use x509_cert::Certificate;
use x509_cert::der::Encode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::CertificateError;
use crate::identity::{DistinguishedName, Identity};

/// Whether a certificate is one of `identity`: an address, FQDN or e-mail address has to be among the subject's
/// alternative names, a DN has to be the subject. A wildcard in a certificate is a character like any other, a common
/// name is no FQDN, and a key id is never in a certificate.
pub(super) fn contains(certificate: &Certificate, identity: &Identity) -> Result<bool, CertificateError> {
    let certificate = certificate.tbs_certificate();
    if let Identity::Name(name) = identity {
        let subject = certificate.subject().to_der().map_err(|_| CertificateError::Malformed)?;
        return Ok(DistinguishedName::from_der(&subject).is_some_and(|subject| subject == *name));
    }
    let names = certificate.get_extension::<SubjectAltName>().map_err(|_| CertificateError::Malformed)?;
    Ok(names.is_some_and(|(_, names)| names.0.iter().any(|name| is(name, identity))))
}

/// Names are read as identities are, so that both are equal by the same rules, and an embedded NUL fits nothing.
fn is(name: &GeneralName, identity: &Identity) -> bool {
    let data = match (name, identity) {
        (GeneralName::DnsName(name), Identity::Fqdn(_)) => name.as_bytes(),
        (GeneralName::Rfc822Name(name), Identity::Email(_)) => name.as_bytes(),
        (GeneralName::IpAddress(address), Identity::Address(_)) => address.as_bytes(),
        _ => return false,
    };
    Identity::from_parts(identity.kind(), data).is_ok_and(|name| name == *identity)
}
