//! Pages behind a large table, asked for before the first packet instead of by it.

use rustix::mm::{Advice, madvise};

/// Octets of the smallest page; ranges given to the kernel begin and end on one.
const PAGE: usize = 4096;

/// Has the kernel put memory behind `table` now, in huge pages where it has them: a look-up in a table of 64 MiB then
/// neither waits for a page fault nor, as often, for a page walk. Best effort: an older kernel or one without huge pages
/// changes nothing but speed, so there is no error.
pub fn populate<T>(table: &[T]) {
    let start = table.as_ptr().addr();
    let first = start.next_multiple_of(PAGE);
    let end = (start + size_of_val(table)) / PAGE * PAGE;
    if first >= end {
        return;
    }
    let place = table.as_ptr().cast::<u8>().wrapping_add(first - start).cast_mut();
    for advice in [Advice::LinuxHugepage, Advice::LinuxPopulateWrite] {
        // SAFETY: the range lies within the table; neither advice changes what can be read from it.
        let _ = unsafe { madvise(place.cast(), end - first, advice) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_stays() {
        let table: Vec<u32> = (0..1 << 20).collect();
        populate(&table);
        populate(&table[1..3]);
        populate::<u32>(&[]);
        assert!(table.iter().enumerate().all(|(index, value)| index as u32 == *value));
    }
}
