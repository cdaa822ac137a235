use super::*;
use crate::crypto::{Encryption, Integrity, Keys, Nonces, Prf, Role, Secret, Spis, Suite};

const SUITES: [(Encryption, Option<Integrity>); 9] = [
    (Encryption::AesGcm128, None),
    (Encryption::AesGcm192, None),
    (Encryption::AesGcm256, None),
    (Encryption::AesCbc128, Some(Integrity::HmacSha1_96)),
    (Encryption::AesCbc128, Some(Integrity::HmacSha256_128)),
    (Encryption::AesCbc192, Some(Integrity::HmacSha256_128)),
    (Encryption::AesCbc256, Some(Integrity::HmacSha256_128)),
    (Encryption::AesCbc256, Some(Integrity::HmacSha384_192)),
    (Encryption::AesCbc256, Some(Integrity::HmacSha512_256)),
];

fn keys(encryption: Encryption, integrity: Option<Integrity>) -> Keys {
    let suite = Suite::new(encryption, integrity, Prf::Sha256).unwrap();
    let nonces = Nonces { initiator: &[1; 32], responder: &[2; 32] };
    Keys::initial(suite, &Secret::copy_of(&[3; 32]), nonces, Spis { initiator: [4; 8], responder: [5; 8] })
}

/// Not random, but never the same twice.
fn counter() -> impl FnMut(&mut [u8]) {
    let mut next = 0_u8;
    move |octets| {
        octets.fill(next);
        next += 1;
    }
}

fn head(envelope: Envelope) -> Vec<u8> {
    let mut head = vec![0xEE; IKE_HEADER];
    head.extend_from_slice(&[33, 0, 0, 0]);
    if envelope == Envelope::Fragment {
        head.extend_from_slice(&[0, 1, 0, 2]);
    }
    head
}

#[test]
fn what_is_sealed_opens_at_every_length() {
    for (encryption, integrity) in SUITES {
        let keys = keys(encryption, integrity);
        let (mut sealer, opener) = (keys.sealer(Role::Responder), keys.opener(Role::Initiator));
        let mut random = counter();
        for envelope in [Envelope::Whole, Envelope::Fragment] {
            for length in 0..70 {
                let inner: Vec<u8> = (0..length).collect();
                let mut message = head(envelope);
                let at = message.len();
                message.extend_from_slice(&inner);
                sealer.seal(&mut message, at, envelope, &mut random).unwrap();
                assert_eq!(message.len(), sealer.sealed_len(at, inner.len()));
                // Both lengths are right.
                assert_eq!(message[24..28], u32::try_from(message.len()).unwrap().to_be_bytes());
                assert_eq!(message[30..32], u16::try_from(message.len() - 28).unwrap().to_be_bytes());
                let mut opened = vec![9; 9];
                opener.open(&message, IKE_HEADER, envelope, &mut opened).unwrap();
                assert_eq!(opened, inner, "{encryption:?} {integrity:?}");
                // Nobody opens what it sent itself, nor a fragment as a whole.
                let own = keys.opener(Role::Responder);
                assert_eq!(own.open(&message, IKE_HEADER, envelope, &mut opened), Err(OpenError::Icv));
                assert!(opened.is_empty());
            }
        }
    }
}

#[test]
fn a_message_as_long_as_the_capacity_fills_it_and_not_more() {
    for (encryption, integrity) in SUITES {
        let sealer = keys(encryption, integrity).sealer(Role::Responder);
        for message in 100..400 {
            let most = sealer.capacity(36, message);
            assert!(sealer.sealed_len(36, most) <= message);
            assert!(sealer.sealed_len(36, most + 1) > message, "{encryption:?} {message}");
        }
        assert_eq!(sealer.capacity(36, 0), 0);
    }
}

#[test]
fn every_altered_octet_and_every_cut_is_refused_and_shows_nothing() {
    for (encryption, integrity) in SUITES {
        let keys = keys(encryption, integrity);
        let mut message = head(Envelope::Whole);
        let at = message.len();
        message.extend_from_slice(b"forty octets of payloads, more or less..");
        keys.sealer(Role::Initiator).seal(&mut message, at, Envelope::Whole, &mut counter()).unwrap();
        let opener = keys.opener(Role::Responder);
        let mut inner = Vec::new();
        for octet in 0..message.len() {
            let mut altered = message.clone();
            altered[octet] ^= 0x10;
            let result = opener.open(&altered, IKE_HEADER, Envelope::Whole, &mut inner);
            assert!(result.is_err() && inner.is_empty(), "{encryption:?} {octet}");
        }
        for length in 0..message.len() {
            assert!(opener.open(&message[..length], IKE_HEADER, Envelope::Whole, &mut inner).is_err());
            // With the lengths made right for the cut, so that the cut reaches the cipher.
            if let Some(body) = length.checked_sub(32) {
                let mut cut = message[..length].to_vec();
                set_lengths(&mut cut[..32], Envelope::Whole, body).unwrap();
                assert!(opener.open(&cut, IKE_HEADER, Envelope::Whole, &mut inner).is_err());
            }
        }
        message.push(0);
        let longer = opener.open(&message, IKE_HEADER, Envelope::Whole, &mut inner);
        assert_eq!(longer, Err(OpenError::Length));
    }
}

#[test]
fn payload_offsets_that_are_nowhere_are_refused() {
    let keys = keys(Encryption::AesGcm128, None);
    let opener = keys.opener(Role::Responder);
    let mut inner = Vec::new();
    for at in [0, 27, 28, 29, 100, usize::MAX - 8, usize::MAX] {
        for envelope in [Envelope::Whole, Envelope::Fragment] {
            let result = opener.open(&[0; 60], at, envelope, &mut inner);
            assert!(matches!(result, Err(OpenError::Length | OpenError::Short)), "{at}");
        }
    }
}

/// An authentic message whose pad length is over its plaintext.
#[test]
fn a_pad_length_over_the_plaintext_is_the_peers_fault() {
    let keys = keys(Encryption::AesGcm128, None);
    let material = keys.export();
    // SK_d, then SK_ei of 20 octets.
    let key = Secret::copy_of(&material.expose()[32..52]);
    let gcm = cipher::Gcm::new(Encryption::AesGcm128, &key).unwrap();
    let mut message = head(Envelope::Whole);
    set_lengths(&mut message, Envelope::Whole, 8 + 3 + 16).unwrap();
    for (pad, expected) in [(2, Ok(())), (3, Err(OpenError::Padding)), (255, Err(OpenError::Padding))] {
        let mut plain = [0, 0, pad];
        let tag = gcm.seal(&[7; 8], &message, &mut plain).unwrap();
        let whole = [&message[..], &[7; 8], &plain, tag.as_ref()].concat();
        let mut inner = Vec::new();
        let result = keys.opener(Role::Responder).open(&whole, IKE_HEADER, Envelope::Whole, &mut inner);
        assert_eq!(result, expected);
    }
}

#[test]
fn a_message_over_what_a_payload_can_be_is_not_sealed() {
    for (encryption, integrity) in SUITES {
        let mut sealer = keys(encryption, integrity).sealer(Role::Responder);
        let mut message = vec![0; 66_000];
        let result = sealer.seal(&mut message, 32, Envelope::Whole, &mut counter());
        assert_eq!(result, Err(SealError::Length));
        for head in [0, 4, 31, 66_001] {
            let mut message = vec![0; 40.max(head.min(64))];
            let result = sealer.seal(&mut message, head, Envelope::Whole, &mut counter());
            assert_eq!(result, Err(SealError::Length), "{head}");
        }
    }
}

fn iv_of(sealer: &mut Sealer) -> u64 {
    let mut message = head(Envelope::Whole);
    sealer.seal(&mut message, 32, Envelope::Whole, &mut counter()).unwrap();
    u64::from_be_bytes(message[32..40].try_into().unwrap())
}

#[test]
fn gcm_ivs_count_and_a_resumed_sealer_steps_over_those_it_may_have_used() {
    let keys = keys(Encryption::AesGcm256, None);
    let mut sealer = keys.sealer(Role::Responder);
    assert_eq!([iv_of(&mut sealer), iv_of(&mut sealer), iv_of(&mut sealer)], [1, 2, 3]);
    let position = sealer.position();
    let mut low = keys.sealer(Role::Responder).resume(position, &mut |octets| octets.fill(0));
    let mut high = keys.sealer(Role::Responder).resume(position, &mut |octets| octets.fill(0xFF));
    assert_eq!(iv_of(&mut low), 4 + (1 << 32));
    assert_eq!(iv_of(&mut high), 4 + (1 << 32) + (1 << 56) - 1);
}

#[test]
fn a_sealer_out_of_ivs_says_so() {
    let keys = keys(Encryption::AesGcm256, None);
    let at = |position| keys.sealer(Role::Responder).resume(position, &mut |octets| octets.fill(0));
    let mut last = at((u64::MAX >> 1) - (1 << 32));
    assert_eq!(iv_of(&mut last), u64::MAX >> 1);
    let mut message = head(Envelope::Whole);
    let result = last.seal(&mut message, 32, Envelope::Whole, &mut counter());
    assert_eq!(result, Err(SealError::Exhausted));
    let result = at(u64::MAX).seal(&mut head(Envelope::Whole), 32, Envelope::Whole, &mut counter());
    assert_eq!(result, Err(SealError::Exhausted));
}

#[test]
fn cbc_ivs_are_what_the_random_source_gave() {
    let mut sealer = keys(Encryption::AesCbc256, Some(Integrity::HmacSha256_128)).sealer(Role::Responder);
    let mut random = counter();
    for expected in 0..3 {
        let mut message = head(Envelope::Whole);
        sealer.seal(&mut message, 32, Envelope::Whole, &mut random).unwrap();
        assert_eq!(message[32..48], [expected; 16]);
    }
}
