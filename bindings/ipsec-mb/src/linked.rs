//! The shim, linked.

use crate::layout::{GcmFunctions, RawCipherJob, RawHashJob, RawManager};
use std::ffi::{CStr, c_char, c_void};

unsafe extern "C" {
    fn hub_mb_version() -> *const c_char;
    pub(crate) fn hub_mb_new(arch: u32) -> *mut RawManager;
    pub(crate) fn hub_mb_free(mgr: *mut RawManager);
    pub(crate) fn hub_mb_gcm_get(mgr: *const RawManager, functions: *mut GcmFunctions);
    pub(crate) fn hub_mb_gcm_expand(
        mgr: *const RawManager,
        key: *const u8,
        octets: u32,
        expanded: *mut c_void,
    );
    pub(crate) fn hub_mb_cbc_expand(
        mgr: *const RawManager,
        key: *const u8,
        octets: u32,
        enc: *mut c_void,
        dec: *mut c_void,
    );
    pub(crate) fn hub_mb_hmac_expand(
        mgr: *const RawManager,
        hash: u32,
        key: *const u8,
        octets: u32,
        inner: *mut c_void,
        outer: *mut c_void,
    );
    pub(crate) fn hub_mb_cbc(
        mgr: *mut RawManager,
        jobs: *const RawCipherJob,
        n: u32,
        key_octets: u32,
        decrypt: u32,
    ) -> u32;
    pub(crate) fn hub_mb_hmac(mgr: *mut RawManager, jobs: *const RawHashJob, n: u32, hash: u32) -> u32;
}

pub(crate) fn version() -> Option<String> {
    // SAFETY: takes nothing and gives a string that lives as long as the library.
    let text = unsafe { hub_mb_version() };
    // SAFETY: the library's string ends with a zero octet and is never changed.
    let text = unsafe { CStr::from_ptr(text) };
    Some(text.to_string_lossy().into_owned())
}
