//! The [`Update`]s about [`Ways`] as a slot: sixteen targets, a word of 32 bits each.

use super::update::{PATHS, PATHS_DELETE};
use super::{Malformed, UPDATE_WORDS, below, target};
use crate::message::{MAX_PATHS, MAX_WAYS, Target, Update, Ways};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bits of the number in a way's word; the octet above them is the kind of its target.
const NUMBER_BITS: u32 = 24;
/// See [`NUMBER_BITS`].
const NUMBER: u32 = (1 << NUMBER_BITS) - 1;

/// Both kinds share one form; what a kind does not use is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Slot {
    /// Which message.
    pub kind: u8,
    /// How many ways there are.
    pub count: u8,
    /// Zero.
    pub zero: [u8; 2],
    /// Which entry.
    pub id: u32,
    /// Kind of target in 8 bits, its number in 24.
    pub ways: [u32; MAX_WAYS],
}

const _: () = assert!(size_of::<Slot>() == 72 && size_of::<Slot>() / 8 < UPDATE_WORDS);

impl Slot {
    /// `None`: the message is about no ways.
    pub(super) fn raw(update: &Update) -> Option<Result<Self, Malformed>> {
        Some(match update {
            Update::Paths { id, ways } => Self::of(*id, ways.as_slice()),
            Update::PathsDelete { id } => Ok(Self { kind: PATHS_DELETE, id: *id, ..Self::default() }),
            _ => return None,
        })
    }

    fn of(id: u32, ways: &[Target]) -> Result<Self, Malformed> {
        let mut slot = Self { kind: PATHS, count: ways.len() as u8, id, ..Self::default() };
        for (word, way) in slot.ways.iter_mut().zip(ways) {
            let (kind, number) = target::raw(*way);
            // Its own bound is far lower; a number that reached into the kind would make it another target.
            *word = u32::from(kind) << NUMBER_BITS | below("target", number, 1 << NUMBER_BITS)?;
        }
        Ok(slot)
    }

    pub(super) fn decode(&self, max_peers: u32) -> Result<Update, Malformed> {
        let id = below("paths", self.id, MAX_PATHS)?;
        let update = match self.kind {
            PATHS => Update::Paths { id, ways: self.ways(max_peers)? },
            PATHS_DELETE => Update::PathsDelete { id },
            kind => return Err(Malformed::Kind(kind)),
        };
        // Whatever the kind does not use must be as the sender leaves it.
        let unused = Malformed::Value("an unused field");
        let raw = Self::raw(&update).unwrap_or(Err(unused))?;
        if raw == *self { Ok(update) } else { Err(unused) }
    }

    fn ways(&self, max_peers: u32) -> Result<Ways, Malformed> {
        let count = usize::from(below("count of ways", self.count, MAX_WAYS + 1)?);
        let mut ways = [Target::Drop; MAX_WAYS];
        for (way, word) in ways.iter_mut().zip(self.ways).take(count) {
            *way = target::decode((word >> NUMBER_BITS) as u8, word & NUMBER, max_peers)?;
        }
        Ways::new(ways.into_iter().take(count)).ok_or(Malformed::Value("ways"))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::codec::update::{decode, encode};
    use proptest::prelude::*;
    use zerocopy::IntoBytes;

    pub(crate) fn update(max_peers: u32) -> impl Strategy<Value = Update> {
        let ways = prop::collection::vec(target::tests::way(max_peers), 1..=MAX_WAYS);
        let id = 0..MAX_PATHS as u32;
        prop_oneof![
            3 => (id.clone(), ways).prop_map(|(id, ways)| Update::Paths { id, ways: Ways::new(ways).unwrap() }),
            1 => id.prop_map(|id| Update::PathsDelete { id }),
        ]
    }

    #[test]
    fn what_no_sender_writes_is_refused() {
        let ways = Ways::new([Target::Peer(6), Target::Unresolved]).unwrap();
        let mut words = [0; UPDATE_WORDS];
        let used = encode(&Update::Paths { id: 3, ways }, 7, &mut words).unwrap();
        let slot = *Slot::ref_from_bytes(words[..used].as_bytes()).unwrap();
        let error = |change: &dyn Fn(&mut Slot)| {
            let mut slot = slot;
            change(&mut slot);
            let words: Vec<u64> =
                slot.as_bytes().as_chunks::<8>().0.iter().map(|octets| u64::from_ne_bytes(*octets)).collect();
            decode(&words, 7).unwrap_err()
        };
        let unused = Malformed::Value("an unused field");
        let bound = |field, found, bound| Malformed::Bound { field, found, bound };
        assert_eq!(error(&|slot| slot.id = 1 << 16), bound("paths", 1 << 16, 1 << 16));
        assert_eq!(error(&|slot| slot.count = 17), bound("count of ways", 17, 17));
        assert_eq!(error(&|slot| slot.count = 0), Malformed::Value("ways"));
        assert_eq!(error(&|slot| slot.count = 3), Malformed::Kind(0));
        assert_eq!(error(&|slot| slot.count = 1), unused);
        assert_eq!(error(&|slot| slot.ways[0] += 1), bound("peer", 7, 7));
        assert_eq!(error(&|slot| slot.ways[0] = 8 << NUMBER_BITS), Malformed::Value("ways"));
        assert_eq!(error(&|slot| slot.ways[1] += 1), unused);
        assert_eq!(error(&|slot| slot.ways[15] = 1), unused);
        assert_eq!(error(&|slot| slot.zero[1] = 1), unused);
        assert_eq!(error(&|slot| slot.kind = PATHS_DELETE), unused);
        let id = MAX_PATHS as u32;
        assert!(encode(&Update::PathsDelete { id }, 7, &mut words).is_err());
        let ways = Ways::new([Target::Peer(7)]).unwrap();
        assert!(encode(&Update::Paths { id: 0, ways }, 7, &mut words).is_err());
        let ways = Ways::new([Target::Peer(1 << 24)]).unwrap();
        assert!(encode(&Update::Paths { id: 0, ways }, u32::MAX, &mut words).is_err());
    }
}
