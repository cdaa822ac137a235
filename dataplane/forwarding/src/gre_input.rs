//! GRE: which tunnel, and what is in it?
//!
//! In: what a whole outer packet to a tunnel source carries, or an opened ESP packet. Out: an inner IPv4 packet, or NHRP.
//! Drops: `gre_truncated`, `gre_version`, `gre_flags`, `gre_checksum`, `gre_proto`, `ipv6_unsupported`; refuses (control is
//! told): `gre_key_mismatch`, `gre_unprotected`, `sa_selector_mismatch`. RFC 2784 2.3, RFC 2890 2. A checksum that is present is verified, a sequence number is accepted
//! and ignored, no ICMP error ever goes out to the underlay.

use crate::fib::place;
use crate::inner_input::inner_input;
use crate::interfaces::Interfaces;
use crate::meta::{Meta, Verdict};
use shm::drops::DropReason;
use wire::gre;

/// Decapsulates `data`, which begins at `at` in its buffer. `OPENED`: it came out of ESP. `None`: it is malformed, or for
/// no tunnel; [`gre_refused`] tells.
#[inline(always)]
pub(crate) fn gre_input<const OPENED: bool>(
    interfaces: &Interfaces,
    data: &[u8],
    at: usize,
    meta: &mut Meta,
) -> Option<Verdict> {
    let packet = gre::parse(data).ok()?;
    meta.tunnel = interfaces.tunnel(place(meta.vrf, meta.local), packet.key, OPENED)?;
    // The outer packet is at most 65,535 octets long, and the Ethernet header in front of it 18.
    meta.at = (at + packet.header_len) as u16;
    Some(match packet.protocol {
        gre::PROTO_IPV4 => inner_input(interfaces, packet.payload, meta),
        _ => other(packet, meta),
    })
}

/// Why [`gre_input`] took nothing: malformed, or to no tunnel: with another key, or in the clear to one with protection,
/// or out of an SA to one without.
#[cold]
pub(crate) fn gre_refused<const OPENED: bool>(interfaces: &Interfaces, data: &[u8], meta: &Meta) -> Verdict {
    let key = match gre::parse(data) {
        Ok(packet) => packet.key,
        Err(error) => return Verdict::Drop(reason(error)),
    };
    match interfaces.tunnel(place(meta.vrf, meta.local), key, !OPENED) {
        Some(_) if OPENED => Verdict::Refuse(DropReason::SaSelectorMismatch, Some(meta.source)),
        Some(_) => Verdict::Refuse(DropReason::GreUnprotected, key),
        None => Verdict::Refuse(DropReason::GreKeyMismatch, key),
    }
}

#[cold]
fn other(packet: gre::Packet<'_>, meta: &mut Meta) -> Verdict {
    match packet.protocol {
        gre::PROTO_NHRP => {
            meta.len = packet.payload.len() as u16;
            Verdict::Nhrp
        }
        gre::PROTO_IPV6 => Verdict::Drop(DropReason::Ipv6),
        _ => Verdict::Drop(DropReason::GreProto),
    }
}

fn reason(error: gre::Error) -> DropReason {
    match error {
        gre::Error::Truncated => DropReason::GreTruncated,
        gre::Error::Version => DropReason::GreVersion,
        gre::Error::Flags => DropReason::GreFlags,
        gre::Error::Checksum => DropReason::GreChecksum,
    }
}
