//! What an IGMP message means: RFC 3376 6.4 from the querier's side, each spoke for itself.
//!
//! A spoke is in EXCLUDE mode while its group timer runs, the [`igmp`](super::Want::igmp) of the group as a whole; a source then is
//! received unless it is blocked, which stands for a source timer that has run out. In INCLUDE mode it is received while
//! its own timer runs. Reports and leaves of versions 1 and 2 are what 7.3.2 makes of them.

use super::{Joins, LEAVE_MS, REPORT_MS, Told};
use shm::message::{PeerId, is_routable_group};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use wire::igmp::{self, RecordKind};

impl Joins {
    pub(super) fn igmp(
        &mut self,
        now_ms: u64,
        peer: PeerId,
        payload: &[u8],
        told: &mut Told,
    ) -> Result<(), igmp::Error> {
        let mut record = |kind, group, named: BTreeSet<Ipv4Addr>| {
            if is_routable_group(group) {
                told.groups.insert(group);
                self.record(now_ms, (peer, group), kind, &named);
            }
        };
        match igmp::parse(payload)? {
            igmp::Message::Report(group) => record(RecordKind::IsExclude, group, BTreeSet::new()),
            igmp::Message::Leave(group) => record(RecordKind::ToInclude, group, BTreeSet::new()),
            igmp::Message::Records(records) => {
                for of in records {
                    let named = of.sources().filter(|source| !source.is_unspecified()).collect();
                    record(of.kind, of.group, named);
                }
            }
            igmp::Message::Query | igmp::Message::Other(_) => {}
        }
        Ok(())
    }

    fn record(
        &mut self,
        now_ms: u64,
        (peer, group): (PeerId, Ipv4Addr),
        kind: RecordKind,
        named: &BTreeSet<Ipv4Addr>,
    ) {
        let (full, soon) = (now_ms + REPORT_MS, now_ms + LEAVE_MS);
        let all = (peer, group, None);
        let of = |source: &Ipv4Addr| (peer, group, Some(*source));
        let others: Vec<Ipv4Addr> =
            self.sources(peer, group).into_iter().filter(|source| !named.contains(source)).collect();
        match kind {
            RecordKind::IsInclude | RecordKind::Allow | RecordKind::ToInclude => {
                for source in named {
                    self.add(of(source), |want| (want.igmp, want.blocked) = (full, false));
                }
                if kind == RecordKind::ToInclude {
                    // While other members behind the spoke answer the querier.
                    for source in &others {
                        self.change(of(source), |want| want.igmp = want.igmp.min(soon));
                    }
                    self.change(all, |want| want.igmp = want.igmp.min(soon));
                }
            }
            RecordKind::Block => {
                let group_timer = self.group_timer(peer, group);
                for source in named {
                    match group_timer {
                        0 => self.change(of(source), |want| want.igmp = want.igmp.min(soon)),
                        timer => self.ask(of(source), timer, soon),
                    }
                }
            }
            RecordKind::IsExclude | RecordKind::ToExclude => {
                let group_timer = self.group_timer(peer, group);
                self.add(all, |want| want.igmp = full);
                if self.group_timer(peer, group) == 0 {
                    return;
                }
                for source in named {
                    match (group_timer, kind) {
                        (0, _) => self.exclude(of(source), soon, kind == RecordKind::ToExclude),
                        (timer, RecordKind::ToExclude) => self.ask(of(source), timer, soon),
                        _ => self.ask(of(source), full, full),
                    }
                }
                for source in &others {
                    self.change(of(source), |want| (want.igmp, want.blocked) = (0, false));
                }
            }
            RecordKind::Unknown(_) => {}
        }
    }

    /// Until when the spoke is in EXCLUDE mode; 0: it is not.
    pub(super) fn group_timer(&self, peer: PeerId, group: Ipv4Addr) -> u64 {
        self.wants.get(&(peer, group, None)).map_or(0, |want| want.igmp)
    }

    /// From INCLUDE to EXCLUDE mode: what was wanted goes on until it is known that nobody wants it any more.
    fn exclude(&mut self, key: (PeerId, Ipv4Addr, Option<Ipv4Addr>), soon: u64, ask: bool) {
        self.add(key, |want| match want.igmp {
            0 => want.blocked = true,
            until if ask => want.igmp = until.min(soon),
            _ => {}
        });
    }

    /// In EXCLUDE mode: a source that was not excluded has time until `latest`, one that nothing was said of begins with
    /// `timer`.
    fn ask(&mut self, key: (PeerId, Ipv4Addr, Option<Ipv4Addr>), timer: u64, latest: u64) {
        self.add(key, |want| {
            if !want.blocked {
                want.igmp = if want.igmp == 0 { timer } else { want.igmp }.min(latest);
            }
        });
    }
}
