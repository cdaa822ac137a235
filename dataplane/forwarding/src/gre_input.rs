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

/// Decapsulates `data`, which begins at `at` in its buffer. `OPENED`: it came out of ESP. `Err`: what becomes of it if it
/// was sent to a tunnel's source, which nobody has looked at so far.
#[inline(always)]
pub(crate) fn gre_input<const OPENED: bool>(
    interfaces: &Interfaces,
    data: &[u8],
    at: usize,
    mut meta: Meta,
) -> Result<Meta, Meta> {
    let packet = match gre::parse(data) {
        Ok(packet) => packet,
        Err(error) => return Err(meta.drop(reason(error))),
    };
    let Some(tunnel) = interfaces.tunnel(place(meta.vrf, meta.local), packet.key, OPENED) else {
        return Err(no_tunnel::<OPENED>(interfaces, packet.key, meta));
    };
    meta.tunnel = tunnel;
    // The outer packet is at most 65,535 octets long, and the Ethernet header in front of it 18.
    meta.at = (at + packet.header_len) as u16;
    if packet.protocol == gre::PROTO_IPV4 {
        return Ok(inner_input(interfaces, packet.payload, meta));
    }
    Ok(other(packet, meta))
}

/// To no tunnel: with another key, or in the clear to one with protection, or out of an SA to one without.
#[cold]
fn no_tunnel<const OPENED: bool>(interfaces: &Interfaces, key: Option<u32>, meta: Meta) -> Meta {
    match interfaces.tunnel(place(meta.vrf, meta.local), key, !OPENED) {
        Some(_) if OPENED => meta.is(Verdict::Refuse(DropReason::SaSelectorMismatch, Some(meta.source))),
        Some(_) => meta.is(Verdict::Refuse(DropReason::GreUnprotected, key)),
        None => meta.is(Verdict::Refuse(DropReason::GreKeyMismatch, key)),
    }
}

#[cold]
fn other(packet: gre::Packet<'_>, mut meta: Meta) -> Meta {
    match packet.protocol {
        gre::PROTO_NHRP => {
            meta.len = packet.payload.len() as u16;
            meta.is(Verdict::Nhrp)
        }
        gre::PROTO_IPV6 => meta.drop(DropReason::Ipv6),
        _ => meta.drop(DropReason::GreProto),
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
