//! Known answers, of every implementation that this processor can run.

use ipsec_mb::{Arch, CipherJob, HASH_STATE, HashAlg, HashJob, MAX_BURST, MAX_OCTETS, Manager};

fn managers() -> Vec<Manager> {
    Arch::ALL.into_iter().filter_map(Manager::new).collect()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| Some(digit.to_digit(16)? as u8)).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn a_library_that_is_there_gives_a_manager() {
    if ipsec_mb::version().is_some() {
        assert!(!managers().is_empty());
    }
}

/// Test case 4 of "The Galois/Counter Mode of Operation (GCM)", McGrew and Viega, with its key of 128 bits.
#[test]
fn gcm() {
    let plain = hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    );
    let sealed = hex(
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
    );
    let nonce: [u8; 12] = hex("cafebabefacedbaddecaf888").try_into().unwrap();
    let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    for manager in managers() {
        let key = manager.gcm_key(&hex("feffe9928665731c6d6a8f9467308308")).unwrap();
        let mut text = plain.clone();
        let tag = manager.seal128(&key, &nonce, &aad, &mut text);
        assert_eq!((&text, &tag[..]), (&sealed, &hex("5bc94fbc3221a5db94fae95ae7121a47")[..]), "{manager:?}");
        assert_eq!(manager.open128(&key, &nonce, &aad, &mut text), tag);
        assert_eq!(text, plain);
        assert!(manager.gcm_key(&[0; 24]).is_none());
    }
}

/// NIST SP 800-38A F.2.1, in bursts of every length.
#[test]
fn cbc() {
    let plain = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    let sealed = hex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2");
    let iv: [u8; 16] = std::array::from_fn(|at| at as u8);
    let key = hex("2b7e151628aed2a6abf7158809cf4f3c");
    for mut manager in managers() {
        let (enc, dec) = (manager.cbc_key(&key, false).unwrap(), manager.cbc_key(&key, true).unwrap());
        for n in [1, 2, 3, 7, 8, 9, 16, 17, 31, 32, 33, MAX_BURST] {
            let mut texts = vec![plain.clone(); n];
            let mut burst: Vec<_> = texts.iter_mut().map(|text| CipherJob { key: &enc, iv, text }).collect();
            assert!(manager.cbc(&mut burst));
            assert!(texts.iter().all(|text| *text == sealed), "{manager:?} {n}");
            let mut burst: Vec<_> = texts.iter_mut().map(|text| CipherJob { key: &dec, iv, text }).collect();
            assert!(manager.cbc(&mut burst));
            assert!(texts.iter().all(|text| *text == plain), "{manager:?} {n}");
        }
    }
}

#[test]
fn what_the_library_would_not_survive_is_refused() {
    for mut manager in managers() {
        let short = manager.cbc_key(&[1; 16], false).unwrap();
        let long = manager.cbc_key(&[1; 32], false).unwrap();
        for octets in [0, 15, 17, MAX_OCTETS + 16] {
            let mut text = vec![0; octets];
            assert!(!manager.cbc(&mut [CipherJob { key: &short, iv: [0; 16], text: &mut text }]));
        }
        let (mut a, mut b) = ([0; 16], [0; 16]);
        let mixed = &mut [
            CipherJob { key: &short, iv: [0; 16], text: &mut a },
            CipherJob { key: &long, iv: [0; 16], text: &mut b },
        ];
        assert!(!manager.cbc(mixed));
        let key = manager.hmac_key(HashAlg::Sha1, &[1; 20]).unwrap();
        for data in [&[][..], &[0; MAX_OCTETS + 1][..]] {
            assert!(!manager.hmac(&mut [HashJob { key: &key, data, tag: [0; HASH_STATE] }]));
        }
        assert!(manager.hmac_key(HashAlg::Sha1, &[1; 65]).is_none());
        let mut many = vec![vec![0; 16]; MAX_BURST + 1];
        let mut burst: Vec<_> =
            many.iter_mut().map(|text| CipherJob { key: &short, iv: [0; 16], text }).collect();
        assert!(!manager.cbc(&mut burst));
        assert!(manager.cbc(&mut []) && manager.hmac(&mut []));
    }
}

/// RFC 2202 test case 2 and RFC 4231 test case 2, truncated as ESP does.
#[test]
fn hmac() {
    let answers = [
        (HashAlg::Sha1, "effcdf6ae5eb2fa2d27416d5"),
        (HashAlg::Sha256, "5bdcc146bf60754e6a042426089575c7"),
        (HashAlg::Sha384, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47"),
        (HashAlg::Sha512, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"),
    ];
    for mut manager in managers() {
        for (alg, answer) in answers {
            let key = manager.hmac_key(alg, b"Jefe").unwrap();
            for n in [1, 5, 16, 33] {
                let data = b"what do ya want for nothing?";
                let mut burst: Vec<_> =
                    (0..n).map(|_| HashJob { key: &key, data, tag: [0; HASH_STATE] }).collect();
                assert!(manager.hmac(&mut burst));
                assert!(
                    burst.iter().all(|job| job.tag[..alg.tag()] == hex(answer)),
                    "{manager:?} {alg:?} {n}"
                );
            }
        }
    }
}

#[test]
fn a_manager_may_move_to_its_thread() {
    fn moves<T: Send + Sync>() {}
    moves::<Manager>();
}
