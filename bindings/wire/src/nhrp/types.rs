//! Numbers of RFC 2332 and their names.

macro_rules! number {
    ($(#[$meta:meta])* $name:ident : $int:ty { $($(#[$doc:meta])* $variant:ident = $value:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $int);

        #[allow(non_upper_case_globals)]
        impl $name {
            $($(#[$doc])* pub const $variant: Self = Self($value);)*
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match *self {
                    $(Self::$variant => f.write_str(stringify!($variant)),)*
                    Self(other) => write!(f, concat!(stringify!($name), "({})"), other),
                }
            }
        }
    };
}

/// ar$op.type (RFC 2332 5.1); 8 is DMVPN's (draft-detienne-dmvpn-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketType {
    /// Asks for the NBMA address of a protocol address.
    ResolutionRequest = 1,
    /// Answers it.
    ResolutionReply = 2,
    /// Registers the sender at its server.
    RegistrationRequest = 3,
    /// Answers it.
    RegistrationReply = 4,
    /// Takes a binding back.
    PurgeRequest = 5,
    /// Confirms it.
    PurgeReply = 6,
    /// Reports an error in a packet.
    ErrorIndication = 7,
    /// Tells of a shorter way (redirect).
    TrafficIndication = 8,
}

impl PacketType {
    /// From the wire.
    pub fn from_wire(value: u8) -> Option<Self> {
        Some(match value {
            1 => Self::ResolutionRequest,
            2 => Self::ResolutionReply,
            3 => Self::RegistrationRequest,
            4 => Self::RegistrationReply,
            5 => Self::PurgeRequest,
            6 => Self::PurgeReply,
            7 => Self::ErrorIndication,
            8 => Self::TrafficIndication,
            _ => return None,
        })
    }

    /// Whether it travels to the source protocol address (RFC 2332 5.1: replies go back to who asked).
    pub fn is_reply(self) -> bool {
        matches!(self, Self::ResolutionReply | Self::RegistrationReply | Self::PurgeReply)
    }

    /// Whether the mandatory part ends in client information entries.
    pub fn has_cies(self) -> bool {
        !matches!(self, Self::ErrorIndication | Self::TrafficIndication)
    }
}

/// ar$afn: kind of the NBMA addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum AddressFamily {
    /// IPv4 underlay.
    Ipv4 = 1,
    /// IPv6 underlay.
    Ipv6 = 2,
}

impl AddressFamily {
    /// Octets of an NBMA address.
    pub fn address_len(self) -> usize {
        match self {
            Self::Ipv4 => 4,
            Self::Ipv6 => 16,
        }
    }
}

/// ar$pro.type: kind of the protocol addresses, as an Ethertype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Protocol {
    /// IPv4 overlay.
    Ipv4 = 0x0800,
    /// IPv6 overlay.
    Ipv6 = 0x86dd,
}

impl Protocol {
    /// Octets of a protocol address.
    pub fn address_len(self) -> usize {
        match self {
            Self::Ipv4 => 4,
            Self::Ipv6 => 16,
        }
    }
}

number! {
    /// Code of a client information entry (RFC 2332 5.2.2, 5.2.4).
    CieCode: u8 {
        /// No error.
        Ok = 0,
        /// Refused by policy.
        AdministrativelyProhibited = 4,
        /// No room.
        InsufficientResources = 5,
        /// Resolution: nobody is bound to the address.
        NoBinding = 12,
        /// Resolution with U: somebody is, but not uniquely.
        NotUnique = 13,
        /// Registration: another NBMA address has it.
        AlreadyRegistered = 14,
    }
}

number! {
    /// Code of an error indication (RFC 2332 5.2.7).
    ErrorCode: u16 {
        /// Compulsory extension not known.
        UnrecognizedExtension = 1,
        /// The packet came by here before.
        LoopDetected = 3,
        /// No way to the destination.
        ProtocolAddressUnreachable = 6,
        /// Anything wrong with the packet itself.
        ProtocolError = 7,
        /// Too long to be forwarded.
        SduSizeExceeded = 8,
        /// Extension malformed or out of place.
        InvalidExtension = 9,
        /// Resolution reply to no request.
        InvalidResolutionReply = 10,
        /// Authentication missing or wrong.
        AuthenticationFailure = 11,
        /// Hop count ran out.
        HopCountExceeded = 15,
    }
}

/// Flags of types 1 to 6 (RFC 2332 5.2.1 to 5.2.6); which bit means what depends on the type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u16);

impl Flags {
    /// Resolution: the source is a router.
    pub const ROUTER: u16 = 0x8000;
    /// Resolution: authoritative answer wanted or given.
    pub const AUTHORITATIVE: u16 = 0x4000;
    /// Resolution reply: the destination's association is stable.
    pub const DESTINATION_STABLE: u16 = 0x2000;
    /// Resolution: unique binding wanted or given.
    pub const UNIQUE_ANSWER: u16 = 0x1000;
    /// Resolution: the source's association is stable.
    pub const SOURCE_STABLE: u16 = 0x0800;
    /// Registration: unique binding.
    pub const UNIQUE: u16 = 0x8000;
    /// Purge request: no reply wanted.
    pub const NO_REPLY: u16 = 0x8000;
    /// All: the sender knows the NAT extension. Cisco's, in no RFC.
    pub const NAT: u16 = 0x0002;

    /// Whether every bit of `mask` is set.
    pub fn has(self, mask: u16) -> bool {
        self.0 & mask == mask
    }
}
