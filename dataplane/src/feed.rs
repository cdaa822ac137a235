//! From control's rings into the tables and to the workers.

use crate::backlog::{Backlog, Verdict};
use crate::lane::{Injected, Lane};
use dpdk::Pool;
use forwarding::{ApplyError, Updater};
use shm::message::{Inject, Update};
use shm::service::ServiceCounters;
use shm::{InjectReceiver, Received, Segment, UpdateReceiver};
use wire::buffer::PacketBuffer;

/// Updates applied before the kernel twins have their turn again.
const UPDATES: usize = 1024;
/// NHRP and IKE packets passed on before the kernel twins have their turn again.
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
        Self { updater, updates, injects, backlog, complete, refused: 0, last_refusal: None, lost_injects: 0 }
    }

    /// Applies what control sent. Answers whether there was something.
    ///
    /// An update is in the tables, and an SA with all workers, before the ring acknowledges it, because control sends the
    /// packet that depends on it, or gives a slot to new keys, as soon as it is acknowledged.
    pub fn update(&mut self, segment: &Segment) -> bool {
        let mut worked = false;
        for _ in 0..UPDATES {
            match self.update_one(segment) {
                Received::Nothing => break,
                Received::Taken => worked = true,
                // Workers poll within microseconds: too short a time to sleep.
                Received::Kept => return true,
            }
        }
        worked
    }

    fn update_one(&mut self, segment: &Segment) -> Received {
        let Some(updates) = self.updates.as_mut() else { return Received::Nothing };
        let (updater, refused, last) = (&mut self.updater, &mut self.refused, &mut self.last_refusal);
        let complete = &mut self.complete;
        updates.receive_one(|update| match updater.apply(update) {
            Ok(()) => {
                if let Update::End { generation } = *update {
                    segment.completed(generation);
                    *complete = true;
                    tracing::info!(generation, sizes = ?updater.sizes(), "tables are as control wants them");
                }
                true
            }
            Err(ApplyError::Busy) => false,
            Err(error) => {
                *refused += 1;
                *last = Some(format!("{update:?}: {error}"));
                true
            }
        })
    }

    /// Passes control's packets on to the workers. Answers whether there was one.
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
            tracing::warn!(count = self.lost_injects, "packets of control lost: buffers exhausted");
            self.lost_injects = 0;
        }
    }
}

/// `None`: lost.
fn pass(inject: &Inject<'_>, pool: &Pool, lanes: &[Lane]) -> Option<()> {
    let mut packet = pool.get()?;
    packet.append(inject.packet().len())?.copy_from_slice(inject.packet());
    // One spoke's packets go by one worker, in order.
    let lane = lanes.get(u32::from(inject.nbma()) as usize % lanes.len().max(1))?;
    lane.injects.push(Injected::new(inject, packet)).ok()
}
