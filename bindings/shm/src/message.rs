//! What the two processes tell each other.
//!
//! These are the checked forms. On a ring each travels as a fixed plain-old-data slot; decoding refuses a slot with
//! an unknown kind, a length beyond the slot or an index beyond its bound, and the refusal is counted.

mod group;
mod keys;
mod paths;
mod sa;

pub use group::{GroupId, GroupRoute, Incoming, MAX_GROUPS, is_routable_group, max_groups};
pub use keys::{Keys, MAX_KEYS, Transform};
pub use paths::{MAX_PATHS, MAX_WAYS, PathsId, Ways};
pub use sa::{
    Direction, Encap, IKE_PORT, MAX_WINDOW, MIN_WINDOW, Mode, NAT_T_PORT, Protection, RESERVED_SPIS, SaId,
    SaInbound, SaOutbound, SessionId, max_sas, sa_of, spi,
};

use crate::class::Class;
use std::net::Ipv4Addr;

/// Index of a port in `hub.toml`'s order, below [`crate::counters::MAX_PORTS`].
pub type PortId = u8;
/// Index of a tunnel in `hub.toml`'s order, below [`crate::counters::MAX_TUNNELS`].
pub type TunnelId = u8;
/// Index of an adjacency to a peer, chosen by control, below the segment's `max_peers`.
pub type PeerId = u32;
/// Index of a link (a next hop on a port, with its MAC address), chosen by control, below [`MAX_LINKS`].
pub type LinkId = u16;

/// Index of a VRF: 0 for the global one, and from 1 in `hub.toml`'s order; below [`MAX_VRFS`]. Ports and tunnels have
/// theirs from the file that both processes read, a link its port's, a peer its tunnel's.
pub type VrfId = u8;

/// Most VRFs, the global one among them.
pub const MAX_VRFS: usize = 64;
/// The VRF of what is in none.
pub const GLOBAL: VrfId = 0;
/// Most links (resolved next hops on ports).
pub const MAX_LINKS: usize = 16_384;
/// Longest NHRP, IKE, IGMP or PIM packet carried by a ring, in octets: IKE messages with certificates are the long ones.
pub const MAX_PAYLOAD: usize = 4_032;
/// Longest excerpt of a data packet in [`Event::Redirect`], in octets.
pub const MAX_EXCERPT: usize = 128;

/// Where an overlay route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// To a spoke through its tunnel.
    Peer(PeerId),
    /// Out of a port to a resolved next hop (data-centre side).
    Link(LinkId),
    /// To the hub itself, through the tunnel's TUN twin.
    Tunnel(TunnelId),
    /// To the hub itself, through the port's TAP twin.
    Port(PortId),
    /// A connected subnet on a port: the destination itself is the next hop, not resolved yet. The worker reports
    /// [`Event::Glean`] and drops.
    Glean(PortId),
    /// One of several ways, chosen for each flow. All prefixes that name the entry follow it when it changes.
    Paths(PathsId),
    /// Known, but the next hop is not registered: drop as `no_adjacency`.
    Unresolved,
    /// Discard route.
    Drop,
}

/// Control to dataplane: desired state. Reliable, in order, acknowledged by position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// All desired state of `generation` follows; what is not named before the matching [`Update::End`] is swept.
    Begin {
        /// Number of the resync, never 0.
        generation: u64,
    },
    /// End of a resync.
    End {
        /// The number given to [`Update::Begin`].
        generation: u64,
    },
    /// Creates or changes a link.
    Link {
        /// Which.
        id: LinkId,
        /// Port it leaves by.
        port: PortId,
        /// Destination MAC address; `None` while the kernel has not resolved it.
        mac: Option<[u8; 6]>,
    },
    /// Removes a link.
    LinkDelete {
        /// Which.
        id: LinkId,
    },
    /// Creates or changes the adjacency to a spoke.
    Peer {
        /// Which.
        id: PeerId,
        /// Tunnel interface it belongs to.
        tunnel: TunnelId,
        /// Its NBMA address: where GRE goes to and, on a tunnel without protection, is accepted from.
        nbma: Ipv4Addr,
        /// Underlay next hop.
        link: LinkId,
        /// Whether hub-originated multicast is replicated to it.
        multicast: bool,
        /// On a tunnel with protection, and there only: whose it is and how its packets leave.
        protection: Option<Protection>,
    },
    /// Removes an adjacency.
    PeerDelete {
        /// Which.
        id: PeerId,
    },
    /// Creates or changes an entry with several ways. Before the routes that name it.
    Paths {
        /// Which.
        id: PathsId,
        /// Where it leads.
        ways: Ways,
    },
    /// Removes an entry with several ways. After the routes that named it: those which still do drop as
    /// `no_adjacency`.
    PathsDelete {
        /// Which.
        id: PathsId,
    },
    /// Creates or changes an overlay route.
    Route {
        /// Whose table.
        vrf: VrfId,
        /// Network address (host bits are zero).
        prefix: Ipv4Addr,
        /// Prefix length, 0 to 32.
        len: u8,
        /// Where it leads.
        target: Target,
    },
    /// Removes an overlay route.
    RouteDelete {
        /// Whose table.
        vrf: VrfId,
        /// Network address.
        prefix: Ipv4Addr,
        /// Prefix length.
        len: u8,
    },
    /// Installs the inbound half of a child SA, or changes where its peer is.
    SaInbound(SaInbound),
    /// Installs the outbound half of a child SA.
    SaOutbound(SaOutbound),
    /// Removes one half. Once it is acknowledged no worker holds the keys and the slot may be armed again.
    SaDelete {
        /// Which.
        id: SaId,
        /// Which half.
        direction: Direction,
    },
    /// Creates or changes a multicast route. Its members stay.
    Group {
        /// Which.
        id: GroupId,
        /// What it says.
        route: GroupRoute,
    },
    /// Removes a multicast route and all its members.
    GroupDelete {
        /// Which.
        id: GroupId,
    },
    /// A spoke joins: from now on it gets the packets of a multicast route, if that names its tunnel.
    GroupMember {
        /// Which route.
        id: GroupId,
        /// Who.
        peer: PeerId,
    },
    /// A spoke leaves. A peer that is removed has left all.
    GroupMemberDelete {
        /// Which route.
        id: GroupId,
        /// Who.
        peer: PeerId,
    },
}

/// Dataplane worker to control: lossy, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// An NHRP packet arrived on a tunnel.
    Nhrp {
        /// Tunnel interface.
        tunnel: TunnelId,
        /// Outer source address.
        nbma: Ipv4Addr,
        /// Of a tunnel with protection: whose SA it came by.
        session: Option<SessionId>,
        /// From ar$afn on.
        packet: &'a [u8],
    },
    /// A data packet left by the tunnel (or NHRP network) it came in by.
    Redirect {
        /// Tunnel it came in by.
        tunnel: TunnelId,
        /// Peer it came from.
        peer: PeerId,
        /// That peer's NBMA address.
        nbma: Ipv4Addr,
        /// Of a tunnel with protection: that peer's session.
        session: Option<SessionId>,
        /// Inner IP header and what follows, at most [`MAX_EXCERPT`] octets.
        packet: &'a [u8],
    },
    /// A packet was refused for a reason an operator must hear of (wrong key, unknown peer). Rate-limited.
    Refused {
        /// [`crate::drops::DropReason`] as its discriminant.
        reason: u8,
        /// Outer source address.
        nbma: Ipv4Addr,
        /// Outer destination address.
        local: Ipv4Addr,
        /// GRE key seen, if any; with the reasons `esp_...` and `sa_selector_mismatch` the SPI.
        key: Option<u32>,
    },
    /// The kernel must resolve this address on this port.
    Glean {
        /// Port.
        port: PortId,
        /// Address to resolve.
        address: Ipv4Addr,
    },
    /// An IKE message to the source of a tunnel with protection.
    Ike {
        /// Source address.
        nbma: Ipv4Addr,
        /// Source port.
        port: u16,
        /// Destination address.
        local: Ipv4Addr,
        /// Destination port: [`IKE_PORT`] or [`NAT_T_PORT`].
        local_port: u16,
        /// From the IKE header on; the non-ESP marker (RFC 3948 2.2) is taken off.
        packet: &'a [u8],
    },
    /// An authentic and fresh packet of an SA came from another address or port than the SA has (RFC 7296 2.23).
    Moved {
        /// Which SA.
        sa: SaId,
        /// Source address.
        nbma: Ipv4Addr,
        /// Source port, never 0, of ESP in UDP; `None`: it came as plain ESP.
        port: Option<u16>,
    },
    /// A spoke sent an IGMP or PIM message, from which control learns what it has joined. The kernel gets it too.
    Membership {
        /// Tunnel it came in by.
        tunnel: TunnelId,
        /// Peer it came from.
        peer: PeerId,
        /// That peer's NBMA address.
        nbma: Ipv4Addr,
        /// Of a tunnel with protection: that peer's session.
        session: Option<SessionId>,
        /// From the inner IP header on.
        packet: &'a [u8],
    },
}

impl Event<'_> {
    /// The class in whose place in the ring it waits.
    pub fn class(&self) -> Class {
        match self {
            Self::Membership { .. } => Class::Routing,
            Self::Nhrp { .. } | Self::Redirect { .. } => Class::Nhrp,
            Self::Ike { .. } | Self::Moved { .. } => Class::Ike,
            Self::Glean { .. } => Class::Arp,
            Self::Refused { .. } => Class::Rest,
        }
    }
}

/// Control to dataplane: a packet to send. Lossy, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inject<'a> {
    /// An NHRP packet, sent with GRE protocol type 0x2001 and DSCP CS6.
    Nhrp {
        /// Tunnel interface whose source, key and TTL are used.
        tunnel: TunnelId,
        /// Outer destination address.
        nbma: Ipv4Addr,
        /// Underlay next hop.
        link: LinkId,
        /// On a tunnel with protection, and there only.
        protection: Option<Protection>,
        /// From ar$afn on.
        packet: &'a [u8],
    },
    /// An IKE message, sent in UDP with DSCP CS6.
    Ike {
        /// Source address.
        local: Ipv4Addr,
        /// Source port: [`IKE_PORT`], or [`NAT_T_PORT`] and then the non-ESP marker is put in front.
        local_port: u16,
        /// Destination address.
        nbma: Ipv4Addr,
        /// Destination port, never 0.
        port: u16,
        /// Underlay next hop.
        link: LinkId,
        /// From the IKE header on.
        packet: &'a [u8],
    },
    /// An IP packet for the kernel, as if a spoke had sent it by the tunnel.
    Twin {
        /// Tunnel interface.
        tunnel: TunnelId,
        /// From the IP header on.
        packet: &'a [u8],
    },
}

impl<'a> Inject<'a> {
    /// The packet.
    pub fn packet(&self) -> &'a [u8] {
        match *self {
            Self::Nhrp { packet, .. } | Self::Ike { packet, .. } | Self::Twin { packet, .. } => packet,
        }
    }

    /// Outer destination address; 0.0.0.0: it does not leave the hub.
    pub fn nbma(&self) -> Ipv4Addr {
        match *self {
            Self::Nhrp { nbma, .. } | Self::Ike { nbma, .. } => nbma,
            Self::Twin { .. } => Ipv4Addr::UNSPECIFIED,
        }
    }

    /// Underlay next hop; 0: it has none.
    pub fn link(&self) -> LinkId {
        match *self {
            Self::Nhrp { link, .. } | Self::Ike { link, .. } => link,
            Self::Twin { .. } => 0,
        }
    }
}
