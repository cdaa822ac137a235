//! Memory of the tables: zeroed, never moved, and there before the first packet, except of parts that may never be used.

use zerocopy::FromZeros;

/// A table of `len` zeroed entries. `None`: no memory.
pub(crate) fn zeroed<T: FromZeros>(len: usize) -> Option<Box<[T]>> {
    let table = unbacked(len)?;
    shm::pages::populate(&table);
    Some(table)
}

/// The same, but for addresses only: memory comes where something is written, or by [`shm::pages::populate`]. `None`: no
/// room.
pub(crate) fn unbacked<T: FromZeros>(len: usize) -> Option<Box<[T]>> {
    <[T]>::new_box_zeroed_with_elems(len).ok()
}
