//! A small record that one thread writes and many read without waiting for each other.
//!
//! The record is `N` words; the low half of the first is its sequence number, odd while a write is going on. Every
//! word is an atomic, so a torn read is not undefined behaviour, only a read to be repeated.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence};
use zerocopy::FromZeros;

/// Tries of one read. A write takes some ten nanoseconds; only a writer that lost its processor in the middle of one
/// makes a reader give up.
const TRIES: usize = 1024;
/// The bits of the first word that hold the sequence number.
const SEQUENCE: u64 = 0xffff_ffff;

/// A record of `N` words, the low 32 bits of the first not available.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub(crate) struct SeqLock<const N: usize> {
    words: [AtomicU64; N],
}

impl<const N: usize> SeqLock<N> {
    /// The record as of one write. `None` when a write did not end in time.
    ///
    /// Why this is right: a reader that saw a word of a later write passes the acquire fence after it; that word was
    /// stored after the writer's release fence, which follows the store of the odd number. So the second look at the
    /// first word sees that odd number or a later one, and the read is repeated.
    #[inline(always)]
    pub(crate) fn read(&self) -> Option<[u64; N]> {
        let record = self.attempt();
        if record.is_some() { record } else { self.read_again() }
    }

    #[inline(always)]
    fn attempt(&self) -> Option<[u64; N]> {
        let first = self.words[0].load(Acquire);
        let mut record = [first; N];
        for (copy, word) in record.iter_mut().zip(&self.words).skip(1) {
            *copy = word.load(Relaxed);
        }
        fence(Acquire);
        (first & 1 == 0 && self.words[0].load(Relaxed) == first).then_some(record)
    }

    #[cold]
    #[inline(never)]
    fn read_again(&self) -> Option<[u64; N]> {
        (0..TRIES).find_map(|_| {
            spin_loop();
            self.attempt()
        })
    }

    /// One word, of whatever write: a hint.
    #[inline(always)]
    pub(crate) fn peek(&self, word: usize) -> u64 {
        self.words.get(word).map_or(0, |word| word.load(Relaxed))
    }

    /// Replaces the record; the low half of `record[0]` is ignored. Only the one writer may call it.
    pub(crate) fn write(&self, record: &[u64; N]) {
        let old = self.words[0].load(Relaxed);
        let odd = (old & SEQUENCE).wrapping_add(1) & SEQUENCE;
        self.words[0].store((old & !SEQUENCE) | odd, Relaxed);
        fence(Release);
        for (word, new) in self.words.iter().zip(record).skip(1) {
            word.store(*new, Relaxed);
        }
        let even = odd.wrapping_add(1) & SEQUENCE;
        // Releases the words above to a reader that starts with this value.
        self.words[0].store((record[0] & !SEQUENCE) | even, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    fn zeroed<const N: usize>() -> SeqLock<N> {
        SeqLock { words: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    #[test]
    fn a_reader_never_sees_a_mixture() {
        let lock = zeroed::<8>();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let (mut reads, mut last) = (0_u64, 0);
                        while !done.load(Relaxed) || reads == 0 {
                            let Some(record) = lock.read() else { continue };
                            let value = record[0] >> 32;
                            assert!(record[1..].iter().all(|word| *word == value), "{record:?}");
                            assert!(value >= last, "went back from {last} to {value}");
                            last = value;
                            reads += 1;
                        }
                        reads
                    })
                })
                .collect();
            for value in 1..200_000_u64 {
                let mut record = [value; 8];
                record[0] = value << 32;
                lock.write(&record);
            }
            done.store(true, Relaxed);
            for reader in readers {
                assert!(reader.join().expect("reader") > 0);
            }
        });
    }

    #[test]
    fn an_unfinished_write_is_not_read() {
        let lock = zeroed::<2>();
        lock.write(&[7 << 32, 7]);
        assert_eq!(lock.read().map(|record| record[1]), Some(7));
        lock.words[0].fetch_add(1, Relaxed);
        assert_eq!(lock.read(), None);
    }
}
