//! Threads for public-key work: a storm of handshakes delays neither NHRP refreshes nor dead-peer detection.
//!
//! The queues are bounded: the responder has no more tasks under way than it was told, and each has a place in both.

use crossbeam::channel::{Receiver, Sender, bounded};
use ike::{Outcome, Task};
use mio::Waker;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;

/// Most threads.
const MAX_THREADS: usize = 8;
/// Tasks that wait at most, or are under way.
pub const MAX_TASKS: usize = 4_096;

/// What the threads and the loop share.
#[derive(Default)]
struct Shared {
    waker: OnceLock<Waker>,
    stop: AtomicBool,
    done: AtomicU64,
    busy_ns: AtomicU64,
}

/// The threads.
pub struct Pool {
    tasks: Option<Sender<Task>>,
    outcomes: Receiver<Outcome>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Tasks for which there was no room.
    pub full: u64,
}

impl Pool {
    /// Starts the threads, away from the cores of the data plane's workers where there are others.
    pub fn start(workers: &[usize]) -> io::Result<Self> {
        let cores = cores(workers);
        let count = cores.as_ref().map_or(1, |cores| cores.count() as usize).clamp(1, MAX_THREADS);
        let (tasks, queue) = bounded::<Task>(MAX_TASKS);
        let (done, outcomes) = bounded(MAX_TASKS);
        let shared = Arc::new(Shared::default());
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let (queue, done, shared) = (queue.clone(), done.clone(), Arc::clone(&shared));
            let thread = std::thread::Builder::new().name(format!("ike-{number}"));
            threads.push(thread.spawn(move || {
                if let Some(cores) = cores {
                    // A container may forbid it: then the scheduler has its way.
                    let _ = sched_setaffinity(None, &cores);
                }
                work(&queue, &done, &shared);
            })?);
        }
        Ok(Self { tasks: Some(tasks), outcomes, shared, threads, full: 0 })
    }

    /// Results will wake the loop through this.
    pub fn wake(&self, waker: Waker) {
        // A second one is of a loop that began anew with a pool of its own.
        let _ = self.shared.waker.set(waker);
    }

    /// Hands out a task; without room it is dropped, and its exchange times out.
    pub fn submit(&mut self, task: Task) {
        let taken = self.tasks.as_ref().is_some_and(|tasks| tasks.try_send(task).is_ok());
        self.full += u64::from(!taken);
    }

    /// A result, if one is there.
    pub fn finished(&self) -> Option<Outcome> {
        self.outcomes.try_recv().ok()
    }

    /// Tasks done, and nanoseconds spent on them, all threads together.
    pub fn work_done(&self) -> (u64, u64) {
        (self.shared.done.load(Ordering::Relaxed), self.shared.busy_ns.load(Ordering::Relaxed))
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Tasks that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.tasks.as_ref().map_or(0, Sender::len)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.tasks = None;
        // A thread may wait for room for its result.
        while self.outcomes.recv().is_ok() {}
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn work(queue: &Receiver<Task>, done: &Sender<Outcome>, shared: &Shared) {
    while let Ok(task) = queue.recv() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let start = Instant::now();
        let outcome = task.run();
        shared.busy_ns.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        shared.done.fetch_add(1, Ordering::Relaxed);
        if done.send(outcome).is_err() {
            return;
        }
        if let Some(waker) = shared.waker.get() {
            // Should it fail, the loop looks within milliseconds anyway.
            let _ = waker.wake();
        }
    }
}

/// The cores that we may run on and no worker polls; `None`: there is no such core, or nobody knows.
fn cores(workers: &[usize]) -> Option<CpuSet> {
    let mut cores = sched_getaffinity(None).ok()?;
    for core in workers.iter().filter(|core| **core < CpuSet::MAX_CPU) {
        cores.unset(*core);
    }
    (cores.count() > 0).then_some(cores)
}
