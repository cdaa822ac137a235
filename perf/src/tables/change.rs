//! One change at a time, beside a worker that is busy: how long until it forwards by it. A change of one route, and one of
//! the ways that all routes share.

use super::feed::{Moment, StopAtEnd, send, serve, settle};
use super::prefixes::Prefixes;
use super::worker::Worker;
use super::{Error, TARGET, Tables};
use crate::machine::Pinned;
use crate::scenario::{Random, nbma};
use forwarding::BURST;
use shm::message::{PathsId, Target, Update, Ways};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// Longest pause between two changes, in microseconds: more than the service thread naps.
const PAUSE_US: u32 = 3_000;
/// The entry of ways that all routes share.
const SHARED: PathsId = 0;

/// Microseconds from sending each of `count` changes of one route until the worker forwarded a packet by it.
pub fn change(
    tables: &mut Tables<'_>,
    worker: &mut Worker<'_>,
    prefixes: &Prefixes,
    count: u32,
) -> Result<Vec<f64>, Error> {
    let (prefix, len) = prefixes.last();
    let update = |peer| Some(Update::Route { vrf: 0, prefix, len, target: Target::Peer(peer) });
    let before = update(TARGET).into_iter();
    toggle(tables, worker, prefixes, count, before, update)
}

/// The same where every route leads by the same ways, which change: one update moves them all.
pub fn change_all(
    tables: &mut Tables<'_>,
    worker: &mut Worker<'_>,
    prefixes: &Prefixes,
    count: u32,
) -> Result<Vec<f64>, Error> {
    let update = |peer| Some(Update::Paths { id: SHARED, ways: Ways::new([Target::Peer(peer)])? });
    let named = |(prefix, len)| Update::Route { vrf: 0, prefix, len, target: Target::Paths(SHARED) };
    let before = update(TARGET).into_iter().chain(prefixes.iter().map(named));
    let took = toggle(tables, worker, prefixes, count, before, update)?;
    // That is only a figure if all have moved. Within a /24 there is no network of a spoke's.
    let addresses: Vec<Ipv4Addr> =
        prefixes.iter().filter(|(_, len)| *len == 24).map(|(prefix, _)| prefix).collect();
    let mut there = None;
    for burst in addresses.chunks(BURST) {
        worker.turn(burst, || ())?;
        there = there.or(worker.first_to());
        if worker.forwarded() != burst.len() || there.is_none() || worker.to().any(|to| to != there) {
            return Err(Error::NotForwarded);
        }
    }
    Ok(took)
}

/// After the updates `before`, by which the last prefix leads to [`TARGET`]: so many changes to another spoke and back.
fn toggle(
    tables: &mut Tables<'_>,
    worker: &mut Worker<'_>,
    prefixes: &Prefixes,
    count: u32,
    before: impl Iterator<Item = Update> + Send,
    update: impl Fn(u32) -> Option<Update> + Sync,
) -> Result<Vec<f64>, Error> {
    let (stop, since, sent, seen) =
        (AtomicBool::new(false), Instant::now(), Moment::default(), Moment::default());
    // The spoke that the route leads to, as the worker sees it.
    let leads_to = AtomicU32::new(u32::MAX);
    let (prefix, _) = prefixes.last();
    let mut took = Vec::new();
    let Tables { scenario, segment, updater, core } = tables;
    let others = scenario.spokes.saturating_sub(1).max(1);
    let (writer, receiver, mut sender) =
        (updater.take().ok_or(Error::Busy)?, segment.update_receiver()?, segment.update_sender()?);
    *updater = Some(scope(|threads| -> Result<_, Error> {
        let ending = StopAtEnd(&stop);
        let served = threads.spawn(|| serve(writer, receiver, &stop));
        let control = threads.spawn(|| {
            let wait_for = |peer| {
                while leads_to.load(Ordering::Acquire) != peer {
                    if stop.load(Ordering::Relaxed) {
                        return None;
                    }
                    sleep(Duration::from_micros(50));
                }
                Some(())
            };
            for update in before {
                send(&mut sender, &update, &stop)?;
            }
            settle(&sender, &stop);
            wait_for(TARGET)?;
            let mut random = Random::default();
            let mut took = Vec::new();
            for number in 1..=count {
                sleep(Duration::from_micros(random.below(PAUSE_US).into()));
                let peer = TARGET + number % 2 * others;
                sent.mark(since);
                send(&mut sender, &update(peer)?, &stop)?;
                wait_for(peer)?;
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
