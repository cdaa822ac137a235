//! Signing with our key.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, RsaEncoding};
use wire::ike::DigitalSignature;

use super::{
    AuthData, Hash, HashAlgorithms, METHOD_DIGITAL, METHOD_ECDSA_256, METHOD_ECDSA_384, METHOD_ECDSA_521,
    METHOD_RSA, Scheme, SignError, identifier,
};

/// Why a private key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeyError {
    /// Neither RSA of 2048 to 8192 bits, nor ECDSA on P-256, P-384 or P-521, nor Ed25519.
    #[error("not an RSA key of 2048 to 8192 bits, nor one of ECDSA on P-256, P-384 or P-521, nor of Ed25519")]
    Kind,
}

/// A private key. The library keeps it and wipes it; it may be used by several threads at once.
pub struct PrivateKey {
    key: Key,
}

enum Key {
    /// With RSASSA-PSS rather than PKCS #1 v1.5 where the peer leaves the choice.
    Rsa {
        key: Box<RsaKeyPair>,
        pss: bool,
    },
    Ecdsa(Box<Ecdsa>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// One key twice: the library ties the form of signatures to the key.
struct Ecdsa {
    curve: &'static Curve,
    /// For method 14: DER.
    digital: EcdsaKeyPair,
    /// For methods 9 to 11: `r | s`.
    fixed: EcdsaKeyPair,
}

struct Curve {
    hash: Hash,
    method: u8,
    digital: &'static signature::EcdsaSigningAlgorithm,
    fixed: &'static signature::EcdsaSigningAlgorithm,
}

static CURVES: [Curve; 3] = [
    Curve {
        hash: Hash::Sha256,
        method: METHOD_ECDSA_256,
        digital: &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        fixed: &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
    },
    Curve {
        hash: Hash::Sha384,
        method: METHOD_ECDSA_384,
        digital: &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
        fixed: &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
    },
    Curve {
        hash: Hash::Sha512,
        method: METHOD_ECDSA_521,
        digital: &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
        fixed: &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
    },
];

/// Octets of the modulus of RSA keys that are taken.
const RSA_MODULUS: std::ops::RangeInclusive<usize> = 2048 / 8..=8192 / 8;

impl PrivateKey {
    /// From DER: PKCS #8, PKCS #1 (RSA) or SEC 1 (ECDSA).
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(key) = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)) {
            if !RSA_MODULUS.contains(&key.public_modulus_len()) {
                return Err(KeyError::Kind);
            }
            return Ok(Self { key: Key::Rsa { key: Box::new(key), pss: false } });
        }
        for curve in &CURVES {
            let load = |algorithm| EcdsaKeyPair::from_private_key_der(algorithm, der);
            if let (Ok(digital), Ok(fixed)) = (load(curve.digital), load(curve.fixed)) {
                return Ok(Self { key: Key::Ecdsa(Box::new(Ecdsa { curve, digital, fixed })) });
            }
        }
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyError::Kind)?;
        Ok(Self { key: Key::Ed25519(Box::new(key)) })
    }

    /// Signs with RSASSA-PSS rather than PKCS #1 v1.5 for peers that understand method 14 (RFC 8247 4 prefers it; not
    /// all that understand the method understand PSS).
    #[must_use]
    pub fn with_pss(mut self) -> Self {
        if let Key::Rsa { pss, .. } = &mut self.key {
            *pss = true;
        }
        self
    }

    /// Our AUTH over `octets`, for a peer that verifies with `hashes`. Without any the old methods are left: of these
    /// method 1 is made with SHA-256, not with SHA-1.
    pub fn sign(&self, hashes: HashAlgorithms, octets: &[u8]) -> Result<AuthData, SignError> {
        match &self.key {
            Key::Rsa { key, pss } => sign_rsa(key, *pss, hashes, octets),
            Key::Ecdsa(key) => key.sign(hashes, octets),
            Key::Ed25519(key) if hashes.has_identity() => {
                let signature = key.try_sign(octets).map_err(|_| SignError::Library)?;
                Ok(digital(Scheme::Ed25519, signature.as_ref()))
            }
            Key::Ed25519(_) => Err(SignError::NoCommonAlgorithm),
        }
    }
}

fn sign_rsa(
    key: &RsaKeyPair,
    pss: bool,
    hashes: HashAlgorithms,
    octets: &[u8],
) -> Result<AuthData, SignError> {
    if hashes.is_empty() {
        let data = rsa_signature(key, &signature::RSA_PKCS1_SHA256, octets)?;
        return Ok(AuthData { method: METHOD_RSA, data });
    }
    let hash = [Hash::Sha256, Hash::Sha384, Hash::Sha512].into_iter().find(|hash| hashes.has(*hash));
    let hash = hash.ok_or(SignError::NoCommonAlgorithm)?;
    let (scheme, encoding): (_, &'static dyn RsaEncoding) = match (pss, hash) {
        (_, Hash::Sha1) => return Err(SignError::NoCommonAlgorithm),
        (false, Hash::Sha256) => (Scheme::RsaPkcs1(hash), &signature::RSA_PKCS1_SHA256),
        (false, Hash::Sha384) => (Scheme::RsaPkcs1(hash), &signature::RSA_PKCS1_SHA384),
        (false, Hash::Sha512) => (Scheme::RsaPkcs1(hash), &signature::RSA_PKCS1_SHA512),
        (true, Hash::Sha256) => (Scheme::RsaPss(hash), &signature::RSA_PSS_SHA256),
        (true, Hash::Sha384) => (Scheme::RsaPss(hash), &signature::RSA_PSS_SHA384),
        (true, Hash::Sha512) => (Scheme::RsaPss(hash), &signature::RSA_PSS_SHA512),
    };
    Ok(digital(scheme, &rsa_signature(key, encoding, octets)?))
}

fn rsa_signature(
    key: &RsaKeyPair,
    encoding: &'static dyn RsaEncoding,
    octets: &[u8],
) -> Result<Vec<u8>, SignError> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(encoding, &SystemRandom::new(), octets, &mut signature).map_err(|_| SignError::Library)?;
    Ok(signature)
}

impl Ecdsa {
    fn sign(&self, hashes: HashAlgorithms, octets: &[u8]) -> Result<AuthData, SignError> {
        let random = SystemRandom::new();
        if hashes.has(self.curve.hash) {
            let signature = self.digital.sign(&random, octets).map_err(|_| SignError::Library)?;
            return Ok(digital(Scheme::Ecdsa(self.curve.hash), signature.as_ref()));
        }
        // The method implies the hash, whatever the peer's list says (RFC 7427 4).
        let signature = self.fixed.sign(&random, octets).map_err(|_| SignError::Library)?;
        Ok(AuthData { method: self.curve.method, data: signature.as_ref().to_vec() })
    }
}

/// Method 14: length, AlgorithmIdentifier, signature.
fn digital(scheme: Scheme, signature: &[u8]) -> AuthData {
    let mut data = Vec::new();
    DigitalSignature { algorithm: identifier::der(scheme), signature }.emit(&mut data);
    AuthData { method: METHOD_DIGITAL, data }
}

/// The kind of key only.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match &self.key {
            Key::Rsa { .. } => "PrivateKey(RSA)",
            Key::Ecdsa(_) => "PrivateKey(ECDSA)",
            Key::Ed25519(_) => "PrivateKey(Ed25519)",
        })
    }
}
