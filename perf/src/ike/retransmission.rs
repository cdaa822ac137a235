//! A request that waits for its answer (RFC 7296 2.4): sent again, later each time.

/// First wait; half as long again each time.
const FIRST_MS: u64 = 2_000;
/// How often a request is sent.
const TRIES: u32 = 7;

/// A request on its way. It is kept octet for octet, since what is sent again must be the same (2.1).
#[derive(Debug)]
pub struct Request {
    /// The message.
    pub message: Vec<u8>,
    /// When it is sent again, in monotonic milliseconds.
    pub due: u64,
    wait: u64,
    tries: u32,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Wait,
    /// Send it again.
    Again,
    /// The peer is gone.
    Never,
}

impl Request {
    /// One that is sent now.
    pub fn new(message: Vec<u8>, now: u64) -> Self {
        Self { message, due: now + FIRST_MS, wait: FIRST_MS, tries: 1 }
    }

    /// What is due at `now`.
    pub fn tick(&mut self, now: u64) -> Due {
        if now < self.due {
            return Due::Wait;
        }
        if self.tries == TRIES {
            return Due::Never;
        }
        self.tries += 1;
        self.wait += self.wait / 2;
        self.due = now + self.wait;
        Due::Again
    }
}
