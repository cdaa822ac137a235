//! Cycles per packet of the forwarding path, without device and packet source.
//!
//! `cargo run --release -p forwarding --example cycles [REPETITIONS]`
//!
//! Hairpin from spoke to spoke through the hub, sender and receiver of each packet drawn at random, in bursts of 64,
//! inner packets of 64 octets. Only [`Forwarder::process`] is timed. Printed is the lowest of the repetitions, since
//! noise only adds, and the median.
#![allow(clippy::expect_used)]

use forwarding::memory::{DATAROOM, MemoryBuffer, MemoryPool};
use forwarding::{
    BURST, Burst, Forwarder, Now, PortAddress, PortSettings, Role, STAGES, Settings, Sink, TunnelSettings,
    Updater,
};
use shm::class::Class;
use shm::counters::{Traffic, WorkerCounters};
use shm::cpu::cycles;
use shm::message::{Event, PortId, Target, TunnelId, Update};
use std::hint::black_box;
use std::net::Ipv4Addr;
use wire::buffer::PacketBuffer;
use wire::ip4::{self, Fields};

const KEY: u32 = 7;
const HUB: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Bursts of one repetition: few, so that some repetition runs undisturbed on a shared machine.
const BURSTS: usize = 40;

/// Keeps buffers for the next burst.
#[derive(Default)]
struct Collector {
    frames: Vec<MemoryBuffer>,
    events: u64,
}

impl Sink<MemoryBuffer> for Collector {
    #[inline(always)]
    fn transmit(&mut self, _: PortId, frame: MemoryBuffer) {
        self.frames.push(frame);
    }
    fn to_port_twin(&mut self, _: PortId, _: Class, frame: MemoryBuffer) {
        self.frames.push(frame);
    }
    fn to_tunnel_twin(&mut self, _: TunnelId, _: Class, packet: MemoryBuffer) {
        self.frames.push(packet);
    }
    fn event(&mut self, event: Event<'_>) -> bool {
        black_box(event);
        self.events += 1;
        true
    }
}

fn nbma(spoke: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x6440_0000 + spoke)
}

fn host(spoke: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits((10 << 24) + (spoke << 8) + 10)
}

fn settings(spokes: u32, redirect: bool) -> Settings {
    Settings {
        ports: vec![PortSettings {
            role: Role::Underlay,
            vrf: 0,
            mac: [2, 0, 0, 0, 0, 1],
            vlan: None,
            mtu: 1500,
            unreachables: true,
            addresses: vec![PortAddress { address: HUB, len: 24 }],
        }],
        tunnels: vec![TunnelSettings {
            vrf: 0,
            tunnel_vrf: 0,
            source: HUB,
            key: Some(KEY),
            address: Ipv4Addr::new(10, 255, 255, 254),
            len: 32,
            ip_mtu: 1400,
            adjust_mss: Some(1360),
            ttl: 255,
            network_id: 1,
            redirect,
            unreachables: true,
            redirect_timeout: 8000,
            multicast_rate: 100_000,
            protected: false,
        }],
        vrfs: 1,
        max_peers: spokes,
        workers: 1,
        buffers: 2 * BURST as u32,
        control_plane: Default::default(),
    }
}

fn fill(updater: &mut Updater, spokes: u32) {
    let mut apply = |update| updater.apply(&update).expect("applied");
    apply(Update::Link { id: 0, port: 0, mac: Some([2, 0, 0, 0, 1, 1]) });
    for id in 0..spokes {
        apply(Update::Peer { id, tunnel: 0, nbma: nbma(id), link: 0, multicast: false, protection: None });
        let prefix = Ipv4Addr::from_bits(host(id).to_bits() & !0xff);
        apply(Update::Route { vrf: 0, prefix, len: 24, target: Target::Peer(id) });
    }
}

fn frame(from: u32, to: u32, len: usize) -> Vec<u8> {
    let header = |source, destination, protocol, len: usize| {
        let total_len = len as u16;
        let fields =
            Fields { tos: 0, total_len, id: 1, flags_offset: 0, ttl: 64, protocol, source, destination };
        let mut octets = vec![0; 20];
        fields.emit(&mut octets).expect("room");
        octets
    };
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 1, 8, 0];
    frame.extend(header(nbma(from), HUB, 47, len + 28));
    frame.extend([0x20, 0, 8, 0]);
    frame.extend(KEY.to_be_bytes());
    frame.extend(header(host(from), host(to), 17, len));
    frame.resize(42 + len, 0);
    frame
}

/// Makes the frame one from and to other spokes.
fn address(frame: &mut [u8], from: u32, to: u32) {
    frame[26..30].copy_from_slice(&nbma(from).octets());
    frame[54..58].copy_from_slice(&host(from).octets());
    frame[58..62].copy_from_slice(&host(to).octets());
    for at in [14, 42] {
        ip4::fill_checksum(&mut frame[at..]).expect("header");
    }
}

/// xorshift64*: the same packets in every run.
struct Random(u64);
impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) * u64::from(bound)) >> 32) as u32
    }
}

/// Lowest and median cycles per packet of all passes, and the lowest of each.
struct Figures {
    low: f64,
    median: f64,
    stages: [f64; STAGES.len()],
}

fn measure(spokes: u32, redirect: bool, len: usize, repetitions: usize, timed: bool) -> Figures {
    let (mut updater, readers) = forwarding::tables(settings(spokes, redirect)).expect("settings");
    fill(&mut updater, spokes);
    let counters = WorkerCounters::default();
    let peers: Vec<_> = (0..spokes).map(|_| Traffic::default()).collect();
    let mut pool = MemoryPool::new(BURST * 2, DATAROOM);
    let reader = readers.into_iter().next().expect("a worker");
    let mut forwarder = Forwarder::new(reader, pool.clone(), &counters, &peers);
    forwarder.set_stage_timing(timed);
    let (packets, mut stages) = ((BURSTS * BURST) as f64, [f64::INFINITY; STAGES.len()]);
    let mut sink = Collector { frames: Vec::with_capacity(BURST), events: 0 };
    let mut random = Random(42);
    let template = frame(0, 0, len);
    sink.frames.extend((0..BURST).map(|_| pool.with(&template).expect("room")));
    let (mut burst, mut results, mut millis) = (Burst::new(), Vec::new(), 1000);
    for _ in 0..repetitions {
        let mut spent = 0;
        let before: Vec<_> = counters.stage_cycles.iter().map(|counter| counter.get()).collect();
        for _ in 0..BURSTS {
            for mut buffer in sink.frames.drain(..) {
                buffer.refill(&template).expect("fits");
                address(buffer.data_mut(), random.below(spokes), random.below(spokes));
                burst.push(buffer);
            }
            millis += 1;
            forwarder.tick(Now::from_millis(millis / 100), &mut sink);
            let start = cycles();
            forwarder.process(0, &mut burst, Now::from_millis(millis / 100), &mut sink);
            spent += cycles() - start;
        }
        assert_eq!(sink.frames.len(), BURST, "all sent");
        results.push(spent as f64 / packets);
        for ((low, counter), before) in stages.iter_mut().zip(&counters.stage_cycles).zip(before) {
            *low = low.min((counter.get() - before) as f64 / packets);
        }
    }
    results.sort_by(f64::total_cmp);
    Figures { low: results[0], median: results[results.len() / 2], stages }
}

fn main() {
    let repetitions = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(500);
    println!("cycles per packet, lowest (median); hairpin, {BURST} packets a burst");
    println!("{:>8}  {:>18}  {:>18}  {:>18}", "spokes", "64", "64, no redirects", "1400");
    for spokes in [1, 100, 1_000, 10_000, 100_000] {
        let column = |redirect, len| {
            let figures = measure(spokes, redirect, len, repetitions, false);
            format!("{:8.1} ({:.1})", figures.low, figures.median)
        };
        println!(
            "{spokes:>8}  {:>18}  {:>18}  {:>18}",
            column(true, 64),
            column(false, 64),
            column(true, 1400)
        );
    }
    println!("\nby pass, 64 octets, timing itself included");
    println!("{:>8}  {:>8} {:>8} {:>8} {:>8}", "spokes", STAGES[0], STAGES[1], STAGES[2], STAGES[3]);
    for spokes in [1, 10_000, 100_000] {
        let [a, b, c, d, ..] = measure(spokes, true, 64, repetitions, true).stages;
        println!("{spokes:>8}  {a:8.1} {b:8.1} {c:8.1} {d:8.1}");
    }
}
