//! Messages as slots: plain old data in native byte order, since both sides run on one machine.
//!
//! Whoever uses the rings needs none of it; it is public for fuzzers.
//!
//! Decoding checks every field: kind, lengths, index bounds, and that what a kind does not use is zero. Nothing a
//! stranger writes into a slot is believed, and nothing makes decoding panic.

mod event;
mod group;
mod inject;
mod paths;
mod sa;
mod target;
mod update;

#[cfg(not(loom))]
pub use {
    event::Slot as EventSlot,
    group::Slot as GroupSlot,
    inject::Slot as InjectSlot,
    paths::Slot as PathsSlot,
    sa::Slot as SaSlot,
    update::{Slot as UpdateSlot, decode as decode_update, encode as encode_update},
};

use crate::message::{IKE_PORT, MAX_PAYLOAD, NAT_T_PORT};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Why a slot was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The ring's length word exceeds the slot, or the message has another length than its kind.
    #[error("message of {0} octets")]
    Length(usize),
    /// No such kind of message.
    #[error("unknown kind {0}")]
    Kind(u8),
    /// A field beyond its bound.
    #[error("{field} {found} is not below {bound}")]
    Bound {
        /// Which field.
        field: &'static str,
        /// Its value.
        found: u64,
        /// First value that is too large.
        bound: u64,
    },
    /// A value no sender writes (a prefix with host bits, generation 0, a field its kind does not use).
    #[error("{0} has a value no sender writes")]
    Value(&'static str),
}

/// The message does not fit a slot, or breaks a bound of its own; the sender counted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("message cannot be encoded: {0}")]
pub struct Unfit(pub Malformed);

/// Words of a slot on the updates ring, the length word among them: three cache lines, for the keys of an SA.
pub const UPDATE_WORDS: usize = 24;
/// Words of a slot that carries a packet.
pub const PACKET_WORDS: usize = 512;

/// `value` when it is below `bound`.
fn below<T: Copy + Into<u64>>(field: &'static str, value: T, bound: usize) -> Result<T, Malformed> {
    let found = value.into();
    if found < bound as u64 { Ok(value) } else { Err(Malformed::Bound { field, found, bound: bound as u64 }) }
}

/// A port that is never 0, 0 meaning none.
fn udp(port: Option<u16>) -> Result<u16, Malformed> {
    match port {
        Some(0) => Err(Malformed::Value("UDP port")),
        port => Ok(port.unwrap_or(0)),
    }
}

/// What [`udp`] made a field of.
fn udp_of(field: u16) -> Option<u16> {
    Some(field).filter(|port| *port != 0)
}

/// One of the two ports that IKE is served on.
fn ike_port(port: u16) -> Result<u16, Malformed> {
    match port {
        IKE_PORT | NAT_T_PORT => Ok(port),
        _ => Err(Malformed::Value("IKE port")),
    }
}

/// Writes a fixed part and a packet into `out`; gives the words used.
fn pack<H: IntoBytes + Immutable>(
    fixed: &H,
    packet: &[u8],
    longest: usize,
    out: &mut [u64; PACKET_WORDS],
) -> Result<usize, Malformed> {
    below("packet length", packet.len() as u64, longest.min(MAX_PAYLOAD) + 1)?;
    let words = (size_of::<H>() + packet.len()).div_ceil(8);
    // The last word is written whole: no octet of an earlier message leaves with this one.
    if let Some(last) = words.checked_sub(1).and_then(|last| out.get_mut(last)) {
        *last = 0;
    }
    let octets = out.as_mut_bytes();
    let (head, body) = octets.split_at_mut(size_of::<H>());
    head.copy_from_slice(fixed.as_bytes());
    match body.get_mut(..packet.len()) {
        Some(body) => body.copy_from_slice(packet),
        None => return Err(Malformed::Length(packet.len())),
    }
    Ok(words)
}

/// The fixed part and the packet of a message of `words` words.
fn unpack<H: FromBytes + KnownLayout + Immutable>(
    words: &[u64],
    packet_len: impl Fn(&H) -> u16,
    longest: usize,
) -> Result<(&H, &[u8]), Malformed> {
    let octets = words.as_bytes();
    let (fixed, body) = H::ref_from_prefix(octets).map_err(|_| Malformed::Length(octets.len()))?;
    let len = below("packet length", packet_len(fixed), longest.min(MAX_PAYLOAD) + 1)?;
    let packet = body.get(..usize::from(len)).ok_or(Malformed::Length(octets.len()))?;
    if words.len() != (size_of::<H>() + packet.len()).div_ceil(8) {
        return Err(Malformed::Length(octets.len()));
    }
    Ok((fixed, packet))
}
