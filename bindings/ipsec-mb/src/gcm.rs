//! AES-GCM over one packet in place.

use crate::key::GcmKey;
use crate::layout::{GCM_STATE, GcmFunction};
use crate::manager::Manager;
use std::mem::MaybeUninit;

/// The library's scratch, which it clears itself.
#[repr(C, align(64))]
struct State(MaybeUninit<[u8; GCM_STATE]>);

/// Octets of a tag.
const TAG: usize = 16;

impl Manager {
    /// Encrypts with a key of 128 bits; gives the tag.
    #[inline(always)]
    pub fn seal128(&self, key: &GcmKey, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; TAG] {
        run(self.gcm.seal128, key, nonce, aad, text)
    }

    /// Encrypts with a key of 256 bits; gives the tag.
    #[inline(always)]
    pub fn seal256(&self, key: &GcmKey, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; TAG] {
        run(self.gcm.seal256, key, nonce, aad, text)
    }

    /// Decrypts with a key of 128 bits; gives the tag that the packet should have. The caller compares.
    #[inline(always)]
    pub fn open128(&self, key: &GcmKey, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; TAG] {
        run(self.gcm.open128, key, nonce, aad, text)
    }

    /// Decrypts with a key of 256 bits; gives the tag that the packet should have. The caller compares.
    #[inline(always)]
    pub fn open256(&self, key: &GcmKey, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; TAG] {
        run(self.gcm.open256, key, nonce, aad, text)
    }
}

#[inline(always)]
fn run(function: GcmFunction, key: &GcmKey, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; TAG] {
    let mut state = State(MaybeUninit::uninit());
    let mut tag = [0; TAG];
    let (key, state) = ((&raw const key.octets).cast(), (&raw mut state.0).cast());
    let (text, octets) = (text.as_mut_ptr(), text.len() as u64);
    let (aad, aad_octets) = (aad.as_ptr(), aad.len() as u64);
    // SAFETY: the key is expanded and as large as the library's structure, the scratch too; text, additional data, nonce
    // and tag have the octets said, and the library allows input and output to be the same.
    unsafe {
        function(
            key,
            state,
            text,
            text.cast_const(),
            octets,
            nonce.as_ptr(),
            aad,
            aad_octets,
            tag.as_mut_ptr(),
            TAG as u64,
        )
    };
    tag
}
