//! Engines against the portable one.

use super::*;
use proptest::prelude::*;

/// Longest text, in octets: above the largest packet of an Ethernet.
const LONGEST: usize = 2_000;

fn octets(n: usize) -> Vec<u8> {
    (0..n).map(|at| (at * 31 + n) as u8).collect()
}

/// Lengths of text that a transform takes.
fn lengths(transform: Transform) -> impl Iterator<Item = usize> {
    (0..=LONGEST).step_by(if transform.is_gcm() { 1 } else { BLOCK })
}

/// Seals bursts on one side and opens them on the other, each text as it was.
fn exchange(from: &Choice, to: &Choice, keys: &Keys, esn: bool) {
    let transform = keys.transform();
    let ((_, outbound), (inbound, _)) = (contexts(from, keys, esn), contexts(to, keys, esn));
    let (mut sealer, mut opener) = (crypto(from), crypto(to));
    let lengths: Vec<usize> = lengths(transform).collect();
    for (burst, lengths) in lengths.chunks(97).enumerate() {
        let sequence = |n: usize| (burst as u64) << 32 | n as u64;
        let mut packets: Vec<_> = lengths
            .iter()
            .enumerate()
            .map(|(n, len)| packet(transform, &octets(*len), sequence(n)))
            .collect();
        let mut jobs: Vec<_> = packets
            .iter_mut()
            .enumerate()
            .map(|(n, packet)| Job::new(&outbound, packet, sequence(n)))
            .collect();
        sealer.seal(&mut jobs);
        assert!(jobs.iter().all(|job| job.status == Status::Done), "{transform:?} {from:?}");
        for (len, packet) in lengths.iter().zip(&packets) {
            assert!(
                *len < 8 || packet[text(transform, packet)] != octets(*len),
                "{transform:?} {len} in clear"
            );
        }
        let mut jobs: Vec<_> = packets
            .iter_mut()
            .enumerate()
            .map(|(n, packet)| Job::new(&inbound, packet, sequence(n)))
            .collect();
        opener.open(&mut jobs);
        assert!(jobs.iter().all(|job| job.status == Status::Done), "{transform:?} {from:?} {to:?}");
        for (len, packet) in lengths.iter().zip(&packets) {
            assert_eq!(packet[text(transform, packet)], octets(*len), "{transform:?} {len}");
        }
    }
}

#[test]
fn every_length_there_and_back() {
    let every = Choice::every();
    let portable = &every[0];
    for other in &every[1..] {
        for transform in Transform::ALL {
            for esn in [false, true] {
                exchange(other, portable, &keys(*transform, 3), esn);
                exchange(portable, other, &keys(*transform, 3), esn);
            }
        }
    }
}

/// One batch with every transform, both kinds of numbers, several SAs, and packets that nobody should have sent.
#[test]
fn a_mixed_batch_ends_as_its_packets_do_one_by_one() {
    for choice in Choice::every() {
        let mut crypto = crypto(&choice);
        let sas: Vec<_> = (0..40)
            .map(|n| contexts(&choice, &keys(Transform::ALL[n % Transform::ALL.len()], n as u8), n % 3 == 0))
            .collect();
        let mut packets: Vec<_> = (0..200)
            .map(|n: usize| packet(sas[n % 40].0.transform(), &octets(n * 7 % 90 * BLOCK), n as u64))
            .collect();
        let mut jobs: Vec<_> = packets
            .iter_mut()
            .enumerate()
            .map(|(n, packet)| Job::new(&sas[n % 40].1, packet, n as u64))
            .collect();
        crypto.seal(&mut jobs);
        assert!(jobs.iter().all(|job| job.status == Status::Done));
        let wanted = |n: usize| match n % 7 {
            3 => Status::BadIcv,
            5 => Status::BadLength,
            6 => Status::WrongDirection,
            _ => Status::Done,
        };
        for (n, packet) in packets.iter_mut().enumerate() {
            match wanted(n) {
                Status::BadIcv => packet[n % 8] ^= 0x80,
                Status::BadLength => packet.truncate(20),
                _ => {}
            }
        }
        let mut jobs: Vec<_> = packets
            .iter_mut()
            .enumerate()
            .map(|(n, packet)| {
                let (inbound, outbound) = &sas[n % 40];
                let context = if wanted(n) == Status::WrongDirection { outbound } else { inbound };
                Job::new(context, packet, n as u64)
            })
            .collect();
        crypto.open(&mut jobs);
        for (n, job) in jobs.iter().enumerate() {
            assert_eq!(job.status, wanted(n), "packet {n}");
        }
        for (n, packet) in packets.iter().enumerate().filter(|(n, _)| wanted(*n) == Status::Done) {
            assert_eq!(packet[text(sas[n % 40].0.transform(), packet)], octets(n * 7 % 90 * BLOCK));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_packets_come_back_and_damaged_ones_do_not(
        which in 0..Transform::ALL.len(),
        material in prop::collection::vec(any::<u8>(), 96),
        mut plain in prop::collection::vec(any::<u8>(), 0..9_000),
        (sequence, esn, bit) in (any::<u64>(), any::<bool>(), any::<prop::sample::Index>()),
    ) {
        let transform = Transform::ALL[which];
        if !transform.is_gcm() {
            plain.truncate(plain.len() / BLOCK * BLOCK);
        }
        let keys = Keys::new(transform, &material[..transform.material_len()]).unwrap();
        let every = Choice::every();
        let mut sealed = packet(transform, &plain, sequence);
        let (_, outbound) = contexts(&every[0], &keys, esn);
        prop_assert_eq!(seal(&mut crypto(&every[0]), &outbound, &mut sealed, sequence), Status::Done);
        let mut damaged = sealed.clone();
        let bit = bit.index(sealed.len() * 8);
        damaged[bit / 8] ^= 1 << (bit % 8);
        for choice in &every {
            let mut crypto = crypto(choice);
            let (inbound, outbound) = contexts(choice, &keys, esn);
            let mut opened = sealed.clone();
            prop_assert_eq!(open(&mut crypto, &inbound, &mut opened, sequence), Status::Done);
            prop_assert_eq!(&opened[text(transform, &opened)], &plain[..]);
            prop_assert_eq!(open(&mut crypto, &inbound, &mut damaged.clone(), sequence), Status::BadIcv);
            let mut again = packet(transform, &plain, sequence);
            prop_assert_eq!(seal(&mut crypto, &outbound, &mut again, sequence), Status::Done);
            prop_assert!(!transform.is_gcm() || again == sealed);
        }
    }
}
