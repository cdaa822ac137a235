//! What a PIM message means, each flow of it.

use super::want::Holding;
use super::{Flow, Joins};
use shm::message::{PeerId, is_routable_group};
use std::net::Ipv4Addr;
use wire::pim::{self, Source};

/// A prune that a spoke sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prune {
    /// Of which group.
    pub group: Ipv4Addr,
    /// Source; of a wildcard the RP.
    pub source: Ipv4Addr,
    /// Of the source as on the wire: [`pim::WILDCARD`], [`pim::RP_TREE`].
    pub flags: u8,
}

impl Prune {
    fn flow(&self) -> Flow {
        (self.group, (self.flags & pim::WILDCARD == 0).then_some(self.source))
    }

    /// Off the tree to the RP only, of one source.
    fn is_rp_tree(&self) -> bool {
        self.flags & (pim::WILDCARD | pim::RP_TREE) == pim::RP_TREE
    }
}

impl Joins {
    /// RFC 7761 4.5.2, 4.5.3. A prune takes effect at once: each spoke is known for itself.
    pub(super) fn join_prune(
        &mut self,
        now_ms: u64,
        peer: PeerId,
        (hub, from): (Ipv4Addr, Ipv4Addr),
        payload: &[u8],
        told: &mut super::Told,
    ) -> Result<(), pim::Error> {
        let Some(message) = pim::parse(payload)? else { return Ok(()) };
        // On the tunnel a spoke's message to another spoke reaches us too.
        if message.upstream != hub {
            return Ok(());
        }
        let holding = Holding { now_ms, seconds: message.holdtime };
        let groups = message.groups.filter(|group| group.mask_len == 32 && is_routable_group(group.group));
        for group in groups {
            told.groups.insert(group.group);
            let of = |source: &Source| (peer, group.group, Some(source.address()));
            let all = (peer, group.group, None);
            let named = |source: &&Source| source.is_wildcard() || !source.address().is_unspecified();
            // A join of the group as a whole ends prunes that are not said again with it (RFC 7761 4.5.2).
            if group.joined.iter().any(Source::is_wildcard) {
                for source in self.sources(peer, group.group) {
                    self.change((peer, group.group, Some(source)), |want| want.pruned = 0);
                }
            }
            for source in group.joined.iter().filter(named) {
                match (source.is_wildcard(), source.is_rp_tree()) {
                    (true, _) => self.add(all, |want| want.join(holding, from)),
                    (false, false) => self.add(of(source), |want| want.join(holding, from)),
                    (false, true) => self.change(of(source), |want| want.pruned = 0),
                }
            }
            for source in group.pruned.iter().filter(named) {
                match (source.is_wildcard(), source.is_rp_tree()) {
                    (true, _) => self.change(all, |want| want.pim = 0),
                    (false, false) => self.change(of(source), |want| want.pim = 0),
                    (false, true) => self.add(of(source), |want| want.prune(holding)),
                }
                told.pruned.push(Prune { group: group.group, source: source.address(), flags: source.flags });
            }
        }
        Ok(())
    }

    /// One of `peers` that goes on wanting by PIM what another prunes: its address, and for how many seconds more.
    pub fn objector(
        &self,
        now_ms: u64,
        prune: &Prune,
        mut peers: impl FnMut(PeerId) -> bool,
    ) -> Option<(Ipv4Addr, u16)> {
        let (group, source) = prune.flow();
        let want = |peer, source| self.wants.get(&(peer, group, source));
        self.of_group(group).filter(|peer| peers(*peer)).find_map(|peer| {
            let meant = match prune.is_rp_tree() {
                true => {
                    let pruned = want(peer, source).is_some_and(|want| want.pruned > 0);
                    want(peer, None).filter(|_| !pruned)
                }
                false => want(peer, source),
            };
            meant?.pim_left(now_ms)
        })
    }
}
