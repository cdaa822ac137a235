//! NHRP packets (RFC 2332) as DMVPN uses them: IPv4 or IPv6 over IPv4 or IPv6, in GRE with protocol type 0x2001.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------------------------------+-------------------------------+  fixed part (5.1)
//! |            ar$afn             |          ar$pro.type          |
//! +-------------------------------+-------------------------------+
//! |                          ar$pro.snap                          |
//! +---------------+---------------+-------------------------------+
//! |               |   ar$hopcnt   |           ar$pktsz            |
//! +---------------+---------------+-------------------------------+
//! |           ar$chksum           |           ar$extoff           |
//! +---------------+---------------+---------------+---------------+
//! | ar$op.version |  ar$op.type   |    ar$shtl    |    ar$sstl    |
//! +---------------+---------------+---------------+---------------+  mandatory part (5.2.0.1)
//! | src proto len | dst proto len |             flags             |
//! +---------------+---------------+-------------------------------+
//! |                          request id                           |
//! +---------------------------------------------------------------+
//! |  source NBMA, source protocol, destination protocol address   |
//! +---------------------------------------------------------------+
//! |  client information entries | offending packet | data excerpt |
//! +---------------------------------------------------------------+  extensions (5.3), from ar$extoff
//! |                  type, length, value ... End                  |
//! +---------------------------------------------------------------+
//! ```
//! No field is aligned or padded after the mandatory part's first eight octets. [`Packet::parse`] checks everything
//! once, so that the accessors cannot fail; [`Builder`] writes.

mod auth;
mod builder;
mod checksum;
mod cie;
mod cursor;
mod error;
mod extension;
mod header;
mod packet;
mod types;

#[cfg(test)]
mod tests;

pub use auth::Authentication;
pub use builder::{Builder, ErrorHead, Head, IndicationHead, TooLong};
pub use checksum::ChecksumRule;
pub use cie::{Cie, CieIter};
pub use error::{ErrorClass, ParseError};
pub use extension::{Extension, ExtensionIter, ExtensionType};
pub use header::Header;
pub use packet::Packet;
pub use types::{AddressFamily, CieCode, ErrorCode, Flags, PacketType, Protocol};

/// GRE protocol type of NHRP.
pub const GRE_PROTOCOL: u16 = 0x2001;
/// Octets of the fixed part.
pub const FIXED_LEN: usize = 20;
/// Octets of the mandatory part before the addresses.
pub const MANDATORY_LEN: usize = 8;
/// Most extensions in a packet.
pub const MAX_EXTENSIONS: usize = 16;
/// Most client information entries in a list.
pub const MAX_CIES: usize = 16;
/// Longest packet made here, in octets: what other implementations have room for.
pub const MAX_PACKET: usize = 1500;
