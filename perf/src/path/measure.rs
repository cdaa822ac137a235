//! One repetition: bursts filled, timed, checked and freed.

use super::Error;
use super::protected::Protected;
use crate::crypto::Named;
use crate::scenario::{HUB, Pairs, Scenario, Size, nbma};
use crate::sent::Sent;
use forwarding::crypto::Choice;
use forwarding::{BURST, Burst, Forwarder, Now, Reader, STAGES, Updater};
use shm::Segment;
use shm::counters::{Counter, WorkerCounters};
use shm::cpu::cycles;
use shm::drops::DropReason;
use wire::buffer::{BufferPool, PacketBuffer};
use wire::{eth, ip4};

/// What one repetition cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Packets forwarded.
    pub packets: u64,
    /// Cycles of the time-stamp counter in the forwarder.
    pub cycles: u64,
    /// Of them, by stage, while the stages are timed.
    pub stages: [u64; STAGES.len()],
}

/// A forwarder with all it needs.
pub struct Bench<'s, P: BufferPool> {
    scenario: Scenario,
    forwarder: Forwarder<'s, P>,
    pool: P,
    counters: &'s WorkerCounters,
    burst: usize,
    sent: Sent<P::Buffer>,
    /// The spokes' ends of their SAs; `None`: GRE in the clear.
    protected: Option<Protected>,
    /// Milliseconds, as the worker reads them.
    clock: fn() -> u64,
}

impl<'s, P: BufferPool + Clone> Bench<'s, P> {
    /// Over tables that are full, counting into a private segment as that worker.
    pub fn new(
        scenario: Scenario,
        reader: Reader,
        pool: P,
        (segment, worker): (&'s Segment, usize),
        burst: usize,
        protected: Option<Protected>,
    ) -> Self {
        let counters = segment.worker(worker);
        Self {
            scenario,
            forwarder: Forwarder::new(reader, pool.clone(), counters, segment.peers(worker)),
            pool,
            counters,
            burst: burst.min(BURST),
            sent: Sent::default(),
            protected,
            // Real time, so that limits by time (redirects) are as exhausted as they would be.
            clock: shm::clock::now_ms,
        }
    }

    /// The one worker of a hub with these spokes, and its tables' writer. With protection they are still to be
    /// [installed](Self::install).
    pub fn one_worker(
        scenario: Scenario,
        (choice, esp): (&Choice, Option<Named>),
        segment: &'s Segment,
        pool: P,
        burst: usize,
    ) -> Result<(Updater, Self), Error> {
        let protected = esp.map(|named| Protected::new(choice, named, scenario.spokes)).transpose()?;
        let (updater, reader) = match protected {
            Some(_) => scenario.empty(Some(Protected::security(choice, segment)))?,
            None => scenario.build()?,
        };
        Ok((updater, Self::new(scenario, reader, pool, (segment, 0), burst, protected)))
    }

    /// With another clock.
    pub fn with_clock(mut self, clock: fn() -> u64) -> Self {
        self.clock = clock;
        self
    }

    /// Installs the SAs and spokes of a hub with protection. `others` lets other workers take what they are given.
    pub fn install(
        &mut self,
        updater: &mut Updater,
        segment: &Segment,
        others: impl Fn(),
    ) -> Result<(), Error> {
        let Self { scenario, forwarder, sent, protected, clock, .. } = self;
        let Some(protected) = protected else { return Ok(()) };
        let now = Now::from_millis(clock());
        let tick = || {
            forwarder.tick(now, sent);
            others();
        };
        protected.install(scenario, updater, segment, tick)
    }

    /// A turn without packets, in which the worker takes what the updater gives it.
    pub fn tick(&mut self) {
        let now = Now::from_millis((self.clock)());
        self.forwarder.tick(now, &mut self.sent);
    }

    /// Whether stages are timed, which costs a little itself.
    pub fn time_stages(&mut self, timed: bool) {
        self.forwarder.set_stage_timing(timed);
    }

    /// Forwards `packets` packets, rounded up to whole bursts.
    pub fn repetition(&mut self, size: Size, pairs: &mut Pairs, packets: u32) -> Result<Outcome, Error> {
        let stages_before = self.stages();
        let mut outcome = Outcome::default();
        let mut given = 0;
        let mut last = (0, 0);
        while given < u64::from(packets) {
            let mut burst = Burst::new();
            for _ in 0..self.burst {
                last = pairs.pair();
                if let Some(buffer) = self.fill(last, size.of(given as usize + burst.len())) {
                    burst.push(buffer);
                }
            }
            given += self.burst as u64;
            let now = Now::from_millis((self.clock)());
            let start = cycles();
            self.forwarder.tick(now, &mut self.sent);
            self.forwarder.process(0, &mut burst, now, &mut self.sent);
            outcome.cycles += cycles().wrapping_sub(start);
            outcome.packets += self.sent.frames.len() as u64;
            self.check(last)?;
            self.sent.frames.clear();
        }
        if outcome.packets != given {
            return Err(self.failed(given, outcome.packets));
        }
        let stages = self.stages();
        for ((cycles, after), before) in outcome.stages.iter_mut().zip(stages).zip(stages_before) {
            *cycles = after.wrapping_sub(before);
        }
        Ok(outcome)
    }

    fn fill(&mut self, (from, to): (u32, u32), size: u16) -> Option<P::Buffer> {
        let mut buffer = self.pool.allocate()?;
        match &mut self.protected {
            Some(protected) => {
                let room = buffer.append(protected.frame_len(&self.scenario, size))?;
                protected.frame(&self.scenario, from, to, size, room)?;
            }
            None => {
                let room = buffer.append(self.scenario.overhead() + usize::from(size))?;
                self.scenario.frame(from, to, size, room)?;
            }
        }
        Some(buffer)
    }

    /// The last frame of a burst is looked at: to the right spoke, with a correct header, TTL one less.
    fn check(&mut self, (_, to): (u32, u32)) -> Result<(), Error> {
        let Self { scenario, sent, protected, .. } = self;
        let right = sent.frames.last().is_some_and(|frame| match protected {
            Some(protected) => protected.is_right(frame.data(), to),
            None => is_right(frame.data(), scenario.overhead(), to),
        });
        if right { Ok(()) } else { Err(self.failed(self.burst as u64, self.sent.frames.len() as u64)) }
    }

    fn failed(&self, expected: u64, sent: u64) -> Error {
        let counts =
            DropReason::ALL.iter().map(|reason| (reason.name(), &self.counters.drops[*reason as usize]));
        let drops: Vec<String> = counts
            .filter(|(_, count)| count.get() > 0)
            .map(|(name, count)| format!("{name} {}", count.get()))
            .chain((self.sent.elsewhere > 0).then(|| format!("elsewhere {}", self.sent.elsewhere)))
            .collect();
        Error::NotForwarded { expected, sent, drops: drops.join(", ") }
    }

    fn stages(&self) -> [u64; STAGES.len()] {
        std::array::from_fn(|stage| self.counters.stage_cycles.get(stage).map_or(0, Counter::get))
    }
}

/// Whether a frame in the clear is an inner packet for a spoke, TTL one less.
fn is_right(data: &[u8], overhead: usize, to: u32) -> bool {
    let outer = data.get(eth::LEN..).and_then(|outer| ip4::parse(outer).ok());
    let inner = data.get(overhead..).and_then(|inner| ip4::parse(inner).ok());
    outer.is_some_and(|outer| (outer.source(), outer.destination()) == (HUB, nbma(to)))
        && inner.is_some_and(|inner| inner.ttl() == 63)
}
