//! The expanded keys of one direction of an SA.

use super::choice::{Choice, With};
use super::transform::{Kind, SALT};
use super::{multi_buffer, portable, ring_gcm};
use shm::message::{Keys, Transform};

/// Which way packets of an SA go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To be opened.
    Inbound,
    /// To be sealed.
    Outbound,
}

/// The key material is not as long as the transform wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key material of a length that the transform does not take")]
pub struct KeyError;

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
    pub(super) keys: Expanded,
}

/// One variant for each engine and kind of transform.
#[allow(clippy::large_enum_variant, reason = "one allocation with the SA, no pointer to follow")]
pub(super) enum Expanded {
    PortableGcm(portable::Gcm),
    PortableCbc(portable::Cbc),
    RingGcm(ring_gcm::Gcm),
    MultiBufferGcm(multi_buffer::Gcm),
    MultiBufferCbc(multi_buffer::Cbc),
}

impl Context {
    /// Expands keys.
    pub fn new(choice: &Choice, direction: Direction, keys: &Keys, esn: bool) -> Result<Self, KeyError> {
        let transform = keys.transform();
        let head = Head { transform, outbound: direction == Direction::Outbound, esn };
        let (key, salt) = match transform.is_gcm() {
            true => keys.encryption().split_last_chunk::<SALT>().ok_or(KeyError)?,
            false => (keys.encryption(), &[0; SALT]),
        };
        let auth = keys.integrity();
        let expanded = match (choice.with(transform), Kind::of(transform)) {
            (With::MultiBuffer(arch), _) => {
                let manager = choice.manager(arch).ok_or(KeyError)?;
                multi_buffer::expand(manager, head, key, *salt, auth)
            }
            (With::Ring, Kind::Gcm(aes)) => ring_gcm::Gcm::new(head, aes, key, *salt).map(Expanded::RingGcm),
            (With::Portable, Kind::Gcm(aes)) => {
                portable::Gcm::new(head, aes, key, *salt).map(Expanded::PortableGcm)
            }
            (With::Portable | With::Ring, Kind::Cbc(aes, integrity)) => {
                portable::Cbc::new(head, aes, integrity, key, auth).map(Expanded::PortableCbc)
            }
        };
        Ok(Self { keys: expanded.ok_or(KeyError)? })
    }

    /// From raw key material: the encryption key, then the salt (GCM, RFC 4106 8.1) or the integrity key (CBC).
    pub fn from_material(
        choice: &Choice,
        direction: Direction,
        transform: Transform,
        material: &[u8],
        esn: bool,
    ) -> Result<Self, KeyError> {
        let keys = Keys::new(transform, material).ok_or(KeyError)?;
        Self::new(choice, direction, &keys, esn)
    }

    #[inline(always)]
    pub(super) fn head(&self) -> &Head {
        match &self.keys {
            Expanded::PortableGcm(context) => &context.head,
            Expanded::PortableCbc(context) => &context.head,
            Expanded::RingGcm(context) => &context.head,
            Expanded::MultiBufferGcm(context) => &context.head,
            Expanded::MultiBufferCbc(context) => &context.head,
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
