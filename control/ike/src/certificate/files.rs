//! Reading certificates, keys and revocation lists from files, with errors that name the file and what is wrong.

use std::path::{Path, PathBuf};
use std::{fs, io};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::{CertificateError, CrlError, Own, OwnError, PrivateKey, Trust};
use crate::crypto::signature::KeyError;

/// Octets of a file that are read at most: lists of revoked certificates can be long.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct FileError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: FileProblem,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    /// It cannot be read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// Too long.
    #[error("over {} MiB", MAX_FILE >> 20)]
    TooLong,
    /// PEM that cannot be read.
    #[error("malformed PEM: {0}")]
    Pem(String),
    /// Nothing of the kind in it.
    #[error("no `-----BEGIN {0}-----` in it")]
    Missing(&'static str),
    /// The private key needs a passphrase.
    #[error("the private key is encrypted; store it without a passphrase, readable only by the hub")]
    EncryptedKey,
    /// The private key is of a kind that is not supported.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// A certificate is not good.
    #[error("certificate {number}: {cause}")]
    Certificate {
        /// Which one in the file, from 1.
        number: usize,
        /// What is wrong.
        cause: CertificateError,
    },
    /// A certificate among the authorities that is none of an authority.
    #[error("certificate {0} is not one of a certification authority")]
    NotAuthority(usize),
    /// Certificate and key.
    #[error("{0}")]
    Own(#[from] OwnError),
    /// A revocation list is not good.
    #[error("revocation list {number} is {cause}")]
    Crl {
        /// Which one in the file, from 1.
        number: usize,
        /// What is wrong.
        cause: CrlError,
    },
}

/// Our certificate, with those above it in the same file, and its private key; both PEM.
pub fn load_own(certificate: &Path, private_key: &Path) -> Result<Own, FileError> {
    let chain = sections::<CertificateDer<'_>>(certificate, "CERTIFICATE")?;
    let chain = chain.into_iter().map(|der| der.to_vec()).collect();
    let key = read(private_key)
        .and_then(|pem| key_from_pem(&pem))
        .map_err(|problem| FileError { path: private_key.into(), problem })?;
    Own::new(chain, key).map_err(|cause| {
        let path = if cause == OwnError::KeyMismatch { private_key } else { certificate };
        FileError { path: path.into(), problem: cause.into() }
    })
}

/// Authorities and revocation lists; PEM, or DER of a single one.
pub fn load_trust(authorities: &[PathBuf], crls: &[PathBuf]) -> Result<Trust, FileError> {
    let mut trust = Trust::new();
    for path in authorities {
        for (number, der) in (1..).zip(sections::<CertificateDer<'_>>(path, "CERTIFICATE")?) {
            trust.add_authority(&der).map_err(|cause| {
                let problem = match cause {
                    CertificateError::Usage => FileProblem::NotAuthority(number),
                    cause => FileProblem::Certificate { number, cause },
                };
                FileError { path: path.clone(), problem }
            })?;
        }
    }
    for path in crls {
        for (number, der) in (1..).zip(sections::<CertificateRevocationListDer<'_>>(path, "X509 CRL")?) {
            trust.add_crl(&der).map_err(|cause| FileError {
                path: path.clone(),
                problem: FileProblem::Crl { number, cause },
            })?;
        }
    }
    Ok(trust)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileProblem> {
    if fs::metadata(path)?.len() > MAX_FILE {
        return Err(FileProblem::TooLong);
    }
    Ok(Zeroizing::new(fs::read(path)?))
}

/// All sections of one kind in a PEM file, at least one; of a file that is DER itself the whole.
fn sections<T: PemObject + From<Vec<u8>>>(path: &Path, label: &'static str) -> Result<Vec<T>, FileError> {
    let parse = || -> Result<Vec<T>, FileProblem> {
        let file = read(path)?;
        // A SEQUENCE with a length of two octets or more: DER. PEM is text.
        if file.starts_with(&[0x30, 0x82])
            || file.starts_with(&[0x30, 0x83])
            || file.starts_with(&[0x30, 0x81])
        {
            return Ok(vec![T::from(file.to_vec())]);
        }
        let found = T::pem_slice_iter(&file).collect::<Result<Vec<_>, _>>();
        let found = found.map_err(|error| FileProblem::Pem(error.to_string()))?;
        if found.is_empty() { Err(FileProblem::Missing(label)) } else { Ok(found) }
    };
    parse().map_err(|problem| FileError { path: path.into(), problem })
}

fn key_from_pem(pem: &[u8]) -> Result<PrivateKey, FileProblem> {
    match PrivateKeyDer::from_pem_slice(pem) {
        // Of an old format (RFC 1421) that the label does not tell.
        Ok(_) if contains(pem, b"Proc-Type: 4,ENCRYPTED") => Err(FileProblem::EncryptedKey),
        Ok(key) => Ok(PrivateKey::from_der(key.secret_der())?),
        Err(_) if contains(pem, b"BEGIN ENCRYPTED PRIVATE KEY") || contains(pem, b"4,ENCRYPTED") => {
            Err(FileProblem::EncryptedKey)
        }
        Err(rustls_pki_types::pem::Error::NoItemsFound) => Err(FileProblem::Missing("PRIVATE KEY")),
        Err(error) => Err(FileProblem::Pem(error.to_string())),
    }
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}
