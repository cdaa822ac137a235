//! GRE over a raw socket: any source address of the name space, and all GRE that comes in.

use super::Error;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, ipproto, sockopt};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use wire::{gre, ip4};

/// What the receive socket may hold: a burst while the emulator is not scheduled.
const RECEIVE_BUFFER: usize = 64 << 20;
/// Outer headers at most.
const HEADERS: usize = ip4::LEN + gre::LEN_KEYED;

/// The pair of sockets.
#[derive(Debug)]
pub struct Underlay {
    send: OwnedFd,
    receive: OwnedFd,
    key: Option<u32>,
    frame: Vec<u8>,
}

/// A GRE packet that came in.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Outer source.
    pub source: Ipv4Addr,
    /// Outer destination.
    pub destination: Ipv4Addr,
    /// GRE protocol type.
    pub protocol: u16,
    /// What GRE carries.
    pub payload: &'a [u8],
}

/// An error of the system's while `doing` something.
pub(super) fn system(doing: &'static str) -> impl Fn(rustix::io::Errno) -> Error {
    move |errno| Error::System { doing, error: errno.into() }
}

/// Makes room for a burst.
pub(super) fn receive_buffer(socket: &OwnedFd) -> Result<(), Error> {
    if sockopt::set_socket_recv_buffer_size_force(socket, RECEIVE_BUFFER).is_err() {
        sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER).map_err(system("receive buffer"))?;
    }
    Ok(())
}

impl Underlay {
    /// Opens the sockets; needs CAP_NET_RAW.
    pub fn open(key: Option<u32>) -> Result<Self, Error> {
        let raw = |protocol| rustix::net::socket(AddressFamily::INET, SocketType::RAW, Some(protocol));
        // A socket of protocol RAW takes packets with their IP header, whatever the source address, and gets none.
        let send = raw(ipproto::RAW).map_err(system("raw socket (needs root or CAP_NET_RAW)"))?;
        let receive = raw(ipproto::GRE).map_err(system("raw GRE socket"))?;
        receive_buffer(&receive)?;
        Ok(Self { send, receive, key, frame: Vec::with_capacity(2_048) })
    }

    /// Sends a GRE packet; `false`: the kernel did not take it.
    pub fn send(&mut self, from: Ipv4Addr, to: Ipv4Addr, tos: u8, protocol: u16, payload: &[u8]) -> bool {
        self.frame.clear();
        self.frame.resize(HEADERS, 0);
        let length = ip4::LEN + gre::emitted_len(self.key);
        let Ok(total_len) = u16::try_from(length + payload.len()) else { return false };
        let fields = ip4::Fields {
            tos,
            total_len,
            // Zero: the kernel chooses one.
            id: 0,
            flags_offset: 0,
            ttl: 255,
            protocol: ip4::protocol::GRE,
            source: from,
            destination: to,
        };
        let headers = fields
            .emit(&mut self.frame)
            .and_then(|at| gre::emit(self.frame.get_mut(at..)?, self.key, protocol));
        if headers.is_none() {
            return false;
        }
        self.frame.truncate(length);
        self.frame.extend_from_slice(payload);
        let sent =
            rustix::net::sendto(&self.send, &self.frame, SendFlags::DONTWAIT, &SocketAddrV4::new(to, 0));
        sent == Ok(self.frame.len())
    }

    /// Takes one packet, reassembled by the kernel. `Ok(None)`: nothing waits, or it is malformed or has another key,
    /// of which [`Received::protocol`] 0 tells.
    pub fn receive<'b>(&self, buffer: &'b mut [u8]) -> Option<Option<Received<'b>>> {
        let (length, _) = rustix::net::recv(&self.receive, &mut *buffer, RecvFlags::DONTWAIT).ok()?;
        Some(self.parse(buffer.get(..length)?))
    }

    fn parse<'b>(&self, octets: &'b [u8]) -> Option<Received<'b>> {
        // The kernel has checked the outer header.
        let (source, destination, payload) = {
            let packet = ip4::parse_unsummed(octets).ok()?;
            (packet.source(), packet.destination(), octets.get(packet.header_len()..packet.total_len())?)
        };
        let packet = gre::parse(payload).ok()?;
        (packet.key == self.key).then_some(Received {
            source,
            destination,
            protocol: packet.protocol,
            payload: packet.payload,
        })
    }

    /// Packets the kernel dropped for want of room in the receive socket of this name space's raw sockets.
    pub fn drops() -> u64 {
        let text = std::fs::read_to_string("/proc/net/raw").unwrap_or_default();
        text.lines().skip(1).filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok()).sum()
    }
}

impl AsFd for Underlay {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.receive.as_fd()
    }
}
