//! More than one worker: does a packet cost each of them what it costs one alone?
//!
//! Each worker has a thread and packets of its own, from spokes that no other worker hears from, to all. The generator is
//! off the path, as everywhere in `hub-perf path`: what is compared is the forwarder's cycles while the others rest, and
//! while they forward as well. Were there a cache line that two workers write for each packet, it would show.

use super::measure::Bench;
use super::protected::Protected;
use super::protection::Protection;
use super::{Args, Error};
use crate::machine::pin;
use crate::scenario::{BUFFERS, Pairs, Scenario, Size};
use crate::spread::Spread;
use forwarding::crypto::Choice;
use forwarding::memory::{DATAROOM, MemoryPool};
use forwarding::{Reader, Updater};
use serde::Serialize;
use shm::{Geometry, Segment};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

/// Repetitions between one phase and the next.
const ROUND: usize = 10;
/// Between two looks of a worker that rests.
const LOOK: Duration = Duration::from_micros(100);

/// One kind of protection and one size.
#[derive(Clone, Debug, Serialize)]
pub struct Scaling {
    /// `clear`, or the transform.
    pub esp: String,
    /// Registered.
    pub spokes: u32,
    /// Of the inner packet.
    pub size: String,
    /// How many.
    pub workers: u32,
    /// Cycles per packet of the first worker while the others rest.
    pub alone: Spread,
    /// Cycles per packet of each while all forward.
    pub together: Spread,
    /// How many times the packets of one all together forward, from the lowest of both.
    pub times: f64,
}

/// What all do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Phase {
    /// Take SAs.
    Fill,
    /// The first forwards.
    Alone,
    /// All forward.
    Together,
    /// Go.
    End,
}

/// Where all are.
struct Stage {
    phase: AtomicU32,
    /// Workers besides the first that do what the phase asks for.
    following: AtomicU32,
}

impl Stage {
    fn is(&self, phase: Phase) -> bool {
        self.phase.load(Ordering::Acquire) == phase as u32
    }

    /// Goes on, and waits until all others follow.
    fn go(
        &self,
        phase: Phase,
        others: &[ScopedJoinHandle<'_, Result<Vec<f64>, Error>>],
    ) -> Result<(), Error> {
        self.following.store(0, Ordering::Release);
        self.phase.store(phase as u32, Ordering::Release);
        while self.following.load(Ordering::Acquire) < others.len() as u32 {
            if others.iter().any(ScopedJoinHandle::is_finished) {
                return Err(Error::Thread);
            }
            std::thread::yield_now();
        }
        Ok(())
    }
}

/// What every worker's thread needs.
#[derive(Clone, Copy)]
struct Common<'a> {
    args: &'a Args,
    protection: Protection,
    scenario: Scenario,
    choice: &'a Choice,
    segment: &'a Segment,
    stage: &'a Stage,
    size: Size,
    cpus: usize,
}

/// All sizes, on a machine of so many CPUs.
pub fn measure(args: &Args, protection: Protection, spokes: u32, cpus: usize) -> Result<Vec<Scaling>, Error> {
    let scenario = Scenario { spokes, key: args.key, redirect: args.redirect, multicast_rate: None };
    let choice = Choice::new(args.engine)?;
    let size = |&size: &Size| {
        args.show(format_args!("{protection}, {spokes} spokes, size {size}, {} workers", args.workers));
        let segment = Segment::private(&Geometry { workers: args.workers, max_peers: spokes })?;
        let stage = Stage { phase: AtomicU32::new(Phase::Fill as u32), following: AtomicU32::new(0) };
        let common = Common {
            args,
            protection,
            scenario,
            choice: &choice,
            segment: &segment,
            stage: &stage,
            size,
            cpus,
        };
        let [alone, together] = common.measure()?.map(Spread::of);
        let (esp, size) = (protection.to_string(), size.to_string());
        let times = f64::from(args.workers) * alone.min / together.min;
        Ok(Scaling { esp, spokes, size, workers: args.workers, alone, together, times })
    };
    args.sizes.iter().map(size).collect()
}

impl Common<'_> {
    /// Cycles per packet alone, and together.
    fn measure(&self) -> Result<[Vec<f64>; 2], Error> {
        let security = self
            .protection
            .transform()
            .map(|_| Protected::security_of(self.choice, self.segment, self.args.workers));
        let protected = security.is_some();
        let (mut updater, readers) = self.scenario.empty_for_workers(self.args.workers as usize, security)?;
        if !protected {
            fill(&self.scenario, &mut updater)?;
        }
        let mut readers = readers.into_iter().zip(0..);
        let Some((reader, _)) = readers.next() else { return Err(Error::Thread) };
        std::thread::scope(|scope| {
            let others: Vec<_> =
                readers.map(|(reader, worker)| scope.spawn(move || self.follow(reader, worker))).collect();
            let done = self.lead(reader, &mut updater, &others);
            self.stage.phase.store(Phase::End as u32, Ordering::Release);
            let [alone, mut together] = done?;
            for other in others {
                together.extend(other.join().map_err(|_| Error::Thread)??);
            }
            Ok([alone, together])
        })
    }

    /// The first worker, and the updater.
    fn lead(
        &self,
        reader: Reader,
        updater: &mut Updater,
        others: &[ScopedJoinHandle<'_, Result<Vec<f64>, Error>>],
    ) -> Result<[Vec<f64>; 2], Error> {
        let mut bench = self.bench(reader, 0)?;
        bench.install(updater, self.segment, std::thread::yield_now)?;
        let mut pairs = Pairs::of_worker(self.scenario.spokes, 0, self.args.workers);
        let (mut alone, mut together) = (Vec::new(), Vec::new());
        while alone.len() < self.args.repetitions.into() {
            for (phase, cycles) in [(Phase::Alone, &mut alone), (Phase::Together, &mut together)] {
                self.stage.go(phase, others)?;
                self.repetition(&mut bench, &mut pairs)?;
                for _ in 0..ROUND {
                    cycles.push(self.repetition(&mut bench, &mut pairs)?);
                }
            }
        }
        Ok([alone, together])
    }

    /// Another worker: cycles per packet while all forward.
    fn follow(&self, reader: Reader, worker: u32) -> Result<Vec<f64>, Error> {
        let mut bench = self.bench(reader, worker)?;
        while self.stage.is(Phase::Fill) {
            bench.tick();
        }
        let mut pairs = Pairs::of_worker(self.scenario.spokes, worker, self.args.workers);
        let (mut together, mut last) = (Vec::new(), Phase::Fill);
        while !self.stage.is(Phase::End) {
            let phase = if self.stage.is(Phase::Together) { Phase::Together } else { Phase::Alone };
            if phase != last {
                last = phase;
                self.stage.following.fetch_add(1, Ordering::AcqRel);
            }
            if phase == Phase::Alone {
                std::thread::sleep(LOOK);
                continue;
            }
            let cycles = self.repetition(&mut bench, &mut pairs)?;
            // Else the first had stopped meanwhile.
            if self.stage.is(Phase::Together) {
                together.push(cycles);
            }
        }
        Ok(together)
    }

    fn bench(&self, reader: Reader, worker: u32) -> Result<Bench<'_, MemoryPool>, Error> {
        pin((self.args.core + worker as usize) % self.cpus.max(1));
        let protected = self
            .protection
            .transform()
            .map(|named| Protected::new(self.choice, named, self.scenario.spokes))
            .transpose()?;
        let (pool, burst) = (MemoryPool::new(BUFFERS as usize, DATAROOM), self.args.burst.into());
        Ok(Bench::new(self.scenario, reader, pool, (self.segment, worker as usize), burst, protected))
    }

    fn repetition(&self, bench: &mut Bench<'_, MemoryPool>, pairs: &mut Pairs) -> Result<f64, Error> {
        let outcome = bench.repetition(self.size, pairs, self.args.packets)?;
        Ok(outcome.cycles as f64 / outcome.packets.max(1) as f64)
    }
}

/// Makes the spokes of a hub without protection its peers.
fn fill(scenario: &Scenario, updater: &mut Updater) -> Result<(), Error> {
    for id in 0..scenario.spokes {
        scenario.spoke(id, None).iter().try_for_each(|update| updater.apply(update))?;
    }
    Ok(())
}
