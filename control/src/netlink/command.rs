//! What the kernel is asked to do.

use crate::prefix::Prefix;
use std::net::Ipv4Addr;

/// What the kernel is asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Make a VRF device.
    Vrf {
        /// Its name.
        name: String,
        /// Its table.
        table: u32,
    },
    /// Put a link into a VRF, or with 0 out of any.
    Enslave {
        /// Interface.
        index: u32,
        /// The VRF device.
        master: u32,
    },
    /// Set a link up, with this MTU.
    LinkUp {
        /// Interface.
        index: u32,
        /// MTU, in octets.
        mtu: u32,
    },
    /// Put an address on an interface.
    Address {
        /// Interface.
        index: u32,
        /// Address and length of its subnet.
        prefix: Prefix,
    },
    /// Add a route.
    Route(RouteCommand),
    /// Remove a route that we added.
    RouteDelete(RouteCommand),
}

impl Command {
    /// The interface that the command sets up.
    pub fn interface(&self) -> Option<u32> {
        match self {
            Self::LinkUp { index, .. } | Self::Address { index, .. } | Self::Enslave { index, .. } => {
                Some(*index)
            }
            Self::Vrf { .. } | Self::Route(_) | Self::RouteDelete(_) => None,
        }
    }
}

/// A route of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteCommand {
    /// Table.
    pub table: u32,
    /// Destination.
    pub prefix: Prefix,
    /// Next hop.
    pub gateway: Option<Ipv4Addr>,
    /// Outgoing interface.
    pub index: u32,
    /// Metric.
    pub metric: u32,
    /// Who puts it there (`RTPROT_*`).
    pub protocol: u8,
    /// The next hop need not lie in a connected subnet.
    pub onlink: bool,
}
