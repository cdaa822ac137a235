//! The spoke's end that the other tests use agrees with packets that somebody else made.

use crate::common::sa::Half;
use shm::message::Transform;

fn octets(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2));
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

#[test]
fn synthetic_gre_in_every_form() {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("../../testdata/esp_gre_nhrp_synthetic.json")).expect("JSON");
    let vectors = file["vectors"].as_array().expect("vectors");
    assert_eq!(vectors.len(), 16);
    for vector in vectors {
        let text = |name: &str| octets(vector[name].as_str().unwrap_or_default());
        let number = |name: &str| vector[name].as_u64();
        let gcm = vector["alg"].as_str().expect("text").starts_with("gcm");
        let half = Half {
            transform: if gcm { Transform::Gcm256 } else { Transform::Cbc256Sha256 },
            material: [text("key"), if gcm { text("salt") } else { text("auth_key") }].concat(),
            spi: number("spi").expect("number") as u32,
            esn: number("seq_hi").is_some(),
        };
        let packet = text("ip_packet");
        let before = 20 + if vector["udp_encap"].as_bool() == Some(true) { 8 } else { 0 };
        let high = number("seq_hi").unwrap_or(0) as u32;
        let (sequence, payload, next) = half.open(&packet[before..], high).expect("authentic");
        assert_eq!(sequence, u64::from(high) << 32 | 7);
        let tunnel = vector["mode"] == "tunnel";
        let inner = if tunnel { 20 } else { 0 };
        assert_eq!((next, &payload[inner..]), (if tunnel { 4 } else { 47 }, &text("gre_hex")[..]));
        // And with the wrong high half it does not.
        if half.esn {
            assert!(half.open(&packet[before..], high + 1).is_none());
        }
    }
}
