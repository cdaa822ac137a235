//! Sizes and structures that Rust and the shim share; `csrc/shim.c` checks the sizes against the library's.

use std::ffi::c_void;

/// Octets of expanded GCM keys with hash powers (`struct gcm_key_data`), rounded up to cache lines.
pub(crate) const GCM_KEY: usize = 1024;
/// Of them, what the library writes and reads.
pub(crate) const GCM_KEY_DATA: usize = 1008;
/// Octets of GCM's scratch (`struct gcm_context_data`).
pub(crate) const GCM_STATE: usize = 128;
/// Octets of an AES-256 key schedule.
pub(crate) const SCHEDULE: usize = 240;
/// Octets of the longest hash state and tag.
pub const HASH_STATE: usize = 64;
/// Most jobs of one call into the shim.
pub(crate) const BURST: usize = 64;

/// One direction of GCM over one packet.
pub(crate) type GcmFunction = unsafe extern "C" fn(
    key: *const c_void,
    state: *mut c_void,
    out: *mut u8,
    input: *const u8,
    octets: u64,
    nonce: *const u8,
    aad: *const u8,
    aad_octets: u64,
    tag: *mut u8,
    tag_octets: u64,
);

/// `struct hub_mb_gcm_functions`: what the shim fills in.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GcmFunctions {
    pub seal128: Option<GcmFunction>,
    pub open128: Option<GcmFunction>,
    pub seal256: Option<GcmFunction>,
    pub open256: Option<GcmFunction>,
}

/// `struct hub_mb_cipher_job`.
#[repr(C)]
pub(crate) struct RawCipherJob {
    pub schedule: *const u8,
    pub iv: *const u8,
    pub text: *mut u8,
    pub octets: u64,
}

/// `struct hub_mb_hash_job`.
#[repr(C)]
pub(crate) struct RawHashJob {
    pub inner: *const u8,
    pub outer: *const u8,
    pub data: *const u8,
    pub octets: u64,
    pub tag: *mut u8,
}

/// `struct IMB_MGR`, whose content is the library's.
#[repr(C)]
pub(crate) struct RawManager {
    _private: [u8; 0],
}
