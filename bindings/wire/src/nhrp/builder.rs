//! Writing packets.

use super::cie::Cie;
use super::cursor::{address_len, put_address};
use super::extension::ExtensionType;
use super::header::{Header, VERSION};
use super::types::{ErrorCode, Flags, PacketType, Protocol};
use super::{Authentication, FIXED_LEN, MAX_PACKET, Packet};
use crate::checksum::checksum;
use std::net::IpAddr;
use zerocopy::IntoBytes;

/// Head of types 1 to 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which of them.
    pub kind: PacketType,
    /// ar$hopcnt.
    pub hop_count: u8,
    /// Flags.
    pub flags: Flags,
    /// Request id.
    pub request_id: u32,
    /// Source NBMA address.
    pub source_nbma: IpAddr,
    /// Source protocol address.
    pub source_protocol: IpAddr,
    /// Destination protocol address.
    pub destination_protocol: IpAddr,
}

/// Head of type 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorHead {
    /// ar$hopcnt.
    pub hop_count: u8,
    /// What is wrong.
    pub code: ErrorCode,
    /// With which octet.
    pub offset: u16,
    /// Source NBMA address.
    pub source_nbma: IpAddr,
    /// Source protocol address.
    pub source_protocol: IpAddr,
    /// Destination protocol address.
    pub destination_protocol: IpAddr,
}

/// Head of type 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndicationHead {
    /// ar$hopcnt.
    pub hop_count: u8,
    /// Traffic code; 0: redirect.
    pub code: u16,
    /// Source NBMA address.
    pub source_nbma: IpAddr,
    /// Source protocol address.
    pub source_protocol: IpAddr,
    /// Destination protocol address.
    pub destination_protocol: IpAddr,
}

/// The packet would be longer than [`MAX_PACKET`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("NHRP packet of {0} octets is too long")]
pub struct TooLong(pub usize);

/// Writes a packet from front to end: head, entries or body, extensions.
#[derive(Clone, Debug)]
pub struct Builder {
    octets: Vec<u8>,
    extension_offset: usize,
}

impl Builder {
    /// Begins a packet of types 1 to 6.
    pub fn message(head: &Head) -> Self {
        let mut mandatory = [0; 6];
        let (flags, id) = mandatory.split_at_mut(2);
        flags.copy_from_slice(&head.flags.0.to_be_bytes());
        id.copy_from_slice(&head.request_id.to_be_bytes());
        let addresses = [head.source_nbma, head.source_protocol, head.destination_protocol];
        Self::begin(head.kind, head.hop_count, mandatory, addresses)
    }

    /// Begins an error indication. The offending packet follows with [`Builder::body`].
    pub fn error(head: &ErrorHead) -> Self {
        let [c0, c1] = head.code.0.to_be_bytes();
        let [o0, o1] = head.offset.to_be_bytes();
        let addresses = [head.source_nbma, head.source_protocol, head.destination_protocol];
        Self::begin(PacketType::ErrorIndication, head.hop_count, [0, 0, c0, c1, o0, o1], addresses)
    }

    /// Begins a traffic indication. The excerpt of the data packet follows with [`Builder::body`].
    pub fn indication(head: &IndicationHead) -> Self {
        let [c0, c1] = head.code.to_be_bytes();
        let addresses = [head.source_nbma, head.source_protocol, head.destination_protocol];
        Self::begin(PacketType::TrafficIndication, head.hop_count, [0, 0, c0, c1, 0, 0], addresses)
    }

    /// Begins a packet that is `packet` up to its extensions, octet for octet but for the hop count.
    pub fn copy(packet: &Packet<'_>, hop_count: u8) -> Self {
        let octets = packet.octets();
        let mut octets = octets.strip_suffix(packet.extension_octets()).unwrap_or(octets).to_vec();
        if let Some(field) = octets.get_mut(9) {
            *field = hop_count;
        }
        put_u16(&mut octets, 12, 0);
        Self { octets, extension_offset: 0 }
    }

    /// The same with these entries in the place of its own.
    pub fn copy_with(packet: &Packet<'_>, hop_count: u8, entries: impl IntoIterator<Item = Cie>) -> Self {
        let mut copy = Self::copy(packet, hop_count);
        copy.octets.truncate(copy.octets.len().saturating_sub(packet.body().len()));
        entries.into_iter().for_each(|entry| entry.emit(&mut copy.octets));
        copy
    }

    fn begin(kind: PacketType, hop_count: u8, mandatory: [u8; 6], addresses: [IpAddr; 3]) -> Self {
        let [nbma, source, destination] = addresses;
        let protocol = if source.is_ipv4() { Protocol::Ipv4 } else { Protocol::Ipv6 };
        let header = Header {
            afn: if nbma.is_ipv4() { 1 } else { 2 }.into(),
            protocol: (protocol as u16).into(),
            snap: [0; 5],
            hop_count,
            size: 0.into(),
            checksum: 0.into(),
            extension_offset: 0.into(),
            version: VERSION,
            kind: kind as u8,
            shtl: address_len(nbma),
            sstl: 0,
        };
        let mut octets = Vec::with_capacity(160);
        octets.extend_from_slice(header.as_bytes());
        octets.extend_from_slice(&[address_len(source), address_len(destination)]);
        octets.extend_from_slice(&mandatory);
        for address in addresses {
            put_address(&mut octets, address);
        }
        Self { octets, extension_offset: 0 }
    }

    /// Appends an entry.
    pub fn cie(&mut self, cie: &Cie) -> &mut Self {
        cie.emit(&mut self.octets);
        self
    }

    /// Appends octets as they are: the offending packet, an excerpt, or entries that are passed on.
    pub fn body(&mut self, octets: &[u8]) -> &mut Self {
        self.octets.extend_from_slice(octets);
        self
    }

    /// Appends an extension. Values over 65,535 octets cannot be: they make the packet too long as well.
    pub fn extension(&mut self, kind: ExtensionType, compulsory: bool, value: &[u8]) -> &mut Self {
        self.raw_extension(kind.0 | if compulsory { 0x8000 } else { 0 }, value)
    }

    /// Appends an extension with its type field as it was received.
    pub fn raw_extension(&mut self, raw_type: u16, value: &[u8]) -> &mut Self {
        if self.extension_offset == 0 {
            self.extension_offset = self.octets.len();
        }
        self.octets.extend_from_slice(&raw_type.to_be_bytes());
        self.octets.extend_from_slice(&(value.len() as u16).to_be_bytes());
        self.octets.extend_from_slice(value);
        self
    }

    /// Appends an extension that is a list of entries.
    pub fn list<'c>(
        &mut self,
        kind: ExtensionType,
        compulsory: bool,
        entries: impl IntoIterator<Item = &'c Cie>,
    ) -> &mut Self {
        let mut value = Vec::with_capacity(64);
        for entry in entries {
            entry.emit(&mut value);
        }
        self.extension(kind, compulsory, &value)
    }

    /// Appends the authentication extension.
    pub fn authentication(&mut self, password: &[u8]) -> &mut Self {
        self.extension(ExtensionType::Authentication, true, &Authentication::emit(password))
    }

    /// Appends the End extension.
    pub fn end(&mut self) -> &mut Self {
        self.extension(ExtensionType::End, true, &[])
    }

    /// Sets size, extension offset and checksum.
    pub fn finish(self) -> Result<Vec<u8>, TooLong> {
        let Self { mut octets, extension_offset } = self;
        let size = octets.len();
        if size > MAX_PACKET {
            return Err(TooLong(size));
        }
        put_u16(&mut octets, 10, size as u16);
        put_u16(&mut octets, 14, extension_offset as u16);
        let sum = checksum(&octets);
        put_u16(&mut octets, 12, sum);
        Ok(octets)
    }
}

const _: () = assert!(FIXED_LEN >= 16 && MAX_PACKET <= u16::MAX as usize);

fn put_u16(octets: &mut [u8], at: usize, value: u16) {
    if let Some(field) = octets.get_mut(at..at + 2) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}
