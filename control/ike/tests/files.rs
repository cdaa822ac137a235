//! Certificates, keys and lists in files: what is read, and what an operator is told of what cannot be.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use ike::certificate::{FileProblem, OwnError, load_own, load_trust};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};

const SEC1: &str = include_str!("../testdata/keys/sec1.pem");
const ED25519: &str = include_str!("../testdata/keys/ed25519.pem");
const RSA: &str = include_str!("../testdata/keys/rsa.pem");
const ENCRYPTED: &str = include_str!("../testdata/keys/encrypted.pem");
const OLD_ENCRYPTED: &str = include_str!("../testdata/keys/old-encrypted.pem");

/// A directory that goes when the test does.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Pki {
    authority: Certificate,
    hub: Certificate,
    key: KeyPair,
    crl: rcgen::CertificateRevocationList,
}

fn pki() -> Pki {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate().unwrap();
    let hub = CertificateParams::new(vec!["hub.example.net".to_string()]).unwrap();
    let hub = hub.signed_by(&key, &issuer).unwrap();
    let crl = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2036, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let crl = crl.signed_by(&issuer).unwrap();
    Pki { authority, hub, key, crl }
}

#[test]
fn pem_and_der_are_read() {
    let (pki, directory) = (pki(), Directory::new("read"));
    // Text around the sections is what openssl writes.
    let chain = format!("subject=CN = hub\n{}\nand then\n{}", pki.hub.pem(), pki.authority.pem());
    let own =
        load_own(&directory.file("hub.pem", chain), &directory.file("hub.key", pki.key.serialize_pem()))
            .unwrap();
    assert_eq!(own.chain().len(), 2);
    assert_eq!(own.chain()[0], pki.hub.der().to_vec());

    let authorities = [
        directory.file("ca.pem", pki.authority.pem()),
        directory.file("both.pem", [pki.authority.pem(), self::pki().authority.pem()].concat()),
        directory.file("ca.der", pki.authority.der()),
    ];
    let crls =
        [directory.file("ca.crl", pki.crl.pem().unwrap()), directory.file("ca.crl.der", pki.crl.der())];
    let trust = load_trust(&authorities, &crls).unwrap();
    assert_eq!(trust.authorities().count(), 4);
    assert_eq!(format!("{trust:?}"), "Trust(4 authorities, 2 lists)");
    assert!(load_trust(&[], &[]).unwrap().is_empty());
}

#[test]
fn keys_are_read_as_openssl_writes_them() {
    let directory = Directory::new("keys");
    let pki = pki();
    let certificate = directory.file("hub.pem", pki.hub.pem());
    // None of them is this certificate's: each is read, and then found to be another's.
    for (name, pem) in [("sec1", SEC1), ("ed25519", ED25519), ("rsa", RSA)] {
        let key = directory.file(name, pem);
        let error = load_own(&certificate, &key).unwrap_err();
        assert_eq!(error.path, key);
        assert!(matches!(error.problem, FileProblem::Own(OwnError::KeyMismatch)), "{name}: {error}");
        let text = format!("{}: the private key is not that of the certificate", key.display());
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn errors_name_the_file_and_what_is_wrong_with_it() {
    let (pki, directory) = (pki(), Directory::new("errors"));
    let (hub, key) =
        (directory.file("hub.pem", pki.hub.pem()), directory.file("hub.key", pki.key.serialize_pem()));
    let missing = directory.0.join("missing.pem");
    let text = |error: ike::certificate::FileError| {
        error.to_string().strip_prefix(&format!("{}/", directory.0.display())).unwrap().to_string()
    };
    let own = |certificate: &Path, key: &Path| text(load_own(certificate, key).unwrap_err());
    assert!(own(&missing, &key).starts_with("missing.pem: No such file or directory"));
    assert!(own(&hub, &missing).starts_with("missing.pem: No such file or directory"));
    assert_eq!(own(&key, &key), "hub.key: no `-----BEGIN CERTIFICATE-----` in it");
    assert_eq!(own(&hub, &hub), "hub.pem: no `-----BEGIN PRIVATE KEY-----` in it");
    let cut = directory.file("cut.pem", &pki.hub.pem()[..100]);
    assert!(own(&cut, &key).starts_with("cut.pem: malformed PEM: "), "{}", own(&cut, &key));
    for (name, pem) in [("pkcs8.key", ENCRYPTED), ("old.key", OLD_ENCRYPTED)] {
        let encrypted = directory.file(name, pem);
        let expected = format!(
            "{name}: the private key is encrypted; store it without a passphrase, readable only by the hub"
        );
        assert_eq!(own(&hub, &encrypted), expected);
    }
    let other = directory.file("other.key", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n");
    assert!(own(&hub, &other).starts_with("other.key: not an RSA key of 2048 to 8192 bits"));

    let trust = |authorities: &[PathBuf], crls: &[PathBuf]| text(load_trust(authorities, crls).unwrap_err());
    let mixed = directory.file("mixed.pem", [pki.authority.pem(), pki.hub.pem()].concat());
    assert_eq!(trust(&[mixed], &[]), "mixed.pem: certificate 2 is not one of a certification authority");
    let junk = directory.file("junk.pem", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    assert_eq!(trust(&[junk], &[]), "junk.pem: certificate 1: malformed certificate");
    let empty = directory.file("empty", "");
    assert_eq!(trust(std::slice::from_ref(&empty), &[]), "empty: no `-----BEGIN CERTIFICATE-----` in it");
    assert_eq!(trust(&[], &[empty]), "empty: no `-----BEGIN X509 CRL-----` in it");
    let list = directory.file("junk.crl", "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n");
    assert_eq!(trust(&[], &[list]), "junk.crl: revocation list 1 is malformed");
}
