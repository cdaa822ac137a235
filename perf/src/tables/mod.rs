//! `hub-perf tables`: what routes cost, without devices.
//!
//! Routes by length as the Internet's table has them are loaded as in the hub: one thread sends them through the ring of the
//! segment, as control does, another applies them and naps when there is nothing, as the dataplane's service thread does,
//! and a worker forwards packets meanwhile. Then single changes, changes at a rate, packets to addresses all over, and
//! changes of the ways that all routes share.

mod change;
mod feed;
mod load;
mod lookup;
mod prefixes;
mod report;
mod storm;
mod worker;

use crate::machine::{Machine, Pinned};
use crate::scenario::{MAX_SPOKES, Scenario, ScenarioError};
use change::{change, change_all};
use forwarding::{ApplyError, Updater};
use load::load;
use lookup::look_up;
use prefixes::{MAX_PREFIXES, Prefixes};
use report::{Report, Row};
use shm::{AttachError, EndpointError, Geometry, Segment};
use std::process::ExitCode;
use storm::storm;
use worker::Worker;

/// The spoke that the last prefix leads to and no other does.
const TARGET: u32 = 0;

/// Options of `hub-perf tables`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Numbers of routes; the first tells what memory they take.
    #[arg(long, value_delimiter = ',', default_value = "1000000,500000,100000",
          value_parser = clap::value_parser!(u32).range(1..=MAX_PREFIXES as i64))]
    routes: Vec<u32>,
    /// Spokes that they lead to.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(3..=MAX_SPOKES as i64))]
    spokes: u32,
    /// Times that all routes are loaded, each time into empty tables.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    loads: u16,
    /// Single changes.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    changes: u32,
    /// Changes per second that a worker has to bear.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    rate: u64,
    /// Spans of a quarter of a second, every other one with such changes.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    spans: u32,
    /// Repetitions of the packets that are timed; the first is not counted.
    #[arg(long, default_value_t = 101, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    repetitions: u16,
    /// Core of the worker.
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
    /// No end of a ring.
    #[error(transparent)]
    Ring(#[from] EndpointError),
    /// A route was refused.
    #[error("tables: {0}")]
    Apply(#[from] ApplyError),
    /// A thread ended that should not have.
    #[error("the tables' writer is gone")]
    Busy,
    /// No packet buffer.
    #[error("no packet buffer")]
    Buffers,
    /// The worker did not do what is being measured: no figure is better than a wrong one.
    #[error("not every packet was forwarded")]
    NotForwarded,
}

/// Tables with their writer, which is lent to another thread while something is measured.
struct Tables<'s> {
    scenario: Scenario,
    segment: &'s Segment,
    updater: Option<Updater>,
    /// Of the worker.
    core: usize,
}

/// The spoke that the `number`th route leads to.
fn target(number: usize, spokes: u32) -> u32 {
    TARGET + 1 + number as u32 % (spokes - 1)
}

/// Measures and prints.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    let mut report = Report::new(Machine::describe(), args);
    for &routes in &args.routes {
        let prefixes = Prefixes::new(routes);
        let mut loads = Vec::new();
        for _ in 1..args.loads {
            on_new_tables(args, routes, |tables, worker| {
                loads.push(load(tables, worker, &prefixes)?);
                Ok(())
            })?;
        }
        on_new_tables(args, routes, |tables, worker| {
            loads.push(load(tables, worker, &prefixes)?);
            let changes = change(tables, worker, &prefixes, args.changes)?;
            let (same, anywhere) = {
                let _pinned = Pinned::to(args.core);
                let mut costs = |anywhere| look_up(worker, &prefixes, anywhere, args.repetitions);
                (costs(false)?, costs(true)?)
            };
            let storm = storm(tables, worker, &prefixes, args.rate, args.spans)?;
            let all = change_all(tables, worker, &prefixes, args.changes)?;
            report.add(Row::new(routes, &loads, [&changes, &all], [&same, &anywhere], &storm));
            Ok(())
        })?;
    }
    report.print(args.json);
    Ok(ExitCode::SUCCESS)
}

/// Does something with empty tables of all spokes and a worker that reads them.
fn on_new_tables(
    args: &Args,
    routes: u32,
    run: impl FnOnce(&mut Tables<'_>, &mut Worker<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let scenario = Scenario { spokes: args.spokes, key: Some(1), redirect: false, multicast_rate: None };
    // The bound of routes grows with that of peers.
    let max_peers = args.spokes.max(routes.saturating_sub(1 << 20).div_ceil(4));
    let segment = Segment::private(&Geometry { workers: 1, max_peers })?;
    let (updater, worker) = scenario.build_for(max_peers)?;
    let mut worker = Worker::new(scenario, worker, &segment);
    let mut tables = Tables { scenario, segment: &segment, updater: Some(updater), core: args.core };
    run(&mut tables, &mut worker)
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

    /// Every route is loaded and every change seen by the worker, and every packet forwarded, else there is no figure.
    #[test]
    fn tables_are_measured() {
        let arguments =
            ["", "--routes=3000", "--spokes=10", "--loads=2", "--changes=6", "--rate=1000", "--spans=2"];
        let Cli { args } =
            Cli::try_parse_from(arguments.into_iter().chain(["--repetitions=2", "--core=0"])).unwrap();
        assert_eq!(run(&args).unwrap(), ExitCode::SUCCESS);
    }
}
