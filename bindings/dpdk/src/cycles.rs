//! The time stamp counter.

/// Cycles of the time stamp counter. Not ordered against other instructions: good for spans of a burst.
#[inline(always)]
pub fn tsc() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every x86-64 processor has RDTSC, and Linux leaves it open to user space.
        unsafe { core::arch::x86_64::_rdtsc() }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        // SAFETY: reads a counter register.
        unsafe { dpdk_sys::hub_tsc() }
    }
}

/// Cycles of [`tsc`] in a second, as EAL measured or read them.
pub fn tsc_hz(_eal: crate::Eal) -> u64 {
    // SAFETY: EAL is initialised, of which `_eal` is the proof.
    unsafe { dpdk_sys::rte_get_tsc_hz() }
}
