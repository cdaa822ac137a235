//! `hub-perf forward`: what the hub's own packet path costs, without devices.
//!
//! Frames of random pairs of spokes are written into buffers, and only the forwarder's work on them is timed, burst by
//! burst, with the time-stamp counter: as VPP's packet generator measures its nodes. Packets are in the cache, as a
//! NIC with DDIO leaves them; tables are as cold as that number of spokes makes them.

mod measure;
pub mod protected;
mod report;

use crate::crypto::{Named, Raw, RawCost, RawError};
use crate::machine::{Machine, pin};
use crate::scenario::{BUFFERS, MAX_SPOKES, Pairs, Scenario, ScenarioError, Size};
use clap::ValueEnum;
use dpdk::{Eal, EalConfig, EalError, Pool, PoolError};
use forwarding::BURST;
use forwarding::crypto::{Choice, Engine, EngineError, Wish};
use forwarding::memory::{DATAROOM, MemoryPool};
use measure::{Bench, Outcome};
use protected::Protected;
use report::{Report, Row};
use shm::{AttachError, Geometry, Segment};
use std::process::ExitCode;
use wire::buffer::BufferPool;

/// Packets of the engine alone between two repetitions of the whole path.
const RAW_PACKETS: u32 = 1_024;

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

/// Options of `hub-perf forward`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Numbers of spokes.
    #[arg(long, value_delimiter = ',', default_value = "1,1000,10000,100000",
          value_parser = clap::value_parser!(u32).range(1..=MAX_SPOKES as i64))]
    spokes: Vec<u32>,
    /// Sizes of the inner IP packet, in octets, or `imix`.
    #[arg(long, value_delimiter = ',', default_value = "64,128,256,512,1024,1400,imix")]
    sizes: Vec<Size>,
    /// GRE key.
    #[arg(long)]
    key: Option<u32>,
    /// Phase 3: look at each packet whether to redirect.
    #[arg(long)]
    redirect: bool,
    /// ESP on both sides with this transform, in strongSwan's words (aes128gcm16, aes256-sha256 ...): decrypt, decap,
    /// look up, encap, encrypt; every spoke has an SA pair. The engine alone is measured in turn with it.
    #[arg(long)]
    esp: Option<Named>,
    /// Crypto engine: auto, portable, ring, ipsec-mb.
    #[arg(long, default_value = "auto", requires = "esp")]
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
    /// Repetitions; the first is not counted.
    #[arg(long, default_value_t = 101, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    repetitions: u16,
    /// Core to run on.
    #[arg(long, default_value_t = 1)]
    core: usize,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
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
    let mut report = Report::new(Machine::describe(), pin(args.core), args);
    if args.buffers == Buffers::Memory {
        measure_all(args, &mut report, || Ok(MemoryPool::new(BUFFERS as usize, DATAROOM)))?;
    } else {
        let eal = Eal::init(&EalConfig {
            name: format!("hub-perf-{}", std::process::id()),
            hugepages: args.buffers == Buffers::Huge,
            memory: 128,
            cpus: vec![args.core],
            pci: Vec::new(),
            extra: Vec::new(),
        })?;
        let mut number = 0;
        measure_all(args, &mut report, || {
            number += 1;
            Ok(Pool::new(eal, &format!("perf{number}"), BUFFERS, 1_600, None)?)
        })?;
    }
    report.print(args.json);
    Ok(ExitCode::SUCCESS)
}

/// Forwards packets once, with the portable engine and a clock that stands still: the same to the instruction in every
/// run.
pub fn forward(scenario: Scenario, size: Size, esp: Option<Named>, packets: u32) -> Result<(), Error> {
    let segment = Segment::private(&Geometry { workers: 1, max_peers: scenario.spokes })?;
    let pool = MemoryPool::new(BUFFERS as usize, DATAROOM);
    let choice = Choice::new(Wish::Only(Engine::Portable))?;
    let protected = esp.map(|named| Protected::new(&choice, named, scenario.spokes)).transpose()?;
    let (mut updater, reader) = match protected {
        Some(_) => scenario.empty(Some(Protected::security(&choice, &segment)))?,
        None => scenario.build()?,
    };
    let mut bench = Bench::new(scenario, reader, pool, &segment, BURST, protected).with_clock(|| 1_000_000);
    bench.install(&mut updater, &segment)?;
    bench.repetition(size, &mut Pairs::new(scenario.spokes), packets)?;
    Ok(())
}

fn measure_all<P: BufferPool + Clone>(
    args: &Args,
    report: &mut Report,
    mut pool: impl FnMut() -> Result<P, Error>,
) -> Result<(), Error> {
    let pool = pool()?;
    let choice = args.esp.map(|_| Choice::new(args.engine)).transpose()?;
    let esp = args.esp.zip(choice.as_ref());
    if let Some((named, choice)) = esp {
        report.protect(named, &choice.implementation(named.0));
    }
    for &spokes in &args.spokes {
        let scenario = Scenario { spokes, key: args.key, redirect: args.redirect, multicast_rate: None };
        let segment = Segment::private(&Geometry { workers: 1, max_peers: spokes })?;
        let protected = esp.map(|(named, choice)| Protected::new(choice, named, spokes)).transpose()?;
        let (mut updater, reader) = match esp {
            Some((_, choice)) => scenario.empty(Some(Protected::security(choice, &segment)))?,
            None => scenario.build()?,
        };
        let burst = usize::from(args.burst);
        let mut bench = Bench::new(scenario, reader, pool.clone(), &segment, burst, protected);
        bench.install(&mut updater, &segment)?;
        let mut raw = esp.map(|(named, choice)| Raw::new(choice, named.0, 1, burst)).transpose()?;
        for &size in &args.sizes {
            let mut alone: Vec<RawCost> = Vec::new();
            let mut measure = |timed: bool| -> Result<Vec<Outcome>, Error> {
                bench.time_stages(timed);
                let mut pairs = Pairs::new(spokes);
                bench.repetition(size, &mut pairs, args.packets)?;
                let mut outcomes = Vec::new();
                for _ in 1..args.repetitions {
                    outcomes.push(bench.repetition(size, &mut pairs, args.packets)?);
                    if let Some(raw) = raw.as_mut().filter(|_| !timed) {
                        alone.push(raw.repetition(size, RAW_PACKETS)?);
                    }
                }
                Ok(outcomes)
            };
            // The stages apart from the whole, which their clock readings would make dearer.
            let (whole, stages) = (measure(false)?, measure(true)?);
            report.add(Row::new(spokes, size, &whole, &stages, &alone, report.machine.tsc_hz));
        }
    }
    Ok(())
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
        for esp in
            [None, Some("aes128gcm16"), Some("aes256gcm16"), Some("aes256-sha256"), Some("aes128-sha1")]
        {
            let esp = esp.map(|transform| format!("--esp={transform}"));
            let arguments = common.iter().copied().chain(esp.as_deref()).chain(["--key=7"]);
            let Cli { args } = Cli::try_parse_from(arguments).unwrap();
            let mut report = Report::new(Machine::describe(), false, &args);
            measure_all(&args, &mut report, || Ok(MemoryPool::new(BUFFERS as usize, DATAROOM))).unwrap();
        }
    }
}
