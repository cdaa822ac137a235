//! What a certificate is for (RFC 4945 5.1.3.2, 5.1.3.12).

use webpki::{Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, RequiredEkuNotFoundContext};
use x509_cert::Certificate;
use x509_cert::ext::pkix::KeyUsage as KeyUsageExtension;

use super::CertificateError;

/// Extended key usage of IPsec peers: none at all, which is what RFC 4945 wants, or one of [`PURPOSES`].
pub(super) struct IpsecPeer;

/// Purposes of certificates that IPsec peers have: those of IPsec, old and new, and those of TLS, since that is what
/// most certification authorities put in.
const PURPOSES: [&[usize]; 8] = [
    // anyExtendedKeyUsage
    &[2, 5, 29, 37, 0],
    // ipsecIKE
    &[1, 3, 6, 1, 5, 5, 7, 3, 17],
    // iKEIntermediate
    &[1, 3, 6, 1, 5, 5, 8, 2, 2],
    // ipsecEndSystem, ipsecTunnel, ipsecUser
    &[1, 3, 6, 1, 5, 5, 7, 3, 5],
    &[1, 3, 6, 1, 5, 5, 7, 3, 6],
    &[1, 3, 6, 1, 5, 5, 7, 3, 7],
    // serverAuth, clientAuth
    KeyUsage::SERVER_AUTH_REPR,
    KeyUsage::CLIENT_AUTH_REPR,
];

/// ipsecIKE, in the encoding that errors have.
const IPSEC_IKE: &[u8] = &[0x2B, 6, 1, 5, 5, 7, 3, 17];

impl ExtendedKeyUsageValidator for IpsecPeer {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        let mut present = Vec::new();
        for purpose in purposes {
            let purpose = purpose?.to_decoded_oid();
            if PURPOSES.contains(&purpose.as_slice()) {
                return Ok(());
            }
            present.push(purpose);
        }
        if present.is_empty() {
            return Ok(());
        }
        let required = KeyUsage::required_if_present(IPSEC_IKE);
        Err(Error::RequiredEkuNotFoundContext(RequiredEkuNotFoundContext { required, present }))
    }
}

/// Key usage, where there is one, has to allow signatures.
pub(super) fn signs(certificate: &Certificate) -> Result<(), CertificateError> {
    let usage = certificate.tbs_certificate().get_extension::<KeyUsageExtension>();
    match usage.map_err(|_| CertificateError::Malformed)? {
        Some((_, usage)) if !usage.digital_signature() && !usage.non_repudiation() => {
            Err(CertificateError::Usage)
        }
        _ => Ok(()),
    }
}
