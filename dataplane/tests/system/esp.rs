//! A dataplane that is killed while it sends by an SA, again and again: no key ever sees a nonce twice, and nothing ever
//! leaves in the clear. Every frame that it sends is looked at.

use crate::frames::{SPOKE2, to_mac};
use crate::hub::{Hub, Setup};
use crate::namespace::{isolated, wait_for};
use crate::wire_end::WireEnd;
use forwarding::crypto::{Choice, Context, Crypto, Direction, Job, SEED, Status, Wish};
use shm::message::{
    Encap, Inject, Keys, Mode, Protection, SaId, SaInbound, SaOutbound, SessionId, Target, Transform, Update,
    spi,
};
use shm::{Segment, Side, UpdateSender};
use std::collections::HashSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::num::{NonZeroU8, NonZeroU64};
use std::time::{Duration, Instant};

/// How often it is killed. More of it: `HUB_KILLS=100`.
const KILLS: u32 = 12;
/// Lives that one pair of keys lasts.
const LIVES_PER_KEY: u32 = 4;
/// Packets of each worker's that must have left before it is killed.
const LEAST: usize = 50;
const SA: SaId = 5;
const ESP: u8 = 50;

/// The keys of the moment: everything about them follows from their number.
#[derive(Clone, Copy)]
struct Pair(u32);

impl Pair {
    fn tag(self) -> NonZeroU64 {
        NonZeroU64::new(0x7a67_0000 + u64::from(self.0)).unwrap()
    }
    fn outbound_spi(self) -> u32 {
        0x4000_0000 + self.0
    }
    fn keys(self) -> Keys {
        Keys::new(Transform::Gcm128, &[self.0 as u8 + 1; 20]).unwrap()
    }
    fn updates(self) -> [Update; 2] {
        let inbound = SaInbound {
            id: SA,
            spi: spi(NonZeroU8::new(self.0 as u8 + 1).unwrap(), SA),
            tag: self.tag(),
            session: session(),
            local: crate::hub::NBMA.into(),
            nbma: SPOKE2.nbma().into(),
            udp: None,
            encap: Encap::Plain,
            mode: Mode::Transport,
            esn: false,
            window: 64,
            keys: self.keys(),
        };
        let outbound = SaOutbound {
            id: SA,
            spi: self.outbound_spi(),
            tag: self.tag(),
            mode: Mode::Transport,
            esn: false,
            hard_packets: u64::MAX,
            keys: self.keys(),
        };
        [Update::SaInbound(inbound), Update::SaOutbound(outbound)]
    }
}

fn session() -> SessionId {
    SessionId::new(12).unwrap()
}

fn protection() -> Option<Protection> {
    Some(Protection { session: session(), sa: Some(SA), udp: None })
}

/// Everything that was sent, looked at packet by packet.
struct Examiner {
    wire: WireEnd,
    crypto: Crypto,
    choice: Choice,
    /// SPI, which names a key, and IV, which with the key's salt is the nonce.
    seen: HashSet<(u32, [u8; 8])>,
    /// Data, and NHRP: each comes from a worker of its own.
    counts: [usize; 2],
}

impl Examiner {
    fn look(&mut self, pairs: u32) {
        while let Some(frame) = self.wire.receive() {
            let Some(packet) = to_mac(&frame, SPOKE2.mac()) else { continue };
            assert_eq!(packet.protocol, ESP, "something else than ESP to a protected peer");
            let mut sealed = packet.payload;
            let spi = u32::from_be_bytes(sealed[..4].try_into().unwrap());
            let sequence = u32::from_be_bytes(sealed[4..8].try_into().unwrap());
            let iv = sealed[8..16].try_into().unwrap();
            assert!(self.seen.insert((spi, iv)), "key {spi:x}: nonce {iv:x?} comes a second time");
            let pair = Pair(spi - Pair(0).outbound_spi());
            assert!(pair.0 < pairs);
            let keys = Context::new(&self.choice, Direction::Inbound, &pair.keys(), false).unwrap();
            let mut jobs = [Job::new(&keys, &mut sealed, sequence.into())];
            self.crypto.open(&mut jobs);
            assert_eq!(jobs[0].status, Status::Done, "sequence number {sequence} of key {spi:x}");
            // GRE, without a key: the protocol type is its second half.
            match sealed[18..20] {
                [0x08, 0x00] => self.counts[0] += 1,
                [0x20, 0x01] => self.counts[1] += 1,
                ref other => panic!("GRE carries {other:x?}"),
            }
        }
    }
}

fn send(updates: &mut UpdateSender, update: &Update) {
    wait_for("room for an update", || updates.send(update).ok());
}

fn synchronise(segment: &Segment, updates: &mut UpdateSender, generation: u64, pair: Pair) {
    send(updates, &Update::Begin { generation });
    send(updates, &Update::Link { id: 0, port: 0, mac: Some(SPOKE2.mac()) });
    pair.updates().iter().for_each(|update| send(updates, update));
    let nbma = SPOKE2.nbma().into();
    let peer = Update::Peer { id: 0, tunnel: 0, nbma, link: 0, multicast: false, protection: protection() };
    send(updates, &peer);
    let prefix = Ipv4Addr::from(SPOKE2.tunnel());
    send(updates, &Update::Route { vrf: 0, prefix, len: 32, target: Target::Peer(0) });
    send(updates, &Update::End { generation });
    wait_for("the tables", || (segment.life(Side::Dataplane).generation == generation).then_some(()));
}

#[test]
fn killed_under_load_no_nonce_comes_twice() {
    isolated("esp::killed_under_load_no_nonce_comes_twice", || {
        let kills = std::env::var("HUB_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
        let choice = Choice::new(Wish::Auto).unwrap();
        let mut examiner = Examiner {
            wire: WireEnd::lay(),
            crypto: Crypto::new(&choice, &[1; SEED]).unwrap(),
            choice,
            seen: HashSet::new(),
            counts: [0; 2],
        };
        // Two workers: what the kernel sends comes by one, control's packets by the other, and both send by one SA.
        let setup = Setup { tables: false, workers: 2, protected: true, ..Setup::default() };
        let mut hub = Hub::start("esp", setup);
        Hub::address_twins();
        let segment = hub.segment();
        let mut updates = segment.update_sender().unwrap();
        let mut injects = segment.inject_sender().unwrap();
        let socket = UdpSocket::bind(("10.255.0.1", 0)).unwrap();
        let to = (Ipv4Addr::from(SPOKE2.tunnel()), 9);
        for life in 0..kills {
            let pair = Pair(life / LIVES_PER_KEY);
            if life.is_multiple_of(LIVES_PER_KEY) {
                assert!(segment.arm(SA, pair.tag()));
            }
            synchronise(&segment, &mut updates, u64::from(life) + 1, pair);
            let before = examiner.counts;
            let deadline = Instant::now() + crate::namespace::PATIENCE;
            while examiner.counts.iter().zip(before).any(|(now, before)| *now < before + LEAST) {
                for _ in 0..8 {
                    // While the twin is down nothing can be sent, nor must it be.
                    let _ = socket.send_to(b"load", to);
                    let nbma = SPOKE2.nbma().into();
                    let nhrp =
                        Inject::Nhrp { tunnel: 0, nbma, link: 0, protection: protection(), packet: b"load" };
                    let _ = injects.send(&nhrp);
                }
                examiner.look(pair.0 + 1);
                assert!(Instant::now() < deadline, "{:?} {}", examiner.counts, hub.log());
                std::thread::sleep(Duration::from_millis(1));
            }
            // In the middle of it: more is under way.
            let generation = segment.life(Side::Dataplane).boot_id;
            hub.kill_and_restart();
            wait_for("the new dataplane", || {
                let boot = segment.life(Side::Dataplane).boot_id;
                (boot != generation && boot != 0).then_some(())
            });
            examiner.look(pair.0 + 1);
        }
        eprintln!("{kills} kills, {:?} packets, none with the nonce of another", examiner.counts);
        assert!(examiner.seen.len() >= 2 * LEAST * kills as usize);
    });
}
