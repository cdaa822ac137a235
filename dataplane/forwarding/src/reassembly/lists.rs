//! Lists in order of age that run through slots by index, so that a slot enters and leaves in constant time and
//! nothing is allocated.

/// No slot.
pub const NONE: u16 = u16::MAX;

/// Ends of a list.
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// What entered first.
    pub oldest: u16,
    /// What entered last.
    pub newest: u16,
    /// Slots in it.
    pub len: u16,
}

impl List {
    pub const EMPTY: Self = Self { oldest: NONE, newest: NONE, len: 0 };
}

/// Neighbours of each slot. A slot is in one list at a time; many lists may share one set of links.
#[derive(Debug)]
pub struct Links(Box<[Link]>);

#[derive(Clone, Copy, Debug)]
struct Link {
    older: u16,
    newer: u16,
}

impl Links {
    /// For `slots` slots, in no list.
    pub fn new(slots: u16) -> Self {
        Self(vec![Link { older: NONE, newer: NONE }; usize::from(slots)].into_boxed_slice())
    }

    /// The slot that entered the list just before `at`, or [`NONE`].
    pub fn older(&self, at: u16) -> u16 {
        self.0.get(usize::from(at)).map_or(NONE, |link| link.older)
    }

    /// Adds a slot, which is in no list, as the newest.
    pub fn push(&mut self, list: &mut List, at: u16) {
        if let Some(link) = self.0.get_mut(usize::from(at)) {
            *link = Link { older: list.newest, newer: NONE };
            match self.0.get_mut(usize::from(list.newest)) {
                Some(link) => link.newer = at,
                None => list.oldest = at,
            }
            list.newest = at;
            list.len += 1;
        }
    }

    /// Takes a slot out of the list it is in.
    pub fn remove(&mut self, list: &mut List, at: u16) {
        let Some(&Link { older, newer }) = self.0.get(usize::from(at)) else { return };
        match self.0.get_mut(usize::from(older)) {
            Some(link) => link.newer = newer,
            None => list.oldest = newer,
        }
        match self.0.get_mut(usize::from(newer)) {
            Some(link) => link.older = older,
            None => list.newest = older,
        }
        list.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn newest_first(links: &Links, list: &List) -> Vec<u16> {
        std::iter::successors(Some(list.newest), |at| Some(links.older(*at)))
            .take_while(|at| *at != NONE)
            .collect()
    }

    proptest! {
        /// Two lists over one set of links against two vectors.
        #[test]
        fn as_vectors(steps in proptest::collection::vec((0u16..12, any::<bool>()), 0..200)) {
            let mut links = Links::new(12);
            let mut lists = [List::EMPTY; 2];
            let mut oracle = [Vec::new(), Vec::new()];
            for (at, which) in steps {
                match oracle.iter().position(|vector| vector.contains(&at)) {
                    Some(home) => {
                        links.remove(&mut lists[home], at);
                        oracle[home].retain(|other| *other != at);
                    }
                    None => {
                        links.push(&mut lists[usize::from(which)], at);
                        oracle[usize::from(which)].push(at);
                    }
                }
                for (list, vector) in lists.iter().zip(&oracle) {
                    prop_assert_eq!(usize::from(list.len), vector.len());
                    prop_assert_eq!(list.oldest, vector.first().copied().unwrap_or(NONE));
                    let expected: Vec<_> = vector.iter().rev().copied().collect();
                    prop_assert_eq!(newest_first(&links, list), expected);
                }
            }
        }
    }
}
