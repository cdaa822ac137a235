//! What `/metrics` shows.
//!
//! The event loop takes a [`View`], which costs it a walk over counters, and another thread turns it into text. The
//! workers are not asked: their counters lie in the segment. The number of series depends on ports, tunnels, workers,
//! reasons and multicast routes (of these the first so many have series), not on peers, unless series per peer are asked
//! for.

mod crypto;
mod exposition;
mod hub;
mod mroutes;
mod per_peer;
#[cfg(test)]
mod tests;
mod traffic;
mod workers;

use crate::hub::{Counters, Hub};
use crate::{outbox, show};
use api::{
    Cause, Dmvpn, Drop, Interface, Kind, Mroute, NhrpTraffic, PeerFilter, PeerState, PolicedClass, Status,
    Traffic, Workers,
};
pub use crypto::Crypto;
use shm::message::TunnelId;
use std::collections::BTreeMap;

/// Content type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A snapshot, taken by the loop and rendered by another thread.
#[derive(Clone, Debug)]
pub struct View {
    /// The hub as a whole: rings, tables, peers up and down.
    pub status: Status,
    /// Ports and tunnels.
    pub interfaces: Vec<Interface>,
    /// NHRP by tunnel, never reset.
    pub nhrp: Vec<NhrpTraffic>,
    /// Drops by reason; `None`: not attached.
    pub drops: Option<Vec<Drop>>,
    /// Policing by class; `None`: not attached.
    pub classes: Option<Vec<PolicedClass>>,
    /// Workers; `None`: not attached.
    pub workers: Option<Workers>,
    /// Frames of all ports, by worker.
    pub worker_traffic: Vec<Traffic>,
    /// Peers by tunnel interface and state.
    pub peer_states: BTreeMap<(String, PeerState), u64>,
    /// Cache entries by tunnel interface and kind.
    pub cache: BTreeMap<(String, Kind), u64>,
    /// Stations with a remembered failure, by cause.
    pub failures: BTreeMap<Cause, u64>,
    /// Joins said to the kernel for spokes that want what another one pruned.
    pub prune_overrides: u64,
    /// Multicast routes.
    pub mroutes: Vec<Mroute>,
    /// Peers, only where series per peer are asked for.
    pub peers: Option<Vec<Dmvpn>>,
    /// NHRP packets on their way to the data plane.
    pub outbox: outbox::Counters,
    /// Events of the workers.
    pub events: Counters,
    /// IKE and IPsec; `None`: no tunnel is protected.
    pub crypto: Option<Crypto>,
}

/// Takes a snapshot.
pub fn view(hub: &Hub, per_peer: bool, now_ms: u64) -> View {
    View {
        status: show::status(hub, now_ms),
        interfaces: show::interfaces(hub, None, now_ms),
        nhrp: show::traffic(hub, None, false, now_ms),
        drops: show::drops(hub),
        classes: show::classes(hub),
        workers: show::workers(hub, now_ms),
        worker_traffic: worker_traffic(hub),
        peer_states: peer_states(hub, now_ms),
        cache: cache(hub, now_ms),
        failures: failures(hub),
        prune_overrides: hub.state.multicast.objections,
        mroutes: show::mroutes(hub, None, now_ms),
        peers: per_peer.then(|| show::dmvpn(hub, &PeerFilter::default(), now_ms)),
        outbox: hub.outbox.counters,
        events: hub.counters,
        crypto: Crypto::of(hub),
    }
}

/// The text of a snapshot in Prometheus' exposition format.
pub fn render(view: &View) -> String {
    let mut families = hub::families(view);
    families.extend(traffic::families(view));
    families.extend(mroutes::families(view));
    if let Some(workers) = &view.workers {
        families.extend(workers::families(workers, &view.worker_traffic));
    }
    families.extend(view.crypto.iter().flat_map(crypto::families));
    if let Some(interfaces) = &view.peers {
        families.extend(per_peer::families(interfaces));
    }
    exposition::text(families)
}

/// Counts by tunnel interface start at zero, so that a series never vanishes.
fn zeroes<K: Copy + Ord>(hub: &Hub, kinds: &[K]) -> BTreeMap<(String, K), u64> {
    let names = hub.config.tunnel.iter().map(|tunnel| &tunnel.name);
    names.flat_map(|name| kinds.iter().map(|kind| ((name.clone(), *kind), 0))).collect()
}

fn peer_states(hub: &Hub, now_ms: u64) -> BTreeMap<(String, PeerState), u64> {
    let tunnels = (0..hub.config.tunnel.len()).map(|id| id as TunnelId);
    let lines: Vec<bool> = tunnels.map(|id| show::tunnel_line(hub, id, now_ms)).collect();
    let line = |tunnel: TunnelId| lines.get(usize::from(tunnel)).copied().unwrap_or(false);
    let mut by_tunnel: BTreeMap<(TunnelId, PeerState), u64> = BTreeMap::new();
    for binding in hub.server.bindings() {
        let state = show::state(hub, binding.tunnel, &binding.station(), line(binding.tunnel));
        *by_tunnel.entry((binding.tunnel, state)).or_default() += 1;
    }
    for record in hub.server.absent() {
        if let Some(tunnel) = record.tunnel {
            *by_tunnel.entry((tunnel, show::absent_state(hub, record))).or_default() += 1;
        }
    }
    let states = [PeerState::Up, PeerState::Nhrp, PeerState::Intf, PeerState::Ike, PeerState::Ipsec];
    let mut counts = zeroes(hub, states.get(..if hub.ike.is_some() { 5 } else { 3 }).unwrap_or_default());
    let named = by_tunnel.into_iter().map(|((id, state), count)| ((hub.tunnel_name(id), state), count));
    for (key, count) in named.chain(show::unregistered(hub, now_ms)) {
        *counts.entry(key).or_default() += count;
    }
    counts
}

fn cache(hub: &Hub, now_ms: u64) -> BTreeMap<(String, Kind), u64> {
    let mut counts = zeroes(hub, &[Kind::Static, Kind::Dynamic, Kind::Incomplete]);
    for entry in hub.server.cache(now_ms) {
        *counts.entry((hub.tunnel_name(entry.tunnel), show::kind(entry.kind))).or_default() += 1;
    }
    counts
}

fn failures(hub: &Hub) -> BTreeMap<Cause, u64> {
    let mut counts = BTreeMap::new();
    for record in hub.server.failures() {
        *counts.entry(show::cause(&record.failure)).or_default() += 1;
    }
    for failure in show::ike_failures(hub) {
        *counts.entry(show::ike_cause(failure.cause)).or_default() += 1;
    }
    let blocked = show::blocked(hub).count() as u64;
    if blocked > 0 {
        counts.insert(Cause::EspBlocked, blocked);
    }
    counts
}

fn worker_traffic(hub: &Hub) -> Vec<Traffic> {
    let Some(plane) = &hub.plane else { return Vec::new() };
    let sum = |worker: &shm::counters::WorkerCounters| {
        worker.ports.iter().fold(Traffic::default(), |sum, port| Traffic {
            rx_packets: sum.rx_packets + port.rx_packets.get(),
            rx_bytes: sum.rx_bytes + port.rx_bytes.get(),
            tx_packets: sum.tx_packets + port.tx_packets.get(),
            tx_bytes: sum.tx_bytes + port.tx_bytes.get(),
        })
    };
    plane.segment.workers().iter().map(sum).collect()
}
