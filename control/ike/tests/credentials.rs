//! Identity, certificate and authorities that go together, and those that do not.
#![cfg(test)]

use ike::certificate::{Own, PrivateKey, Trust};
use ike::credentials::{Credentials, CredentialsError, Keyring};
use ike::identity::Identity;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, Issuer, KeyPair};

fn trust_and_own() -> (Trust, Own) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let mut trust = Trust::new();
    trust.add_authority(params.self_signed(&key).unwrap().der()).unwrap();
    let authority = Issuer::new(params, key);
    let mut params = CertificateParams::new(vec!["hub.example.net".to_string()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    // Another kind of string than configuration makes of it.
    let name = DnValue::PrintableString("Hub".try_into().unwrap());
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let chain = vec![params.signed_by(&key, &authority).unwrap().der().to_vec()];
    (trust, Own::new(chain, PrivateKey::from_der(&key.serialize_der()).unwrap()).unwrap())
}

fn identity(text: &str) -> Option<Identity> {
    Some(Identity::from_config(text).unwrap())
}

#[test]
fn who_says_nothing_of_its_identity_is_the_subject_of_its_certificate() {
    let (trust, own) = trust_and_own();
    let subject = Identity::Name(own.name().unwrap());
    for configured in [None, identity("CN=hub")] {
        let credentials =
            Credentials::new(configured, Some(own.clone()), trust_and_own().0, Keyring::new()).unwrap();
        // In the octets of the certificate, not in those that configuration makes.
        assert_eq!(credentials.identity.unwrap().data(), subject.data());
    }
    let credentials =
        Credentials::new(identity("hub.example.net"), Some(own), trust, Keyring::new()).unwrap();
    assert_eq!(credentials.identity, identity("hub.example.net"));
    assert!(credentials.trust.is_some());
}

#[test]
fn an_identity_that_peers_would_not_find_is_refused_at_once() {
    let (trust, own) = trust_and_own();
    let error = Credentials::new(identity("hub.example.org"), Some(own), trust, Keyring::new()).unwrap_err();
    let text = "identity hub.example.org is not in our certificate (CN=Hub): peers would refuse it";
    assert_eq!(error.to_string(), text);
    let (_, own) = trust_and_own();
    let error = Credentials::new(None, Some(own), Trust::new(), Keyring::new()).unwrap_err();
    assert_eq!(error, CredentialsError::NoAuthority);
}

#[test]
fn without_a_certificate_any_identity_will_do() {
    let credentials = Credentials::new(identity("hub"), None, Trust::new(), Keyring::new()).unwrap();
    assert_eq!((credentials.identity, credentials.trust.is_none()), (identity("hub"), true));
    let credentials = Credentials::new(None, None, trust_and_own().0, Keyring::new()).unwrap();
    assert!(credentials.identity.is_none() && credentials.trust.is_some());
}
