//! ESP and UDP over raw sockets: any source address of the name space, and all that comes in for it.

use super::Error;
use super::underlay::{receive_buffer, system};
use crate::ike::Ends;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, ipproto};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use wire::esp::{NON_ESP_MARKER, PORT_IKE, PORT_NATT};
use wire::{ip4, udp};

/// The sockets.
#[derive(Debug)]
pub struct Sockets {
    send: OwnedFd,
    esp: OwnedFd,
    udp: OwnedFd,
    /// Never read: while they are bound, the kernel does not answer IKE with port unreachable.
    _bound: Vec<UdpSocket>,
    frame: Vec<u8>,
}

/// What came in: between whom, and where in the buffer.
#[derive(Clone, Debug)]
pub enum Received {
    /// An ESP packet.
    Esp(Ends, Range<usize>),
    /// An IKE message, without marker.
    Ike(Ends, Range<usize>),
    /// Neither.
    Other,
}

impl Sockets {
    /// Opens the sockets; needs CAP_NET_RAW and the ports of IKE.
    pub fn open() -> Result<Self, Error> {
        let raw = |protocol| rustix::net::socket(AddressFamily::INET, SocketType::RAW, Some(protocol));
        let send = raw(ipproto::RAW).map_err(system("raw socket (needs root or CAP_NET_RAW)"))?;
        let esp = raw(ipproto::ESP).map_err(system("raw ESP socket"))?;
        let udp = raw(ipproto::UDP).map_err(system("raw UDP socket"))?;
        receive_buffer(&esp)?;
        receive_buffer(&udp)?;
        let bind = |port| {
            UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))
                .map_err(|error| Error::System { doing: "UDP ports 500 and 4500", error })
        };
        let bound = vec![bind(PORT_IKE)?, bind(PORT_NATT)?];
        // What they get is thrown away: the less they hold, the better.
        for socket in &bound {
            rustix::net::sockopt::set_socket_recv_buffer_size(socket, 0).map_err(system("receive buffer"))?;
        }
        Ok(Self { send, esp, udp, _bound: bound, frame: Vec::with_capacity(2_048) })
    }

    /// Sends an IKE message; `false`: the kernel did not take it.
    pub fn ike(&mut self, ends: &Ends, message: &[u8]) -> bool {
        let marker: &[u8] = if ends.local_port == PORT_NATT { &NON_ESP_MARKER } else { &[] };
        self.write(ends, true, ip4::TOS_CS6, |frame| {
            frame.extend_from_slice(marker);
            frame.extend_from_slice(message);
            Some(())
        })
    }

    /// Sends an ESP packet, in UDP if the ends want it, which `seal` appends; `false`: neither it nor the kernel did.
    pub fn esp(&mut self, ends: &Ends, tos: u8, seal: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> bool {
        self.write(ends, ends.udp(), tos, seal)
    }

    fn write(
        &mut self,
        ends: &Ends,
        in_udp: bool,
        tos: u8,
        payload: impl FnOnce(&mut Vec<u8>) -> Option<()>,
    ) -> bool {
        let headers = ip4::LEN + if in_udp { udp::LEN } else { 0 };
        self.frame.clear();
        self.frame.resize(headers, 0);
        let done = payload(&mut self.frame).and_then(|()| {
            let fields = ip4::Fields {
                tos,
                total_len: u16::try_from(self.frame.len()).ok()?,
                // Zero: the kernel chooses one.
                id: 0,
                flags_offset: 0,
                ttl: 255,
                protocol: if in_udp { ip4::protocol::UDP } else { ip4::protocol::ESP },
                source: ends.local,
                destination: ends.remote,
            };
            fields.emit(&mut self.frame)?;
            if in_udp {
                let datagram = self.frame.get_mut(ip4::LEN..)?;
                udp::emit(datagram, ends.local_port, ends.remote_port, ends.local, ends.remote)?;
            }
            Some(())
        });
        if done.is_none() {
            return false;
        }
        let to = SocketAddrV4::new(ends.remote, 0);
        rustix::net::sendto(&self.send, &self.frame, SendFlags::DONTWAIT, &to) == Ok(self.frame.len())
    }

    /// Takes one packet. `None`: nothing waits.
    pub fn receive(&self, buffer: &mut [u8]) -> Option<Received> {
        let take =
            |socket: &OwnedFd, buffer: &mut [u8]| rustix::net::recv(socket, buffer, RecvFlags::DONTWAIT);
        let (length, _) = take(&self.esp, &mut *buffer).or_else(|_| take(&self.udp, &mut *buffer)).ok()?;
        Some(buffer.get(..length).and_then(parse).unwrap_or(Received::Other))
    }

    /// What to wait for.
    pub fn fds(&self) -> [BorrowedFd<'_>; 2] {
        [self.esp.as_fd(), self.udp.as_fd()]
    }
}

/// The kernel has checked the outer header and put fragments together.
fn parse(octets: &[u8]) -> Option<Received> {
    let packet = ip4::parse_unsummed(octets).ok()?;
    let ends = |local_port, remote_port| Ends {
        local: packet.destination(),
        local_port,
        remote: packet.source(),
        remote_port,
    };
    let (start, end) = (packet.header_len(), packet.total_len());
    if packet.protocol() == ip4::protocol::ESP {
        return Some(Received::Esp(ends(PORT_IKE, PORT_IKE), start..end));
    }
    let datagram = udp::parse(packet.payload(), packet.source(), packet.destination()).ok()?;
    let ends = ends(datagram.destination, datagram.source);
    let start = start + udp::LEN;
    let end = start + datagram.payload.len();
    match datagram.destination {
        PORT_IKE => Some(Received::Ike(ends, start..end)),
        PORT_NATT => match wire::esp::demultiplex(datagram.payload) {
            wire::esp::Encapsulated::Ike(_) => Some(Received::Ike(ends, start + NON_ESP_MARKER.len()..end)),
            wire::esp::Encapsulated::Esp(_) => Some(Received::Esp(ends, start..end)),
            wire::esp::Encapsulated::Keepalive | wire::esp::Encapsulated::Short => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPOKE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
    const HUB: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    fn packet(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let fields = ip4::Fields {
            tos: 0,
            total_len: (ip4::LEN + payload.len()) as u16,
            id: 0,
            flags_offset: 0,
            ttl: 64,
            protocol,
            source: HUB,
            destination: SPOKE,
        };
        [&fields.header().octets(), payload].concat()
    }

    fn datagram(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
        let mut datagram = [&[0; udp::LEN], payload].concat();
        udp::emit(&mut datagram, from, to, HUB, SPOKE).unwrap();
        packet(ip4::protocol::UDP, &datagram)
    }

    #[test]
    fn what_comes_in() {
        let ends = |local_port, remote_port| Ends { local: SPOKE, local_port, remote: HUB, remote_port };
        let octets = packet(ip4::protocol::ESP, b"\0\0\x01\0 esp");
        assert!(matches!(parse(&octets), Some(Received::Esp(e, at))
            if e == ends(500, 500) && octets[at.clone()] == *b"\0\0\x01\0 esp"));
        let octets = datagram(500, 500, b"ike");
        assert!(matches!(parse(&octets), Some(Received::Ike(e, at))
            if e == ends(500, 500) && octets[at.clone()] == *b"ike"));
        let octets = datagram(4501, 4500, b"\0\0\0\0ike");
        assert!(matches!(parse(&octets), Some(Received::Ike(e, at))
            if e == ends(4500, 4501) && octets[at.clone()] == *b"ike"));
        let octets = datagram(4501, 4500, b"\0\0\x01\0 esp");
        assert!(matches!(parse(&octets), Some(Received::Esp(e, at))
            if e == ends(4500, 4501) && octets[at.clone()] == *b"\0\0\x01\0 esp"));
        // A keepalive, nothing, and what is for others.
        for payload in [&b"\xff"[..], b"", b"\0\0\0"] {
            assert!(parse(&datagram(4500, 4500, payload)).is_none());
        }
        assert!(parse(&datagram(500, 53, b"dns")).is_none());
    }
}
