//! AES-CBC and HMAC over bursts: the library works on several packets side by side.

use crate::key::{CbcKey, HmacKey};
use crate::layout::{BURST, HASH_STATE, RawCipherJob, RawHashJob};
use crate::manager::Manager;
use crate::sys;
use std::mem::MaybeUninit;

/// Most jobs of one burst.
pub const MAX_BURST: usize = BURST;
/// Octets of the longest text or data: the library counts the length of its lanes in 16 bits.
pub const MAX_OCTETS: usize = 65_520;

/// One text to encrypt or decrypt in place.
#[derive(Debug)]
pub struct CipherJob<'a> {
    /// Schedule of the direction wanted.
    pub key: &'a CbcKey,
    /// Initialization vector.
    pub iv: [u8; 16],
    /// Whole blocks.
    pub text: &'a mut [u8],
}

/// Data to authenticate.
#[derive(Debug)]
pub struct HashJob<'a> {
    /// The keyed hash.
    pub key: &'a HmacKey,
    /// What it covers.
    pub data: &'a [u8],
    /// The tag in its first octets.
    pub tag: [u8; HASH_STATE],
}

impl Manager {
    /// Encrypts or decrypts all of them. `false`, and nothing done: more than [`MAX_BURST`], keys of different lengths or
    /// directions, a text that is empty, longer than [`MAX_OCTETS`] or not made of whole blocks.
    #[must_use]
    pub fn cbc(&mut self, jobs: &mut [CipherJob<'_>]) -> bool {
        let Some(first) = jobs.first() else { return true };
        let (key_octets, decrypts) = (first.key.key_octets, first.key.decrypts);
        let alike = |job: &CipherJob<'_>| {
            (job.key.key_octets, job.key.decrypts) == (key_octets, decrypts)
                && fits(job.text.len())
                && job.text.len().is_multiple_of(16)
        };
        if jobs.len() > BURST || !jobs.iter().all(alike) {
            return false;
        }
        let mut raw = [const { MaybeUninit::<RawCipherJob>::uninit() }; BURST];
        for (raw, job) in raw.iter_mut().zip(jobs.iter_mut()) {
            raw.write(RawCipherJob {
                schedule: job.key.schedule.as_ptr(),
                iv: job.iv.as_ptr(),
                text: job.text.as_mut_ptr(),
                octets: job.text.len() as u64,
            });
        }
        let n = jobs.len() as u32;
        let (mgr, place) = (self.raw(), raw.as_ptr().cast());
        // SAFETY: as many jobs as `n` says are written above, at most a burst; their texts are exclusively ours, whole
        // blocks and within the library's lengths; keys and IVs outlive the call, which keeps nothing.
        let done = unsafe { sys::hub_mb_cbc(mgr, place, n, key_octets.into(), decrypts.into()) };
        done == n
    }

    /// Computes all tags. `false`, and no tag to rely on: more than [`MAX_BURST`], keys of different hashes, data that is
    /// empty or longer than [`MAX_OCTETS`].
    #[must_use]
    pub fn hmac(&mut self, jobs: &mut [HashJob<'_>]) -> bool {
        let Some(first) = jobs.first() else { return true };
        let alg = first.key.alg;
        if jobs.len() > BURST || !jobs.iter().all(|job| job.key.alg == alg && fits(job.data.len())) {
            return false;
        }
        let mut raw = [const { MaybeUninit::<RawHashJob>::uninit() }; BURST];
        for (raw, job) in raw.iter_mut().zip(jobs.iter_mut()) {
            raw.write(RawHashJob {
                inner: job.key.inner.as_ptr(),
                outer: job.key.outer.as_ptr(),
                data: job.data.as_ptr(),
                octets: job.data.len() as u64,
                tag: job.tag.as_mut_ptr(),
            });
        }
        let n = jobs.len() as u32;
        let (mgr, place) = (self.raw(), raw.as_ptr().cast());
        // SAFETY: as many jobs as `n` says are written above, at most a burst; data and keys outlive the call, which keeps
        // nothing; each tag has room for the longest.
        let done = unsafe { sys::hub_mb_hmac(mgr, place, n, alg as u32) };
        done == n
    }
}

fn fits(octets: usize) -> bool {
    (1..=MAX_OCTETS).contains(&octets)
}
