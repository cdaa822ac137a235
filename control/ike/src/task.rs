//! Public-key work, done off the event loop.

/// Work to be done on another thread. It waits for nothing and takes at most some milliseconds.
pub struct Task {
    ticket: u64,
}

/// What came of it.
pub struct Outcome {
    pub(crate) ticket: u64,
}

impl Task {
    /// Does the work.
    pub fn run(self) -> Outcome {
        Outcome { ticket: self.ticket }
    }
}
