//! What must hold for identities and certificates, whoever they come from. Two fuzz targets; a plain
//! test runs them too (`tests/corpus_captures.rs`).

use crate::world::{AUTHORITY, NOW, SPOKE, SPOKE_KEY};
use ike::certificate::{Own, PrivateKey, Revocation, Trust, load_own, load_trust};
use ike::credentials::Keyring;
use ike::crypto::signature::HashAlgorithms;
use ike::identity::{Identity, MAX_IDENTITY, Pattern};
use std::cell::RefCell;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

const AUTHORITY_KEY: &[u8] = include_bytes!("../testdata/pki/ca.key.der");
/// Octets of an Ed25519 signature.
const SIGNATURE: usize = 64;

/// `length (1), one identity, another`, each the body of an ID payload; and both as configuration.
pub fn identity(data: &[u8]) {
    let Some((length, rest)) = data.split_first() else { return };
    let (one, two) = rest.split_at(usize::from(*length).min(rest.len()));
    let hash = RandomState::new();
    let pair = [one, two].map(|body| Identity::parse(body).ok());
    for (identity, body) in pair.iter().zip([one, two]) {
        let text = String::from_utf8_lossy(body);
        if let Some(identity) = identity {
            shown(identity);
            let again = Identity::parse(&identity.body()).unwrap();
            assert_eq!((&again, again.to_string()), (identity, identity.to_string()));
        }
        if let Ok(identity) = Identity::from_config(&text) {
            shown(&identity);
            if identity.data().len() <= MAX_IDENTITY {
                assert_eq!(Identity::parse(&identity.body()).as_ref(), Ok(&identity));
            }
        }
        if let Ok(pattern) = text.parse::<Pattern>() {
            let shown = pattern.to_string();
            if !matches!(pattern, Pattern::Exact(Identity::Name(_))) && shown.len() <= MAX_IDENTITY {
                assert_eq!(shown.parse().as_ref(), Ok(&pattern));
            }
            pair.iter().flatten().for_each(|identity| {
                let _ = pattern.matches(identity);
            });
        }
        let _ = Keyring::parse_key(body);
    }
    if let [Some(one), Some(two)] = &pair {
        if one == two {
            assert_eq!(hash.hash_one(one), hash.hash_one(two));
            assert_eq!(one.kind(), two.kind());
        }
        if one.to_string() == two.to_string() {
            assert_eq!(one.kind(), two.kind(), "{one} is shown as two");
            assert!(one == two || matches!(one, Identity::Name(_)), "{one} is shown as two");
        }
        let exact = Pattern::Exact(one.clone());
        assert_eq!(exact.matches(two), one == two);
    }
}

/// What is shown is read as the same, and no terminal obeys it.
fn shown(identity: &Identity) {
    let text = identity.to_string();
    assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text:?}");
    let again = Identity::from_config(&text);
    if !matches!(identity, Identity::Name(_)) {
        assert!(again.as_ref() == Ok(identity) || text.len() > MAX_IDENTITY, "{text:?}");
    } else if let Ok(again) = again {
        assert_eq!(again.kind(), identity.kind(), "{text:?}");
    }
}

/// `flags, length (1), an identity, length (2), a certificate, another`. The certificate may be one that our authority
/// signed, and the signature of AUTH good: then who is believed is who the certificate says.
pub fn certificate(data: &[u8]) {
    let Some(([flags, length], rest)) = data.split_first_chunk::<2>() else { return };
    let (identity, rest) = rest.split_at(usize::from(*length).min(rest.len()));
    let Some((length, rest)) = rest.split_first_chunk::<2>() else { return };
    let (one, two) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
    let mut trust = Trust::new();
    trust.add_authority(AUTHORITY).unwrap();
    if flags & 1 != 0 {
        let _ = trust.add_authority(two);
    }
    if flags & 2 != 0 {
        let _ = trust.add_crl(two);
    }
    if flags & 4 != 0 {
        let _ = trust.add_crl(&signed(two));
    }
    if flags & 8 != 0 {
        trust = trust.with_revocation(Revocation::Required);
    }
    let _ = (trust.request(), trust.authorities().count());
    let leaf = if flags & 16 != 0 { signed(one) } else { one.to_vec() };
    let octets = b"what AUTH covers";
    let auth = key(SPOKE_KEY).sign(hashes(), octets).unwrap();
    let mut chain = vec![leaf];
    if flags & 32 != 0 {
        chain.push(if flags & 64 != 0 { signed(two) } else { two.to_vec() });
    }
    if let Ok(identity) = Identity::parse(identity) {
        let verified = trust.verify(&identity, &chain, NOW, auth.method, &auth.data, octets);
        let forged = trust.verify(&identity, &chain, NOW, auth.method, &auth.data, b"something else");
        assert!(forged.is_err(), "a signature over something else");
        match &verified {
            Ok(verified) => {
                assert!(!verified.subject.chars().chain(verified.issuer.chars()).any(char::is_control));
                believed(&identity, &chain[0]);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    if let Ok(own) = Own::new(chain, key(SPOKE_KEY)) {
        assert!(!own.subject().chars().any(char::is_control));
        let _ = (own.name(), own.not_after());
    }
    let _ = PrivateKey::from_der(two);
    if flags & 128 != 0 {
        files(one, two);
    }
}

/// An identity that was believed is in the certificate, octet by octet but for case and a dot at the end.
fn believed(identity: &Identity, certificate: &[u8]) {
    if !matches!(identity, Identity::Name(_)) {
        let data = identity.data().to_ascii_lowercase();
        let certificate = certificate.to_ascii_lowercase();
        assert!(certificate.windows(data.len()).any(|window| window == data), "{identity} is not in it");
    }
}

fn key(der: &[u8]) -> PrivateKey {
    PrivateKey::from_der(der).unwrap()
}

/// What our authority makes of the first element in `octets`, which is to be signed.
fn signed(octets: &[u8]) -> Vec<u8> {
    let auth = key(AUTHORITY_KEY).sign(hashes(), octets).unwrap();
    let signature = &auth.data[auth.data.len() - SIGNATURE..];
    // id-Ed25519, and a BIT STRING without unused bits.
    let tail = [&[0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, SIGNATURE as u8 + 1, 0][..], signature].concat();
    let [high, low] = ((octets.len() + tail.len()) as u16).to_be_bytes();
    [&[0x30, 0x82, high, low][..], octets, &tail].concat()
}

/// A directory for the files of one process.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("ike-certificate-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

thread_local! {
    static DIRECTORY: RefCell<Directory> = RefCell::new(Directory::new());
}

/// The same in files, PEM or not; the errors name the file.
fn files(one: &[u8], two: &[u8]) {
    DIRECTORY.with_borrow(|Directory(path)| {
        let file = |name: &str, octets: &[u8]| {
            let path = path.join(name);
            fs::write(&path, octets).unwrap();
            path
        };
        let (one, two, good) = (file("one", one), file("two", two), file("good", SPOKE));
        let named = |error: ike::certificate::FileError, paths: &[&Path]| {
            assert!(paths.contains(&error.path.as_path()));
            assert!(error.to_string().starts_with(&error.path.display().to_string()));
        };
        if let Err(error) = load_own(&one, &two) {
            named(error, &[&one, &two]);
        }
        if let Err(error) = load_own(&good, &two) {
            named(error, &[&good, &two]);
        }
        if let Err(error) = load_trust(std::slice::from_ref(&one), std::slice::from_ref(&two)) {
            named(error, &[&one, &two]);
        }
    });
}

fn hashes() -> HashAlgorithms {
    HashAlgorithms::parse(&HashAlgorithms::ours())
}
