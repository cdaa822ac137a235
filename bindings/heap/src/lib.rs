//! Memory of the programs that forward packets: huge pages where the kernel has some.
//!
//! A packet to one of many thousand spokes touches about twenty cache lines, each in another place of the tables and
//! of the SAs. With pages of 4 KiB each of them costs a walk through the page tables besides, in a virtual machine
//! through those of the host as well; with pages of 2 MiB the processor knows where they are. Tables could ask for such
//! pages themselves, but SAs come and go one by one, so it is the allocator that asks: jemalloc, by `madvise` with
//! `MADV_HUGEPAGE` on all that it maps. The kernel heeds that unless `/sys/kernel/mm/transparent_hugepage/enabled` says
//! `never`, and then pages are small, as before.
//!
//! A program takes it with
//!
//! ```
//! #[global_allocator]
//! static HEAP: heap::Heap = heap::HEAP;
//! # fn main() {}
//! ```

/// The allocator.
pub type Heap = tikv_jemallocator::Jemalloc;

/// It.
pub const HEAP: Heap = tikv_jemallocator::Jemalloc;

/// What jemalloc reads when the program starts: huge pages for everything, and one arena, since threads that are in a
/// hurry do not allocate and many arenas would leave many huge pages half empty.
///
/// The environment variable `_RJEM_MALLOC_CONF` comes after it.
// SAFETY: the name is jemalloc's own for this very string, which is static and ends with a zero.
#[allow(unsafe_code)]
#[unsafe(export_name = "_rjem_malloc_conf")]
#[used]
static CONF: Conf = Conf(c"thp:always,narenas:1".as_ptr());

/// A pointer as C reads it.
#[repr(transparent)]
struct Conf(*const std::ffi::c_char);

// SAFETY: it points to what nobody writes.
unsafe impl Sync for Conf {}
