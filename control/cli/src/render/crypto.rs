//! `show crypto …`.

pub mod ike_sa;
pub mod ike_stats;
pub mod ipsec_sa;
pub mod session;
mod suite;

use api::{ChildSa, CryptoSession, FlowMode, Received, Sent};
use std::net::Ipv4Addr;

/// The child SAs with the same selectors: what Cisco calls a flow.
pub(super) struct Flow<'a> {
    /// Ours of the selectors.
    pub(super) local: Ipv4Addr,
    /// The peer's of the selectors.
    pub(super) remote: Ipv4Addr,
    /// The one that the hub sends with first.
    pub(super) children: Vec<&'a ChildSa>,
}

/// The flows of a session, in the order of their first child SA.
pub(super) fn flows(session: &CryptoSession) -> Vec<Flow<'_>> {
    let mut flows: Vec<Flow<'_>> = Vec::new();
    for child in &session.children {
        match flows.iter_mut().find(|flow| (flow.local, flow.remote) == (child.local, child.remote)) {
            Some(flow) => flow.children.push(child),
            None => flows.push(Flow { local: child.local, remote: child.remote, children: vec![child] }),
        }
    }
    flows
}

impl Flow<'_> {
    /// ESP SAs that are in use: two of a child SA, but one of it when nothing is sent with it any more.
    pub(super) fn active(&self) -> usize {
        self.children.iter().map(|child| if child.lingering { 1 } else { 2 }).sum()
    }

    /// Sums over all child SAs.
    pub(super) fn received(&self) -> Received {
        let mut sum = Received::default();
        for one in self.children.iter().filter_map(|child| child.received) {
            sum.packets += one.packets;
            sum.bytes += one.bytes;
            sum.replay_old += one.replay_old;
            sum.replay_dup += one.replay_dup;
            sum.icv_failed += one.icv_failed;
            sum.idle = [sum.idle, one.idle].into_iter().flatten().min();
        }
        sum
    }

    /// Sums over all child SAs.
    pub(super) fn sent(&self) -> Sent {
        let mut sum = Sent::default();
        for one in self.children.iter().filter_map(|child| child.sent) {
            sum.packets += one.packets;
            sum.bytes += one.bytes;
            sum.failed += one.failed;
        }
        sum
    }

    /// What is left of the newest, as Cisco writes kilobytes and seconds.
    pub(super) fn life(&self) -> (String, String) {
        let first = self.children.iter().find(|child| child.in_use).or(self.children.first());
        first.map_or(("0".into(), "0".into()), |child| life(child))
    }
}

/// Kilobytes and seconds that are left.
pub(super) fn life(child: &ChildSa) -> (String, String) {
    let kilobytes = child.remaining_kilobytes;
    (
        kilobytes.map_or("KB Vol Rekey Disabled".into(), |left| left.to_string()),
        child.remaining_seconds.map_or("rekey disabled".into(), |left| left.to_string()),
    )
}

/// Packets discarded: replayed, too old, or not authentic.
pub(super) fn discarded(received: &Received) -> u64 {
    received.replay_old + received.replay_dup + received.icv_failed
}

/// `Transport`, `Tunnel UDP-Encaps`.
pub(super) fn settings(child: &ChildSa) -> String {
    let mode = match child.mode {
        FlowMode::Transport => "Transport",
        FlowMode::Tunnel => "Tunnel",
    };
    let udp = if child.udp { " UDP-Encaps" } else { "" };
    let esn = if child.esn { "esn, " } else { "" };
    format!("{mode}{udp}, {esn}")
}
