//! Reassembly against fragments of our own making and a naive oracle.

use super::*;
use crate::fragment::{Fragments, fragment};
use crate::memory::{MemoryBuffer, MemoryPool};
use proptest::prelude::*;
use std::collections::HashMap;
use wire::ip4::{self, FLAG_MF};

const AT: fn(u64) -> Now = Now::from_millis;
const POOL: usize = 4096;

struct Bench {
    pool: MemoryPool,
    counters: WorkerCounters,
    reassembler: Reassembler<MemoryBuffer>,
    sent: u64,
    whole: u64,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        Self::with_room(limits, 2048)
    }

    fn with_room(limits: Limits, dataroom: usize) -> Self {
        Self {
            pool: MemoryPool::new(POOL, dataroom),
            counters: WorkerCounters::default(),
            reassembler: Reassembler::new(limits),
            sent: 0,
            whole: 0,
        }
    }

    fn input(&mut self, fragment: &[u8], now: Now) -> Option<Vec<u8>> {
        let buffer = self.pool.with(fragment).unwrap();
        self.sent += 1;
        let whole = self.reassembler.input(buffer, now, &self.counters);
        let whole = whole.map(|buffer| buffer.data().to_vec());
        self.whole += u64::from(whole.is_some());
        whole
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.counters.drops[reason as usize].get()
    }

    /// No buffer is lost, and each fragment that did not end in a datagram is held or counted.
    fn audit(&self) {
        let held = self.reassembler.fragments();
        assert_eq!(self.pool.available() + held, POOL);
        let pieces: usize = self.reassembler.slots.iter().map(|slot| slot.datagram.pieces()).sum();
        assert_eq!(pieces, held);
        let limits = self.reassembler.limits;
        assert!(held <= limits.fragments as usize);
        assert!(self.reassembler.datagrams() <= usize::from(limits.datagrams));
        assert_eq!(self.reassembler.free.len() + self.reassembler.datagrams(), self.reassembler.slots.len());
        assert!(self.reassembler.by_source.iter().all(|list| list.len <= limits.per_source));
        assert_eq!(self.counters.reassembled.get(), self.whole);
    }

    fn drops(&self) -> u64 {
        self.counters.drops.iter().map(|counter| counter.get()).sum()
    }
}

/// A fragment with `payload` at `offset` octets.
fn piece(source: u32, id: u16, offset: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    let fields = ip4::Fields {
        tos: 0,
        total_len: (20 + payload.len()) as u16,
        id,
        flags_offset: (offset / 8) as u16 | if more { FLAG_MF } else { 0 },
        ttl: 64,
        protocol: ip4::protocol::GRE,
        source: source.into(),
        destination: [203, 0, 113, 1].into(),
    };
    let mut out = fields.header().octets().to_vec();
    out.extend(payload);
    out
}

fn octets(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 % 251) as u8).collect()
}

#[test]
fn two_in_either_order() {
    let payload = octets(1500);
    let a = piece(1, 7, 0, true, &payload[..1480]);
    let b = piece(1, 7, 1480, false, &payload[1480..]);
    for (first, second) in [(&a, &b), (&b, &a)] {
        let mut bench = Bench::new(Limits::default());
        assert_eq!(bench.input(first, AT(0)), None);
        let whole = bench.input(second, AT(1)).unwrap();
        let ip = ip4::parse(&whole).unwrap();
        assert!(!ip.is_fragment());
        assert_eq!(ip.payload(), payload);
        assert_eq!(bench.reassembler.datagrams(), 0);
        bench.audit();
    }
}

#[test]
fn datagrams_do_not_mix() {
    let mut bench = Bench::new(Limits::default());
    let payload = octets(32);
    let first = piece(1, 7, 0, true, &payload[..16]);
    let last = piece(1, 7, 16, false, &payload[16..]);
    let mut other_protocol = last.clone();
    other_protocol[9] = 17;
    let mut other_destination = last.clone();
    other_destination[19] = 99;
    assert_eq!(bench.input(&first, AT(0)), None);
    for other in [
        piece(2, 7, 16, false, &payload),
        piece(1, 8, 16, false, &payload),
        other_protocol,
        other_destination,
    ] {
        assert_eq!(bench.input(&other, AT(0)), None);
    }
    assert!(bench.input(&last, AT(0)).is_some());
    bench.audit();
}

#[test]
fn overlap_drops_the_whole_datagram() {
    let payload = octets(64);
    // (offset, end) of the held ones and of the one that spoils; the last ends at 64.
    type Range = (usize, usize);
    let cases: &[(&[Range], Range)] = &[
        (&[(0, 16)], (8, 24)),
        (&[(16, 32)], (8, 24)),
        (&[(0, 32)], (8, 16)),
        (&[(8, 16)], (0, 32)),
        (&[(0, 16)], (0, 24)),
        (&[(8, 24)], (16, 24)),
        (&[(0, 16), (32, 48)], (8, 40)),
        (&[(48, 64)], (56, 72)),
    ];
    for (held, spoils) in cases {
        let mut bench = Bench::new(Limits::default());
        let cut = |(from, to): Range| {
            let payload = if to > 64 { octets(to) } else { payload.clone() };
            piece(1, 7, from, to != 64, &payload[from..to])
        };
        for range in *held {
            assert_eq!(bench.input(&cut(*range), AT(0)), None);
        }
        assert_eq!(bench.input(&cut(*spoils), AT(0)), None);
        assert_eq!(bench.reassembler.datagrams(), 0, "{held:?} {spoils:?}");
        assert_eq!(bench.dropped(DropReason::IpFragOverlap), held.len() as u64 + 1);
        bench.audit();
    }
}

#[test]
fn two_ends_or_octets_behind_the_end() {
    for (first, second) in [
        (piece(1, 7, 32, false, &[1; 8]), piece(1, 7, 48, false, &[1; 8])),
        (piece(1, 7, 48, false, &[1; 8]), piece(1, 7, 32, false, &[1; 8])),
        (piece(1, 7, 32, false, &[1; 8]), piece(1, 7, 40, true, &[1; 8])),
        (piece(1, 7, 40, true, &[1; 8]), piece(1, 7, 32, false, &[1; 8])),
        (piece(1, 7, 32, false, &[1; 8]), piece(1, 7, 32, true, &[1; 8])),
        (piece(1, 7, 32, true, &[1; 8]), piece(1, 7, 32, false, &[1; 8])),
    ] {
        let mut bench = Bench::new(Limits::default());
        assert_eq!(bench.input(&first, AT(0)), None);
        assert_eq!(bench.input(&second, AT(0)), None);
        assert_eq!(bench.dropped(DropReason::IpFragOverlap), 2);
        bench.audit();
    }
}

#[test]
fn exact_duplicates_are_harmless_and_others_are_not() {
    let payload = octets(48);
    let first = piece(1, 7, 0, true, &payload[..16]);
    let middle = piece(1, 7, 16, true, &payload[16..32]);
    let last = piece(1, 7, 32, false, &payload[32..]);
    let mut bench = Bench::new(Limits::default());
    for fragment in [&first, &first, &last, &last, &first] {
        assert_eq!(bench.input(fragment, AT(0)), None);
    }
    assert_eq!(bench.dropped(DropReason::IpFragDuplicate), 3);
    assert_eq!(ip4::parse(&bench.input(&middle, AT(0)).unwrap()).unwrap().payload(), payload);
    bench.audit();

    let mut forged = first.clone();
    forged[25] ^= 1;
    assert_eq!(bench.input(&first, AT(0)), None);
    assert_eq!(bench.input(&forged, AT(0)), None);
    assert_eq!(bench.dropped(DropReason::IpFragOverlap), 2);
    bench.audit();
}

#[test]
fn malformed_fragments() {
    let mut bench = Bench::new(Limits::default());
    assert_eq!(bench.input(&piece(1, 7, 0, true, &[0; 15]), AT(0)), None);
    assert_eq!(bench.input(&piece(1, 7, 0, true, &[]), AT(0)), None);
    assert_eq!(bench.input(&piece(1, 7, 8, false, &[]), AT(0)), None);
    assert_eq!(bench.input(&[0x45; 10], AT(0)), None);
    assert_eq!(bench.dropped(DropReason::IpMalformed), 4);
    assert_eq!(bench.reassembler.datagrams(), 0);
    bench.audit();
}

/// The "ping of death": an end beyond what a length field can say.
#[test]
fn beyond_65535_octets() {
    let mut bench = Bench::with_room(Limits::default(), 66_000);
    let hold = piece(1, 7, 0, true, &[0; 8]);
    assert_eq!(bench.input(&hold, AT(0)), None);
    assert_eq!(bench.input(&piece(1, 7, 65_528, false, &[0; 8]), AT(0)), None);
    assert_eq!(bench.dropped(DropReason::IpFragOverlap), 2);
    assert_eq!(bench.reassembler.datagrams(), 0);
    bench.audit();
}

/// The largest datagram there is, in a buffer that holds it.
#[test]
fn exactly_65535_octets() {
    let mut bench = Bench::with_room(Limits::default(), 66_000);
    let payload = octets(65_515);
    let cut = 32_760;
    assert_eq!(bench.input(&piece(1, 7, cut, false, &payload[cut..]), AT(0)), None);
    let whole = bench.input(&piece(1, 7, 0, true, &payload[..cut]), AT(0)).unwrap();
    assert_eq!(ip4::parse(&whole).unwrap().payload(), payload);
    bench.audit();
}

#[test]
fn larger_than_a_buffer() {
    let mut bench = Bench::new(Limits::default());
    assert_eq!(bench.input(&piece(1, 7, 0, true, &[0; 1480]), AT(0)), None);
    assert_eq!(bench.input(&piece(1, 7, 1480, false, &[0; 600]), AT(0)), None);
    assert_eq!(bench.dropped(DropReason::IpFragTooBig), 2);
    assert_eq!(bench.reassembler.datagrams(), 0);
    bench.audit();
}

/// Only the first fragment has the options, so only the join finds that it does not fit.
#[test]
fn larger_than_a_buffer_by_its_options() {
    let mut bench = Bench::new(Limits::default());
    assert_eq!(bench.input(&piece(1, 7, 1480, false, &[0; 540]), AT(0)), None);
    let mut first = piece(1, 7, 0, true, &[0; 1480]);
    first.splice(20..20, [1; 40]);
    first[0] = 0x4f;
    let total = (first.len() as u16).to_be_bytes();
    first[2..4].copy_from_slice(&total);
    ip4::fill_checksum(&mut first).unwrap();
    assert_eq!(bench.input(&first, AT(0)), None);
    assert_eq!(bench.dropped(DropReason::IpFragTooBig), 2);
    assert_eq!(bench.reassembler.datagrams(), 0);
    bench.audit();
}

#[test]
fn too_many_fragments() {
    let mut bench = Bench::new(Limits::default());
    for n in 0..=MAX_FRAGMENTS {
        assert_eq!(bench.input(&piece(1, 7, n * 8, true, &[0; 8]), AT(0)), None);
    }
    assert_eq!(bench.dropped(DropReason::IpFragTableFull), MAX_FRAGMENTS as u64 + 1);
    assert_eq!(bench.reassembler.datagrams(), 0);
    bench.audit();
}

#[test]
fn padding_is_cut_off() {
    let mut bench = Bench::new(Limits::default());
    let mut first = piece(1, 7, 0, true, &[1; 8]);
    first.extend([0xee; 18]);
    let mut last = piece(1, 7, 8, false, &[2; 3]);
    last.extend([0xee; 23]);
    assert_eq!(bench.input(&first, AT(0)), None);
    let whole = bench.input(&last, AT(0)).unwrap();
    assert_eq!(whole[20..], [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2]);
    bench.audit();
}

#[test]
fn given_up_after_thirty_seconds() {
    let mut bench = Bench::new(Limits::default());
    bench.input(&piece(1, 7, 0, true, &[1; 8]), AT(1000));
    bench.input(&piece(1, 8, 0, true, &[1; 8]), AT(2000));
    bench.input(&piece(1, 7, 16, true, &[1; 8]), AT(30_000));
    bench.reassembler.expire(AT(30_999), &bench.counters);
    assert_eq!(bench.reassembler.datagrams(), 2);
    bench.reassembler.expire(AT(31_000), &bench.counters);
    assert_eq!((bench.reassembler.datagrams(), bench.dropped(DropReason::IpFragTimeout)), (1, 2));
    bench.reassembler.expire(AT(1_000_000), &bench.counters);
    assert_eq!((bench.reassembler.datagrams(), bench.dropped(DropReason::IpFragTimeout)), (0, 3));
    bench.audit();
}

#[test]
fn one_source_displaces_only_its_own() {
    let limits = Limits { datagrams: 64, fragments: 64, per_source: 4 };
    let mut bench = Bench::new(limits);
    bench.input(&piece(0x0a00_0001, 1, 0, true, &[1; 8]), AT(0));
    for id in 0..1000 {
        bench.input(&piece(0x0a00_0002, id, 0, true, &[1; 8]), AT(1));
        bench.audit();
    }
    assert_eq!(bench.reassembler.datagrams(), 5);
    assert_eq!(bench.dropped(DropReason::IpFragTableFull), 996);
    assert!(bench.input(&piece(0x0a00_0001, 1, 8, false, &[1; 8]), AT(2)).is_some());
    // Of the hog's own, the newest are kept.
    assert!(bench.input(&piece(0x0a00_0002, 999, 8, false, &[1; 8]), AT(2)).is_some());
    assert!(bench.input(&piece(0x0a00_0002, 1, 8, false, &[1; 8]), AT(2)).is_none());
    bench.audit();
}

/// A flood of forged sources, while an honest one's fragments follow each other.
#[test]
fn a_flood_does_not_stop_who_is_quick() {
    let limits = Limits { datagrams: 64, fragments: 40, per_source: 4 };
    let mut bench = Bench::new(limits);
    let mut forged = 0u32;
    for round in 0..1000u16 {
        bench.input(&piece(0x0a00_0001, round, 0, true, &[1; 8]), AT(0));
        for _ in 0..16 {
            forged = forged.wrapping_add(0x0107_0d01);
            bench.input(&piece(forged, 5, 0, true, &[1; 8]), AT(0));
        }
        assert!(bench.input(&piece(0x0a00_0001, round, 8, false, &[1; 8]), AT(0)).is_some());
        bench.audit();
    }
}

#[test]
fn congestion_marks_survive() {
    // RFC 3168 5.3: any CE marks the whole; CE beside Not-ECT is dropped.
    for (a, b, expected) in [
        (0, 0, Some(0)),
        (2, 2, Some(2)),
        (2, 3, Some(3)),
        (3, 1, Some(3)),
        (0, 3, None),
        (3, 0, None),
        (0, 2, Some(0)),
    ] {
        let mut bench = Bench::new(Limits::default());
        let mut first = piece(1, 7, 0, true, &[1; 8]);
        let mut last = piece(1, 7, 8, false, &[1; 8]);
        ip4::Header::of_mut(&mut first).unwrap().set_ecn(a);
        ip4::Header::of_mut(&mut last).unwrap().set_ecn(b);
        bench.input(&first, AT(0));
        let whole = bench.input(&last, AT(0));
        assert_eq!(whole.map(|whole| ip4::parse(&whole).unwrap().ecn()), expected, "{a} {b}");
        assert_eq!(bench.dropped(DropReason::EcnInvalid), if expected.is_none() { 2 } else { 0 });
        bench.audit();
    }
}

/// What a datagram's fragments add up to, as simply as can be.
#[derive(Default)]
struct Oracle {
    seen: HashMap<u16, Vec<(usize, bool, Vec<u8>)>>,
}

enum Verdict {
    Whole(Vec<u8>),
    Other,
}

impl Oracle {
    fn input(&mut self, id: u16, offset: usize, more: bool, payload: &[u8]) -> Verdict {
        if payload.is_empty() || more && !payload.len().is_multiple_of(8) {
            return Verdict::Other;
        }
        let entry = self.seen.entry(id).or_default();
        let this = (offset, more, payload.to_vec());
        if entry.contains(&this) {
            return Verdict::Other;
        }
        entry.push(this);
        let end = |(offset, _, payload): &(usize, bool, Vec<u8>)| offset + payload.len();
        let lasts: Vec<usize> = entry.iter().filter(|part| !part.1).map(end).collect();
        let longest = entry.iter().map(end).max().unwrap();
        let mut cover = vec![0u8; longest];
        let mut octets = vec![0u8; longest];
        for part in entry.iter() {
            octets[part.0..end(part)].copy_from_slice(&part.2);
            cover[part.0..end(part)].iter_mut().for_each(|count| *count += 1);
        }
        let spoilt = lasts.len() > 1
            || cover.iter().any(|count| *count > 1)
            || lasts.iter().any(|last| *last < longest)
            || entry.len() > MAX_FRAGMENTS;
        if spoilt {
            self.seen.remove(&id);
            return Verdict::Other;
        }
        if lasts.len() == 1 && cover.iter().all(|count| *count == 1) {
            self.seen.remove(&id);
            return Verdict::Whole(octets);
        }
        Verdict::Other
    }
}

proptest! {
    /// What was cut comes together again, in any order and with any part sent twice.
    #[test]
    fn fragmented_is_reassembled(
        len in 1usize..1900, mtu in 128usize..1500, order in any::<u64>(), twice in any::<u32>(), tos: u8,
    ) {
        let mut bench = Bench::new(Limits::default());
        let mut whole = piece(9, 1, 0, false, &octets(len));
        ip4::Header::of_mut(&mut whole).unwrap().set_tos(tos);
        let mut pieces = Fragments::new();
        let packet = bench.pool.with(&whole).unwrap();
        fragment(packet, mtu, &mut bench.pool, &mut pieces).unwrap();
        let mut pieces: Vec<Vec<u8>> = pieces.into_iter().map(|piece| piece.data().to_vec()).collect();
        if pieces.len() > 1 {
            for n in 0..pieces.len() {
                let other = (order >> (n * 3) & 0xffff) as usize % pieces.len();
                pieces.swap(n, other);
            }
            let (last, others) = pieces.split_last().unwrap();
            for (n, part) in others.iter().enumerate() {
                prop_assert_eq!(bench.input(part, AT(0)), None);
                if twice >> n & 1 != 0 {
                    prop_assert_eq!(bench.input(part, AT(0)), None);
                }
            }
            prop_assert_eq!(bench.input(last, AT(0)), Some(whole));
            bench.audit();
            prop_assert_eq!(bench.drops(), bench.dropped(DropReason::IpFragDuplicate));
        }
    }

    /// Any soup of fragments makes whole exactly what the oracle makes whole.
    #[test]
    fn soup_is_the_oracle(
        parts in proptest::collection::vec((0u16..3, 0usize..8, any::<bool>(), 0usize..5, 0usize..3, 0u8..20), 0..80),
    ) {
        let mut bench = Bench::new(Limits::default());
        let mut oracle = Oracle::default();
        for (id, offset, more, words, odd, fill) in parts {
            let len = words * 8 + if more && fill != 0 { 0 } else { odd };
            // Mostly the same octets at the same place, so that duplicates occur, sometimes others.
            let payload: Vec<u8> = (0..len).map(|n| (offset * 8 + n) as u8 ^ u8::from(fill == 1)).collect();
            let made = bench.input(&piece(9, id, offset * 8, more, &payload), AT(0));
            let expected = match oracle.input(id, offset * 8, more, &payload) {
                Verdict::Whole(octets) => Some(octets),
                Verdict::Other => None,
            };
            prop_assert_eq!(made.map(|whole| ip4::parse(&whole).unwrap().payload().to_vec()), expected);
            bench.audit();
        }
    }

    /// Any octets, small bounds, time going on: nothing is lost and nothing exceeds its bound.
    #[test]
    fn any_octets_are_safe(
        inputs in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..60), 0u64..9000), 0..60),
        (datagrams, fragments, per_source) in (0u16..5, 0u32..6, 0u16..4),
    ) {
        let mut bench = Bench::new(Limits { datagrams, fragments, per_source });
        let mut now = 0;
        for (mut data, step) in inputs {
            if data.len() >= 20 {
                data[0] = 0x45 + data[0] % 2;
                data[2] = 0;
                data[4..8].iter_mut().for_each(|octet| *octet &= 0x21);
                let few = data[10] & 3;
                data[9..20].fill(few);
            }
            now += step;
            bench.reassembler.expire(AT(now), &bench.counters);
            bench.input(&data, AT(now));
            bench.audit();
        }
    }
}

#[test]
fn fragments_never_hold_more_than_their_share_of_the_buffers() {
    for buffers in [1024, 8192, 65_536, 1 << 24] {
        for workers in [1, 2, 7, 64] {
            let limits = Limits::of(buffers, workers);
            assert!(limits.fragments * workers as u32 <= buffers / BUFFER_SHARE, "{buffers} {workers}");
            assert!(limits.datagrams >= 1 && u32::from(limits.datagrams) <= limits.fragments);
            assert!(limits.per_source >= 2 && limits.per_source <= 32);
        }
    }
    assert_eq!(Limits::of(65_536, 1), Limits { datagrams: 2048, fragments: 4096, per_source: 32 });
    assert_eq!(Limits::of(0, 0), Limits { datagrams: 1, fragments: 1, per_source: 2 });
    // A flood of first fragments, each of another source.
    let limits = Limits::of(1024, 2);
    let mut bench = Bench::new(limits);
    for source in 0..1000 {
        bench.input(&piece(0x0a00_0000 + source, 5, 0, true, &[1; 8]), AT(0));
        assert!(bench.reassembler.fragments() <= 1024 / 8 / 2);
        bench.audit();
    }
}
