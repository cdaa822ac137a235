//! Keeps the process's memory, in which keys are, out of files: no core dump, no swap.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Does what the system allows, and says what it does not.
pub fn harden() {
    // Neither the kernel's own dumps nor a handler of `core_pattern`, which ignores the limit; and no other process of
    // the same user may look inside.
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!("core dumps may show keys: {error}");
    }
    let none = Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!("core dumps may show keys: {error}");
    }
    // Only where there is no limit: with one, memory beyond it would be refused later on. Pages are locked as they are
    // used, so that what is merely reserved costs nothing.
    let unlimited = Rlimit { current: None, maximum: None };
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    let locked = setrlimit(Resource::Memlock, unlimited).and_then(|()| mlockall(flags));
    if let Err(error) = locked {
        tracing::debug!("memory is not locked, keys may be swapped out: {error}");
    }
}
