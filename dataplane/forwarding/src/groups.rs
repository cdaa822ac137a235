//! Multicast routes as workers read them: from source and group to one line.
//!
//! | word | content |
//! |---|---|
//! | 0 | sequence number 32, incoming interface 8, its kind 8, flags 8, unused 8 |
//! | 1 | source 32 (0: any), group 32 |
//! | 2 | outgoing tunnels, a bit each |
//! | 3 | outgoing ports, a bit each |
//!
//! A group has a number, a number and a source lead to a route: so an entry of either map is one word. What a line says
//! it is about is compared with the packet, since maps and line are not changed at one instant.

use crate::nbma::{Key, NbmaMap};
use crate::seqlock::{Draft, SeqLock};
use crate::zeroed::zeroed;
use shm::message::{GroupId, GroupRoute, Incoming, max_groups};
use std::net::Ipv4Addr;

/// Bits of an entry that hold a route's or a group's number.
const NUMBER_BITS: u32 = 20;

const VALID: u8 = 1;
/// The kernel gets every packet.
const KERNEL: u8 = 2;

const FROM_TUNNEL: u8 = 1;
const FROM_PORT: u8 = 2;
const FROM_KERNEL: u8 = 3;

/// All multicast routes. Written by the updater, read by all workers.
#[derive(Debug)]
pub(crate) struct GroupTable {
    /// Groups to their numbers, which are not 0.
    pub(crate) groups: NbmaMap<NUMBER_BITS>,
    /// Group's number and source to the route.
    pub(crate) routes: NbmaMap<NUMBER_BITS>,
    lines: Box<[SeqLock<4>]>,
    draft: Draft<4>,
}

/// A multicast route as read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group([u64; 4]);

impl GroupTable {
    /// No routes. `None`: no memory.
    pub(crate) fn new(max_peers: u32) -> Option<Self> {
        let most = max_groups(max_peers);
        Some(Self {
            groups: NbmaMap::new(most)?,
            routes: NbmaMap::new(most)?,
            lines: zeroed(most as usize)?,
            draft: Draft::default(),
        })
    }

    /// The route of a packet: that of its source, or the one for any source.
    #[inline]
    pub(crate) fn find(&self, source: u32, group: u32) -> Option<(GroupId, Group)> {
        let number = self.groups.find(Key::new(0, group))?;
        let of = |source| {
            let id = self.routes.find(Key::of_group(number, source))? as GroupId;
            self.read(id).filter(|route| route.is_for(source, group)).map(|route| (id, route))
        };
        of(source).or_else(|| of(0))
    }

    /// One route.
    #[inline]
    pub(crate) fn read(&self, id: GroupId) -> Option<Group> {
        let group = Group(self.lines.get(usize::from(id))?.read(&self.draft)?);
        (group.flags() & VALID != 0).then_some(group)
    }

    /// Updater: sets the route's line, or takes it away.
    pub(crate) fn write(&self, id: GroupId, route: Option<&GroupRoute>) {
        if let Some(line) = self.lines.get(usize::from(id)) {
            line.write(&self.draft, &route.map_or([0; 4], |route| Group::new(route).0));
        }
    }
}

impl Group {
    fn new(route: &GroupRoute) -> Self {
        let (kind, index) = match route.incoming {
            Incoming::Tunnel(tunnel) => (FROM_TUNNEL, tunnel),
            Incoming::Port(port) => (FROM_PORT, port),
            Incoming::Kernel => (FROM_KERNEL, 0),
        };
        let flags = VALID | if route.kernel { KERNEL } else { 0 };
        Self([
            u64::from(index) << 32 | u64::from(kind) << 40 | u64::from(flags) << 48,
            key(route.source.map_or(0, Ipv4Addr::to_bits), route.group.to_bits()),
            route.tunnels,
            route.ports.into(),
        ])
    }

    fn flags(&self) -> u8 {
        (self.0[0] >> 48) as u8
    }
    /// Source and group in one word: what tells routes apart.
    pub(crate) fn key(&self) -> u64 {
        self.0[1]
    }
    fn is_for(&self, source: u32, group: u32) -> bool {
        self.key() == key(source, group)
    }
    /// Where its packets come from.
    pub(crate) fn incoming(&self) -> Incoming {
        let index = (self.0[0] >> 32) as u8;
        match (self.0[0] >> 40) as u8 {
            FROM_TUNNEL => Incoming::Tunnel(index),
            FROM_PORT => Incoming::Port(index),
            _ => Incoming::Kernel,
        }
    }
    /// Whether the kernel gets every packet.
    pub(crate) fn wants_kernel(&self) -> bool {
        self.flags() & KERNEL != 0
    }
    /// Outgoing tunnels by bit.
    pub(crate) fn tunnels(&self) -> u64 {
        self.0[2]
    }
    /// Outgoing ports by bit.
    pub(crate) fn ports(&self) -> u16 {
        self.0[3] as u16
    }
}

fn key(source: u32, group: u32) -> u64 {
    u64::from(source) << 32 | u64::from(group)
}
