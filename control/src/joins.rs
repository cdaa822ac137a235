//! What spokes have joined: who wants which group from which source, learnt from the IGMP and PIM messages that they send
//! through the tunnel, as Cisco's `ip pim nbma-mode` does. The kernel knows only that somebody on the tunnel wants it.
//!
//! RFC 3376 6 and RFC 2236 3 from the querier's side, each spoke for itself; RFC 7761 4.5 from the upstream router's.

mod igmp;
mod pim;
#[cfg(test)]
mod tests;
mod want;

pub use pim::Prune;
pub use want::Joined;

use shm::message::PeerId;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use want::Want;
use wire::ip4::{self, protocol};

/// Most joins of all spokes.
pub const MAX_JOINS: usize = 262_144;
/// Most joins of one spoke, sources that it excludes among them.
const MAX_PER_PEER: usize = 4_096;
/// How long an IGMP report holds: the group membership interval (RFC 3376 8.4), in milliseconds.
const REPORT_MS: u64 = 260_000;
/// How long a group goes on after a leave, while its other members answer the querier (RFC 3376 8.8: twice a second),
/// in milliseconds.
const LEAVE_MS: u64 = 3_000;

/// A group from one source, or from any.
pub type Flow = (Ipv4Addr, Option<Ipv4Addr>);

/// A spoke and a flow.
pub type Key = (PeerId, Ipv4Addr, Option<Ipv4Addr>);

/// What a message was about.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Groups of which somebody may want something else now.
    pub groups: BTreeSet<Ipv4Addr>,
    /// What a spoke pruned by PIM.
    pub pruned: Vec<Prune>,
}

/// All joins.
#[derive(Debug, Default)]
pub struct Joins {
    wants: BTreeMap<Key, Want>,
    of_group: BTreeSet<(Ipv4Addr, PeerId)>,
    due: BTreeSet<(u64, Key)>,
    per_peer: BTreeMap<PeerId, usize>,
    /// Those that began, ended or hold for another time since [`Self::changes`] was asked.
    changed: BTreeSet<Key>,
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

    /// Takes in a spoke's IP packet; `hub`: our address on its tunnel.
    pub fn packet(&mut self, now_ms: u64, peer: PeerId, hub: Ipv4Addr, packet: &[u8]) -> Told {
        let mut told = Told::default();
        let Ok(packet) = ip4::parse(packet) else {
            self.malformed += 1;
            return told;
        };
        let ends = (hub, packet.source());
        let sound = match packet.protocol() {
            _ if packet.is_fragment() => false,
            protocol::IGMP => self.igmp(now_ms, peer, packet.payload(), &mut told).is_ok(),
            protocol::PIM => self.join_prune(now_ms, peer, ends, packet.payload(), &mut told).is_ok(),
            _ => false,
        };
        self.malformed += u64::from(!sound);
        told
    }

    /// Forgets what has ended; says which groups of whom it was about.
    pub fn expire(&mut self, now_ms: u64) -> BTreeSet<(Ipv4Addr, PeerId)> {
        let mut touched = BTreeSet::new();
        while let Some(&(due, key)) = self.due.first()
            && due <= now_ms
        {
            let (peer, group, source) = key;
            touched.insert((group, peer));
            // In EXCLUDE mode a source whose time is over is one that nobody wants (RFC 3376 6.5).
            let all = self.wants.get(&(peer, group, None));
            let blocks = source.is_some() && all.is_some_and(|all| all.igmp > now_ms);
            self.set(key, |want| {
                want.blocked |= blocks && (1..=now_ms).contains(&want.igmp);
                want.expire(now_ms);
            });
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
        let want = |source| self.wants.get(&(peer, group, source)).copied().unwrap_or_default();
        let (all, this) = (want(None), want(source));
        match source {
            None => {
                let some = |source| want(Some(source)).igmp > 0 || want(Some(source)).pim > 0;
                all.igmp > 0 || all.pim > 0 || self.sources(peer, group).into_iter().any(some)
            }
            Some(_) => {
                let igmp = this.igmp > 0 || all.igmp > 0 && !this.blocked;
                igmp || this.pim > 0 || all.pim > 0 && this.pruned == 0
            }
        }
    }

    /// The spokes that said anything about a group.
    pub fn of_group(&self, group: Ipv4Addr) -> impl Iterator<Item = PeerId> + '_ {
        self.of_group.range((group, PeerId::MIN)..=(group, PeerId::MAX)).map(|(_, peer)| *peer)
    }

    /// When a spoke's join of a flow ends unless it is said again.
    pub fn until(&self, peer: PeerId, group: Ipv4Addr, source: Option<Ipv4Addr>) -> Option<u64> {
        let until = |source| {
            let want = self.wants.get(&(peer, group, source))?;
            Some(want.igmp.max(want.pim)).filter(|until| *until > 0)
        };
        let of = self.sources(peer, group).into_iter().filter_map(|source| until(Some(source)));
        until(source).or_else(|| until(None)).or_else(|| of.max().filter(|_| source.is_none()))
    }

    /// What the next life of control has to know of what changed; of what ended an empty one.
    pub fn changes(&mut self) -> impl Iterator<Item = (Key, Joined)> + '_ {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|key| (key, self.wants.get(&key).map(Want::joined).unwrap_or_default()))
    }

    /// The same of all.
    pub fn all(&self) -> impl Iterator<Item = (Key, Joined)> + '_ {
        self.wants.iter().map(|(key, want)| (*key, want.joined()))
    }

    /// A join of our last life; that of a group as a whole comes before those of its sources.
    pub fn restore(&mut self, now_ms: u64, key: Key, joined: Joined) {
        let blocked = joined.blocked && self.group_timer(key.0, key.1) > 0;
        self.add(key, |want| *want = Want::revive(Joined { blocked, ..joined }, now_ms, REPORT_MS));
        self.changed.remove(&key);
    }

    fn sources(&self, peer: PeerId, group: Ipv4Addr) -> Vec<Ipv4Addr> {
        let of =
            self.wants.range((peer, group, None)..).take_while(|((p, g, _), _)| (*p, *g) == (peer, group));
        of.filter_map(|((_, _, source), _)| *source).collect()
    }

    /// Changes what is there.
    fn change(&mut self, key: Key, change: impl FnOnce(&mut Want)) {
        if self.wants.contains_key(&key) {
            self.set(key, change);
        }
    }

    /// Changes what is there, or may come.
    fn add(&mut self, key: Key, change: impl FnOnce(&mut Want)) {
        let of_peer = self.per_peer.get(&key.0).copied().unwrap_or(0);
        if !self.wants.contains_key(&key) && (self.wants.len() >= MAX_JOINS || of_peer >= MAX_PER_PEER) {
            self.full += 1;
            return;
        }
        self.set(key, change);
    }

    fn set(&mut self, key: Key, change: impl FnOnce(&mut Want)) {
        let old = self.wants.get(&key).copied();
        let mut new = old.unwrap_or_default();
        change(&mut new);
        self.put(key, old, new);
    }

    /// The one place where a want changes, with all that is kept about it.
    fn put(&mut self, key: Key, old: Option<Want>, new: Want) {
        let (peer, group, source) = key;
        if let Some(due) = old.and_then(|old| old.due()) {
            self.due.remove(&(due, key));
        }
        if old.unwrap_or_default().joined() != new.joined() {
            self.changed.insert(key);
        }
        let count = self.per_peer.entry(peer).or_default();
        if new.is_empty() {
            *count -= usize::from(self.wants.remove(&key).is_some());
            if *count == 0 {
                self.per_peer.remove(&peer);
            }
            let next = self.wants.range((peer, group, None)..).next();
            if next.is_none_or(|((p, g, _), _)| (*p, *g) != (peer, group)) {
                self.of_group.remove(&(group, peer));
            }
        } else {
            self.due.extend(new.due().map(|due| (due, key)));
            *count += usize::from(self.wants.insert(key, new).is_none());
            self.of_group.insert((group, peer));
        }
        // Outside of EXCLUDE mode nothing is excluded.
        if source.is_none() && new.igmp == 0 && old.is_some_and(|old| old.igmp > 0) {
            for source in self.sources(peer, group) {
                let key = (peer, group, Some(source));
                let old = self.wants.get(&key).copied();
                let mut new = old.unwrap_or_default();
                new.blocked = false;
                self.put(key, old, new);
            }
        }
    }
}
