//! Taking octets off the front of a slice, checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The octets not yet read.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// An address of 4 or 16 octets; of no octet: `Some(None)`.
    pub(super) fn address(&mut self, len: usize) -> Option<Option<IpAddr>> {
        match len {
            0 => Some(None),
            4 => self.array::<4>().map(|octets| Some(Ipv4Addr::from(octets).into())),
            16 => self.array::<16>().map(|octets| Some(Ipv6Addr::from(octets).into())),
            _ => None,
        }
    }
}

/// Appends an address.
pub(super) fn put_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
    }
}

/// Octets of an address.
pub(super) fn address_len(address: IpAddr) -> u8 {
    if address.is_ipv4() { 4 } else { 16 }
}
