//! Receive and transmit queues: the poll loop's two calls, written out over DPDK's function table.
//!
//! In C they are static inlines. Through a shim the pair costs up to 28 % more at bursts of one, which is what a
//! lightly loaded hub sees.

use crate::mbuf::Mbuf;
use crate::port::Shared;
use arrayvec::ArrayVec;
use dpdk_sys as sys;
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

/// A function table entry's address. `start` of the port filled it in.
#[inline(always)]
fn ops(port: u16) -> *mut sys::rte_eth_fp_ops {
    let table = (&raw mut sys::rte_eth_fp_ops).cast::<sys::rte_eth_fp_ops>();
    // SAFETY: ports have numbers below the table's length.
    unsafe { table.add(port as usize) }
}

/// One receive queue. Belongs to one thread.
#[derive(Debug)]
pub struct RxQueue {
    port: Arc<Shared>,
    queue: u16,
    /// Packets of several segments that did not fit into one, since the last [`RxQueue::take_oversize`].
    oversize: u64,
    _one_thread: PhantomData<Cell<()>>,
}

impl RxQueue {
    pub(crate) fn new(port: Arc<Shared>, queue: u16) -> Self {
        Self { port, queue, oversize: 0, _one_thread: PhantomData }
    }

    /// Takes waiting packets until `out` is full; answers how many.
    #[inline(always)]
    pub fn burst<const N: usize>(&mut self, out: &mut ArrayVec<Mbuf, N>) -> usize {
        let old = out.len();
        let room = out.remaining_capacity();
        let ops = ops(self.port.id());
        // SAFETY: the entry is filled in while the port is started, which it is as long as `self.port` lives.
        let receive = unsafe { (*ops).rx_pkt_burst };
        // SAFETY: as above.
        let queues = unsafe { (*ops).rxq.data };
        let Some(receive) = receive else { return 0 };
        // SAFETY: the queue was set up, so the array has this entry.
        let queue = unsafe { queues.wrapping_add(self.queue as usize).read() };
        // SAFETY: `old` is within the capacity.
        let free = unsafe { out.as_mut_ptr().add(old) };
        // SAFETY: the function belongs to this queue, which no other thread uses, and `free` has room for `room`
        // pointers; `Mbuf` is transparent over one.
        let count = unsafe { receive(queue, free.cast(), room as u16) } as usize;
        // SAFETY: the driver wrote `count` buffers, no more than `room`, and gave them up.
        unsafe { out.set_len(old + count) };
        self.single_segments(out, old);
        count
    }

    /// How many packets were discarded since the last call because they did not fit one buffer.
    pub fn take_oversize(&mut self) -> u64 {
        std::mem::take(&mut self.oversize)
    }

    /// What an [`Mbuf`] promises: one segment. Drivers that were not told to scatter give nothing else, but for some
    /// software ones.
    #[inline(always)]
    fn single_segments<const N: usize>(&mut self, packets: &mut ArrayVec<Mbuf, N>, from: usize) {
        let mut index = from;
        while index < packets.len() {
            let packet = &mut packets[index];
            packet.clear_offloads();
            if packet.segments() != 1 && !packet.linearize() {
                self.oversize += 1;
                packets.remove(index);
            } else {
                index += 1;
            }
        }
    }
}

/// One transmit queue. Belongs to one thread.
#[derive(Debug)]
pub struct TxQueue {
    port: Arc<Shared>,
    queue: u16,
    _one_thread: PhantomData<Cell<()>>,
}

impl TxQueue {
    pub(crate) fn new(port: Arc<Shared>, queue: u16) -> Self {
        Self { port, queue, _one_thread: PhantomData }
    }

    /// Gives packets to the device, first ones first, and answers how many it took; the others stay in `packets`.
    #[inline(always)]
    pub fn burst<const N: usize>(&mut self, packets: &mut ArrayVec<Mbuf, N>) -> usize {
        let len = packets.len();
        if len == 0 {
            return 0;
        }
        let ops = ops(self.port.id());
        // SAFETY: the entry is filled in while the port is started, which it is as long as `self.port` lives.
        let transmit = unsafe { (*ops).tx_pkt_burst };
        // SAFETY: as above.
        let queues = unsafe { (*ops).txq.data };
        let Some(transmit) = transmit else { return 0 };
        // SAFETY: the queue was set up, so the array has this entry.
        let queue = unsafe { queues.wrapping_add(self.queue as usize).read() };
        let first = packets.as_mut_ptr();
        // SAFETY: the function belongs to this queue, which no other thread uses; `first` leads to `len` buffers
        // that we own, and `Mbuf` is transparent over the pointer.
        let sent = unsafe { transmit(queue, first.cast(), len as u16) } as usize;
        // SAFETY: the driver owns the first `sent`, so they must not be dropped; the rest is moved to the front.
        unsafe { packets.set_len(0) };
        if sent < len {
            // SAFETY: `sent` is within the array.
            let rest = unsafe { first.add(sent) };
            // SAFETY: both ranges lie within the array's storage; copy allows overlap.
            unsafe { std::ptr::copy(rest, first, len - sent) };
            // SAFETY: that many elements were moved there.
            unsafe { packets.set_len(len - sent) };
        }
        sent
    }
}
