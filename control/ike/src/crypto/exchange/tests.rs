use super::*;
use serde_json::Value;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn vectors(kind: &str) -> Vec<Value> {
    let file: Value =
        serde_json::from_str(include_str!("../../../testdata/ike_kdf_cbc_hmac_dh.json")).unwrap();
    file["vectors"][kind].as_array().unwrap().clone()
}

fn with_private(group: Group, private: &[u8]) -> Exchange {
    let key = PrivateKey::from_private_key(curve(group).unwrap(), private).unwrap();
    Exchange::on_curve(group, key).unwrap()
}

#[test]
fn curves_give_what_the_rfcs_say() {
    let mut seen = 0;
    for vector in [vectors("curve25519"), vectors("ecp")].concat() {
        let group = match vector["method"].as_str().unwrap() {
            "CURVE_25519" => Group::X25519,
            "ECP_256_BIT" => Group::Ecp256,
            "ECP_384_BIT" => Group::Ecp384,
            "ECP_521_BIT" => Group::Ecp521,
            other => panic!("{other}"),
        };
        let field = |name: &str| hex(vector[name].as_str().unwrap());
        let seed = field("seed");
        let (initiator, responder) = seed.split_at(seed.len() / 2);
        let (initiator, responder) = (with_private(group, initiator), with_private(group, responder));
        assert_eq!(initiator.public(), field("pub_i"), "{}", vector["name"]);
        assert_eq!(responder.public(), field("pub_r"), "{}", vector["name"]);
        let shared = responder.agree(&field("pub_i")).unwrap();
        assert_eq!(shared.expose(), field("shared"), "{}", vector["name"]);
        assert!(initiator.agree(&field("pub_r")).unwrap().equals(shared.expose()));
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[test]
fn both_sides_of_every_method_agree() {
    for group in Group::ALL {
        let initiator = Exchange::generate(group).unwrap();
        assert_eq!(initiator.group(), group);
        assert_eq!(initiator.public().len(), group.public_len(Role::Initiator), "{group:?}");
        let (public, shared) = respond(group, initiator.public()).unwrap();
        assert_eq!(public.len(), group.public_len(Role::Responder), "{group:?}");
        assert!(initiator.agree(&public).unwrap().equals(shared.expose()), "{group:?}");
        assert!(shared.len() >= 32);
    }
}

#[test]
fn no_two_exchanges_share_a_value() {
    for group in Group::ALL {
        let (one, two) = (Exchange::generate(group).unwrap(), Exchange::generate(group).unwrap());
        assert_ne!(one.public(), two.public(), "{group:?}");
        let (first, second) = (respond(group, one.public()).unwrap(), respond(group, one.public()).unwrap());
        assert_ne!(first.0, second.0, "{group:?}");
        assert!(!first.1.equals(second.1.expose()), "{group:?}");
    }
}

#[test]
fn values_of_another_length_are_refused_before_any_work() {
    for group in Group::ALL {
        let need = group.public_len(Role::Initiator);
        for have in [0, 1, need - 1, need + 1, 2 * need, 65_000] {
            let error = respond(group, &vec![4; have]).unwrap_err();
            assert_eq!(error, ExchangeError::Length { group, have, need });
        }
        let need = group.public_len(Role::Responder);
        for have in [0, need - 1, need + 1] {
            let error = Exchange::generate(group).unwrap().agree(&vec![4; have]).unwrap_err();
            assert_eq!(error, ExchangeError::Length { group, have, need });
        }
    }
}

/// RFC 7748 6.1, RFC 8031 2.2: points of small order, which make the secret zero whatever our value is. The list is
/// that of points of order 1, 2, 4 and 8 with their non-canonical forms, and each with the bit that is ignored set.
#[test]
fn x25519_values_of_small_order_are_refused() {
    let small = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for value in small.map(hex) {
        let mut high = value.clone();
        high[31] |= 0x80;
        for value in [value, high] {
            assert_eq!(respond(Group::X25519, &value).unwrap_err(), ExchangeError::Value(Group::X25519));
        }
    }
}

#[test]
fn points_off_the_curve_and_out_of_range_are_refused() {
    for group in [Group::Ecp256, Group::Ecp384, Group::Ecp521] {
        let refused = ExchangeError::Value(group);
        let good = Exchange::generate(group).unwrap().public().to_vec();
        let half = good.len() / 2;
        // Every other y, the point at infinity's zeros, coordinates over the field's prime.
        let mut off = good.clone();
        off[good.len() - 1] ^= 1;
        let mut swapped = good[half..].to_vec();
        swapped.extend_from_slice(&good[..half]);
        let mut high = good.clone();
        high[..half].fill(0xFF);
        // (0, 0) and (1, 1) are on none of the three curves.
        let zeros = vec![0; good.len()];
        let mut ones = zeros.clone();
        ones[half - 1] = 1;
        ones[good.len() - 1] = 1;
        for bad in [off, swapped, high, zeros, ones] {
            assert_eq!(respond(group, &bad).unwrap_err(), refused, "{group:?}");
        }
        assert!(respond(group, &good).is_ok());
    }
    // A point of P-256's twist would be 64 octets as well; a point of another curve is off this one.
    let other = hex("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798\
                     483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8");
    assert!(respond(Group::Ecp256, &other).is_err());
}

#[test]
fn modp_values_0_1_and_p_minus_1_are_refused() {
    for group in [Group::Modp2048, Group::Modp3072, Group::Modp4096] {
        let length = group.public_len(Role::Initiator);
        let mut one = vec![0; length];
        one[length - 1] = 1;
        for bad in [vec![0; length], one, vec![0xFF; length]] {
            assert_eq!(respond(group, &bad).unwrap_err(), ExchangeError::Value(group));
        }
    }
}

#[test]
fn an_encapsulation_key_with_a_coefficient_out_of_range_is_refused() {
    for group in [Group::MlKem512, Group::MlKem768, Group::MlKem1024] {
        let good = Exchange::generate(group).unwrap().public().to_vec();
        // Twelve bits of ones are over 3328 (FIPS 203 7.2).
        let mut bad = good.clone();
        bad[..3].fill(0xFF);
        assert_eq!(respond(group, &bad).unwrap_err(), ExchangeError::Value(group));
        // An altered ciphertext gives another secret and no error: implicit rejection (FIPS 203 6.3).
        let exchange = Exchange::generate(group).unwrap();
        let (mut ciphertext, shared) = respond(group, exchange.public()).unwrap();
        ciphertext[0] ^= 1;
        assert!(!exchange.agree(&ciphertext).unwrap().equals(shared.expose()));
    }
}
