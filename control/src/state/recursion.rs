//! Recursive routing: a route through a tunnel that covers the NBMA address of a spoke, so that the tunnel's own
//! packets would be sent into it (`%TUN-5-RECURDOWN` elsewhere). The underlay never takes such a route; that it is
//! there is still a mistake of somebody's, which the operator is told by name. Where the underlay is another VRF there is
//! no such mistake to make.

use super::State;
use crate::prefix::{self, Net};
use crate::rib::OverlayHop;
use shm::message::{PeerId, TunnelId};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Most such routes that are remembered.
pub const MAX_RECURSIONS: usize = 1_024;

/// A route that would lead a tunnel into a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recursion {
    /// The tunnel that it leads through.
    pub tunnel: TunnelId,
    /// One NBMA address that it covers.
    pub nbma: Ipv4Addr,
    /// Whether there is another way to that address, which is then taken.
    pub reachable: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Recursions {
    found: BTreeMap<Net, Recursion>,
    /// Found since start.
    pub total: u64,
    /// Not remembered because there were [`MAX_RECURSIONS`].
    pub full: u64,
}

impl Recursions {
    /// What is wrong with a route.
    pub fn get(&self, net: Net) -> Option<Recursion> {
        self.found.get(&net).copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }
}

impl State {
    /// Looks at an overlay route; who follows the kernel's table would fall for it if it is the more specific one, or
    /// of the same length and better.
    pub(super) fn check_recursion(&mut self, net: Net) {
        let now = self.recursion(net);
        let Recursions { found, total, full } = &mut self.recursions;
        let before = match now {
            Some(_) if found.len() >= MAX_RECURSIONS && !found.contains_key(&net) => {
                *full += 1;
                return;
            }
            Some(recursion) => found.insert(net, recursion),
            None => found.remove(&net),
        };
        *total += u64::from(before.is_none() && now.is_some());
        let said = |recursion: Option<Recursion>| recursion.map(|recursion| recursion.reachable);
        if said(before) != said(now) {
            self.effects.push(super::Effect::Recursive(net, now));
        }
    }

    /// Looks again at those known: spokes go, too.
    pub fn recheck_recursions(&mut self) {
        let known: Vec<Net> = self.recursions.found.keys().copied().collect();
        known.into_iter().for_each(|net| self.check_recursion(net));
    }

    /// The peer is at another place, or has another way to it.
    pub(super) fn check_recursion_to(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(id) else { return };
        let vrf = self.underlay_of(peer.tunnel);
        let Some((prefix, lead)) = self.rib.overlay(vrf, peer.station.nbma) else { return };
        if lead.hops.iter().any(|(hop, _)| matches!(hop, OverlayHop::Tunnel(..))) {
            self.check_recursion(Net { vrf, prefix });
        }
    }

    fn recursion(&self, net: Net) -> Option<Recursion> {
        let Net { vrf, prefix } = net;
        let (set, lead) = self.rib.overlay_exact(net)?;
        let tunnel = lead.hops.iter().find_map(|(hop, _)| match hop {
            OverlayHop::Tunnel(tunnel, _) => Some(*tunnel),
            OverlayHop::Lan(..) => None,
        })?;
        let (first, last) = prefix::range(prefix);
        let covered = |id: PeerId| {
            let peer = self.peers.get(id).filter(|peer| self.underlay_of(peer.tunnel) == vrf)?;
            let nbma = peer.station.nbma;
            let (most_specific, _) = self.rib.overlay(vrf, nbma)?;
            let under = self.rib.underlay_prefix(vrf, nbma);
            let better = under.is_none_or(|under| {
                let first = || self.kernel.routes_of(net).next().map(|route| route.set);
                under.len < prefix.len || under == prefix && first() == Some(set)
            });
            (most_specific == prefix && better).then_some(Recursion {
                tunnel,
                nbma,
                reachable: under.is_some(),
            })
        };
        self.peers.within(first, last).find_map(covered)
    }
}
