//! An engine alone: bursts sealed and opened again.

use crate::scenario::{Pairs, Size, esp_text_len};
use arrayvec::ArrayVec;
use forwarding::BURST;
use forwarding::crypto::{
    Choice, Context, Crypto, Direction, EngineError, Job, KeyError, Keys, SEED, Status, Transform, overhead,
};
use shm::cpu::cycles;

/// Octets of the longest packet.
const ROOM: usize = 1_600;

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// The engine is not to be had.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Keys of a wrong length.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// What was sealed did not open.
    #[error("a packet of {octets} octets ended as {status:?}")]
    Wrong {
        /// Octets of ESP.
        octets: usize,
        /// How.
        status: Status,
    },
}

/// Cycles per packet of one repetition.
#[derive(Clone, Copy, Debug)]
pub struct RawCost {
    /// To seal.
    pub seal: f64,
    /// To open.
    pub open: f64,
}

/// SAs, an engine's state for a worker, and packets.
pub struct Raw {
    transform: Transform,
    sas: Vec<[Context; 2]>,
    crypto: Crypto,
    packets: Vec<Vec<u8>>,
    pairs: Pairs,
    sequence: u64,
}

impl Raw {
    /// So many SAs, each with keys of its own.
    pub fn new(choice: &Choice, transform: Transform, sas: u32, burst: usize) -> Result<Self, RawError> {
        let sa = |number: u32| -> Result<[Context; 2], RawError> {
            let octets = |n: usize| (number >> (n % 4 * 8)) as u8 ^ n as u8;
            let material: Vec<u8> = (0..transform.material_len()).map(octets).collect();
            let keys = Keys::new(transform, &material).ok_or(KeyError)?;
            let context = |direction| Context::new(choice, direction, &keys, false);
            Ok([context(Direction::Outbound)?, context(Direction::Inbound)?])
        };
        Ok(Self {
            transform,
            sas: (0..sas).map(sa).collect::<Result<_, _>>()?,
            crypto: Crypto::new(choice, &[7; SEED])?,
            packets: vec![vec![0; ROOM]; burst.min(BURST)],
            pairs: Pairs::new(sas),
            sequence: 0,
        })
    }

    /// Seals and opens at least so many packets.
    pub fn repetition(&mut self, size: Size, packets: u32) -> Result<RawCost, RawError> {
        let bursts = (packets as usize).div_ceil(self.packets.len());
        let (mut seal, mut open) = (0, 0);
        for burst in 0..bursts {
            let numbers: ArrayVec<usize, BURST> =
                self.packets.iter().map(|_| self.pairs.pair().0 as usize).collect();
            let first = burst * self.packets.len();
            seal += self.burst(&numbers, 0, size, first)?;
            open += self.burst(&numbers, 1, size, first)?;
            self.sequence += self.packets.len() as u64;
        }
        let packets = (bursts * self.packets.len()) as f64;
        Ok(RawCost { seal: seal as f64 / packets, open: open as f64 / packets })
    }

    /// One burst in one direction; gives its cycles.
    fn burst(&mut self, numbers: &[usize], way: usize, size: Size, first: usize) -> Result<u64, RawError> {
        let mut jobs = ArrayVec::<Job<'_>, BURST>::new();
        for (at, (packet, number)) in self.packets.iter_mut().zip(numbers).enumerate() {
            let sequence = self.sequence + at as u64 + 1;
            let octets = overhead(self.transform) + esp_text_len(self.transform, None, size.of(first + at));
            let Some(packet) = packet.get_mut(..octets.min(ROOM)) else { continue };
            if let Some(header) = packet.get_mut(4..8) {
                header.copy_from_slice(&(sequence as u32).to_be_bytes());
            }
            let Some(context) = self.sas.get(*number).and_then(|sa| sa.get(way)) else { continue };
            jobs.push(Job::new(context, packet, sequence).taken_for(self.transform.is_gcm()));
        }
        let start = cycles();
        if way == 0 {
            self.crypto.seal(&mut jobs);
        } else {
            self.crypto.open(&mut jobs);
        }
        let taken = cycles().wrapping_sub(start);
        match jobs.iter().find(|job| job.status != Status::Done) {
            Some(job) => Err(RawError::Wrong { octets: job.packet.len(), status: job.status }),
            None => Ok(taken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forwarding::crypto::Wish;

    #[test]
    fn every_size_of_every_transform_is_measured() {
        let choice = Choice::new(Wish::Auto).unwrap();
        for transform in Transform::ALL {
            let mut raw = Raw::new(&choice, *transform, 3, 5).unwrap();
            for size in [Size::Fixed(48), Size::Fixed(1_476), Size::Imix] {
                let cost = raw.repetition(size, 12).unwrap();
                assert!(cost.seal > 0.0 && cost.open > 0.0);
            }
        }
    }
}
