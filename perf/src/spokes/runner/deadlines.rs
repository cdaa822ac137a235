//! When which spoke has something to do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A deadline for each spoke.
#[derive(Clone, Debug)]
pub(super) struct Deadlines {
    /// Deadline and spoke; an entry that is not the spoke's in `scheduled` is void.
    heap: BinaryHeap<Reverse<(u64, u32)>>,
    scheduled: Vec<u64>,
}

impl Deadlines {
    /// The first ones, by number of the spoke.
    pub(super) fn new(first: Vec<u64>) -> Self {
        Self { heap: (0..).zip(&first).map(|(index, at)| Reverse((*at, index))).collect(), scheduled: first }
    }

    /// The earliest. It may be void, and is then too early.
    pub(super) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes a spoke whose deadline has come; it has none until it is given another.
    pub(super) fn due(&mut self, now: u64) -> Option<u32> {
        while self.next().is_some_and(|at| at <= now) {
            let Some(Reverse((at, index))) = self.heap.pop() else { break };
            if self.scheduled.get(index as usize) == Some(&at) {
                return Some(index);
            }
        }
        None
    }

    /// Gives a spoke its next deadline.
    pub(super) fn set(&mut self, index: u32, at: u64) {
        if let Some(scheduled) = self.scheduled.get_mut(index as usize) {
            *scheduled = at;
            self.heap.push(Reverse((at, index)));
        }
    }

    /// The same, if that is sooner than the one it has.
    pub(super) fn hasten(&mut self, index: u32, at: u64) {
        if self.scheduled.get(index as usize).is_some_and(|scheduled| at < *scheduled) {
            self.set(index, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spoke_has_the_deadline_that_it_was_given_last() {
        let mut deadlines = Deadlines::new(vec![30, 10, 20]);
        assert_eq!((deadlines.next(), deadlines.due(9)), (Some(10), None));
        deadlines.hasten(0, 40);
        deadlines.hasten(0, 5);
        assert_eq!(deadlines.due(30), Some(0));
        deadlines.set(0, 50);
        // What it had before it was hastened is void.
        assert_eq!([(); 3].map(|()| deadlines.due(30)), [Some(1), Some(2), None]);
        assert_eq!((deadlines.due(50), deadlines.due(50)), (Some(0), None));
    }
}
