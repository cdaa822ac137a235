//! Recursive routing: a route through a tunnel that covers the NBMA address of a spoke, so that the tunnel's own
//! packets would be sent into it (`%TUN-5-RECURDOWN` elsewhere). The underlay never takes such a route; that it is
//! there is still a mistake of somebody's, which the operator is told by name.

use super::State;
use crate::prefix::{self, Prefix};
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
    found: BTreeMap<Prefix, Recursion>,
    /// Found since start.
    pub total: u64,
    /// Not remembered because there were [`MAX_RECURSIONS`].
    pub full: u64,
}

impl Recursions {
    /// What is wrong with a route.
    pub fn get(&self, prefix: Prefix) -> Option<Recursion> {
        self.found.get(&prefix).copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }
}

impl State {
    /// Looks at an overlay route; who follows the kernel's table would fall for it if it is the more specific one, or
    /// of the same length and better.
    pub(super) fn check_recursion(&mut self, prefix: Prefix) {
        let now = self.recursion(prefix);
        let Recursions { found, total, full } = &mut self.recursions;
        let before = match now {
            Some(_) if found.len() >= MAX_RECURSIONS && !found.contains_key(&prefix) => {
                *full += 1;
                return;
            }
            Some(recursion) => found.insert(prefix, recursion),
            None => found.remove(&prefix),
        };
        *total += u64::from(before.is_none() && now.is_some());
        let said = |recursion: Option<Recursion>| recursion.map(|recursion| recursion.reachable);
        if said(before) != said(now) {
            self.effects.push(super::Effect::Recursive(prefix, now));
        }
    }

    /// Looks again at those known: spokes go, too.
    pub fn recheck_recursions(&mut self) {
        let known: Vec<Prefix> = self.recursions.found.keys().copied().collect();
        known.into_iter().for_each(|prefix| self.check_recursion(prefix));
    }

    /// The peer is at another place, or has another way to it.
    pub(super) fn check_recursion_to(&mut self, id: PeerId) {
        let Some(nbma) = self.peers.get(id).map(|peer| peer.station.nbma) else { return };
        let Some((prefix, lead)) = self.rib.overlay(nbma) else { return };
        if lead.hops.iter().any(|(hop, _)| matches!(hop, OverlayHop::Tunnel(..))) {
            self.check_recursion(prefix);
        }
    }

    fn recursion(&self, prefix: Prefix) -> Option<Recursion> {
        let (set, lead) = self.rib.overlay_exact(prefix)?;
        let tunnel = lead.hops.iter().find_map(|(hop, _)| match hop {
            OverlayHop::Tunnel(tunnel, _) => Some(*tunnel),
            OverlayHop::Lan(..) => None,
        })?;
        let (first, last) = prefix::range(prefix);
        let covered = |id: PeerId| {
            let nbma = self.peers.get(id)?.station.nbma;
            let (most_specific, _) = self.rib.overlay(nbma)?;
            let under = self.rib.underlay_prefix(nbma);
            let better = under.is_none_or(|under| {
                let first = || self.kernel.routes_of(prefix).next().map(|route| route.set);
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
