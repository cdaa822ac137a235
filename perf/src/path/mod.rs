//! `hub-perf path`: what the hub's own packet path costs, without devices.
//!
//! Frames of random pairs of spokes are written into buffers, and only the forwarder's work on them is timed, burst by
//! burst, with the time-stamp counter: as VPP's packet generator measures its nodes. Packets are in the cache, as a
//! NIC with DDIO leaves them; tables are as cold as that number of spokes makes them.

mod case;
mod engines;
mod measure;
mod memory;
mod plots;
pub mod protected;
mod protection;
mod report;
mod scaling;

use crate::crypto::{Named, RawError};
use crate::machine::{Machine, pin};
use crate::output::save;
use crate::progress;
use crate::scenario::{BUFFERS, MAX_SPOKES, Pairs, Scenario, ScenarioError, Size};
use case::Case;
use clap::ValueEnum;
use dpdk::{Eal, EalConfig, EalError, Pool, PoolError};
use forwarding::BURST;
use forwarding::crypto::{Choice, Engine, EngineError, Wish};
use forwarding::memory::{DATAROOM, MemoryPool};
use measure::Bench;
use protection::Protection;
use report::Report;
use shm::{AttachError, Geometry, Segment};
use std::path::PathBuf;
use std::process::ExitCode;
use wire::buffer::BufferPool;

/// Where packets lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Buffers {
    /// Plain memory: needs nothing.
    Memory,
    /// DPDK mbufs in ordinary pages.
    Mbuf,
    /// DPDK mbufs in hugepages, as in the data plane.
    Huge,
}

/// Options of `hub-perf path`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Numbers of spokes.
    #[arg(long, value_delimiter = ',', default_value = "1,1000,10000,100000",
          value_parser = clap::value_parser!(u32).range(1..=MAX_SPOKES as i64))]
    spokes: Vec<u32>,
    /// Sizes of the inner IP packet, in octets, or `imix`.
    #[arg(long, value_delimiter = ',', default_value = "64,128,256,512,576,1024,1400,imix")]
    sizes: Vec<Size>,
    /// GRE key.
    #[arg(long)]
    key: Option<u32>,
    /// Phase 3: look at each packet whether to redirect.
    #[arg(long)]
    redirect: bool,
    /// Protection on both sides: `clear`, or ESP with a transform in strongSwan's words (aes128gcm16, aes256-sha256 ...):
    /// decrypt, decap, look up, encap, encrypt; every spoke has an SA pair. Engines alone are measured in turn with it.
    #[arg(long, value_delimiter = ',', default_value = "clear,aes128gcm16,aes256-sha256")]
    esp: Vec<Protection>,
    /// Crypto engine: auto, portable, ring, ipsec-mb.
    #[arg(long, default_value = "auto")]
    engine: Wish,
    /// Kind of packet buffers.
    #[arg(long, value_enum, default_value = "memory")]
    buffers: Buffers,
    /// Packets of a burst.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=64))]
    burst: u16,
    /// Packets of one repetition: few, so that on a busy machine some repetitions run undisturbed.
    #[arg(long, default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(64..))]
    packets: u32,
    /// Repetitions.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    repetitions: u16,
    /// With more than one: what a packet costs each of them beside the others, against one alone, for the first number
    /// of spokes that is enough for all and each size; in plain memory.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: u32,
    /// Core to run on; more workers on those behind it, or from the first again.
    #[arg(long, default_value_t = 1)]
    core: usize,
    /// A look in seconds: fewer spokes, sizes and repetitions.
    #[arg(long)]
    quick: bool,
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

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tables could not be made.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// No memory for counters.
    #[error(transparent)]
    Segment(#[from] AttachError),
    /// An SA was not installed.
    #[error("tables: {0}")]
    Apply(#[from] forwarding::ApplyError),
    /// The crypto engine is not to be had.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine alone does not work.
    #[error(transparent)]
    Raw(#[from] RawError),
    /// Keys were not expanded.
    #[error("the engine takes no keys of the transform")]
    Keys,
    /// DPDK does not start.
    #[error(transparent)]
    Eal(#[from] EalError),
    /// No packet buffers.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// One of several workers is no more.
    #[error("a worker's thread ended")]
    Thread,
    /// A file.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The forwarder did not do what is being measured: no figure is better than a wrong one.
    #[error("of {expected} packets {sent} were forwarded; drops: {drops}")]
    NotForwarded {
        /// Given to it.
        expected: u64,
        /// Sent by it.
        sent: u64,
        /// Drop reasons with their counts.
        drops: String,
    },
}

/// Measures and prints.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    let args = &args.prepared();
    let mut report = Report::new(Machine::describe(), pin(args.core), args);
    report.memory = memory::measure(args)?;
    if args.buffers == Buffers::Memory {
        measure(args, &mut report, MemoryPool::new(BUFFERS as usize, DATAROOM))?;
    } else {
        let eal = Eal::init(&EalConfig {
            name: format!("hub-perf-{}", std::process::id()),
            hugepages: args.buffers == Buffers::Huge,
            memory: 128,
            cpus: vec![args.core],
            pci: Vec::new(),
            extra: Vec::new(),
        })?;
        measure(args, &mut report, Pool::new(eal, "perf", BUFFERS, 1_600, None)?)?;
    }
    if let Some(directory) = &args.output {
        save(directory, ("path.json", &report.json()), &plots::plots(&report))
            .map_err(|error| Error::File(directory.clone(), error))?;
    }
    if args.json {
        println!("{}", report.json());
    } else {
        println!("{report}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Every case in turn.
fn measure<P: BufferPool + Clone>(args: &Args, report: &mut Report, pool: P) -> Result<(), Error> {
    for &protection in &args.esp {
        for (at, &spokes) in args.spokes.iter().enumerate() {
            Case { args, protection, spokes, first: at == 0 }.measure(report, &pool)?;
        }
        let enough = args.spokes.iter().find(|spokes| **spokes >= args.workers);
        if let Some(&spokes) = enough.filter(|_| args.workers > 1) {
            report.scaling.extend(scaling::measure(args, protection, spokes, report.machine.cpus)?);
            pin(args.core);
        }
    }
    Ok(())
}

/// Forwards packets once, with the portable engine and a clock that stands still: the same to the instruction in every
/// run.
pub fn forward(scenario: Scenario, size: Size, esp: Option<Named>, packets: u32) -> Result<(), Error> {
    let segment = Segment::private(&Geometry { workers: 1, max_peers: scenario.spokes })?;
    let pool = MemoryPool::new(BUFFERS as usize, DATAROOM);
    let choice = Choice::new(Wish::Only(Engine::Portable))?;
    let (mut updater, bench) = Bench::one_worker(scenario, (&choice, esp), &segment, pool, BURST)?;
    let mut bench = bench.with_clock(|| 1_000_000);
    bench.install(&mut updater, &segment, || {})?;
    bench.repetition(size, &mut Pairs::new(scenario.spokes), packets)?;
    Ok(())
}

impl Args {
    /// As asked for, or of a look in seconds.
    fn prepared(&self) -> Self {
        if !self.quick {
            return self.clone();
        }
        let sizes = vec![Size::Fixed(64), Size::Imix];
        let repetitions = self.repetitions.min(10);
        Self { spokes: vec![1, 1_000], sizes, repetitions, ..self.clone() }
    }

    /// For who watches: where it is.
    fn show(&self, what: std::fmt::Arguments<'_>) {
        progress::show(self.quiet, what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    /// Every packet is forwarded, and the last of each burst is right under the SA of the spoke it goes to, else there
    /// is no figure.
    #[test]
    fn the_hairpin_is_measured_in_the_clear_and_under_each_kind_of_transform() {
        let common = ["", "--spokes=1,40", "--sizes=48,1400,imix", "--packets=256", "--repetitions=3"];
        let esp = ["clear", "aes128gcm16", "aes256gcm16", "aes256-sha256", "aes128-sha1"];
        let cases = format!("--esp={}", esp.join(","));
        let Cli { args } =
            Cli::try_parse_from(common.into_iter().chain([&*cases, "--key=7", "--workers=2"])).unwrap();
        let mut report = Report::new(Machine::describe(), false, &args);
        measure(&args, &mut report, MemoryPool::new(BUFFERS as usize, DATAROOM)).unwrap();
        let table = report.to_string();
        for esp in esp {
            let rows: Vec<_> = report.rows.iter().filter(|row| row.esp == esp).collect();
            assert_eq!(rows.len(), 6);
            assert!(
                rows.iter().all(|row| row.cycles_min > 0.0 && row.engine_min.is_some() == (esp != "clear"))
            );
            assert!(table.contains(esp), "{table}");
        }
        assert_eq!(report.scaling.len(), 3 * esp.len());
        assert_eq!(plots::plots(&report).len(), 2);
        assert!("aes192gcm16".parse::<Protection>().is_err());
    }
}
