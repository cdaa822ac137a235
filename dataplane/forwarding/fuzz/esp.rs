//! What must hold for any octets that reach a tunnel with protection, before and after they have proved authentic: the
//! fuzzer holds the keys. A fuzz target, and a plain test runs it over the captures (`tests/corpus.rs`).

use crate::hub::{self, HOP_MAC, NBMA, PORT_MAC, SPOKE_NBMA, UNDERLAY};
use forwarding::crypto::{Choice, Context, Crypto, Direction, Job, SEED, Status, Wish};
use forwarding::memory::MemoryPool;
use forwarding::{ApplyError, Burst, Forwarder, Now, Security, Updater, secured_tables};
use shm::message::{
    Encap, Keys, Mode, Protection, SaId, SaInbound, SaOutbound, SessionId, Target, Transform, Update, spi,
};
use shm::{Geometry, Segment};
use std::cell::RefCell;
use std::num::{NonZeroU8, NonZeroU64};
use wire::{esp, eth, ip4, udp};

const BUFFERS: usize = 256;
/// Transform and mode of each spoke's SA.
const SAS: [(Transform, bool); 2] = [(Transform::Gcm128, false), (Transform::Cbc256Sha256, true)];
const TAG: NonZeroU64 = NonZeroU64::MIN;

/// A hub with an SA of each kind, and the spokes' ends of them.
struct Protected {
    forwarder: Forwarder<'static, MemoryPool>,
    pool: MemoryPool,
    segment: Segment,
    crypto: Crypto,
    /// To seal what the hub opens, by spoke.
    seals: Vec<Context>,
    /// To open what the hub seals, by spoke.
    opens: Vec<Context>,
    now: u64,
}

fn keys(transform: Transform, seed: u8) -> Keys {
    let len = transform.encryption_len() + transform.integrity_len();
    Keys::new(transform, &vec![seed; len]).unwrap()
}

fn own_spi(id: SaId) -> u32 {
    spi(NonZeroU8::MIN, id)
}

fn peer_spi(id: SaId) -> u32 {
    0xabcd_0000 + id
}

/// The updates that install the SA of a spoke and what depends on it.
fn updates(spoke: usize) -> Vec<Update> {
    let (transform, tunnel) = SAS[spoke];
    let id = spoke as SaId;
    let mode = match tunnel {
        true => Mode::Tunnel { local: NBMA, remote: SPOKE_NBMA[spoke] },
        false => Mode::Transport,
    };
    let session = SessionId::new(100 + id).unwrap();
    let inbound = SaInbound {
        id,
        spi: own_spi(id),
        tag: TAG,
        session,
        local: NBMA,
        nbma: SPOKE_NBMA[spoke],
        udp: None,
        encap: Encap::Plain,
        mode,
        esn: tunnel,
        window: 64,
        keys: keys(transform, 1),
    };
    let outbound = SaOutbound {
        id,
        spi: peer_spi(id),
        tag: TAG,
        mode,
        esn: tunnel,
        hard_packets: u64::MAX,
        keys: keys(transform, 2),
    };
    let peer = Update::Peer {
        id,
        tunnel: 0,
        nbma: SPOKE_NBMA[spoke],
        link: 0,
        multicast: true,
        protection: Some(Protection { session, sa: Some(id), udp: tunnel.then_some(4711) }),
    };
    let [a, b, c, _] = hub::HOST[spoke].octets();
    let route = Update::Route { vrf: 0, prefix: [a, b, c, 0].into(), len: 24, target: Target::Peer(id) };
    vec![Update::SaInbound(inbound), Update::SaOutbound(outbound), peer, route]
}

impl Protected {
    fn new() -> Self {
        let segment = Segment::private(&Geometry { workers: 1, max_peers: 16 }).unwrap();
        let choice = Choice::new(Wish::Auto).unwrap();
        let mut settings = hub::settings(hub::KEY);
        settings.tunnels[0].protected = true;
        let security =
            Security { cells: segment.sas_shared(), choice: choice.clone(), seeds: vec![[3; SEED]] };
        let (mut updater, mut readers) = secured_tables(settings, Some(security)).unwrap();
        let (counters, peers) = Box::leak(Box::new(hub::counters()));
        let pool = MemoryPool::new(BUFFERS, 2048);
        let mut forwarder = Forwarder::new(readers.pop().unwrap(), pool.clone(), counters, peers);
        let link = Update::Link { id: 0, port: UNDERLAY, mac: Some(HOP_MAC.0) };
        install(&mut updater, &mut forwarder, &link);
        for spoke in 0..SAS.len() {
            assert!(segment.arm(spoke as SaId, TAG));
            updates(spoke).iter().for_each(|update| install(&mut updater, &mut forwarder, update));
        }
        let contexts = |direction, seed| {
            let make = |(transform, esn): &(Transform, bool)| {
                Context::new(&choice, direction, &keys(*transform, seed), *esn).unwrap()
            };
            SAS.iter().map(make).collect()
        };
        Self {
            forwarder,
            pool,
            segment,
            crypto: Crypto::new(&choice, &[4; SEED]).unwrap(),
            seals: contexts(Direction::Outbound, 1),
            opens: contexts(Direction::Inbound, 2),
            now: 1000,
        }
    }

    /// An authentic ESP packet of a spoke with this plaintext, made whole blocks; its number is `ahead` of the newest.
    fn sealed(&mut self, spoke: usize, ahead: i8, text: &[u8]) -> Vec<u8> {
        let transform = SAS[spoke].0;
        let top = self.segment.sa(spoke as SaId).unwrap().inbound.top.get();
        let sequence = top.saturating_add_signed(ahead.into());
        let mut packet = vec![0; esp::LEN];
        esp::emit(&mut packet, own_spi(spoke as SaId), sequence as u32).unwrap();
        packet.resize(packet.len() + transform.iv_len(), 0);
        // At the front, so that the fuzzer's last octets are the trailer.
        packet.resize(packet.len() + text.len().wrapping_neg() % transform.block_len(), 0);
        packet.extend(text);
        packet.resize(packet.len() + transform.icv_len(), 0);
        let mut jobs = [Job::new(&self.seals[spoke], &mut packet, sequence)];
        self.crypto.seal(&mut jobs);
        assert_eq!(jobs[0].status, Status::Done);
        packet
    }

    fn receive(&mut self, frame: &[u8]) -> hub::Out {
        let mut out = hub::Out::default();
        let mut burst = Burst::new();
        burst.extend(self.pool.with(frame));
        let now = Now::from_millis(self.now);
        self.forwarder.process(UNDERLAY, &mut burst, now, &mut out);
        self.forwarder.tick(now, &mut out);
        out
    }

    /// What leaves is ESP or IKE's, and opens with the receiver's keys.
    fn audit(&mut self, out: &hub::Out) {
        for (port, octets) in &out.frames {
            let header = eth::parse(octets).unwrap();
            assert_eq!((header.destination, header.source), (HOP_MAC, PORT_MAC[usize::from(*port)]));
            let packet = ip4::parse(&octets[header.header_len..]).unwrap();
            assert_eq!(packet.total_len(), octets.len() - header.header_len);
            assert!(packet.total_len() <= 1500);
            if *port != UNDERLAY {
                continue;
            }
            let spoke = SPOKE_NBMA.iter().position(|nbma| *nbma == packet.destination()).unwrap();
            let mut sealed = match packet.protocol() {
                ip4::protocol::ESP => packet.payload().to_vec(),
                ip4::protocol::UDP => packet.payload()[udp::LEN..].to_vec(),
                other => panic!("protocol {other} in the clear"),
            };
            let header = esp::parse(&sealed).unwrap();
            assert_eq!(header.spi.get(), peer_spi(spoke as SaId));
            let mut jobs = [Job::new(&self.opens[spoke], &mut sealed, header.sequence.get().into())];
            self.crypto.open(&mut jobs);
            assert_eq!(jobs[0].status, Status::Done);
        }
    }
}

/// Applies an update; the worker takes what it must.
fn install(updater: &mut Updater, forwarder: &mut Forwarder<'_, MemoryPool>, update: &Update) {
    while updater.apply(update) == Err(ApplyError::Busy) {
        forwarder.tick(Now::from_millis(0), &mut hub::Out::default());
    }
}

thread_local! {
    /// A hub that stays, since making one costs more than a packet.
    static SHARED: RefCell<Protected> = RefCell::new(Protected::new());
}

/// Frames: records of `flags, length (2), octets`. The flags choose how much is made right: nothing, the outer header, the
/// SPI, or all but the plaintext.
pub fn esp(data: &[u8]) {
    SHARED.with_borrow_mut(|hub| {
        hub.now += 1_000_000;
        let mut rest = data;
        while let [flags, high, low, after @ ..] = rest {
            let size = usize::from(u16::from_be_bytes([high & 7, *low])).min(after.len()).min(1900);
            let (octets, after) = after.split_at(size);
            rest = after;
            let frame = frame(hub, *flags, octets);
            let out = hub.receive(&frame);
            hub.audit(&out);
        }
        // Fragments are given up.
        hub.now += 60_000;
        let _ = hub.receive(&[]);
        assert_eq!(hub.pool.available(), BUFFERS, "a buffer was lost");
    });
}

/// Packets opened and sealed so far.
#[allow(dead_code)]
pub fn progress() -> (u64, u64) {
    SHARED.with_borrow(|hub| {
        let cells: Vec<_> = (0..SAS.len() as SaId).filter_map(|id| hub.segment.sa(id)).collect();
        let opened = cells.iter().map(|cells| cells.inbound.packets.get()).sum();
        (opened, cells.iter().map(|cells| cells.outbound.sequence()).sum())
    })
}

const IN_UDP: u8 = 4;
const SECOND: u8 = 8;

fn frame(hub: &mut Protected, flags: u8, octets: &[u8]) -> Vec<u8> {
    let spoke = usize::from(flags & SECOND != 0);
    let packet = match flags & 3 {
        0 => return octets.to_vec(),
        1 => octets.to_vec(),
        2 => {
            let mut packet = octets.to_vec();
            if let Some(front) = packet.first_chunk_mut() {
                *front = own_spi(spoke as SaId).to_be_bytes();
            }
            packet
        }
        // From 4 behind the newest to 11 ahead of it.
        _ => hub.sealed(spoke, (flags >> 4) as i8 - 4, octets),
    };
    let from = SPOKE_NBMA[spoke];
    if flags & IN_UDP == 0 {
        return hub::frame(UNDERLAY, &hub::ip(from, NBMA, ip4::protocol::ESP, 64, &packet));
    }
    let port = if flags & 0x40 != 0 { esp::PORT_IKE } else { esp::PORT_NATT };
    let mut datagram = vec![0; udp::LEN];
    datagram.extend(packet);
    udp::emit(&mut datagram, 4711, port, from, NBMA).unwrap();
    hub::frame(UNDERLAY, &hub::ip(from, NBMA, ip4::protocol::UDP, 64, &datagram))
}
