//! Frames made and taken apart by hand: a second opinion on what the hub's own code thinks of them.

use crate::hub;

/// A spoke of the test.
#[derive(Clone, Copy)]
pub struct Spoke {
    /// Last octet of its NBMA and tunnel addresses, which as MAC address reads the same in hexadecimal.
    pub number: u8,
}

impl Spoke {
    pub fn mac(self) -> [u8; 6] {
        [2, 0, 0, 0, 0, self.number / 10 * 16 + self.number % 10]
    }
    pub fn nbma(self) -> [u8; 4] {
        [192, 0, 2, self.number]
    }
    pub fn tunnel(self) -> [u8; 4] {
        [10, 255, 0, self.number]
    }
    /// A frame of this spoke to the hub's NBMA address.
    pub fn frame(self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        eth(hub::MAC, self.mac(), 0x0800, &ip(self.nbma(), hub::NBMA, protocol, 255, payload))
    }
    /// An IP packet through the tunnel to the hub.
    pub fn gre(self, key: Option<u32>, inner: &[u8]) -> Vec<u8> {
        self.frame(47, &gre(key, inner))
    }
}

pub const SPOKE1: Spoke = Spoke { number: 11 };
pub const SPOKE2: Spoke = Spoke { number: 12 };

/// Ones' complement sum (RFC 1071); 0 over data that carries its right checksum.
pub fn checksum(data: &[u8]) -> u16 {
    let mut sum: u32 =
        data.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(*c.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

pub fn eth(to: [u8; 6], from: [u8; 6], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&to[..], &from, &ethertype.to_be_bytes(), payload].concat()
}

pub fn ip(from: [u8; 4], to: [u8; 4], protocol: u8, ttl: u8, payload: &[u8]) -> Vec<u8> {
    let len = (20 + payload.len()) as u16;
    let mut packet = vec![0x45, 0, (len >> 8) as u8, len as u8, 0, 1, 0, 0, ttl, protocol, 0, 0];
    packet.extend(from);
    packet.extend(to);
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

pub fn gre(key: Option<u32>, inner: &[u8]) -> Vec<u8> {
    match key {
        None => [&[0, 0, 8, 0], inner].concat(),
        Some(key) => [&[0x20, 0, 8, 0], &key.to_be_bytes()[..], inner].concat(),
    }
}

pub fn echo(kind: u8, sequence: u16) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0, 0x12, 0x34, (sequence >> 8) as u8, sequence as u8];
    message.extend(b"sixteen octets..");
    let sum = checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

pub fn arp_request(from: Spoke, target: [u8; 4]) -> Vec<u8> {
    let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 1];
    arp.extend(from.mac());
    arp.extend(from.nbma());
    arp.extend([0; 6]);
    arp.extend(target);
    eth([0xff; 6], from.mac(), 0x0806, &arp)
}

/// An IPv4 packet with right header checksum and length.
#[derive(Debug, PartialEq, Eq)]
pub struct Ip {
    pub from: [u8; 4],
    pub to: [u8; 4],
    pub protocol: u8,
    pub ttl: u8,
    pub payload: Vec<u8>,
}

/// `None`: not IPv4, or wrong.
pub fn parse_ip(data: &[u8]) -> Option<Ip> {
    let header = data.first_chunk::<20>()?;
    let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[0] != 0x45 || checksum(header) != 0 || len > data.len() {
        return None;
    }
    Some(Ip {
        from: [header[12], header[13], header[14], header[15]],
        to: [header[16], header[17], header[18], header[19]],
        protocol: header[9],
        ttl: header[8],
        payload: data.get(20..len)?.to_vec(),
    })
}

/// The IPv4 packet in a frame of the hub's to `mac`.
pub fn to_mac(frame: &[u8], mac: [u8; 6]) -> Option<Ip> {
    let addresses = frame.get(..6)? == mac && frame.get(6..12)? == hub::MAC;
    if !addresses || frame.get(12..14)? != [8, 0] {
        return None;
    }
    parse_ip(frame.get(14..)?)
}

/// What came through the tunnel to `spoke`: outer and inner packet.
pub fn through_tunnel(frame: &[u8], spoke: Spoke, key: Option<u32>) -> Option<(Ip, Ip)> {
    let outer = to_mac(frame, spoke.mac())?;
    let head = gre(key, &[]);
    if outer.protocol != 47 || !outer.payload.starts_with(&head) {
        return None;
    }
    let inner = parse_ip(&outer.payload[head.len()..])?;
    Some((outer, inner))
}

pub fn tagged(vlan: u16, frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0], &vlan.to_be_bytes(), &frame[12..]].concat()
}

/// `None`: not of this VLAN.
pub fn untagged(vlan: u16, frame: &[u8]) -> Option<Vec<u8>> {
    let tag = [&[0x81, 0][..], &vlan.to_be_bytes()].concat();
    (frame.get(12..16)? == tag).then(|| [&frame[..12], &frame[16..]].concat())
}
