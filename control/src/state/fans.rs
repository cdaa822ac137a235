//! Routes that share their next hops: told to the data plane as an entry of several ways, so that a spoke that comes,
//! goes or moves, or a next-hop object that changes, is one update, whatever number of prefixes lead there.
//!
//! A prefix has an entry when another one has the same set of next hops, or when the set has several; otherwise its
//! target is told with the prefix itself, which spares workers a step. Sets with a hop that is on link have none: what
//! they lead to depends on the destination.

use super::{AT_ONCE, Effect, State};
use crate::kernel::HopsId;
use crate::prefix::{self, Net};
use crate::rib::{Lead, OverlayHop};
use shm::message::{LinkId, MAX_WAYS, PathsId, Target, VrfId, Ways};
use std::net::Ipv4Addr;

/// A set of overlay next hops that prefixes have.
#[derive(Debug, Default)]
pub(super) struct Fan {
    count: u32,
    /// All of them, folded together: of one or two that is enough to know the other.
    members: u64,
    /// The entry of the data plane.
    pub(super) paths: Option<PathsId>,
    /// Links that the entry refers to.
    links: Vec<LinkId>,
    /// Under which next hops it is found.
    gateways: Vec<Ipv4Addr>,
}

fn tag(net: Net) -> u64 {
    let (network, len) = prefix::key(net.prefix);
    u64::from(net.vrf) << 40 | u64::from(network) << 8 | u64::from(len)
}

fn untag(tag: u64) -> Net {
    Net { vrf: (tag >> 40) as VrfId, prefix: prefix::from_key(((tag >> 8) as u32, tag as u8)) }
}

impl State {
    /// A prefix has this set of next hops.
    pub(super) fn join(&mut self, set: HopsId, net: Net) {
        let fan = self.fans.entry(set).or_default();
        fan.count += 1;
        fan.members ^= tag(net);
        if fan.count == 1 {
            self.index_gateways(set);
        }
        self.share(set, Some(net));
    }

    /// It has not any more.
    pub(super) fn leave(&mut self, set: HopsId, net: Net) {
        let Some(fan) = self.fans.get_mut(&set) else { return };
        fan.count = fan.count.saturating_sub(1);
        fan.members ^= tag(net);
        if fan.count > 0 {
            return self.share(set, None);
        }
        let Some(fan) = self.fans.remove(&set) else { return };
        self.unindex_gateways(set, &fan.gateways);
        self.end_paths(fan.paths, fan.links);
    }

    /// The hops of a set changed for all that have it.
    pub(super) fn turn(&mut self, set: HopsId) {
        let turned = self.rib.turn(&self.kernel, set);
        if turned.underlay {
            let over = |id: &_| {
                let peer = self.peers.get(*id);
                peer.is_some_and(|peer| {
                    let vrf = self.underlay_of(peer.tunnel);
                    self.rib.underlay_set(vrf, peer.station.nbma) == Some(set)
                })
            };
            let peers: Vec<_> = self.peers.iter().map(|(id, _)| id).filter(over).collect();
            peers.into_iter().for_each(|id| self.refresh_peer(id));
        }
        if turned.overlay && self.fans.contains_key(&set) {
            self.index_gateways(set);
            self.share(set, None);
            self.refresh_fan(set);
            // Who was told about destinations behind it is to hear of it: of a few by name, of many by looking at all.
            let users: Vec<Net> = self.kernel.users(set).take(AT_ONCE + 1).collect();
            match users.len() <= AT_ONCE {
                true => users.into_iter().for_each(|net| {
                    self.check_recursion(net);
                    self.effects.push(Effect::Overlay(net.prefix));
                }),
                false => self.effects.push(Effect::Overlay(prefix::network(Ipv4Addr::UNSPECIFIED, 0))),
            }
        }
        if turned.sides || turned.attached {
            self.todo.extend(self.kernel.users(set));
        }
    }

    /// What the next hops of a set lead to changed.
    pub(super) fn refresh_fan(&mut self, set: HopsId) {
        let Some(fan) = self.fans.get(&set) else { return };
        match (fan.paths, fan.count) {
            (Some(_), _) => self.refresh_paths(set),
            (None, 1) => self.refresh_route(untag(fan.members)),
            (None, _) => self.refresh_users(set),
        }
    }

    /// Sets through a spoke.
    pub(super) fn refresh_through(&mut self, gateway: Ipv4Addr) {
        let sets: Vec<HopsId> = self.by_gateway.get(&gateway).into_iter().flatten().copied().collect();
        sets.into_iter().for_each(|set| self.refresh_fan(set));
    }

    /// Gives a set an entry, or takes it away, and has its prefixes follow. `joined` follows by itself.
    fn share(&mut self, set: HopsId, joined: Option<Net>) {
        let (Some(fan), Some(lead)) = (self.fans.get(&set), self.rib.lead(set)) else { return };
        let remote = lead.hops.iter().all(|(hop, _)| hop.gateway().is_some());
        let several = fan.count > 1 || lead.hops.len() > 1;
        let (count, members) = (fan.count, fan.members);
        match (remote && several && !lead.hops.is_empty(), fan.paths) {
            (true, None) => {
                let told = &self.sync.paths;
                let Some(id) = self.path_ids.take(|id| told.is_told(&id)) else { return };
                self.fans.entry(set).and_modify(|fan| fan.paths = Some(id));
                self.refresh_paths(set);
            }
            (false, Some(id)) => {
                let Some(fan) = self.fans.get_mut(&set) else { return };
                let links = std::mem::take(&mut fan.links);
                fan.paths = None;
                self.end_paths(Some(id), links);
            }
            _ => return,
        }
        let others = members ^ joined.map_or(0, tag);
        match count - u32::from(joined.is_some()) {
            0 => {}
            1 => self.refresh_route(untag(others)),
            _ => self.refresh_users(set),
        }
    }

    fn refresh_users(&mut self, set: HopsId) {
        for net in self.kernel.users(set).collect::<Vec<_>>() {
            self.refresh_route(net);
        }
    }

    fn refresh_paths(&mut self, set: HopsId) {
        let Some(lead) = self.rib.lead(set) else { return };
        let Some(id) = self.fans.get(&set).and_then(|fan| fan.paths) else { return };
        let (mut ways, mut links) = (Vec::new(), Vec::new());
        for (hop, weight) in lead.hops.clone() {
            let target = match hop {
                OverlayHop::Tunnel(tunnel, Some(gateway)) => self.peer_of(tunnel, gateway).map(Target::Peer),
                OverlayHop::Lan(port, Some(gateway)) => {
                    let link = self.acquire((port, gateway));
                    links.extend(link);
                    link.map(Target::Link)
                }
                OverlayHop::Tunnel(_, None) | OverlayHop::Lan(_, None) => None,
            };
            ways.extend(target.map(|target| (target, weight)));
        }
        let ways = spread(&ways).or_else(|| Ways::new([Target::Unresolved]));
        self.sync.paths.set(id, ways);
        let old = self.fans.get_mut(&set).map(|fan| std::mem::replace(&mut fan.links, links));
        old.into_iter().flatten().for_each(|link| self.release(link));
    }

    fn end_paths(&mut self, id: Option<PathsId>, links: Vec<LinkId>) {
        if let Some(id) = id {
            self.sync.paths.set(id, None);
            self.path_ids.give(id);
        }
        links.into_iter().for_each(|link| self.release(link));
    }

    fn index_gateways(&mut self, set: HopsId) {
        let hops = self.rib.lead(set).map(|lead| lead.hops.as_slice()).unwrap_or_default();
        let spoke = |(hop, _): &(OverlayHop, u32)| match hop {
            OverlayHop::Tunnel(_, gateway) => *gateway,
            OverlayHop::Lan(..) => None,
        };
        let gateways: Vec<Ipv4Addr> = hops.iter().filter_map(spoke).collect();
        let Some(fan) = self.fans.get_mut(&set) else { return };
        let old = std::mem::replace(&mut fan.gateways, gateways.clone());
        self.unindex_gateways(set, &old);
        for gateway in gateways {
            self.by_gateway.entry(gateway).or_default().insert(set);
        }
    }

    fn unindex_gateways(&mut self, set: HopsId, gateways: &[Ipv4Addr]) {
        for gateway in gateways {
            let Some(sets) = self.by_gateway.get_mut(gateway) else { continue };
            sets.remove(&set);
            if sets.is_empty() {
                self.by_gateway.remove(gateway);
            }
        }
    }

    /// The entry of a set, if it has one.
    pub fn paths_of(&self, set: HopsId) -> Option<PathsId> {
        self.fans.get(&set)?.paths
    }

    /// How many entries of several ways there are, and how often there was no number left for one.
    pub fn paths(&self) -> (usize, u64) {
        (self.sync.paths.len(), self.path_ids.full)
    }
}

impl Lead<OverlayHop> {
    /// Whether destinations of their own are its next hop on this port.
    pub(super) fn is_attached_to(&self, port: shm::message::PortId) -> bool {
        self.hops.first().is_some_and(|(hop, _)| *hop == OverlayHop::Lan(port, None))
    }
}

/// Targets by their weights: each as often as its share of at most [`MAX_WAYS`] demands, and once at least.
fn spread(ways: &[(Target, u32)]) -> Option<Ways> {
    let ways = ways.get(..ways.len().min(MAX_WAYS))?;
    let divisor = ways.iter().fold(0, |divisor, (_, weight)| gcd(divisor, *weight));
    let exact = |weight: u32| weight.checked_div(divisor).unwrap_or(1).max(1);
    let total: u64 = ways.iter().map(|(_, weight)| u64::from(exact(*weight))).sum();
    let mut shares: Vec<usize> = ways
        .iter()
        .map(|(_, weight)| match total <= MAX_WAYS as u64 {
            true => exact(*weight) as usize,
            false => ((u64::from(exact(*weight)) * MAX_WAYS as u64 / total) as usize).max(1),
        })
        .collect();
    // A share that was rounded up to one may make it too many: the largest give.
    while shares.iter().sum::<usize>() > MAX_WAYS {
        let largest = shares.iter_mut().max()?;
        *largest -= 1;
    }
    let repeat = |(share, (target, _)): (usize, &(Target, u32))| std::iter::repeat_n(*target, share);
    Ways::new(shares.into_iter().zip(ways).flat_map(repeat))
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(weights: &[u32]) -> Vec<usize> {
        let ways: Vec<_> = weights.iter().zip(0..).map(|(weight, id)| (Target::Peer(id), *weight)).collect();
        let spread = spread(&ways).unwrap();
        let all = spread.as_slice();
        (0..weights.len() as u32)
            .map(|id| all.iter().filter(|way| **way == Target::Peer(id)).count())
            .collect()
    }

    #[test]
    fn weights_become_shares() {
        assert_eq!(shares(&[1, 1]), [1, 1]);
        assert_eq!(shares(&[10, 30]), [1, 3]);
        assert_eq!(shares(&[1, 255]), [1, 15]);
        assert_eq!(shares(&[100, 101, 99]), [5, 5, 5]);
        assert_eq!(shares(&[1; 20])[..16], [1; 16]);
        assert_eq!(shares(&[u32::MAX, 1, 1]), [14, 1, 1]);
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn a_prefix_survives_folding() {
        let all = ["0.0.0.0/0", "10.1.0.0/16", "255.255.255.255/32"].map(|p| p.parse::<Net>().unwrap());
        let all = all.map(|net| Net { vrf: 63, ..net });
        assert!(all.into_iter().all(|net| untag(tag(net)) == net));
        assert_eq!(untag(tag(all[0]) ^ tag(all[1]) ^ tag(all[0])), all[1]);
    }
}
