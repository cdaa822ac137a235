//! All routes from control to the workers: how long that takes, and what memory it takes.

use super::feed::{Moment, StopAtEnd, send, serve, settle};
use super::prefixes::Prefixes;
use super::worker::Worker;
use super::{Error, TARGET, Tables, target};
use crate::machine::{Pinned, resident};
use crate::scenario::nbma;
use shm::message::{Target, Update};
use std::sync::atomic::AtomicBool;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// Between two polls of the worker, which has little to do and leaves the CPU to the others.
const IDLE: Duration = Duration::from_micros(50);

/// What it took.
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    /// Seconds from the first update until the last was acknowledged.
    pub seconds: f64,
    /// Seconds from the first update until the worker forwarded a packet by the last.
    pub worker_seconds: f64,
    /// Octets that became resident meanwhile.
    pub resident: u64,
}

/// Loads all of them.
pub fn load(tables: &mut Tables<'_>, worker: &mut Worker<'_>, prefixes: &Prefixes) -> Result<Loaded, Error> {
    let (stop, acknowledged, start, before) =
        (AtomicBool::new(false), Moment::default(), Instant::now(), resident());
    let (last, _) = prefixes.last();
    let mut worker_seconds = 0.0;
    let Tables { scenario, segment, updater, core } = tables;
    let (writer, receiver, mut sender) =
        (updater.take().ok_or(Error::Busy)?, segment.update_receiver()?, segment.update_sender()?);
    *updater = Some(scope(|threads| -> Result<_, Error> {
        let ending = StopAtEnd(&stop);
        let served = threads.spawn(|| serve(writer, receiver, &stop));
        threads.spawn(|| {
            for (number, (prefix, len)) in prefixes.iter().enumerate() {
                let target =
                    if prefix == last && len == 24 { TARGET } else { target(number, scenario.spokes) };
                let update = Update::Route { vrf: 0, prefix, len, target: Target::Peer(target) };
                if send(&mut sender, &update, &stop).is_none() {
                    return;
                }
            }
            settle(&sender, &stop);
            acknowledged.mark(start);
        });
        let _pinned = Pinned::to(*core);
        while worker_seconds == 0.0 || acknowledged.get() == 0 {
            worker.turn(&[last], || ())?;
            if worker_seconds == 0.0 && worker.first_to() == Some(nbma(TARGET)) {
                worker_seconds = start.elapsed().as_secs_f64();
            }
            if served.is_finished() {
                break;
            }
            sleep(IDLE);
        }
        drop(ending);
        served.join().map_err(|_| Error::Busy)?
    })?);
    Ok(Loaded {
        seconds: acknowledged.get() as f64 / 1e9,
        worker_seconds,
        resident: resident().saturating_sub(before),
    })
}
