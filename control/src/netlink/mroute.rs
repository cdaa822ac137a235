//! Multicast routes on the wire: an `rtmsg` of family `RTNL_FAMILY_IPMR`, which the library does not tell from another.
//! All numbers are in the order of this machine; addresses as everywhere on the network.
//!
//! ```text
//!  0               1               2               3
//! +---------------+---------------+---------------+---------------+
//! | family = 128  | dst length    | src length    | tos           |
//! | table         | protocol      | scope         | type          |
//! | flags (RTNH_F_UNRESOLVED: the daemon has not said where to)   |
//! +---------------------------------------------------------------+
//! | attributes (RTA_*): length 16, type 16, value, padding to 4   |
//!
//! RTA_MULTIPATH: for each outgoing interface
//! | length                        | flags         | TTL threshold |
//! | interface                                                     |
//! ```

use super::attribute::{self, address, number};
use crate::kernel::{Fact, Mroute};
use std::net::Ipv4Addr;

/// `RTM_NEWROUTE`
pub const NEW: u16 = 24;
/// `RTM_DELROUTE`
pub const DELETE: u16 = 25;
/// `RTM_GETROUTE`
const GET: u16 = 26;
/// `RTNL_FAMILY_IPMR`
pub const FAMILY: u8 = 128;
/// `RT_TABLE_DEFAULT`, the multicast forwarding cache that daemons use unless told otherwise.
const TABLE: u8 = 253;

/// Octets before the attributes.
const HEADER: usize = 12;
/// Octets of an outgoing interface.
const HOP: usize = 8;

const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_IIF: u16 = 3;
const RTA_MULTIPATH: u16 = 9;

/// A request for all multicast routes.
pub fn dump(sequence: u32) -> Vec<u8> {
    attribute::dump(GET, FAMILY, HEADER, sequence)
}

/// What a message says; `None`: it cannot be read, `Some(None)`: it is of another table.
pub fn fact(new: bool, message: &[u8]) -> Option<Option<Fact>> {
    let table = *message.get(4)?;
    let (mut group, mut source, mut incoming, mut outgoing) = (None, Ipv4Addr::UNSPECIFIED, None, Vec::new());
    attribute::read(message.get(HEADER..)?, |kind, value| {
        match kind {
            RTA_DST => group = Some(address(value)?),
            RTA_SRC => source = address(value)?,
            RTA_IIF => incoming = Some(number(value)?),
            RTA_MULTIPATH => outgoing = hops(value)?,
            _ => {}
        }
        Some(())
    })?;
    if table != TABLE {
        return Some(None);
    }
    let group = group?;
    let source = Some(source).filter(|source| !source.is_unspecified());
    // Without an incoming interface it is one that the daemon has not decided on.
    Some(Some(match incoming.filter(|_| new) {
        Some(incoming) => Fact::Mroute(Mroute { group, source, incoming, outgoing }),
        None => Fact::MrouteGone(group, source),
    }))
}

fn hops(mut rest: &[u8]) -> Option<Vec<u32>> {
    let mut indexes = Vec::new();
    while let Some(&[a, b, ..]) = rest.first_chunk::<HOP>() {
        let length = usize::from(u16::from_ne_bytes([a, b]));
        if length < HOP {
            return None;
        }
        indexes.push(number(rest.get(4..HOP)?)?);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(indexes)
}

#[cfg(test)]
mod tests {
    use super::super::attribute::attribute;
    use super::*;

    fn message(table: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
        let header = [FAMILY, 32, 32, 0, table, 17, 0, 5, 0, 0, 0, 0];
        [header.to_vec(), attributes.concat()].concat()
    }

    #[test]
    fn reads_routes_of_the_table_that_daemons_use() {
        let group = attribute(RTA_DST, &[239, 1, 2, 3]);
        let source = attribute(RTA_SRC, &[10, 1, 0, 50]);
        let any = attribute(RTA_SRC, &[0; 4]);
        let iif = attribute(RTA_IIF, &7_u32.to_ne_bytes());
        let hop = |index: u32| [&8_u16.to_ne_bytes()[..], &[0, 1], &index.to_ne_bytes()].concat();
        let oifs = attribute(RTA_MULTIPATH, &[hop(8), hop(9)].concat());
        let stats = attribute(17, &[0; 24]);
        let at = Ipv4Addr::new(239, 1, 2, 3);
        let from = Some(Ipv4Addr::new(10, 1, 0, 50));
        let all = [group.clone(), source.clone(), iif.clone(), oifs, stats];
        let whole = message(TABLE, &all);
        let route = Mroute { group: at, source: from, incoming: 7, outgoing: vec![8, 9] };
        assert_eq!(fact(true, &whole), Some(Some(Fact::Mroute(route))));
        assert_eq!(fact(false, &whole), Some(Some(Fact::MrouteGone(at, from))));
        assert_eq!(fact(true, &message(254, &all)), Some(None));
        // Not decided on yet; for any source.
        assert_eq!(
            fact(true, &message(TABLE, &[group.clone(), source])),
            Some(Some(Fact::MrouteGone(at, from)))
        );
        let route = Mroute { group: at, source: None, incoming: 7, outgoing: vec![] };
        assert_eq!(fact(true, &message(TABLE, &[group, any, iif])), Some(Some(Fact::Mroute(route))));
    }

    #[test]
    fn refuses_what_is_cut() {
        let short = attribute(RTA_MULTIPATH, &[4, 0, 0, 0, 0, 0, 0, 0]);
        let group = attribute(RTA_DST, &[239, 1, 2, 3]);
        assert_eq!(fact(true, &message(TABLE, &[group.clone(), short])), None);
        assert_eq!(fact(true, &message(TABLE, &[])), None);
        assert_eq!(fact(true, &message(TABLE, &[vec![0; 4]])), None);
        let whole = message(TABLE, &[group]);
        assert!((0..whole.len()).all(|length| fact(true, &whole[..length]).is_none()));
    }
}
