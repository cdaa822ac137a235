//! Expanded keys: octets without pointers, wiped when dropped.

use crate::layout::{GCM_KEY, GCM_KEY_DATA, HASH_STATE, SCHEDULE};
use std::ops::Range;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// An expanded AES-GCM key with the powers of its hash key.
#[derive(Zeroize, ZeroizeOnDrop)]
#[repr(C, align(64))]
pub struct GcmKey {
    pub(crate) octets: [u8; GCM_KEY_DATA],
}

/// Octets of the hash powers that end an expanded key of the AVX-512 implementation with VAES: H^48 … H^1.
const POWERS: usize = 48 * 16;
/// Octets of round keys and hash powers of all other implementations: H^1 … H^8, then their halves.
const NARROW: usize = SCHEDULE + 16 * 16;

impl GcmKey {
    /// What of an expanded key, in octets of it, a text of so many octets takes: round keys, and hash powers. `wide` is
    /// what [`crate::Manager::is_wide`] says of the manager that makes the keys.
    #[inline(always)]
    pub fn touched(wide: bool, text: usize) -> [Range<usize>; 2] {
        if !wide {
            return [0..SCHEDULE, SCHEDULE..NARROW];
        }
        // Two blocks more are hashed: the additional data and the lengths.
        let powers = (text + 3 * 16).min(POWERS);
        [0..SCHEDULE, GCM_KEY_DATA - powers..GCM_KEY_DATA]
    }
}

/// The key schedule of one direction of AES-CBC.
#[derive(Zeroize, ZeroizeOnDrop)]
#[repr(C, align(16))]
pub struct CbcKey {
    pub(crate) schedule: [u8; SCHEDULE],
    /// Octets of the key: 16 or 32.
    pub(crate) key_octets: u8,
    pub(crate) decrypts: bool,
}

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum HashAlg {
    /// HMAC-SHA1-96.
    Sha1 = 0,
    /// HMAC-SHA-256-128.
    Sha256 = 1,
    /// HMAC-SHA-384-192.
    Sha384 = 2,
    /// HMAC-SHA-512-256.
    Sha512 = 3,
}

impl HashAlg {
    /// All there are.
    pub const ALL: [HashAlg; 4] = [HashAlg::Sha1, HashAlg::Sha256, HashAlg::Sha384, HashAlg::Sha512];

    /// Octets of the hash's block, which an HMAC key may not exceed.
    pub const fn block(self) -> usize {
        match self {
            HashAlg::Sha1 | HashAlg::Sha256 => 64,
            HashAlg::Sha384 | HashAlg::Sha512 => 128,
        }
    }

    /// Octets of the truncated tag (RFC 2404, RFC 4868).
    pub const fn tag(self) -> usize {
        match self {
            HashAlg::Sha1 => 12,
            HashAlg::Sha256 => 16,
            HashAlg::Sha384 => 24,
            HashAlg::Sha512 => 32,
        }
    }
}

/// An HMAC that has taken its key: the states of the inner and the outer hash.
#[derive(Zeroize, ZeroizeOnDrop)]
#[repr(C, align(16))]
pub struct HmacKey {
    pub(crate) inner: [u8; HASH_STATE],
    pub(crate) outer: [u8; HASH_STATE],
    #[zeroize(skip)]
    pub(crate) alg: HashAlg,
}

macro_rules! hidden {
    ($($key:ident)*) => {$(
        impl std::fmt::Debug for $key {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($key)).finish_non_exhaustive()
            }
        }
    )*};
}
hidden!(GcmKey CbcKey HmacKey);

const _: () = assert!(size_of::<GcmKey>() == GCM_KEY && align_of::<GcmKey>() == 64);
const _: () = assert!(size_of::<CbcKey>() == 256 && size_of::<HmacKey>() == 144);
const _: () = assert!(SCHEDULE + POWERS == GCM_KEY_DATA);
