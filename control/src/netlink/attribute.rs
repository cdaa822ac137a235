//! Attributes, and requests for dumps, of what the library does not know. All numbers are in the order of this machine.
//!
//! ```text
//!  0               1               2               3
//! +---------------+---------------+---------------+---------------+
//! | length                        | type                          |
//! | value, padding to 4                                           |
//! ```

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST};
use std::net::Ipv4Addr;

/// Octets of a netlink message's header.
const MESSAGE: usize = 16;
/// Bits of an attribute's type that say how it is encoded (`NLA_F_NESTED`, `NLA_F_NET_BYTEORDER`).
const TYPE: u16 = 0x3fff;

/// A request `kind` for all of a `family`; `header` octets stand before the attributes.
pub(super) fn dump(kind: u16, family: u8, header: usize, sequence: u32) -> Vec<u8> {
    let mut request = vec![0; MESSAGE + header];
    request[..4].copy_from_slice(&((MESSAGE + header) as u32).to_ne_bytes());
    request[4..6].copy_from_slice(&kind.to_ne_bytes());
    request[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    request[8..12].copy_from_slice(&sequence.to_ne_bytes());
    request[MESSAGE] = family;
    request
}

/// Shows each attribute's type and value; `None`: one is cut or has no length, or `each` cannot read it.
pub(super) fn read(mut rest: &[u8], mut each: impl FnMut(u16, &[u8]) -> Option<()>) -> Option<()> {
    while let Some(&[a, b, c, d]) = rest.first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([a, b]));
        each(u16::from_ne_bytes([c, d]) & TYPE, rest.get(4..length)?)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(())
}

/// A value of four octets.
pub(super) fn number(octets: &[u8]) -> Option<u32> {
    octets.try_into().ok().map(u32::from_ne_bytes)
}

/// An IPv4 address.
pub(super) fn address(octets: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(octets).ok().map(Ipv4Addr::from)
}

/// An attribute as the kernel writes it.
#[cfg(test)]
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut octets = (value.len() as u16 + 4).to_ne_bytes().to_vec();
    octets.extend(kind.to_ne_bytes());
    octets.extend(value);
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}
