//! Where a datagram came from, and where its answer goes.

use std::net::Ipv4Addr;

/// UDP port of IKE (RFC 7296 2).
pub const PORT: u16 = 500;
/// UDP port of IKE and ESP behind NAT (RFC 3948).
pub const PORT_NAT: u16 = 4500;

/// The two ends of a UDP exchange. The non-ESP marker of port 4500 is the host's affair: it is never in a datagram here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// Our address and port, 500 or 4500.
    pub local: (Ipv4Addr, u16),
    /// The peer's address and port as we see them.
    pub remote: (Ipv4Addr, u16),
}
