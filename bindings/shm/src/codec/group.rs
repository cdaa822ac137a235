//! The [`Update`]s about multicast routes as a slot.

use super::update::{GROUP, GROUP_DELETE, GROUP_MEMBER, GROUP_MEMBER_DELETE};
use super::{Malformed, UPDATE_WORDS, below};
use crate::counters::{MAX_PORTS, MAX_TUNNELS};
use crate::message::{GroupId, GroupRoute, Incoming, Update, is_routable_group, max_groups};
use std::net::Ipv4Addr;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The kernel gets every packet.
const TO_KERNEL: u8 = 1;

const FROM_TUNNEL: u8 = 1;
const FROM_PORT: u8 = 2;
const FROM_KERNEL: u8 = 3;

// A route names them by bits.
const _: () = assert!(MAX_TUNNELS <= 64 && MAX_PORTS <= 16);

/// All kinds share one form; what a kind does not use is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Slot {
    /// Which message.
    pub kind: u8,
    /// `TO_KERNEL`.
    pub flags: u8,
    /// Kind of the incoming interface.
    pub from: u8,
    /// Incoming tunnel or port.
    pub index: u8,
    /// Multicast route.
    pub id: u16,
    /// Outgoing ports by bit.
    pub ports: u16,
    /// Member.
    pub peer: u32,
    /// Source; 0.0.0.0: any.
    pub source: [u8; 4],
    /// Group.
    pub group: [u8; 4],
    /// Zero.
    pub zero: [u8; 4],
    /// Outgoing tunnels by bit.
    pub tunnels: u64,
}

const _: () = assert!(size_of::<Slot>() == 32 && size_of::<Slot>() / 8 < UPDATE_WORDS);

impl Slot {
    /// `None`: the message is about no multicast route.
    pub(super) fn raw(update: &Update) -> Option<Self> {
        const NOBODY: Ipv4Addr = Ipv4Addr::BROADCAST;
        let zero = Self::default();
        Some(match *update {
            Update::Group { id, route } => {
                let (from, index) = match route.incoming {
                    Incoming::Tunnel(tunnel) => (FROM_TUNNEL, tunnel),
                    Incoming::Port(port) => (FROM_PORT, port),
                    Incoming::Kernel => (FROM_KERNEL, 0),
                };
                Self {
                    kind: GROUP,
                    flags: if route.kernel { TO_KERNEL } else { 0 },
                    from,
                    index,
                    id,
                    ports: route.ports,
                    // A source that is none must not pass for any: it is refused by its bound.
                    source: match route.source {
                        None => [0; 4],
                        Some(Ipv4Addr::UNSPECIFIED) => NOBODY.octets(),
                        Some(source) => source.octets(),
                    },
                    group: route.group.octets(),
                    tunnels: route.tunnels,
                    ..zero
                }
            }
            Update::GroupDelete { id } => Self { kind: GROUP_DELETE, id, ..zero },
            Update::GroupMember { id, peer } => Self { kind: GROUP_MEMBER, id, peer, ..zero },
            Update::GroupMemberDelete { id, peer } => Self { kind: GROUP_MEMBER_DELETE, id, peer, ..zero },
            _ => return None,
        })
    }

    /// The message of a slot of the ring.
    pub(super) fn decode(&self, max_peers: u32) -> Result<Update, Malformed> {
        let id: GroupId = below("multicast route", self.id, max_groups(max_peers) as usize)?;
        let peer = || below("peer", self.peer, max_peers as usize);
        let update = match self.kind {
            GROUP => Update::Group { id, route: self.route()? },
            GROUP_DELETE => Update::GroupDelete { id },
            GROUP_MEMBER => Update::GroupMember { id, peer: peer()? },
            GROUP_MEMBER_DELETE => Update::GroupMemberDelete { id, peer: peer()? },
            kind => return Err(Malformed::Kind(kind)),
        };
        // Whatever the kind does not use must be as the sender leaves it.
        if Self::raw(&update) != Some(*self) {
            return Err(Malformed::Value("an unused field"));
        }
        Ok(update)
    }

    fn route(&self) -> Result<GroupRoute, Malformed> {
        let (source, group) = (Ipv4Addr::from(self.source), Ipv4Addr::from(self.group));
        if !is_routable_group(group) {
            return Err(Malformed::Value("group"));
        }
        if source.is_multicast() || source.is_broadcast() {
            return Err(Malformed::Value("source"));
        }
        Ok(GroupRoute {
            source: Some(source).filter(|source| !source.is_unspecified()),
            group,
            incoming: match self.from {
                FROM_TUNNEL => Incoming::Tunnel(below("tunnel", self.index, MAX_TUNNELS)?),
                FROM_PORT => Incoming::Port(below("port", self.index, MAX_PORTS)?),
                FROM_KERNEL => Incoming::Kernel,
                kind => return Err(Malformed::Kind(kind)),
            },
            tunnels: self.tunnels,
            ports: self.ports,
            kernel: self.flags == TO_KERNEL,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::codec::update::encode as encode_update;
    use proptest::prelude::*;

    fn route() -> impl Strategy<Value = GroupRoute> {
        let incoming = prop_oneof![
            (0..MAX_TUNNELS as u8).prop_map(Incoming::Tunnel),
            (0..MAX_PORTS as u8).prop_map(Incoming::Port),
            Just(Incoming::Kernel),
        ];
        let source = prop::option::of((1..0xdfff_ffff_u32).prop_map(Ipv4Addr::from));
        let group = (0xe000_0100_u32..=0xefff_ffff).prop_map(Ipv4Addr::from);
        (source, group, incoming, any::<(u64, u16, bool)>()).prop_map(
            |(source, group, incoming, (tunnels, ports, kernel))| GroupRoute {
                source,
                group,
                incoming,
                tunnels,
                ports,
                kernel,
            },
        )
    }

    pub(crate) fn update(max_peers: u32) -> impl Strategy<Value = Update> {
        let id = 0..max_groups(max_peers) as u16;
        prop_oneof![
            (id.clone(), route()).prop_map(|(id, route)| Update::Group { id, route }),
            id.clone().prop_map(|id| Update::GroupDelete { id }),
            (id.clone(), 0..max_peers).prop_map(|(id, peer)| Update::GroupMember { id, peer }),
            (id, 0..max_peers).prop_map(|(id, peer)| Update::GroupMemberDelete { id, peer }),
        ]
    }

    #[test]
    fn bounds_are_refused_by_name() {
        const MAX_PEERS: u32 = 1_000;
        let refused = |update| match encode_update(&update, MAX_PEERS, &mut [0; UPDATE_WORDS]) {
            Err(Malformed::Bound { field, .. } | Malformed::Value(field)) => field,
            other => panic!("{other:?}"),
        };
        let valid = GroupRoute {
            source: None,
            group: Ipv4Addr::new(239, 1, 2, 3),
            incoming: Incoming::Kernel,
            tunnels: u64::MAX,
            ports: u16::MAX,
            kernel: true,
        };
        let with = |route| refused(Update::Group { id: 0, route });
        assert_eq!(refused(Update::GroupDelete { id: 4_096 }), "multicast route");
        assert_eq!(refused(Update::GroupMember { id: 1, peer: MAX_PEERS }), "peer");
        assert_eq!(with(GroupRoute { group: Ipv4Addr::new(224, 0, 0, 5), ..valid }), "group");
        assert_eq!(with(GroupRoute { group: Ipv4Addr::new(10, 0, 0, 5), ..valid }), "group");
        assert_eq!(with(GroupRoute { source: Some(valid.group), ..valid }), "source");
        assert_eq!(with(GroupRoute { source: Some(Ipv4Addr::UNSPECIFIED), ..valid }), "source");
        assert_eq!(with(GroupRoute { incoming: Incoming::Tunnel(64), ..valid }), "tunnel");
        assert_eq!(with(GroupRoute { incoming: Incoming::Port(16), ..valid }), "port");
    }
}
