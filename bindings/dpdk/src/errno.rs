//! Error numbers as DPDK gives them.

use std::fmt;

/// A positive errno value. Prints as the system's text for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    /// What the calling thread's last failed DPDK function left in `rte_errno`.
    pub(crate) fn last() -> Self {
        // SAFETY: reads a thread-local variable.
        Self(unsafe { dpdk_sys::hub_errno() })
    }

    /// Turns DPDK's "0, positive, or negative errno" into a result.
    pub(crate) fn check(ret: i32) -> Result<i32, Self> {
        if ret < 0 { Err(Self(-ret)) } else { Ok(ret) }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
