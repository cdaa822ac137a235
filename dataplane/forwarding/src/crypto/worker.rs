//! What a worker needs to seal and open: state of its own, shared with nobody.

use super::choice::Choice;
use super::context::{Context, Expanded};
use super::engine::EngineError;
use super::ivs::{Ivs, SEED};
use super::job::{Job, Status};
use super::multi_buffer::Managers;
use ipsec_mb::{Arch, GcmKey};
use shm::cpu::prefetch_octets;

/// Jobs whose keys are loaded ahead of the one being worked on.
const AHEAD: usize = 6;
/// No other engine's keys reach further into a context.
const OTHERS: usize = 704;

/// A worker's crypto: nothing in it allocates, locks or makes a system call once it is made.
#[derive(Debug)]
pub struct Crypto {
    ivs: Ivs,
    managers: Managers,
    gcm_arch: Option<Arch>,
    /// How ipsec-mb lays out expanded GCM keys; `None`: it is not GCM's engine.
    gcm_wide: Option<bool>,
}

impl Crypto {
    /// For one worker. The seed comes from the system's random source, another for each worker and each start.
    pub fn new(choice: &Choice, seed: &[u8; SEED]) -> Result<Self, EngineError> {
        let (managers, gcm_arch) = (choice.managers()?, choice.gcm_arch());
        let gcm_wide = gcm_arch.and_then(|arch| Some(managers.get(arch)?.is_wide()));
        Ok(Self { ivs: Ivs::new(seed), managers, gcm_arch, gcm_wide })
    }

    /// Mixes fresh entropy into the generator of CBC IVs.
    pub fn reseed(&mut self, seed: &[u8; SEED]) {
        self.ivs.reseed(seed);
    }

    /// Asks for the cache lines that a job will need of its context, and reads nothing of it: with thousands of SAs keys
    /// come from memory, and of a kilobyte of them a short packet takes a third. As many jobs ahead as hide the way
    /// there: more would drive each other out of the first cache again.
    #[inline(always)]
    fn prefetch(&self, job: Option<&Job<'_>>) {
        let Some(Job { context, packet, gcm, .. }) = job else { return };
        match self.gcm_wide.filter(|_| *gcm) {
            Some(wide) => {
                // The key comes first, all else behind it.
                prefetch_octets(*context, size_of::<GcmKey>()..size_of::<Context>());
                for touched in GcmKey::touched(wide, packet.len()) {
                    prefetch_octets(*context, touched);
                }
            }
            None => prefetch_octets(*context, 0..OTHERS),
        }
    }

    /// Encrypts and authenticates, each job with its own context, in any order; the status tells how each ended.
    #[inline(never)]
    pub fn seal(&mut self, jobs: &mut [Job<'_>]) {
        let gcm = self.gcm_arch.and_then(|arch| self.managers.get(arch));
        let mut bursts = false;
        jobs.iter().take(AHEAD).for_each(|job| self.prefetch(Some(job)));
        for index in 0..jobs.len() {
            self.prefetch(jobs.get(index + AHEAD));
            let Some(job) = jobs.get_mut(index) else { break };
            if !job.context.head().outbound {
                job.status = Status::WrongDirection;
                continue;
            }
            job.status = match (&job.context.keys, gcm) {
                (Expanded::MultiBufferGcm(keys), Some(gcm)) => keys.seal(gcm, job.packet, job.sequence),
                (Expanded::MultiBufferGcm(_), None) => Status::Failed,
                (Expanded::RingGcm(keys), _) => keys.seal(job.packet, job.sequence),
                (Expanded::PortableGcm(keys), _) => keys.seal(job.packet, job.sequence),
                (Expanded::PortableCbc(keys), _) => keys.seal(job.packet, job.sequence, &mut self.ivs),
                (Expanded::MultiBufferCbc(_), _) => {
                    bursts = true;
                    Status::Pending
                }
            };
        }
        if bursts {
            self.managers.seal_cbc(jobs, &mut self.ivs);
        }
    }

    /// Checks and decrypts, each job with its own context, in any order. Only where the status is [`Status::Done`] may
    /// anything behind the IV be looked at.
    #[inline(never)]
    pub fn open(&mut self, jobs: &mut [Job<'_>]) {
        let gcm = self.gcm_arch.and_then(|arch| self.managers.get(arch));
        let mut bursts = false;
        jobs.iter().take(AHEAD).for_each(|job| self.prefetch(Some(job)));
        for index in 0..jobs.len() {
            self.prefetch(jobs.get(index + AHEAD));
            let Some(job) = jobs.get_mut(index) else { break };
            if job.context.head().outbound {
                job.status = Status::WrongDirection;
                continue;
            }
            job.status = match (&job.context.keys, gcm) {
                (Expanded::MultiBufferGcm(keys), Some(gcm)) => keys.open(gcm, job.packet, job.sequence),
                (Expanded::MultiBufferGcm(_), None) => Status::Failed,
                (Expanded::RingGcm(keys), _) => keys.open(job.packet, job.sequence),
                (Expanded::PortableGcm(keys), _) => keys.open(job.packet, job.sequence),
                (Expanded::PortableCbc(keys), _) => keys.open(job.packet, job.sequence),
                (Expanded::MultiBufferCbc(_), _) => {
                    bursts = true;
                    Status::Pending
                }
            };
        }
        if bursts {
            self.managers.open_cbc(jobs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Choice, Direction, Keys, Transform};
    use super::*;

    #[test]
    fn what_is_asked_for_is_where_the_keys_are() {
        for choice in Choice::every() {
            for transform in Transform::ALL {
                let keys = Keys::new(*transform, &vec![1; transform.material_len()]).unwrap();
                let context = Context::new(&choice, Direction::Outbound, &keys, false).unwrap();
                let start = std::ptr::from_ref(&context).addr();
                let (at, octets) = match &context.keys {
                    Expanded::MultiBufferGcm(keys) => {
                        assert_eq!(std::ptr::from_ref(&keys.key).addr(), start);
                        continue;
                    }
                    Expanded::PortableGcm(keys) => (std::ptr::from_ref(keys).addr(), size_of_val(keys)),
                    Expanded::PortableCbc(keys) => (std::ptr::from_ref(keys).addr(), size_of_val(keys)),
                    Expanded::RingGcm(keys) => (std::ptr::from_ref(keys).addr(), size_of_val(keys)),
                    Expanded::MultiBufferCbc(keys) => (std::ptr::from_ref(keys).addr(), size_of_val(keys)),
                };
                assert!(at + octets <= start + OTHERS, "{transform:?} {choice:?} {octets}");
            }
        }
    }
}
