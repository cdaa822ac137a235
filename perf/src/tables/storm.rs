//! Changes at a rate, and what a worker notices of them: each turn of its poll loop is timed by the CPU time of its thread,
//! which a busy machine cannot lengthen, and it is counted how often the thread went to sleep, as for a lock it would.
//! Spans with and without changes take turns, so that a machine that slows down slows both.

use super::feed::{StopAtEnd, send, serve};
use super::prefixes::Prefixes;
use super::worker::Worker;
use super::{Error, Tables};
use crate::machine::{Pinned, cpu_ns, slept};
use crate::scenario::Random;
use forwarding::BURST;
use hdrhistogram::Histogram;
use shm::message::{Target, Update};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// A span with changes, or without.
const SPAN: Duration = Duration::from_millis(250);
/// Between two batches of changes.
const PACE: Duration = Duration::from_micros(500);

/// All spans of a kind.
#[derive(Clone, Debug)]
pub struct Spans {
    /// Cycles per packet of each span.
    pub cycles: Vec<f64>,
    /// Nanoseconds of CPU time of each turn.
    pub turns: Histogram<u64>,
    /// Packets.
    pub packets: u64,
    /// How often the worker's thread slept.
    pub slept: u64,
    /// Seconds.
    pub seconds: f64,
}

impl Spans {
    fn new() -> Result<Self, Error> {
        let turns = Histogram::new_with_bounds(1, 10_000_000_000, 3).map_err(|_| Error::Busy)?;
        Ok(Self { cycles: Vec::new(), turns, packets: 0, slept: 0, seconds: 0.0 })
    }
}

/// Without and with changes.
pub struct Storm {
    /// No changes.
    pub calm: Spans,
    /// Changes at the rate.
    pub storm: Spans,
    /// Changes per second that were sent.
    pub rate: f64,
}

/// So many changes per second in every other one of `spans` spans.
pub fn storm(
    tables: &mut Tables<'_>,
    worker: &mut Worker<'_>,
    prefixes: &Prefixes,
    rate: u64,
    spans: u32,
) -> Result<Storm, Error> {
    let (stop, on) = (AtomicBool::new(false), AtomicBool::new(false));
    let (sent, sent_us) = (AtomicU64::new(0), AtomicU64::new(0));
    let (mut calm, mut stormy) = (Spans::new()?, Spans::new()?);
    let Tables { scenario, segment, updater, core } = tables;
    let spokes = scenario.spokes;
    let (writer, receiver, mut sender) =
        (updater.take().ok_or(Error::Busy)?, segment.update_receiver()?, segment.update_sender()?);
    *updater = Some(scope(|threads| -> Result<_, Error> {
        let ending = StopAtEnd(&stop);
        let served = threads.spawn(|| serve(writer, receiver, &stop));
        threads.spawn(|| {
            let mut random = Random::default();
            while !stop.load(Ordering::Relaxed) {
                let (start, mut done) = (Instant::now(), 0);
                while on.load(Ordering::Acquire) && !stop.load(Ordering::Relaxed) {
                    let due = (start.elapsed().as_micros() * u128::from(rate) / 1_000_000) as u64;
                    while done < due {
                        let Some((prefix, len)) = prefixes.any(&mut random) else { return };
                        let target = Target::Peer(random.below(spokes));
                        if send(&mut sender, &Update::Route { vrf: 0, prefix, len, target }, &stop).is_none()
                        {
                            return;
                        }
                        done += 1;
                    }
                    sleep(PACE);
                }
                if done > 0 {
                    sent.fetch_add(done, Ordering::Relaxed);
                    sent_us.fetch_add(start.elapsed().as_micros() as u64, Ordering::Relaxed);
                }
                sleep(PACE);
            }
        });
        let _pinned = Pinned::to(*core);
        let mut random = Random::default();
        // The first span of each kind is not counted.
        for span in 0..spans + 2 {
            on.store(span % 2 == 1, Ordering::Release);
            let (mut unused, kind) = (Spans::new()?, if span % 2 == 1 { &mut stormy } else { &mut calm });
            self::span(worker, prefixes, &mut random, if span < 2 { &mut unused } else { kind })?;
            if served.is_finished() {
                break;
            }
        }
        on.store(false, Ordering::Release);
        // What is under way is applied before the threads end.
        sleep(4 * PACE);
        drop(ending);
        served.join().map_err(|_| Error::Busy)?
    })?);
    let rate = sent.into_inner() as f64 * 1e6 / sent_us.into_inner().max(1) as f64;
    Ok(Storm { calm, storm: stormy, rate })
}

fn span(
    worker: &mut Worker<'_>,
    prefixes: &Prefixes,
    random: &mut Random,
    into: &mut Spans,
) -> Result<(), Error> {
    let (start, before) = (Instant::now(), slept());
    let (mut cycles, mut packets) = (0, 0);
    let mut burst = [Ipv4Addr::UNSPECIFIED; BURST];
    while start.elapsed() < SPAN {
        burst.fill_with(|| prefixes.address(random));
        let mut clock = [0; 2];
        let mut at = clock.iter_mut();
        cycles += worker.turn(&burst, || {
            if let Some(place) = at.next() {
                *place = cpu_ns();
            }
        })?;
        if worker.forwarded() != BURST {
            return Err(Error::NotForwarded);
        }
        packets += BURST as u64;
        into.turns.saturating_record(clock[1].saturating_sub(clock[0]));
    }
    into.cycles.push(cycles as f64 / packets.max(1) as f64);
    into.packets += packets;
    into.slept += slept().saturating_sub(before);
    into.seconds += start.elapsed().as_secs_f64();
    Ok(())
}
