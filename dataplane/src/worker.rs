//! A worker: the poll loop of one core. It never blocks, allocates, logs or makes a system call while there is
//! work; only `idle-sleep`, where the operator sets it, lets it sleep after many polls without a packet.

use crate::clock::Clock;
use crate::lane::{FromKernel, Lane};
use crate::ports::Receiver;
use crate::sink::WorkerSink;
use dpdk::{Eal, Mbuf, Pool, Registered, tsc};
use forwarding::{Burst, Forwarder, Now, Sink};
use shm::counters::WorkerCounters;
use shm::drops::DropReason;
use shm::message::{PortId, TunnelId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wire::buffer::PacketBuffer;

/// Polls in a row without a packet after which a worker that may sleep does.
const IDLE_POLLS: u32 = 256;
/// Packets taken from the kernel, from control, or from other workers in one poll.
const LANE_BURST: usize = forwarding::BURST;

/// Everything one worker owns, and what it shares with the service thread.
#[derive(Debug)]
pub struct Worker<'s> {
    /// Its number, which is that of its queues.
    pub index: usize,
    /// CPU it is pinned to.
    pub core: usize,
    /// Its receive queues with their ports.
    pub rx: Vec<Receiver>,
    /// The packet engine.
    pub forwarder: Forwarder<'s, Pool>,
    /// Where packets go.
    pub sink: WorkerSink<'s>,
    /// From and to the service thread.
    pub lane: &'s Lane,
    /// Its counters.
    pub counters: &'s WorkerCounters,
    /// Sleep after [`IDLE_POLLS`] polls without a packet; zero: never.
    pub idle_sleep: Duration,
    /// Set by the service thread when the process is to end.
    pub stop: &'s AtomicBool,
}

impl Worker<'_> {
    /// Polls until told to stop. Runs on a thread of its own.
    pub fn run(mut self, eal: Eal) {
        if !core_affinity::set_for_current(core_affinity::CoreId { id: self.core }) {
            tracing::warn!(worker = self.index, core = self.core, "cannot be pinned: is there such a core?");
        }
        let registered = Registered::register(eal);
        if let Err(error) = &registered {
            tracing::warn!(worker = self.index, "runs without a buffer cache: {error}");
        }
        let mut clock = Clock::new(dpdk::tsc_hz(eal), tsc(), shm::clock::now_ms());
        tracing::info!(worker = self.index, core = self.core, queues = self.rx.len(), "polling");
        let mut burst = Burst::new();
        let mut idle = 0;
        let mut begin = tsc();
        while !self.stop.load(Ordering::Relaxed) {
            let taken = self.poll(clock.at(begin), &mut burst);
            let end = tsc();
            self.count(taken, end.wrapping_sub(begin));
            begin = end;
            if taken > 0 || self.forwarder.is_replicating() {
                idle = 0;
            } else if !self.idle_sleep.is_zero() {
                idle += 1;
                if idle >= IDLE_POLLS {
                    std::thread::sleep(self.idle_sleep);
                    // The time asleep is idle time, and not that of the packets that came meanwhile.
                    begin = tsc();
                    self.counters.idle_cycles.add(begin.wrapping_sub(end));
                }
            }
        }
        tracing::info!(worker = self.index, "stopped");
    }

    /// One turn: all queues once. Answers how many packets there were.
    #[inline]
    fn poll(&mut self, now: Now, burst: &mut Burst<Mbuf>) -> usize {
        self.forwarder.tick(now, &mut self.sink);
        let mut taken = 0;
        for Receiver { port, queue, trunk } in &mut self.rx {
            let count = queue.burst(burst);
            if count > 0 {
                taken += count;
                self.counters.burst_sizes[bucket(count)].add(1);
                match trunk {
                    None => self.forwarder.process(*port, burst, now, &mut self.sink),
                    Some(trunk) => {
                        for (port, burst) in trunk.split(burst) {
                            self.forwarder.process(port, burst, now, &mut self.sink);
                            burst.clear();
                        }
                    }
                }
                burst.clear();
            }
            let oversize = queue.take_oversize();
            if oversize > 0 {
                self.counters.drops[DropReason::EthOversize as usize].add(oversize);
            }
        }
        if !self.lane.from_kernel.is_empty() {
            taken += self.drain(now, burst);
        }
        if !self.lane.injects.is_empty() {
            taken += self.take_injects(now);
        }
        if !self.lane.handed.is_empty() {
            taken += self.take_handed(now, burst);
        }
        self.sink.flush();
        taken
    }

    /// Takes what the kernel sent.
    fn drain(&mut self, now: Now, burst: &mut Burst<Mbuf>) -> usize {
        let mut taken = 0;
        let mut of = None;
        while taken < LANE_BURST {
            let Some(item) = self.lane.from_kernel.pop() else { break };
            taken += 1;
            match item {
                FromKernel::Frame(port, ref frame) if self.forwarder.is_echo(port, frame.data()) => {}
                FromKernel::Frame(port, frame) => self.sink.transmit(port, frame),
                FromKernel::Packet(tunnel, packet) => {
                    if of.is_some_and(|of| of != tunnel) || burst.is_full() {
                        self.tunnel_burst(of, burst, now);
                    }
                    of = Some(tunnel);
                    // Never full: it was emptied above if it was.
                    let _ = burst.try_push(packet);
                }
            }
        }
        self.tunnel_burst(of, burst, now);
        taken
    }

    /// Takes what control sent.
    fn take_injects(&mut self, now: Now) -> usize {
        for taken in 0..LANE_BURST {
            let Some(injected) = self.lane.injects.pop() else { return taken };
            self.forwarder.inject(&injected.message(), now, &mut self.sink);
        }
        LANE_BURST
    }

    fn tunnel_burst(&mut self, tunnel: Option<TunnelId>, burst: &mut Burst<Mbuf>, now: Now) {
        if let Some(tunnel) = tunnel {
            self.forwarder.process_tunnel(tunnel, burst, now, &mut self.sink);
        }
        burst.clear();
    }

    /// Takes what other workers received for SAs of this one.
    fn take_handed(&mut self, now: Now, burst: &mut Burst<Mbuf>) -> usize {
        let mut taken = 0;
        let mut of = None;
        while taken < LANE_BURST {
            let Some((port, datagram)) = self.lane.handed.pop() else { break };
            taken += 1;
            if of.is_some_and(|of| of != port) || burst.is_full() {
                self.handed_burst(of, burst, now);
            }
            of = Some(port);
            // Never full: it was emptied above if it was.
            let _ = burst.try_push(datagram);
        }
        self.handed_burst(of, burst, now);
        taken
    }

    fn handed_burst(&mut self, port: Option<PortId>, burst: &mut Burst<Mbuf>, now: Now) {
        if let Some(port) = port {
            self.forwarder.process_handed(port, burst, now, &mut self.sink);
        }
        burst.clear();
    }

    #[inline(always)]
    fn count(&self, taken: usize, cycles: u64) {
        let counters = self.counters;
        counters.polls.add(1);
        if taken == 0 {
            counters.empty_polls.add(1);
            counters.burst_sizes[0].add(1);
            counters.idle_cycles.add(cycles);
        } else {
            counters.packets.add(taken as u64);
            counters.busy_cycles.add(cycles);
        }
    }
}

/// Bucket of [`WorkerCounters::burst_sizes`]: powers of two, 64 and more in the last.
#[inline(always)]
fn bucket(count: usize) -> usize {
    count.checked_ilog2().map_or(0, |log| log as usize + 1).min(7)
}

#[cfg(test)]
mod tests {
    use super::bucket;

    #[test]
    fn burst_sizes_fall_into_their_buckets() {
        let expected =
            [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4), (31, 5), (32, 6), (63, 6), (64, 7)];
        for (count, index) in expected {
            assert_eq!(bucket(count), index, "{count}");
        }
        assert_eq!(bucket(1000), 7);
    }
}
