//! From control's rings into the tables and to the workers.

use crate::backlog::{Backlog, Verdict};
use crate::lane::{Injected, Lane, ToWorker};
use dpdk::Pool;
use forwarding::{ApplyError, Updater};
use shm::message::{Inject, Update};
use shm::service::ServiceCounters;
use shm::{InjectReceiver, Segment, UpdateReceiver};
use wire::buffer::PacketBuffer;

/// Updates applied before the kernel twins have their turn again.
const UPDATES: usize = 4096;
/// NHRP packets passed on before the kernel twins have their turn again.
const INJECTS: usize = 256;

/// The tables' only writer, with the rings that feed it.
#[derive(Debug)]
pub struct Feed {
    updater: Updater,
    /// `None` with static tables.
    updates: Option<UpdateReceiver>,
    injects: InjectReceiver,
    backlog: Backlog,
    /// Whether a resync was completed since the start, or the tables are static.
    complete: bool,
    /// An update that must wait until the workers have let go of what it re-uses.
    pending: Option<Update>,
    refused: u64,
    last_refusal: Option<String>,
    lost_injects: u64,
}

impl Feed {
    /// With `updates: None` the tables stay as they are. `backlog`: what waits in the ring of packets.
    pub fn new(
        updater: Updater,
        updates: Option<UpdateReceiver>,
        injects: InjectReceiver,
        backlog: Backlog,
    ) -> Self {
        let complete = updates.is_none();
        Self {
            updater,
            updates,
            injects,
            backlog,
            complete,
            pending: None,
            refused: 0,
            last_refusal: None,
            lost_injects: 0,
        }
    }

    /// Applies what control sent. Answers whether there was something.
    pub fn update(&mut self, segment: &Segment) -> bool {
        let mut worked = false;
        for _ in 0..UPDATES {
            let (update, result) = match self.pending.take() {
                Some(update) => {
                    let result = self.updater.apply(&update);
                    (update, result)
                }
                None => match self.next() {
                    Some(applied) => applied,
                    None => break,
                },
            };
            match result {
                Ok(()) => {
                    worked = true;
                    if let Update::End { generation } = update {
                        segment.completed(generation);
                        self.complete = true;
                        tracing::info!(generation, sizes = ?self.updater.sizes(), "tables are as control wants them");
                    }
                }
                Err(ApplyError::Busy) => {
                    self.pending = Some(update);
                    break;
                }
                Err(error) => {
                    worked = true;
                    self.refused += 1;
                    self.last_refusal = Some(format!("{update:?}: {error}"));
                }
            }
        }
        worked
    }

    /// Takes one update. It is in the tables before the ring acknowledges it, because control sends the packet that
    /// depends on it as soon as it is acknowledged.
    fn next(&mut self) -> Option<(Update, Result<(), ApplyError>)> {
        let (updater, mut applied) = (&mut self.updater, None);
        self.updates.as_mut()?.receive(1, |update| {
            let result = updater.apply(&update);
            applied = Some((update, result));
        });
        applied
    }

    /// Passes NHRP packets on to the workers. Answers whether there was one.
    pub fn inject(&mut self, pool: &Pool, lanes: &[Lane]) -> bool {
        match self.backlog.verdict(self.complete, shm::clock::now_ms()) {
            Verdict::Wait => return false,
            Verdict::Discard => drop(self.injects.discard()),
            Verdict::Pass => {}
        }
        // What the workers have no room for waits in the ring: a storm of answers is delayed, not thinned out.
        let room = lanes.iter().map(Lane::room).min().unwrap_or(0);
        let lost = &mut self.lost_injects;
        let taken = self.injects.receive(room.min(INJECTS), |inject| {
            if pass(&inject, pool, lanes).is_none() {
                *lost += 1;
            }
        });
        taken > 0
    }

    /// Counts and logs what went wrong since the last call; called once a second, so that a flood of errors is one
    /// line.
    pub fn report(&mut self, counters: &ServiceCounters) {
        counters.updates_refused.add(self.refused);
        counters.injects_lost.add(self.lost_injects);
        if let Some(refusal) = self.last_refusal.take() {
            tracing::warn!(count = self.refused, "updates refused, the last one: {refusal}");
            self.refused = 0;
        }
        if self.lost_injects > 0 {
            tracing::warn!(count = self.lost_injects, "NHRP packets of control lost: buffers exhausted");
            self.lost_injects = 0;
        }
    }
}

/// `None`: lost.
fn pass(inject: &Inject<'_>, pool: &Pool, lanes: &[Lane]) -> Option<()> {
    let Inject::Nhrp { tunnel, nbma, link, protection: None, packet: message } = *inject else { return None };
    let mut packet = pool.get()?;
    packet.append(message.len())?.copy_from_slice(message);
    // One spoke's packets go by one worker, in order.
    let lane = lanes.get(u32::from(nbma) as usize % lanes.len().max(1))?;
    let item = Injected { tunnel, nbma, link, packet };
    lane.to_worker.push(ToWorker::Inject(item)).ok()
}
