//! What a copy costs, in time that runs as fast as the worker allows.

use super::Error;
use super::hub::Hub;
use forwarding::Now;

/// Turns in which nothing leaves before it is given up: far more than the time between two copies takes.
const PATIENCE: u32 = 10_000;
/// Time from one turn to the next, in microseconds: of a worker that is never late.
const STEP: u64 = 200;

/// A time of the poll loop.
pub fn now(micros: u64) -> Now {
    Now::from_millis(micros / 1_000).and_micros((micros % 1_000) as u16)
}

/// Sends one packet to all of `spokes`, and gives the cycles that each copy took. `at`: the time, which goes on.
pub fn copies(hub: &mut Hub<'_>, spokes: u32, size: u16, at: &mut u64) -> Result<f64, Error> {
    hub.give(size, now(*at))?;
    let (mut cycles, mut copies, mut idle) = (0, 0, 0);
    while copies < u64::from(spokes) {
        *at += STEP;
        let turn = hub.turn(now(*at))?;
        // Turns before their time are cheap and belong to no copy.
        if turn.copies > 0 {
            (cycles, copies, idle) = (cycles + turn.cycles, copies + turn.copies, 0);
        } else {
            idle += 1;
        }
        if idle > PATIENCE {
            return Err(Error::NotReplicated);
        }
    }
    hub.all_have(1)?;
    Ok(cycles as f64 / copies as f64)
}
