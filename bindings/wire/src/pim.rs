//! PIM version 2: the Join/Prune message, by which a router asks its neighbour for groups.
//!
//! ```text
//! RFC 7761 4.9
//! |ver=2 |type=3  |   reserved    |           checksum            |   over the whole message
//! RFC 7761 4.9.5
//! |        upstream neighbor address (encoded unicast, 6 octets)  |
//! |   reserved    |  num groups   |           holdtime            |   seconds; 0xffff: for ever
//! for each group:
//! |         multicast group address (encoded group, 8 octets)     |
//! |   number of joined sources    |   number of pruned sources    |
//! |         joined, then pruned sources (encoded source, 8 each)  |
//!
//! encoded unicast   family = 1, encoding = 0, address
//! encoded group     family = 1, encoding = 0, flags, mask length, address
//! encoded source    family = 1, encoding = 0, flags ..... S W R, mask length, address
//! ```

use crate::checksum;
use std::net::Ipv4Addr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

const VERSION_2: u8 = 2;
const JOIN_PRUNE: u8 = 3;
/// Native encoding of an IPv4 address (RFC 7761 4.9.1).
const IPV4: [u8; 2] = [1, 0];

/// The source is an RP's address, and any source is meant (W).
pub const WILDCARD: u8 = 2;
/// Along the tree to the RP (R).
pub const RP_TREE: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    version_type: u8,
    reserved: u8,
    checksum: U16,
    upstream_form: [u8; 2],
    upstream: [u8; 4],
    reserved2: u8,
    groups: u8,
    holdtime: U16,
}
const _: () = assert!(size_of::<Header>() == 14);

#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct GroupHeader {
    form: [u8; 2],
    flags: u8,
    mask_len: u8,
    group: [u8; 4],
    joined: U16,
    pruned: U16,
}
const _: () = assert!(size_of::<GroupHeader>() == 12);

/// A source of a group, as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Source {
    form: [u8; 2],
    /// [`WILDCARD`], [`RP_TREE`], and the sparse bit.
    pub flags: u8,
    mask_len: u8,
    address: [u8; 4],
}
const _: () = assert!(size_of::<Source>() == 8);

impl Source {
    /// Its address; of a wildcard the RP's.
    pub fn address(&self) -> Ipv4Addr {
        self.address.into()
    }

    /// Whether any source is meant.
    pub fn is_wildcard(&self) -> bool {
        self.flags & WILDCARD != 0
    }

    /// Whether it is about the tree to the RP only.
    pub fn is_rp_tree(&self) -> bool {
        self.flags & RP_TREE != 0
    }

    fn is_sound(&self) -> bool {
        self.form == IPV4 && self.mask_len == 32
    }
}

/// Why octets are no Join/Prune message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Shorter than it says.
    #[error("PIM message cut short")]
    Truncated,
    /// Another version than 2.
    #[error("PIM version {0}")]
    Version(u8),
    /// Checksum wrong.
    #[error("PIM checksum wrong")]
    Checksum,
    /// An address that is none of IPv4, or a source with a mask.
    #[error("PIM address of another form")]
    Form,
}

/// A checked Join/Prune message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinPrune<'a> {
    /// Whom it asks.
    pub upstream: Ipv4Addr,
    /// Seconds for which it holds; 0xffff: until it is taken back.
    pub holdtime: u16,
    /// What about which groups.
    pub groups: Groups<'a>,
}

/// Checks and parses an IP packet's payload. `None`: another kind of PIM message.
pub fn parse(data: &[u8]) -> Result<Option<JoinPrune<'_>>, Error> {
    let kind = *data.first().ok_or(Error::Truncated)?;
    if kind >> 4 != VERSION_2 {
        return Err(Error::Version(kind >> 4));
    }
    if kind & 0xf != JOIN_PRUNE {
        return Ok(None);
    }
    let (header, rest) = Header::ref_from_prefix(data).map_err(|_| Error::Truncated)?;
    if !checksum::verify(data) {
        return Err(Error::Checksum);
    }
    if header.upstream_form != IPV4 {
        return Err(Error::Form);
    }
    let groups = Groups { left: header.groups, rest };
    // Once here, so that walking them meets no error.
    let mut all = groups;
    while all.left > 0 {
        let group = all.step().ok_or(Error::Truncated)?;
        if !group.sound {
            return Err(Error::Form);
        }
    }
    Ok(Some(JoinPrune { upstream: header.upstream.into(), holdtime: header.holdtime.get(), groups }))
}

/// The groups of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups<'a> {
    left: u8,
    rest: &'a [u8],
}

/// One group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// The group.
    pub group: Ipv4Addr,
    /// Length of its mask; 32 but for messages about ranges.
    pub mask_len: u8,
    /// Sources wanted.
    pub joined: &'a [Source],
    /// Sources not wanted any more.
    pub pruned: &'a [Source],
    sound: bool,
}

impl<'a> Groups<'a> {
    fn step(&mut self) -> Option<Group<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (header, rest) = GroupHeader::ref_from_prefix(self.rest).ok()?;
        let sources = |octets, count: U16| {
            <[Source]>::ref_from_prefix_with_elems(octets, usize::from(count.get())).ok()
        };
        let (joined, rest) = sources(rest, header.joined)?;
        let (pruned, rest) = sources(rest, header.pruned)?;
        self.rest = rest;
        let sound = header.form == IPV4 && joined.iter().chain(pruned).all(Source::is_sound);
        Some(Group { group: header.group.into(), mask_len: header.mask_len, joined, pruned, sound })
    }
}

impl<'a> Iterator for Groups<'a> {
    type Item = Group<'a>;

    fn next(&mut self) -> Option<Group<'a>> {
        self.step()
    }
}

/// A Join/Prune message about one group, joined and pruned sources with their flags.
pub fn join_prune(
    upstream: Ipv4Addr,
    holdtime: u16,
    group: Ipv4Addr,
    joined: &[(Ipv4Addr, u8)],
    pruned: &[(Ipv4Addr, u8)],
) -> Vec<u8> {
    let header = Header {
        version_type: VERSION_2 << 4 | JOIN_PRUNE,
        reserved: 0,
        checksum: U16::ZERO,
        upstream_form: IPV4,
        upstream: upstream.octets(),
        reserved2: 0,
        groups: 1,
        holdtime: holdtime.into(),
    };
    let group = GroupHeader {
        form: IPV4,
        flags: 0,
        mask_len: 32,
        group: group.octets(),
        joined: (joined.len() as u16).into(),
        pruned: (pruned.len() as u16).into(),
    };
    let mut message = [header.as_bytes(), group.as_bytes()].concat();
    for (address, flags) in joined.iter().chain(pruned) {
        let source = Source { form: IPV4, flags: *flags, mask_len: 32, address: address.octets() };
        message.extend_from_slice(source.as_bytes());
    }
    let sum = checksum::checksum(&message);
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HUB: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
    const RP: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 9);

    /// (*,G) join as RFC 7761 4.9.5.1 has it: the RP's address with S, W and R.
    #[test]
    fn golden() {
        let octets = [
            0x23, 0x00, 0xcc, 0xdb, 1, 0, 10, 0, 0, 1, 0, 1, 0, 210, // to 10.0.0.1, 210 s
            1, 0, 0, 32, 239, 1, 2, 3, 0, 1, 0, 0, // 239.1.2.3, one joined
            1, 0, 7, 32, 10, 1, 0, 9,
        ];
        assert_eq!(join_prune(HUB, 210, GROUP, &[(RP, 7)], &[]), octets);
        let message = parse(&octets).unwrap().unwrap();
        assert_eq!((message.upstream, message.holdtime), (HUB, 210));
        let groups: Vec<_> = message.groups.collect();
        assert_eq!(
            (groups.len(), groups[0].group, groups[0].mask_len, groups[0].pruned),
            (1, GROUP, 32, &[][..])
        );
        let source = groups[0].joined[0];
        assert_eq!((source.address(), source.is_wildcard(), source.is_rp_tree()), (RP, true, true));
        assert_eq!(parse(&[0x20, 0, 0xdf, 0xff]), Ok(None), "a Hello");
    }

    #[test]
    fn what_is_cut_or_of_another_form_is_refused() {
        let whole = join_prune(HUB, 210, GROUP, &[(RP, 7), (HUB, 4)], &[(HUB, 5)]);
        let summed = |mut octets: Vec<u8>| {
            if octets.len() >= 4 {
                octets[2..4].fill(0);
                let sum = checksum::checksum(&octets);
                octets[2..4].copy_from_slice(&sum.to_be_bytes());
            }
            octets
        };
        for len in 0..whole.len() {
            assert_eq!(parse(&summed(whole[..len].to_vec())), Err(Error::Truncated), "{len}");
        }
        for (at, error) in [
            (0, Error::Version(3)),
            (4, Error::Form),
            (14, Error::Form),
            (26, Error::Form),
            (29, Error::Form),
        ] {
            let mut other = whole.clone();
            other[at] = 0x33;
            assert_eq!(parse(&summed(other)), Err(error), "{at}");
        }
        let mut damaged = whole;
        damaged[30] ^= 1;
        assert_eq!(parse(&damaged), Err(Error::Checksum));
    }

    proptest! {
        #[test]
        fn comes_out_as_it_went_in(
            upstream in any::<Ipv4Addr>(), holdtime in any::<u16>(), group in any::<Ipv4Addr>(),
            joined in prop::collection::vec((any::<Ipv4Addr>(), 0..8_u8), 0..5),
            pruned in prop::collection::vec((any::<Ipv4Addr>(), 0..8_u8), 0..5),
        ) {
            let octets = join_prune(upstream, holdtime, group, &joined, &pruned);
            let message = parse(&octets).unwrap().unwrap();
            prop_assert_eq!((message.upstream, message.holdtime), (upstream, holdtime));
            let found: Vec<_> = message.groups.collect();
            let list = |sources: &[Source]| sources.iter().map(|s| (s.address(), s.flags)).collect::<Vec<_>>();
            prop_assert_eq!((found.len(), found[0].group), (1, group));
            prop_assert_eq!((list(found[0].joined), list(found[0].pruned)), (joined, pruned));
        }

        #[test]
        fn nothing_panics(octets in prop::collection::vec(any::<u8>(), 0..120)) {
            let mut octets = octets;
            if let Some(first) = octets.first_mut() { *first = 0x23; }
            if octets.len() >= 4 {
                octets[2..4].fill(0);
                let sum = checksum::checksum(&octets);
                octets[2..4].copy_from_slice(&sum.to_be_bytes());
            }
            if let Ok(Some(message)) = parse(&octets) {
                prop_assert_eq!(message.groups.count(), usize::from(octets[11]));
            }
        }
    }
}
