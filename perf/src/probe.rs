//! A generator and its sink over one port: frames out at a steady rate, their time of sending within; frames in, and how
//! long they took.

use crate::path::protected::Protected;
use crate::scenario::{HUB, Pairs, Scenario, Size, host, nbma};
use arrayvec::ArrayVec;
use dpdk::{Mbuf, Pool, RxQueue, TxQueue};
use hdrhistogram::Histogram;
use shm::cpu::cycles;
use std::time::{Duration, Instant};
use wire::buffer::{BufferPool, PacketBuffer};
use wire::{eth, ip4, udp};

/// Frames sent or taken at once.
const BURST: usize = 32;
/// Bursts taken between two that are sent, so that the sink keeps up with a generator that cannot.
const TAKEN: usize = 4;
/// How long nothing may come before what is missing counts as lost.
const QUIET: Duration = Duration::from_millis(100);
/// Marks our frames: the run they belong to follows, the spoke they go to, and the time they were sent.
const MAGIC: [u8; 4] = *b"PERF";
/// Octets of the mark behind the inner UDP header.
const MARK: usize = 4 + 4 + 4 + 8;
/// Greatest latency that the histogram tells apart, in cycles.
const HIGHEST: u64 = 1 << 36;
/// A turn of the loop that takes so much longer than a busy one means that the machine did something else meanwhile.
const STALL: Duration = Duration::from_micros(100);
/// Of frames under ESP one in so many is opened and timed, and of all one in so many is looked at.
const SAMPLE: u64 = 16;

/// What one trial gave.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Frames that the rate asked for; with none asked for, those that were made.
    pub due: u64,
    /// Frames the device took.
    pub sent: u64,
    /// Frames that it had no room for: what a card would call missed.
    pub refused: u64,
    /// Frames that came back.
    pub received: u64,
    /// Frames looked at that are not what should have been made of them.
    pub wrong: u64,
    /// Time of sending, without the generator's stalls.
    pub seconds: f64,
    /// Time that the machine took from the generator; frames due then are not asked for.
    pub stalled: f64,
    /// Cycles from sending to receiving.
    pub latency: Histogram<u64>,
}

impl Trial {
    /// Frames offered in a second.
    pub fn offered(&self) -> f64 {
        (self.sent + self.refused) as f64 / self.seconds
    }

    /// Frames forwarded in a second.
    pub fn forwarded(&self) -> f64 {
        self.received as f64 / self.seconds
    }

    /// Part of the offered frames that did not come back.
    pub fn loss(&self) -> f64 {
        self.lost() as f64 / ((self.sent + self.refused) as f64).max(1.0)
    }

    /// Offered frames that did not come back.
    pub fn lost(&self) -> u64 {
        (self.sent + self.refused).saturating_sub(self.received)
    }
}

/// What frames go through before they come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// The hub: to the right spoke, TTL one less.
    Hub,
    /// A gateway that does the same and leaves the TTL alone.
    Gateway,
    /// What passes them on as they are.
    Nothing,
}

/// One port of our own.
pub struct Probe {
    scenario: Scenario,
    size: Size,
    pool: Pool,
    rx: RxQueue,
    tx: TxQueue,
    tsc_hz: u64,
    /// The spokes' ends of their SAs; `None`: GRE in the clear.
    protected: Option<Protected>,
    /// How long what is under way is waited for.
    quiet: Duration,
    /// How frames come back.
    through: Through,
    pairs: Pairs,
    run: u32,
    number: usize,
}

impl Probe {
    /// Over started queues.
    pub fn new(scenario: Scenario, size: Size, pool: Pool, rx: RxQueue, tx: TxQueue, tsc_hz: u64) -> Self {
        let pairs = Pairs::new(scenario.spokes);
        let (protected, through, run, number) = (None, Through::Hub, 0, 0);
        Self { scenario, size, pool, rx, tx, tsc_hz, protected, quiet: QUIET, through, pairs, run, number }
    }

    /// With spokes that have SAs, and another patience with what is under way.
    pub fn with(self, protected: Option<Protected>, quiet: Duration) -> Self {
        Self { protected, quiet, ..self }
    }

    /// Through something else than the hub.
    pub fn through(self, through: Through) -> Self {
        Self { through, ..self }
    }

    /// Frames of another size from now on.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// Sends a frame now and then until one comes back: links and tables need their time.
    pub fn wait_for_answer(&mut self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if self.run(Some(10), Duration::from_millis(300)).is_some_and(|trial| trial.received > 0) {
                return true;
            }
        }
        false
    }

    /// Sends at a rate, or as fast as it can. `None`: no histogram, which the constants exclude.
    pub fn run(&mut self, rate: Option<u64>, duration: Duration) -> Option<Trial> {
        self.run += 1;
        self.discard();
        let mut trial = Trial {
            due: 0,
            sent: 0,
            refused: 0,
            received: 0,
            wrong: 0,
            seconds: 0.0,
            stalled: 0.0,
            // Three digits are enough for latencies.
            latency: Histogram::new_with_bounds(1, HIGHEST, 3).ok()?,
        };
        let in_cycles = |time: Duration| (time.as_secs_f64() * self.tsc_hz as f64) as u64;
        let (whole, stall) = (in_cycles(duration), in_cycles(STALL));
        let (mut last, mut running, mut stalled) = (cycles(), 0, 0);
        while running < whole {
            let now = cycles();
            let turn = now.wrapping_sub(last);
            last = now;
            if turn > stall {
                stalled += turn;
            } else {
                running += turn;
            }
            let made = trial.sent + trial.refused;
            trial.due = match rate {
                Some(rate) => (u128::from(running) * u128::from(rate) / u128::from(self.tsc_hz)) as u64,
                None => made + BURST as u64,
            };
            let missing = (trial.due - trial.due.min(made)).min(BURST as u64) as usize;
            if missing > 0 {
                self.send(missing, &mut trial);
            }
            self.receive(&mut trial);
        }
        if rate.is_none() {
            trial.due = trial.sent + trial.refused;
        }
        trial.seconds = running as f64 / self.tsc_hz as f64;
        trial.stalled = stalled as f64 / self.tsc_hz as f64;
        self.drain(&mut trial);
        Some(trial)
    }

    /// Takes what is under way.
    fn drain(&mut self, trial: &mut Trial) {
        let mut end = Instant::now() + self.quiet;
        while trial.received < trial.sent && Instant::now() < end {
            if self.receive(trial) > 0 {
                end = Instant::now() + self.quiet;
            }
        }
    }

    /// Throws away what is left of an earlier trial.
    fn discard(&mut self) {
        let mut burst = ArrayVec::<Mbuf, BURST>::new();
        while self.rx.burst(&mut burst) > 0 {
            Mbuf::free_all(&mut burst);
        }
    }

    fn send(&mut self, count: usize, trial: &mut Trial) {
        let mut burst = ArrayVec::<Mbuf, BURST>::new();
        let mut sequences = ArrayVec::<u32, BURST>::new();
        let now = cycles();
        while burst.len() < count {
            match self.frame(now) {
                Some((frame, sequence)) => {
                    burst.push(frame);
                    sequences.push(sequence);
                }
                None => break,
            }
        }
        if let Some(protected) = &mut self.protected {
            protected.seal(burst.iter_mut().map(Mbuf::data_mut).zip(sequences));
        }
        trial.sent += self.tx.burst(&mut burst) as u64;
        trial.refused += burst.len() as u64;
        Mbuf::free_all(&mut burst);
    }

    /// A frame, under ESP not yet sealed, and the sequence number for that.
    fn frame(&mut self, now: u64) -> Option<(Mbuf, u32)> {
        let (from, to) = self.pairs.pair();
        // Nobody sends to itself through the hub.
        let to = if from == to { (to + 1) % self.scenario.spokes } else { to };
        self.number = self.number.wrapping_add(1);
        let size = self.size.of(self.number);
        let mut frame = self.pool.allocate()?;
        let at = self.mark_at();
        let (data, sequence) = match &mut self.protected {
            Some(protected) => {
                let data = frame.append(protected.frame_len(&self.scenario, size))?;
                let sequence = protected.fill(&self.scenario, from, to, size, data)?;
                (data, sequence)
            }
            None => {
                let data = frame.append(self.scenario.overhead() + usize::from(size))?;
                self.scenario.frame(from, to, size, data)?;
                (data, 0)
            }
        };
        let mark = data.get_mut(at..)?.first_chunk_mut::<MARK>()?;
        *mark = Mark { run: self.run, to, sent: now }.octets();
        // The mark came after the UDP checksum, which IPv4 lets us leave out.
        data.get_mut(at - 2..at)?.fill(0);
        Some((frame, sequence))
    }

    fn mark_at(&self) -> usize {
        let before = self.protected.as_ref().map_or(0, |protected| protected.shift(&self.scenario));
        self.scenario.overhead() + before + ip4::LEN + udp::LEN
    }

    /// Takes what came; gives how many frames.
    fn receive(&mut self, trial: &mut Trial) -> u64 {
        let before = trial.received;
        for _ in 0..TAKEN {
            let mut burst = ArrayVec::<Mbuf, BURST>::new();
            let taken = self.rx.burst(&mut burst);
            let now = cycles();
            for frame in &mut burst {
                self.take(frame.data_mut(), now, trial);
            }
            Mbuf::free_all(&mut burst);
            if taken < BURST {
                break;
            }
        }
        trial.received - before
    }

    fn take(&mut self, frame: &mut [u8], now: u64, trial: &mut Trial) {
        let sampled = trial.received.is_multiple_of(SAMPLE);
        let at = self.mark_at();
        if let Some(protected) = &mut self.protected {
            if !protected.is_from_hub(frame) {
                return;
            }
            // To open each would make the sink the slowest of all.
            if sampled && protected.open(frame).is_none() {
                trial.wrong += 1;
            }
            if !sampled {
                trial.received += 1;
                return;
            }
        }
        let Some(mark) = Mark::read(frame.get(at..)).filter(|mark| mark.run == self.run) else { return };
        trial.latency.saturating_record(now.wrapping_sub(mark.sent));
        if sampled && !self.is_right(frame, mark.to) {
            trial.wrong += 1;
        }
        trial.received += 1;
    }

    /// Whether a frame for a spoke is what should have been made of it.
    fn is_right(&self, frame: &[u8], to: u32) -> bool {
        let outer = frame.get(eth::LEN..).and_then(|outer| ip4::parse(outer).ok());
        let at = self.mark_at() - ip4::LEN - udp::LEN;
        let inner = frame.get(at..).and_then(|inner| ip4::parse(inner).ok());
        let (Some(outer), Some(inner)) = (outer, inner) else { return false };
        let (sent, ttl) = match self.through {
            Through::Hub => (true, 63),
            Through::Gateway => (true, 64),
            Through::Nothing => (false, 64),
        };
        let ends = if sent {
            (outer.source(), outer.destination()) == (HUB, nbma(to))
        } else {
            outer.destination() == HUB
        };
        ends && (inner.destination(), inner.ttl()) == (host(to), ttl)
    }
}

/// What we know our frames by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    run: u32,
    to: u32,
    sent: u64,
}

impl Mark {
    fn octets(self) -> [u8; MARK] {
        let mut octets = [0; MARK];
        let fields = MAGIC.into_iter().chain(self.run.to_be_bytes()).chain(self.to.to_be_bytes());
        octets.iter_mut().zip(fields.chain(self.sent.to_be_bytes())).for_each(|(to, from)| *to = from);
        octets
    }

    fn read(octets: Option<&[u8]>) -> Option<Self> {
        let (magic, rest) = octets?.split_first_chunk::<4>()?;
        let (run, rest) = rest.split_first_chunk::<4>()?;
        let (to, rest) = rest.split_first_chunk::<4>()?;
        let sent = rest.first_chunk::<8>()?;
        (*magic == MAGIC).then(|| Self {
            run: u32::from_be_bytes(*run),
            to: u32::from_be_bytes(*to),
            sent: u64::from_be_bytes(*sent),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_back() {
        let mark = Mark { run: 7, to: 99_999, sent: u64::MAX - 1 };
        assert_eq!(Mark::read(Some(&mark.octets())), Some(mark));
        assert_eq!(Mark::read(Some(&[0; MARK])), None);
        assert_eq!(Mark::read(Some(&mark.octets()[..MARK - 1])), None);
    }

    #[test]
    fn a_trial_in_figures() {
        let latency = Histogram::new_with_bounds(1, HIGHEST, 3).unwrap();
        let trial = Trial {
            due: 1_000,
            sent: 900,
            refused: 50,
            received: 855,
            wrong: 0,
            seconds: 0.5,
            stalled: 0.0,
            latency,
        };
        assert_eq!((trial.offered(), trial.forwarded()), (1_900.0, 1_710.0));
        assert_eq!((trial.lost(), trial.loss()), (95, 0.1));
    }
}
