//! What the server asks about overlay routing.

use crate::TunnelId;
use std::net::Ipv4Addr;

/// The overlay FIB, as far as NHRP needs it.
pub trait Overlay {
    /// Where a packet to `destination` goes by longest prefix match.
    fn lookup(&self, destination: Ipv4Addr) -> Reach;
}

/// Where an overlay address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// One of the hub's own addresses.
    Local,
    /// Behind the hub: not through any tunnel.
    Hub {
        /// Length of the matching route.
        prefix_len: u8,
    },
    /// A spoke or behind one.
    Spoke {
        /// Tunnel it is reached through.
        tunnel: TunnelId,
        /// The spoke's tunnel address: the route's next hop.
        protocol: Ipv4Addr,
        /// Length of the matching route.
        prefix_len: u8,
    },
    /// No route.
    None,
}

/// No route to anything but what the server's own cache knows.
impl Overlay for () {
    fn lookup(&self, _: Ipv4Addr) -> Reach {
        Reach::None
    }
}

impl<F: Fn(Ipv4Addr) -> Reach> Overlay for F {
    fn lookup(&self, destination: Ipv4Addr) -> Reach {
        self(destination)
    }
}
