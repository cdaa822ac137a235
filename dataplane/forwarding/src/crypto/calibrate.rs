//! What an engine costs, measured at start in some microseconds.

use super::choice::Choice;
use super::context::{Context, Direction};
use super::ivs::SEED;
use super::job::Job;
use super::transform::{HEADER, overhead};
use super::worker::Crypto;
use shm::cpu::cycles;
use shm::message::{Keys, MAX_KEYS, Transform};

/// Octets of text: the simple IMIX with GRE, padded.
const IMIX: [usize; 12] = [96, 608, 96, 96, 608, 96, 1456, 96, 608, 96, 96, 608];
/// Packets of a burst. Under load, where alone it matters, bursts are long, and engines that work on sixteen packets side
/// by side need that many and more to be at their best.
const BURST: usize = 5 * IMIX.len();
/// Runs, of which the lowest counts: other work on the machine only adds. The first warms the caches.
const RUNS: usize = 6;

/// Cycles to open and seal a packet, in the mean of the IMIX. `None`: the engine cannot.
pub(super) fn cost(choice: &Choice, transform: Transform) -> Option<u64> {
    let mut crypto = Crypto::new(choice, &[3; SEED]).ok()?;
    let keys = Keys::new(transform, [5; MAX_KEYS].get(..transform.material_len())?)?;
    let outbound = Context::new(choice, Direction::Outbound, &keys, false).ok()?;
    let inbound = Context::new(choice, Direction::Inbound, &keys, false).ok()?;
    let mut packets: Vec<Vec<u8>> =
        IMIX.iter().cycle().take(BURST).map(|text| vec![0; overhead(transform) + text]).collect();
    let mut lowest = u64::MAX;
    for run in 1..=RUNS as u32 {
        for packet in &mut packets {
            packet.get_mut(HEADER - 4..HEADER)?.copy_from_slice(&run.to_be_bytes());
        }
        let start = cycles();
        burst(&mut packets, &outbound, run, |jobs| crypto.seal(jobs));
        burst(&mut packets, &inbound, run, |jobs| crypto.open(jobs));
        lowest = lowest.min(cycles().wrapping_sub(start));
    }
    Some(lowest / BURST as u64)
}

fn burst(packets: &mut [Vec<u8>], context: &Context, sequence: u32, work: impl FnOnce(&mut [Job<'_>])) {
    let mut jobs = arrayvec::ArrayVec::<_, BURST>::new();
    jobs.extend(packets.iter_mut().map(|packet| Job::new(context, packet, sequence.into())));
    work(&mut jobs);
}
