//! Why peers fail, for `show dmvpn why`: bounded, oldest out first.

use crate::Path;
use seeded::Seeded;
use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;

/// One peer's last failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its outer address.
    pub remote: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// Which of our addresses it spoke to.
    pub local: Ipv4Addr,
    /// Whom it claims to be, if it got so far.
    pub identity: Option<String>,
    /// Why.
    pub cause: Cause,
    /// One sentence with the particulars: what was offered and what is wanted, which certificate.
    pub text: String,
    /// First time of this cause.
    pub first_ms: u64,
    /// Last time.
    pub last_ms: u64,
    /// How often.
    pub count: u64,
}

macro_rules! causes {
    ($($variant:ident = $name:literal, $meaning:literal;)*) => {
        /// Why a peer failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Cause { $(#[doc = $meaning] $variant),* }

        impl Cause {
            /// All causes in the order of their discriminants.
            pub const ALL: &'static [Cause] = &[$(Cause::$variant),*];
            /// The name in logs and in the metric's `cause` label.
            pub fn name(self) -> &'static str { match self { $(Cause::$variant => $name),* } }
            /// One sentence for operators.
            pub fn meaning(self) -> &'static str { match self { $(Cause::$variant => $meaning),* } }
        }
    };
}

causes! {
    IkeProposal = "ike_proposal", "No common IKE proposal.";
    IkeGroup = "ike_group", "No common key exchange for IKE SAs; ciphers and functions would have fitted.";
    Authentication = "authentication", "Authentication failed: wrong pre-shared key or signature.";
    UnknownIdentity = "unknown_identity", "No key or rule for the peer's identity.";
    Certificate = "certificate", "The peer's certificate was refused.";
    EspProposal = "esp_proposal", "No common ESP proposal.";
    Pfs = "pfs", "Perfect forward secrecy: one side wants it, the other does not, or the groups differ.";
    Selectors = "traffic_selectors", "Traffic selectors are not GRE between the peer and the tunnel's source.";
    Mode = "mode", "Transport or tunnel mode: the peer wants the one that is not configured.";
    Syntax = "syntax", "The peer sent an authentic message that makes no sense.";
    Unanswered = "unanswered", "The peer did not answer our retransmissions.";
    Incomplete = "incomplete", "The peer began and did not go on: the answer may be lost on the way, or it has the wrong key.";
    Duplicate = "duplicate", "Another IKE SA of the same identity is up, and `unique = \"keep\"`.";
    Full = "full", "No room: too many sessions or child SAs.";
    Rejected = "rejected", "The peer refused what we proposed.";
}

/// What makes two failures the same peer's.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    remote: Ipv4Addr,
    identity: Option<String>,
}

/// The table.
pub(crate) struct Failures {
    records: HashMap<Key, (u64, Failure), Seeded>,
    /// Keys in order of arrival with their stamp; a stamp that is not the record's is stale.
    order: VecDeque<(Key, u64)>,
    stamp: u64,
}

/// Records at most.
const MAX: usize = 4096;
/// Octets of a text at most.
const MAX_TEXT: usize = 1024;

impl Failures {
    pub(crate) fn new(hash: Seeded) -> Self {
        Self { records: HashMap::with_hasher(hash), order: VecDeque::new(), stamp: 0 }
    }

    /// Notes a failure; returns how many records were pushed out for it.
    pub(crate) fn note(
        &mut self,
        now_ms: u64,
        path: &Path,
        identity: Option<String>,
        cause: Cause,
        mut text: String,
    ) -> u64 {
        while text.len() > MAX_TEXT {
            text.pop();
        }
        let key = Key { remote: path.remote.0, identity: identity.clone() };
        let failure = Failure {
            remote: path.remote.0,
            port: path.remote.1,
            local: path.local.0,
            identity,
            cause,
            text,
            first_ms: now_ms,
            last_ms: now_ms,
            count: 1,
        };
        if let Some((_, old)) = self.records.get_mut(&key) {
            let (first_ms, count) =
                if old.cause == cause { (old.first_ms, old.count + 1) } else { (now_ms, 1) };
            *old = Failure { first_ms, count, ..failure };
            return 0;
        }
        let mut evicted = 0;
        while self.records.len() >= MAX {
            let Some((oldest, stamp)) = self.order.pop_front() else { break };
            if self.records.get(&oldest).is_some_and(|(current, _)| *current == stamp) {
                self.records.remove(&oldest);
                evicted += 1;
            }
        }
        self.stamp += 1;
        self.records.insert(key.clone(), (self.stamp, failure));
        self.order.push_back((key, self.stamp));
        if self.order.len() > 2 * MAX {
            let records = &self.records;
            self.order.retain(|(key, stamp)| records.get(key).is_some_and(|(current, _)| current == stamp));
        }
        evicted
    }

    /// Whether anything is known of an address that is not that it began and did not go on.
    pub(crate) fn explains(&self, remote: Ipv4Addr) -> bool {
        let key = Key { remote, identity: None };
        self.records.get(&key).is_some_and(|(_, failure)| failure.cause != Cause::Incomplete)
    }

    /// A peer is up: what failed before is over.
    pub(crate) fn settle(&mut self, remote: Ipv4Addr, identity: &str) {
        self.records.remove(&Key { remote, identity: None });
        self.records.remove(&Key { remote, identity: Some(identity.into()) });
    }

    pub(crate) fn clear(&mut self, remote: Option<Ipv4Addr>) {
        self.records.retain(|key, _| remote.is_some_and(|remote| remote != key.remote));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Failure> {
        self.records.values().map(|(_, failure)| failure)
    }
}
