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
    NoRoute = "no_route", "No overlay route to the inner destination; ICMP net unreachable is sent unless limited.";
    NoAdjacency = "no_adjacency", "Route whose next hop is not registered; ICMP host unreachable is sent unless limited.";
    NoNeighbour = "no_neighbour", "Next hop's MAC address is not resolved yet.";
    TtlExceeded = "ttl_exceeded", "TTL ran out; ICMP time exceeded is sent unless limited.";
    FragNeeded = "frag_needed", "Larger than the MTU with DF set; ICMP fragmentation needed is sent unless limited.";
    FragTooMany = "frag_too_many", "Packet so much larger than the MTU that it would make too many fragments.";
    MulticastTransit = "multicast_transit", "Multicast that the kernel forwards into a tunnel without a multicast route that the data plane knows.";
    NoBuffer = "no_buffer", "Buffer pool exhausted.";
    NoHeadroom = "no_headroom", "No room around the packet for the outer headers or the ESP trailer.";
    TxFull = "tx_full", "Transmit queue of the port full.";
    PuntFull = "punt_full", "A class's place in the queue to the kernel twin full: `show policy-map control-plane` names the class.";
    PuntLimited = "punt_limited", "To the hub itself, over the rate of its class or the sender's share: see `show policy-map control-plane`.";
    EventRingFull = "event_ring_full", "A class's place in the event ring to control full (control down or too slow).";
    Ipv6 = "ipv6_unsupported", "IPv6 packet where only IPv4 is configured.";
    EthType = "eth_type", "Frame of a type that the port does not serve.";
    BadInject = "bad_inject", "Packet from control that could not be encapsulated.";
    ReplicationFull = "replication_full", "Multicast while too many packets still waited for their copies: raise the tunnel's `multicast-rate`.";
    NoMulticastMember = "no_multicast_member", "Multicast that no spoke takes: `map multicast` of the hub's own, joins of a multicast route's.";
    MulticastInterface = "multicast_interface", "Multicast by another interface than its multicast route says (RPF check).";
    MulticastEcho = "multicast_echo", "The kernel's copy of multicast that the data plane forwards itself.";
    EthOversize = "eth_oversize", "Frame longer than a packet buffer: raise the port's `mtu`, or lower the sender's.";
    NhrpTooLong = "nhrp_too_long", "NHRP packet longer than control takes (4,032 octets).";
    EspShort = "esp_short", "ESP packet shorter than its header, IV and ICV.";
    EspAlign = "esp_align", "ESP ciphertext that is no multiple of the cipher's block.";
    EspUnknownSpi = "esp_unknown_spi", "ESP with an SPI that no SA has: a peer that has not noticed a restart, or forged.";
    EspReplayOld = "esp_replay_old", "ESP older than the replay window: raise `replay-window` if the path reorders much.";
    EspReplayDup = "esp_replay_dup", "ESP with a sequence number that was received already, or 0.";
    EspIcv = "esp_icv", "ESP whose integrity check failed: damaged, forged, or keys differ.";
    EspBadPad = "esp_bad_pad", "ESP whose padding is longer than its content or not 1, 2, 3, ... (RFC 4303 2.4).";
    EspBadNextHeader = "esp_bad_next_header", "ESP that carries neither GRE (transport mode) nor IPv4 (tunnel mode).";
    EspDummy = "esp_dummy", "Authentic ESP dummy packet (next header 59), sent to hide traffic (RFC 4303 2.6).";
    EspSeqOverflow = "esp_seq_overflow", "SA at the end of its sequence numbers or hard lifetime: the rekey did not come in time.";
    EspNoSa = "esp_no_sa", "Packet to a protected peer without an SA to send it with: nothing leaves in the clear.";
    EspEncapMismatch = "esp_encap_mismatch", "Plain ESP on an SA that goes through a NAT and so must come in UDP.";
    EspHandoff = "esp_handoff", "ESP for an SA of another worker, whose queue was full.";
    EspEngine = "esp_engine", "The crypto engine refused the packet.";
    NattKeepalive = "natt_keepalive", "NAT keepalive, one octet 0xff on UDP 4500 (RFC 3948 2.3): nothing to do.";
    NattShort = "natt_short", "UDP 4500 packet too short for an SPI or the non-ESP marker.";
    GreUnprotected = "gre_unprotected", "GRE in the clear to a tunnel with protection: the spoke lacks `tunnel protection`.";
    SaSelectorMismatch = "sa_selector_mismatch", "Decrypted packet that is no GRE between the SA's peer and the hub.";
    OtherVrf = "other_vrf", "Route that leads into another VRF, for the moment between two updates: nothing crosses.";
    IkeMalformed = "ike_malformed", "UDP 500 or 4500 packet that is no IKEv2 message.";
    IkeTooLong = "ike_too_long", "IKE message longer than control takes (4,032 octets): let the peer fragment (RFC 7383).";
}

/// Room kept in the counter block, so that a new reason does not change the layout.
pub const MAX_REASONS: usize = 128;
const _: () = assert!(DropReason::COUNT <= MAX_REASONS);
// Two reasons' sentences say so.
const _: () = assert!(crate::message::MAX_PAYLOAD == 4_032);
