//! The packet buffer that stages work on.
//!
//! One contiguous segment with head and tail room. The data plane implements it over a DPDK mbuf, tests over a
//! plain vector. All logic above is generic over it, so it runs without DPDK.

/// A contiguous packet with room in front and behind.
pub trait PacketBuffer: Sized {
    /// The packet's octets.
    fn data(&self) -> &[u8];
    /// The packet's octets, writable.
    fn data_mut(&mut self) -> &mut [u8];
    /// Octets that [`PacketBuffer::prepend`] may still take.
    fn headroom(&self) -> usize;
    /// Octets that [`PacketBuffer::append`] may still take.
    fn tailroom(&self) -> usize;
    /// Grows the packet by `n` octets at the front; their content is unspecified. `None`: no room, nothing changed.
    fn prepend(&mut self, n: usize) -> Option<&mut [u8]>;
    /// Removes `n` octets at the front. `None`: shorter than `n`, nothing changed.
    fn strip(&mut self, n: usize) -> Option<()>;
    /// Grows the packet by `n` octets at the end; their content is unspecified. `None`: no room, nothing changed.
    fn append(&mut self, n: usize) -> Option<&mut [u8]>;
    /// Cuts the packet to `len` octets; does nothing when it is not longer.
    fn truncate(&mut self, len: usize);
    /// Octets in the packet.
    fn len(&self) -> usize {
        self.data().len()
    }
    /// Whether the packet has no octet.
    fn is_empty(&self) -> bool {
        self.data().is_empty()
    }
}

/// Where new buffers come from. Implementations never block and never grow: an empty pool answers `None`.
pub trait BufferPool {
    /// What the pool hands out.
    type Buffer: PacketBuffer;
    /// An empty buffer with the pool's headroom (at least [`HEADROOM`]), or `None` when the pool is exhausted.
    fn allocate(&mut self) -> Option<Self::Buffer>;
}

/// Headroom every buffer starts with, in octets: what a DPDK mbuf has.
pub const HEADROOM: usize = 128;
