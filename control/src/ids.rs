//! Small numbers given out and taken back.

use std::collections::VecDeque;

/// Numbers below a limit. The number freed longest ago is used again first, and fresh ones before that, so that
/// a number that a worker, a counter or an event still means finds a new owner as late as possible.
#[derive(Debug)]
pub struct Ids {
    next: u32,
    limit: u32,
    free: VecDeque<u32>,
    /// Requests that found none.
    pub full: u64,
}

impl Ids {
    /// Numbers from `first` up to `limit` (exclusive).
    pub fn new(first: u32, limit: u32) -> Self {
        Self { next: first, limit, free: VecDeque::new(), full: 0 }
    }

    /// Takes a number; one for which `busy` holds only if there is no other.
    pub fn take(&mut self, busy: impl Fn(u32) -> bool) -> Option<u32> {
        if self.next < self.limit {
            self.next += 1;
            return Some(self.next - 1);
        }
        let at = self.free.iter().position(|id| !busy(*id)).unwrap_or(0);
        let id = self.free.remove(at);
        self.full += u64::from(id.is_none());
        id
    }

    /// Takes exactly this number; `false` if it is taken or out of range.
    pub fn reserve(&mut self, id: u32) -> bool {
        if id >= self.limit {
            return false;
        }
        if id >= self.next {
            self.free.extend(self.next..id);
            self.next = id + 1;
            return true;
        }
        match self.free.iter().position(|free| *free == id) {
            Some(at) => self.free.remove(at).is_some(),
            None => false,
        }
    }

    /// Gives a number back.
    pub fn give(&mut self, id: u32) {
        debug_assert!(id < self.next && !self.free.contains(&id));
        self.free.push_back(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_first_then_longest_free_then_even_a_busy_one() {
        let mut ids = Ids::new(1, 4);
        assert_eq!((ids.take(|_| false), ids.take(|_| false)), (Some(1), Some(2)));
        ids.give(2);
        ids.give(1);
        assert_eq!(ids.take(|_| false), Some(3));
        assert_eq!(ids.take(|id| id == 2), Some(1));
        assert_eq!(ids.take(|_| true), Some(2));
        assert_eq!((ids.take(|_| false), ids.full), (None, 1));
    }

    #[test]
    fn reserving_leaves_the_numbers_below_free() {
        let mut ids = Ids::new(0, 8);
        assert!(ids.reserve(3) && !ids.reserve(3) && !ids.reserve(8) && ids.reserve(1));
        let taken: Vec<_> = std::iter::from_fn(|| ids.take(|_| false)).collect();
        assert_eq!(taken, [4, 5, 6, 7, 0, 2]);
    }
}
