//! Anti-replay window of an inbound SA (RFC 4303 3.4.3), as the ring of RFC 6479.
//!
//! The window is a ring of 64-bit words that is never shifted: advancing clears the words that come into it. A number
//! is checked before the packet is opened and committed after it proved authentic; two copies may be opened in one
//! batch, so the commit checks again. With ESN the high half, which is not sent, is taken to be the one nearest to the
//! window (RFC 4303 A2.2); were that wrong, the packet would fail its integrity check and change nothing.
//!
//! One worker writes, the SA's owner; the words are atomics only because the SA is shared.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Sequence numbers of one word.
const BITS: u64 = u64::BITS as u64;

/// Why a sequence number is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replayed {
    /// Left of the window.
    Old,
    /// Received before, or never sent: 0.
    Duplicate,
}

/// The window.
#[derive(Debug)]
pub(crate) struct Window {
    /// Highest number committed, or else where the window began.
    top: AtomicU64,
    /// One bit for each number: received. A power of two of words, one more at least than the window has.
    words: Box<[AtomicU64]>,
    /// Numbers that it holds, a multiple of 64.
    size: u32,
    /// Whether numbers have 64 bits, of which 32 are sent.
    esn: bool,
}

impl Window {
    /// Of `size` numbers, from 64 to 4096, a power of two. `top` is the highest number that was ever received by
    /// somebody before: everything up to it counts as received.
    pub(crate) fn new(size: u16, esn: bool, top: u64) -> Self {
        let count = (usize::from(size) / BITS as usize + 1).next_power_of_two();
        let words: Box<[AtomicU64]> = (0..count).map(|_| AtomicU64::new(u64::MAX)).collect();
        let window = Self { top: AtomicU64::new(top), words, size: size.into(), esn };
        // What lies above the top in its own word was not received.
        window.word(top).store(u64::MAX >> (BITS - 1 - top % BITS), Relaxed);
        window
    }

    /// Highest number committed.
    #[inline(always)]
    pub(crate) fn top(&self) -> u64 {
        self.top.load(Relaxed)
    }

    /// Starts loading the word of a number of which only the low half is known.
    #[inline(always)]
    pub(crate) fn prefetch(&self, low: u32) {
        shm::cpu::prefetch(self.word(low.into()));
    }

    /// The whole number of a packet that brings `low`. `None`: it would lie before the first.
    #[inline(always)]
    pub(crate) fn extend(&self, low: u32) -> Option<u64> {
        if !self.esn {
            return Some(low.into());
        }
        // RFC 4303 A2.2: Th and Tl are the halves of the top, W is the window.
        let top = self.top();
        let (th, tl) = (top >> 32, top as u32);
        let bottom = tl.wrapping_sub(self.size - 1);
        let high = if tl >= self.size - 1 {
            // Case A: the window lies in one range of the low half. What is below it is of the next.
            if low >= bottom { th } else { th + 1 }
        } else if low >= bottom {
            // Case B: the window reaches back into the range before.
            th.checked_sub(1)?
        } else {
            th
        };
        Some((high & u64::from(u32::MAX)) << 32 | u64::from(low))
    }

    /// Whether the number may still come.
    #[inline(always)]
    pub(crate) fn check(&self, sequence: u64) -> Result<(), Replayed> {
        // RFC 4303 3.3.3: the first number is 1.
        if sequence == 0 {
            return Err(Replayed::Duplicate);
        }
        let top = self.top();
        if sequence > top {
            return Ok(());
        }
        if top - sequence >= self.size.into() {
            return Err(Replayed::Old);
        }
        match self.word(sequence).load(Relaxed) & bit(sequence) {
            0 => Ok(()),
            _ => Err(Replayed::Duplicate),
        }
    }

    /// Owner: the packet with this number is authentic. Tells whether it is the newest.
    #[inline(always)]
    pub(crate) fn commit(&self, sequence: u64) -> Result<bool, Replayed> {
        self.check(sequence)?;
        let top = self.top();
        let newest = sequence > top;
        if newest {
            self.advance(top, sequence);
        }
        let word = self.word(sequence);
        word.store(word.load(Relaxed) | bit(sequence), Relaxed);
        Ok(newest)
    }

    /// Clears the words that come into the window.
    #[inline(always)]
    fn advance(&self, top: u64, sequence: u64) {
        let (from, to) = (top / BITS, sequence / BITS);
        // A leap over the whole ring clears each word once.
        let count = (to - from).min(self.words.len() as u64);
        for index in 0..count {
            self.word((to - index) * BITS).store(0, Relaxed);
        }
        self.top.store(sequence, Relaxed);
    }

    #[inline(always)]
    fn word(&self, sequence: u64) -> &AtomicU64 {
        &self.words[(sequence / BITS) as usize & (self.words.len() - 1)]
    }
}

#[inline(always)]
fn bit(sequence: u64) -> u64 {
    1 << (sequence % BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// RFC 4303 3.4.3 word for word, with all memory in the world.
    struct Oracle {
        size: u64,
        top: u64,
        seen: HashSet<u64>,
        start: u64,
    }

    impl Oracle {
        fn receive(&mut self, sequence: u64) -> Result<bool, Replayed> {
            if sequence == 0 {
                return Err(Replayed::Duplicate);
            }
            if sequence + self.size <= self.top {
                return Err(Replayed::Old);
            }
            if sequence <= self.start || self.seen.contains(&sequence) {
                return Err(Replayed::Duplicate);
            }
            let newest = sequence > self.top;
            self.top = self.top.max(sequence);
            self.seen.insert(sequence);
            Ok(newest)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn agrees_with_the_oracle(
            log in 6..=12_u32,
            start in prop_oneof![0..200_u64, (1_u64 << 32) - 5000..(1 << 32) + 5000],
            // Mostly near the top on either side, now and then a leap.
            steps in prop::collection::vec(prop_oneof![
                9 => -200..200_i64, 4 => -5000..5000_i64, 1 => -100_000..100_000_i64,
            ], 1..600),
        ) {
            let size = 1_u16 << log;
            let window = Window::new(size, true, start);
            let mut oracle = Oracle { size: size.into(), top: start, seen: HashSet::new(), start };
            for step in steps {
                let sequence = oracle.top.saturating_add_signed(step);
                let checked = window.check(sequence);
                let expected = oracle.receive(sequence);
                prop_assert_eq!(checked, expected.map(drop));
                prop_assert_eq!(window.commit(sequence), expected);
                prop_assert_eq!(window.top(), oracle.top);
            }
        }

        /// Whoever is less than half the range from the top is told its true number.
        #[test]
        fn the_high_half_is_the_nearest(
            log in 6..=12_u32,
            top in prop_oneof![0..10_000_u64, any::<u64>().prop_map(|top| top >> 2)],
            near in any::<u32>(),
            ahead: bool,
        ) {
            let size = 1_u16 << log;
            let window = Window::new(size, true, top);
            // Behind the top as far as the window goes, or ahead of it as far as it does not.
            let sequence = match ahead {
                true => top + u64::from(near) % ((1 << 32) - u64::from(size)),
                false => top.saturating_sub(u64::from(near) % u64::from(size)),
            };
            prop_assert_eq!(window.extend(sequence as u32), Some(sequence), "top {:#x}", top);
        }
    }

    #[test]
    fn the_first_is_one() {
        for esn in [false, true] {
            let window = Window::new(64, esn, 0);
            assert_eq!(window.check(0), Err(Replayed::Duplicate));
            assert_eq!(window.extend(1), Some(1));
            assert_eq!(window.commit(1), Ok(true));
            assert_eq!(window.commit(1), Err(Replayed::Duplicate));
        }
    }

    #[test]
    fn each_number_of_the_window_comes_once_in_any_order() {
        for size in [64, 128, 1024, 4096_u16] {
            let window = Window::new(size, false, 0);
            let last = u64::from(size) + 7;
            assert_eq!(window.commit(last), Ok(true));
            for sequence in (8..last).rev() {
                assert_eq!(window.commit(sequence), Ok(false), "{sequence} of {size}");
                assert_eq!(window.commit(sequence), Err(Replayed::Duplicate));
            }
            assert_eq!(window.check(7), Err(Replayed::Old));
        }
    }

    #[test]
    fn after_a_crash_nothing_that_came_before_it_is_taken() {
        for top in [1, 63, 64, 100, 5000, u64::from(u32::MAX)] {
            let window = Window::new(128, false, top);
            for sequence in 0..=top.min(10_000) {
                assert!(window.check(top - sequence).is_err(), "{}", top - sequence);
            }
            for ahead in 1..300 {
                assert_eq!(window.commit(top + ahead), Ok(true));
            }
        }
    }

    /// RFC 4303 A2.2 at the place where the low half comes round, from both sides.
    #[test]
    fn the_low_half_comes_round() {
        let wrap = 1_u64 << 32;
        let window = Window::new(64, true, wrap - 3);
        // Case A.
        assert_eq!(window.extend(u32::MAX), Some(wrap - 1));
        assert_eq!(window.extend(0), Some(wrap));
        assert_eq!(window.commit(wrap + 2), Ok(true));
        // Case B.
        assert_eq!(window.extend(u32::MAX), Some(wrap - 1));
        assert_eq!(window.commit(wrap - 1), Ok(false));
        assert_eq!(window.commit(wrap), Ok(false), "a low half of 0 is a number like any other");
        assert_eq!(window.extend(3), Some(wrap + 3));
        assert_eq!(window.check(wrap - 3), Err(Replayed::Duplicate));
        // Before the first number is nothing.
        assert_eq!(Window::new(64, true, 5).extend(u32::MAX), None);
    }
}
