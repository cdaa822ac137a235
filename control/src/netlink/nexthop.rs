//! Next-hop objects on the wire (`linux/nexthop.h`), which the library does not know. All numbers are in the order of
//! this machine; addresses as everywhere on the network.
//!
//! ```text
//!  0               1               2               3
//! +---------------+---------------+---------------+---------------+
//! | family        | scope         | protocol      | reserved      |
//! +---------------+---------------+---------------+---------------+
//! | flags (RTNH_F_*)                                              |
//! +---------------------------------------------------------------+
//! | attributes (NHA_*): length 16, type 16, value, padding to 4   |
//! ```

use super::attribute::{self, number};
use crate::kernel::{Fact, Hop, NextHop};
use std::net::Ipv4Addr;

/// `RTM_NEWNEXTHOP`
pub const NEW: u16 = 104;
/// `RTM_DELNEXTHOP`
pub const DELETE: u16 = 105;
/// `RTM_GETNEXTHOP`
const GET: u16 = 106;

/// Octets before the attributes.
const HEADER: usize = 8;
/// Octets of a group's member: id 32, weight less one 8, its upper bits 8 (since Linux 6.12), 16 reserved.
const MEMBER: usize = 8;
/// Most members of a group that are looked at.
const MAX_MEMBERS: usize = 256;
/// `RTNH_F_DEAD`
const DEAD: u32 = 1;

const NHA_ID: u16 = 1;
const NHA_GROUP: u16 = 2;
const NHA_BLACKHOLE: u16 = 4;
const NHA_OIF: u16 = 5;
const NHA_GATEWAY: u16 = 6;
const NHA_FDB: u16 = 11;

/// A request for all objects.
pub fn dump(sequence: u32) -> Vec<u8> {
    attribute::dump(GET, 0, HEADER, sequence)
}

/// What a message says; `None`: it cannot be read, `Some(None)`: it does not concern routes.
pub fn fact(new: bool, message: &[u8]) -> Option<Option<Fact>> {
    let flags = number(message.get(4..8)?)?;
    let (mut id, mut index, mut gateway) = (None, None, None);
    let (mut group, mut blackhole, mut other_family, mut of_bridge) = (None, false, false, false);
    attribute::read(message.get(HEADER..)?, |kind, value| {
        match kind {
            NHA_ID => id = Some(number(value)?),
            NHA_GROUP => {
                let members = value.chunks_exact(MEMBER).take(MAX_MEMBERS);
                group = Some(members.filter_map(member).collect());
            }
            NHA_BLACKHOLE => blackhole = true,
            NHA_OIF => index = Some(number(value)?),
            NHA_GATEWAY => match <[u8; 4]>::try_from(value) {
                Ok(octets) => gateway = Some(Ipv4Addr::from(octets)),
                Err(_) => other_family = true,
            },
            NHA_FDB => of_bridge = true,
            _ => {}
        }
        Some(())
    })?;
    let id = id?;
    if !new {
        return Some(Some(Fact::NextHopGone(id)));
    }
    if of_bridge {
        return Some(None);
    }
    let usable = !other_family && flags & DEAD == 0;
    let nexthop = match group {
        Some(members) => NextHop::Group(members),
        None if blackhole => NextHop::Blackhole,
        None => NextHop::Single(index.filter(|_| usable).map(|index| Hop { index, gateway, weight: 1 })),
    };
    Some(Some(Fact::NextHop(id, nexthop)))
}

fn member(octets: &[u8]) -> Option<(u32, u32)> {
    let weight = u16::from_le_bytes([*octets.get(4)?, *octets.get(5)?]);
    Some((number(octets.get(..4)?)?, u32::from(weight) + 1))
}

#[cfg(test)]
mod tests {
    use super::super::attribute::attribute;
    use super::*;

    fn message(flags: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut octets = vec![2, 0, 11, 0];
        octets.extend(flags.to_ne_bytes());
        octets.extend(attributes.concat());
        octets
    }

    #[test]
    fn reads_single_group_blackhole_and_what_is_of_no_use() {
        let id = attribute(NHA_ID, &7_u32.to_ne_bytes());
        let dev = attribute(NHA_OIF, &3_u32.to_ne_bytes());
        let v4 = attribute(NHA_GATEWAY, &[10, 255, 0, 11]);
        let v6 = attribute(NHA_GATEWAY, &[0xfe; 16]);
        let read = |flags, attributes: &[&Vec<u8>]| {
            let attributes: Vec<Vec<u8>> = attributes.iter().map(|a| (*a).clone()).collect();
            fact(true, &message(flags, &attributes))
        };
        let single = |hop| Some(Some(Fact::NextHop(7, NextHop::Single(hop))));
        let hop = Hop { index: 3, gateway: Some(Ipv4Addr::new(10, 255, 0, 11)), weight: 1 };
        assert_eq!(read(0, &[&id, &dev, &v4]), single(Some(hop)));
        assert_eq!(read(0, &[&id, &dev]), single(Some(Hop { gateway: None, ..hop })));
        assert_eq!(read(DEAD, &[&id, &dev, &v4]), single(None));
        assert_eq!(read(0, &[&id, &dev, &v6]), single(None));
        let members = [5_u32.to_ne_bytes(), [0; 4], 6_u32.to_ne_bytes(), [1, 0, 0, 0]].concat();
        assert_eq!(
            read(0, &[&id, &attribute(NHA_GROUP, &members)]),
            Some(Some(Fact::NextHop(7, NextHop::Group(vec![(5, 1), (6, 2)]))))
        );
        assert_eq!(
            read(0, &[&id, &attribute(NHA_BLACKHOLE, &[])]),
            Some(Some(Fact::NextHop(7, NextHop::Blackhole)))
        );
        assert_eq!(read(0, &[&id, &attribute(NHA_FDB, &[])]), Some(None));
        assert_eq!(fact(false, &message(0, &[id])), Some(Some(Fact::NextHopGone(7))));
    }

    #[test]
    fn refuses_what_is_cut_or_has_no_number() {
        let whole = message(0, &[attribute(NHA_ID, &7_u32.to_ne_bytes())]);
        assert!((0..whole.len()).all(|length| fact(true, &whole[..length]).is_none()));
        assert_eq!(fact(true, &message(0, &[attribute(NHA_ID, &[1])])), None);
        // An attribute of no length must not be read for ever.
        assert_eq!(fact(true, &message(0, &[vec![0; 4]])), None);
    }
}
