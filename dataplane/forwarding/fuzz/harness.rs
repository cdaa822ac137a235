//! What must hold for any octets that reach a stage. Each function is a fuzz target, and a plain test runs it over
//! the captures (`tests/corpus.rs`).

use forwarding::Now;
use forwarding::fragment::{Fragments, Refusal, fragment as cut};
use forwarding::icmp_error::{Problem, build};
use forwarding::memory::{MemoryBuffer, MemoryPool};
use forwarding::reassembly::{Limits, Reassembler};
use forwarding::{ecn, mss};
use shm::counters::WorkerCounters;
use shm::drops::DropReason;
use std::net::Ipv4Addr;
use wire::buffer::PacketBuffer;
use wire::{icmp, ip4, tcp};

const BUFFERS: usize = 64;
const DATAROOM: usize = 2048;
const HUB: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);

/// A run of fragments: one octet of bounds, then records of `step, length, octets`. The first octets of each are bent
/// so that fragments meet: few sources, identifications and offsets.
pub fn reassembly(data: &[u8]) {
    let Some((&bounds, mut rest)) = data.split_first() else { return };
    let limits = Limits {
        datagrams: u16::from(bounds & 3) * 4,
        fragments: u32::from(bounds >> 2 & 3) * 8,
        per_source: u16::from(bounds >> 4 & 3) * 2,
    };
    let mut pool = MemoryPool::new(BUFFERS, DATAROOM);
    let counters = WorkerCounters::default();
    let mut reassembler = Reassembler::new(limits);
    let (mut now, mut given, mut whole) = (0u64, 0usize, 0usize);
    while let [step, size, after @ ..] = rest {
        let (record, after) = after.split_at(usize::from(*size).min(after.len()));
        rest = after;
        now += u64::from(*step) * 100;
        reassembler.expire(Now::from_millis(now), &counters);
        let Some(buffer) = pool.with(&bent(record)) else { panic!("held more than its bound") };
        given += 1;
        if let Some(datagram) = reassembler.input(buffer, Now::from_millis(now), &counters) {
            whole += 1;
            let ip = ip4::parse_unsummed(datagram.data()).unwrap();
            assert_eq!(ip.total_len(), datagram.len());
            assert!(!ip.is_fragment());
        }
        assert!(reassembler.fragments() <= limits.fragments.max(1) as usize);
        assert!(reassembler.datagrams() <= usize::from(limits.datagrams.max(1)));
        assert_eq!(pool.available() + reassembler.fragments(), BUFFERS);
    }
    reassembler.expire(Now::from_millis(u64::MAX), &counters);
    assert_eq!((pool.available(), reassembler.datagrams()), (BUFFERS, 0));
    assert_eq!(counters.reassembled.get(), whole as u64);
    let dropped: u64 = counters.drops.iter().map(|counter| counter.get()).sum();
    assert!(dropped <= given as u64);
}

fn bent(record: &[u8]) -> Vec<u8> {
    let mut fragment = record.to_vec();
    if fragment.len() >= ip4::LEN {
        let total = (fragment.len() as u16).to_be_bytes();
        fragment[0] = 0x45 | fragment[0] & 2;
        fragment[2..4].copy_from_slice(&total);
        fragment[4..6].copy_from_slice(&[0, record[5] & 3]);
        fragment[6..8].copy_from_slice(&[record[6] & 0x20, record[7] & 0x1f]);
        fragment[9..20].fill(record[9] & 1);
    }
    fragment
}

/// Two octets of MTU, then a packet: the pieces fit, and together are the packet.
pub fn fragment(data: &[u8]) {
    let Some(([high, low], octets)) = data.split_first_chunk::<2>() else { return };
    let mtu = usize::from(u16::from_be_bytes([high & 7, *low]));
    let mut pool = MemoryPool::new(BUFFERS, DATAROOM);
    let Some(packet) = pool.with(octets) else { return };
    let mut pieces = Fragments::<MemoryBuffer>::new();
    let result = cut(packet, mtu, &mut pool, &mut pieces);
    let Ok(ip) = ip4::parse_unsummed(octets) else {
        assert_eq!(result, Err(Refusal::Malformed));
        return;
    };
    if result.is_err() {
        assert_eq!((pieces.len(), pool.available()), (0, BUFFERS));
        assert!(ip.total_len() > mtu);
        return;
    }
    let whole = ip.total_len() <= mtu;
    let mut payload = Vec::<u8>::new();
    for (number, piece) in pieces.iter().enumerate() {
        assert!(piece.len() <= mtu);
        let part = if whole { ip4::parse_unsummed(piece.data()) } else { ip4::parse(piece.data()) }.unwrap();
        assert_eq!(part.total_len(), piece.len());
        assert_eq!(part.fragment_offset(), ip.fragment_offset() + payload.len());
        let last = number + 1 == pieces.len();
        assert_eq!(part.more_fragments(), !last || ip.more_fragments());
        payload.extend(part.payload());
    }
    assert_eq!(payload, ip.payload());
    if !ip.is_fragment() && !whole {
        let counters = WorkerCounters::default();
        let mut reassembler = Reassembler::new(Limits::default());
        let now = Now::from_millis(0);
        let mut joined = None;
        let buffers = pieces.into_iter().rev();
        for piece in buffers {
            joined = reassembler.input(piece, now, &counters);
        }
        match joined {
            Some(joined) => assert_eq!(ip4::parse(joined.data()).unwrap().payload(), ip.payload()),
            None => assert!(counters.drops[DropReason::IpFragTableFull as usize].get() > 0),
        }
    }
}

/// An inner packet through the stages that change it in place.
pub fn leaves(data: &[u8]) {
    let mut fixed = data.to_vec();
    if ip4::parse_unsummed(data).is_ok() {
        ip4::fill_checksum(&mut fixed).unwrap();
    }
    error(&fixed, Problem::TtlExceeded);
    error(&fixed, Problem::FragmentationNeeded { mtu: 1400 });

    let mut clamped = fixed.clone();
    if mss::clamp(&mut clamped, 500) {
        let ip = ip4::parse(&clamped).unwrap();
        let segment = tcp::parse(ip.payload()).unwrap();
        assert_eq!(tcp::find_mss(&segment).map(|(_, value)| value), Some(500));
        assert!(!mss::clamp(&mut clamped, 500));
    } else {
        assert_eq!(clamped, fixed);
    }

    for outer in 0..4 {
        let mut packet = fixed.clone();
        let Some(header) = ip4::Header::of_mut(&mut packet) else { return };
        let kept = ecn::decapsulate(header, outer);
        assert!(kept.is_some() || outer == ecn::CE);
        assert_eq!(ip4::parse(&packet).is_ok(), ip4::parse(&fixed).is_ok());
    }
}

fn error(octets: &[u8], problem: Problem) {
    let mut pool = MemoryPool::new(1, DATAROOM);
    let Some(mut packet) = pool.with(octets) else { return };
    if build(&mut packet, problem, HUB).is_err() {
        assert_eq!(packet.data(), octets);
        return;
    }
    let about = ip4::parse_unsummed(octets).unwrap();
    let ip = ip4::parse(packet.data()).unwrap();
    assert_eq!((ip.source(), ip.destination()), (HUB, about.source()));
    assert!(ip.total_len() <= icmp::MAX_ERROR && ip.total_len() == packet.len());
    let message = icmp::parse(ip.payload()).unwrap();
    assert!(about.octets().starts_with(message.body));
    // An error about the error must not follow.
    assert!(build(&mut packet, problem, HUB).is_err());
}
