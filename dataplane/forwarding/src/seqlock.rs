//! Small records that one thread writes and many read without waiting for each other.
//!
//! A record is `N` words; the low half of the first is its sequence number, odd while a write is going on. Every
//! word is an atomic, so a torn read is not undefined behaviour, only a read to be repeated.
//!
//! The writer may lose its processor in the middle of a write, for milliseconds. So that readers need not wait for it to
//! come back, the new record stands whole in the table's [`Draft`] before the record itself is touched: who finds a
//! record half written takes the draft. A reader goes round again only if the writer has got on meanwhile.

use crossbeam::utils::CachePadded;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence};
use zerocopy::FromZeros;

/// Tries of one read. Each that fails had a write begin or end under it, and a write takes some ten nanoseconds.
const TRIES: usize = 1024;
/// The bits of the first word that hold the sequence number.
const SEQUENCE: u64 = 0xffff_ffff;

/// A record of `N` words, the low 32 bits of the first not available.
#[derive(Debug, FromZeros)]
#[repr(C)]
pub(crate) struct SeqLock<const N: usize> {
    words: [AtomicU64; N],
}

/// What the one writer of a table of records is writing, or wrote last. Away from what readers need all the time.
#[derive(Debug)]
pub(crate) struct Draft<const N: usize>(CachePadded<[AtomicU64; N]>);

impl<const N: usize> Default for Draft<N> {
    fn default() -> Self {
        Self(CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0))))
    }
}

impl<const N: usize> SeqLock<N> {
    /// The record as of one write, the low half of its first word aside. `draft` is its table's. `None` only when
    /// write followed write all the time.
    ///
    /// Why this is right: a reader that saw a word of a later write passes the acquire fence after it; that word was
    /// stored after the writer's release fence, which follows the store of the odd number. So the second look at the
    /// first word sees that odd number or a later one, and the read is repeated.
    #[inline(always)]
    pub(crate) fn read(&self, draft: &Draft<N>) -> Option<[u64; N]> {
        let mut record = [0; N];
        self.read_into(draft, &mut record).then_some(record)
    }

    /// The same, put into `record`; `false`: that holds nothing of use.
    #[inline(always)]
    pub(crate) fn read_into(&self, draft: &Draft<N>, record: &mut [u64; N]) -> bool {
        self.attempt(record) || self.read_again(draft, record)
    }

    #[inline(always)]
    fn attempt(&self, record: &mut [u64; N]) -> bool {
        let first = self.words[0].load(Acquire);
        record[0] = first;
        for (copy, word) in record.iter_mut().zip(&self.words).skip(1) {
            *copy = word.load(Relaxed);
        }
        fence(Acquire);
        first & 1 == 0 && self.words[0].load(Relaxed) == first
    }

    #[cold]
    #[inline(never)]
    fn read_again(&self, draft: &Draft<N>, record: &mut [u64; N]) -> bool {
        (0..TRIES).any(|_| {
            let whole = self.attempt(record) || self.drafted(draft, record);
            if !whole {
                spin_loop();
            }
            whole
        })
    }

    /// The record that is being written.
    ///
    /// Why this is right: the odd number was released after the draft, so who acquired it reads the draft of that write
    /// or of a later one. A word of a later draft was stored after a release fence that follows the end of this
    /// write; then the second look at the first word, behind an acquire fence, sees another number.
    fn drafted(&self, draft: &Draft<N>, record: &mut [u64; N]) -> bool {
        let first = self.words[0].load(Acquire);
        if first & 1 == 0 {
            return false;
        }
        for (copy, word) in record.iter_mut().zip(draft.0.iter()) {
            *copy = word.load(Relaxed);
        }
        fence(Acquire);
        self.words[0].load(Relaxed) == first
    }

    /// One word, of whatever write: a hint.
    #[inline(always)]
    pub(crate) fn peek(&self, word: usize) -> u64 {
        self.words.get(word).map_or(0, |word| word.load(Relaxed))
    }

    /// Replaces the record; the low half of `record[0]` is ignored. Only the one writer of the table may call it.
    pub(crate) fn write(&self, draft: &Draft<N>, record: &[u64; N]) {
        self.begin(draft, record);
        self.end(record);
    }

    /// From here on readers take the draft.
    #[inline(always)]
    fn begin(&self, draft: &Draft<N>, record: &[u64; N]) {
        // The write before this one, of whichever record, is seen to have ended by who sees a word of the new draft.
        fence(Release);
        for (word, new) in draft.0.iter().zip(record) {
            word.store(*new, Relaxed);
        }
        let old = self.words[0].load(Relaxed);
        let odd = (old & SEQUENCE).wrapping_add(1) & SEQUENCE;
        // Releases the draft to a reader that comes in the middle.
        self.words[0].store((old & !SEQUENCE) | odd, Release);
        fence(Release);
    }

    /// From here on readers take the record.
    #[inline(always)]
    fn end(&self, record: &[u64; N]) {
        for (word, new) in self.words.iter().zip(record).skip(1) {
            word.store(*new, Relaxed);
        }
        let even = (self.words[0].load(Relaxed) & SEQUENCE).wrapping_add(1) & SEQUENCE;
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

    /// One word of all is the value, of the first its upper half.
    fn record(value: u64) -> [u64; 8] {
        let mut record = [value; 8];
        record[0] = value << 32;
        record
    }

    /// Two records of one table change in turn, often with a pause in the middle of a write.
    #[test]
    fn a_reader_always_has_a_whole_record() {
        let (locks, draft) = ([zeroed::<8>(), zeroed::<8>()], Draft::default());
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let read = |lock: &SeqLock<8>| {
                let (mut reads, mut last) = (0_u64, 0);
                while !done.load(Relaxed) || reads == 0 {
                    let record = lock.read(&draft).expect("without waiting for the writer");
                    let value = record[0] >> 32;
                    assert!(record[1..].iter().all(|word| *word == value), "{record:?}");
                    assert!(value >= last, "went back from {last} to {value}");
                    last = value;
                    reads += 1;
                }
                reads
            };
            let readers: Vec<_> = locks.iter().map(|lock| scope.spawn(move || read(lock))).collect();
            for value in 1..100_000_u64 {
                for (nth, lock) in locks.iter().enumerate() {
                    // No record is ever what the other is.
                    let record = record(2 * value + nth as u64);
                    lock.begin(&draft, &record);
                    if value % 64 == 0 {
                        std::thread::yield_now();
                    }
                    lock.end(&record);
                }
            }
            done.store(true, Relaxed);
            for reader in readers {
                assert!(reader.join().expect("reader") > 0);
            }
        });
    }

    /// A writer that lost its processor holds up nobody.
    #[test]
    fn in_the_middle_of_a_write_the_new_record_is_read() {
        let (lock, other, draft) = (zeroed::<8>(), zeroed::<8>(), Draft::default());
        let read = |lock: &SeqLock<8>| lock.read(&draft).map(|record| (record[0] >> 32, record[7]));
        lock.write(&draft, &record(7));
        other.write(&draft, &record(8));
        assert_eq!((read(&lock), read(&other)), (Some((7, 7)), Some((8, 8))));
        lock.begin(&draft, &record(9));
        assert_eq!((read(&lock), read(&other)), (Some((9, 9)), Some((8, 8))));
        lock.words[1].store(9, Relaxed);
        assert_eq!(read(&lock), Some((9, 9)));
        lock.end(&record(9));
        other.begin(&draft, &record(10));
        assert_eq!((read(&lock), read(&other)), (Some((9, 9)), Some((10, 10))));
    }
}
