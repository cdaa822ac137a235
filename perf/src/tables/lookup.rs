//! What a packet costs by where it goes: always to the same address, or to any of the tables'.

use super::Error;
use super::prefixes::Prefixes;
use super::worker::Worker;
use crate::scenario::Random;
use forwarding::BURST;
use std::net::Ipv4Addr;

/// Packets of a repetition: few, so that on a busy machine some repetitions run undisturbed.
const PACKETS: usize = 4_096;

/// Cycles per packet of each repetition.
#[derive(Clone, Debug, Default)]
pub struct Costs {
    /// From taking the packet to sending it.
    pub whole: Vec<f64>,
    /// Of the stage `fib`, in repetitions of their own.
    pub fib: Vec<f64>,
}

/// So many repetitions; the first is not counted.
pub fn look_up(
    worker: &mut Worker<'_>,
    prefixes: &Prefixes,
    anywhere: bool,
    repetitions: u16,
) -> Result<Costs, Error> {
    let mut random = Random::default();
    let same = prefixes.last().0;
    let mut costs = Costs::default();
    for number in 0..repetitions {
        for timed in [false, true] {
            worker.time_stages(timed);
            let (mut cycles, before) = (0, worker.stage("fib"));
            for _ in 0..PACKETS / BURST {
                let to: [Ipv4Addr; BURST] =
                    std::array::from_fn(|_| if anywhere { prefixes.address(&mut random) } else { same });
                cycles += worker.turn(&to, || ())?;
                if worker.forwarded() != BURST {
                    return Err(Error::NotForwarded);
                }
            }
            let cycles = if timed { worker.stage("fib").wrapping_sub(before) } else { cycles };
            let into = if timed { &mut costs.fib } else { &mut costs.whole };
            into.extend((number > 0).then_some(cycles as f64 / PACKETS as f64));
        }
    }
    worker.time_stages(false);
    Ok(costs)
}
