//! Peers' certificates: who is accepted, and for which reason who is not.
#![cfg(test)]

use ike::certificate::{
    CertificateError, Own, OwnError, PrivateKey, Revocation, Trust, Verified, VerifyError,
};
use ike::crypto::signature::{AuthData, HashAlgorithms, SignatureError};
use ike::identity::Identity;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
    date_time_ymd,
};

const NOON: u64 = 1_800_000_000; // in January 2027
const OCTETS: &[u8] = b"octets of AUTH";

struct Authority {
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority_with(change: impl FnOnce(&mut CertificateParams)) -> Authority {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let params = authority_params(change);
    Authority { der: params.self_signed(&key).unwrap().der().to_vec(), issuer: Issuer::new(params, key) }
}

fn authority_params(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Example CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    change(&mut params);
    params
}

fn authority() -> Authority {
    authority_with(|_| {})
}

struct Peer {
    chain: Vec<Vec<u8>>,
    key: KeyPair,
}

fn peer_with(authority: &Authority, change: impl FnOnce(&mut CertificateParams)) -> Peer {
    peer_of(authority, KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(), change)
}

fn peer_of(authority: &Authority, key: KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Peer {
    let params = peer_params(change);
    Peer { chain: vec![params.signed_by(&key, &authority.issuer).unwrap().der().to_vec()], key }
}

fn peer_params(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "DE");
    params.distinguished_name.push(DnType::OrganizationName, "Example");
    params.distinguished_name.push(DnType::CommonName, "spoke1");
    params.subject_alt_names = vec![
        SanType::DnsName("spoke1.example.net".try_into().unwrap()),
        SanType::Rfc822Name("spoke1@example.net".try_into().unwrap()),
        SanType::IpAddress("192.0.2.7".parse().unwrap()),
    ];
    params.serial_number = Some(SerialNumber::from(7));
    params.not_before = date_time_ymd(2026, 6, 1);
    params.not_after = date_time_ymd(2028, 1, 1);
    change(&mut params);
    params
}

fn peer(authority: &Authority) -> Peer {
    peer_with(authority, |_| {})
}

fn trust(authorities: &[&Authority]) -> Trust {
    let mut trust = Trust::new();
    authorities.iter().for_each(|authority| trust.add_authority(&authority.der).unwrap());
    trust
}

impl Peer {
    fn auth(&self) -> AuthData {
        let key = PrivateKey::from_der(&self.key.serialize_der()).unwrap();
        key.sign(HashAlgorithms::parse(&HashAlgorithms::ours()), OCTETS).unwrap()
    }

    fn verified_at(&self, trust: &Trust, identity: &str, now: u64) -> Result<Verified, VerifyError> {
        let auth = self.auth();
        let identity = Identity::from_config(identity).unwrap();
        trust.verify(&identity, &self.chain, now, auth.method, &auth.data, OCTETS)
    }

    fn verified(&self, trust: &Trust, identity: &str) -> Result<Verified, VerifyError> {
        self.verified_at(trust, identity, NOON)
    }

    fn why(&self, trust: &Trust) -> Option<VerifyError> {
        self.verified(trust, "spoke1.example.net").err()
    }
}

const fn certificate(error: CertificateError) -> Option<VerifyError> {
    Some(VerifyError::Certificate(error))
}

#[test]
fn a_peer_is_who_its_certificate_says_it_is() {
    let authority = authority();
    let (peer, trust) = (peer(&authority), trust(&[&authority]));
    for identity in [
        "spoke1.example.net",
        "SPOKE1.example.NET",
        "spoke1@example.net",
        "192.0.2.7",
        "C=DE, O=Example, CN=spoke1",
    ] {
        let verified = peer.verified(&trust, identity).unwrap();
        assert_eq!(verified.subject, "C=DE, O=Example, CN=spoke1");
        assert_eq!(verified.issuer, "CN=Example CA");
        assert_eq!(verified.not_after, 1_830_297_600);
        assert_eq!(verified.algorithm, "ECDSA with SHA-256");
    }
    for identity in [
        "spoke2.example.net",
        "example.net",
        "a.spoke1.example.net",
        "spoke1",
        "spoke1@example.org",
        "192.0.2.8",
        "C=DE, O=Example, CN=spoke2",
        "C=DE, O=Example",
        "keyid:spoke1.example.net",
    ] {
        assert_eq!(peer.verified(&trust, identity), Err(VerifyError::IdentityNotInCertificate), "{identity}");
    }
}

#[test]
fn a_wildcard_or_a_nul_in_a_certificate_names_nobody() {
    let authority = authority();
    let trust = trust(&[&authority]);
    for name in ["*.example.net", "spoke1.example.net\0.evil.org", "spoke1.example.net\0"] {
        let peer = peer_with(&authority, |params| {
            params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        });
        assert_eq!(peer.why(&trust), Some(VerifyError::IdentityNotInCertificate), "{name}");
    }
    // Nor does a common name.
    let peer = peer_with(&authority, |params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(DnType::CommonName, "spoke1.example.net");
    });
    assert_eq!(peer.why(&trust), Some(VerifyError::IdentityNotInCertificate));
}

#[test]
fn every_kind_of_key_works_in_a_certificate() {
    let authority = authority();
    let trust = trust(&[&authority]);
    for (algorithm, name) in [
        (&rcgen::PKCS_RSA_SHA256, "RSA with SHA-256"),
        (&rcgen::PKCS_ECDSA_P384_SHA384, "ECDSA with SHA-384"),
        (&rcgen::PKCS_ECDSA_P521_SHA512, "ECDSA with SHA-512"),
        (&rcgen::PKCS_ED25519, "Ed25519"),
    ] {
        let peer = peer_of(&authority, KeyPair::generate_for(algorithm).unwrap(), |_| {});
        assert_eq!(peer.verified(&trust, "spoke1.example.net").unwrap().algorithm, name);
        // Without the list of hashes: the old methods.
        let key = PrivateKey::from_der(&peer.key.serialize_der()).unwrap();
        let Ok(auth) = key.sign(HashAlgorithms::default(), OCTETS) else { continue };
        let identity = Identity::from_config("spoke1.example.net").unwrap();
        assert!(
            trust.verify(&identity, &peer.chain, NOON, auth.method, &auth.data, OCTETS).is_ok(),
            "{name}"
        );
    }
}

#[test]
fn who_is_not_trusted_is_refused_for_the_reason() {
    let (known, other) = (
        authority(),
        authority_with(|params| {
            params.distinguished_name.push(DnType::CommonName, "Another CA");
        }),
    );
    let trust = trust(&[&known]);
    assert_eq!(peer(&known).why(&Trust::new()), certificate(CertificateError::UnknownAuthority));
    assert_eq!(peer(&other).why(&trust), certificate(CertificateError::UnknownAuthority));
    // Another authority with the same name.
    assert_eq!(peer(&authority()).why(&trust), certificate(CertificateError::Signature));
    // Self-signed, which is to trust itself.
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["spoke1.example.net".to_string()]).unwrap();
    params.not_after = date_time_ymd(2036, 1, 1);
    let own = Peer { chain: vec![params.self_signed(&key).unwrap().der().to_vec()], key };
    assert_eq!(own.why(&trust), certificate(CertificateError::UnknownAuthority));
    let empty = Peer { chain: vec![], key: KeyPair::generate().unwrap() };
    assert_eq!(empty.why(&trust), Some(VerifyError::NoCertificate));
}

#[test]
fn validity_is_that_of_the_time_passed_in() {
    let authority = authority();
    let (peer, trust) = (peer(&authority), trust(&[&authority]));
    let at = |now| peer.verified_at(&trust, "spoke1.example.net", now).err();
    // From 1 June 2026 to 1 January 2028, both ends included (RFC 5280 4.1.2.5).
    assert_eq!(at(1_780_271_999), certificate(CertificateError::NotYetValid));
    assert_eq!(at(1_780_272_000), None);
    assert_eq!(at(1_830_297_600), None);
    assert_eq!(at(1_830_297_601), certificate(CertificateError::Expired));
    assert_eq!(at(0), certificate(CertificateError::NotYetValid));
    assert_eq!(at(u64::MAX), certificate(CertificateError::Expired));
}

#[test]
fn an_authority_that_is_over_says_nothing_until_it_is_renewed() {
    let old = authority_with(|params| params.not_after = date_time_ymd(2026, 12, 1));
    let mut trust = trust(&[&old]);
    let peer = peer(&old);
    assert_eq!(peer.why(&trust), certificate(CertificateError::Expired));
    // The same name and key for longer.
    let renewed = authority_params(|_| {}).self_signed(old.issuer.key()).unwrap();
    trust.add_authority(renewed.der()).unwrap();
    assert_eq!(peer.why(&trust), None);
    let future = authority_with(|params| params.not_before = date_time_ymd(2027, 6, 1));
    let mut trust = Trust::new();
    trust.add_authority(&future.der).unwrap();
    assert_eq!(self::peer(&future).why(&trust), certificate(CertificateError::NotYetValid));
}

#[test]
fn a_chain_over_an_intermediate_authority_is_followed() {
    let root = authority();
    let params = authority_params(|params| {
        params.distinguished_name.push(DnType::CommonName, "Intermediate CA");
    });
    let key = KeyPair::generate().unwrap();
    let der = params.signed_by(&key, &root.issuer).unwrap().der().to_vec();
    let intermediate = Authority { der, issuer: Issuer::new(params, key) };
    let mut peer = peer(&intermediate);
    let trust = trust(&[&root]);
    assert_eq!(peer.why(&trust), certificate(CertificateError::UnknownAuthority));
    peer.chain.push(intermediate.der.clone());
    assert_eq!(peer.why(&trust), None);
    // The root's own certificate besides does no harm.
    peer.chain.push(root.der.clone());
    assert_eq!(peer.why(&trust), None);
    peer.chain.extend(vec![root.der.clone(); 8]);
    assert_eq!(peer.why(&trust), certificate(CertificateError::TooLong));
    // One that may not sign others.
    let spoke = self::peer(&root);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["spoke2.example.net".to_string()]).unwrap();
    params.not_after = date_time_ymd(2030, 1, 1);
    let by_spoke = Issuer::new(peer_params(|_| {}), spoke.key);
    let forged = params.signed_by(&key, &by_spoke).unwrap().der().to_vec();
    let forged = Peer { chain: vec![forged, spoke.chain[0].clone()], key };
    let refused = forged.verified(&trust, "spoke2.example.net").unwrap_err();
    assert_eq!(refused, VerifyError::Certificate(CertificateError::Usage));
}

fn crl(authority: &Authority, serials: &[u64], next_update: (i32, u8)) -> Vec<u8> {
    let revoked = |serial: &u64| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: date_time_ymd(2026, 12, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 12, 1),
        next_update: date_time_ymd(next_update.0, next_update.1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&authority.issuer).unwrap().der().to_vec()
}

#[test]
fn revoked_is_who_a_list_of_its_issuer_names() {
    let authority = authority();
    let peer = peer(&authority);
    let with = |lists: &[&Vec<u8>], revocation| {
        let mut trust = trust(&[&authority]).with_revocation(revocation);
        lists.iter().for_each(|list| trust.add_crl(list).unwrap());
        peer.why(&trust)
    };
    let other = crl(
        &authority_with(|params| {
            params.distinguished_name.push(DnType::CommonName, "Another CA");
        }),
        &[7],
        (2030, 1),
    );
    let forged = crl(&self::authority(), &[7], (2030, 1));
    let clean = crl(&authority, &[6, 8], (2030, 1));
    let named = crl(&authority, &[6, 7], (2030, 1));
    let old = crl(&authority, &[6], (2027, 1));
    let old_named = crl(&authority, &[7], (2027, 1));
    use Revocation::{IfListed, Required};
    for revocation in [IfListed, Required] {
        assert_eq!(with(&[&clean], revocation), None);
        assert_eq!(with(&[&named], revocation), certificate(CertificateError::Revoked));
        assert_eq!(with(&[&other, &named], revocation), certificate(CertificateError::Revoked));
        // A list that only claims to be the issuer's.
        assert_eq!(with(&[&forged], revocation), certificate(CertificateError::CrlUnusable));
    }
    assert_eq!(with(&[], IfListed), None);
    assert_eq!(with(&[], Required), certificate(CertificateError::NoCrl));
    assert_eq!(with(&[&other], IfListed), None);
    assert_eq!(with(&[&other], Required), certificate(CertificateError::NoCrl));
    assert_eq!(with(&[&old], IfListed), None);
    assert_eq!(with(&[&old], Required), certificate(CertificateError::CrlExpired));
    assert_eq!(with(&[&old_named], IfListed), certificate(CertificateError::Revoked));
}

#[test]
fn uses_are_those_of_ipsec_or_none_is_said() {
    let authority = authority();
    let trust = trust(&[&authority]);
    use ExtendedKeyUsagePurpose::{Any, ClientAuth, CodeSigning, EmailProtection, Other, ServerAuth};
    let ipsec = |last| Other(vec![1, 3, 6, 1, 5, 5, 7, 3, last]);
    for (usages, accepted) in [
        (vec![], true),
        (vec![Any], true),
        (vec![ServerAuth], true),
        (vec![ClientAuth], true),
        (vec![ipsec(17)], true),
        (vec![ipsec(5)], true),
        (vec![Other(vec![1, 3, 6, 1, 5, 5, 8, 2, 2])], true),
        (vec![CodeSigning, ipsec(17)], true),
        (vec![CodeSigning], false),
        (vec![EmailProtection, CodeSigning], false),
        (vec![ipsec(18)], false),
    ] {
        let peer = peer_with(&authority, |params| params.extended_key_usages = usages.clone());
        let expected = if accepted { None } else { certificate(CertificateError::Usage) };
        assert_eq!(peer.why(&trust), expected, "{usages:?}");
    }
    use KeyUsagePurpose::{ContentCommitment, DigitalSignature, KeyAgreement, KeyEncipherment};
    for (usages, accepted) in [
        (vec![DigitalSignature, KeyEncipherment], true),
        (vec![ContentCommitment], true),
        (vec![KeyAgreement], false),
        (vec![KeyEncipherment], false),
    ] {
        let peer = peer_with(&authority, |params| params.key_usages = usages.clone());
        let expected = if accepted { None } else { certificate(CertificateError::Usage) };
        assert_eq!(peer.why(&trust), expected, "{usages:?}");
    }
    // An authority is no peer.
    let peer = peer_with(&authority, |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(peer.why(&trust), certificate(CertificateError::Usage));
}

#[test]
fn a_good_certificate_needs_a_good_signature() {
    let authority = authority();
    let trust = trust(&[&authority]);
    let (one, two) = (peer(&authority), peer(&authority));
    let identity = Identity::from_config("spoke1.example.net").unwrap();
    let verify = |method, auth: &[u8]| trust.verify(&identity, &one.chain, NOON, method, auth, OCTETS);
    // By somebody who has the certificate, but not its key.
    let stolen = two.auth();
    let refused = |error| Err(VerifyError::Auth(error));
    assert_eq!(verify(stolen.method, &stolen.data), refused(SignatureError::Wrong));
    let good = one.auth();
    assert!(verify(good.method, &good.data).is_ok());
    for method in [0, 2, 12, 13, 255] {
        assert_eq!(verify(method, &good.data), refused(SignatureError::Method(method)));
        assert_eq!(verify(method, &[]), refused(SignatureError::Method(method)));
    }
    assert_eq!(verify(14, &[]), refused(SignatureError::Malformed));
}

#[test]
fn octets_that_are_no_certificate_are_refused_and_nothing_worse() {
    let authority = authority();
    let trust = trust(&[&authority]);
    let mut peer = peer(&authority);
    let good = peer.chain[0].clone();
    for bad in [vec![], vec![0], b"-----BEGIN CERTIFICATE-----".to_vec(), good[..good.len() - 1].to_vec()] {
        peer.chain = vec![bad];
        assert_eq!(peer.why(&trust), certificate(CertificateError::Malformed));
    }
    peer.chain = vec![vec![0x30; 17_000]];
    assert_eq!(peer.why(&trust), certificate(CertificateError::TooLong));
    // Every octet altered: whatever is wrong then, it is refused.
    let auth = peer.auth();
    let identity = Identity::from_config("spoke1.example.net").unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        assert!(trust.verify(&identity, &[bad], NOON, auth.method, &auth.data, OCTETS).is_err(), "{at}");
    }
    // And in the second place it does no harm.
    for junk in [vec![], vec![0x30, 0], good[..50].to_vec()] {
        assert!(
            trust.verify(&identity, &[good.clone(), junk], NOON, auth.method, &auth.data, OCTETS).is_ok()
        );
    }
}

#[test]
fn requests_name_authorities_by_the_hash_of_their_keys() {
    use rcgen::PublicKeyData;
    let (one, two) = (authority(), authority());
    let request = trust(&[&one, &two]).request();
    assert_eq!(request.len(), 40);
    for (part, authority) in request.chunks(20).zip([&one, &two]) {
        let info = authority.issuer.key().subject_public_key_info();
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &info);
        assert_eq!(part, hash.as_ref());
    }
}

#[test]
fn only_authorities_are_authorities() {
    let authority = authority();
    let mut trust = Trust::new();
    assert_eq!(trust.add_authority(&peer(&authority).chain[0]), Err(CertificateError::Usage));
    assert_eq!(trust.add_authority(b"junk"), Err(CertificateError::Malformed));
    assert!(trust.add_crl(b"junk").is_err());
    assert!(trust.is_empty());
    trust.add_authority(&authority.der).unwrap();
    assert_eq!(trust.authorities().collect::<Vec<_>>(), [("CN=Example CA", 2_082_758_400)]);
}

#[test]
fn our_certificate_and_key_belong_together() {
    let authority = authority();
    for algorithm in [
        &rcgen::PKCS_RSA_SHA256,
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
    ] {
        let peer = peer_of(&authority, KeyPair::generate_for(algorithm).unwrap(), |_| {});
        let key = || PrivateKey::from_der(&peer.key.serialize_der()).unwrap();
        let own = Own::new(peer.chain.clone(), key()).unwrap();
        assert_eq!(own.subject(), "C=DE, O=Example, CN=spoke1");
        assert!(own.contains(&Identity::from_config("spoke1.example.net").unwrap()));
        assert!(!own.contains(&Identity::from_config("hub.example.net").unwrap()));
        let name = Identity::Name(own.name().unwrap());
        assert_eq!(name, Identity::from_config("C=DE, O=Example, CN=spoke1").unwrap());
        assert!(own.contains(&name));
        let other = self::peer(&authority);
        assert_eq!(Own::new(other.chain, key()).unwrap_err(), OwnError::KeyMismatch);
        assert_eq!(Own::new(vec![], key()).unwrap_err(), OwnError::Empty);
        let shown = format!("{own:?}");
        assert!(shown.contains("PrivateKey("), "{shown}");
    }
}
