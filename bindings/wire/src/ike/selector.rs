//! Traffic selectors (RFC 7296 3.13).
//!
//! ```text
//! +---------------+-----------------------------------------------+
//! |    number     |                   reserved                    |
//! +---------------+---------------+-------------------------------+  each
//! |     type      |  IP protocol  |            length             |
//! +---------------+---------------+-------------------------------+
//! |          start port           |           end port            |
//! +-------------------------------+-------------------------------+
//! |          starting address, ending address (inclusive)         |
//! +---------------------------------------------------------------+
//! ```

use super::error::ParseError;
use super::number::{PayloadType, SelectorType};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Octets of a selector before its addresses.
const HEAD_LEN: usize = 8;
/// Octets of a selector of IPv4 and IPv6 addresses.
const IPV4_LEN: u16 = 16;
const IPV6_LEN: u16 = 40;
/// Most selectors in a payload written here: what its number says.
const MAX_SELECTORS: usize = u8::MAX as usize;

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficSelector {
    /// IP protocol; 0: any.
    pub protocol: u8,
    /// First port; of ICMP type and code.
    pub start_port: u16,
    /// Last port. 65535 to 0 means opaque (RFC 7296 3.13.1).
    pub end_port: u16,
    /// First address.
    pub start: IpAddr,
    /// Last address, of the same family. May be below the first: then no packet matches.
    pub end: IpAddr,
}

impl TrafficSelector {
    /// One host's packets of a protocol, with any port.
    pub fn host(protocol: u8, address: impl Into<IpAddr>) -> Self {
        let address = address.into();
        Self { protocol, start_port: 0, end_port: u16::MAX, start: address, end: address }
    }

    /// Whether any packet matches.
    pub fn is_empty(&self) -> bool {
        self.start > self.end
    }

    fn emit(&self, out: &mut Vec<u8>) {
        let (kind, length) = match self.start {
            IpAddr::V4(_) => (SelectorType::Ipv4, IPV4_LEN),
            IpAddr::V6(_) => (SelectorType::Ipv6, IPV6_LEN),
        };
        out.extend_from_slice(&[kind.0, self.protocol]);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.start_port.to_be_bytes());
        out.extend_from_slice(&self.end_port.to_be_bytes());
        for address in [self.start, self.end] {
            match address {
                IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
                IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
            }
        }
    }
}

/// For logs: `47 192.0.2.1`, `0 10.0.0.0-10.0.0.255`.
impl std::fmt::Display for TrafficSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.protocol, self.start)?;
        if self.end != self.start {
            write!(f, "-{}", self.end)?;
        }
        if (self.start_port, self.end_port) != (0, u16::MAX) {
            write!(f, " ports {}-{}", self.start_port, self.end_port)?;
        }
        Ok(())
    }
}

/// Body of a TSi or TSr payload: at least one selector.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Selectors<'a> {
    count: u8,
    octets: &'a [u8],
}

impl<'a> Selectors<'a> {
    /// From a payload's body; `payload` is TSi or TSr.
    pub fn parse(payload: PayloadType, body: &'a [u8]) -> Result<Self, ParseError> {
        let short = ParseError::BodyTruncated { kind: payload, have: body.len(), need: 4 };
        let ([count, _, _, _], octets) = body.split_first_chunk::<4>().ok_or(short)?;
        let (count, mut rest, mut have) = (*count, octets, 0);
        while !rest.is_empty() {
            rest = take(rest)?.1;
            have += 1;
        }
        if have == 0 || have != usize::from(count) {
            return Err(ParseError::SelectorCount { count, have });
        }
        Ok(Self { count, octets })
    }

    /// How many there are, with those of types that are not known here.
    pub fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// The selectors in order; `None`: of a type that is not known here.
    pub fn iter(&self) -> impl Iterator<Item = Option<TrafficSelector>> + use<'a> {
        let mut rest = self.octets;
        std::iter::from_fn(move || {
            let (selector, after) = take(rest).ok()?;
            rest = after;
            Some(selector)
        })
    }

    /// The selector, if there is one only and of a known type.
    pub fn only(&self) -> Option<TrafficSelector> {
        self.iter().next().flatten().filter(|_| self.count == 1)
    }

    /// Appends the body. More than the number has room for are left out; addresses of two families in one selector
    /// are the caller's mistake and make the payload malformed.
    pub fn emit<'s>(selectors: impl IntoIterator<Item = &'s TrafficSelector>, out: &mut Vec<u8>) {
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        let mut count = 0;
        for selector in selectors.into_iter().take(MAX_SELECTORS) {
            selector.emit(out);
            count += 1;
        }
        if let Some(field) = out.get_mut(at) {
            *field = count;
        }
    }
}

impl std::fmt::Debug for Selectors<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Takes a selector off the front.
fn take(octets: &[u8]) -> Result<(Option<TrafficSelector>, &[u8]), ParseError> {
    let have = octets.len();
    let bad = |kind, length| ParseError::SelectorLength { kind, length, have };
    let Some(([kind, protocol, l0, l1, s0, s1, e0, e1], _)) = octets.split_first_chunk::<HEAD_LEN>() else {
        return Err(bad(octets.first().copied().unwrap_or_default(), 0));
    };
    let length = u16::from_be_bytes([*l0, *l1]);
    let bad = bad(*kind, length);
    let (this, rest) = octets.split_at_checked(usize::from(length)).ok_or(bad)?;
    let addresses = this.get(HEAD_LEN..).ok_or(bad)?;
    let range = match SelectorType(*kind) {
        SelectorType::Ipv4 => range::<4, Ipv4Addr>(addresses).ok_or(bad)?,
        SelectorType::Ipv6 => range::<16, Ipv6Addr>(addresses).ok_or(bad)?,
        _ => return Ok((None, rest)),
    };
    let selector = TrafficSelector {
        protocol: *protocol,
        start_port: u16::from_be_bytes([*s0, *s1]),
        end_port: u16::from_be_bytes([*e0, *e1]),
        start: range.0,
        end: range.1,
    };
    Ok((Some(selector), rest))
}

/// Both addresses, if there is nothing else.
fn range<const N: usize, A: From<[u8; N]> + Into<IpAddr>>(octets: &[u8]) -> Option<(IpAddr, IpAddr)> {
    match octets.as_chunks::<N>() {
        ([start, end], []) => Some((A::from(*start).into(), A::from(*end).into())),
        _ => None,
    }
}
