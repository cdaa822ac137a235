//! Peers that failed or went away, for `show dmvpn` and the log's reader: bounded, oldest out first.

use crate::{Failure, Owner, PeerRecord, Station, TunnelId};
use seeded::Seeded;
use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;

/// What makes two failures the same peer's.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    /// A binding that is gone: whoever had it.
    Gone(Option<TunnelId>, Option<Ipv4Addr>),
    /// Anything else.
    Trouble(Option<TunnelId>, Owner, Option<Ipv4Addr>),
}

impl Key {
    fn of(record: &PeerRecord) -> Self {
        match record.failure {
            Failure::Gone(_) => Self::Gone(record.tunnel, record.protocol),
            _ => Self::Trouble(record.tunnel, record.station.owner(), record.protocol),
        }
    }
}

/// The table.
pub(crate) struct Failures {
    records: HashMap<Key, (u64, PeerRecord), Seeded>,
    /// Keys in order of arrival with their stamp; a stamp that is not the record's is stale.
    order: VecDeque<(Key, u64)>,
    stamp: u64,
    max: usize,
}

impl Failures {
    pub(crate) fn new(max: usize, hash: Seeded) -> Self {
        Self { records: HashMap::with_hasher(hash), order: VecDeque::new(), stamp: 0, max }
    }

    /// Notes a failure; returns how many records were pushed out for it.
    pub(crate) fn note(
        &mut self,
        now_ms: u64,
        tunnel: Option<TunnelId>,
        station: Station,
        protocol: Option<Ipv4Addr>,
        failure: Failure,
    ) -> u64 {
        let record =
            PeerRecord { tunnel, station, protocol, failure, first_ms: now_ms, last_ms: now_ms, count: 1 };
        let key = Key::of(&record);
        if let Some((_, old)) = self.records.get_mut(&key) {
            let same = old.failure == failure && old.station == station;
            let (first_ms, count) = if same { (old.first_ms, old.count + 1) } else { (now_ms, 1) };
            *old = PeerRecord { first_ms, count, ..record };
            return 0;
        }
        if self.max == 0 {
            return 1;
        }
        let mut evicted = 0;
        while self.records.len() >= self.max {
            let Some((oldest, stamp)) = self.order.pop_front() else { break };
            if self.records.get(&oldest).is_some_and(|(current, _)| *current == stamp) {
                self.records.remove(&oldest);
                evicted += 1;
            }
        }
        self.stamp += 1;
        self.records.insert(key, (self.stamp, record));
        self.order.push_back((key, self.stamp));
        if self.order.len() > 2 * self.max + 64 {
            let records = &self.records;
            self.order.retain(|(key, stamp)| records.get(key).is_some_and(|(current, _)| current == stamp));
        }
        evicted
    }

    /// A station registered: it is no longer gone, and its GRE packets get through.
    pub(crate) fn back(&mut self, tunnel: TunnelId, station: Station, protocol: Ipv4Addr) {
        self.records.remove(&Key::Gone(Some(tunnel), Some(protocol)));
        self.records.remove(&Key::Trouble(Some(tunnel), station.owner(), None));
        self.records.remove(&Key::Trouble(None, station.owner(), None));
    }

    /// Forgets trouble that was over when a station last registered, so that it is not taken for the cause when the
    /// station goes later.
    pub(crate) fn settle(
        &mut self,
        tunnel: TunnelId,
        station: Station,
        protocol: Ipv4Addr,
        registered_ms: u64,
    ) {
        let key = Key::Trouble(Some(tunnel), station.owner(), Some(protocol));
        if self.records.get(&key).is_some_and(|(_, record)| record.last_ms <= registered_ms) {
            self.records.remove(&key);
        }
    }

    pub(crate) fn clear(&mut self, which: impl Fn(&PeerRecord) -> bool) {
        self.records.retain(|_, (_, record)| !which(record));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &PeerRecord> {
        self.records.values().map(|(_, record)| record)
    }

    /// Whether a gone peer also has trouble on record, which says more.
    pub(crate) fn has_trouble(&self, record: &PeerRecord) -> bool {
        self.records.contains_key(&Key::Trouble(record.tunnel, record.station.owner(), record.protocol))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UnbindReason;

    const FAILURE: Failure = Failure::AuthenticationWrong;

    #[test]
    fn the_oldest_makes_room() {
        let mut failures = Failures::new(3, Seeded(1));
        for n in 0..5u8 {
            let evicted = failures.note(n.into(), Some(0), Ipv4Addr::new(192, 0, 2, n).into(), None, FAILURE);
            assert_eq!(evicted, u64::from(n >= 3));
        }
        let mut left: Vec<u64> = failures.iter().map(|record| record.first_ms).collect();
        left.sort_unstable();
        assert_eq!(left, [2, 3, 4]);
    }

    #[test]
    fn repetition_counts_and_change_starts_anew() {
        let mut failures = Failures::new(3, Seeded(1));
        let peer = Ipv4Addr::new(192, 0, 2, 1);
        for now in [5, 6, 7] {
            failures.note(now, Some(0), peer.into(), None, FAILURE);
        }
        assert_eq!(
            failures.iter().map(|r| (r.first_ms, r.last_ms, r.count)).collect::<Vec<_>>(),
            [(5, 7, 3)]
        );
        failures.note(9, Some(0), peer.into(), None, Failure::AuthenticationMissing);
        assert_eq!(failures.iter().map(|r| (r.first_ms, r.count)).collect::<Vec<_>>(), [(9, 1)]);
    }

    #[test]
    fn churn_leaves_no_rubbish() {
        let mut failures = Failures::new(8, Seeded(1));
        let address = Ipv4Addr::new(10, 0, 0, 1);
        for now in 0..10_000 {
            failures.note(now, Some(0), address.into(), Some(address), Failure::Gone(UnbindReason::Expired));
            failures.back(0, address.into(), address);
        }
        assert_eq!(failures.iter().count(), 0);
        assert!(failures.order.len() <= 2 * 8 + 65);
    }
}
