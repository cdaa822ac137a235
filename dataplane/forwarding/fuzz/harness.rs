//! What must hold for any octets that reach a stage. Each function is a fuzz target, and a plain test runs it over
//! the captures (`tests/corpus.rs`).

use crate::hub;
use forwarding::Now;
use forwarding::crypto::{
    Choice, Context, Crypto, Direction, Engine, HEADER, Job, Keys, SEED, Status, Transform, Wish, overhead,
};
use forwarding::fragment::{Fragments, Refusal, fragment as cut};
use forwarding::icmp_error::{Problem, build};
use forwarding::memory::{MemoryBuffer, MemoryPool};
use forwarding::reassembly::{Limits, Reassembler};
use forwarding::{ecn, mss};
use shm::counters::WorkerCounters;
use shm::drops::DropReason;
use std::cell::RefCell;
use std::net::Ipv4Addr;
use wire::buffer::PacketBuffer;
use wire::{eth, gre, icmp, ip4, tcp};

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

thread_local! {
    /// A hub that stays, since making one costs more than a packet.
    static SHARED: RefCell<hub::Hub<'static>> =
        RefCell::new(hub::Hub::new(hub::KEY, Box::leak(Box::new(hub::counters()))));
}

/// Frames through the whole forwarder: records of `flags, length (2), octets`. The flags choose the port and how much
/// of the frame is made right, so that the fuzzer gets past the checksums.
pub fn process(data: &[u8]) {
    SHARED.with_borrow_mut(|hub| {
        // Long after the last input, so that no rate limit and no memory of it is left.
        hub.now += 1_000_000;
        process_with(hub, data);
    });
}

fn process_with(hub: &mut hub::Hub<'_>, data: &[u8]) {
    let (drops, reassembled) = (hub.drops(), hub.counters.reassembled.get());
    let (mut given, mut left, mut rest) = (0, 0, data);
    while let [flags, high, low, after @ ..] = rest {
        // Less than a buffer holds, tunnel headers included.
        let size = usize::from(u16::from_be_bytes([high & 7, *low])).min(after.len()).min(1900);
        let (octets, after) = after.split_at(size);
        rest = after;
        hub.now += u64::from(flags >> 5);
        let out = match flags & 3 {
            0 => hub.twin(&[mended_inner(octets, *flags)]),
            1 => hub.receive(hub::LAN, &[hub::frame(hub::LAN, &mended_inner(octets, *flags))]),
            2 => hub.receive(hub::UNDERLAY, &[octets.to_vec()]),
            _ => hub.receive(hub::UNDERLAY, &[mended_outer(octets, *flags)]),
        };
        given += 1;
        left += audit(&out);
    }
    // Fragments are given up, copies are made.
    hub.now += 60_000;
    for _ in 0..given + 1 {
        left += audit(&hub.tick());
    }
    assert!(hub.is_empty(), "a buffer was lost");
    if hub.counters.reassembled.get() == reassembled {
        assert!(left as u64 + hub.drops() - drops >= given as u64, "a packet is accounted for nowhere");
    }
}

const MEND_CHECKSUM: u8 = 4;
const MEND_OUTER: u8 = 8;

fn mended_inner(octets: &[u8], flags: u8) -> Vec<u8> {
    let mut packet = octets.to_vec();
    if flags & MEND_CHECKSUM != 0 && packet.len() >= ip4::LEN {
        let total = (packet.len() as u16).to_be_bytes();
        packet[2..4].copy_from_slice(&total);
        let _ = ip4::fill_checksum(&mut packet);
    }
    packet
}

/// An outer packet to the hub: its addresses and checksums right, and the inner one's checksum.
fn mended_outer(octets: &[u8], flags: u8) -> Vec<u8> {
    if flags & MEND_OUTER != 0 {
        return from_spoke(&mended_inner(octets, flags));
    }
    let mut packet = octets.to_vec();
    if packet.len() >= ip4::LEN {
        let total = (packet.len() as u16).to_be_bytes();
        packet[2..4].copy_from_slice(&total);
        packet[9] = ip4::protocol::GRE;
        let spoke = hub::SPOKE_NBMA[usize::from(packet[12] & 1)];
        packet[12..16].copy_from_slice(&spoke.octets());
        packet[16..20].copy_from_slice(&hub::NBMA.octets());
        let _ = ip4::fill_checksum(&mut packet);
    }
    hub::frame(hub::UNDERLAY, &packet)
}

fn from_spoke(inner: &[u8]) -> Vec<u8> {
    let gre = hub::gre(hub::KEY, gre::PROTO_IPV4, inner);
    hub::frame(hub::UNDERLAY, &hub::ip(hub::SPOKE_NBMA[0], hub::NBMA, ip4::protocol::GRE, 255, &gre))
}

/// What leaves is right on the wire. Says how much left.
fn audit(out: &hub::Out) -> usize {
    for (port, octets) in &out.frames {
        let header = eth::parse(octets).unwrap();
        assert_eq!((header.destination, header.source), (hub::HOP_MAC, hub::PORT_MAC[usize::from(*port)]));
        let packet = ip4::parse(&octets[header.header_len..]).unwrap();
        assert_eq!(packet.total_len(), octets.len() - header.header_len);
        assert!(packet.total_len() <= 1500);
        if *port == hub::UNDERLAY {
            assert_eq!(packet.source(), hub::NBMA);
            assert!(hub::SPOKE_NBMA.contains(&packet.destination()));
            let gre = gre::parse(packet.payload()).unwrap();
            assert_eq!((gre.key, gre.protocol), (hub::KEY, gre::PROTO_IPV4));
            let inner = ip4::parse(gre.payload).unwrap();
            assert_eq!(inner.total_len(), gre.payload.len());
            assert!(inner.total_len() <= usize::from(hub::TUNNEL_MTU));
        }
    }
    for packet in &out.tunnel_twin {
        assert_eq!(ip4::parse(packet).unwrap().total_len(), packet.len());
    }
    out.frames.len() + out.port_twin.len() + out.tunnel_twin.len() + out.nhrp.len()
}

thread_local! {
    /// The engines that this machine has, the portable one first.
    static ENGINES: RefCell<Vec<(Choice, Crypto)>> = RefCell::new(
        Engine::ALL
            .into_iter()
            .filter_map(|engine| {
                let choice = Choice::new(Wish::Only(engine)).ok()?;
                let crypto = Crypto::new(&choice, &[1; SEED]).ok()?;
                Some((choice, crypto))
            })
            .collect(),
    );
}

/// Engines agree. `transform, flags, sequence number (8), key octet`, then packets of `length (2), octets`: first as they
/// came, to be opened; then as texts, sealed by each engine as a batch and opened by the next.
pub fn crypto(data: &[u8]) {
    let Some(([which, flags, sequence @ .., octet], rest)) = data.split_first_chunk::<11>() else { return };
    let transform = Transform::ALL[usize::from(*which) % Transform::ALL.len()];
    let esn = flags & 1 != 0;
    let sequence = u64::from_be_bytes(*sequence);
    let keys = Keys::new(transform, &vec![*octet; transform.material_len()]).unwrap();
    let pieces = pieces(rest);
    ENGINES.with_borrow_mut(|engines| {
        let contexts: Vec<_> = engines
            .iter()
            .map(|(choice, _)| {
                [Direction::Inbound, Direction::Outbound]
                    .map(|direction| Context::new(choice, direction, &keys, esn).unwrap())
            })
            .collect();
        let mut first = None;
        for ((_, crypto), [inbound, _]) in engines.iter_mut().zip(&contexts) {
            let mut packets = pieces.clone();
            let statuses = run(&mut packets, inbound, sequence, |jobs| crypto.open(jobs));
            for (packet, status) in packets.iter_mut().zip(&statuses) {
                assert!(matches!(status, Status::Done | Status::BadIcv | Status::BadLength));
                if *status != Status::Done {
                    packet.clear();
                }
            }
            let outcome = (statuses, packets);
            assert_eq!(*first.get_or_insert_with(|| outcome.clone()), outcome);
        }

        let block = if transform.is_gcm() { 1 } else { 16 };
        let texts: Vec<&[u8]> = pieces.iter().map(|piece| &piece[..piece.len() / block * block]).collect();
        let start = HEADER + transform.iv_len();
        for sealer in 0..engines.len() {
            let opener = (sealer + 1) % engines.len();
            let mut packets: Vec<Vec<u8>> = texts
                .iter()
                .map(|text| {
                    let mut packet = vec![0; overhead(transform) + text.len()];
                    packet[start..start + text.len()].copy_from_slice(text);
                    packet[4..8].copy_from_slice(&(sequence as u32).to_be_bytes());
                    packet
                })
                .collect();
            let sealed =
                run(&mut packets, &contexts[sealer][1], sequence, |jobs| engines[sealer].1.seal(jobs));
            assert!(sealed.iter().all(|status| *status == Status::Done));
            let opened =
                run(&mut packets, &contexts[opener][0], sequence, |jobs| engines[opener].1.open(jobs));
            assert!(opened.iter().all(|status| *status == Status::Done));
            for (packet, text) in packets.iter().zip(&texts) {
                assert_eq!(&packet[start..start + text.len()], *text);
            }
        }
    });
}

fn pieces(mut rest: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    while let [high, low, after @ ..] = rest {
        let size = usize::from(u16::from_be_bytes([high & 7, *low])).min(after.len());
        let (piece, after) = after.split_at(size);
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces
}

fn run(
    packets: &mut [Vec<u8>],
    context: &Context,
    sequence: u64,
    work: impl FnOnce(&mut [Job<'_>]),
) -> Vec<Status> {
    let mut jobs: Vec<_> = packets.iter_mut().map(|packet| Job::new(context, packet, sequence)).collect();
    work(&mut jobs);
    jobs.iter().map(|job| job.status).collect()
}
