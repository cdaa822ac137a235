//! The mapped memory and checked references into it. All `unsafe` around the segment is here.

use crate::counters::{GroupCounters, Traffic, WorkerCounters};
use crate::header::Header;
use crate::ring::RingHeader;
use crate::sa_cells::SaCells;
use crate::service::ServiceCounters;
use rustix::mm::{Advice, MapFlags, ProtFlags};
use std::ops::Deref;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What may lie in shared memory.
///
/// # Safety
/// Every bit pattern is a valid value, and every octet is part of an atomic (or padding never read), so that a
/// reference stays sound while another process writes.
pub(crate) unsafe trait Plain: Sync + 'static {}
// SAFETY: only `AtomicU64`s.
unsafe impl Plain for Header {}
// SAFETY: only `AtomicU64`s.
unsafe impl Plain for RingHeader {}
// SAFETY: only `AtomicU64`s.
unsafe impl Plain for WorkerCounters {}
// SAFETY: only `AtomicU64`s.
unsafe impl Plain for ServiceCounters {}
// SAFETY: only `AtomicU64`s.
unsafe impl Plain for Traffic {}
// SAFETY: only `AtomicU64`s.
unsafe impl Plain for GroupCounters {}
// SAFETY: only `AtomicU64`s.
unsafe impl Plain for SaCells {}
// SAFETY: only `AtomicU64`s.
unsafe impl<const N: usize> Plain for [AtomicU64; N] {}

/// One mapping, unmapped when the last reference into it is dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is plain memory reached only through shared references to atomics.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` octets of a file, shared and writable; `populate` touches every page now instead of in a worker.
    pub fn of_file(file: BorrowedFd<'_>, len: usize, populate: bool) -> rustix::io::Result<Self> {
        let flags = if populate { MapFlags::SHARED | MapFlags::POPULATE } else { MapFlags::SHARED };
        // SAFETY: a null hint lets the kernel choose unused addresses; nothing of ours is replaced.
        let base = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, flags, file, 0)
        }?;
        Self::checked(base.cast(), len)
    }

    /// Maps `len` zero octets that no file backs.
    pub fn anonymous(len: usize) -> rustix::io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a null hint lets the kernel choose unused addresses; nothing of ours is replaced.
        let base =
            unsafe { rustix::mm::mmap_anonymous(std::ptr::null_mut(), len, protection, MapFlags::SHARED) }?;
        Self::checked(base.cast(), len)
    }

    fn checked(base: *mut u8, len: usize) -> rustix::io::Result<Self> {
        let mapping = NonNull::new(base).map(|base| Self { base, len }).ok_or(rustix::io::Errno::NOMEM)?;
        // Keys pass through it, and a core dump of the other gigabytes helps nobody.
        // SAFETY: the range is the mapping; the advice changes nothing that can be read from it.
        unsafe { rustix::mm::madvise(mapping.base.as_ptr().cast(), len, Advice::LinuxDontDump) }?;
        Ok(mapping)
    }

    /// `count` values from `offset` on; `None` when they do not lie in the mapping or are not aligned.
    pub fn slice<T: Plain>(&self, offset: usize, count: usize) -> Option<&[T]> {
        let end = size_of::<T>().checked_mul(count)?.checked_add(offset)?;
        let place = self.base.as_ptr().wrapping_add(offset).cast::<T>();
        if end > self.len || !place.is_aligned() {
            return None;
        }
        // SAFETY: `place` is aligned and `count` values from it lie in the mapping, which outlives the reference;
        // `Plain` values are valid whatever the octets and may be written by others meanwhile.
        Some(unsafe { std::slice::from_raw_parts(place, count) })
    }

    /// As [`Mapping::slice`], of one value, keeping the mapping.
    pub fn one<T: Plain>(self: &Arc<Self>, offset: usize) -> Option<Shared<T>> {
        let place = NonNull::from(self.slice(offset, 1)?.first()?);
        Some(Shared { mapping: self.clone(), place })
    }

    /// As [`Mapping::slice`], keeping the mapping.
    pub fn many<T: Plain>(self: &Arc<Self>, offset: usize, count: usize) -> Option<Shared<[T]>> {
        let place = NonNull::from(self.slice(offset, count)?);
        Some(Shared { mapping: self.clone(), place })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: base and length are what mmap gave, and no reference is left: each `Shared` keeps the mapping.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// A reference into the segment that keeps it mapped: what a worker thread holds on to.
#[derive(Debug)]
pub struct Shared<T: ?Sized> {
    mapping: Arc<Mapping>,
    place: NonNull<T>,
}

// SAFETY: a `Shared` is a shared reference; its target is `Sync`.
unsafe impl<T: ?Sized + Sync> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for Shared<T> {}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { mapping: self.mapping.clone(), place: self.place }
    }
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: `place` was made from a reference into the mapping, which `self.mapping` keeps.
        unsafe { self.place.as_ref() }
    }
}

const _: () = {
    const fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Mapping>();
    send_and_sync::<Shared<WorkerCounters>>();
    send_and_sync::<Shared<ServiceCounters>>();
    send_and_sync::<Shared<[Traffic]>>();
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn references_are_checked() {
        let mapping = Arc::new(Mapping::anonymous(8_192).unwrap());
        assert!(mapping.slice::<Traffic>(0, 8_192 / size_of::<Traffic>()).is_some());
        assert!(mapping.slice::<Traffic>(0, 8_192 / size_of::<Traffic>() + 1).is_none());
        assert!(mapping.slice::<Traffic>(4, 1).is_none());
        assert!(mapping.slice::<Traffic>(usize::MAX, 1).is_none());
        assert!(mapping.slice::<Traffic>(8, usize::MAX).is_none());
        assert!(mapping.slice::<Header>(64, 1).is_none(), "alignment");
    }

    #[test]
    fn a_reference_keeps_the_mapping() {
        let mapping = Arc::new(Mapping::anonymous(4_096).unwrap());
        let words = mapping.many::<[AtomicU64; 1]>(0, 512).unwrap();
        drop(mapping);
        words[511][0].store(7, Ordering::Relaxed);
        assert_eq!(words.clone()[511][0].load(Ordering::Relaxed), 7);
    }
}
