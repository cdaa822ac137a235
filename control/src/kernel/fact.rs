//! What the kernel tells, and what that changes.

use crate::prefix::{Net, Prefix};
use shm::message::{PortId, TunnelId, VrfId};
use std::net::Ipv4Addr;

/// What an interface is to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Interface {
    /// TAP twin of a port.
    Port(PortId),
    /// TUN twin of a tunnel.
    Tunnel(TunnelId),
    /// The loopback, whose global addresses are the hub's own; of a VRF its VRF device.
    Loopback(VrfId),
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The kernel's index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Administratively up.
    pub up: bool,
    /// MTU, in octets.
    pub mtu: u32,
    /// Operational: what is on the other end works.
    pub running: bool,
    /// MAC address, where it has one.
    pub mac: Option<[u8; 6]>,
    /// The interface that it belongs to (`IFLA_MASTER`): of one in a VRF the VRF device.
    pub master: Option<u32>,
    /// Of a VRF device its table.
    pub table: Option<u32>,
}

/// A neighbour entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Interface.
    pub index: u32,
    /// Address.
    pub address: Ipv4Addr,
    /// MAC address, while the entry is valid.
    pub mac: Option<[u8; 6]>,
    /// Resolution was tried and failed.
    pub failed: bool,
    /// Set by an operator, not resolved.
    pub permanent: bool,
}

/// One next hop of a kernel route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hop {
    /// Outgoing interface.
    pub index: u32,
    /// Gateway; `None`: the destination is on link.
    pub gateway: Option<Ipv4Addr>,
    /// Its share of the flows beside other hops of the same route, 1 to 65,536.
    pub weight: u32,
}

/// A set of next hops that routes share: those that name the same next-hop object, or have equal next hops of their
/// own. A number stays with its set and is not used again soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HopsId(pub u32);

/// A route, as the kernel told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its table.
    pub table: u32,
    /// Destination.
    pub prefix: Prefix,
    /// Metric: the lowest of a prefix wins.
    pub metric: u32,
    /// Who put it there (`RTPROT_*`).
    pub protocol: u8,
    /// Next hops; none for a discard route (blackhole, unreachable, prohibit).
    pub hops: Vec<Hop>,
    /// The next-hop object that the route names; its next hops are then those of the object.
    pub nexthop: Option<NextHopId>,
}

/// A route as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installed<'a> {
    /// Destination, and the VRF whose table it is in.
    pub net: Net,
    /// Metric.
    pub metric: u32,
    /// Who put it there (`RTPROT_*`).
    pub protocol: u8,
    /// Which set its next hops are.
    pub set: HopsId,
    /// The next hops; none for a discard route.
    pub hops: &'a [Hop],
    /// The next-hop object that it names.
    pub nexthop: Option<NextHopId>,
}

/// The kernel's number of a next-hop object (`RTA_NH_ID`).
pub type NextHopId = u32;

/// A next-hop object: what routes may name instead of next hops of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// One next hop; `None`: none that is of use here (an IPv6 gateway, a dead link).
    Single(Option<Hop>),
    /// Objects to choose from, with their weights.
    Group(Vec<(NextHopId, u32)>),
    /// Discards.
    Blackhole,
}

/// A multicast route: an entry of the multicast forwarding cache that a daemon has decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mroute {
    /// Group.
    pub group: Ipv4Addr,
    /// Source; `None`: any.
    pub source: Option<Ipv4Addr>,
    /// Interface that its packets come in by.
    pub incoming: u32,
    /// Interfaces that they go out by.
    pub outgoing: Vec<u32>,
}

/// Something the kernel told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A link is there, or changed.
    Link(Link),
    /// A link went away.
    LinkGone(u32),
    /// An address on an interface, with the length of its subnet.
    Address(u32, Prefix),
    /// An address was removed.
    AddressGone(u32, Prefix),
    /// A neighbour.
    Neighbour(Neighbour),
    /// A neighbour entry was removed.
    NeighbourGone(u32, Ipv4Addr),
    /// A next-hop object is there, or changed.
    NextHop(NextHopId, NextHop),
    /// A next-hop object was removed, and with it the routes that named it.
    NextHopGone(NextHopId),
    /// A route; `true`: it replaces that of the same prefix and metric.
    Route(Route, bool),
    /// A route was removed.
    RouteGone(Route),
    /// A multicast route is there, or changed.
    Mroute(Mroute),
    /// A group has no multicast route, or none any more, from this source.
    MrouteGone(Ipv4Addr, Option<Ipv4Addr>),
}

/// What a fact changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The meaning of interface indexes: everything is to be looked at again.
    Interfaces,
    /// Addresses of the hub.
    Addresses,
    /// A neighbour.
    Neighbour(u32, Ipv4Addr),
    /// The routes of a prefix.
    Route(Net),
    /// The hops of a set, for all routes that have it.
    Hops(HopsId),
    /// The multicast route of a group and a source.
    Mroute(Ipv4Addr, Option<Ipv4Addr>),
    /// The kernel drops routes without telling (a link or an address went down): dump again.
    Stale,
}

/// What a dump lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Links.
    Links,
    /// IPv4 addresses.
    Addresses,
    /// IPv4 neighbours.
    Neighbours,
    /// Next-hop objects.
    NextHops,
    /// IPv4 routes.
    Routes,
    /// IPv4 multicast routes.
    Mroutes,
}

impl Class {
    /// All, in the order in which a dump makes sense: indexes first, objects before the routes that name them.
    pub const ALL: [Class; 6] =
        [Class::Links, Class::Addresses, Class::Neighbours, Class::NextHops, Class::Routes, Class::Mroutes];
}
