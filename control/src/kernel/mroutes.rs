//! The kernel's multicast routes.

use super::Seen;
use super::fact::{Change, Mroute};
use shm::message::is_routable_group;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Most multicast routes kept: as many as the data plane takes, and some that wait for a place there.
pub const MAX_MROUTES: usize = 16_384;

/// Group and source; `None`: any.
pub type Flow = (Ipv4Addr, Option<Ipv4Addr>);

/// All multicast routes.
#[derive(Debug, Default)]
pub struct Mroutes {
    routes: BTreeMap<Flow, Seen<Mroute>>,
    /// Routes not taken in because there are [`MAX_MROUTES`].
    pub full: u64,
}

impl Mroutes {
    /// One route.
    pub fn get(&self, flow: Flow) -> Option<&Mroute> {
        self.routes.get(&flow).map(|seen| &seen.value)
    }

    /// What there are routes for.
    pub fn flows(&self) -> impl Iterator<Item = Flow> + '_ {
        self.routes.keys().copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    pub(super) fn insert(&mut self, route: Mroute, epoch: u64, changes: &mut Vec<Change>) {
        let flow = (route.group, route.source);
        // An entry for all groups (RFC 4605 proxies) says nothing that can be followed.
        if !is_routable_group(route.group) {
            return;
        }
        if self.routes.len() >= MAX_MROUTES && !self.routes.contains_key(&flow) {
            self.full += 1;
            return;
        }
        let old = self.routes.insert(flow, Seen { value: route.clone(), epoch });
        if old.is_none_or(|old| old.value != route) {
            changes.push(Change::Mroute(flow.0, flow.1));
        }
    }

    pub(super) fn remove(&mut self, flow: Flow, changes: &mut Vec<Change>) {
        if self.routes.remove(&flow).is_some() {
            changes.push(Change::Mroute(flow.0, flow.1));
        }
    }

    pub(super) fn sweep(&mut self, epoch: u64, changes: &mut Vec<Change>) {
        self.routes.retain(|flow, seen| {
            let keep = seen.epoch >= epoch;
            if !keep {
                changes.push(Change::Mroute(flow.0, flow.1));
            }
            keep
        });
    }
}
