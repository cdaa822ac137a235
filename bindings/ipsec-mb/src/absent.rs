//! In place of the shim where the library is not installed. No manager is ever made, so that nothing else is called.

use crate::layout::{GcmFunctions, RawCipherJob, RawHashJob, RawManager};
use std::ffi::c_void;

pub(crate) fn version() -> Option<String> {
    None
}

pub(crate) unsafe fn hub_mb_new(_arch: u32) -> *mut RawManager {
    std::ptr::null_mut()
}

pub(crate) unsafe fn hub_mb_free(_mgr: *mut RawManager) {}

pub(crate) unsafe fn hub_mb_gcm_get(_mgr: *const RawManager, _functions: *mut GcmFunctions) {}

pub(crate) unsafe fn hub_mb_gcm_expand(_mgr: *const RawManager, _key: *const u8, _n: u32, _out: *mut c_void) {
}

pub(crate) unsafe fn hub_mb_cbc_expand(
    _mgr: *const RawManager,
    _key: *const u8,
    _octets: u32,
    _enc: *mut c_void,
    _dec: *mut c_void,
) {
}

pub(crate) unsafe fn hub_mb_hmac_expand(
    _mgr: *const RawManager,
    _hash: u32,
    _key: *const u8,
    _octets: u32,
    _inner: *mut c_void,
    _outer: *mut c_void,
) {
}

pub(crate) unsafe fn hub_mb_cbc(
    _mgr: *mut RawManager,
    _jobs: *const RawCipherJob,
    _n: u32,
    _key_octets: u32,
    _decrypt: u32,
) -> u32 {
    0
}

pub(crate) unsafe fn hub_mb_hmac(
    _mgr: *mut RawManager,
    _jobs: *const RawHashJob,
    _n: u32,
    _hash: u32,
) -> u32 {
    0
}
