//! Every reason for which the data plane discards a packet, with the name operators see and what it means.

macro_rules! reasons {
    ($($variant:ident = $name:literal, $meaning:literal;)*) => {
        /// Why a packet was dropped. The discriminant indexes [`crate::counters::WorkerCounters::drops`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum DropReason { $(#[doc = $meaning] $variant),* }

        impl DropReason {
            /// All reasons in the order of their discriminants.
            pub const ALL: &'static [DropReason] = &[$(DropReason::$variant),*];
            /// How many reasons there are.
            pub const COUNT: usize = Self::ALL.len();
            /// The name in `show drops` and in the metric's `reason` label.
            pub fn name(self) -> &'static str { match self { $(DropReason::$variant => $name),* } }
            /// One sentence for operators.
            pub fn meaning(self) -> &'static str { match self { $(DropReason::$variant => $meaning),* } }
        }
    };
}

reasons! {
    EthTruncated = "eth_truncated", "Frame shorter than its Ethernet (and VLAN) header.";
    EthVlan = "eth_vlan", "VLAN tag missing, unexpected, or not the port's.";
    EthNotForUs = "eth_not_for_us", "Unicast frame for another station's MAC address.";
    IpMalformed = "ip_malformed", "IPv4 header truncated, of wrong version or length, or longer than the frame.";
    IpChecksum = "ip_checksum", "IPv4 header checksum wrong.";
    IpMartian = "ip_martian", "Outer source address is our own, multicast, broadcast, loopback or zero.";
    IpFragOverlap = "ip_frag_overlap", "Fragments overlap or exceed 65,535 octets; the datagram is discarded.";
    IpFragTableFull = "ip_frag_table_full", "Reassembly bound reached (datagrams, fragments or octets).";
    IpFragTimeout = "ip_frag_timeout", "Fragments of a datagram that never became complete.";
    IpFragDuplicate = "ip_frag_duplicate", "Fragment that was already held, octet by octet the same.";
    IpFragTooBig = "ip_frag_too_big", "Fragments of a datagram that no packet buffer could hold whole.";
    UnderlayTransit = "underlay_transit", "Packet on an underlay port that is not addressed to the hub.";
    GreTruncated = "gre_truncated", "GRE header longer than the packet.";
    GreVersion = "gre_version", "GRE version other than 0 (RFC 2784 2.3.1).";
    GreFlags = "gre_flags", "GRE routing or recursion bits set (RFC 2784 2.3).";
    GreChecksum = "gre_checksum", "GRE checksum present and wrong.";
    GreNoTunnel = "gre_no_tunnel", "GRE to an address that is no tunnel's source.";
    GreKeyMismatch = "gre_key_mismatch", "GRE key missing, unexpected or different: check `tunnel key` on the spoke.";
    GreProto = "gre_proto", "GRE payload that is neither IPv4 nor NHRP.";
    UnknownPeer = "unknown_peer", "Data from an NBMA address that is neither registered nor mapped.";
    TunnelRecursion = "tunnel_recursion", "Inner packet is itself GRE or ESP to one of our tunnel sources.";
    InnerMalformed = "inner_malformed", "Inner IPv4 header truncated, of wrong version, length or checksum.";
    InnerMartian = "inner_martian", "Inner source address is our own, multicast, loopback or zero, or its destination is loopback or zero.";
    EcnInvalid = "ecn_invalid", "Outer CE over a Not-ECT inner packet (RFC 6040 4.2), or both among the fragments of one datagram.";
    NoRoute = "no_route", "No overlay route to the inner destination.";
    NoAdjacency = "no_adjacency", "Route whose next hop is not registered.";
    NoNeighbour = "no_neighbour", "Next hop's MAC address is not resolved yet.";
    TtlExceeded = "ttl_exceeded", "TTL ran out; ICMP time exceeded is sent unless limited.";
    FragNeeded = "frag_needed", "Larger than the MTU with DF set; ICMP fragmentation needed is sent unless limited.";
    FragTooMany = "frag_too_many", "Packet so much larger than the MTU that it would make too many fragments.";
    MulticastTransit = "multicast_transit", "Multicast from a spoke or the LAN that no local receiver wants.";
    NoBuffer = "no_buffer", "Buffer pool exhausted.";
    NoHeadroom = "no_headroom", "No room in front of the packet for the outer headers.";
    TxFull = "tx_full", "Transmit queue of the port full.";
    PuntFull = "punt_full", "Queue to the kernel twin full.";
    PuntLimited = "punt_limited", "Punt to control over its rate limit.";
    EventRingFull = "event_ring_full", "Event ring to control full (control down or too slow).";
    Ipv6 = "ipv6_unsupported", "IPv6 packet where only IPv4 is configured.";
    EthType = "eth_type", "Frame of a type that the port does not serve.";
    BadInject = "bad_inject", "Packet from control that could not be encapsulated.";
    ReplicationFull = "replication_full", "Multicast of the hub while too many packets still waited for their copies.";
    NoMulticastMember = "no_multicast_member", "Multicast of the hub while no spoke of the tunnel takes multicast.";
    EthOversize = "eth_oversize", "Frame longer than a packet buffer: raise the port's `mtu`, or lower the sender's.";
    NhrpTooLong = "nhrp_too_long", "NHRP packet longer than control takes (1,984 octets).";
}

/// Room kept in the counter block, so that a new reason does not change the layout.
pub const MAX_REASONS: usize = 128;
const _: () = assert!(DropReason::COUNT <= MAX_REASONS);
// A reason's sentence says so.
const _: () = assert!(crate::message::MAX_PAYLOAD == 1_984);
