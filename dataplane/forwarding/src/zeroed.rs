//! Memory of the tables: zeroed, never moved, and there before the first packet.

use zerocopy::FromZeros;

/// A table of `len` zeroed entries. `None`: no memory.
pub(crate) fn zeroed<T: FromZeros>(len: usize) -> Option<Box<[T]>> {
    let table = <[T]>::new_box_zeroed_with_elems(len).ok()?;
    shm::pages::populate(&table);
    Some(table)
}
