//! One change at a time, beside a worker that is busy: how long until it forwards by it.

use super::feed::{Moment, StopAtEnd, send, serve};
use super::prefixes::Prefixes;
use super::worker::Worker;
use super::{Error, TARGET, Tables};
use crate::machine::Pinned;
use crate::scenario::{Random, nbma};
use shm::message::{Target, Update};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// Longest pause between two changes, in microseconds: more than the service thread naps.
const PAUSE_US: u32 = 3_000;

/// Microseconds from sending each of `count` changes until the worker forwarded a packet by it.
pub fn change(
    tables: &mut Tables<'_>,
    worker: &mut Worker<'_>,
    prefixes: &Prefixes,
    count: u32,
) -> Result<Vec<f64>, Error> {
    let (stop, since, sent, seen) =
        (AtomicBool::new(false), Instant::now(), Moment::default(), Moment::default());
    // The spoke that the route leads to, as the worker sees it.
    let leads_to = AtomicU32::new(TARGET);
    let (prefix, len) = prefixes.last();
    let mut took = Vec::new();
    let Tables { scenario, segment, updater, core } = tables;
    let others = scenario.spokes.saturating_sub(1).max(1);
    let (writer, receiver, mut sender) =
        (updater.take().ok_or(Error::Busy)?, segment.update_receiver()?, segment.update_sender()?);
    *updater = Some(scope(|threads| -> Result<_, Error> {
        let ending = StopAtEnd(&stop);
        let served = threads.spawn(|| serve(writer, receiver, &stop));
        let control = threads.spawn(|| {
            let mut random = Random::default();
            let mut took = Vec::new();
            for number in 0..count {
                sleep(Duration::from_micros(random.below(PAUSE_US).into()));
                let peer = TARGET + number % 2 * others;
                if leads_to.load(Ordering::Acquire) == peer {
                    continue;
                }
                sent.mark(since);
                let update = Update::Route { prefix, len, target: Target::Peer(peer) };
                send(&mut sender, &update, &stop)?;
                while leads_to.load(Ordering::Acquire) != peer {
                    if stop.load(Ordering::Relaxed) {
                        return None;
                    }
                    sleep(Duration::from_micros(50));
                }
                took.push(seen.get().saturating_sub(sent.get()) as f64 / 1e3);
            }
            Some(took)
        });
        let _pinned = Pinned::to(*core);
        let mut random = Random::default();
        let mut burst = [Ipv4Addr::UNSPECIFIED; 8];
        while !control.is_finished() && !served.is_finished() {
            for to in &mut burst {
                *to = prefixes.address(&mut random);
            }
            burst[0] = prefix;
            worker.turn(&burst, || ())?;
            let to = worker.first_to();
            let now = if to == Some(nbma(TARGET)) { TARGET } else { TARGET + others };
            if to.is_some() && leads_to.load(Ordering::Relaxed) != now {
                seen.mark(since);
                leads_to.store(now, Ordering::Release);
            }
        }
        drop(ending);
        took = control.join().ok().flatten().ok_or(Error::Busy)?;
        served.join().map_err(|_| Error::Busy)?
    })?);
    Ok(took)
}
