//! The other threads of the hub as far as tables are concerned: control, which sends updates through the ring of the
//! segment, and the dataplane's service thread, which applies them.

use super::Error;
use forwarding::{ApplyError, Updater};
use shm::message::Update;
use shm::{Received, SendError, UpdateReceiver, UpdateSender};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Updates applied before the service thread looks at anything else, and what it sleeps when there was nothing to do:
/// as in the dataplane.
const BATCH: usize = 4_096;
const NAP: Duration = Duration::from_millis(1);

/// Applies updates until told to stop; gives the tables' writer back.
pub fn serve(mut updater: Updater, mut updates: UpdateReceiver, stop: &AtomicBool) -> Result<Updater, Error> {
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..BATCH {
            let mut result = Ok(());
            let received = updates.receive_one(|update| {
                result = updater.apply(update);
                !matches!(result, Err(ApplyError::Busy))
            });
            match (received, result) {
                (_, Err(refused @ ApplyError::Refused(_))) => return Err(refused.into()),
                (Received::Taken, _) => {}
                (Received::Kept, _) => std::thread::yield_now(),
                (Received::Nothing, _) => {
                    std::thread::sleep(NAP);
                    break;
                }
            }
        }
    }
    Ok(updater)
}

/// Sends one as soon as there is room; gives its position. An update that is refused for what it is comes to nothing.
pub fn send(sender: &mut UpdateSender, update: &Update, stop: &AtomicBool) -> Option<u64> {
    while !stop.load(Ordering::Relaxed) {
        match sender.send(update) {
            Ok(position) => return Some(position),
            Err(SendError::Full) => std::thread::yield_now(),
            Err(SendError::Unfit(_)) => return None,
        }
    }
    None
}

/// Waits until all that was sent is in the tables.
pub fn settle(sender: &UpdateSender, stop: &AtomicBool) {
    while sender.acknowledged() < sender.position() && !stop.load(Ordering::Relaxed) {
        std::thread::yield_now();
    }
}

/// Stops the other threads when the one that measures is done, however it is done.
pub struct StopAtEnd<'a>(pub &'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Nanoseconds since a moment that all threads know; written by one, read by another.
#[derive(Debug, Default)]
pub struct Moment(AtomicU64);

impl Moment {
    /// Now.
    pub fn mark(&self, since: std::time::Instant) {
        self.0.store(since.elapsed().as_nanos() as u64, Ordering::Release);
    }
    /// What was marked last; 0: nothing.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
