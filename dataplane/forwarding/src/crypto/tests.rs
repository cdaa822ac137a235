//! Every engine, in every implementation that this processor can run, against real packets and against each other.

mod differential;
mod vectors;

use super::*;

const SPI: u32 = 0x4a2c_bfe3;

fn contexts(choice: &Choice, keys: &Keys, esn: bool) -> (Context, Context) {
    let context = |direction| Context::new(choice, direction, keys, esn).unwrap();
    (context(Direction::Inbound), context(Direction::Outbound))
}

fn crypto(choice: &Choice) -> Crypto {
    Crypto::new(choice, &[0x5a; SEED]).unwrap()
}

fn seal(crypto: &mut Crypto, context: &Context, packet: &mut [u8], sequence: u64) -> Status {
    let mut jobs = [Job::new(context, packet, sequence)];
    crypto.seal(&mut jobs);
    jobs[0].status
}

fn open(crypto: &mut Crypto, context: &Context, packet: &mut [u8], sequence: u64) -> Status {
    let mut jobs = [Job::new(context, packet, sequence)];
    crypto.open(&mut jobs);
    jobs[0].status
}

/// A packet to seal whose text is `text`.
fn packet(transform: Transform, text: &[u8], sequence: u64) -> Vec<u8> {
    let mut packet = vec![0; overhead(transform) + text.len()];
    packet[..4].copy_from_slice(&SPI.to_be_bytes());
    packet[4..8].copy_from_slice(&(sequence as u32).to_be_bytes());
    let start = HEADER + transform.iv_len();
    packet[start..start + text.len()].copy_from_slice(text);
    packet
}

/// Where the text of a packet is.
fn text(transform: Transform, packet: &[u8]) -> std::ops::Range<usize> {
    HEADER + transform.iv_len()..packet.len() - transform.icv_len()
}

fn keys(transform: Transform, first: u8) -> Keys {
    let material: Vec<u8> = (0..transform.material_len() as u8).map(|n| first.wrapping_add(n)).collect();
    Keys::new(transform, &material).unwrap()
}

#[test]
fn a_context_is_inline_aligned_and_of_known_size() {
    assert_eq!(align_of::<Context>(), 64);
    // 1,024 octets are ipsec-mb's AES-GCM key with 48 powers of the hash key; a line is our own.
    assert_eq!(CONTEXT_OCTETS, 1088);
    assert!(!std::mem::needs_drop::<Engine>() && std::mem::needs_drop::<Context>());
}

#[test]
fn what_crosses_threads_may() {
    fn shared<T: Send + Sync>() {}
    fn moved<T: Send>() {}
    shared::<Context>();
    shared::<Choice>();
    moved::<Crypto>();
}

#[test]
fn nothing_shows_keys() {
    for choice in Choice::every() {
        for transform in Transform::ALL {
            let (inbound, _) = contexts(&choice, &keys(*transform, 0xa0), true);
            let shown = format!("{inbound:?} {:?}", crypto(&choice));
            assert!(!shown.contains("160") && !shown.contains("0xa"), "{shown}");
        }
    }
}

#[test]
fn a_context_goes_one_way() {
    for choice in Choice::every() {
        for transform in Transform::ALL {
            let (inbound, outbound) = contexts(&choice, &keys(*transform, 1), false);
            let before = packet(*transform, &[7; 32], 1);
            let mut after = before.clone();
            let mut crypto = crypto(&choice);
            assert_eq!(seal(&mut crypto, &inbound, &mut after, 1), Status::WrongDirection);
            assert_eq!(open(&mut crypto, &outbound, &mut after, 1), Status::WrongDirection);
            assert_eq!(before, after);
        }
    }
}

#[test]
fn lengths_that_no_packet_has_are_refused_and_change_nothing() {
    for choice in Choice::every() {
        let mut crypto = crypto(&choice);
        for transform in Transform::ALL.iter().copied() {
            let (inbound, outbound) = contexts(&choice, &keys(transform, 1), true);
            let odd = (1..16).filter(|_| !transform.is_gcm()).map(|more| overhead(transform) + more);
            for len in (0..overhead(transform)).chain(odd) {
                let before: Vec<u8> = (0..len as u8).collect();
                let mut after = before.clone();
                assert_eq!(
                    seal(&mut crypto, &outbound, &mut after, 1),
                    Status::BadLength,
                    "{transform:?} {len}"
                );
                assert_eq!(
                    open(&mut crypto, &inbound, &mut after, 1),
                    Status::BadLength,
                    "{transform:?} {len}"
                );
                assert_eq!(before, after, "{transform:?} {len}");
            }
        }
    }
}

#[test]
fn an_iv_of_cbc_is_never_used_again_and_one_of_gcm_is_the_sequence_number() {
    for choice in Choice::every() {
        let mut crypto = crypto(&choice);
        for transform in Transform::ALL.iter().copied() {
            let (_, outbound) = contexts(&choice, &keys(transform, 1), false);
            let mut seen = std::collections::HashSet::new();
            for sequence in 1..=200 {
                let mut packet = packet(transform, &[0; 16], sequence);
                assert_eq!(seal(&mut crypto, &outbound, &mut packet, sequence), Status::Done);
                let iv = &packet[HEADER..HEADER + transform.iv_len()];
                assert!(seen.insert(iv.to_vec()));
                assert!(!transform.is_gcm() || iv == sequence.to_be_bytes());
            }
        }
    }
}
