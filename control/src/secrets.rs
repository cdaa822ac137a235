//! Rows that hold keys: like [`crate::table::Table`], but without a copy of what was told.
//!
//! Key material is here once. What was told is known by its key alone, so a row that is set is told again even if it
//! did not change; rows with keys change seldom.

use std::collections::{BTreeMap, BTreeSet};

/// Desired rows by key, and which of them were told.
#[derive(Debug)]
pub struct Secrets<K, V> {
    want: BTreeMap<K, V>,
    told: BTreeSet<K>,
    upserts: BTreeSet<K>,
    deletes: BTreeSet<K>,
}

impl<K, V> Default for Secrets<K, V> {
    fn default() -> Self {
        Self {
            want: BTreeMap::new(),
            told: BTreeSet::new(),
            upserts: BTreeSet::new(),
            deletes: BTreeSet::new(),
        }
    }
}

impl<K: Ord + Copy, V> Secrets<K, V> {
    /// Sets what is wanted under a key; of what was wanted before the keys are wiped.
    pub fn set(&mut self, key: K, value: Option<V>) {
        match value {
            Some(value) => {
                self.want.insert(key, value);
                self.upserts.insert(key);
                self.deletes.remove(&key);
            }
            None => {
                self.want.remove(&key);
                self.upserts.remove(&key);
                if self.told.contains(&key) {
                    self.deletes.insert(key);
                }
            }
        }
    }

    /// Changes what is wanted under a key, where there is something.
    pub fn change(&mut self, key: K, change: impl FnOnce(&mut V)) {
        if let Some(value) = self.want.get_mut(&key) {
            change(value);
            self.upserts.insert(key);
        }
    }

    /// What is wanted under a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.want.get(key)
    }

    /// All that is wanted.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.want.iter()
    }

    /// How many rows are wanted.
    pub fn len(&self) -> usize {
        self.want.len()
    }

    /// Whether the data plane may still hold the key.
    pub fn is_told(&self, key: &K) -> bool {
        self.told.contains(key)
    }

    /// How many keys still have to be told.
    pub fn pending(&self) -> usize {
        self.upserts.len() + self.deletes.len()
    }

    /// The next row to create or change.
    pub fn upsert(&self) -> Option<(K, &V)> {
        let key = *self.upserts.first()?;
        self.want.get(&key).map(|value| (key, value))
    }

    /// The next row to remove.
    pub fn delete(&self) -> Option<K> {
        self.deletes.first().copied()
    }

    /// The data plane was told the present value of a key.
    pub fn tell(&mut self, key: K) {
        self.upserts.remove(&key);
        self.deletes.remove(&key);
        if self.want.contains_key(&key) {
            self.told.insert(key);
        } else {
            self.told.remove(&key);
        }
    }

    /// The data plane holds nothing any more (or nothing that can be relied on): tell everything again.
    pub fn forget(&mut self) {
        self.told.clear();
        self.deletes.clear();
        self.upserts = self.want.keys().copied().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_told_is_not_taken_back() {
        let mut secrets = Secrets::default();
        secrets.set(1, Some('a'));
        secrets.set(1, None);
        assert_eq!((secrets.pending(), secrets.delete()), (0, None));
        secrets.set(2, Some('b'));
        secrets.tell(2);
        secrets.change(2, |value| *value = 'c');
        assert_eq!(secrets.upsert(), Some((2, &'c')));
        secrets.set(2, None);
        assert_eq!((secrets.upsert(), secrets.delete(), secrets.is_told(&2)), (None, Some(2), true));
        // Wanted again before it was taken back: one update, no removal.
        secrets.set(2, Some('d'));
        assert_eq!((secrets.upsert(), secrets.delete()), (Some((2, &'d')), None));
        secrets.tell(2);
        secrets.forget();
        assert_eq!((secrets.pending(), secrets.is_told(&2)), (1, false));
    }
}
