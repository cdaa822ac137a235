//! Frames out at a steady rate, their time of sending within; frames in, and how long they took.

use crate::scenario::{Pairs, Scenario, Size};
use arrayvec::ArrayVec;
use dpdk::{Mbuf, Pool, RxQueue, TxQueue};
use hdrhistogram::Histogram;
use serde::Serialize;
use shm::cpu::cycles;
use std::time::{Duration, Instant};
use wire::buffer::{BufferPool, PacketBuffer};
use wire::{ip4, udp};

/// Frames sent or taken at once.
const BURST: usize = 32;
/// How long frames may be under way after the last was sent.
const DRAIN: Duration = Duration::from_millis(500);
/// Marks our frames: the run they belong to follows, then the time they were sent.
const MAGIC: [u8; 4] = *b"PERF";
/// Octets of the mark behind the inner UDP header.
const MARK: usize = 4 + 4 + 8;
/// Greatest latency that the histogram tells apart, in nanoseconds.
const HIGHEST: u64 = 10_000_000_000;

/// What a measurement gave.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Frames the device took.
    pub sent: u64,
    /// Frames that came back.
    pub received: u64,
    /// The difference.
    pub lost: u64,
    /// Frames that were due and not sent because the device or the machine was too slow.
    pub behind: u64,
    /// Shortest time from sending to receiving, in microseconds.
    pub min_us: f64,
    /// Median.
    pub p50_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// 99.9th percentile.
    pub p999_us: f64,
    /// Longest.
    pub max_us: f64,
}

/// One port of our own.
pub struct Probe {
    scenario: Scenario,
    size: Size,
    pool: Pool,
    rx: RxQueue,
    tx: TxQueue,
    tsc_hz: u64,
    pairs: Pairs,
    run: u32,
    number: usize,
}

impl Probe {
    /// Over started queues.
    pub fn new(scenario: Scenario, size: Size, pool: Pool, rx: RxQueue, tx: TxQueue, tsc_hz: u64) -> Self {
        let pairs = Pairs::new(scenario.spokes);
        Self { scenario, size, pool, rx, tx, tsc_hz, pairs, run: 0, number: 0 }
    }

    /// Sends a frame now and then until one comes back: links and tables need their time.
    pub fn wait_for_answer(&mut self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if self.run(10, Duration::from_millis(300)).received > 0 {
                return true;
            }
        }
        false
    }

    /// Measures at a rate.
    pub fn run(&mut self, rate: u64, duration: Duration) -> Figures {
        self.run += 1;
        // Three digits are enough for latencies; the bounds are constants, so this cannot fail.
        let Ok(mut histogram) = Histogram::<u64>::new_with_bounds(1, HIGHEST, 3) else {
            return Figures::default();
        };
        let (start, first) = (Instant::now(), cycles());
        let mut figures = Figures::default();
        let mut due = 0;
        while start.elapsed() < duration {
            let elapsed = cycles().wrapping_sub(first);
            due = (u128::from(elapsed) * u128::from(rate) / u128::from(self.tsc_hz)) as u64;
            let missing = due.saturating_sub(figures.sent + figures.behind).min(BURST as u64) as usize;
            let sent = self.send(missing);
            figures.sent += sent as u64;
            figures.behind += (missing - sent) as u64;
            figures.received += self.receive(&mut histogram);
        }
        figures.behind += due.saturating_sub(figures.sent + figures.behind);
        let end = Instant::now() + DRAIN;
        while figures.received < figures.sent && Instant::now() < end {
            figures.received += self.receive(&mut histogram);
        }
        figures.lost = figures.sent.saturating_sub(figures.received);
        let us = |nanoseconds: u64| nanoseconds as f64 / 1e3;
        figures.min_us = us(histogram.min());
        figures.p50_us = us(histogram.value_at_quantile(0.5));
        figures.p99_us = us(histogram.value_at_quantile(0.99));
        figures.p999_us = us(histogram.value_at_quantile(0.999));
        figures.max_us = us(histogram.max());
        figures
    }

    fn send(&mut self, count: usize) -> usize {
        let mut burst = ArrayVec::<Mbuf, BURST>::new();
        for _ in 0..count {
            self.number = self.number.wrapping_add(1);
            match self.frame() {
                Some(frame) => burst.push(frame),
                None => break,
            }
        }
        let sent = self.tx.burst(&mut burst);
        Mbuf::free_all(&mut burst);
        sent
    }

    fn frame(&mut self) -> Option<Mbuf> {
        let (from, to) = self.pairs.pair();
        // Nobody sends to itself through the hub.
        let to = if from == to { (to + 1) % self.scenario.spokes } else { to };
        let size = self.size.of(self.number);
        let mut frame = self.pool.allocate()?;
        let data = frame.append(self.scenario.overhead() + usize::from(size))?;
        self.scenario.frame(from, to, size, data)?;
        let mark = data.get_mut(self.mark_at()..)?.first_chunk_mut::<MARK>()?;
        let (magic, rest) = mark.split_first_chunk_mut::<4>()?;
        *magic = MAGIC;
        let (run, time) = rest.split_first_chunk_mut::<4>()?;
        *run = self.run.to_be_bytes();
        *time.first_chunk_mut::<8>()? = cycles().to_be_bytes();
        // The mark came after the UDP checksum, which IPv4 lets us leave out.
        data.get_mut(self.mark_at() - 2..self.mark_at())?.fill(0);
        Some(frame)
    }

    fn mark_at(&self) -> usize {
        self.scenario.overhead() + ip4::LEN + udp::LEN
    }

    /// Takes what came; gives how many frames of this run.
    fn receive(&mut self, histogram: &mut Histogram<u64>) -> u64 {
        let mut burst = ArrayVec::<Mbuf, BURST>::new();
        self.rx.burst(&mut burst);
        let now = cycles();
        let sent = burst.iter().filter_map(|frame| self.sent_at(frame.data()));
        let mut received = 0;
        for sent in sent {
            let nanoseconds = u128::from(now.wrapping_sub(sent)) * 1_000_000_000 / u128::from(self.tsc_hz);
            histogram.saturating_record(nanoseconds as u64);
            received += 1;
        }
        Mbuf::free_all(&mut burst);
        received
    }

    fn sent_at(&self, frame: &[u8]) -> Option<u64> {
        let mark = frame.get(self.mark_at()..)?.first_chunk::<MARK>()?;
        let (magic, rest) = mark.split_first_chunk::<4>()?;
        let (run, time) = rest.split_first_chunk::<4>()?;
        (*magic == MAGIC && *run == self.run.to_be_bytes())
            .then(|| time.first_chunk::<8>().copied())?
            .map(u64::from_be_bytes)
    }
}
