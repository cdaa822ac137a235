//! Threads of ours that DPDK must know.

use crate::{Eal, Errno};
use std::marker::PhantomData;

/// Why a thread could not be registered.
#[derive(Debug, thiserror::Error)]
pub enum ThreadError {
    /// More threads than DPDK was built for.
    #[error("DPDK has no thread id left: {0}")]
    NoId(Errno),
}

/// The calling thread is known to DPDK as long as this lives: pools give it a cache of buffers of its own, without
/// which every allocation goes to the ring that all threads share.
#[derive(Debug)]
pub struct Registered {
    /// What was registered is this thread.
    _thread: PhantomData<*const ()>,
}

impl Registered {
    /// Registers the calling thread.
    pub fn register(_eal: Eal) -> Result<Self, ThreadError> {
        // SAFETY: EAL is initialised; the function affects the calling thread alone.
        let ret = unsafe { dpdk_sys::rte_thread_register() };
        if ret == 0 { Ok(Self { _thread: PhantomData }) } else { Err(ThreadError::NoId(Errno::last())) }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: the thread was registered by `register`, and the value cannot have left it.
        unsafe { dpdk_sys::rte_thread_unregister() }
    }
}
