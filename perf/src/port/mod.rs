//! `hub-perf port`: latency and loss through a running hub, over a port of our own, and beside it, in the same run and
//! over a device of the same kind, through `dpdk-testpmd` that only passes frames on: the limit of I/O.
//!
//! Give testpmd a core that the hub does not poll, or its figures are those of half a core.
//!
//! The hub must have the spokes of `hub-perf hub-files`, which are in the frames.

mod figures;
pub mod reference;

use crate::machine::{Machine, pin};
use crate::probe::{Probe, Through};
use crate::scenario::{MAX_SPOKES, ROUTER_MAC, Scenario, Size};
use dpdk::{Eal, EalConfig, EalError, Pool, PoolError, Port, PortConfig, PortError};
use figures::Figures;
use reference::Testpmd;
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;

/// Buffers of the pool.
const BUFFERS: u32 = 16_384;
/// Descriptors of a queue.
const RING: u16 = 1_024;
/// IP MTU of the device: a frame of the longest inner packet fits.
const MTU: u16 = 1_600;
/// How long the other end may take to come up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Options of `hub-perf port`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// DPDK device towards the hub: a PCI address, or such as
    /// `net_memif0,role=client,socket=/run/m.sock,socket-abstract=no`.
    #[arg(long)]
    device: String,
    /// Device towards `dpdk-testpmd`, which is opened first (a memif's server), and testpmd's own end of it.
    #[arg(long, num_args = 2, value_names = ["DEVICE", "PEER"])]
    reference: Option<Vec<String>>,
    /// Spokes in the frames.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(2..=MAX_SPOKES as i64))]
    spokes: u32,
    /// GRE key.
    #[arg(long)]
    key: Option<u32>,
    /// Size of the inner IP packet in octets, or `imix`.
    #[arg(long, default_value = "64")]
    size: Size,
    /// Packets per second; several: one measurement each.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000")]
    rate: Vec<u64>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Use hugepages.
    #[arg(long)]
    hugepages: bool,
    /// Core to run on.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Core of testpmd's forwarding; its other thread takes the next lower or higher one.
    #[arg(long, default_value_t = 1)]
    reference_core: usize,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// DPDK does not start.
    #[error(transparent)]
    Eal(#[from] EalError),
    /// No packet buffers.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A device does not work.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The device gave no queue.
    #[error("device `{0}` has no queue")]
    NoQueue(String),
    /// testpmd does not start.
    #[error("dpdk-testpmd: {0}")]
    Reference(std::io::Error),
    /// Nothing came back at all.
    #[error("nothing came back from {0}: is it up, and does it know the spokes?")]
    Silent(&'static str),
}

/// One line of figures.
#[derive(Clone, Debug, Serialize)]
struct Row {
    through: &'static str,
    rate: u64,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    case: String,
    rows: Vec<Row>,
}

/// Measures and prints.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    let machine = Machine::describe();
    let eal = Eal::init(&EalConfig {
        name: format!("hub-perf-{}", std::process::id()),
        hugepages: args.hugepages,
        memory: 256,
        cpus: vec![args.core],
        pci: pci([&args.device].into_iter().chain(args.reference.iter().flatten().take(1))),
        extra: Vec::new(),
    })?;
    pin(args.core);
    let pool = Pool::new(eal, "port", BUFFERS, MTU, None)?;
    let scenario = Scenario { spokes: args.spokes, key: args.key, redirect: false, multicast_rate: None };
    let mut bench = Bench { args, eal, pool, scenario, rows: Vec::new() };
    bench.measure(&args.device, None, machine.tsc_hz)?;
    let reference = match args.reference.as_deref() {
        Some([device, peer]) => bench.measure(device, Some(peer), machine.tsc_hz),
        _ => Ok(()),
    };
    let key = if args.key.is_some() { "keyed" } else { "no key" };
    let case = format!("hairpin over one port, {} spokes, inner size {}, {key}", args.spokes, args.size);
    print(&Report { machine, case, rows: bench.rows }, args.json);
    reference.map(|()| ExitCode::SUCCESS)
}

/// Those devices of which EAL has to be told.
pub fn pci<'d>(devices: impl Iterator<Item = &'d String>) -> Vec<String> {
    devices.filter(|device| dpdk::is_pci(device)).cloned().collect()
}

/// The address that a NIC of ours listens to: the router's, to whom the hub sends all. Software wires bring everything.
pub fn mac(device: &str) -> Option<[u8; 6]> {
    dpdk::is_pci(device).then_some(ROUTER_MAC.0)
}

/// What all measurements share.
struct Bench<'a> {
    args: &'a Args,
    eal: Eal,
    pool: Pool,
    scenario: Scenario,
    rows: Vec<Row>,
}

impl Bench<'_> {
    fn measure(&mut self, device: &str, peer: Option<&str>, tsc_hz: u64) -> Result<(), Error> {
        let config = PortConfig { workers: 1, ring_size: RING, mtu: MTU, mac: mac(device) };
        let (port, rx, tx) = Port::probe(self.eal, device, 1, MTU)?.start(&config, &self.pool, true)?;
        let (Some(rx), Some(tx)) = (rx.into_iter().next(), tx.into_iter().next()) else {
            return Err(Error::NoQueue(device.into()));
        };
        // After our end: a client needs its server to be there.
        let Args { reference_core, hugepages, .. } = *self.args;
        let reference = peer.map(|peer| Testpmd::start(peer, reference_core, hugepages)).transpose();
        let reference = reference.map_err(Error::Reference)?;
        let through = if reference.is_some() { "testpmd" } else { "hub" };
        let path = if reference.is_some() { Through::Nothing } else { Through::Hub };
        let mut probe = Probe::new(self.scenario, self.args.size, self.pool, rx, tx, tsc_hz).through(path);
        if !probe.wait_for_answer(PATIENCE) {
            return Err(Error::Silent(through));
        }
        for &rate in &self.args.rate {
            let Some(trial) = probe.run(Some(rate.max(1)), Duration::from_secs(self.args.seconds)) else {
                break;
            };
            self.rows.push(Row { through, rate, figures: Figures::of(&trial, tsc_hz) });
        }
        drop((port, reference));
        Ok(())
    }
}

fn print(report: &Report, json: bool) {
    if json {
        println!("{}", serde_json::to_string_pretty(report).unwrap_or_default());
        return;
    }
    println!("{}\n{}\n", report.machine, report.case);
    println!(
        "through      rate/s       sent   received       lost  latency us: min      50 %      99 %    99.9 %       max"
    );
    for Row { through, rate, figures } in &report.rows {
        let Figures { sent, received, lost, min_us, p50_us, p99_us, p999_us, max_us, .. } = figures;
        print!("{through:<8} {rate:>10} {sent:>10} {received:>10} {lost:>10}");
        println!(" {min_us:>16.1} {p50_us:>9.1} {p99_us:>9.1} {p999_us:>9.1} {max_us:>9.1}");
    }
}
