//! Known answers: what an engine must give before it is let near a packet.
//!
//! One packet of each transform, with extended sequence numbers, computed by other libraries (Python's `cryptography`
//! and `hmac`): SPI a5f80001, sequence number 0102030405060708, key material 00 01 02 …, plaintext 00 01 … 2f. The IV is
//! the sequence number (GCM) or f0 f1 … ff (CBC).

use super::choice::Choice;
use super::context::{Context, Direction};
use super::ivs::SEED;
use super::job::{Job, Status};
use super::transform::{BLOCK, HEADER, overhead};
use super::worker::Crypto;
use shm::message::{Keys, MAX_KEYS, Transform};

const SPI: u32 = 0xa5f8_0001;
const SEQUENCE: u64 = 0x0102_0304_0506_0708;
/// Octets of plaintext.
const TEXT: usize = 48;
/// Octets of the longest packet: 8 of header, 16 of IV, 32 of ICV.
const LONGEST: usize = HEADER + BLOCK + TEXT + 32;
/// Packets of one burst of the test, of different lengths so that lanes end at different times.
const BURST: usize = 21;

/// Ciphertext and ICV.
const ANSWERS: [(Transform, &str); 10] = [
    (
        Transform::Gcm128,
        concat!(
            "905755a3d438e1f615b153c1d15b8c434bd783cc14b3820ec5d0d33b5bb64c47a24c71302c00453561fc9e9faef17053",
            "ea35a31ec34afa48f7474b516c6f12e8",
        ),
    ),
    (
        Transform::Gcm256,
        concat!(
            "7fcbfa4c3bddfe891bd835255bb4cf0a3b6513537f4f219476d708b9ec34fe04591a40a6d1b30298c2d0036ffbd205a1",
            "028774cac1556b37eca1babf75aa386f",
        ),
    ),
    (
        Transform::Cbc128Sha1,
        concat!(
            "753d5eacf88ed4c2c30496112e5f2221380449120c43e61d91c66cae5065cdada92a5c417f7993023b11fdc5780e1efb",
            "cacc986d182d63b416e94250",
        ),
    ),
    (
        Transform::Cbc128Sha256,
        concat!(
            "753d5eacf88ed4c2c30496112e5f2221380449120c43e61d91c66cae5065cdada92a5c417f7993023b11fdc5780e1efb",
            "491ebf4403984337b649f03ee27979b2",
        ),
    ),
    (
        Transform::Cbc128Sha384,
        concat!(
            "753d5eacf88ed4c2c30496112e5f2221380449120c43e61d91c66cae5065cdada92a5c417f7993023b11fdc5780e1efb",
            "cb350c3cd4d9cc1a216789a866c11135932de4ed0fb1591d",
        ),
    ),
    (
        Transform::Cbc128Sha512,
        concat!(
            "753d5eacf88ed4c2c30496112e5f2221380449120c43e61d91c66cae5065cdada92a5c417f7993023b11fdc5780e1efb",
            "d2adabcb7a43b3d960f9b4504815021b07c2bd37e4f6fda32377e07cfec33b43",
        ),
    ),
    (
        Transform::Cbc256Sha1,
        concat!(
            "904ce45cf22ed0d1be643f5fc86504cd5657deaccfb95ef5a793ca2db1f9a645923ef857a0910a8065d65bd40834fa0b",
            "542520febcdbfbe51795bf39",
        ),
    ),
    (
        Transform::Cbc256Sha256,
        concat!(
            "904ce45cf22ed0d1be643f5fc86504cd5657deaccfb95ef5a793ca2db1f9a645923ef857a0910a8065d65bd40834fa0b",
            "57f0517dd13e7e1342e28203c6a80065",
        ),
    ),
    (
        Transform::Cbc256Sha384,
        concat!(
            "904ce45cf22ed0d1be643f5fc86504cd5657deaccfb95ef5a793ca2db1f9a645923ef857a0910a8065d65bd40834fa0b",
            "5d6f9c1d04d21fa5cb733208ef628a24f64fb60cb40d97cf",
        ),
    ),
    (
        Transform::Cbc256Sha512,
        concat!(
            "904ce45cf22ed0d1be643f5fc86504cd5657deaccfb95ef5a793ca2db1f9a645923ef857a0910a8065d65bd40834fa0b",
            "0483cf8beac8710434fd084d863e455856487084ae77b6fdf233f056b5f6fdaa",
        ),
    ),
];

/// Whether `choice` gives the known answer for a transform, in both directions, refuses what is not authentic, and
/// seals bursts that `oracle` opens.
pub(super) fn passes(choice: &Choice, oracle: &Choice, transform: Transform) -> bool {
    answers(choice, transform).unwrap_or(false) && bursts(choice, oracle, transform).unwrap_or(false)
}

fn answers(choice: &Choice, transform: Transform) -> Option<bool> {
    let mut crypto = Crypto::new(choice, &[0; SEED]).ok()?;
    let (inbound, outbound) = contexts(choice, choice, transform)?;
    let (answer, len) = packet(transform)?;
    let answer = answer.get(..len)?;
    let text = HEADER + transform.iv_len()..len - transform.icv_len();

    let mut opened = [0; LONGEST];
    let opened = opened.get_mut(..len)?;
    opened.copy_from_slice(answer);
    let good = run(Crypto::open, &mut crypto, &inbound, opened) == Status::Done
        && opened.get(text.clone())?.iter().copied().eq(0..TEXT as u8);

    // A wrong bit in the SPI, the ciphertext and the ICV.
    for at in [0, text.start, len - 1] {
        opened.copy_from_slice(answer);
        *opened.get_mut(at)? ^= 0x10;
        if run(Crypto::open, &mut crypto, &inbound, opened) != Status::BadIcv {
            return Some(false);
        }
    }

    // CBC's IV is drawn, so that only what GCM seals is known.
    let mut sealed = [0; LONGEST];
    let sealed = sealed.get_mut(..len)?;
    sealed.copy_from_slice(answer);
    sealed.get_mut(text)?.iter_mut().zip(0..).for_each(|(octet, value)| *octet = value);
    let done = run(Crypto::seal, &mut crypto, &outbound, sealed) == Status::Done;
    Some(good && done && (!transform.is_gcm() || sealed == answer))
}

/// What the engine seals side by side the oracle opens one by one, and the other way round.
fn bursts(choice: &Choice, oracle: &Choice, transform: Transform) -> Option<bool> {
    let (mut crypto, mut checker) =
        (Crypto::new(choice, &[1; SEED]).ok()?, Crypto::new(oracle, &[2; SEED]).ok()?);
    let sealed_here = contexts(oracle, choice, transform)?;
    let opened_here = contexts(choice, oracle, transform)?;
    let sealed_well = burst(&mut crypto, &sealed_here.1, &mut checker, &sealed_here.0);
    Some(sealed_well && burst(&mut checker, &opened_here.1, &mut crypto, &opened_here.0))
}

fn burst(sealer: &mut Crypto, outbound: &Context, opener: &mut Crypto, inbound: &Context) -> bool {
    let transform = outbound.transform();
    let octets = |n: usize| n * 7 % 40 * BLOCK;
    let mut packets: Vec<Vec<u8>> = (0..BURST)
        .map(|n| {
            let mut packet = vec![n as u8; overhead(transform) + octets(n)];
            put_header(&mut packet);
            packet
        })
        .collect();
    let mut jobs: Vec<_> = packets.iter_mut().map(|packet| Job::new(outbound, packet, SEQUENCE)).collect();
    sealer.seal(&mut jobs);
    let mut good = jobs.iter().all(|job| job.status == Status::Done);
    let mut jobs: Vec<_> = packets.iter_mut().map(|packet| Job::new(inbound, packet, SEQUENCE)).collect();
    opener.open(&mut jobs);
    good &= jobs.iter().all(|job| job.status == Status::Done);
    let start = HEADER + transform.iv_len();
    good && packets.iter().enumerate().all(|(n, packet)| {
        packet.get(start..start + octets(n)).is_some_and(|text| text.iter().all(|octet| *octet == n as u8))
    })
}

/// Contexts of the test's keys, inbound of one choice and outbound of another.
fn contexts(inbound: &Choice, outbound: &Choice, transform: Transform) -> Option<(Context, Context)> {
    let mut material = [0; MAX_KEYS];
    material.iter_mut().zip(0..).for_each(|(octet, value)| *octet = value);
    let keys = Keys::new(transform, material.get(..transform.material_len())?)?;
    let context = |choice, direction| Context::new(choice, direction, &keys, true).ok();
    Some((context(inbound, Direction::Inbound)?, context(outbound, Direction::Outbound)?))
}

fn run(
    work: fn(&mut Crypto, &mut [Job<'_>]),
    crypto: &mut Crypto,
    context: &Context,
    packet: &mut [u8],
) -> Status {
    let mut jobs = [Job::new(context, packet, SEQUENCE)];
    work(crypto, &mut jobs);
    let [job] = jobs;
    job.status
}

fn put_header(packet: &mut [u8]) {
    let header = SPI.to_be_bytes().into_iter().chain((SEQUENCE as u32).to_be_bytes());
    packet.iter_mut().zip(header).for_each(|(to, from)| *to = from);
}

/// The known packet and its octets.
fn packet(transform: Transform) -> Option<([u8; LONGEST], usize)> {
    let (_, sealed) = ANSWERS.iter().find(|(of, _)| *of == transform)?;
    let mut packet = [0; LONGEST];
    put_header(&mut packet);
    let iv = packet.get_mut(HEADER..)?;
    if transform.is_gcm() {
        iv.iter_mut().zip(SEQUENCE.to_be_bytes()).for_each(|(to, from)| *to = from);
    } else {
        iv.iter_mut().zip(0xf0..=0xff).for_each(|(to, from)| *to = from);
    }
    let start = HEADER + transform.iv_len();
    let digit = |digit: u8| char::from(digit).to_digit(16);
    for (to, pair) in packet.get_mut(start..)?.iter_mut().zip(sealed.as_bytes().chunks_exact(2)) {
        let [high, low] = *pair.first_chunk()?;
        *to = (digit(high)? << 4 | digit(low)?) as u8;
    }
    Some((packet, start + sealed.len() / 2))
}
