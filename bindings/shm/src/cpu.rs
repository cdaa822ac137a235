//! The two processor instructions the packet path wants and safe Rust does not offer.

/// Asks the processor to bring the cache line at `place` near. Harmless at any address.
#[inline(always)]
pub fn prefetch<T>(place: &T) {
    prefetch_at(std::ptr::from_ref(place));
}

/// Asks for the cache line of `table[index]`; an index beyond the table is harmless (no bound is checked, nothing
/// is read).
#[inline(always)]
pub fn prefetch_index<T>(table: &[T], index: usize) {
    prefetch_at(table.as_ptr().wrapping_add(index));
}

/// Octets of a cache line.
const LINE: usize = 64;

/// Asks for all cache lines of `object`.
#[inline(always)]
pub fn prefetch_all<T>(object: &T) {
    prefetch_octets(object, 0..size_of::<T>());
}

/// Asks for the cache lines of some octets of `object`, which is aligned to a line; those beyond it are harmless.
#[inline(always)]
pub fn prefetch_octets<T>(object: &T, octets: std::ops::Range<usize>) {
    let start = std::ptr::from_ref(object).cast::<u8>();
    for line in octets.start / LINE..octets.end.div_ceil(LINE) {
        prefetch_at(start.wrapping_add(line * LINE));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch_at<T>(place: *const T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: PREFETCHT0 is a hint: it faults at no address and changes no architectural state; SSE is part of
    // every x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn prefetch_at<T>(_place: *const T) {}

/// The time-stamp counter: cycles at constant rate, not ordered against the instructions around it. For counters and
/// benchmarks, never for protocol time.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn cycles() -> u64 {
    // SAFETY: RDTSC reads a register that Linux leaves readable in user mode; no memory is touched.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Nanoseconds where there is no time-stamp counter.
#[cfg(not(target_arch = "x86_64"))]
pub fn cycles() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    (now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefetching_beyond_the_table_is_harmless() {
        let table = [1u64, 2, 3];
        prefetch(&table);
        prefetch_all(&table);
        prefetch_all(&[0u8; 1000]);
        prefetch_all(&());
        super::prefetch_octets(&table, 5..usize::from(u16::MAX));
        for index in [0, 2, 3, 1 << 40, usize::MAX] {
            prefetch_index(&table, index);
        }
        assert_eq!(table, [1, 2, 3]);
    }

    #[test]
    fn cycles_advance() {
        let first = cycles();
        while cycles() == first {}
    }
}
