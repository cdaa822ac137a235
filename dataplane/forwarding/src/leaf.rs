//! What a FIB entry says: kind in 8 bits, index in 24.

use shm::message::Target;

/// What to do with a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// No route.
    None = 0,
    /// Index: peer.
    Peer = 1,
    /// Index: link.
    Link = 2,
    /// The hub itself. Index: tunnel.
    Tunnel = 3,
    /// The hub itself. Index: port.
    Port = 4,
    /// Resolve the destination itself. Index: port.
    Glean = 5,
    /// Known, but its next hop is not registered.
    Unresolved = 6,
    /// Discard route.
    Drop = 7,
    /// Not an answer: the low octet of the address decides. Index: group of 256 entries.
    Group = 8,
    /// Not an answer: the flow decides. Index: entry of several ways.
    Paths = 9,
}

const INDEX: u32 = 0x00ff_ffff;

/// A FIB entry. All zero: no route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Leaf(u32);

impl Leaf {
    /// No route.
    pub(crate) const NONE: Self = Self(0);
    /// Known, but its next hop is not registered.
    pub(crate) const UNRESOLVED: Self = Self::new(Kind::Unresolved, 0);

    /// Of a kind with an index below 2^24.
    #[inline(always)]
    pub(crate) const fn new(kind: Kind, index: u32) -> Self {
        Self((kind as u32) << 24 | index & INDEX)
    }
    /// From the word in the table.
    #[inline(always)]
    pub(crate) const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }
    /// The word in the table.
    #[inline(always)]
    pub(crate) const fn raw(self) -> u32 {
        self.0
    }
    /// The index, whatever it counts.
    #[inline(always)]
    pub(crate) const fn index(self) -> u32 {
        self.0 & INDEX
    }
    /// Its kind.
    #[inline(always)]
    pub(crate) const fn kind(self) -> Kind {
        match self.0 >> 24 {
            1 => Kind::Peer,
            2 => Kind::Link,
            3 => Kind::Tunnel,
            4 => Kind::Port,
            5 => Kind::Glean,
            6 => Kind::Unresolved,
            7 => Kind::Drop,
            8 => Kind::Group,
            9 => Kind::Paths,
            _ => Kind::None,
        }
    }
    /// Whether it is [`Kind::Peer`].
    #[inline(always)]
    pub(crate) const fn is_peer(self) -> bool {
        self.0 >> 24 == Kind::Peer as u32
    }
    /// Whether it is [`Kind::Paths`].
    #[inline(always)]
    pub(crate) const fn is_paths(self) -> bool {
        self.0 >> 24 == Kind::Paths as u32
    }
    /// The group it leads to, if it is no answer.
    #[inline(always)]
    pub(crate) const fn group(self) -> Option<u32> {
        if self.0 >> 24 == Kind::Group as u32 { Some(self.0 & INDEX) } else { None }
    }
}

impl From<Target> for Leaf {
    fn from(target: Target) -> Self {
        match target {
            Target::Peer(peer) => Self::new(Kind::Peer, peer),
            Target::Link(link) => Self::new(Kind::Link, link.into()),
            Target::Tunnel(tunnel) => Self::new(Kind::Tunnel, tunnel.into()),
            Target::Port(port) => Self::new(Kind::Port, port.into()),
            Target::Glean(port) => Self::new(Kind::Glean, port.into()),
            Target::Paths(paths) => Self::new(Kind::Paths, paths),
            Target::Unresolved => Self::UNRESOLVED,
            Target::Drop => Self::new(Kind::Drop, 0),
        }
    }
}
