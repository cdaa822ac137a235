use super::*;

/// Made with Python's integers, the primes from their formula in RFC 3526 with pi computed: exponents are
/// `SHA-256("BITS WHICH 0") | SHA-256("BITS WHICH 1")`, cut to length; of values the first and last eight octets.
struct Vector {
    group: Group,
    exponents: [&'static str; 2],
    publics: [[&'static str; 2]; 2],
    shared: [&'static str; 2],
}

const VECTORS: [Vector; 3] = [
    Vector {
        group: Group::Modp2048,
        exponents: [
            "5cbf0bdad5a3698ce4145fcdfc31c3929d78e5845b88ca9d8cb6b6ef632ee5ac052b00d92299540a",
            "345856f1a6fb1534a3e31d055fb068262fe80aa0394ad189a31e0e0f72e0ec18461163dd9044b92a",
        ],
        publics: [["6222cdc44aa6b14c", "719001c38ce993e8"], ["4bdb56d53928aa3e", "fa46dea30b505262"]],
        shared: ["c2001222a8a03131", "4db430373105580c"],
    },
    Vector {
        group: Group::Modp3072,
        exponents: [
            "1bc4f53f7059f17a12e6c38e4a66a3de1749d21f37d861e3992d982c051c7b22004995f18499d80fdaa4116514284e046ee6d7ac6a",
            "8b1b4c425150c541a377c5efb0dbb717c04c9d86b6b642aa24cf9dda4fa6d616806352b222a0c295137d75d7b7f8ac489f2e9beae4",
        ],
        publics: [["92d5c005336337b1", "c680314fbeb3719c"], ["7580d33162c2f341", "5c1976521d6f9ec8"]],
        shared: ["aa6427abbdd57e07", "3d4727a6a54ea68a"],
    },
    Vector {
        group: Group::Modp4096,
        exponents: [
            "fdc0679d9045d917d921c18821c8092664249f05e92b55c389384a7751dfc6be7cae7798b02ab960208226f0d184dcdf058652a1758df30cd6bc9af4",
            "f02ada27cfef8fc34ded61dcef01424cf71dd1df0b23b275451de4aad8d33d189c03233873454d8c3d063418157ae6f66f46a8bc5bb61dacc172b1c2",
        ],
        publics: [["99eb0de8d6887ed3", "e57875a13abef34d"], ["4060a46e92c68cad", "ab5e8547731ce81d"]],
        shared: ["bfe44b9d6afa6d3a", "0647f4f148fb4ca4"],
    },
];

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn ends(value: &[u8]) -> [Vec<u8>; 2] {
    [value[..8].to_vec(), value[value.len() - 8..].to_vec()]
}

fn prime(group: Group) -> Vec<u8> {
    let prime = number::prime(group).unwrap();
    // RFC 3526 2: the last 64 bits are ones.
    assert_eq!(prime[group.value_len() - 8..], [0xFF; 8]);
    prime
}

#[test]
fn values_are_those_of_another_implementation() {
    for vector in &VECTORS {
        let exponents = vector.exponents.map(hex);
        let publics = exponents.clone().map(|exponent| public(vector.group, &exponent).unwrap());
        for (value, expected) in publics.iter().zip(&vector.publics) {
            assert_eq!(value.len(), vector.group.value_len());
            assert_eq!(ends(value), expected.map(hex), "{:?}", vector.group);
        }
        let shared = agree(vector.group, &exponents[0], &publics[1]).unwrap();
        assert_eq!(ends(&shared), vector.shared.map(hex), "{:?}", vector.group);
        assert_eq!(shared, agree(vector.group, &exponents[1], &publics[0]).unwrap());
    }
}

#[test]
fn values_that_say_nothing_are_refused() {
    for Vector { group, exponents, .. } in VECTORS {
        let exponent = hex(exponents[0]);
        let prime = prime(group);
        let small = |last: u8| {
            let mut value = vec![0; group.value_len()];
            value[group.value_len() - 1] = last;
            value
        };
        let near_prime = |below: u8| {
            let mut value = prime.clone();
            value[group.value_len() - 1] -= below;
            value
        };
        for bad in [small(0), small(1), near_prime(1), near_prime(0), vec![0xFF; group.value_len()]] {
            assert_eq!(agree(group, &exponent, &bad), Err(Error::Value), "{group:?} {:?}", ends(&bad));
        }
        // Their neighbours are values like any other.
        assert!(agree(group, &exponent, &small(2)).is_ok());
        assert!(agree(group, &exponent, &near_prime(2)).is_ok());
        for length in [0, 1, group.value_len() - 1, group.value_len() + 1] {
            assert_eq!(agree(group, &exponent, &vec![2; length]), Err(Error::Value));
        }
    }
}

#[test]
fn exponents_of_another_length_and_zero_are_refused() {
    for Vector { group, .. } in VECTORS {
        for exponent in [vec![0; group.exponent_len()], vec![1; group.exponent_len() - 1], vec![]] {
            assert_eq!(public(group, &exponent), Err(Error::Exponent));
            assert_eq!(agree(group, &exponent, &vec![2; group.value_len()]), Err(Error::Exponent));
        }
        let mut one = vec![0; group.exponent_len()];
        one[group.exponent_len() - 1] = 1;
        let two = public(group, &one).unwrap();
        assert_eq!((two[0], two[group.value_len() - 1]), (0, 2));
    }
}

#[test]
fn a_short_result_keeps_its_zeros_in_front() {
    let mut two = vec![0; Group::Modp2048.exponent_len()];
    two[Group::Modp2048.exponent_len() - 1] = 2;
    let mut base = vec![0; 256];
    base[255] = 3;
    let shared = agree(Group::Modp2048, &two, &base).unwrap();
    assert_eq!(shared.len(), 256);
    assert_eq!((shared[254], shared[255]), (0, 9));
}
