//! What has been counted, for `show crypto ikev2 stats` and metrics.

use crate::Cause;
use std::collections::BTreeMap;
use wire::ike::{Exchange, NotifyType};

macro_rules! counts {
    ($($variant:ident = $group:literal $name:literal, $meaning:literal;)*) => {
        /// What is counted besides messages and failures.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum Count { $(#[doc = $meaning] $variant),* }

        impl Count {
            /// All of them in the order of their discriminants.
            pub const ALL: &'static [Count] = &[$(Count::$variant),*];
            /// Group: `dropped`, `full`, `event`.
            pub fn group(self) -> &'static str { match self { $(Count::$variant => $group),* } }
            /// Name within the group.
            pub fn name(self) -> &'static str { match self { $(Count::$variant => $name),* } }
            /// One sentence for operators.
            pub fn meaning(self) -> &'static str { match self { $(Count::$variant => $meaning),* } }
        }
    };
}

counts! {
    Malformed = "dropped" "malformed", "Header or payloads of an unauthenticated message malformed.";
    Version = "dropped" "version", "Major version other than 2.";
    UnknownSpi = "dropped" "unknown_spi", "Message of an IKE SA that is not there (any more).";
    UnknownAddress = "dropped" "unknown_address", "To an address of ours that is no protected tunnel's source.";
    Unexpected = "dropped" "unexpected", "Exchange or payload that does not fit the state of its IKE SA.";
    MessageId = "dropped" "message_id", "Message id outside the window.";
    Underway = "dropped" "underway", "Copy of a request that is being worked on.";
    Unasked = "dropped" "unasked", "Response to a request that is not outstanding.";
    Integrity = "dropped" "integrity", "Integrity check failed: other keys, or altered on the way.";
    Fragment = "dropped" "fragment", "Fragment that is of no use: number, total, or there already.";
    CookieWrong = "dropped" "cookie_wrong", "IKE_SA_INIT with a cookie that is wrong or too old; a new one was sent.";
    FollowupUnknown = "dropped" "followup_unknown", "IKE_FOLLOWUP_KE of a new SA that is not there (any more): refused.";
    HalfOpenFull = "full" "half_open", "IKE_SA_INIT ignored: too many half-open IKE SAs.";
    TasksFull = "full" "tasks", "Message ignored: too many computations under way. The peer sends it again.";
    WaitingFull = "full" "waiting", "Message before the keys were there ignored: too many octets wait already.";
    SessionsFull = "full" "sessions", "Peer refused: too many sessions.";
    ChildrenFull = "full" "children", "Child SA refused: too many, or no slot left.";
    FailuresFull = "full" "failures", "Record of a failed peer pushed out by a newer one.";
    WaitedTooLong = "event" "half_open_expired", "Half-open IKE SA that its peer did not go on with.";
    FollowupExpired = "event" "followup_expired", "New SA whose additional key exchanges the peer did not go on with.";
    HalfOpenEvicted = "event" "half_open_evicted", "Half-open IKE SA that made room for another.";
    CookieSent = "event" "cookie_sent", "Cookie demanded.";
    CookieGood = "event" "cookie_good", "IKE_SA_INIT with a good cookie.";
    Retransmitted = "event" "request_retransmitted", "Request of ours sent again.";
    Resent = "event" "response_resent", "Response sent again for a copy of its request.";
    SessionUp = "event" "session_up", "Peer authenticated.";
    SessionReplaced = "event" "session_replaced", "IKE SA replaced by a newer one of the same identity.";
    ReplacedDropped = "full" "replaced", "IKE SA that has successors forgotten before its peer deleted it: too many.";
    ThrottleFull = "full" "auth_throttle", "Address from which authentication failed forgotten for another.";
    AuthThrottled = "dropped" "auth_throttled", "IKE_SA_INIT of an address from which too many authentications failed.";
    SessionDown = "event" "session_down", "Session ended.";
    SessionRestored = "event" "session_restored", "Session taken over from an earlier process.";
    ChildUp = "event" "child_up", "Child SA made.";
    ChildExpired = "event" "child_expired", "Child SA ended at its hard lifetime: the rekey did not come in time.";
    ChildRekeyed = "event" "child_rekeyed", "Child SA made in place of another.";
    IkeRekeyed = "event" "ike_rekeyed", "IKE SA replaced by rekeying.";
    Collision = "event" "rekey_collision", "Both sides rekeyed the same SA at once.";
    Moved = "event" "moved", "Peer moved to another address or port.";
    Dead = "event" "dead_peer", "Peer that did not answer our retransmissions.";
    LogSuppressed = "event" "log_suppressed", "Log line left out because of its rate limit.";
}

/// Exchanges with a counter of their own; others count as the last.
const EXCHANGES: [(Exchange, &str); 7] = [
    (Exchange::IkeSaInit, "ike_sa_init"),
    (Exchange::IkeAuth, "ike_auth"),
    (Exchange::CreateChildSa, "create_child_sa"),
    (Exchange::Informational, "informational"),
    (Exchange::IkeIntermediate, "ike_intermediate"),
    (Exchange::IkeFollowupKe, "ike_followup_ke"),
    (Exchange(0), "other"),
];

const GROUPS: [&str; 4] = ["received_request", "received_response", "sent_request", "sent_response"];

/// Counters of the responder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    counts: [u64; Count::ALL.len()],
    causes: [u64; Cause::ALL.len()],
    exchanges: [[u64; 4]; EXCHANGES.len()],
    /// By type: received, sent. Only types that have a name, so that nobody can make it grow.
    notifies: BTreeMap<u16, [u64; 2]>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            counts: [0; Count::ALL.len()],
            causes: [0; Cause::ALL.len()],
            exchanges: [[0; 4]; EXCHANGES.len()],
            notifies: BTreeMap::new(),
        }
    }
}

impl Counters {
    /// One count.
    pub fn of(&self, count: Count) -> u64 {
        self.counts.get(count as usize).copied().unwrap_or(0)
    }

    /// Failures with a cause.
    pub fn failed(&self, cause: Cause) -> u64 {
        self.causes.get(cause as usize).copied().unwrap_or(0)
    }

    /// All that are not zero: group, name, count. Groups are those of [`Count::group`], `failed` with the names of
    /// [`Cause::name`], `received_request`, `received_response`, `sent_request` and `sent_response` by exchange,
    /// `received_notify` and `sent_notify` by type.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let counts = Count::ALL.iter().map(|count| (count.group(), count.name(), self.of(*count)));
        let causes = Cause::ALL.iter().map(|cause| ("failed", cause.name(), self.failed(*cause)));
        let exchanges = EXCHANGES.iter().zip(&self.exchanges).flat_map(|((_, name), counts)| {
            GROUPS.iter().zip(counts).map(|(group, count)| (*group, *name, *count))
        });
        let notifies = self.notifies.iter().flat_map(|(kind, [received, sent])| {
            let name = NotifyType(*kind).name().unwrap_or("other");
            [("received_notify", name, *received), ("sent_notify", name, *sent)]
        });
        counts.chain(causes).chain(exchanges).chain(notifies).filter(|(_, _, count)| *count > 0)
    }

    pub(crate) fn add(&mut self, count: Count) {
        self.counts.get_mut(count as usize).into_iter().for_each(|count| *count += 1);
    }

    pub(crate) fn add_failure(&mut self, cause: Cause) {
        self.causes.get_mut(cause as usize).into_iter().for_each(|count| *count += 1);
    }

    pub(crate) fn message(&mut self, exchange: Exchange, response: bool, sent: bool) {
        let row = EXCHANGES.iter().position(|(known, _)| *known == exchange).unwrap_or(EXCHANGES.len() - 1);
        let column = usize::from(sent) * 2 + usize::from(response);
        let cell = self.exchanges.get_mut(row).and_then(|row| row.get_mut(column));
        cell.into_iter().for_each(|count| *count += 1);
    }

    pub(crate) fn notify(&mut self, kind: NotifyType, sent: bool) {
        let kind = if kind.name().is_some() { kind.0 } else { 0 };
        let counts = self.notifies.entry(kind).or_default();
        counts.get_mut(usize::from(sent)).into_iter().for_each(|count| *count += 1);
    }
}
