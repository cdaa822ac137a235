//! Why the server discards a packet.

macro_rules! reasons {
    ($($variant:ident = $name:literal, $meaning:literal;)*) => {
        /// Why an NHRP packet was dropped, or not sent. The discriminant indexes [`crate::TunnelCounters::drops`].
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
    Truncated = "nhrp_truncated", "Packet shorter than its headers or than its own length field.";
    Checksum = "nhrp_checksum", "NHRP checksum wrong.";
    Header = "nhrp_header", "Version, type, address family, protocol or address lengths not supported.";
    ExtensionOffset = "nhrp_extoff", "Extension offset inside the addresses, or at or beyond the end.";
    Cie = "nhrp_cie", "Client information entry malformed, or too many of them.";
    Extension = "nhrp_ext", "Extension malformed, duplicate, or too many of them.";
    Authentication = "nhrp_auth", "Authentication missing or different: check `ip nhrp authentication` on the spoke.";
    UnknownExtension = "nhrp_ext_unknown", "Compulsory extension that the hub does not know.";
    HopCount = "nhrp_hop", "Hop count ran out before the packet could be forwarded.";
    Loop = "nhrp_loop", "The hub is already in the packet's transit or responder records.";
    WrongNhs = "nhrp_wrong_nhs", "Registration at an address that is not the hub's: check `ip nhrp nhs` on the spoke.";
    UnknownPeer = "nhrp_unknown_peer", "Request from an NBMA address that is neither registered nor mapped.";
    Martian = "nhrp_martian", "NBMA source address is our own, multicast, broadcast, loopback or zero.";
    NoRoute = "nhrp_no_route", "No way to the station that the packet is to be forwarded to.";
    BackToSender = "nhrp_back_to_sender", "The way to the destination leads back to the station that asked.";
    Unsolicited = "nhrp_unsolicited", "Reply to a question that the hub did not ask.";
    ReplyDenied = "nhrp_reply_denied", "Resolution reply that gives a registered tunnel address another NBMA address than it has.";
    PurgeDenied = "nhrp_purge_denied", "Purge of a binding that belongs to another station.";
    Indication = "nhrp_indication", "Traffic indication to the hub, which has no shortcuts.";
    ErrorLoop = "nhrp_error_loop", "Error indication that came back to us, or could not be forwarded.";
    SendLimit = "nhrp_send_limit", "Not sent: over the tunnel's max-send rate.";
    TooLong = "nhrp_too_long", "Not sent: longer than an NHRP packet may be.";
    UnknownTunnel = "nhrp_unknown_tunnel", "Packet of a tunnel that is not configured.";
}
