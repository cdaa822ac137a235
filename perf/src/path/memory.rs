//! What a spoke takes of the data plane's memory.

use super::measure::Bench;
use super::protection::Protection;
use super::{Args, Error};
use crate::machine::resident;
use crate::scenario::Scenario;
use forwarding::crypto::Choice;
use forwarding::memory::MemoryPool;
use forwarding::{BURST, Updater};
use serde::Serialize;
use shm::{Geometry, Segment};

/// Of hubs with one worker: tables, SAs, and their part of the shared segment.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    /// `clear`, or the transform.
    pub esp: String,
    /// Octets that became resident for a hub with one spoke: tables that do not grow with spokes, the FIB first of all.
    pub with_one: u64,
    /// Spokes of the other hub, each with a route and, with ESP, an SA pair.
    pub spokes: u32,
    /// Octets that became resident for that.
    pub with_all: u64,
    /// The difference, for each spoke.
    pub per_spoke: f64,
}

/// Of the last kind of protection, whose keys are the longest by default, and the most spokes. It says what it should
/// only in a process that has had no hub before, whose memory a new one would take.
pub fn measure(args: &Args) -> Result<Option<Memory>, Error> {
    let (Some(&protection), Some(&spokes)) = (args.esp.last(), args.spokes.iter().max()) else {
        return Ok(None);
    };
    args.show(format_args!("{protection}, {spokes} spokes, memory"));
    let begin = resident();
    // The small one stays while the large one is made, which else would have its memory.
    let small = Segment::private(&Geometry { workers: 1, max_peers: 1 })?;
    let _small = hub(args, protection, 1, &small)?;
    let middle = resident();
    let large = Segment::private(&Geometry { workers: 1, max_peers: spokes })?;
    let _large = hub(args, protection, spokes, &large)?;
    let [with_one, with_all] = [middle.saturating_sub(begin), resident().saturating_sub(middle)];
    let per_spoke = with_all.saturating_sub(with_one) as f64 / f64::from(spokes);
    Ok(Some(Memory { esp: protection.to_string(), with_one, spokes, with_all, per_spoke }))
}

/// A hub, whose worker takes SAs and forwards nothing.
fn hub<'s>(
    args: &Args,
    protection: Protection,
    spokes: u32,
    segment: &'s Segment,
) -> Result<(Updater, Bench<'s, MemoryPool>), Error> {
    let scenario = Scenario { spokes, key: args.key, redirect: args.redirect, multicast_rate: None };
    let choice = Choice::new(args.engine)?;
    let (pool, protection) = (MemoryPool::new(1, 64), (&choice, protection.transform()));
    let (mut updater, mut bench) = Bench::one_worker(scenario, protection, segment, pool, BURST)?;
    bench.install(&mut updater, segment, || {})?;
    Ok((updater, bench))
}
