//! Real exchanges: every encrypted message of the captures opens with the derived keys, AUTH and keys are those that
//! the daemons logged, and a message that is sealed again opens again.
#![cfg(test)]

mod capture;

use std::collections::HashMap;

use capture::{Message, ike_messages, payloads};
use ike::crypto::auth::{Signed, shared_key};
use ike::crypto::{
    Encryption, Envelope, Integrity, Keys, Nonces, OpenError, Opener, Prf, Role, Secret, Spis, Suite,
};
use serde_json::Value;

const NONCE: u8 = 40;
const SECURITY_ASSOCIATION: u8 = 33;
const SA_INIT: u8 = 34;
const AUTH: u8 = 35;
const CREATE_CHILD_SA: u8 = 36;

struct Run {
    messages: Vec<Message>,
    keys: Value,
}

fn run(name: &str) -> Run {
    let path = format!("{}/testdata/strongswan/{name}", env!("CARGO_MANIFEST_DIR"));
    let keys = std::fs::read_to_string(format!("{path}.keys.json")).unwrap();
    Run {
        messages: ike_messages(&std::fs::read(format!("{path}.pcap")).unwrap()),
        keys: serde_json::from_str(&keys).unwrap(),
    }
}

const RUNS: [&str; 5] = [
    "psk_transport_gre_default_proposals",
    "psk_tunnel_esp_aesgcm128",
    "psk_tunnel_ike_gcm256_esp_aes256cbc_sha256_pfs_ecp384",
    "psk_tunnel_invalid_ke_retry_ike_fragments",
    "psk_tunnel_cookie",
];

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn field(value: &Value, name: &str) -> Vec<u8> {
    value[name].as_str().map(hex).unwrap_or_default()
}

fn spis(sa: &Value) -> Spis {
    Spis {
        initiator: field(sa, "spi_i").try_into().unwrap(),
        responder: field(sa, "spi_r").try_into().unwrap(),
    }
}

fn suite(run: &Value, sa: &Value) -> Suite {
    let prf = match run["prf"].as_str().unwrap() {
        "sha256" => Prf::Sha256,
        "sha384" => Prf::Sha384,
        other => panic!("{other}"),
    };
    let (encryption, integrity) = match (field(sa, "SK_ei").len(), field(sa, "SK_ai").len()) {
        (16, 32) => (Encryption::AesCbc128, Some(Integrity::HmacSha256_128)),
        (32, 32) => (Encryption::AesCbc256, Some(Integrity::HmacSha256_128)),
        (36, 0) => (Encryption::AesGcm256, None),
        other => panic!("{other:?}"),
    };
    Suite::new(encryption, integrity, prf).unwrap()
}

/// All keys in the order of RFC 7296 2.14, as the daemons logged them.
fn logged(sa: &Value) -> Vec<u8> {
    ["SK_d", "SK_ai", "SK_ar", "SK_ei", "SK_er", "SK_pi", "SK_pr"].map(|name| field(sa, name)).concat()
}

fn initial(run: &Value) -> Keys {
    let sa = &run["ike_sas"][0];
    let (ni, nr) = (field(sa, "Ni"), field(sa, "Nr"));
    let nonces = Nonces { initiator: &ni, responder: &nr };
    Keys::initial(suite(run, sa), &Secret::copy_of(&field(sa, "dh_shared")), nonces, spis(sa))
}

fn opener(keys: &Keys, message: &Message) -> Opener {
    // Who sent it is the peer of the opener's owner.
    keys.opener(if message.is_of_initiator() { Role::Responder } else { Role::Initiator })
}

fn open(keys: &Keys, message: &Message) -> Result<Vec<u8>, OpenError> {
    let mut inner = Vec::new();
    let (payload, envelope) = message.encrypted().unwrap();
    opener(keys, message).open(&message.octets, payload, envelope, &mut inner).map(|()| inner)
}

#[test]
fn derived_keys_are_those_that_the_daemons_logged() {
    for name in RUNS {
        let run = run(name).keys;
        assert_eq!(initial(&run).export().expose(), logged(&run["ike_sas"][0]), "{name}");
    }
}

#[test]
fn child_keys_are_those_that_the_daemons_logged() {
    let mut seen = 0;
    for name in RUNS {
        let run = run(name).keys;
        for child in run["child_sas"].as_array().unwrap() {
            let (seed, keys) = (field(child, "seed"), initial(&run));
            // With PFS the secret comes first. Nonces have 32 octets.
            let (shared, nonces) = seed.split_at(seed.len() - 64);
            let shared: Vec<Secret> =
                (!shared.is_empty()).then(|| Secret::copy_of(shared)).into_iter().collect();
            let nonces = Nonces { initiator: &nonces[..32], responder: &nonces[32..] };
            let side = |side: &str| {
                [
                    field(child, &format!("encryption_{side}_key")),
                    field(child, &format!("integrity_{side}_key")),
                ]
            };
            let [encryption, integrity] = side("initiator");
            let (encryption, integrity) = match (encryption.len(), integrity.len()) {
                (20, 0) => (Encryption::AesGcm128, None),
                (36, 0) => (Encryption::AesGcm256, None),
                (32, 32) => (Encryption::AesCbc256, Some(Integrity::HmacSha256_128)),
                other => panic!("{other:?}"),
            };
            let got = keys.child(encryption, integrity, &shared, nonces);
            assert_eq!(got.initiator.expose(), side("initiator").concat(), "{name}");
            assert_eq!(got.responder.expose(), side("responder").concat(), "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen}");
}

#[test]
fn auth_is_what_the_daemons_sent() {
    for name in RUNS {
        let run = run(name);
        let keys = initial(&run.keys);
        let psk = Secret::copy_of(run.keys["psk"].as_str().unwrap().as_bytes());
        let sa = &run.keys["ike_sas"][0];
        let spi = field(sa, "spi_i");
        let init = |response: bool| {
            // Of several requests the last one counts, which has the cookie or the other key exchange.
            let of = |message: &&Message| {
                message.exchange() == SA_INIT
                    && message.octets.starts_with(&spi)
                    && message.is_response() == response
                    && (!response || message.octets[8..16] != [0; 8])
            };
            run.messages.iter().rfind(of).unwrap()
        };
        let nonces = [field(sa, "Nr"), field(sa, "Ni")];
        for (index, role) in [Role::Initiator, Role::Responder].into_iter().enumerate() {
            let logged = &run.keys["auth"][index];
            let identity = field(logged, "IDx_rest");
            let signed = Signed {
                message: &init(index == 1).octets,
                peer_nonce: &nonces[index],
                identity: &identity,
                intermediate: None,
            };
            let octets = signed.octets(keys.prf(), keys.payload_key(role));
            assert_eq!(octets, field(logged, "signed_octets"), "{name} {role:?}");
            let auth = shared_key(keys.prf(), &psk, &octets);
            assert!(auth.equals(&field(logged, "AUTH")), "{name} {role:?}");

            // And on the wire: the AUTH payload has method 2 and the same octets.
            let inner = inner_of_auth(&run.messages, &keys, &spi, index == 1);
            let wire = payloads(inner.0, &inner.1).into_iter().find(|(kind, _)| *kind == 39).unwrap().1;
            assert_eq!((wire[0], &wire[4..]), (2, auth.expose()), "{name} {role:?}");
        }
    }
}

/// Type of the first payload and inner payloads of the IKE_AUTH message in one direction, fragments put together.
fn inner_of_auth(messages: &[Message], keys: &Keys, spi: &[u8], response: bool) -> (u8, Vec<u8>) {
    let mut parts = Vec::new();
    for message in messages {
        let is_it = message.exchange() == AUTH && message.octets.starts_with(spi);
        if !is_it || message.is_response() != response {
            continue;
        }
        let (payload, envelope) = message.encrypted().unwrap();
        let number = match envelope {
            Envelope::Whole => 1,
            Envelope::Fragment => message.octets[payload + 5],
        };
        parts.push((number, message.octets[payload], open(keys, message).unwrap()));
    }
    parts.sort();
    parts.dedup();
    (parts[0].1, parts.into_iter().flat_map(|(_, _, inner)| inner).collect())
}

/// Walks through a capture as an observer with the first keys: what rekeys the IKE SA leads to the next keys, so that
/// every encrypted message is opened.
#[test]
fn every_encrypted_message_opens_through_all_rekeys() {
    let mut rekeys = 0;
    for name in RUNS {
        let run = run(name);
        let sas = run.keys["ike_sas"].as_array().unwrap();
        let mut keys = HashMap::from([(spis(&sas[0]), initial(&run.keys))]);
        let mut nonces: HashMap<(Spis, u32), Vec<u8>> = HashMap::new();
        let (mut opened, mut fragments) = (0, 0);
        let mut parts = (0, Vec::new());
        for message in &run.messages {
            let Some((payload, envelope)) = message.encrypted() else { continue };
            let spis = message.spis();
            let Some(current) = keys.get(&spis) else { panic!("{name}: keys of {spis:?}") };
            let mut inner = open(current, message).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut first = message.octets[payload];
            opened += 1;
            if envelope == Envelope::Fragment {
                fragments += 1;
                // They follow each other in order.
                let [number, total] = [payload + 5, payload + 7].map(|at| message.octets[at]);
                if number == 1 {
                    parts = (first, Vec::new());
                }
                parts.1.extend_from_slice(&inner);
                if number < total {
                    continue;
                }
                (first, inner) = std::mem::take(&mut parts);
            }
            let found: HashMap<u8, Vec<u8>> = payloads(first, &inner).into_iter().collect();
            if message.exchange() != CREATE_CHILD_SA {
                continue;
            }
            // Proposal of an IKE SA: protocol 1 with an SPI of eight octets.
            let association = &found[&SECURITY_ASSOCIATION];
            if association[5] != 1 {
                continue;
            }
            let spi: [u8; 8] = association[8..16].try_into().unwrap();
            let exchange = (spis, u32::from_be_bytes(message.octets[20..24].try_into().unwrap()));
            if !message.is_response() {
                nonces.insert(exchange, [&spi[..], &found[&NONCE]].concat());
                continue;
            }
            let request = &nonces[&exchange];
            let new = Spis { initiator: request[..8].try_into().unwrap(), responder: spi };
            let sa = sas.iter().find(|sa| self::spis(sa) == new).unwrap();
            let both = Nonces { initiator: &request[8..], responder: &found[&NONCE] };
            let shared = [Secret::copy_of(&field(sa, "dh_shared"))];
            let rekeyed = current.rekeyed(suite(&run.keys, sa), &shared, both, new);
            assert_eq!(rekeyed.export().expose(), logged(sa), "{name}");
            keys.insert(new, rekeyed);
            rekeys += 1;
        }
        assert!(opened >= 8, "{name}: {opened}");
        assert_eq!(fragments > 0, name.contains("fragments"), "{name}");
    }
    assert!(rekeys >= 5, "{rekeys}");
}

#[test]
fn every_message_of_frr_spokes_opens_with_the_logged_keys() {
    for (name, least) in
        [("05-ipsec-gcm-ike-registration", 6), ("06-ipsec-cbc-rekey", 20), ("07-nat-gcm-udpencap", 10)]
    {
        let path = format!("{}/testdata/frr/{name}", env!("CARGO_MANIFEST_DIR"));
        let messages = ike_messages(&std::fs::read(format!("{path}.pcap")).unwrap());
        let table = std::fs::read_to_string(format!("{path}.ikev2_decryption_table")).unwrap();
        let keys: HashMap<Spis, Keys> = table.lines().map(capture::wireshark_keys).collect();
        let mut opened = 0;
        for message in &messages {
            let Some((payload, _)) = message.encrypted() else { continue };
            // Leftovers of an earlier daemon have no keys.
            let Some(keys) = keys.get(&message.spis()) else { continue };
            let inner = open(keys, message).unwrap_or_else(|error| panic!("{name}: {error}"));
            payloads(message.octets[payload], &inner);
            opened += 1;
        }
        assert!(opened >= least, "{name}: {opened}");
    }
}

#[test]
fn a_real_message_that_is_altered_anywhere_does_not_open() {
    for name in ["psk_tunnel_esp_aesgcm128", "psk_tunnel_ike_gcm256_esp_aes256cbc_sha256_pfs_ecp384"] {
        let run = run(name);
        let keys = initial(&run.keys);
        let message = run.messages.iter().find(|message| message.exchange() == AUTH).unwrap();
        let (payload, envelope) = message.encrypted().unwrap();
        let opener = opener(&keys, message);
        let mut inner = Vec::new();
        for at in 0..message.octets.len() {
            for bit in [1, 0x80] {
                let mut altered = message.octets.clone();
                altered[at] ^= bit;
                assert!(opener.open(&altered, payload, envelope, &mut inner).is_err(), "{name}: octet {at}");
                assert!(inner.is_empty());
            }
        }
        for length in 0..message.octets.len() {
            let cut = &message.octets[..length];
            assert!(opener.open(cut, payload, envelope, &mut inner).is_err(), "{name}: cut to {length}");
        }
    }
}
