//! One packet: an owning pointer to a single-segment `rte_mbuf`.
//!
//! Members are reached by offsets that the C compiler gave, since the struct's anonymous unions have other names in
//! every DPDK release. Nothing outside this file touches a member.

use arrayvec::ArrayVec;
use dpdk_sys as sys;
use std::fmt;
use std::ptr::NonNull;
use wire::buffer::{HEADROOM, PacketBuffer};

/// A packet that nobody else holds: reference count 1, one segment, freed on drop.
#[repr(transparent)]
pub struct Mbuf(NonNull<sys::rte_mbuf>);

// SAFETY: buffers may be freed and used on any thread; `Mbuf` is the only reference to its buffer.
unsafe impl Send for Mbuf {}

const _: () = assert!(size_of::<Option<Mbuf>>() == size_of::<*mut sys::rte_mbuf>());

impl Mbuf {
    /// Takes over a buffer.
    ///
    /// # Safety
    /// It is valid, of one segment, from a pool that is never freed, and nobody else holds it.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(raw: NonNull<sys::rte_mbuf>) -> Self {
        Self(raw)
    }

    /// Frees many packets at once, which is cheaper than one by one.
    pub fn free_all<const N: usize>(packets: &mut ArrayVec<Mbuf, N>) {
        let count = packets.len();
        // SAFETY: zero elements need no drop; ownership of the first `count` passes to the call below.
        unsafe { packets.set_len(0) };
        // SAFETY: `Mbuf` is transparent over the pointer, and the first `count` are valid and owned by us.
        unsafe { sys::rte_pktmbuf_free_bulk(packets.as_mut_ptr().cast(), count as u32) };
    }

    #[inline(always)]
    fn member<T>(&self, offset: sys::hub_mbuf_offset) -> *mut T {
        // SAFETY: the offset is that of a member of the struct that the pointer leads to.
        unsafe { self.0.as_ptr().byte_add(offset as usize).cast() }
    }

    #[inline(always)]
    fn read<T: Copy>(&self, offset: sys::hub_mbuf_offset) -> T {
        // SAFETY: the member is initialised, aligned, and only written through `&mut self`.
        unsafe { self.member::<T>(offset).read() }
    }

    #[inline(always)]
    fn write<T: Copy>(&mut self, offset: sys::hub_mbuf_offset, value: T) {
        // SAFETY: the member is aligned and we are the only holder of the buffer.
        unsafe { self.member::<T>(offset).write(value) }
    }

    #[inline(always)]
    fn data_off(&self) -> u16 {
        self.read(sys::HUB_MBUF_DATA_OFF)
    }

    #[inline(always)]
    fn data_len(&self) -> u16 {
        self.read(sys::HUB_MBUF_DATA_LEN)
    }

    #[inline(always)]
    fn buf_len(&self) -> u16 {
        self.read(sys::HUB_MBUF_BUF_LEN)
    }

    /// Both lengths, which agree for a packet of one segment.
    #[inline(always)]
    fn set_len(&mut self, len: u16) {
        self.write(sys::HUB_MBUF_DATA_LEN, len);
        self.write(sys::HUB_MBUF_PKT_LEN, u32::from(len));
    }

    #[inline(always)]
    fn start(&self) -> *mut u8 {
        let buffer: *mut u8 = self.read(sys::HUB_MBUF_BUF_ADDR);
        // SAFETY: data_off never exceeds buf_len, so the sum stays within the buffer.
        unsafe { buffer.add(self.data_off() as usize) }
    }

    /// Forgets what the receiving driver noted (hardware VLAN, checksum and hash marks): a sending driver would take
    /// some of the flags as orders.
    #[inline(always)]
    pub(crate) fn clear_offloads(&mut self) {
        self.write(sys::HUB_MBUF_OL_FLAGS, 0u64);
        self.write(sys::HUB_MBUF_TX_OFFLOAD, 0u64);
    }

    /// Segments in the buffer just received.
    #[inline(always)]
    pub(crate) fn segments(&self) -> u16 {
        self.read(sys::HUB_MBUF_NB_SEGS)
    }

    /// Copies a chain's segments into the first. `false`: they do not fit.
    #[cold]
    pub(crate) fn linearize(&mut self) -> bool {
        // SAFETY: the buffer is valid and ours.
        let ret = unsafe { sys::hub_mbuf_linearize(self.0.as_ptr()) };
        ret == 0
    }
}

impl PacketBuffer for Mbuf {
    #[inline(always)]
    fn data(&self) -> &[u8] {
        // SAFETY: data_len octets from data_off on lie within the buffer, which pools zero when they make it.
        unsafe { std::slice::from_raw_parts(self.start(), self.data_len() as usize) }
    }

    #[inline(always)]
    fn data_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and we are the only holder.
        unsafe { std::slice::from_raw_parts_mut(self.start(), self.data_len() as usize) }
    }

    #[inline(always)]
    fn headroom(&self) -> usize {
        self.data_off() as usize
    }

    #[inline(always)]
    fn tailroom(&self) -> usize {
        (self.buf_len() - self.data_off() - self.data_len()) as usize
    }

    #[inline(always)]
    fn prepend(&mut self, n: usize) -> Option<&mut [u8]> {
        if n > self.headroom() {
            return None;
        }
        let (off, len) = (self.data_off() - n as u16, self.data_len() + n as u16);
        self.write(sys::HUB_MBUF_DATA_OFF, off);
        self.set_len(len);
        Some(&mut self.data_mut()[..n])
    }

    #[inline(always)]
    fn strip(&mut self, n: usize) -> Option<()> {
        if n > self.data_len() as usize {
            return None;
        }
        let (off, len) = (self.data_off() + n as u16, self.data_len() - n as u16);
        self.write(sys::HUB_MBUF_DATA_OFF, off);
        self.set_len(len);
        Some(())
    }

    #[inline(always)]
    fn append(&mut self, n: usize) -> Option<&mut [u8]> {
        if n > self.tailroom() {
            return None;
        }
        let old = self.data_len() as usize;
        self.set_len(old as u16 + n as u16);
        Some(&mut self.data_mut()[old..])
    }

    #[inline(always)]
    fn truncate(&mut self, len: usize) {
        if len < self.data_len() as usize {
            self.set_len(len as u16);
        }
    }
}

impl Drop for Mbuf {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the buffer is valid and ours; nobody uses it afterwards.
        unsafe { sys::hub_mbuf_free(self.0.as_ptr()) }
    }
}

impl fmt::Debug for Mbuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mbuf").field("len", &self.data_len()).field("headroom", &self.data_off()).finish()
    }
}

const _: () = assert!(HEADROOM <= u16::MAX as usize);
