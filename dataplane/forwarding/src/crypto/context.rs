//! The expanded keys of one direction of an SA.

use super::engine::{Choice, Engine};
use super::portable;
use super::transform::{SALT, Transform};

/// Which way packets of an SA go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To be opened.
    Inbound,
    /// To be sealed.
    Outbound,
}

/// Why a context could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The material is not as long as the transform wants.
    #[error("key material of {got} octets where the transform takes {want}")]
    Length {
        /// Octets the transform takes.
        want: usize,
        /// Octets there were.
        got: usize,
    },
}

/// What every engine's context begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub transform: Transform,
    pub outbound: bool,
    /// Extended sequence numbers (RFC 4303 2.2.1).
    pub esn: bool,
}

/// Expanded keys of one direction of an SA, for the engine that was chosen at start.
///
/// It stands inside the SA, without a pointer to follow, on cache lines of its own. Never in clear in a log:
/// `Debug` tells the transform only. Wiped when dropped.
#[repr(align(64))]
pub struct Context {
    pub(super) keys: Keys,
}

/// One variant for each engine and kind of transform.
#[allow(clippy::large_enum_variant, reason = "one allocation with the SA, no pointer to follow")]
pub(super) enum Keys {
    PortableGcm(portable::Gcm),
    PortableCbc(portable::Cbc),
}

impl Context {
    /// From raw key material: the encryption key, then the salt (GCM, RFC 4106 8.1) or the integrity key (CBC).
    pub fn new(
        choice: &Choice,
        direction: Direction,
        transform: Transform,
        material: &[u8],
        esn: bool,
    ) -> Result<Self, KeyError> {
        let outbound = direction == Direction::Outbound;
        let head = Head { transform, outbound, esn };
        let wrong = KeyError::Length { want: transform.material_len(), got: material.len() };
        if material.len() != transform.material_len() {
            return Err(wrong);
        }
        let keys = match transform {
            Transform::Gcm(aes) => {
                let (key, salt) = material.split_at_checked(aes.key_len()).ok_or(wrong)?;
                let salt = <[u8; SALT]>::try_from(salt).map_err(|_| wrong)?;
                match choice.gcm() {
                    Engine::Portable | Engine::Ring | Engine::IpsecMb => {
                        portable::Gcm::new(head, aes, key, salt).map(Keys::PortableGcm)
                    }
                }
            }
            Transform::Cbc(aes, integrity) => {
                let (key, auth) = material.split_at_checked(aes.key_len()).ok_or(wrong)?;
                match choice.cbc() {
                    Engine::Portable | Engine::Ring | Engine::IpsecMb => {
                        portable::Cbc::new(head, aes, integrity, key, auth).map(Keys::PortableCbc)
                    }
                }
            }
        };
        Ok(Self { keys: keys.ok_or(wrong)? })
    }

    #[inline(always)]
    pub(super) fn head(&self) -> &Head {
        match &self.keys {
            Keys::PortableGcm(context) => &context.head,
            Keys::PortableCbc(context) => &context.head,
        }
    }

    /// The transform.
    #[inline(always)]
    pub fn transform(&self) -> Transform {
        self.head().transform
    }

    /// Which way.
    #[inline(always)]
    pub fn direction(&self) -> Direction {
        if self.head().outbound { Direction::Outbound } else { Direction::Inbound }
    }

    /// Extended sequence numbers.
    #[inline(always)]
    pub fn esn(&self) -> bool {
        self.head().esn
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("head", self.head()).finish_non_exhaustive()
    }
}
