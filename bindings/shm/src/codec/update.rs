//! [`Update`] as a slot. Those about SAs, several ways and multicast routes have forms of their own, [`super::sa`],
//! [`super::paths`] and [`super::group`].

use super::{Malformed, UPDATE_WORDS, below, group, paths, sa, target, udp, udp_of};
use crate::counters::{MAX_PORTS, MAX_TUNNELS};
use crate::message::{MAX_LINKS, MAX_VRFS, Protection, SessionId, Update, VrfId, max_sas};
use std::net::Ipv4Addr;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

const BEGIN: u8 = 1;
const END: u8 = 2;
const LINK: u8 = 3;
const LINK_DELETE: u8 = 4;
const PEER: u8 = 5;
const PEER_DELETE: u8 = 6;
const ROUTE: u8 = 7;
const ROUTE_DELETE: u8 = 8;
pub(super) const SA_INBOUND: u8 = 9;
pub(super) const SA_OUTBOUND: u8 = 10;
pub(super) const SA_DELETE: u8 = 11;
pub(super) const PATHS: u8 = 12;
pub(super) const PATHS_DELETE: u8 = 13;
pub(super) const GROUP: u8 = 20;
pub(super) const GROUP_DELETE: u8 = 21;
pub(super) const GROUP_MEMBER: u8 = 22;
pub(super) const GROUP_MEMBER_DELETE: u8 = 23;

/// `Link`: the MAC address is known. `Peer`: multicast is replicated.
const FLAG: u8 = 1;
/// `Peer`, protected: there is an SA to send with.
const SENDS: u8 = 2;

/// Writes the message into `out`; gives the words used. Refused when a field is beyond its bound, so that a mistake
/// shows at the sender. `out` holds keys afterwards.
pub fn encode(update: &Update, max_peers: u32, out: &mut [u64; UPDATE_WORDS]) -> Result<usize, Malformed> {
    if let Some(slot) = group::Slot::raw(update) {
        slot.decode(max_peers)?;
        return write(slot.as_bytes(), out);
    }
    if let Some(slot) = sa::Slot::raw(update) {
        let slot = slot?;
        slot.decode(max_peers)?;
        return write(slot.as_bytes(), out);
    }
    if let Some(slot) = paths::Slot::raw(update) {
        let slot = slot?;
        slot.decode(max_peers)?;
        return write(slot.as_bytes(), out);
    }
    let slot = Slot::raw(update)?;
    slot.decode(max_peers)?;
    write(slot.as_bytes(), out)
}

fn write(slot: &[u8], out: &mut [u64; UPDATE_WORDS]) -> Result<usize, Malformed> {
    let octets = out.as_mut_bytes().get_mut(..slot.len()).ok_or(Malformed::Length(slot.len()))?;
    octets.copy_from_slice(slot);
    Ok(slot.len() / 8)
}

/// The message of a slot of the ring.
pub fn decode(words: &[u64], max_peers: u32) -> Result<Update, Malformed> {
    let octets = words.as_bytes();
    let length = Malformed::Length(octets.len());
    match octets.first() {
        None => Err(length),
        Some(SA_INBOUND..=SA_DELETE) => {
            sa::Slot::ref_from_bytes(octets).map_err(|_| length)?.decode(max_peers)
        }
        Some(&PATHS | &PATHS_DELETE) => {
            paths::Slot::ref_from_bytes(octets).map_err(|_| length)?.decode(max_peers)
        }
        Some(GROUP..=GROUP_MEMBER_DELETE) => {
            group::Slot::ref_from_bytes(octets).map_err(|_| length)?.decode(max_peers)
        }
        Some(_) => Slot::ref_from_bytes(octets).map_err(|_| length)?.decode(max_peers),
    }
}

/// All kinds share one form; what a kind does not use is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Slot {
    /// Which message.
    pub kind: u8,
    /// Port, tunnel or prefix length.
    pub index: u8,
    /// `FLAG`, `SENDS`.
    pub flags: u8,
    /// Kind of a route's target.
    pub target: u8,
    /// Link, of a link or peer.
    pub link: u16,
    /// MAC address of a link.
    pub mac: [u8; 6],
    /// Peer, or number of the target.
    pub peer: u32,
    /// NBMA address or prefix.
    pub address: [u8; 4],
    /// Session of a protected peer; 0: not protected.
    pub session: u32,
    /// Of `Begin` and `End`.
    pub generation: u64,
    /// SA to send with.
    pub sa: u32,
    /// Port of UDP encapsulation; 0: plain ESP.
    pub port: u16,
    /// VRF of a route.
    pub vrf: u8,
    /// Zero.
    pub zero: u8,
}

const _: () = assert!(size_of::<Slot>() == 40 && size_of::<Slot>() / 8 < UPDATE_WORDS);

impl Slot {
    fn raw(update: &Update) -> Result<Self, Malformed> {
        let zero = Self::default();
        Ok(match *update {
            Update::Begin { generation } => Self { kind: BEGIN, generation, ..zero },
            Update::End { generation } => Self { kind: END, generation, ..zero },
            Update::Link { id, port, mac } => Self {
                kind: LINK,
                index: port,
                flags: if mac.is_some() { FLAG } else { 0 },
                link: id,
                mac: mac.unwrap_or_default(),
                ..zero
            },
            Update::LinkDelete { id } => Self { kind: LINK_DELETE, link: id, ..zero },
            Update::Peer { id, tunnel, nbma, link, multicast, protection } => {
                let flags = if multicast { FLAG } else { 0 };
                let (peer, address) = (id, nbma.octets());
                let slot = Self { kind: PEER, index: tunnel, flags, link, peer, address, ..zero };
                match protection {
                    None => slot,
                    Some(Protection { session, sa, udp: port }) => Self {
                        flags: if sa.is_some() { flags | SENDS } else { flags },
                        session: session.get(),
                        sa: sa.unwrap_or(0),
                        port: udp(port)?,
                        ..slot
                    },
                }
            }
            Update::PeerDelete { id } => Self { kind: PEER_DELETE, peer: id, ..zero },
            Update::Route { vrf, prefix, len, target } => {
                let (target, peer) = target::raw(target);
                Self { kind: ROUTE, index: len, address: prefix.octets(), target, peer, vrf, ..zero }
            }
            Update::RouteDelete { vrf, prefix, len } => {
                Self { kind: ROUTE_DELETE, index: len, address: prefix.octets(), vrf, ..zero }
            }
            Update::SaInbound(_)
            | Update::SaOutbound(_)
            | Update::SaDelete { .. }
            | Update::Paths { .. }
            | Update::PathsDelete { .. }
            | Update::Group { .. }
            | Update::GroupDelete { .. }
            | Update::GroupMember { .. }
            | Update::GroupMemberDelete { .. } => return Err(Malformed::Value("kind")),
        })
    }

    fn decode(&self, max_peers: u32) -> Result<Update, Malformed> {
        let update = match self.kind {
            BEGIN => Update::Begin { generation: self.generation()? },
            END => Update::End { generation: self.generation()? },
            LINK => Update::Link {
                id: self.link()?,
                port: below("port", self.index, MAX_PORTS)?,
                mac: (self.flags == FLAG).then_some(self.mac),
            },
            LINK_DELETE => Update::LinkDelete { id: self.link()? },
            PEER => Update::Peer {
                id: self.peer(max_peers)?,
                tunnel: below("tunnel", self.index, MAX_TUNNELS)?,
                nbma: self.address.into(),
                link: self.link()?,
                multicast: self.flags & FLAG != 0,
                protection: self.protection(max_peers)?,
            },
            PEER_DELETE => Update::PeerDelete { id: self.peer(max_peers)? },
            ROUTE => {
                let (prefix, len) = self.prefix()?;
                let target = target::decode(self.target, self.peer, max_peers)?;
                Update::Route { vrf: self.vrf()?, prefix, len, target }
            }
            ROUTE_DELETE => {
                let (prefix, len) = self.prefix()?;
                Update::RouteDelete { vrf: self.vrf()?, prefix, len }
            }
            kind => return Err(Malformed::Kind(kind)),
        };
        // Whatever the kind does not use must be as the sender leaves it.
        if Self::raw(&update)? != *self {
            return Err(Malformed::Value("an unused field"));
        }
        Ok(update)
    }

    fn generation(&self) -> Result<u64, Malformed> {
        if self.generation == 0 { Err(Malformed::Value("generation")) } else { Ok(self.generation) }
    }

    fn link(&self) -> Result<u16, Malformed> {
        below("link", self.link, MAX_LINKS)
    }

    fn vrf(&self) -> Result<VrfId, Malformed> {
        below("VRF", self.vrf, MAX_VRFS)
    }

    fn peer(&self, max_peers: u32) -> Result<u32, Malformed> {
        below("peer", self.peer, max_peers as usize)
    }

    fn protection(&self, max_peers: u32) -> Result<Option<Protection>, Malformed> {
        let sa = below("SA", self.sa, max_sas(max_peers) as usize)?;
        Ok(SessionId::new(self.session).map(|session| Protection {
            session,
            sa: (self.flags & SENDS != 0).then_some(sa),
            udp: udp_of(self.port),
        }))
    }

    fn prefix(&self) -> Result<(Ipv4Addr, u8), Malformed> {
        let len = below("prefix length", self.index, 33)?;
        let host = u32::MAX.checked_shr(len.into()).unwrap_or(0);
        let prefix = Ipv4Addr::from(self.address);
        if prefix.to_bits() & host != 0 {
            return Err(Malformed::Value("prefix"));
        }
        Ok((prefix, len))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::message::Target;
    use proptest::prelude::*;
    use zerocopy::IntoBytes;

    const MAX_PEERS: u32 = 1_000;

    fn prefix() -> impl Strategy<Value = (Ipv4Addr, u8)> {
        (any::<u32>(), 0..=32u8).prop_map(|(bits, len)| {
            let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
            (Ipv4Addr::from(bits & mask), len)
        })
    }

    pub(crate) fn update() -> impl Strategy<Value = Update> {
        let link = 0..MAX_LINKS as u16;
        let vrf = 0..MAX_VRFS as VrfId;
        prop_oneof![
            (1..=u64::MAX).prop_map(|generation| Update::Begin { generation }),
            (1..=u64::MAX).prop_map(|generation| Update::End { generation }),
            (link.clone(), 0..MAX_PORTS as u8, any::<Option<[u8; 6]>>())
                .prop_map(|(id, port, mac)| Update::Link { id, port, mac }),
            link.clone().prop_map(|id| Update::LinkDelete { id }),
            (
                (0..MAX_PEERS, 0..MAX_TUNNELS as u8, any::<Ipv4Addr>(), link, any::<bool>()),
                prop::option::of(sa::tests::protection(MAX_PEERS)),
            )
                .prop_map(|((id, tunnel, nbma, link, multicast), protection)| Update::Peer {
                    id,
                    tunnel,
                    nbma,
                    link,
                    multicast,
                    protection
                }),
            (0..MAX_PEERS).prop_map(|id| Update::PeerDelete { id }),
            (vrf.clone(), prefix(), target::tests::target(MAX_PEERS))
                .prop_map(|(vrf, (prefix, len), target)| Update::Route { vrf, prefix, len, target }),
            (vrf, prefix()).prop_map(|(vrf, (prefix, len))| Update::RouteDelete { vrf, prefix, len }),
            sa::tests::update(MAX_PEERS),
            sa::tests::update(MAX_PEERS),
            paths::tests::update(MAX_PEERS),
            group::tests::update(MAX_PEERS),
        ]
    }

    fn words(update: &Update) -> Vec<u64> {
        let mut words = [0; UPDATE_WORDS];
        let used = encode(update, MAX_PEERS, &mut words).unwrap();
        words[..used].to_vec()
    }

    proptest! {
        #[test]
        fn round_trip(update in update()) {
            prop_assert_eq!(decode(&words(&update), MAX_PEERS), Ok(update));
        }

        #[test]
        fn whatever_decodes_encodes_to_the_same_slot(
            mut given in prop::collection::vec(any::<u64>(), 0..UPDATE_WORDS),
            kind in 0..25u8,
        ) {
            if let Some(first) = given.first_mut() {
                *first = *first & !0xff | u64::from(kind);
            }
            if let Ok(update) = decode(&given, MAX_PEERS) {
                prop_assert_eq!(words(&update), given);
            }
        }

        /// A valid slot with one octet changed: mostly valid again or refused for one field, never a panic, and
        /// never an index beyond its bound.
        #[test]
        fn one_octet_changed(update in update(), at in any::<prop::sample::Index>(), value in any::<u8>()) {
            let mut words = words(&update);
            let at = at.index(words.len() * 8);
            words.as_mut_bytes()[at] = value;
            if let Ok(decoded) = decode(&words, MAX_PEERS) {
                let mut again = [0; UPDATE_WORDS];
                let used = encode(&decoded, MAX_PEERS, &mut again).unwrap();
                prop_assert_eq!(&again[..used], &words);
            }
        }
    }

    #[test]
    fn bounds_are_refused_by_name() {
        let bound = |update| match encode(&update, MAX_PEERS, &mut [0; UPDATE_WORDS]) {
            Err(Malformed::Bound { field, .. } | Malformed::Value(field)) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(bound(Update::PeerDelete { id: MAX_PEERS }), "peer");
        assert_eq!(bound(Update::LinkDelete { id: MAX_LINKS as u16 }), "link");
        assert_eq!(bound(Update::Link { id: 0, port: MAX_PORTS as u8, mac: None }), "port");
        assert_eq!(bound(Update::Begin { generation: 0 }), "generation");
        let prefix = Ipv4Addr::new(10, 0, 0, 1);
        assert_eq!(bound(Update::RouteDelete { vrf: 0, prefix, len: 24 }), "prefix");
        assert_eq!(bound(Update::RouteDelete { vrf: 0, prefix, len: 33 }), "prefix length");
        let target = Target::Tunnel(MAX_TUNNELS as u8);
        assert_eq!(bound(Update::Route { vrf: 0, prefix, len: 32, target }), "tunnel");
        let vrf = MAX_VRFS as VrfId;
        assert_eq!(bound(Update::Route { vrf, prefix, len: 32, target: Target::Drop }), "VRF");
        assert_eq!(bound(Update::RouteDelete { vrf, prefix, len: 32 }), "VRF");
        let peer = |sa, udp| {
            let protection = Some(Protection { session: SessionId::MIN, sa, udp });
            bound(Update::Peer { id: 0, tunnel: 0, nbma: prefix, link: 0, multicast: true, protection })
        };
        assert_eq!((peer(Some(max_sas(MAX_PEERS)), None), peer(None, Some(0))), ("SA", "UDP port"));
    }

    #[test]
    fn an_unused_field_must_be_zero() {
        let mut words = words(&Update::PeerDelete { id: 7 });
        for at in std::mem::offset_of!(Slot, session)..size_of::<Slot>() {
            words.as_mut_bytes()[at] = 1;
            assert_eq!(decode(&words, MAX_PEERS), Err(Malformed::Value("an unused field")), "{at}");
            words.as_mut_bytes()[at] = 0;
        }
        assert_eq!(decode(&[], MAX_PEERS), Err(Malformed::Length(0)));
    }
}
