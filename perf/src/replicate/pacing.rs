//! How evenly copies leave, in real time.

use super::Error;
use super::copies::now;
use super::hub::Hub;
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// Copies are counted in windows of so many microseconds.
const WINDOW: u64 = 1_000;
/// Longest that a packet's copies may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was seen of one packet's copies, or of several packets'.
#[derive(Clone, Debug)]
pub struct Paced {
    /// Copies per second of each packet, from its first to its last.
    pub rates: Vec<f64>,
    /// Copies in each window that lies within the time of a packet.
    pub windows: Histogram<u64>,
    /// Most copies of one turn.
    pub most: u64,
    /// CPU time of turns that sent copies, in nanoseconds: so long does a packet wait that comes meanwhile.
    pub turns: Histogram<u64>,
    /// Longest time from one turn to the next, in microseconds: how late the machine let the worker be.
    pub late_us: u64,
}

impl Paced {
    /// Of nothing yet.
    pub fn new() -> Result<Self, Error> {
        let histogram = || Histogram::new_with_bounds(1, 10_000_000_000, 3).map_err(|_| Error::Histogram);
        Ok(Self { rates: Vec::new(), windows: histogram()?, most: 0, turns: histogram()?, late_us: 0 })
    }

    /// Sends one packet to all of `spokes`, polling all the time. `since`: a moment, and the hub's time then in
    /// microseconds.
    pub fn packet(
        &mut self,
        hub: &mut Hub<'_>,
        spokes: u32,
        size: u16,
        since: (Instant, u64),
    ) -> Result<(), Error> {
        let micros = || since.1 + since.0.elapsed().as_micros() as u64;
        let mut last = micros();
        hub.give(size, now(last))?;
        let (begin, mut first, mut copies, mut windows) = (Instant::now(), None, 0, Vec::<u64>::new());
        while copies < u64::from(spokes) {
            let at = micros();
            let turn = hub.turn(now(at))?;
            self.late_us = self.late_us.max(at - last);
            last = at;
            if turn.copies > 0 {
                copies += turn.copies;
                self.most = self.most.max(turn.copies);
                self.turns.saturating_record(turn.cpu_ns);
                let window = ((at - *first.get_or_insert(at)) / WINDOW) as usize;
                windows.resize(windows.len().max(window + 1), 0);
                if let Some(window) = windows.get_mut(window) {
                    *window += turn.copies;
                }
            }
            if begin.elapsed() > PATIENCE {
                return Err(Error::NotReplicated);
            }
        }
        hub.all_have(1)?;
        // The last window ends with the packet.
        windows.pop();
        windows.iter().for_each(|copies| self.windows.saturating_record(*copies));
        let took = last.saturating_sub(first.unwrap_or(last)).max(1);
        self.rates.push((copies - 1) as f64 * 1e6 / took as f64);
        Ok(())
    }
}
