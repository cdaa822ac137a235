//! One kind of desired state: what the data plane should hold, what it was told, and where the two differ.
//!
//! A change only marks its key; the value is read when the ring has room. So a key that changes a hundred times
//! while the ring is full costs one update, and what waits is bounded by the state itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;

/// Desired and told rows by key.
#[derive(Debug)]
pub struct Table<K, V> {
    want: BTreeMap<K, V>,
    told: BTreeMap<K, V>,
    upserts: BTreeSet<K>,
    deletes: BTreeSet<K>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            want: BTreeMap::new(),
            told: BTreeMap::new(),
            upserts: BTreeSet::new(),
            deletes: BTreeSet::new(),
        }
    }
}

impl<K: Ord + Copy, V: PartialEq + Copy> Table<K, V> {
    /// Sets what is wanted under a key, and returns what was wanted before.
    pub fn set(&mut self, key: K, value: Option<V>) -> Option<V> {
        let old = match value {
            Some(value) => self.want.insert(key, value),
            None => self.want.remove(&key),
        };
        self.compare(key);
        old
    }

    /// What is wanted under a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.want.get(key)
    }

    /// All that is wanted.
    #[cfg(test)]
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.want.iter()
    }

    /// What is wanted under keys within a range.
    pub fn range(&self, keys: impl RangeBounds<K>) -> impl Iterator<Item = (&K, &V)> {
        self.want.range(keys)
    }

    /// How many rows are wanted.
    pub fn len(&self) -> usize {
        self.want.len()
    }

    /// Whether the data plane may still hold the key.
    pub fn is_told(&self, key: &K) -> bool {
        self.told.contains_key(key)
    }

    /// Whether the data plane was told what is wanted under the key now.
    pub fn is_current(&self, key: &K) -> bool {
        !self.upserts.contains(key) && !self.deletes.contains(key)
    }

    /// How many keys still have to be told.
    pub fn pending(&self) -> usize {
        self.upserts.len() + self.deletes.len()
    }

    /// The next row to create or change.
    pub fn upsert(&self) -> Option<(K, V)> {
        let key = *self.upserts.first()?;
        self.want.get(&key).map(|value| (key, *value))
    }

    /// The next row to remove.
    pub fn delete(&self) -> Option<K> {
        self.deletes.first().copied()
    }

    /// The data plane was told the present value of a key.
    pub fn tell(&mut self, key: K) {
        match self.want.get(&key) {
            Some(value) => self.told.insert(key, *value),
            None => self.told.remove(&key),
        };
        self.compare(key);
    }

    /// The data plane holds nothing any more (or nothing that can be relied on): tell everything again.
    pub fn forget(&mut self) {
        self.told.clear();
        self.deletes.clear();
        self.upserts = self.want.keys().copied().collect();
    }

    fn compare(&mut self, key: K) {
        let (want, told) = (self.want.get(&key), self.told.get(&key));
        let (upsert, delete) = (want.is_some() && want != told, want.is_none() && told.is_some());
        toggle(&mut self.upserts, key, upsert);
        toggle(&mut self.deletes, key, delete);
    }
}

fn toggle<K: Ord>(set: &mut BTreeSet<K>, key: K, present: bool) {
    if present {
        set.insert(key);
    } else {
        set.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_and_its_undoing_cost_nothing() {
        let mut table = Table::default();
        table.set(1, Some('a'));
        assert_eq!(table.upsert(), Some((1, 'a')));
        table.tell(1);
        assert_eq!((table.upsert(), table.pending()), (None, 0));
        table.set(1, Some('b'));
        table.set(1, Some('a'));
        assert_eq!(table.pending(), 0);
        table.set(1, None);
        assert_eq!((table.delete(), table.is_told(&1)), (Some(1), true));
        table.tell(1);
        assert_eq!((table.delete(), table.is_told(&1)), (None, false));
    }

    #[test]
    fn forgetting_names_all_that_is_wanted_and_deletes_nothing() {
        let mut table = Table::default();
        for key in 0..3 {
            table.set(key, Some(key));
            table.tell(key);
        }
        table.set(1, None);
        table.forget();
        assert_eq!((table.pending(), table.delete()), (2, None));
    }
}
