//! Packet buffers in plain memory: what tests and the in-process benchmark use in place of DPDK's mbufs.
//!
//! A buffer goes back to its pool when dropped, so that a pool, once made, allocates nothing more.

use std::cell::RefCell;
use std::rc::Rc;
use wire::buffer::{BufferPool, HEADROOM, PacketBuffer};

/// Octets of a buffer without its headroom when nothing else is asked for: as in DPDK's default mbuf.
pub const DATAROOM: usize = 2048;

/// Free storage of one pool.
type Free = Rc<RefCell<Vec<Box<[u8]>>>>;

/// A pool of buffers of one size. Belongs to one thread; clones hand out from the same storage.
#[derive(Clone, Debug)]
pub struct MemoryPool {
    free: Free,
}

/// A packet in plain memory.
#[derive(Debug)]
pub struct MemoryBuffer {
    /// Empty once it was given back.
    storage: Box<[u8]>,
    start: usize,
    end: usize,
    home: Free,
}

impl MemoryPool {
    /// `count` buffers with room for `dataroom` octets behind the headroom.
    pub fn new(count: usize, dataroom: usize) -> Self {
        let storage = (0..count).map(|_| vec![0; HEADROOM + dataroom].into_boxed_slice()).collect();
        Self { free: Rc::new(RefCell::new(storage)) }
    }

    /// Buffers that can still be allocated.
    pub fn available(&self) -> usize {
        self.free.borrow().len()
    }

    /// A buffer that holds `octets`. `None`: the pool is exhausted or they do not fit.
    pub fn with(&mut self, octets: &[u8]) -> Option<MemoryBuffer> {
        let mut buffer = self.allocate()?;
        buffer.append(octets.len())?.copy_from_slice(octets);
        Some(buffer)
    }
}

impl BufferPool for MemoryPool {
    type Buffer = MemoryBuffer;

    fn allocate(&mut self) -> Option<MemoryBuffer> {
        let storage = self.free.borrow_mut().pop()?;
        Some(MemoryBuffer { storage, start: HEADROOM, end: HEADROOM, home: self.free.clone() })
    }
}

impl MemoryBuffer {
    /// Makes the buffer hold `octets` behind a full headroom, as if newly received. `None`: they do not fit.
    pub fn refill(&mut self, octets: &[u8]) -> Option<()> {
        self.storage.get_mut(HEADROOM..HEADROOM + octets.len())?.copy_from_slice(octets);
        (self.start, self.end) = (HEADROOM, HEADROOM + octets.len());
        Some(())
    }
}

impl Drop for MemoryBuffer {
    fn drop(&mut self) {
        // The pool's vector was made with room for every buffer, so this push never allocates.
        self.home.borrow_mut().push(std::mem::take(&mut self.storage));
    }
}

impl PacketBuffer for MemoryBuffer {
    #[inline(always)]
    fn data(&self) -> &[u8] {
        &self.storage[self.start..self.end]
    }
    #[inline(always)]
    fn data_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.start..self.end]
    }
    #[inline(always)]
    fn headroom(&self) -> usize {
        self.start
    }
    #[inline(always)]
    fn tailroom(&self) -> usize {
        self.storage.len() - self.end
    }
    #[inline(always)]
    fn prepend(&mut self, n: usize) -> Option<&mut [u8]> {
        self.start = self.start.checked_sub(n)?;
        self.storage.get_mut(self.start..self.start + n)
    }
    #[inline(always)]
    fn strip(&mut self, n: usize) -> Option<()> {
        if n > self.end - self.start {
            return None;
        }
        self.start += n;
        Some(())
    }
    #[inline(always)]
    fn append(&mut self, n: usize) -> Option<&mut [u8]> {
        if n > self.tailroom() {
            return None;
        }
        let at = self.end;
        self.end += n;
        self.storage.get_mut(at..at + n)
    }
    #[inline(always)]
    fn truncate(&mut self, len: usize) {
        self.end = self.end.min(self.start.saturating_add(len));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_and_shrinks_within_its_storage() {
        let mut pool = MemoryPool::new(1, 8);
        let mut buffer = pool.with(b"abc").expect("fits");
        assert!(pool.allocate().is_none());
        assert_eq!(buffer.append(6), None);
        buffer.append(5).expect("fits").copy_from_slice(b"defgh");
        assert_eq!(buffer.prepend(HEADROOM + 1), None);
        assert_eq!(buffer.data(), b"abcdefgh");
        assert_eq!(buffer.strip(9), None);
        buffer.strip(2).expect("long enough");
        buffer.truncate(3);
        assert_eq!((buffer.data(), buffer.headroom()), (&b"cde"[..], HEADROOM + 2));
        drop(buffer);
        assert_eq!(pool.available(), 1);
    }
}
