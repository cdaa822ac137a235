//! What spokes have joined: who wants which group from which source, learnt from the IGMP and PIM messages that they send
//! through the tunnel, as Cisco's `ip pim nbma-mode` does. The kernel knows only that somebody on the tunnel wants it.
//!
//! RFC 3376 6.4 and RFC 2236 3 from the querier's side, each spoke for itself; RFC 7761 4.5 from the upstream router's.
//! Of a group record that excludes sources the exclusion is not kept: the spoke gets them too.

use shm::message::{PeerId, is_routable_group};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use wire::igmp::{self, RecordKind};
use wire::ip4::{self, protocol};
use wire::pim;

/// Most joins of all spokes.
pub const MAX_JOINS: usize = 262_144;
/// Most joins of one spoke.
const MAX_PER_PEER: usize = 4_096;
/// How long an IGMP report holds: the group membership interval (RFC 3376 8.4), in milliseconds.
const REPORT_MS: u64 = 260_000;
/// How long a group goes on after a leave, while its other members answer the querier (RFC 3376 8.8: twice a second),
/// in milliseconds.
const LEAVE_MS: u64 = 3_000;
/// A holding time that never ends (RFC 7761 4.9.5).
const FOR_EVER: u16 = 0xffff;

/// A group from one source, or from any.
pub type Flow = (Ipv4Addr, Option<Ipv4Addr>);

/// Until when a spoke wants a flow, in milliseconds; 0: it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Want {
    igmp: u64,
    pim: u64,
    /// Of a source: pruned off the tree to the RP, on which the group as a whole was joined.
    pruned: u64,
}

impl Want {
    fn is_joined(&self) -> bool {
        self.igmp > 0 || self.pim > 0
    }

    /// Forgets what has ended.
    fn expire(&mut self, now_ms: u64) {
        for until in [&mut self.igmp, &mut self.pim, &mut self.pruned] {
            *until = if *until <= now_ms { 0 } else { *until };
        }
    }

    /// When something of it ends first; `None`: there is nothing left.
    fn due(&self) -> Option<u64> {
        [self.igmp, self.pim, self.pruned].into_iter().filter(|until| *until > 0).min()
    }
}

/// Who told how, and what: an IGMP report or leave, a PIM join or prune.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Report,
    Leave,
    Join(u64),
    Prune,
    /// Off the tree to the RP, until then.
    PruneRp(u64),
    JoinRp,
}

/// All joins.
#[derive(Debug, Default)]
pub struct Joins {
    wants: BTreeMap<(PeerId, Ipv4Addr, Option<Ipv4Addr>), Want>,
    of_group: BTreeSet<(Ipv4Addr, PeerId)>,
    due: BTreeSet<(u64, PeerId, Ipv4Addr, Option<Ipv4Addr>)>,
    per_peer: BTreeMap<PeerId, usize>,
    /// Joins not kept because there were [`MAX_JOINS`], or too many of one spoke.
    pub full: u64,
    /// Messages that could not be read.
    pub malformed: u64,
}

impl Joins {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.wants.len()
    }

    /// Takes in a spoke's IP packet; `hub`: our address on its tunnel. Says which groups it is about.
    pub fn packet(&mut self, now_ms: u64, peer: PeerId, hub: Ipv4Addr, packet: &[u8]) -> BTreeSet<Ipv4Addr> {
        let mut touched = BTreeSet::new();
        let Ok(packet) = ip4::parse(packet) else {
            self.malformed += 1;
            return touched;
        };
        let mut changes: Vec<(Flow, Change)> = Vec::new();
        let sound = match packet.protocol() {
            _ if packet.is_fragment() => false,
            protocol::IGMP => igmp_changes(packet.payload(), &mut changes).is_ok(),
            protocol::PIM => {
                pim_changes(packet.payload(), hub, now_ms, |group| self.sources(peer, group), &mut changes)
                    .is_ok()
            }
            _ => false,
        };
        self.malformed += u64::from(!sound);
        for ((group, source), change) in changes {
            if !is_routable_group(group) || source.is_some_and(|source| source.is_unspecified()) {
                continue;
            }
            // A leave, or a state without sources, is about whatever of the group was wanted.
            let all = source.is_none() && change == Change::Leave;
            let sources = if all { self.sources(peer, group) } else { Vec::new() };
            for source in sources.into_iter().map(Some).chain([source]) {
                self.change(now_ms, (peer, group, source), change);
            }
            touched.insert(group);
        }
        touched
    }

    /// Forgets what has ended; says which groups of whom it was about.
    pub fn expire(&mut self, now_ms: u64) -> BTreeSet<(Ipv4Addr, PeerId)> {
        let mut touched = BTreeSet::new();
        while let Some(&(due, peer, group, source)) = self.due.first()
            && due <= now_ms
        {
            touched.insert((group, peer));
            self.set((peer, group, source), |want| want.expire(now_ms));
        }
        touched
    }

    /// A peer is gone; says what groups it had joined.
    pub fn forget(&mut self, peer: PeerId) -> BTreeSet<Ipv4Addr> {
        let from = (peer, Ipv4Addr::UNSPECIFIED, None);
        let of = self.wants.range(from..).take_while(|((of, ..), _)| *of == peer).map(|(key, _)| *key);
        let keys: Vec<_> = of.collect();
        keys.iter().for_each(|key| self.set(*key, |want| *want = Want::default()));
        keys.into_iter().map(|(_, group, _)| group).collect()
    }

    /// Whether a spoke gets packets of the source to the group; `None`: of a route for any source.
    pub fn wants(&self, peer: PeerId, group: Ipv4Addr, source: Option<Ipv4Addr>) -> bool {
        let want = |source| self.wants.get(&(peer, group, source));
        let joined = |source| want(source).is_some_and(Want::is_joined);
        match source {
            None => joined(None) || self.sources(peer, group).into_iter().any(|source| joined(Some(source))),
            Some(_) => joined(source) || joined(None) && want(source).is_none_or(|want| want.pruned == 0),
        }
    }

    /// The spokes that said anything about a group.
    pub fn of_group(&self, group: Ipv4Addr) -> impl Iterator<Item = PeerId> + '_ {
        self.of_group.range((group, PeerId::MIN)..=(group, PeerId::MAX)).map(|(_, peer)| *peer)
    }

    /// When a spoke's join of a flow ends unless it is said again.
    pub fn until(&self, peer: PeerId, group: Ipv4Addr, source: Option<Ipv4Addr>) -> Option<u64> {
        let want = |source| self.wants.get(&(peer, group, source)).filter(|want| want.is_joined());
        let want = want(source).or_else(|| want(None))?;
        Some(want.igmp.max(want.pim))
    }

    fn sources(&self, peer: PeerId, group: Ipv4Addr) -> Vec<Ipv4Addr> {
        let of =
            self.wants.range((peer, group, None)..).take_while(|((p, g, _), _)| (*p, *g) == (peer, group));
        of.filter_map(|((_, _, source), _)| *source).collect()
    }

    fn change(&mut self, now_ms: u64, key: (PeerId, Ipv4Addr, Option<Ipv4Addr>), change: Change) {
        let keeps = matches!(change, Change::Report | Change::Join(_) | Change::PruneRp(_));
        if !keeps && !self.wants.contains_key(&key) {
            return;
        }
        let of_peer = self.per_peer.get(&key.0).copied().unwrap_or(0);
        if !self.wants.contains_key(&key) && (self.wants.len() >= MAX_JOINS || of_peer >= MAX_PER_PEER) {
            self.full += 1;
            return;
        }
        self.set(key, |want| match change {
            Change::Report => want.igmp = now_ms + REPORT_MS,
            Change::Leave => want.igmp = want.igmp.min(now_ms + LEAVE_MS),
            Change::Join(until) => (want.pim, want.pruned) = (until, 0),
            Change::Prune => want.pim = 0,
            Change::PruneRp(until) => want.pruned = until,
            Change::JoinRp => want.pruned = 0,
        });
    }

    /// The one place where a want changes, with all that is kept about it.
    fn set(&mut self, key: (PeerId, Ipv4Addr, Option<Ipv4Addr>), change: impl FnOnce(&mut Want)) {
        let (peer, group, source) = key;
        let old = self.wants.get(&key).copied();
        let mut new = old.unwrap_or_default();
        change(&mut new);
        if let Some(due) = old.and_then(|old| old.due()) {
            self.due.remove(&(due, peer, group, source));
        }
        let count = self.per_peer.entry(peer).or_default();
        match new.due() {
            Some(due) => {
                self.due.insert((due, peer, group, source));
                *count += usize::from(self.wants.insert(key, new).is_none());
                self.of_group.insert((group, peer));
            }
            None => {
                *count -= usize::from(self.wants.remove(&key).is_some());
                if *count == 0 {
                    self.per_peer.remove(&peer);
                }
                let next = self.wants.range((peer, group, None)..).next();
                if next.is_none_or(|((p, g, _), _)| (*p, *g) != (peer, group)) {
                    self.of_group.remove(&(group, peer));
                }
            }
        }
    }
}

/// RFC 3376 6.4.2, with what a report of version 1 or 2 means by 7.3.2.
fn igmp_changes(payload: &[u8], changes: &mut Vec<(Flow, Change)>) -> Result<(), igmp::Error> {
    match igmp::parse(payload)? {
        igmp::Message::Report(group) => changes.push(((group, None), Change::Report)),
        igmp::Message::Leave(group) => changes.push(((group, None), Change::Leave)),
        igmp::Message::Records(records) => {
            for record in records {
                let each =
                    |change| record.sources().map(move |source| ((record.group, Some(source)), change));
                match record.kind {
                    RecordKind::IsExclude | RecordKind::ToExclude => {
                        changes.push(((record.group, None), Change::Report));
                    }
                    RecordKind::IsInclude | RecordKind::Allow => changes.extend(each(Change::Report)),
                    RecordKind::ToInclude => {
                        changes.push(((record.group, None), Change::Leave));
                        changes.extend(each(Change::Report));
                    }
                    RecordKind::Block => changes.extend(each(Change::Leave)),
                    RecordKind::Unknown(_) => {}
                }
            }
        }
        igmp::Message::Query | igmp::Message::Other(_) => {}
    }
    Ok(())
}

/// RFC 7761 4.5.2, 4.5.3. A prune takes effect at once: each spoke is known for itself, so nobody has to object.
fn pim_changes(
    payload: &[u8],
    hub: Ipv4Addr,
    now_ms: u64,
    known: impl Fn(Ipv4Addr) -> Vec<Ipv4Addr>,
    changes: &mut Vec<(Flow, Change)>,
) -> Result<(), pim::Error> {
    let Some(message) = pim::parse(payload)? else { return Ok(()) };
    // On the tunnel a spoke's message to another spoke reaches us too.
    if message.upstream != hub {
        return Ok(());
    }
    let until = match message.holdtime {
        FOR_EVER => u64::MAX,
        seconds => now_ms + u64::from(seconds) * 1_000,
    };
    for group in message.groups.filter(|group| group.mask_len == 32) {
        let flow = |source: Option<Ipv4Addr>| (group.group, source);
        // A join of the group as a whole ends prunes that are not said again with it (RFC 7761 4.5.2).
        if group.joined.iter().any(pim::Source::is_wildcard) {
            changes.extend(known(group.group).into_iter().map(|source| (flow(Some(source)), Change::JoinRp)));
        }
        for source in group.joined {
            changes.push(match (source.is_wildcard(), source.is_rp_tree()) {
                (true, _) => (flow(None), Change::Join(until)),
                (false, false) => (flow(Some(source.address())), Change::Join(until)),
                (false, true) => (flow(Some(source.address())), Change::JoinRp),
            });
        }
        for source in group.pruned {
            changes.push(match (source.is_wildcard(), source.is_rp_tree()) {
                (true, _) => (flow(None), Change::Prune),
                (false, false) => (flow(Some(source.address())), Change::Prune),
                (false, true) => (flow(Some(source.address())), Change::PruneRp(until)),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUB: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const SPOKE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);
    const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
    const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 50);
    const OTHER: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 51);
    const RP: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 9);
    /// Sparse, wildcard, tree to the RP.
    const STAR: u8 = 7;

    fn packet(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let fields = ip4::Fields {
            tos: 0,
            total_len: (20 + payload.len()) as u16,
            id: 0,
            flags_offset: 0,
            ttl: 1,
            protocol,
            source: SPOKE,
            destination: GROUP,
        };
        let mut packet = vec![0; 20];
        fields.emit(&mut packet).unwrap();
        [packet, payload.to_vec()].concat()
    }

    fn v3(records: &[(u8, &[Ipv4Addr])]) -> Vec<u8> {
        let mut message = vec![0x22, 0, 0, 0, 0, 0, 0, records.len() as u8];
        for (kind, sources) in records {
            message.extend([*kind, 0, 0, sources.len() as u8]);
            message.extend(GROUP.octets());
            sources.iter().for_each(|source| message.extend(source.octets()));
        }
        let sum = wire::checksum::checksum(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        message
    }

    fn told(joins: &mut Joins, now_ms: u64, protocol: u8, payload: &[u8]) {
        let touched = joins.packet(now_ms, 3, HUB, &packet(protocol, payload));
        assert!(touched.iter().all(|group| *group == GROUP));
    }

    fn igmp(joins: &mut Joins, now_ms: u64, payload: &[u8]) {
        told(joins, now_ms, 2, payload);
    }

    fn pim(joins: &mut Joins, joined: &[(Ipv4Addr, u8)], pruned: &[(Ipv4Addr, u8)]) {
        told(joins, 0, 103, &pim::join_prune(HUB, 210, GROUP, joined, pruned));
    }

    #[test]
    fn a_report_holds_for_its_time_and_a_leave_a_little() {
        let mut joins = Joins::default();
        igmp(&mut joins, 0, &igmp::emit(false, GROUP));
        assert!(joins.wants(3, GROUP, Some(SOURCE)) && joins.wants(3, GROUP, None));
        assert!(!joins.wants(4, GROUP, Some(SOURCE)) && !joins.wants(3, OTHER, None));
        igmp(&mut joins, 100_000, &igmp::emit(false, GROUP));
        assert!(joins.expire(359_999).is_empty());
        assert_eq!(joins.expire(360_000), [(GROUP, 3)].into());
        assert!(!joins.wants(3, GROUP, None) && joins.len() == 0);
        igmp(&mut joins, 400_000, &igmp::emit(false, GROUP));
        igmp(&mut joins, 400_000, &igmp::emit(true, GROUP));
        assert!(joins.wants(3, GROUP, None));
        // Another member behind the spoke answers the querier.
        igmp(&mut joins, 401_000, &igmp::emit(false, GROUP));
        assert!(joins.expire(500_000).is_empty());
        igmp(&mut joins, 500_000, &igmp::emit(true, GROUP));
        assert_eq!(joins.expire(503_000).len(), 1);
        // A leave of what was not joined is nothing.
        igmp(&mut joins, 600_000, &igmp::emit(true, GROUP));
        assert_eq!((joins.len(), joins.of_group(GROUP).count(), joins.due.len()), (0, 0, 0));
    }

    #[test]
    fn records_name_sources() {
        let mut joins = Joins::default();
        igmp(&mut joins, 0, &v3(&[(5, &[SOURCE])]));
        assert!(joins.wants(3, GROUP, Some(SOURCE)) && !joins.wants(3, GROUP, Some(OTHER)));
        igmp(&mut joins, 0, &v3(&[(6, &[SOURCE]), (1, &[OTHER])]));
        assert_eq!(joins.expire(3_000), [(GROUP, 3)].into());
        assert!(!joins.wants(3, GROUP, Some(SOURCE)) && joins.wants(3, GROUP, Some(OTHER)));
        igmp(&mut joins, 3_000, &v3(&[(4, &[])]));
        assert!(joins.wants(3, GROUP, Some(SOURCE)));
        // To these sources only, then to none.
        igmp(&mut joins, 3_000, &v3(&[(3, &[SOURCE])]));
        joins.expire(6_000);
        assert!(joins.wants(3, GROUP, Some(SOURCE)) && !joins.wants(3, GROUP, Some(OTHER)));
        igmp(&mut joins, 6_000, &v3(&[(3, &[])]));
        joins.expire(9_000);
        assert_eq!(joins.len(), 0);
    }

    #[test]
    fn joins_and_prunes_of_pim() {
        let mut joins = Joins::default();
        pim(&mut joins, &[(RP, STAR)], &[]);
        assert!(joins.wants(3, GROUP, Some(SOURCE)));
        // One source off the tree to the RP, until the group is joined without that.
        pim(&mut joins, &[(RP, STAR)], &[(SOURCE, 5)]);
        assert!(!joins.wants(3, GROUP, Some(SOURCE)) && joins.wants(3, GROUP, Some(OTHER)));
        pim(&mut joins, &[(RP, STAR)], &[]);
        assert!(joins.wants(3, GROUP, Some(SOURCE)));
        pim(&mut joins, &[(SOURCE, 4)], &[(RP, STAR)]);
        assert!(joins.wants(3, GROUP, Some(SOURCE)) && !joins.wants(3, GROUP, Some(OTHER)));
        assert_eq!(joins.expire(210_000), [(GROUP, 3)].into());
        // To another router, or damaged, it is nothing.
        told(&mut joins, 0, 103, &pim::join_prune(OTHER, 210, GROUP, &[(RP, STAR)], &[]));
        told(&mut joins, 0, 103, &[0x23, 0, 0, 0]);
        told(&mut joins, 0, 103, &pim::join_prune(HUB, 210, Ipv4Addr::new(224, 0, 0, 5), &[(RP, STAR)], &[]));
        assert_eq!((joins.len(), joins.malformed), (0, 1));
        // For ever, and at once no more.
        told(&mut joins, 0, 103, &pim::join_prune(HUB, 0xffff, GROUP, &[(RP, STAR)], &[]));
        assert!(joins.expire(u64::MAX - 1).is_empty());
        told(&mut joins, 5, 103, &pim::join_prune(HUB, 0, GROUP, &[(RP, STAR)], &[]));
        assert_eq!(joins.expire(5).len(), 1);
    }

    #[test]
    fn a_spoke_that_goes_takes_its_joins_along() {
        let mut joins = Joins::default();
        igmp(&mut joins, 0, &v3(&[(5, &[SOURCE, OTHER]), (4, &[])]));
        joins.packet(0, 9, HUB, &packet(2, &igmp::emit(false, GROUP)));
        assert_eq!(joins.forget(3), [GROUP].into());
        assert_eq!((joins.len(), joins.of_group(GROUP).collect::<Vec<_>>()), (1, vec![9]));
        assert_eq!((joins.per_peer.len(), joins.due.len()), (1, 1));
    }

    #[test]
    fn one_spoke_cannot_fill_the_table() {
        let mut joins = Joins::default();
        for n in 0..5_000_u32 {
            let group = Ipv4Addr::from_bits(0xef00_0000 + n);
            joins.packet(0, 3, HUB, &packet(2, &igmp::emit(false, group)));
        }
        assert_eq!((joins.len(), joins.full), (MAX_PER_PEER, 5_000 - MAX_PER_PEER as u64));
        joins.packet(0, 4, HUB, &packet(2, &igmp::emit(false, GROUP)));
        assert!(joins.wants(4, GROUP, None));
    }
}
