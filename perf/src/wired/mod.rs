//! `hub-perf wire`: throughput and latency of a running hub, also on a machine without a NIC.
//!
//! Generator and sink are one thread of this process; the hub is a process of its own, started here in a network name
//! space of its own, whose one worker has another core. Between them is a software wire, or a cable between two NICs. Frames
//! go from random spokes to random others, so that each comes back by the wire that it went out by.

mod bench;
mod distance;
mod hub;
mod link;
mod peer;
mod peers;
mod plots;
mod ratio;
mod report;
mod row;
mod search;
mod secgw;
mod subject;
mod testpmd;

use crate::crypto::Named;
use crate::files;
use crate::machine::{Machine, pin};
use crate::output::save;
use crate::path::protected::Protected;
use crate::port::{mac, pci};
use crate::probe::{Probe, Through};
use crate::scenario::{MAX_SPOKES, Scenario, Size};
use bench::Bench;
use dpdk::{Eal, EalConfig, EalError, Pool, PoolError, Port, PortConfig, PortError, RxQueue, TxQueue};
use forwarding::crypto::{Choice, EngineError, Wish};
use hub::{Hub, HubError, Scratch};
use link::Link;
use peer::{Peer, Program};
pub use peers::{Args as PeersArgs, run as run_peers};
use report::Report;
use row::Row;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use subject::Subject;

/// Buffers of the pool: a generator's rings and bursts, both ways, at the largest rings.
const BUFFERS: u32 = 1 << 16;
/// IP MTU of the device: a frame of the longest inner packet under ESP fits.
const MTU: u16 = 1_600;
/// How long the wire may take to come up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Options of `hub-perf wire`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Wires.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "memif")]
    over: Vec<Link>,
    /// For `--over cable`: PCI addresses of the hub's NIC and of ours, both bound to vfio-pci.
    #[arg(long, num_args = 2, value_names = ["HUB", "OURS"], required_if_eq("over", "cable"))]
    cable: Vec<String>,
    /// Numbers of spokes; the first with every size, the others with the first size only.
    #[arg(long, value_delimiter = ',', default_value = "1000,2,100,10000,100000",
          value_parser = clap::value_parser!(u32).range(2..=MAX_SPOKES as i64))]
    spokes: Vec<u32>,
    /// Sizes of the inner IP packet, in octets, or `imix`.
    #[arg(long, value_delimiter = ',', default_value = "64,128,256,512,576,1024,1400,imix")]
    sizes: Vec<Size>,
    /// Every size with every number of spokes.
    #[arg(long)]
    all: bool,
    /// GRE key.
    #[arg(long)]
    key: Option<u32>,
    /// ESP on both sides with this transform, in strongSwan's words; every spoke has an SA pair.
    #[arg(long)]
    esp: Option<Named>,
    /// Do not search: loss and latency at these frames a second.
    #[arg(long, value_delimiter = ',')]
    rate: Vec<u64>,
    /// Seconds of the trials that a search ends with; RFC 2544 asks for 60.
    #[arg(long, default_value_t = 0.3, value_parser = seconds)]
    trial: f64,
    /// Seconds of each measurement of latency; RFC 8219 asks for 120.
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    latency: f64,
    /// A search ends when the next greater rate that fails is nearer than so many percent.
    #[arg(long, default_value_t = 2.0)]
    width: f64,
    /// Searches for each figure.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Rings of the wire have 2 to the power of so many slots.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(6..=14))]
    ring: u8,
    /// A look in seconds: two sizes, 100 spokes, one short search each.
    #[arg(long)]
    quick: bool,
    /// Milliseconds without a frame after which what is missing counts as lost.
    #[arg(long, default_value_t = 100)]
    drain: u64,
    /// The hub's program; unless given, the one beside this one.
    #[arg(long)]
    hub: Option<PathBuf>,
    /// Core of the generator.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Core of the hub's worker.
    #[arg(long, default_value_t = 1)]
    hub_core: usize,
    /// Microseconds that the hub's worker sleeps when idle.
    #[arg(long, default_value_t = 0)]
    idle_sleep: u32,
    /// Use hugepages.
    #[arg(long)]
    hugepages: bool,
    /// Do not show what is going on.
    #[arg(long)]
    quiet: bool,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Write the JSON to this directory as well, and plots as SVG.
    #[arg(long)]
    output: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.01..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| format!("`{text}` is no number of seconds from 0.01 to 86400"))
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
    /// A cable has two ends.
    #[error("--over cable needs two devices: --cable HUB OURS")]
    NoCable,
    /// The other programs are started on software wires only.
    #[error("hub-perf peers measures over memif, vhost and virtio, not over a cable")]
    PeerByCable,
    /// The hub.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The crypto engine is not to be had.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The spokes' ends of their SAs.
    #[error(transparent)]
    Spokes(#[from] crate::path::Error),
    /// A file.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// No `ipsec-secgw`.
    #[error("there is no {0}: scripts/perf-peers builds it")]
    NoPeer(PathBuf),
    /// It is held against GCM alone.
    #[error("ipsec-secgw is given aes128gcm16 and aes256gcm16 only")]
    OnlyGcm,
    /// It does not forward over it.
    #[error("ipsec-secgw cannot be the guest's end of a vhost-user wire: memif or vhost")]
    NoGuest,
    /// Nothing came back at all.
    #[error("nothing came back over {wire}; drops of the hub: {drops}; it said:\n{log}")]
    Silent {
        /// The wire.
        wire: &'static str,
        /// The hub's drops.
        drops: String,
        /// Its last words.
        log: String,
    },
    /// Other frames came back than should: no figure is better than a wrong one.
    #[error(
        "of {received} frames {wrong} looked at were wrong, and {sent} were sent; drops of the hub: {drops}"
    )]
    Wrong {
        /// Of those looked at.
        wrong: u64,
        /// Came back.
        received: u64,
        /// Went out.
        sent: u64,
        /// The hub's drops.
        drops: String,
    },
    /// No room for latencies.
    #[error("no histogram of latencies")]
    Histogram,
}

/// Measures and prints.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    let args = &args.prepared();
    let setting = Setting::new(args)?;
    let mut report = setting.report(args.runs);
    for (link, spokes, sizes) in args.cases() {
        report.rows.extend(measure(&setting, (link, spokes), sizes, None)?);
    }
    if let Some(directory) = &args.output {
        save(directory, ("wire.json", &report.json()), &plots::plots(&report))
            .map_err(|error| Error::File(directory.clone(), error))?;
    }
    if args.json {
        println!("{}", report.json());
    } else {
        println!("{report}");
    }
    Ok(ExitCode::SUCCESS)
}

/// What all cases share.
struct Setting<'a> {
    args: &'a Args,
    machine: Machine,
    eal: Eal,
    pool: Pool,
}

impl<'a> Setting<'a> {
    fn new(args: &'a Args) -> Result<Self, Error> {
        let machine = Machine::describe();
        let eal = Eal::init(&EalConfig {
            name: format!("hub-perf-{}", std::process::id()),
            hugepages: args.hugepages,
            memory: 512,
            cpus: vec![args.core],
            pci: pci(args.cable.iter().skip(1)),
            extra: Vec::new(),
        })?;
        pin(args.core);
        let pool = Pool::new(eal, "wire", BUFFERS, MTU, None)?;
        Ok(Self { args, machine, eal, pool })
    }

    /// Without figures yet.
    fn report(&self, runs: u32) -> Report {
        let Args { esp, key, trial, ring, .. } = self.args;
        let protection = esp.map_or_else(|| "in the clear".to_owned(), |esp| format!("ESP {esp}"));
        let keyed = if key.is_some() { ", keyed" } else { "" };
        Report {
            machine: self.machine.clone(),
            case: format!("spoke to spoke through the hub, GRE{keyed} {protection}, one port, one worker"),
            runs,
            trial_seconds: *trial,
            ring: 1 << ring,
            rows: Vec::new(),
        }
    }

    /// Our end of a wire.
    fn open(&self, device: &str) -> Result<(Port, RxQueue, TxQueue), Error> {
        let config = PortConfig { workers: 1, ring_size: 1 << self.args.ring, mtu: MTU, mac: mac(device) };
        let (port, rx, tx) = Port::probe(self.eal, device, 1, MTU)?.start(&config, &self.pool, true)?;
        match (rx.into_iter().next(), tx.into_iter().next()) {
            (Some(rx), Some(tx)) => Ok((port, rx, tx)),
            _ => Err(Error::NoQueue(device.into())),
        }
    }

    /// What is to be measured, with the scenario's spokes.
    fn start(
        &self,
        scratch: Scratch,
        device: &str,
        (scenario, protected): (&Scenario, Option<&Protected>),
        program: Option<&Program>,
    ) -> Result<Subject, Error> {
        let Args { hub_core: core, hugepages, idle_sleep, key, .. } = *self.args;
        if let Some(program) = program {
            let spokes = protected.map(|protected| (scenario, protected));
            return Ok(Subject::Peer(Peer::start(program, scratch, (device, core, hugepages), spokes)?));
        }
        let (spokes, protection) = (scenario.spokes, protected.is_some());
        let settings = files::Hub { device, spokes, key, core, hugepages, idle_sleep, protected: protection };
        let mut hub = Hub::start(&self.args.program(), scratch, &settings)?;
        hub.fill(scenario, protected)?;
        Ok(Subject::Hub(hub))
    }
}

/// All sizes through one hub, or through another program.
fn measure(
    setting: &Setting<'_>,
    (link, spokes): (Link, u32),
    sizes: &[Size],
    program: Option<&Program>,
) -> Result<Vec<Row>, Error> {
    let args = setting.args;
    let scenario = Scenario { spokes, key: args.key, redirect: false, multicast_rate: None };
    let choice = args.esp.map(|_| Choice::new(Wish::Auto)).transpose()?;
    let esp = args.esp.zip(choice.as_ref());
    let protected = esp.map(|(named, choice)| Protected::new(choice, named, spokes)).transpose()?;
    let protected = if program.is_some() { protected.map(Protected::in_tunnel_mode) } else { protected };
    let far = || distance::distance(args.core, args.hub_core);
    let before = far();
    let scratch = Scratch::new("wire").map_err(|error| Error::File("scratch directory".into(), error))?;
    let [device, ours] = link.ends(scratch.path(), args.ring, &args.cable).ok_or(Error::NoCable)?;
    let early = link.is_ours_first().then(|| setting.open(&ours)).transpose()?;
    let subject = setting.start(scratch, &device, (&scenario, protected.as_ref()), program)?;
    let (port, rx, tx) = early.map_or_else(|| setting.open(&ours), Ok)?;
    let (tsc_hz, first) = (setting.machine.tsc_hz, sizes.first().copied().unwrap_or(Size::Fixed(64)));
    let through = program.map_or(Through::Hub, Program::through);
    let probe = Probe::new(scenario, first, setting.pool, rx, tx, tsc_hz).through(through);
    let mut probe = probe.with(protected, Duration::from_millis(args.drain));
    if !probe.wait_for_answer(PATIENCE) {
        return Err(Error::Silent { wire: link.name(), drops: subject.drops(), log: subject.log() });
    }
    let mut bench = Bench { args, subject: &subject, probe, tsc_hz, case: String::new() };
    let mut rows = Vec::new();
    for &size in sizes {
        bench.case = format!("{} {spokes} spokes, size {size}", link.name());
        let mut row = Row::new(link, spokes, size);
        bench.measure(size, &mut row)?;
        row.announce(args.quiet);
        rows.push(row);
    }
    drop((bench, port));
    drop(subject);
    let distance: Vec<u64> = before.into_iter().chain(far()).collect();
    rows.iter_mut().for_each(|row| row.distance.clone_from(&distance));
    Ok(rows)
}

impl Args {
    /// As asked for, or of a look in seconds.
    fn prepared(&self) -> Self {
        if !self.quick {
            return self.clone();
        }
        let (spokes, sizes) = (vec![100], vec![Size::Fixed(64), Size::Imix]);
        let (trial, latency) = (self.trial.min(0.1), self.latency.min(0.5));
        Self { spokes, sizes, trial, latency, runs: 1, width: 5.0, ..self.clone() }
    }

    /// Wires, numbers of spokes, and the sizes with each.
    fn cases(&self) -> impl Iterator<Item = (Link, u32, &[Size])> {
        self.over.iter().flat_map(|link| {
            self.spokes.iter().enumerate().map(|(at, spokes)| {
                let sizes = if at == 0 || self.all { self.sizes.len() } else { 1 };
                (*link, *spokes, self.sizes.get(..sizes).unwrap_or_default())
            })
        })
    }

    fn program(&self) -> PathBuf {
        let beside = || std::env::current_exe().unwrap_or_default().with_file_name("hub-dataplane");
        self.hub.clone().unwrap_or_else(beside)
    }
}
