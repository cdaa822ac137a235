//! Safe bindings to Intel's Multi-Buffer Crypto for IPsec Library (ipsec-mb), as much of it as ESP takes: AES-GCM over one
//! packet, AES-CBC and HMAC over bursts of them.
//!
//! A [`Manager`] is one of the library's implementations (by instruction set) with the state that bursts need. Expanded
//! keys ([`GcmKey`], [`CbcKey`], [`HmacKey`]) are plain octets without pointers, wiped when dropped. Expanded keys of one
//! [`Arch`] given to the manager of another are harmless but give wrong answers.
//!
//! Where the library is not installed everything compiles and [`Manager::new`] gives `None`.

mod burst;
mod gcm;
mod key;
mod layout;
mod manager;
#[cfg(ipsec_mb)]
#[path = "linked.rs"]
mod sys;
#[cfg(not(ipsec_mb))]
#[path = "absent.rs"]
mod sys;

pub use burst::{CipherJob, HashJob, MAX_BURST, MAX_OCTETS};
pub use key::{CbcKey, GcmKey, HashAlg, HmacKey};
pub use layout::HASH_STATE;
pub use manager::{Arch, Manager};

/// The library's release. `None`: not built with it.
pub fn version() -> Option<String> {
    sys::version()
}
