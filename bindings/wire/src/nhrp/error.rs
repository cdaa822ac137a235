//! Why a packet is refused.

/// One variant per rule that a packet can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ParseError {
    /// Fewer octets than a packet needs at least.
    #[error("{have} octets, at least {need} needed")]
    Truncated {
        /// Octets received.
        have: usize,
        /// Octets needed.
        need: usize,
    },
    /// ar$pktsz over the octets received.
    #[error("packet size {size} over the {have} octets received")]
    SizeBeyondEnd {
        /// ar$pktsz.
        size: u16,
        /// Octets received.
        have: usize,
    },
    /// ar$pktsz too small for the headers and addresses.
    #[error("packet size {size} under the minimum of {need}")]
    SizeTooSmall {
        /// ar$pktsz.
        size: u16,
        /// Least size possible.
        need: usize,
    },
    /// Checksum wrong.
    #[error("checksum wrong")]
    Checksum,
    /// ar$op.version is not 1.
    #[error("version {0}")]
    Version(u8),
    /// ar$op.type is none of 1 to 8.
    #[error("packet type {0}")]
    Type(u8),
    /// ar$afn is neither IPv4 nor IPv6.
    #[error("address family {0}")]
    AddressFamily(u16),
    /// ar$pro.type is neither IPv4's nor IPv6's Ethertype.
    #[error("protocol type {0:#06x}")]
    Protocol(u16),
    /// ar$shtl has a type bit set or another length than the family's.
    #[error("source NBMA address type and length {0:#04x}")]
    SourceNbmaLength(u8),
    /// ar$sstl is not 0.
    #[error("source NBMA subaddress type and length {0:#04x}")]
    SourceSubaddress(u8),
    /// Another length than the protocol's.
    #[error("source protocol address length {0}")]
    SourceProtocolLength(u8),
    /// Another length than the protocol's.
    #[error("destination protocol address length {0}")]
    DestinationProtocolLength(u8),
    /// ar$extoff inside headers or addresses.
    #[error("extension offset {0} inside the mandatory part's head")]
    ExtensionOffsetTooSmall(u16),
    /// ar$extoff at or beyond the end.
    #[error("extension offset {0} at or beyond the end")]
    ExtensionOffsetBeyondEnd(u16),
    /// Fewer octets left than an entry's head has.
    #[error("{0} octets left where a client information entry of 12 should be")]
    CieTruncated(usize),
    /// Addresses of an entry run over the end of its list.
    #[error("addresses of a client information entry need {need} octets of {have}")]
    CieAddresses {
        /// Octets needed.
        need: usize,
        /// Octets left.
        have: usize,
    },
    /// NBMA address of an entry is neither absent nor of the family's length.
    #[error("client NBMA address type and length {0:#04x}")]
    CieNbmaLength(u8),
    /// NBMA subaddress of an entry.
    #[error("client NBMA subaddress type and length {0:#04x}")]
    CieSubaddress(u8),
    /// Protocol address of an entry is neither absent nor of the protocol's length.
    #[error("client protocol address length {0}")]
    CieProtocolLength(u8),
    /// More entries in a list than [`super::MAX_CIES`].
    #[error("more than 16 client information entries in a list")]
    TooManyCies,
    /// Fewer octets left than an extension's head has.
    #[error("{0} octets left where an extension of at least 4 should be")]
    ExtensionTruncated(usize),
    /// An extension's value runs over the end of the packet.
    #[error("extension {kind} has {length} octets, {have} are left")]
    ExtensionLength {
        /// Its type.
        kind: u16,
        /// Its length.
        length: u16,
        /// Octets left.
        have: usize,
    },
    /// More extensions than [`super::MAX_EXTENSIONS`].
    #[error("more than 16 extensions")]
    TooManyExtensions,
    /// A second extension of a type that may come once.
    #[error("extension {0} twice")]
    DuplicateExtension(u16),
    /// Authentication without its four octets of head and at least one of password.
    #[error("authentication extension of {0} octets")]
    AuthenticationLength(usize),
    /// The list of entries in an extension is malformed.
    #[error("extension {0} holds no list of client information entries")]
    ExtensionCies(u16),
}

/// Coarse kind of a [`ParseError`], for counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Lengths of the packet as a whole.
    Truncated,
    /// Checksum.
    Checksum,
    /// Fixed part and address lengths.
    Header,
    /// Extension offset.
    ExtensionOffset,
    /// Client information entries of the mandatory part.
    Cie,
    /// Extensions and what they hold.
    Extension,
}

impl ParseError {
    /// Its class.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Truncated { .. } | Self::SizeBeyondEnd { .. } | Self::SizeTooSmall { .. } => {
                ErrorClass::Truncated
            }
            Self::Checksum => ErrorClass::Checksum,
            Self::Version(_)
            | Self::Type(_)
            | Self::AddressFamily(_)
            | Self::Protocol(_)
            | Self::SourceNbmaLength(_)
            | Self::SourceSubaddress(_)
            | Self::SourceProtocolLength(_)
            | Self::DestinationProtocolLength(_) => ErrorClass::Header,
            Self::ExtensionOffsetTooSmall(_) | Self::ExtensionOffsetBeyondEnd(_) => {
                ErrorClass::ExtensionOffset
            }
            Self::CieTruncated(_)
            | Self::CieAddresses { .. }
            | Self::CieNbmaLength(_)
            | Self::CieSubaddress(_)
            | Self::CieProtocolLength(_)
            | Self::TooManyCies => ErrorClass::Cie,
            Self::ExtensionTruncated(_)
            | Self::ExtensionLength { .. }
            | Self::TooManyExtensions
            | Self::DuplicateExtension(_)
            | Self::AuthenticationLength(_)
            | Self::ExtensionCies(_) => ErrorClass::Extension,
        }
    }
}
