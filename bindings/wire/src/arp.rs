//! ARP for IPv4 over Ethernet.
//!
//! ```text
//! RFC 826
//! |      hardware type 1          |     protocol type 0x0800      |
//! | hw length 6   | proto len 4   |          operation            |   1 request, 2 reply
//! | sender MAC (6)                | sender address (4)            |
//! | target MAC (6)                | target address (4)            |
//! ```

use crate::eth::{Mac, TYPE_IPV4};
use core::net::Ipv4Addr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Octets of a packet.
pub const LEN: usize = 28;
/// Operation: who has the target address?
pub const REQUEST: u16 = 1;
/// Operation: the sender has the sender's address.
pub const REPLY: u16 = 2;

const HARDWARE_ETHERNET: u16 = 1;

/// The packet as it lies on the wire.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Layout {
    hardware: U16,
    protocol: U16,
    hardware_len: u8,
    protocol_len: u8,
    operation: U16,
    sender_mac: Mac,
    sender: [u8; 4],
    target_mac: Mac,
    target: [u8; 4],
}
const _: () = assert!(size_of::<Layout>() == LEN);

/// Why octets are no ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Fewer than 28 octets.
    #[error("shorter than an ARP packet")]
    Truncated,
    /// Not IPv4 over Ethernet.
    #[error("ARP for other addresses than IPv4 over Ethernet")]
    Kind,
}

/// A packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// [`REQUEST`] or [`REPLY`].
    pub operation: u16,
    /// MAC of who sends.
    pub sender_mac: Mac,
    /// Address of who sends.
    pub sender: Ipv4Addr,
    /// MAC of who is asked for (zero), or asked.
    pub target_mac: Mac,
    /// Address of who is asked for, or asked.
    pub target: Ipv4Addr,
}

/// Reads a packet; octets behind it are padding.
pub fn parse(data: &[u8]) -> Result<Packet, Error> {
    let (layout, _) = Layout::ref_from_prefix(data).map_err(|_| Error::Truncated)?;
    let kind = (layout.hardware.get(), layout.protocol.get(), layout.hardware_len, layout.protocol_len);
    if kind != (HARDWARE_ETHERNET, TYPE_IPV4, 6, 4) {
        return Err(Error::Kind);
    }
    Ok(Packet {
        operation: layout.operation.get(),
        sender_mac: layout.sender_mac,
        sender: layout.sender.into(),
        target_mac: layout.target_mac,
        target: layout.target.into(),
    })
}

impl Packet {
    /// Writes the packet at the start of `out`; `None`: no room, nothing written.
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let layout = Layout {
            hardware: U16::new(HARDWARE_ETHERNET),
            protocol: U16::new(TYPE_IPV4),
            hardware_len: 6,
            protocol_len: 4,
            operation: U16::new(self.operation),
            sender_mac: self.sender_mac,
            sender: self.sender.octets(),
            target_mac: self.target_mac,
            target: self.target.octets(),
        };
        layout.write_to_prefix(out).ok()?;
        Some(LEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{eth, pcap};
    use proptest::prelude::*;

    #[test]
    fn golden_parse_and_emit() {
        let file = include_bytes!("../testdata/isakmp4500.pcap");
        let mut seen = 0;
        for packet in pcap::Reader::new(file).unwrap().packets() {
            let data = packet.unwrap().data;
            let frame = eth::parse(data).unwrap();
            if frame.ethertype != eth::TYPE_ARP {
                continue;
            }
            let arp = parse(&data[frame.header_len..]).unwrap();
            assert_eq!(arp.sender_mac, frame.source);
            let mut out = [0; LEN];
            assert_eq!(arp.emit(&mut out), Some(LEN));
            assert_eq!(out, data[frame.header_len..][..LEN]);
            seen += 1;
        }
        assert!(seen > 0);
    }

    proptest! {
        #[test]
        fn round_trip(operation: u16, sender_mac: [u8; 6], sender: u32, target_mac: [u8; 6], target: u32) {
            let packet = Packet {
                operation,
                sender_mac: Mac(sender_mac),
                sender: sender.into(),
                target_mac: Mac(target_mac),
                target: target.into(),
            };
            let mut out = [0; LEN];
            packet.emit(&mut out).unwrap();
            prop_assert_eq!(parse(&out), Ok(packet));
            for short in 0..LEN {
                prop_assert_eq!(parse(&out[..short]), Err(Error::Truncated));
                prop_assert_eq!(packet.emit(&mut vec![0; short]), None);
            }
            for at in 0..6 {
                let mut other = out;
                other[at] ^= 1;
                prop_assert_eq!(parse(&other), Err(Error::Kind));
            }
        }
    }
}
