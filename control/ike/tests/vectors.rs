//! Published vectors of key derivation.
#![cfg(test)]

use ike::crypto::{Encryption, Keys, Nonces, Prf, Role, Secret, Spis, Suite};
use serde_json::Value;

fn file(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn vectors(kind: &str) -> Vec<Value> {
    let file = file(include_str!("../testdata/ike_kdf_cbc_hmac_dh.json"));
    file["vectors"][kind].as_array().unwrap().clone()
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn prf(name: &str) -> Prf {
    match name {
        "PRF_HMAC_SHA2_256" => Prf::Sha256,
        "PRF_HMAC_SHA2_384" => Prf::Sha384,
        "PRF_HMAC_SHA2_512" => Prf::Sha512,
        other => panic!("{other}"),
    }
}

#[test]
fn prf_gives_what_nist_and_the_rfcs_say() {
    let mut seen = 0;
    for vector in vectors("kdf_prf") {
        // The shared secret is the data, the nonces are the key.
        let prf = prf(vector["arg.prf"].as_str().unwrap());
        let got = prf.compute(&hex(&vector["salt"]), &[&hex(&vector["key"])]);
        assert_eq!(got.expose(), hex(&vector["out"]), "{}", vector["name"]);
        seen += 1;
    }
    for vector in vectors("sha2_hmac") {
        let Some(name) = vector["alg"].as_str().filter(|name| name.starts_with("PRF_")) else { continue };
        let (key, seed) = (hex(&vector["key"]), hex(&vector["seed"]));
        // In parts or whole: the same.
        let (head, tail) = seed.split_at(seed.len() / 2);
        let got = prf(name).compute(&key, &[head, &[], tail]);
        assert_eq!(got.expose(), hex(&vector["out"]), "{}", vector["name"]);
        seen += 1;
    }
    assert!(seen >= 18, "{seen}");
}

#[test]
fn prf_plus_gives_what_nist_says_at_every_length() {
    let mut seen = 0;
    for vector in vectors("kdf_prf_plus") {
        let (prf, expected) = (prf(vector["arg.prf"].as_str().unwrap()), hex(&vector["out"]));
        for length in 0..=expected.len() {
            let got = prf.expand(&hex(&vector["key"]), &[&hex(&vector["salt"])], length).unwrap();
            assert_eq!(got.expose(), &expected[..length], "{}", vector["name"]);
        }
        seen += 1;
    }
    assert_eq!(seen, 7);
}

#[test]
fn prf_plus_ends_after_255_outputs() {
    assert_eq!(Prf::Sha256.expand(b"key", &[b"seed"], 255 * 32).unwrap().len(), 255 * 32);
    assert!(Prf::Sha256.expand(b"key", &[b"seed"], 255 * 32 + 1).is_none());
}

#[test]
fn the_nist_vector_of_ikev2_with_sha_1_holds_for_initial_child_and_rekey() {
    let vector = file(include_str!("../testdata/nist_ikev2_kdf_sha1.json"));
    let field = |name: &str| match &vector["inputs"][name] {
        Value::Null => hex(&vector["outputs"][name]),
        input => hex(input),
    };
    let (ni, nr) = (field("Ni"), field("Nr"));
    let (gir, gir_new) = (field("gir"), field("gir_new"));
    let nonces = Nonces { initiator: &ni, responder: &nr };
    let spis =
        Spis { initiator: field("SPIi").try_into().unwrap(), responder: field("SPIr").try_into().unwrap() };
    let seed = Prf::Sha1.compute(&[&ni[..], &nr[..]].concat(), &[&gir]);
    assert_eq!(seed.expose(), field("sKeySeed"));

    // Another cut than the vector's, of the same octets.
    let suite = Suite::new(Encryption::AesGcm128, None, Prf::Sha1).unwrap();
    let keys = Keys::initial(suite, &Secret::copy_of(&gir), nonces, spis);
    let material = field("derivedKeyingMaterial");
    let exported = keys.export();
    assert_eq!(exported.expose(), &material[..exported.len()]);

    for (name, shared) in
        [("derivedKeyingMaterialChild", vec![]), ("derivedKeyingMaterialDh", vec![Secret::copy_of(&gir_new)])]
    {
        let child = keys.child(Encryption::AesGcm128, None, &shared, nonces);
        let got = [child.initiator.expose(), child.responder.expose()].concat();
        assert_eq!(got, field(name)[..40], "{name}");
    }

    // The new SA's SKEYSEED shows in its keys.
    let rekeyed = keys.rekeyed(suite, &[Secret::copy_of(&gir_new)], nonces, spis);
    let seed = field("sKeySeedReKey");
    let data = [&ni[..], &nr[..], &spis.initiator, &spis.responder].concat();
    let expected = Prf::Sha1.expand(&seed, &[&data], 20).unwrap();
    assert_eq!(&rekeyed.export().expose()[..20], expected.expose());
}

/// RFC 9370 2.2.2 and 2.2.4, spelt out with the prf, whose vectors are above.
#[test]
fn additional_key_exchanges_mix_in_as_rfc_9370_says() {
    let suite = Suite::new(Encryption::AesGcm256, None, Prf::Sha384).unwrap();
    let (ni, nr) = ([1; 32], [2; 48]);
    let nonces = Nonces { initiator: &ni, responder: &nr };
    let spis = Spis { initiator: [3; 8], responder: [4; 8] };
    let shared: Vec<Secret> = (5..8).map(|octet| Secret::copy_of(&[octet; 32])).collect();
    let first = Keys::initial(suite, &shared[0], nonces, spis);
    let derive = |keys: &Keys| keys.export().expose()[..48].to_vec();

    let second = first.additional(&shared[1], nonces, spis);
    let seed = Prf::Sha384.compute(&derive(&first), &[&[6; 32], &ni, &nr]);
    let all = Prf::Sha384.expand(seed.expose(), &[&ni, &nr, &[3; 8], &[4; 8]], 3 * 48 + 2 * 36).unwrap();
    assert_eq!(second.export().expose(), all.expose());

    let data = [&[5; 32][..], &ni, &nr, &[6; 32], &[7; 32]].concat();
    let child = second.child(Encryption::AesGcm128, None, &shared, nonces);
    let all = Prf::Sha384.expand(&derive(&second), &[&data], 40).unwrap();
    assert_eq!(child.initiator.expose(), &all.expose()[..20]);
    assert_eq!(child.responder.expose(), &all.expose()[20..]);

    // The old SA's prf makes SKEYSEED, the new one's all else (RFC 7296 2.18).
    let other = Suite::new(Encryption::AesGcm128, None, Prf::Sha256).unwrap();
    let new_spis = Spis { initiator: [8; 8], responder: [9; 8] };
    let rekeyed = second.rekeyed(other, &shared, nonces, new_spis);
    let seed = Prf::Sha384.compute(&derive(&second), &[&data]);
    let all = Prf::Sha256.expand(seed.expose(), &[&ni, &nr, &[8; 8], &[9; 8]], 3 * 32 + 2 * 20).unwrap();
    assert_eq!(rekeyed.export().expose(), all.expose());
}

#[test]
fn exported_keys_come_back_and_nothing_shows_them() {
    let suite = Suite::new(Encryption::AesGcm256, None, Prf::Sha256).unwrap();
    let nonces = Nonces { initiator: &[1; 16], responder: &[2; 16] };
    let spis = Spis { initiator: [3; 8], responder: [4; 8] };
    let keys = Keys::initial(suite, &Secret::copy_of(&[0xAA; 32]), nonces, spis);
    let exported = keys.export();
    let again = Keys::import(suite, exported.expose()).unwrap();
    assert_eq!(again.export().expose(), exported.expose());
    assert!(again.payload_key(Role::Initiator).equals(keys.payload_key(Role::Initiator).expose()));
    assert!(!again.payload_key(Role::Initiator).equals(keys.payload_key(Role::Responder).expose()));
    assert!(Keys::import(suite, &exported.expose()[1..]).is_none());

    let shown = format!("{keys:?} {:?} {:?}", keys.sealer(Role::Initiator), keys.opener(Role::Initiator));
    let octets = format!("{:?}", exported.expose());
    for window in octets.split(", ").collect::<Vec<_>>().windows(3) {
        assert!(!shown.contains(&window.join(", ")), "{shown}");
    }
    assert!(shown.len() < 1000, "{shown}");
}
