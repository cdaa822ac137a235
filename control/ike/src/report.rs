//! Telling operators, at a rate that they can read.

use crate::counters::Count;
use crate::cx::Cx;
use crate::ike_sa::IkeSa;
use crate::{Action, Cause, LogEvent, LogKind, Path, Responder};
use seeded::Seeded;
use std::hash::BuildHasher;
use std::net::Ipv4Addr;

/// One line per peer and cause in so many milliseconds.
const INTERVAL_MS: u64 = 10_000;
/// Peers that are told apart. A colliding one takes the slot, so that memory is fixed and nothing is searched.
const SLOTS: usize = 1024;

/// Who was reported lately.
pub(crate) struct Reports {
    slots: Vec<Option<Slot>>,
    hash: Seeded,
}

struct Slot {
    key: (Ipv4Addr, Cause),
    next_ms: u64,
    suppressed: u32,
}

impl Reports {
    pub(crate) fn new(hash: Seeded) -> Self {
        // The fuzzer makes a responder for every input.
        let slots = if cfg!(fuzzing) { 16 } else { SLOTS };
        Self { slots: (0..slots).map(|_| None).collect(), hash }
    }

    /// Whether a line may be written; if so, how many like it were left out since the last.
    fn take(&mut self, now_ms: u64, key: (Ipv4Addr, Cause)) -> Option<u32> {
        let at = self.hash.hash_one((key.0, key.1 as u8)) % self.slots.len().max(1) as u64;
        let slot = self.slots.get_mut(usize::try_from(at).ok()?)?;
        match slot {
            Some(old) if old.key == key && now_ms < old.next_ms => {
                old.suppressed = old.suppressed.saturating_add(1);
                None
            }
            _ => {
                let suppressed = slot.as_ref().filter(|old| old.key == key).map_or(0, |old| old.suppressed);
                *slot = Some(Slot { key, next_ms: now_ms.saturating_add(INTERVAL_MS), suppressed: 0 });
                Some(suppressed)
            }
        }
    }
}

/// Why a peer's wish is not granted: for its eyes, and for the operator's.
pub(crate) struct Trouble {
    pub(crate) cause: Cause,
    pub(crate) text: String,
}

impl Trouble {
    pub(crate) fn new(cause: Cause, text: impl Into<String>) -> Self {
        Self { cause, text: text.into() }
    }
}

impl Responder {
    /// Notes, counts and logs a failure.
    pub(crate) fn failed(
        &mut self,
        cx: &mut Cx<'_>,
        path: &Path,
        session: Option<crate::SessionId>,
        identity: Option<String>,
        Trouble { cause, text }: Trouble,
    ) {
        self.counters.add_failure(cause);
        let evicted = self.failures.note(cx.now, path, identity.clone(), cause, text.clone());
        (0..evicted).for_each(|_| self.counters.add(Count::FailuresFull));
        match self.reports.take(cx.now, (path.remote.0, cause)) {
            Some(suppressed) => {
                let kind = LogKind::Failed { cause, text };
                cx.actions.push(Action::Log(LogEvent { path: *path, session, identity, kind, suppressed }));
            }
            None => self.counters.add(Count::LogSuppressed),
        }
    }

    /// The same, of an IKE SA.
    pub(crate) fn failed_sa(&mut self, cx: &mut Cx<'_>, sa: &IkeSa, trouble: Trouble) {
        self.failed(cx, &sa.path, sa.session(), sa.identity(), trouble);
    }
}

impl IkeSa {
    /// News of an authenticated peer, of which there are only as many as it has keys.
    pub(crate) fn log(&self, cx: &mut Cx<'_>, kind: LogKind) {
        let (session, identity) = (self.session(), self.identity());
        cx.actions.push(Action::Log(LogEvent { path: self.path, session, identity, kind, suppressed: 0 }));
    }
}
