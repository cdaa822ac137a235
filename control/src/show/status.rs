//! `show status`.

use super::{ago, tunnel_line};
use crate::hub::Hub;
use crate::joins::MAX_JOINS;
use crate::kernel::{MAX_MROUTES, MAX_NEXTHOPS};
use crate::links::MAX_TRANSIENT;
use crate::state::MAX_RECURSIONS;
use crate::{outbox, state};
use api::{Engine, Ring, Side, Status, Table};
use shm::RingName;
use shm::drops::DropReason;
use shm::message::{MAX_LINKS, MAX_PATHS, TunnelId, max_groups};
use shm::service::{Cipher, DeviceLoss};

/// Versions, uptimes, and how full everything bounded is.
pub fn status(hub: &Hub, now_ms: u64) -> Status {
    let life = hub.plane.as_ref().map(|plane| plane.life()).filter(|life| life.boot_id != 0);
    Status {
        api: api::VERSION,
        name: hub.config.hub.name.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        config: hub.config_path.clone(),
        control: Side {
            pid: std::process::id(),
            boot_id: hub.plane.as_ref().map_or(0, |plane| plane.segment.boot_id()),
            uptime: ago(now_ms, hub.started_ms),
            heartbeat_age_ms: 0,
        },
        dataplane: life.map(|life| Side {
            pid: life.pid,
            boot_id: life.boot_id,
            uptime: hub.plane.as_ref().map_or(0, |plane| ago(now_ms, plane.seen_since_ms())),
            heartbeat_age_ms: now_ms.saturating_sub(life.heartbeat_ms),
        }),
        generation: hub.generation,
        updates_pending: pending(hub),
        peers_up: peers_up(hub, now_ms),
        peers_down: hub.server.absent().count() as u32
            + super::unregistered(hub, now_ms).values().sum::<u64>() as u32,
        engines: engines(hub),
        netlink_overruns: hub.netlink.overruns,
        recursive_routes: hub.state.recursions.total,
        rings: rings(hub),
        tables: tables(hub),
    }
}

/// Bindings on tunnels whose interface works, under IPsec with a child SA.
fn peers_up(hub: &Hub, now_ms: u64) -> u32 {
    let tunnels = 0..hub.config.tunnel.len();
    let lines: Vec<bool> = tunnels.map(|id| tunnel_line(hub, id as TunnelId, now_ms)).collect();
    let works = |binding: &&nhrp::Binding| {
        let line_up = lines.get(usize::from(binding.tunnel)) == Some(&true);
        super::state(hub, binding.tunnel, &binding.station(), line_up) == api::PeerState::Up
    };
    hub.server.bindings().filter(works).count() as u32
}

/// Rows not told yet, and updates told and not taken in yet.
fn pending(hub: &Hub) -> u64 {
    let in_ring = hub
        .plane
        .as_ref()
        .map_or(0, |plane| plane.updates.position().saturating_sub(plane.updates.acknowledged()));
    hub.state.sync.pending() as u64 + in_ring
}

fn rings(hub: &Hub) -> Vec<Ring> {
    let Some(plane) = &hub.plane else { return Vec::new() };
    let events = (0..plane.events.len()).map(|n| (format!("events {n}"), RingName::Events(n)));
    let all = [("updates".to_string(), RingName::Updates), ("inject".to_string(), RingName::Inject)];
    let service = plane.segment.service();
    let ring = |(name, which)| {
        let stats = plane.segment.ring_stats(which)?;
        Some(Ring {
            name,
            depth: stats.depth,
            capacity: stats.capacity,
            written: stats.sent,
            full: stats.full,
            refused: stats.rejected + stats.unfit,
            unserved: match which {
                RingName::Updates => service.updates_refused.get(),
                RingName::Inject => service.injects_lost.get(),
                RingName::Events(_) => 0,
            },
        })
    };
    all.into_iter().chain(events).filter_map(ring).collect()
}

fn engines(hub: &Hub) -> Vec<Engine> {
    let Some(plane) = &hub.plane else { return Vec::new() };
    let labels = Cipher::ALL.iter().zip(&plane.segment.service().engines);
    let named =
        labels.map(|(cipher, label)| Engine { transform: cipher.name().into(), engine: label.text() });
    named.filter(|one| !one.engine.is_empty()).collect()
}

fn tables(hub: &Hub) -> Vec<Table> {
    let table = |name: &str, used: usize, capacity: usize, full: u64| Table {
        name: name.into(),
        used: used as u64,
        capacity: capacity as u64,
        full,
    };
    let state = &hub.state;
    let max_peers = hub.config.hub.max_peers as usize;
    let server = hub.server.server_counters();
    let recursions = &state.recursions;
    let (paths, paths_full) = state.paths();
    let (nexthops, nexthops_full) = state.kernel.nexthops();
    let buffers = hub.plane.as_ref().map(|plane| {
        let service = plane.segment.service();
        let workers = plane.segment.workers().iter().map(|w| w.drops[DropReason::NoBuffer as usize].get());
        let devices = service.devices.iter().map(|device| device.lost(DeviceLoss::RxNoBuffer));
        let full = workers.chain(devices).sum();
        table("buffers", service.buffers_used.get() as usize, service.buffers.get() as usize, full)
    });
    let own = vec![
        table("peers", state.peers.len(), max_peers, state.peers.full()),
        table("links", state.links.len(), MAX_LINKS, state.links.full()),
        table("links-transient", state.links.transient(), MAX_TRANSIENT, state.links.transient_full),
        table("routes", state.sync.routes.len(), state::MAX_ROUTES, state.routes_full),
        table("recursive-routes", recursions.len(), MAX_RECURSIONS, recursions.full),
        table("paths", paths, MAX_PATHS, paths_full),
        table("kernel-nexthops", nexthops, MAX_NEXTHOPS, nexthops_full),
        table(
            "multicast-routes",
            state.multicast.len(),
            max_groups(hub.config.hub.max_peers) as usize,
            state.multicast.full(),
        ),
        table("multicast-routes-kernel", state.kernel.mroutes.len(), MAX_MROUTES, state.kernel.mroutes.full),
        table("multicast-joins", state.multicast.joins.len(), MAX_JOINS, state.multicast.joins.full),
        table("nhrp-cache", hub.server.len(), max_peers, server.cache_full),
        table(
            "nhrp-failures",
            hub.server.failures().count(),
            crate::settings::MAX_FAILURES,
            server.failures_evicted,
        ),
        table("outbox", hub.outbox.len(), outbox::MAX_WAITING, hub.outbox.counters.full),
    ];
    let ike = hub.ike.iter().flat_map(|ike| {
        let load = ike.responder.load();
        let config = ike.responder.config();
        let (pins, max_pins) = ike.claims.len();
        let sas = hub.plane.as_ref().map_or(0, |plane| plane.segment.geometry().max_sas() as usize);
        [
            table("ike-sessions", load.sessions, config.max_sessions, 0),
            table("ike-half-open", load.half_open, config.half_open, 0),
            table("ike-tasks", load.tasks, config.max_tasks, ike.pool.full),
            table("child-sas", ike.slots.len(), sas, ike.slots.full()),
            table("pinned-addresses", pins, max_pins, 0),
        ]
    });
    // The kernel's limit for all neighbours (`gc_thresh3`); used: the next hops that the hub follows.
    let limit = hub.neighbours.limit;
    let neighbours = limit.map(|limit| table("kernel-neighbours", state.links.len(), limit as usize, 0));
    own.into_iter().chain(ike).chain(buffers).chain(neighbours).collect()
}
