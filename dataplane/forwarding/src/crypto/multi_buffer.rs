//! The engine of ipsec-mb: AES-GCM packet by packet, AES-CBC and HMAC over bursts.

use super::context::{Context, Expanded, Head};
use super::ivs::Ivs;
use super::job::{Aad, GcmNonce, Icv, Job, Status, same_gcm_icv, same_icv, split, split_gcm};
use super::transform::{Aes, BLOCK, HEADER, Integrity, Kind, MAX_ICV, SALT};
use arrayvec::ArrayVec;
use ipsec_mb::{
    Arch, CbcKey, CipherJob, GcmKey, HASH_STATE, HashAlg, HashJob, HmacKey, MAX_BURST, MAX_OCTETS, Manager,
};
use shm::message::Transform;
use zeroize::Zeroize;

/// Expanded keys for AES-GCM. The key first, so that what is asked for ahead of time is where it is expected.
#[repr(C)]
pub(super) struct Gcm {
    pub key: GcmKey,
    pub head: Head,
    aes: Aes,
    salt: [u8; SALT],
}

impl Gcm {
    /// `None`: a key of another length.
    pub fn new(manager: &Manager, head: Head, aes: Aes, key: &[u8], salt: [u8; SALT]) -> Option<Self> {
        Some(Self { head, aes, salt, key: manager.gcm_key(key)? })
    }

    #[inline(always)]
    pub fn seal(&self, manager: &Manager, packet: &mut [u8], sequence: u64) -> Status {
        let Some(parts) = split_gcm(packet) else { return Status::BadLength };
        *parts.iv = sequence.to_be_bytes();
        let nonce = GcmNonce::new(self.salt, sequence.to_be_bytes());
        let aad = Aad::new(parts.header, sequence, self.head.esn);
        let tag = match self.aes {
            Aes::Aes128 => manager.seal128(&self.key, nonce.octets(), aad.octets(), parts.text),
            Aes::Aes256 => manager.seal256(&self.key, nonce.octets(), aad.octets(), parts.text),
        };
        *parts.icv = tag;
        Status::Done
    }

    /// The library writes plaintext before the tag is known; where that is wrong it is wiped.
    #[inline(always)]
    pub fn open(&self, manager: &Manager, packet: &mut [u8], sequence: u64) -> Status {
        let Some(parts) = split_gcm(packet) else { return Status::BadLength };
        let nonce = GcmNonce::new(self.salt, *parts.iv);
        let aad = Aad::new(parts.header, sequence, self.head.esn);
        let tag = match self.aes {
            Aes::Aes128 => manager.open128(&self.key, nonce.octets(), aad.octets(), parts.text),
            Aes::Aes256 => manager.open256(&self.key, nonce.octets(), aad.octets(), parts.text),
        };
        if same_gcm_icv(tag, parts.icv) {
            return Status::Done;
        }
        parts.text.fill(0);
        Status::BadIcv
    }
}

impl Drop for Gcm {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}

/// Expanded keys for AES-CBC and HMAC.
pub(super) struct Cbc {
    pub head: Head,
    arch: Arch,
    cipher: CbcKey,
    mac: HmacKey,
}

impl Cbc {
    /// `None`: a key of another length.
    pub fn new(manager: &Manager, head: Head, integrity: Integrity, key: &[u8], auth: &[u8]) -> Option<Self> {
        let cipher = manager.cbc_key(key, !head.outbound)?;
        Some(Self { head, arch: manager.arch(), cipher, mac: manager.hmac_key(hash(integrity), auth)? })
    }
}

fn hash(integrity: Integrity) -> HashAlg {
    match integrity {
        Integrity::Sha1 => HashAlg::Sha1,
        Integrity::Sha256 => HashAlg::Sha256,
        Integrity::Sha384 => HashAlg::Sha384,
        Integrity::Sha512 => HashAlg::Sha512,
    }
}

/// A worker's managers, by implementation: those that contexts of this process are made for.
#[derive(Debug, Default)]
pub(super) struct Managers([Option<Manager>; Arch::ALL.len()]);

impl Managers {
    /// `None`: no memory.
    pub fn new(archs: impl IntoIterator<Item = Arch>) -> Option<Self> {
        let mut managers = Self::default();
        for arch in archs {
            let place = managers.0.get_mut(arch as usize)?;
            if place.is_none() {
                *place = Some(Manager::new(arch)?);
            }
        }
        Some(managers)
    }

    #[inline(always)]
    pub fn get(&self, arch: Arch) -> Option<&Manager> {
        self.0.get(arch as usize)?.as_ref()
    }

    /// Seals the CBC packets among `jobs` that are ours.
    pub fn seal_cbc(&mut self, jobs: &mut [Job<'_>], ivs: &mut Ivs) {
        self.by_group(jobs, |manager, group| seal_group(manager, group, ivs));
    }

    /// Opens the CBC packets among `jobs` that are ours.
    pub fn open_cbc(&mut self, jobs: &mut [Job<'_>]) {
        self.by_group(jobs, open_group);
    }

    /// Gives packets of one transform at a time to `run`, since a burst of the library has one algorithm.
    fn by_group(&mut self, jobs: &mut [Job<'_>], mut run: impl FnMut(&mut Manager, &mut Group<'_, '_>)) {
        for jobs in jobs.chunks_mut(MAX_BURST) {
            let mut todo = select(jobs, |job| ours(job).is_some() && job.status == Status::Pending);
            while let Some(first) = jobs.get(todo.trailing_zeros() as usize) {
                let (transform, arch) = (first.context.transform(), ours(first).map(|keys| keys.arch));
                let chosen = todo & select(jobs, |job| job.context.transform() == transform);
                todo &= !chosen;
                let mut group = Group { jobs, chosen, transform };
                match arch.and_then(|arch| self.0.get_mut(arch as usize)?.as_mut()) {
                    Some(manager) => run(manager, &mut group),
                    None => group.set(Status::Failed),
                }
            }
        }
    }
}

/// Bit n is set when the nth job, of at most 64, is one.
fn select(jobs: &[Job<'_>], is: impl Fn(&Job<'_>) -> bool) -> u64 {
    jobs.iter().enumerate().fold(0, |bits, (at, job)| bits | u64::from(is(job)) << at)
}

#[inline(always)]
fn ours<'a>(job: &Job<'a>) -> Option<&'a Cbc> {
    keys(job.context)
}

#[inline(always)]
fn keys(context: &Context) -> Option<&Cbc> {
    match &context.keys {
        Expanded::MultiBufferCbc(keys) => Some(keys),
        _ => None,
    }
}

/// Jobs of one transform among a burst.
struct Group<'j, 'p> {
    jobs: &'j mut [Job<'p>],
    /// Bit n: the nth job belongs to it.
    chosen: u64,
    transform: Transform,
}

impl<'p> Group<'_, 'p> {
    fn jobs(&mut self) -> impl Iterator<Item = &mut Job<'p>> {
        let chosen = self.chosen;
        self.jobs.iter_mut().enumerate().filter(move |(at, _)| chosen >> at & 1 == 1).map(|(_, job)| job)
    }

    fn set(&mut self, status: Status) {
        self.jobs().for_each(|job| job.status = status);
    }

    /// Leaves out those whose lengths no CBC packet has, or the library does not take.
    fn check_lengths(&mut self) {
        let fixed = HEADER + BLOCK + self.transform.icv_len();
        let good = |job: &Job<'_>| {
            let text = job.packet.len().checked_sub(fixed);
            text.is_some_and(|text| text % BLOCK == 0) && job.packet.len() <= MAX_OCTETS
        };
        let bad = self.chosen & select(self.jobs, |job| !good(job));
        self.chosen &= !bad;
        let bad_jobs = self.jobs.iter_mut().enumerate().filter(|(at, _)| bad >> at & 1 == 1);
        bad_jobs.for_each(|(_, job)| job.status = Status::BadLength);
    }

    /// Encrypts or decrypts every text, in the direction of the contexts.
    fn cipher(&mut self, manager: &mut Manager) -> bool {
        let icv_len = self.transform.icv_len();
        let mut burst = ArrayVec::<CipherJob<'_>, MAX_BURST>::new();
        for job in self.jobs() {
            let (Some(keys), Some(parts)) = (keys(job.context), split(job.packet, BLOCK, icv_len)) else {
                return false;
            };
            let Ok(iv) = <[u8; BLOCK]>::try_from(&*parts.iv) else { return false };
            // A packet without text is one for the tests alone; the library has no use for it.
            if !parts.text.is_empty() {
                burst.push(CipherJob { key: &keys.cipher, iv, text: parts.text });
            }
        }
        manager.cbc(&mut burst)
    }

    /// Computes every ICV, in order. What is authenticated reaches with ESN four octets into the room of the ICV, where
    /// the upper half of the sequence number is put for it (RFC 4303 2.2.1).
    fn icvs(&mut self, manager: &mut Manager, icvs: &mut ArrayVec<Icv, MAX_BURST>) -> bool {
        let icv_len = self.transform.icv_len();
        let mut burst = ArrayVec::<HashJob<'_>, MAX_BURST>::new();
        for job in self.jobs() {
            let Some(keys) = keys(job.context) else { return false };
            let text_end = job.packet.len().saturating_sub(icv_len);
            let Some(room) = job.packet.get_mut(text_end..) else { return false };
            let upper = if keys.head.esn { room.first_chunk_mut::<4>() } else { None };
            let covered = text_end + upper.as_ref().map_or(0, |upper| upper.len());
            if let Some(upper) = upper {
                *upper = ((job.sequence >> 32) as u32).to_be_bytes();
            }
            let Some(data) = job.packet.get(..covered) else { return false };
            burst.push(HashJob { key: &keys.mac, data, tag: [0; HASH_STATE] });
        }
        let done = manager.hmac(&mut burst);
        icvs.extend(burst.iter().filter_map(|job| job.tag.first_chunk::<MAX_ICV>().copied()));
        done
    }
}

/// Encrypt, then authenticate.
fn seal_group(manager: &mut Manager, group: &mut Group<'_, '_>, ivs: &mut Ivs) {
    group.check_lengths();
    for job in group.jobs() {
        if let Some(iv) = job.packet.get_mut(HEADER..HEADER + BLOCK) {
            iv.copy_from_slice(&ivs.draw());
        }
    }
    let mut icvs = ArrayVec::new();
    if !group.cipher(manager) || !group.icvs(manager, &mut icvs) {
        return group.set(Status::Failed);
    }
    let icv_len = group.transform.icv_len();
    for (job, icv) in group.jobs().zip(&icvs) {
        put_icv(job.packet, icv, icv_len);
        job.status = Status::Done;
    }
}

/// Authenticate, then decrypt what is authentic (RFC 4303 3.4.4.1).
fn open_group(manager: &mut Manager, group: &mut Group<'_, '_>) {
    group.check_lengths();
    let icv_len = group.transform.icv_len();
    let mut received = ArrayVec::<Icv, MAX_BURST>::new();
    for job in group.jobs() {
        let mut icv = [0; MAX_ICV];
        let from = job.packet.len().saturating_sub(icv_len);
        for (to, from) in icv.iter_mut().zip(job.packet.get(from..).unwrap_or_default()) {
            *to = *from;
        }
        received.push(icv);
    }
    let mut computed = ArrayVec::new();
    if !group.icvs(manager, &mut computed) {
        return group.set(Status::Failed);
    }
    for ((job, received), computed) in group.jobs().zip(&received).zip(&computed) {
        let same = match (computed.get(..icv_len), received.get(..icv_len)) {
            (Some(computed), Some(received)) => same_icv(computed, received),
            _ => false,
        };
        put_icv(job.packet, received, icv_len);
        job.status = if same { Status::Done } else { Status::BadIcv };
    }
    group.chosen &= select(group.jobs, |job| job.status == Status::Done);
    if !group.cipher(manager) {
        group.set(Status::Failed);
    }
}

fn put_icv(packet: &mut [u8], icv: &Icv, icv_len: usize) {
    for (to, from) in packet.iter_mut().rev().zip(icv.iter().take(icv_len).rev()) {
        *to = *from;
    }
}

/// The engine's kinds of keys, by transform.
pub(super) fn expand(
    manager: &Manager,
    head: Head,
    key: &[u8],
    salt: [u8; SALT],
    auth: &[u8],
) -> Option<Expanded> {
    match Kind::of(head.transform) {
        Kind::Gcm(aes) => Gcm::new(manager, head, aes, key, salt).map(Expanded::MultiBufferGcm),
        Kind::Cbc(_, integrity) => {
            Cbc::new(manager, head, integrity, key, auth).map(Expanded::MultiBufferCbc)
        }
    }
}
