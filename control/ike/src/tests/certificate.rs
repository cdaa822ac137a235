//! Peers that authenticate by certificate.

use super::establish::{check_pair, up_with};
use super::spoke::Spoke;
use super::world::{World, config};
use crate::Cause;
use crate::certificate::{PrivateKey, Trust};
use crate::credentials::{Credentials, Keyring, Own};
use crate::identity::Identity;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use wire::ike::NotifyType;

struct Authority {
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    authority_named("CA of the tests")
}

fn authority_named(name: &str) -> Authority {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) =
        (rcgen::date_time_ymd(2026, 1, 1), rcgen::date_time_ymd(2036, 1, 1));
    Authority { der: params.self_signed(&key).unwrap().der().to_vec(), issuer: Issuer::new(params, key) }
}

impl Authority {
    fn own(&self, name: &str, algorithm: &'static rcgen::SignatureAlgorithm) -> Own {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        (params.not_before, params.not_after) =
            (rcgen::date_time_ymd(2026, 1, 1), rcgen::date_time_ymd(2030, 1, 1));
        let chain = vec![params.signed_by(&key, &self.issuer).unwrap().der().to_vec()];
        Own::new(chain, PrivateKey::from_der(&key.serialize_der()).unwrap()).unwrap()
    }

    fn trust(&self) -> Trust {
        let mut trust = Trust::new();
        trust.add_authority(&self.der).unwrap();
        trust
    }
}

fn hub(authority: &Authority) -> World {
    let own = authority.own("hub.example.net", &rcgen::PKCS_ECDSA_P384_SHA384);
    let identity = Identity::from_config("hub.example.net").unwrap();
    let credentials = Credentials::new(Some(identity), Some(own), authority.trust(), Keyring::new()).unwrap();
    World::with(crate::Config { credentials, ..config() })
}

fn spoke(authority: &Authority, algorithm: &'static rcgen::SignatureAlgorithm) -> Spoke {
    let mut spoke = Spoke::new();
    spoke.identity = Identity::from_config("spoke1.example.net").unwrap();
    spoke.own = Some((authority.own("spoke1.example.net", algorithm), authority.trust().into()));
    spoke
}

#[test]
fn certificates_work_both_ways() {
    let authority = authority();
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let (world, spoke) = up_with(hub(&authority), spoke(&authority, algorithm));
        check_pair(&world, &spoke);
        assert_eq!(world.ups[0].identity, "spoke1.example.net");
        let view = &world.responder.sessions()[0];
        assert_eq!(view.local_identity.as_deref(), Some("hub.example.net"));
        assert_eq!(view.auth_local, "certificate");
        assert_ne!(view.auth_remote, "PSK");
    }
}

#[test]
fn large_certificates_come_and_go_in_fragments() {
    let authority = authority();
    let config = crate::Config { fragment_size: 400, ..hub(&authority).responder.config().clone() };
    let mut spoke = spoke(&authority, &rcgen::PKCS_ECDSA_P256_SHA256);
    spoke.fragment_size = Some(200);
    let (world, spoke) = up_with(World::with(config), spoke);
    check_pair(&world, &spoke);
}

#[test]
fn the_certificate_request_names_the_authority() {
    let authority = authority();
    let (_, spoke) = up_with(hub(&authority), spoke(&authority, &rcgen::PKCS_ED25519));
    let message = wire::ike::Message::parse(&spoke.response).unwrap();
    let payload = message.payloads().single(wire::ike::PayloadType::CertificateRequest).unwrap().unwrap();
    let request = wire::ike::CertificateRequest::parse(payload.body).unwrap();
    assert_eq!(request.authorities.as_flattened(), authority.trust().request());
}

/// What the peer hears, and what the operator does.
fn refused(mut world: World, mut spoke: Spoke, cause: Cause, text: &str) {
    spoke.init();
    world.exchange(&mut spoke);
    assert_eq!(spoke.failed, Some(NotifyType::AuthenticationFailed));
    let failure = &world.responder.failures()[0];
    assert_eq!((failure.cause, failure.text.as_str()), (cause, text));
    assert_eq!(failure.identity.as_deref(), Some("spoke1.example.net"));
    assert!(world.ups.is_empty());
}

#[test]
fn what_is_wrong_with_a_certificate_is_said() {
    let (authority, stranger) = (authority(), authority_named("CA of others"));
    let algorithm = &rcgen::PKCS_ECDSA_P256_SHA256;
    refused(
        hub(&authority),
        spoke(&stranger, algorithm),
        Cause::Certificate,
        "unknown certification authority",
    );
    let mut other = spoke(&authority, algorithm);
    other.own.as_mut().unwrap().0 = authority.own("spoke2.example.net", algorithm);
    refused(hub(&authority), other, Cause::Certificate, "identity not in certificate");
    let mut late = hub(&authority);
    late.host.wall = 2_000_000_000;
    refused(late, spoke(&authority, algorithm), Cause::Certificate, "certificate expired");
    let text = "peer authenticates by digital signature, and no authority is configured";
    refused(World::new(), spoke(&authority, algorithm), Cause::Certificate, text);
}

#[test]
fn a_pre_shared_key_is_no_way_around_certificates() {
    let authority = authority();
    let mut world = hub(&authority);
    let mut spoke = Spoke::new();
    spoke.init();
    world.exchange(&mut spoke);
    assert_eq!(spoke.failed, Some(NotifyType::AuthenticationFailed));
    assert_eq!(world.causes(), [Cause::UnknownIdentity]);
}
