//! A worker with full tables that forwards packets to addresses at will.

use super::Error;
use crate::scenario::{BUFFERS, Random, Scenario};
use crate::sent::Sent;
use forwarding::memory::{DATAROOM, MemoryBuffer, MemoryPool};
use forwarding::{BURST, Burst, Forwarder, Now, Reader, STAGES};
use shm::Segment;
use shm::counters::{Counter, WorkerCounters};
use shm::cpu::cycles;
use std::net::Ipv4Addr;
use wire::buffer::{BufferPool, PacketBuffer};
use wire::{eth, ip4};

/// Octets of the inner packets.
const SIZE: u16 = 64;

/// One worker, on the thread that makes it.
pub struct Worker<'s> {
    scenario: Scenario,
    forwarder: Forwarder<'s, MemoryPool>,
    pool: MemoryPool,
    counters: &'s WorkerCounters,
    sent: Sent<MemoryBuffer>,
    random: Random,
}

impl<'s> Worker<'s> {
    /// Over the tables of `reader`.
    pub fn new(scenario: Scenario, reader: Reader, segment: &'s Segment) -> Self {
        let pool = MemoryPool::new(BUFFERS as usize, DATAROOM);
        let counters = segment.worker(0);
        let forwarder = Forwarder::new(reader, pool.clone(), counters, segment.peers(0));
        Self { scenario, forwarder, pool, counters, sent: Sent::default(), random: Random::default() }
    }

    /// Whether stages are timed, which costs a little itself.
    pub fn time_stages(&mut self, timed: bool) {
        self.forwarder.set_stage_timing(timed);
    }

    /// Cycles of a stage so far.
    pub fn stage(&self, name: &str) -> u64 {
        let at = STAGES.iter().position(|stage| *stage == name);
        at.and_then(|at| self.counters.stage_cycles.get(at)).map_or(0, Counter::get)
    }

    /// One turn of the poll loop with a packet of any spoke's to each of the addresses, at most [`BURST`]; gives the
    /// cycles of the turn, without making the packets. `around` is called before and after.
    pub fn turn(&mut self, to: &[Ipv4Addr], mut around: impl FnMut()) -> Result<u64, Error> {
        let mut burst = Burst::new();
        for to in to.iter().take(BURST) {
            let from = self.random.below(self.scenario.spokes);
            let buffer = self.pool.allocate().and_then(|mut buffer| {
                let room = buffer.append(self.scenario.overhead() + usize::from(SIZE))?;
                self.scenario.frame_to(from, *to, SIZE, room)?;
                Some(buffer)
            });
            burst.push(buffer.ok_or(Error::Buffers)?);
        }
        self.sent.frames.clear();
        let now = Now::from_millis(shm::clock::now_ms());
        around();
        let start = cycles();
        self.forwarder.tick(now, &mut self.sent);
        self.forwarder.process(0, &mut burst, now, &mut self.sent);
        let took = cycles().wrapping_sub(start);
        around();
        Ok(took)
    }

    /// How many packets of the last turn were forwarded.
    pub fn forwarded(&self) -> usize {
        self.sent.frames.len()
    }

    /// Where each of them went in the underlay.
    pub fn to(&self) -> impl Iterator<Item = Option<Ipv4Addr>> {
        self.sent
            .frames
            .iter()
            .map(|frame| ip4::parse(frame.data().get(eth::LEN..)?).ok().map(|outer| outer.destination()))
    }

    /// Where the first of them went.
    pub fn first_to(&self) -> Option<Ipv4Addr> {
        self.to().next().flatten()
    }
}
