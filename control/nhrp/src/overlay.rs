//! What the server asks about overlay routing, and about who may be where in it.

use crate::{Station, TunnelId};
use std::net::Ipv4Addr;

/// The overlay FIB and the rules for claiming addresses in it, as far as NHRP needs them. Each tunnel asks, `from` where it
/// is, about its own VRF.
pub trait Overlay {
    /// Where a packet to `destination` goes by longest prefix match.
    fn lookup(&self, from: TunnelId, destination: Ipv4Addr) -> Reach;

    /// All ways of equal cost, at least one. What [`Overlay::lookup`] says is the first.
    fn ways(&self, from: TunnelId, destination: Ipv4Addr) -> Vec<Reach> {
        vec![self.lookup(from, destination)]
    }

    /// The shortest prefix, no shorter than `route_len`, that holds this address and nothing that another route or a
    /// registration leads elsewhere: what may be said about the address holds for all of it.
    fn undivided(&self, from: TunnelId, destination: Ipv4Addr, route_len: u8) -> u8 {
        let _ = (from, destination);
        route_len
    }

    /// Whether a station may register an address (the binding of authenticated identities to tunnel addresses), and
    /// if not, why. `holder` has it now, and is another station.
    fn may_claim(
        &self,
        station: &Station,
        tunnel: TunnelId,
        protocol: Ipv4Addr,
        holder: Option<&Station>,
    ) -> Result<(), &'static str> {
        let _ = (station, tunnel, protocol, holder);
        Ok(())
    }
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
    fn lookup(&self, _: TunnelId, _: Ipv4Addr) -> Reach {
        Reach::None
    }
}

impl<F: Fn(Ipv4Addr) -> Reach> Overlay for F {
    fn lookup(&self, _: TunnelId, destination: Ipv4Addr) -> Reach {
        self(destination)
    }
}
