//! Verifying a peer's signature.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use wire::ike::DigitalSignature;
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::{
    Hash, METHOD_DIGITAL, METHOD_ECDSA_256, METHOD_ECDSA_384, METHOD_ECDSA_521, METHOD_RSA, identifier,
};

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(Hash),
    /// RSASSA-PSS, its salt as long as the hash.
    RsaPss(Hash),
    /// ECDSA; the curve is the key's.
    Ecdsa(Hash),
    /// Ed25519 (RFC 8420).
    Ed25519,
}

/// Why a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SignatureError {
    /// An authentication method that is not by signature, NULL authentication among them.
    #[error("authentication method {0} not supported")]
    Method(u8),
    /// An algorithm that is not supported, or does not fit the key.
    #[error("signature algorithm not supported")]
    Algorithm,
    /// Authentication data that does not have the form of its method.
    #[error("malformed signature")]
    Malformed,
    /// The signature is wrong.
    #[error("bad signature")]
    Wrong,
}

/// The public key of a certificate.
#[derive(Clone, Copy, Debug)]
pub struct PublicKey<'a> {
    kind: Kind,
    /// SubjectPublicKeyInfo in DER.
    info: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

impl Hash {
    /// Octets.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl<'a> PublicKey<'a> {
    /// From SubjectPublicKeyInfo in DER; `None` for keys of kinds that are not supported.
    #[must_use]
    pub fn from_info(info: &'a [u8]) -> Option<Self> {
        let parsed = SubjectPublicKeyInfoRef::from_der(info).ok()?;
        let kind = match parsed.algorithm.oid {
            RSA => Kind::Rsa,
            ED25519 => Kind::Ed25519,
            EC => match parsed.algorithm.parameters_oid().ok()? {
                P256 => Kind::P256,
                P384 => Kind::P384,
                P521 => Kind::P521,
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { kind, info })
    }

    /// Verifies AUTH data of a method over `octets`. SHA-1 is taken with method 1 only, and only if `sha1` says so.
    pub fn verify(
        &self,
        method: u8,
        auth: &[u8],
        octets: &[u8],
        sha1: bool,
    ) -> Result<Scheme, SignatureError> {
        match method {
            METHOD_DIGITAL => {
                let parsed = DigitalSignature::parse(auth).map_err(|_| SignatureError::Malformed)?;
                let scheme = identifier::parse(parsed.algorithm).ok_or(SignatureError::Algorithm)?;
                let algorithm = self.digital(scheme).ok_or(SignatureError::Algorithm)?;
                self.check(algorithm, octets, parsed.signature).map(|()| scheme)
            }
            METHOD_RSA => self.verify_rsa(auth, octets, sha1),
            METHOD_ECDSA_256 | METHOD_ECDSA_384 | METHOD_ECDSA_521 => {
                let (algorithm, hash) = self.fixed(method).ok_or(SignatureError::Algorithm)?;
                self.check(algorithm, octets, auth).map(|()| Scheme::Ecdsa(hash))
            }
            other => Err(SignatureError::Method(other)),
        }
    }

    /// Method 1 does not say which hash: the signature does, in its padding (RFC 7296 3.8).
    fn verify_rsa(&self, auth: &[u8], octets: &[u8], sha1: bool) -> Result<Scheme, SignatureError> {
        if self.kind != Kind::Rsa {
            return Err(SignatureError::Algorithm);
        }
        let hashes = [Hash::Sha256, Hash::Sha384, Hash::Sha512, Hash::Sha1];
        for hash in hashes.into_iter().filter(|hash| sha1 || *hash != Hash::Sha1) {
            let algorithm = self.rsa_pkcs1(hash);
            if self.check(algorithm, octets, auth).is_ok() {
                return Ok(Scheme::RsaPkcs1(hash));
            }
        }
        Err(SignatureError::Wrong)
    }

    fn check(
        &self,
        algorithm: &'static dyn VerificationAlgorithm,
        octets: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        UnparsedPublicKey::new(algorithm, self.info)
            .verify(octets, signature)
            .map_err(|_| SignatureError::Wrong)
    }

    fn rsa_pkcs1(&self, hash: Hash) -> &'static dyn VerificationAlgorithm {
        match hash {
            Hash::Sha1 => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Hash::Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Hash::Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        }
    }

    fn digital(&self, scheme: Scheme) -> Option<&'static dyn VerificationAlgorithm> {
        let algorithm: &'static dyn VerificationAlgorithm = match (self.kind, scheme) {
            (Kind::Rsa, Scheme::RsaPkcs1(hash)) if hash != Hash::Sha1 => self.rsa_pkcs1(hash),
            (Kind::Rsa, Scheme::RsaPss(Hash::Sha256)) => &signature::RSA_PSS_2048_8192_SHA256,
            (Kind::Rsa, Scheme::RsaPss(Hash::Sha384)) => &signature::RSA_PSS_2048_8192_SHA384,
            (Kind::Rsa, Scheme::RsaPss(Hash::Sha512)) => &signature::RSA_PSS_2048_8192_SHA512,
            (Kind::P256, Scheme::Ecdsa(Hash::Sha256)) => &signature::ECDSA_P256_SHA256_ASN1,
            (Kind::P256, Scheme::Ecdsa(Hash::Sha384)) => &signature::ECDSA_P256_SHA384_ASN1,
            (Kind::P256, Scheme::Ecdsa(Hash::Sha512)) => &signature::ECDSA_P256_SHA512_ASN1,
            (Kind::P384, Scheme::Ecdsa(Hash::Sha256)) => &signature::ECDSA_P384_SHA256_ASN1,
            (Kind::P384, Scheme::Ecdsa(Hash::Sha384)) => &signature::ECDSA_P384_SHA384_ASN1,
            (Kind::P384, Scheme::Ecdsa(Hash::Sha512)) => &signature::ECDSA_P384_SHA512_ASN1,
            (Kind::P521, Scheme::Ecdsa(Hash::Sha256)) => &signature::ECDSA_P521_SHA256_ASN1,
            (Kind::P521, Scheme::Ecdsa(Hash::Sha384)) => &signature::ECDSA_P521_SHA384_ASN1,
            (Kind::P521, Scheme::Ecdsa(Hash::Sha512)) => &signature::ECDSA_P521_SHA512_ASN1,
            (Kind::Ed25519, Scheme::Ed25519) => &signature::ED25519,
            _ => return None,
        };
        Some(algorithm)
    }

    /// Methods of RFC 4754: curve and hash go with the method, the signature is `r | s`.
    fn fixed(&self, method: u8) -> Option<(&'static dyn VerificationAlgorithm, Hash)> {
        match (self.kind, method) {
            (Kind::P256, METHOD_ECDSA_256) => Some((&signature::ECDSA_P256_SHA256_FIXED, Hash::Sha256)),
            (Kind::P384, METHOD_ECDSA_384) => Some((&signature::ECDSA_P384_SHA384_FIXED, Hash::Sha384)),
            (Kind::P521, METHOD_ECDSA_521) => Some((&signature::ECDSA_P521_SHA512_FIXED, Hash::Sha512)),
            _ => None,
        }
    }
}

impl Scheme {
    /// For operators.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaPkcs1(Hash::Sha1) => "RSA with SHA-1",
            Self::RsaPkcs1(Hash::Sha256) => "RSA with SHA-256",
            Self::RsaPkcs1(Hash::Sha384) => "RSA with SHA-384",
            Self::RsaPkcs1(Hash::Sha512) => "RSA with SHA-512",
            Self::RsaPss(Hash::Sha1) => "RSA-PSS with SHA-1",
            Self::RsaPss(Hash::Sha256) => "RSA-PSS with SHA-256",
            Self::RsaPss(Hash::Sha384) => "RSA-PSS with SHA-384",
            Self::RsaPss(Hash::Sha512) => "RSA-PSS with SHA-512",
            Self::Ecdsa(Hash::Sha1) => "ECDSA with SHA-1",
            Self::Ecdsa(Hash::Sha256) => "ECDSA with SHA-256",
            Self::Ecdsa(Hash::Sha384) => "ECDSA with SHA-384",
            Self::Ecdsa(Hash::Sha512) => "ECDSA with SHA-512",
            Self::Ed25519 => "Ed25519",
        }
    }
}
