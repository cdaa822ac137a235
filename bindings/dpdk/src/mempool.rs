//! Packet buffer pools.

use crate::arguments::RING_OVERHEAD;
use crate::{Eal, Errno, Mbuf};
use arrayvec::ArrayVec;
use std::ffi::CString;
use std::ptr::NonNull;
use wire::buffer::{BufferPool, HEADROOM};

const _: () = assert!(HEADROOM == dpdk_sys::HUB_HEADROOM as usize);

/// What a frame has beside the IP packet: Ethernet header, tags, frame check sequence; a packet ring counts more.
const FRAME_OVERHEAD: usize = RING_OVERHEAD;
/// Buffers are sized in steps of this, as NICs count them, and never smaller than two steps.
const ROOM_STEP: usize = 1024;
/// Buffers that a registered thread keeps for itself, so that most allocations touch nothing shared.
const CACHE: u32 = 256;

/// Why there is no pool.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// Not enough memory, in general.
    #[error(
        "no pool of {buffers} buffers of {room} octets ({mib} MiB): {errno}. Raise `memory` or lower `buffers`."
    )]
    Refused {
        /// Buffers asked for.
        buffers: u32,
        /// Octets in each.
        room: usize,
        /// Memory it needs.
        mib: usize,
        /// Reason.
        errno: Errno,
    },
    /// The name is longer than DPDK takes, or holds a zero octet.
    #[error("pool name {0:?} is not usable")]
    Name(String),
}

/// A pool of packet buffers of one size on one NUMA socket. Never freed: buffers outlive handles.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    raw: NonNull<dpdk_sys::rte_mempool>,
    buffers: u32,
}

// SAFETY: a mempool may be used from any thread: registered ones have caches of their own, others take the way
// through its multi-producer, multi-consumer ring.
unsafe impl Send for Pool {}
// SAFETY: as above.
unsafe impl Sync for Pool {}

impl Pool {
    /// A pool whose buffers hold IP packets of `max_mtu` octets; `socket` is a NUMA node, `None` for any.
    pub fn new(
        _eal: Eal,
        name: &str,
        buffers: u32,
        max_mtu: u16,
        socket: Option<i32>,
    ) -> Result<Self, PoolError> {
        let c_name = CString::new(name).map_err(|_| PoolError::Name(name.into()))?;
        let room = room(max_mtu);
        // DPDK refuses a cache of more than two thirds of the pool.
        let cache = CACHE.min(buffers / 2);
        // SAFETY: EAL is initialised and the name is a valid string, which is copied.
        let raw = unsafe {
            dpdk_sys::rte_pktmbuf_pool_create(
                c_name.as_ptr(),
                buffers,
                cache,
                0,
                room as u16,
                socket.unwrap_or(-1),
            )
        };
        let mib = (buffers as usize * (room + 256)) >> 20;
        match NonNull::new(raw) {
            Some(raw) => Ok(Self { raw, buffers }),
            None => Err(PoolError::Refused { buffers, room, mib, errno: Errno::last() }),
        }
    }

    /// Buffers in the pool, free or not.
    pub fn buffers(&self) -> u32 {
        self.buffers
    }

    /// Free buffers. Walks all caches: for statistics.
    pub fn available(&self) -> u32 {
        // SAFETY: the pool is valid for the life of the process.
        unsafe { dpdk_sys::rte_mempool_avail_count(self.raw.as_ptr()) }
    }

    /// An empty buffer, or `None` when the pool is exhausted.
    #[inline]
    pub fn get(&self) -> Option<Mbuf> {
        // SAFETY: the pool is valid for the life of the process.
        let raw = unsafe { dpdk_sys::hub_mbuf_alloc(self.raw.as_ptr()) };
        // SAFETY: DPDK gave out a buffer that nobody else holds, empty and of one segment.
        NonNull::new(raw).map(|raw| unsafe { Mbuf::from_raw(raw) })
    }

    /// Fills `out` up to its capacity; all or nothing. Answers whether it did.
    pub fn get_bulk<const N: usize>(&self, out: &mut ArrayVec<Mbuf, N>) -> bool {
        let mut raw = [std::ptr::null_mut(); N];
        let wanted = out.remaining_capacity();
        // SAFETY: the pool is valid and `raw` has room for `wanted` pointers.
        let ret =
            unsafe { dpdk_sys::hub_mbuf_alloc_bulk(self.raw.as_ptr(), raw.as_mut_ptr(), wanted as u32) };
        if ret != 0 {
            return false;
        }
        // SAFETY: DPDK filled in as many buffers as were asked for, empty and owned by nobody else.
        out.extend(
            raw[..wanted].iter().copied().filter_map(NonNull::new).map(|raw| unsafe { Mbuf::from_raw(raw) }),
        );
        true
    }

    pub(crate) fn as_ptr(&self) -> *mut dpdk_sys::rte_mempool {
        self.raw.as_ptr()
    }
}

impl BufferPool for Pool {
    type Buffer = Mbuf;
    #[inline]
    fn allocate(&mut self) -> Option<Mbuf> {
        self.get()
    }
}

/// Octets in a buffer, headroom included.
fn room(max_mtu: u16) -> usize {
    (max_mtu as usize + FRAME_OVERHEAD).next_multiple_of(ROOM_STEP).max(2 * ROOM_STEP) + HEADROOM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_holds_the_frame() {
        assert_eq!(room(1500), 2048 + 128);
        assert_eq!(room(9216), 10_240 + 128);
        for mtu in 576..=9216 {
            assert!(room(mtu) - HEADROOM >= mtu as usize + FRAME_OVERHEAD);
        }
    }
}
