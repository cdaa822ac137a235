//! Multicast routes: what the kernel's multicast forwarding cache is to the data plane.

use super::{PortId, TunnelId};
use std::net::Ipv4Addr;

/// Number of a multicast route, chosen by control, below [`max_groups`].
pub type GroupId = u16;

/// Most multicast routes, whatever the number of peers.
pub const MAX_GROUPS: usize = 4_096;
/// Bits that say who of all peers is joined to which route: 64 MiB.
const MEMBER_BITS: u32 = 1 << 29;

/// Multicast routes that a hub of `max_peers` peers has room for: each needs a bit for every peer.
pub const fn max_groups(max_peers: u32) -> u32 {
    let room = MEMBER_BITS / if max_peers == 0 { 1 } else { max_peers };
    if room < MAX_GROUPS as u32 { room } else { MAX_GROUPS as u32 }
}
const _: () = assert!(max_groups(16_384) == 4_096 && max_groups(1 << 20) == 512);

/// Where packets of a multicast route come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Incoming {
    /// From the spokes of a tunnel.
    Tunnel(TunnelId),
    /// From a LAN port.
    Port(PortId),
    /// Out of the kernel, by the TUN twins of the tunnels that they go out by: from an interface that is none of the
    /// hub's, or taken out of a PIM Register.
    Kernel,
}

/// A multicast route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupRoute {
    /// Source; `None`: any that has no route of its own.
    pub source: Option<Ipv4Addr>,
    /// Group: a multicast address outside of 224.0.0.0/24, which is never forwarded (RFC 5771 4).
    pub group: Ipv4Addr,
    /// Where its packets must come from; others are dropped.
    pub incoming: Incoming,
    /// Bit by tunnel: they go to the members on it.
    pub tunnels: u64,
    /// Bit by LAN port: they leave by it.
    pub ports: u16,
    /// The kernel gets every one of them, since it sends them out by other interfaces too; otherwise it gets one now and
    /// then, to see that the route is used.
    pub kernel: bool,
}

/// Whether an address is that of a group which may be forwarded: multicast, but not 224.0.0.0/24 (RFC 5771 4).
pub const fn is_routable_group(address: Ipv4Addr) -> bool {
    let octets = address.octets();
    address.is_multicast() && !(octets[0] == 224 && octets[1] == 0 && octets[2] == 0)
}
