//! Keeps keys out of core dumps.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Does what the system allows, and says what it does not. The limit alone would not do: a handler of `core_pattern`
/// ignores it.
pub fn no_core_dumps() {
    let none = Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum };
    let limited = setrlimit(Resource::Core, none);
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Err(error) = limited.and(hidden) {
        tracing::warn!("core dumps may show keys: {error}");
    }
}
