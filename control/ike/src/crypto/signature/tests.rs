use super::*;
use wire::ike::DigitalSignature;

fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// RFC 7427 appendix A, RFC 8420 appendix A: octets as they stand there.
const IDENTIFIERS: [(Scheme, &str); 9] = [
    (Scheme::RsaPkcs1(Hash::Sha256), "300d 06092a864886f70d01010b 0500"),
    (Scheme::RsaPkcs1(Hash::Sha384), "300d 06092a864886f70d01010c 0500"),
    (Scheme::RsaPkcs1(Hash::Sha512), "300d 06092a864886f70d01010d 0500"),
    (Scheme::Ecdsa(Hash::Sha256), "300a 06082a8648ce3d040302"),
    (Scheme::Ecdsa(Hash::Sha384), "300a 06082a8648ce3d040303"),
    (Scheme::Ecdsa(Hash::Sha512), "300a 06082a8648ce3d040304"),
    (
        Scheme::RsaPss(Hash::Sha256),
        "3041 06092a864886f70d01010a 3034 a00f300d06096086480165030402010500
         a11c301a06092a864886f70d010108300d06096086480165030402010500 a203020120",
    ),
    (
        Scheme::RsaPss(Hash::Sha512),
        "3041 06092a864886f70d01010a 3034 a00f300d06096086480165030402030500
         a11c301a06092a864886f70d010108300d06096086480165030402030500 a203020140",
    ),
    (Scheme::Ed25519, "3005 06032b6570"),
];

#[test]
fn identifiers_are_those_of_the_rfcs() {
    for (scheme, octets) in IDENTIFIERS {
        assert_eq!(identifier::der(scheme), hex(octets), "{scheme:?}");
        assert_eq!(identifier::parse(&hex(octets)), Some(scheme));
    }
    for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        for scheme in [Scheme::RsaPkcs1(hash), Scheme::RsaPss(hash), Scheme::Ecdsa(hash)] {
            assert_eq!(identifier::parse(identifier::der(scheme)), Some(scheme));
        }
    }
}

#[test]
fn other_encodings_of_the_same_are_read() {
    for (scheme, octets) in [
        // No parameters instead of NULL.
        (Scheme::RsaPkcs1(Hash::Sha256), "300b 06092a864886f70d01010b"),
        // The trailer field, which DER leaves away; hashes without NULL.
        (
            Scheme::RsaPss(Hash::Sha256),
            "3046 06092a864886f70d01010a 3039 a00f300d06096086480165030402010500
             a11c301a06092a864886f70d010108300d06096086480165030402010500 a203020120 a303020101",
        ),
        (
            Scheme::RsaPss(Hash::Sha256),
            "303d 06092a864886f70d01010a 3030 a00d300b0609608648016503040201
             a11a301806092a864886f70d010108300b0609608648016503040201 a203020120",
        ),
    ] {
        assert_eq!(identifier::parse(&hex(octets)), Some(scheme));
    }
}

#[test]
fn identifiers_that_are_not_to_be_verified_are_refused() {
    for octets in [
        // SHA-1 with RSA, DSA and ECDSA; MD5 with RSA.
        "300d 06092a864886f70d010105 0500",
        "3009 06072a8648ce380403",
        "3009 06072a8648ce3d0401",
        "300d 06092a864886f70d010104 0500",
        // PSS with its defaults, which are SHA-1, and without parameters.
        "300d 06092a864886f70d01010a 3000",
        "300b 06092a864886f70d01010a",
        // PSS with two hashes, with a salt that is not as long as the hash, with another trailer.
        "3041 06092a864886f70d01010a 3034 a00f300d06096086480165030402010500
         a11c301a06092a864886f70d010108300d06096086480165030402020500 a203020120",
        "3041 06092a864886f70d01010a 3034 a00f300d06096086480165030402010500
         a11c301a06092a864886f70d010108300d06096086480165030402010500 a203020114",
        "3046 06092a864886f70d01010a 3039 a00f300d06096086480165030402010500
         a11c301a06092a864886f70d010108300d06096086480165030402010500 a203020120 a303020102",
        // Parameters where there are none.
        "300c 06082a8648ce3d040302 0500",
        "3007 06032b6570 0500",
        // Not DER.
        "",
        "30",
        "3005",
        "3005 0603 2b",
        "310d 06092a864886f70d01010b 0500",
        "300d 06092a864886f70d01010b 0500 00",
    ] {
        assert_eq!(identifier::parse(&hex(octets)), None, "{octets}");
    }
    for (_, octets) in IDENTIFIERS {
        let octets = hex(octets);
        for length in 0..octets.len() {
            assert_eq!(identifier::parse(&octets[..length]), None);
        }
    }
}

/// By `openssl dgst -sign` with one key, over "octets of AUTH".
const RSA_INFO: &str = "\
    30820122300d06092a864886f70d01010105000382010f003082010a0282010100c8b194bf3dec6b16fa919d26959d56 \
    43135376610979f65159ab6fd0acce3dc9da9ca857f9dd4618d4b50be52a9f5489a24fcd16ffa719f6446d5b735384c2 \
    6b25fcbaee7dbacc4596fde004d1bed1cba0b75bf4dd2f1088aa40946d059b4de364d46c4ecaf0673c830cf163e96ed1 \
    28bb1c6526f26df89c9bcb15c02c49e0db7a288ba5465648e79e6aa576b09f12a8cf30a816f8cdfa67bd56024785691b \
    a68d56db939193e86cfc3da13323086e3b9f3a7884e13d58b65d9253a75f0d6eecf668eeffa209c3fe86a60d1ea134b8 \
    a3b6654c514671d60e9df8321ca8b91e68f22573bc9267d5c5fda901804affc08ab055ebbca7a59525f1459634256646 \
    4b0203010001";
const RSA_SHA1: &str = "\
    90d71e26d9e77a1cd8f0c3dad4eab710b7e72c3a752ed73121e94abd71a26a039fe807fcf4a2e5e4507c8817d1c8d3ba \
    eb52b38ebe77976ddf8931173df6466a39208aa8d96a80c9f949b2b08d8afe16e80cbebf5886fbc041a0e6fa8ca7f60c \
    a5f0539e8b07bdff5c1f9bd112ce98d34a10b84609140c340b2e334e6ebdd13a60807b5451fcf5f15afd5ee1e6d9fad0 \
    e68308b91f3d8e4ff19106d45b20a743e736a44f5b42185421e2f69b0fd039180eacf35239960b95dd8d4d52a22a6588 \
    fa2b37726f85100561c072434f17da96f50c5e23df299e95e657950d746050180aa0606cf155d24b6a8f9453a1ef350a \
    7d695c7b80a857e12957b59b40a69284";
const RSA_SHA256: &str = "\
    9b74ba6a51c335a76f22dcf8a37883479129d6190c739ccfa31d0bfd3bd5dc054e555816e9ab7e94bf3b32d3ef58288c \
    f73828c7b5bee82cf313ec57a09470cf35f611355c812d4062b312931219b13f0ea4f376fb6ecdc372331331972e9697 \
    be75fb839865e865533e3479ca04868d62c20957b1bd3b46018abd14a066104999ec829228d5eac177468e3c69c27237 \
    0089cda1bce9efce1560f5687c2e72af19a20e46a4466574f941e5eb5cf21509d2f479c7ff0ddefdad82765dbf66a15f \
    bbe494b91e9af81091bc7302c8f56e5e130fb45e49817031d7bbef8b56e25db6913623d24d8f60c7a57408d1aa5b53bd \
    44d734c4bd4b2c56e4db05b268798d4a";
const RSA_PSS_SHA384: &str = "\
    4487e19f535bebaba2c9092a8c624efa45a96cd11d845abb196c3f7c0ae7a76ba3742f5849a53efb2ae6be19a89ec871 \
    c50d44b981f50eab1baef476e865ee52751ddd754186259a15ed433193c7f894c7f87f72b10e5ff74a6a486191901ee5 \
    1d5436eef474a1f5b0c952a8d40379902088ece22057909bb28a15acd94c4dcddff0b7261471038055cdb7ee06c8beaf \
    397dec363f3a232ae7a482c195a02a53ef53e6740f114e81b6ad3ddc98ee411652c2e22482a5e55d085b76d120d1124b \
    544f18a73320d0eb80fec607665304472dad8cc6933d859feaa18c8f46a2ac775e2856fe11d5b19c219dd4c5bc73b7a5 \
    f115a04ce2b947fc4587e2da3287235d";

#[test]
fn rsa_signatures_of_openssl_are_verified() {
    let (info, octets) = (hex(RSA_INFO), b"octets of AUTH");
    let key = PublicKey::from_info(&info).unwrap();
    let verify = |method, auth: &[u8], sha1| key.verify(method, auth, octets, sha1);
    let digital = |scheme, signature: &str| {
        let mut auth = Vec::new();
        DigitalSignature { algorithm: identifier::der(scheme), signature: &hex(signature) }.emit(&mut auth);
        auth
    };
    let sha256 = Scheme::RsaPkcs1(Hash::Sha256);
    assert_eq!(verify(METHOD_RSA, &hex(RSA_SHA256), false), Ok(sha256));
    assert_eq!(verify(METHOD_DIGITAL, &digital(sha256, RSA_SHA256), false), Ok(sha256));
    let pss = Scheme::RsaPss(Hash::Sha384);
    assert_eq!(verify(METHOD_DIGITAL, &digital(pss, RSA_PSS_SHA384), false), Ok(pss));
    // SHA-1 where configuration says so, and only with method 1.
    assert_eq!(verify(METHOD_RSA, &hex(RSA_SHA1), true), Ok(Scheme::RsaPkcs1(Hash::Sha1)));
    assert_eq!(verify(METHOD_RSA, &hex(RSA_SHA1), false), Err(SignatureError::Wrong));
    let sha1 = [&[15][..], &hex("300d06092a864886f70d0101050500"), &hex(RSA_SHA1)].concat();
    assert_eq!(verify(METHOD_DIGITAL, &sha1, true), Err(SignatureError::Algorithm));
    // One for the other.
    assert_eq!(verify(METHOD_DIGITAL, &digital(pss, RSA_SHA256), true), Err(SignatureError::Wrong));
    assert_eq!(verify(METHOD_DIGITAL, &digital(sha256, RSA_SHA1), true), Err(SignatureError::Wrong));
    assert_eq!(key.verify(METHOD_RSA, &hex(RSA_SHA256), b"other octets", true), Err(SignatureError::Wrong));
}

fn keys() -> Vec<(PrivateKey, Vec<u8>)> {
    use rcgen::{KeyPair, PublicKeyData};
    [
        &rcgen::PKCS_RSA_SHA256,
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_ED25519,
    ]
    .into_iter()
    .map(|algorithm| {
        let pair = KeyPair::generate_for(algorithm).unwrap();
        (PrivateKey::from_der(&pair.serialize_der()).unwrap(), pair.subject_public_key_info())
    })
    .collect()
}

fn hashes(numbers: &[u16]) -> HashAlgorithms {
    HashAlgorithms::parse(&numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>())
}

#[test]
fn every_kind_of_key_signs_what_its_peer_verifies() {
    let all = hashes(&[1, 2, 3, 4, 5]);
    let octets = b"octets of AUTH";
    let keys = keys();
    for (index, (key, info)) in keys.iter().enumerate() {
        let public = PublicKey::from_info(info).unwrap();
        // RSA, then ECDSA, then Ed25519: which lists, and which method comes of each.
        let old = [METHOD_RSA, METHOD_ECDSA_256, METHOD_ECDSA_384, METHOD_ECDSA_521, 0][index];
        for (hashes, method) in [(all, METHOD_DIGITAL), (hashes(&[]), old)] {
            let Ok(auth) = key.sign(hashes, octets) else {
                assert_eq!(method, 0);
                assert_eq!(key.sign(hashes, octets), Err(SignError::NoCommonAlgorithm));
                continue;
            };
            assert_eq!(auth.method, method, "{key:?}");
            assert!(public.verify(method, &auth.data, octets, false).is_ok(), "{key:?} {method}");
            assert_eq!(public.verify(method, &auth.data, b"others", false), Err(SignatureError::Wrong));
            for at in 0..auth.data.len() {
                let mut altered = auth.data.clone();
                altered[at] ^= 4;
                assert!(public.verify(method, &altered, octets, false).is_err(), "{key:?} {method} {at}");
            }
            for length in 0..auth.data.len() {
                assert!(public.verify(method, &auth.data[..length], octets, false).is_err());
            }
            // Another method, another key.
            for other in (0..=255).filter(|&other| other != method) {
                assert!(public.verify(other, &auth.data, octets, true).is_err(), "{key:?} {other}");
            }
            for (other, (_, info)) in keys.iter().enumerate() {
                let public = PublicKey::from_info(info).unwrap();
                let result = public.verify(method, &auth.data, octets, true);
                assert_eq!(result.is_ok(), other == index, "{key:?}");
            }
        }
    }
}

#[test]
fn the_peers_hashes_decide() {
    let keys = keys();
    let scheme = |index: usize, numbers: &[u16]| {
        let (key, info): &(PrivateKey, Vec<u8>) = &keys[index];
        let auth = key.sign(hashes(numbers), b"octets")?;
        Ok(PublicKey::from_info(info).unwrap().verify(auth.method, &auth.data, b"octets", false).unwrap())
    };
    assert_eq!(scheme(0, &[2, 3, 4]), Ok(Scheme::RsaPkcs1(Hash::Sha256)));
    assert_eq!(scheme(0, &[3, 4]), Ok(Scheme::RsaPkcs1(Hash::Sha384)));
    assert_eq!(scheme(0, &[4, 5]), Ok(Scheme::RsaPkcs1(Hash::Sha512)));
    assert_eq!(scheme(0, &[5]), Err(SignError::NoCommonAlgorithm));
    // SHA-1 alone is as none: the old method, with SHA-256.
    assert_eq!(scheme(0, &[1]), Ok(Scheme::RsaPkcs1(Hash::Sha256)));
    assert_eq!(scheme(1, &[3]), Ok(Scheme::Ecdsa(Hash::Sha256)));
    assert_eq!(scheme(4, &[2, 3]), Err(SignError::NoCommonAlgorithm));
    let pss = PrivateKey::from_der(&rcgen_rsa()).unwrap().with_pss();
    let auth = pss.sign(hashes(&[3]), b"octets").unwrap();
    let parsed = DigitalSignature::parse(&auth.data).unwrap();
    assert_eq!(identifier::parse(parsed.algorithm), Some(Scheme::RsaPss(Hash::Sha384)));
}

fn rcgen_rsa() -> Vec<u8> {
    rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap().serialize_der()
}

#[test]
fn methods_that_are_no_signature_are_refused_by_number() {
    let (info, octets) = (hex(RSA_INFO), b"octets");
    let key = PublicKey::from_info(&info).unwrap();
    for method in [0, 2, 3, 12, METHOD_NULL, 15, 255] {
        assert_eq!(key.verify(method, &hex(RSA_SHA256), octets, true), Err(SignatureError::Method(method)));
    }
    for auth in [&[][..], &[0], &[1], &[200, 0x30], &[2, 0x30, 0]] {
        assert_eq!(
            key.verify(METHOD_DIGITAL, auth, octets, true),
            Err(SignatureError::Malformed),
            "{auth:?}"
        );
    }
    assert_eq!(key.verify(METHOD_RSA, &[], octets, true), Err(SignatureError::Wrong));
}

#[test]
fn lists_of_hashes_are_read_as_far_as_they_go() {
    assert!(HashAlgorithms::parse(&[]).is_empty());
    assert!(HashAlgorithms::parse(&[0]).is_empty());
    assert!(hashes(&[0, 1, 6, 7, 65535]).is_empty());
    let some = HashAlgorithms::parse(&[0, 2, 0, 5, 0]);
    assert!(some.has(Hash::Sha256) && some.has_identity() && !some.has(Hash::Sha512));
    assert_eq!(HashAlgorithms::ours(), [0, 2, 0, 3, 0, 4, 0, 5]);
}

#[test]
fn keys_that_are_not_fit_are_refused_and_none_is_shown() {
    for der in [&[][..], &[0x30, 0], &[0x30, 0x82, 0xFF, 0xFF], b"-----BEGIN PRIVATE KEY-----"] {
        assert_eq!(PrivateKey::from_der(der).err(), Some(KeyError::Kind));
    }
    assert!(keys().iter().all(|(key, _)| format!("{key:?}").len() < 30));
    // A curve that is not supported (P-224), and a key that is none.
    let p224 = hex("304e301006072a8648ce3d020106052b81040021033a0004\
                    b70e0cbd6bb4bf7f321390b94a03c1d356c21122343280d6115c1d21\
                    bd376388b5f723fb4c22dfe6cd4375a05a07476444d5819985007e34");
    assert!(PublicKey::from_info(&p224).is_none());
    assert!(PublicKey::from_info(b"").is_none());
}
