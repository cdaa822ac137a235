//! Client information entries (RFC 2332 5.2.0.1).
//!
//! ```text
//! |     code      | prefix length |            unused             |
//! |  maximum transmission unit    |         holding time          |
//! | cli addr t/l  | cli saddr t/l | cli proto len |  preference   |
//! |           client NBMA address, client protocol address        |
//! ```

use super::MAX_CIES;
use super::cursor::{Cursor, address_len, put_address};
use super::error::ParseError;
use super::types::{AddressFamily, CieCode, Protocol};
use std::net::IpAddr;

/// Octets of an entry without addresses.
pub(super) const CIE_LEN: usize = 12;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cie {
    /// 0 in requests, the outcome in replies.
    pub code: CieCode,
    /// Prefix length as on the wire: 0 and 255 stand for a host.
    pub prefix_len: u8,
    /// The unused field, kept so that a packet is passed on as it was.
    pub unused: u16,
    /// MTU, 0: the default.
    pub mtu: u16,
    /// Holding time in seconds.
    pub holding_time: u16,
    /// NBMA address; `None` stands for the header's source.
    pub nbma: Option<IpAddr>,
    /// Protocol address; `None` stands for the header's source.
    pub protocol: Option<IpAddr>,
    /// Preference: higher is better.
    pub preference: u8,
}

impl Cie {
    /// An entry with nothing but zeros and no address.
    pub const EMPTY: Self = Self {
        code: CieCode::Ok,
        prefix_len: 0,
        unused: 0,
        mtu: 0,
        holding_time: 0,
        nbma: None,
        protocol: None,
        preference: 0,
    };

    /// Appends the entry as it is on the wire.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.push(self.code.0);
        out.push(self.prefix_len);
        out.extend_from_slice(&self.unused.to_be_bytes());
        out.extend_from_slice(&self.mtu.to_be_bytes());
        out.extend_from_slice(&self.holding_time.to_be_bytes());
        out.push(self.nbma.map_or(0, address_len));
        out.push(0);
        out.push(self.protocol.map_or(0, address_len));
        out.push(self.preference);
        for address in [self.nbma, self.protocol].into_iter().flatten() {
            put_address(out, address);
        }
    }

    fn parse(cursor: &mut Cursor<'_>, family: AddressFamily, protocol: Protocol) -> Result<Self, ParseError> {
        let left = cursor.0.len();
        let head = cursor.array::<CIE_LEN>().ok_or(ParseError::CieTruncated(left))?;
        let [code, prefix_len, u0, u1, m0, m1, h0, h1, nbma_len, subaddress, protocol_len, preference] = head;
        if nbma_len != 0 && usize::from(nbma_len) != family.address_len() {
            return Err(ParseError::CieNbmaLength(nbma_len));
        }
        if subaddress != 0 {
            return Err(ParseError::CieSubaddress(subaddress));
        }
        if protocol_len != 0 && usize::from(protocol_len) != protocol.address_len() {
            return Err(ParseError::CieProtocolLength(protocol_len));
        }
        let need = usize::from(nbma_len) + usize::from(protocol_len);
        let short = ParseError::CieAddresses { need, have: cursor.0.len() };
        let nbma = cursor.address(usize::from(nbma_len)).ok_or(short)?;
        let protocol = cursor.address(usize::from(protocol_len)).ok_or(short)?;
        Ok(Self {
            code: CieCode(code),
            prefix_len,
            unused: u16::from_be_bytes([u0, u1]),
            mtu: u16::from_be_bytes([m0, m1]),
            holding_time: u16::from_be_bytes([h0, h1]),
            nbma,
            protocol,
            preference,
        })
    }
}

/// The entries of a list. A list that was not checked ends at its first malformed entry.
#[derive(Clone)]
pub struct CieIter<'a> {
    cursor: Cursor<'a>,
    family: AddressFamily,
    protocol: Protocol,
}

impl<'a> CieIter<'a> {
    pub(super) fn new(list: &'a [u8], family: AddressFamily, protocol: Protocol) -> Self {
        Self { cursor: Cursor(list), family, protocol }
    }

    /// Checks a list to its last octet; returns the number of entries.
    pub(super) fn check(
        list: &'a [u8],
        family: AddressFamily,
        protocol: Protocol,
    ) -> Result<usize, ParseError> {
        let mut cursor = Cursor(list);
        let mut count = 0;
        while !cursor.0.is_empty() {
            if count == MAX_CIES {
                return Err(ParseError::TooManyCies);
            }
            Cie::parse(&mut cursor, family, protocol)?;
            count += 1;
        }
        Ok(count)
    }
}

impl Iterator for CieIter<'_> {
    type Item = Cie;
    fn next(&mut self) -> Option<Cie> {
        if self.cursor.0.is_empty() {
            return None;
        }
        let cie = Cie::parse(&mut self.cursor, self.family, self.protocol).ok();
        if cie.is_none() {
            self.cursor.0 = &[];
        }
        cie
    }
}
