//! Several ways to the same place.

use super::Target;

/// Index of an entry with several ways, chosen by control, below [`MAX_PATHS`].
pub type PathsId = u32;

/// Most entries with several ways: distinct sets of next hops, not prefixes.
pub const MAX_PATHS: usize = 65_536;
/// Most ways of an entry: one cache line of the dataplane's.
pub const MAX_WAYS: usize = 16;

/// 1 to [`MAX_WAYS`] ways, none of which is [`Target::Paths`]. A flow takes one of them and stays with it while the
/// entry does not change. One that stands several times gets as many shares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ways {
    /// How many of `ways` count.
    len: u8,
    /// The others are [`Target::Drop`].
    ways: [Target; MAX_WAYS],
}

impl Ways {
    /// `None`: there are none, too many, or one leads to several in turn.
    pub fn new(ways: impl IntoIterator<Item = Target>) -> Option<Self> {
        let mut own = Self { len: 0, ways: [Target::Drop; MAX_WAYS] };
        for way in ways {
            if matches!(way, Target::Paths(_)) {
                return None;
            }
            *own.ways.get_mut(usize::from(own.len))? = way;
            own.len += 1;
        }
        (own.len > 0).then_some(own)
    }

    /// All of them, in their order.
    pub fn as_slice(&self) -> &[Target] {
        self.ways.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl std::fmt::Debug for Ways {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_some_and_lead_somewhere() {
        let peers = |count: u32| Ways::new((0..count).map(Target::Peer));
        assert_eq!((peers(0), peers(17)), (None, None));
        assert_eq!(peers(16).map(|ways| ways.as_slice().len()), Some(16));
        assert_eq!(Ways::new([Target::Link(1), Target::Paths(0)]), None);
        let ways = Ways::new([Target::Link(1), Target::Link(1), Target::Unresolved]).unwrap();
        assert_eq!(ways.as_slice(), [Target::Link(1), Target::Link(1), Target::Unresolved]);
        assert_eq!(format!("{ways:?}"), "[Link(1), Link(1), Unresolved]");
    }
}
