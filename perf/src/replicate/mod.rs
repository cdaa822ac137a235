//! `hub-perf replicate`: multicast of the hub to all its spokes, without devices.
//!
//! A packet to a group comes from the kernel, as a hello of its routing daemon does, and a copy for each spoke leaves, in the
//! clear or in ESP under the spoke's SA. Every spoke must have had one, else there is no figure. First time runs as fast as
//! the worker allows, and the copies' cycles are counted; then in real time, and it is seen how evenly they leave.

mod copies;
mod hub;
mod pacing;
mod report;

use crate::crypto::Named;
use crate::machine::{Machine, Pinned};
use crate::path;
use crate::path::protected::Protected;
use crate::scenario::{MAX_SPOKES, Scenario, ScenarioError};
use copies::copies;
use forwarding::crypto::{Choice, EngineError, Wish};
use hub::Hub;
use pacing::Paced;
use report::{Report, Row};
use shm::{AttachError, Geometry, Segment};
use std::process::ExitCode;
use std::time::Instant;

/// Options of `hub-perf replicate`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Numbers of spokes.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000",
          value_parser = clap::value_parser!(u32).range(1..=MAX_SPOKES as i64))]
    spokes: Vec<u32>,
    /// Sizes of the inner IP packet, in octets: a hello's, and a full one.
    #[arg(long, value_delimiter = ',', default_value = "64,1400",
          value_parser = clap::value_parser!(u16).range(20..=1_400))]
    sizes: Vec<u16>,
    /// ESP with this transform, in strongSwan's words, after the clear; `none`: the clear alone.
    #[arg(long, default_value = "aes128gcm16", value_parser = transform)]
    esp: std::option::Option<Named>,
    /// Crypto engine: auto, portable, ring, ipsec-mb.
    #[arg(long, default_value = "auto")]
    engine: Wish,
    /// Copies per second of a tunnel, as `multicast-rate` has it.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=100_000_000))]
    rate: u32,
    /// Packets whose copies are counted in cycles; the first is not counted.
    #[arg(long, default_value_t = 51, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    repetitions: u16,
    /// Packets whose copies are watched in real time.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    packets: u16,
    /// Core to run on.
    #[arg(long, default_value_t = 1)]
    core: usize,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn transform(word: &str) -> Result<Option<Named>, String> {
    if word == "none" { Ok(None) } else { word.parse().map(Some) }
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
    /// The crypto engine is not to be had.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// SAs were not installed.
    #[error(transparent)]
    Protection(#[from] path::Error),
    /// No packet buffer.
    #[error("no packet buffer")]
    Buffers,
    /// No histogram.
    #[error("histogram bounds")]
    Histogram,
    /// The hub did not do what is being measured: no figure is better than a wrong one.
    #[error("not every spoke had its copy")]
    NotReplicated,
}

/// Measures and prints.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    let mut report = Report::new(Machine::describe(), args);
    let _pinned = Pinned::to(args.core);
    let choice = args.esp.map(|_| Choice::new(args.engine)).transpose()?;
    let esp = args.esp.zip(choice.as_ref());
    for &spokes in &args.spokes {
        measure(args, spokes, None, &mut report)?;
        if esp.is_some() {
            measure(args, spokes, esp, &mut report)?;
        }
    }
    report.print(args.json);
    Ok(ExitCode::SUCCESS)
}

/// All sizes with a number of spokes, in the clear or in ESP.
fn measure(
    args: &Args,
    spokes: u32,
    esp: Option<(Named, &Choice)>,
    report: &mut Report,
) -> Result<(), Error> {
    let scenario = Scenario { spokes, key: Some(1), redirect: false, multicast_rate: Some(args.rate) };
    let segment = Segment::private(&Geometry { workers: 1, max_peers: spokes })?;
    let protected = esp.map(|(named, choice)| Protected::new(choice, named, spokes)).transpose()?;
    let (mut updater, reader) = match esp {
        Some((_, choice)) => scenario.empty(Some(Protected::security(choice, &segment)))?,
        None => scenario.build()?,
    };
    let mut hub = Hub::new(scenario, reader, &segment, protected);
    hub.install(&mut updater, &segment)?;
    // Real time begins after all of the other, since a worker's time does not go back.
    let mut at = 0;
    let mut costs = Vec::new();
    for &size in &args.sizes {
        copies(&mut hub, spokes, size, &mut at)?;
        costs.push(
            (1..args.repetitions)
                .map(|_| copies(&mut hub, spokes, size, &mut at))
                .collect::<Result<Vec<_>, _>>()?,
        );
    }
    let since = Instant::now();
    let protection = esp.map_or("clear".into(), |(named, _)| named.to_string());
    for (&size, costs) in args.sizes.iter().zip(costs) {
        let mut paced = Paced::new()?;
        for _ in 0..args.packets {
            paced.packet(&mut hub, spokes, size, (since, at))?;
        }
        report.add(Row::new(spokes, size, protection.clone(), &costs, &paced));
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

    /// Every spoke has a copy of each packet, under its own SA where there is ESP, else there is no figure.
    #[test]
    fn replication_is_measured_in_the_clear_and_in_esp() {
        let arguments =
            ["", "--spokes=1,200", "--rate=1000000", "--repetitions=3", "--packets=2", "--core=0"];
        for esp in ["--esp=aes256-sha256", "--esp=none", "--esp=aes128gcm16"] {
            let Cli { args } = Cli::try_parse_from(arguments.into_iter().chain([esp])).unwrap();
            assert_eq!(run(&args).unwrap(), ExitCode::SUCCESS);
        }
    }
}
