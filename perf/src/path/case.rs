//! One number of spokes with one kind of protection: all sizes, with the engines alone in turn.

use super::engines::Engines;
use super::measure::{Bench, Outcome};
use super::protection::Protection;
use super::report::{Report, Row};
use super::{Args, Error};
use crate::scenario::{Pairs, Scenario, Size};
use forwarding::crypto::Choice;
use shm::{Geometry, Segment};
use wire::buffer::BufferPool;

/// Repetitions of the path between two turns of the engines.
const ROUND: usize = 10;

/// It.
pub struct Case<'a> {
    /// What was asked for.
    pub args: &'a Args,
    /// On both sides.
    pub protection: Protection,
    /// Registered.
    pub spokes: u32,
    /// The first number of spokes: the engines that are not used have their turn here.
    pub first: bool,
}

impl Case<'_> {
    /// Adds a row for each size.
    pub fn measure<P: BufferPool + Clone>(&self, report: &mut Report, pool: &P) -> Result<(), Error> {
        let Self { args, protection, spokes, first } = *self;
        let scenario = Scenario { spokes, key: args.key, redirect: args.redirect, multicast_rate: None };
        let segment = Segment::private(&Geometry { workers: 1, max_peers: spokes })?;
        let burst = usize::from(args.burst);
        let choice = Choice::new(args.engine)?;
        let named = protection.transform();
        let (mut updater, mut bench) =
            Bench::one_worker(scenario, (&choice, named), &segment, pool.clone(), burst)?;
        let mut engines = match named {
            Some(named) if first => Some(Engines::used(&choice, named, spokes, burst)?.with_others(burst)?),
            Some(named) => Some(Engines::used(&choice, named, spokes, burst)?),
            None => None,
        };
        bench.install(&mut updater, &segment, || {})?;
        for &size in &args.sizes {
            args.show(format_args!("{protection}, {spokes} spokes, size {size}"));
            // The stages apart from the whole, which their clock readings would make dearer.
            let whole = self.repeat(&mut bench, size, engines.as_mut())?;
            bench.time_stages(true);
            let stages = self.repeat(&mut bench, size, None)?;
            bench.time_stages(false);
            let costs = engines.as_mut().map(|engines| engines.costs(size)).unwrap_or_default();
            let row = Row::new((protection, spokes, size), &whole, &stages, report.machine.tsc_hz);
            report.add(row, costs);
        }
        args.show(format_args!(""));
        Ok(())
    }

    /// In rounds, between which the engines have their turns. The first repetition of a round, which finds the cache as
    /// they left it, is not counted.
    fn repeat<P: BufferPool + Clone>(
        &self,
        bench: &mut Bench<'_, P>,
        size: Size,
        mut engines: Option<&mut Engines>,
    ) -> Result<Vec<Outcome>, Error> {
        let Args { packets, repetitions, .. } = *self.args;
        let mut pairs = Pairs::new(self.spokes);
        let mut outcomes = Vec::new();
        while outcomes.len() < repetitions.into() {
            bench.repetition(size, &mut pairs, packets)?;
            for _ in 0..ROUND.min(usize::from(repetitions) - outcomes.len()) {
                outcomes.push(bench.repetition(size, &mut pairs, packets)?);
            }
            if let Some(engines) = &mut engines {
                engines.turn(size, packets)?;
            }
        }
        Ok(outcomes)
    }
}
