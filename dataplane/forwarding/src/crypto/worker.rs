//! What a worker needs to seal and open: state of its own, shared with nobody.

use super::choice::Choice;
use super::context::Expanded;
use super::engine::EngineError;
use super::ivs::{Ivs, SEED};
use super::job::{Job, Status};
use super::multi_buffer::Managers;
use ipsec_mb::Arch;

/// How many packets ahead keys are asked for: with thousands of SAs they come from memory, and a packet takes about as
/// long to seal as memory to answer.
const AHEAD: usize = 3;

/// A worker's crypto: nothing in it allocates, locks or makes a system call once it is made.
#[derive(Debug)]
pub struct Crypto {
    ivs: Ivs,
    managers: Managers,
    gcm_arch: Option<Arch>,
}

impl Crypto {
    /// For one worker. The seed comes from the system's random source, another for each worker and each start.
    pub fn new(choice: &Choice, seed: &[u8; SEED]) -> Result<Self, EngineError> {
        Ok(Self { ivs: Ivs::new(seed), managers: choice.managers()?, gcm_arch: choice.gcm_arch() })
    }

    /// Mixes fresh entropy into the generator of CBC IVs.
    pub fn reseed(&mut self, seed: &[u8; SEED]) {
        self.ivs.reseed(seed);
    }

    /// Encrypts and authenticates, each job with its own context, in any order; the status tells how each ended.
    pub fn seal(&mut self, jobs: &mut [Job<'_>]) {
        let gcm = self.gcm_arch.and_then(|arch| self.managers.get(arch));
        let mut bursts = false;
        begin(jobs);
        for at in 0..jobs.len() {
            look_ahead(jobs, at);
            let Some(job) = jobs.get_mut(at) else { continue };
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
    pub fn open(&mut self, jobs: &mut [Job<'_>]) {
        let gcm = self.gcm_arch.and_then(|arch| self.managers.get(arch));
        let mut bursts = false;
        begin(jobs);
        for at in 0..jobs.len() {
            look_ahead(jobs, at);
            let Some(job) = jobs.get_mut(at) else { continue };
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

/// Asks for what the first packets need.
#[inline(always)]
fn begin(jobs: &[Job<'_>]) {
    jobs.iter().take(2 * AHEAD).for_each(|job| shm::cpu::prefetch(job.context));
    jobs.iter().take(AHEAD).for_each(|job| job.context.prefetch_keys(job.packet.len()));
}

/// Asks for the keys of a packet that soon has its turn, and for the first line of those of a later one.
#[inline(always)]
fn look_ahead(jobs: &[Job<'_>], at: usize) {
    if let Some(job) = jobs.get(at + 2 * AHEAD) {
        shm::cpu::prefetch(job.context);
    }
    if let Some(job) = jobs.get(at + AHEAD) {
        job.context.prefetch_keys(job.packet.len());
    }
}
