//! The service thread: every system call that the workers do not make.
//!
//! It moves packets between the workers and the kernel twins, feeds the tables, shows link states to the kernel and
//! says that the process lives. It sleeps on the twins' file descriptors; workers cannot wake it (that would be a
//! system call of theirs), so it looks after them every [`NAP`].

use crate::feed::Feed;
use crate::health::Health;
use crate::lane::{FromKernel, Lane, ToKernel};
use crate::netdev::NetDev;
use crate::twin::{Received, Twin, TwinOf};
use dpdk::Pool;
use rustix::event::{Timespec, epoll};
use shm::Segment;
use shm::service::TwinLoss;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// How long it sleeps when there was nothing to do: what the first ping to the hub waits at most.
const NAP: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
/// Packets taken from one twin, or of one class from one worker, before the next has its turn.
const TURN: usize = 64;
/// Milliseconds between signs of life.
const HEARTBEAT: u64 = 100;
/// Milliseconds between looks at link states, at deleted twins, and reports.
const SLOW: u64 = 1000;

/// Everything the service thread owns, and what it shares with the workers.
#[derive(Debug)]
pub struct Service<'s> {
    /// Buffers for what the kernel sends.
    pub pool: Pool,
    /// For the sign of life and the counters.
    pub segment: &'s Segment,
    /// By worker.
    pub lanes: &'s [Lane],
    /// The ports.
    pub health: Health,
    /// Twins of the ports in order, then of the tunnels.
    pub twins: Vec<Twin<'s>>,
    /// Control's rings and the tables.
    pub feed: Feed,
    /// Set by a signal, or here when a worker is gone; tells the workers to end.
    pub stop: &'s AtomicBool,
}

impl Service<'_> {
    /// Serves until told to stop. `lost` tells whether a worker ended on its own, without which the hub is none.
    pub fn run(&mut self, lost: impl Fn() -> bool) -> rustix::io::Result<()> {
        let waiting = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for index in 0..self.twins.len() {
            self.watch(&waiting, index)?;
        }
        let (mut heartbeat, mut slow) = (0, 0);
        let mut ready = Vec::with_capacity(self.twins.len().max(1));
        let mut worked = false;
        while !self.stop.load(Ordering::Relaxed) {
            let timeout = if worked { Timespec { tv_sec: 0, tv_nsec: 0 } } else { NAP };
            ready.clear();
            match epoll::wait(&waiting, rustix::buffer::spare_capacity(&mut ready), Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error),
            }
            worked = false;
            for event in &ready {
                worked |= self.take_from_kernel(event.data.u64() as usize);
            }
            worked |= self.give_to_kernel();
            worked |= self.feed.update(self.segment);
            worked |= self.feed.inject(&self.pool, self.lanes);
            let now = shm::clock::now_ms();
            if now >= heartbeat {
                self.segment.heartbeat(now);
                heartbeat = now + HEARTBEAT;
            }
            if now >= slow {
                self.slow(&waiting);
                slow = now + SLOW;
                if lost() {
                    tracing::error!("a worker ended: stopping");
                    self.stop.store(true, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }

    fn watch(&self, waiting: &OwnedFd, index: usize) -> rustix::io::Result<()> {
        let Some(device) = self.twins.get(index).and_then(Twin::device) else { return Ok(()) };
        epoll::add(waiting, device, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN)
    }

    /// Packets that the kernel sent to a twin go to one worker, so that they stay in order.
    fn take_from_kernel(&mut self, index: usize) -> bool {
        let Some(twin) = self.twins.get_mut(index) else { return false };
        let Some(lane) = self.lanes.get(index % self.lanes.len().max(1)) else { return false };
        let mut worked = false;
        for _ in 0..TURN {
            // What the worker has no room for waits in the kernel's queue: a burst of a routing daemon is delayed, not
            // thinned out.
            if lane.from_kernel.is_full() {
                break;
            }
            let packet = match twin.receive(&self.pool) {
                Received::Packet(packet) => packet,
                Received::Lost => continue,
                Received::Nothing => break,
                Received::Gone(error) => {
                    tracing::warn!(twin = twin.spec.name, "{error}; it is made again within a second");
                    break;
                }
            };
            worked = true;
            let item = match twin.spec.of {
                TwinOf::Port(port) => FromKernel::Frame(port, packet),
                TwinOf::Tunnel(tunnel) => FromKernel::Packet(tunnel, packet),
            };
            if lane.from_kernel.push(item).is_err() {
                twin.counters.lose(TwinLoss::WorkerBusy);
            }
        }
        worked
    }

    fn give_to_kernel(&mut self) -> bool {
        let mut worked = false;
        let ports = self.health.ports();
        for lane in self.lanes {
            worked |= lane.to_kernel.take(TURN, |item| {
                let (index, packet) = match item {
                    ToKernel::Frame(port, frame) => (usize::from(port), frame),
                    ToKernel::Packet(tunnel, packet) => (ports + usize::from(tunnel), packet),
                };
                if let Some(twin) = self.twins.get_mut(index) {
                    twin.deliver(packet);
                }
            });
        }
        worked
    }

    fn slow(&mut self, waiting: &OwnedFd) {
        let counters = self.segment.service();
        self.feed.report(counters);
        for (up, twin) in self.health.look(counters).zip(&mut self.twins) {
            if let Err(error) = twin.set_carrier(up) {
                tracing::debug!(twin = twin.spec.name, "{error}");
            }
        }
        if let Some(table) = NetDev::read() {
            for twin in &mut self.twins {
                if let Some(dropped) = table.dropped(&twin.spec.name) {
                    twin.count_dropped(dropped);
                }
            }
        }
        for index in 0..self.twins.len() {
            let Some(twin) = self.twins.get_mut(index).filter(|twin| twin.device().is_none()) else {
                continue;
            };
            match twin.reopen() {
                Ok(()) => {
                    tracing::info!(twin = twin.spec.name, "made again");
                    if let Err(error) = self.watch(waiting, index) {
                        tracing::error!("epoll: {error}");
                    }
                }
                Err(error) => tracing::debug!("{error}"),
            }
        }
    }

    /// The last words, when the process ends: counters of the last second, and a line per port for the log.
    pub fn summary(&mut self) {
        let counters = self.segment.service();
        self.feed.report(counters);
        self.health.look(counters).for_each(drop);
        self.health.summary();
    }
}
