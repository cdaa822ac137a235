//! One of the library's implementations, with the state that bursts need.

use crate::key::{CbcKey, GcmKey, HashAlg, HmacKey};
use crate::layout::{GCM_KEY_DATA, GcmFunction, GcmFunctions, HASH_STATE, RawManager, SCHEDULE};
use crate::sys;
use std::ptr::NonNull;

/// An implementation within the library, by the instruction set that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Arch {
    /// SSE4.2 and AES-NI; takes the SHA extensions where the processor has them.
    Sse = 0,
    /// AVX.
    Avx = 1,
    /// AVX2.
    Avx2 = 2,
    /// AVX-512, with VAES and VPCLMULQDQ where the processor has them.
    Avx512 = 3,
}

impl Arch {
    /// All there are, the widest last.
    pub const ALL: [Arch; 4] = [Arch::Sse, Arch::Avx, Arch::Avx2, Arch::Avx512];
}

impl std::fmt::Display for Arch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Arch::Sse => "SSE",
            Arch::Avx => "AVX",
            Arch::Avx2 => "AVX2",
            Arch::Avx512 => "AVX-512",
        })
    }
}

/// A manager of the library, of one thread at a time.
pub struct Manager {
    raw: Owned,
    pub(crate) gcm: Gcm,
    arch: Arch,
    /// See [`Manager::is_wide`].
    wide: bool,
}

/// The library's memory, freed when dropped.
struct Owned(NonNull<RawManager>);

/// The implementation's functions, all of which it has: a packet is never left as it was for lack of one.
pub(crate) struct Gcm {
    pub seal128: GcmFunction,
    pub open128: GcmFunction,
    pub seal256: GcmFunction,
    pub open256: GcmFunction,
}

// SAFETY: a manager is memory of its own without ties to the thread that made it. What it has outside itself is the
// library's last error number, which is only ever set to zero on our paths and never read while packets flow.
unsafe impl Send for Owned {}
// SAFETY: what takes `&self` reads function pointers, which nothing changes after `new`, and calls functions that work on
// their arguments alone; all that changes the manager takes `&mut self`.
unsafe impl Sync for Owned {}

impl Manager {
    /// Allocates one. `None`: the library is not there, the processor lacks the instructions, the library's own self-test
    /// failed, or there is no memory.
    pub fn new(arch: Arch) -> Option<Self> {
        // SAFETY: takes any number and gives null when it cannot.
        let raw = unsafe { sys::hub_mb_new(arch as u32) };
        let raw = Owned(NonNull::new(raw)?);
        let mut functions = GcmFunctions::default();
        // SAFETY: the manager is initialized, and the functions have room in a structure of the same layout.
        unsafe { sys::hub_mb_gcm_get(raw.0.as_ptr(), &mut functions) };
        let GcmFunctions { seal128, open128, seal256, open256 } = functions;
        let gcm = Gcm { seal128: seal128?, open128: open128?, seal256: seal256?, open256: open256? };
        Some(Self { raw, gcm, arch, wide: arch == Arch::Avx512 && has_vaes() })
    }

    #[inline(always)]
    pub(crate) fn raw(&mut self) -> *mut RawManager {
        self.raw.0.as_ptr()
    }

    /// Which implementation.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// Whether its expanded GCM keys have 48 powers of the hash key, for AVX-512 with VAES.
    #[inline(always)]
    pub fn is_wide(&self) -> bool {
        self.wide
    }

    /// Expands an AES-GCM key of 16 or 32 octets.
    pub fn gcm_key(&self, key: &[u8]) -> Option<GcmKey> {
        let octets = aes_octets(key)?;
        let mut expanded = GcmKey { octets: [0; GCM_KEY_DATA] };
        let place = (&raw mut expanded.octets).cast();
        // SAFETY: the key has the octets said, the expanded key the size and alignment that the shim names.
        unsafe { sys::hub_mb_gcm_expand(self.raw.0.as_ptr(), key.as_ptr(), octets.into(), place) };
        Some(expanded)
    }

    /// Expands an AES-CBC key of 16 or 32 octets for one direction.
    pub fn cbc_key(&self, key: &[u8], decrypts: bool) -> Option<CbcKey> {
        let key_octets = aes_octets(key)?;
        let mut wanted = CbcKey { schedule: [0; SCHEDULE], key_octets, decrypts };
        let mut other = CbcKey { schedule: [0; SCHEDULE], key_octets, decrypts };
        let wanted_at = (&raw mut wanted.schedule).cast();
        let other_at = (&raw mut other.schedule).cast();
        let (enc, dec) = if decrypts { (other_at, wanted_at) } else { (wanted_at, other_at) };
        // SAFETY: the key has the octets said, both schedules the size and alignment that the shim names.
        unsafe { sys::hub_mb_cbc_expand(self.raw.0.as_ptr(), key.as_ptr(), key_octets.into(), enc, dec) };
        Some(wanted)
    }

    /// Takes an HMAC key that is not longer than the hash's block.
    pub fn hmac_key(&self, alg: HashAlg, key: &[u8]) -> Option<HmacKey> {
        let octets = u32::try_from(key.len()).ok().filter(|octets| *octets as usize <= alg.block())?;
        let mut expanded = HmacKey { inner: [0; HASH_STATE], outer: [0; HASH_STATE], alg };
        let (inner, outer) = ((&raw mut expanded.inner).cast(), (&raw mut expanded.outer).cast());
        let (raw, alg) = (self.raw.0.as_ptr(), alg as u32);
        // SAFETY: the key has the octets said, at most a block's; both states have the size and alignment that the shim
        // names.
        unsafe { sys::hub_mb_hmac_expand(raw, alg, key.as_ptr(), octets, inner, outer) };
        Some(expanded)
    }
}

#[cfg(target_arch = "x86_64")]
fn has_vaes() -> bool {
    is_x86_feature_detected!("vaes") && is_x86_feature_detected!("vpclmulqdq")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_vaes() -> bool {
    false
}

fn aes_octets(key: &[u8]) -> Option<u8> {
    u8::try_from(key.len()).ok().filter(|octets| matches!(octets, 16 | 32))
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: allocated by `new`, freed once.
        unsafe { sys::hub_mb_free(self.0.as_ptr()) };
    }
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager").field("arch", &self.arch).finish_non_exhaustive()
    }
}
