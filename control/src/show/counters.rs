//! `show drops`, `show workers`, `show ip nhrp traffic`.

use super::tunnel_id;
use crate::hub::Hub;
use api::{Drop, NhrpTraffic, Stage, TypeCounts, Worker, Workers};
use nhrp::{ByType, TunnelCounters};
use shm::counters::{Counter, STAGES, WorkerCounters};
use shm::drops::DropReason;
use shm::message::TunnelId;

/// Every reason, also those at zero.
pub fn drops(hub: &Hub) -> Option<Vec<Drop>> {
    let plane = hub.plane.as_ref()?;
    let one = |reason: &DropReason| {
        let count = |worker: &WorkerCounters| worker.drops.get(*reason as usize).map_or(0, Counter::get);
        let by_worker: Vec<u64> = plane.segment.workers().iter().map(count).collect();
        Drop {
            reason: reason.name().into(),
            meaning: reason.meaning().into(),
            packets: by_worker.iter().sum(),
            by_worker,
        }
    };
    Some(DropReason::ALL.iter().map(one).collect())
}

/// All workers.
pub fn workers(hub: &Hub, now_ms: u64) -> Option<Workers> {
    let plane = hub.plane.as_ref()?;
    let workers = plane.segment.workers().iter().enumerate();
    let workers = workers.map(|(index, counters)| worker(hub, index, counters)).collect();
    let tsc_hz = Some(plane.segment.service().tsc_hz.get()).filter(|hz| *hz > 0);
    Some(Workers { tsc_hz, read_at_ms: now_ms, workers })
}

fn worker(hub: &Hub, index: usize, c: &WorkerCounters) -> Worker {
    let stages = STAGES.iter().zip(&c.stage_cycles).filter(|(_, cycles)| cycles.get() > 0);
    Worker {
        index: index as u32,
        core: hub.config.dataplane.cores.get(index).map_or(0, |core| *core as u32),
        polls: c.polls.get(),
        empty_polls: c.empty_polls.get(),
        packets: c.packets.get(),
        busy_cycles: c.busy_cycles.get(),
        idle_cycles: c.idle_cycles.get(),
        burst_sizes: c.burst_sizes.each_ref().map(Counter::get),
        redirects: c.redirects.get(),
        redirects_suppressed: c.redirects_suppressed.get(),
        icmp_sent: c.icmp_sent.get(),
        icmp_suppressed: c.icmp_suppressed.get(),
        fragmented: c.fragmented.get(),
        reassembled: c.reassembled.get(),
        mss_clamped: c.mss_clamped.get(),
        replicated: c.replicated.get(),
        punted: c.punted.get(),
        dropped: c.drops.iter().map(Counter::get).sum(),
        stages: stages.map(|(name, cycles)| Stage { name: (*name).into(), cycles: cycles.get() }).collect(),
    }
}

/// NHRP packets by type, of all tunnels or one; `shown`: since they were cleared for operators.
pub fn traffic(hub: &Hub, only: Option<&str>, shown: bool, now_ms: u64) -> Vec<NhrpTraffic> {
    let tunnels = hub.config.tunnel.iter().enumerate();
    let wanted = tunnels.filter(|(_, tunnel)| only.is_none_or(|name| name == tunnel.name));
    wanted
        .filter_map(|(id, tunnel)| {
            let id = id as TunnelId;
            let now = hub.server.counters(id)?;
            let base =
                if shown { hub.cleared.get(&id).copied().unwrap_or_default() } else { Default::default() };
            let usage = u64::from(hub.server.send_usage(now_ms, id));
            let refused = nhrp::DropReason::ALL.iter().map(|reason| api::Refused {
                reason: reason.name().into(),
                packets: now.dropped(*reason).saturating_sub(base.dropped(*reason)),
            });
            let suppressed = now.redirects_suppressed.saturating_sub(base.redirects_suppressed);
            let limit = nhrp::DropReason::SendLimit;
            Some(NhrpTraffic {
                interface: tunnel.name.clone(),
                max_send: tunnel.nhrp.max_send,
                window_sent: (u64::from(tunnel.nhrp.max_send) * usage / 100) as u32,
                limited: now.dropped(limit).saturating_sub(base.dropped(limit)),
                sent: TypeCounts {
                    redirect_suppressed: suppressed,
                    ..sum(&types(&now.sent, &base.sent), &types(&now.forwarded, &base.forwarded))
                },
                received: types(&now.received, &base.received),
                forwarded: types(&now.forwarded, &base.forwarded),
                refused: refused.collect(),
                replies_narrowed: now.replies_narrowed.saturating_sub(base.replies_narrowed),
                requesters_full: now.requesters_full.saturating_sub(base.requesters_full),
            })
        })
        .collect()
}

/// What operators see starts at zero again; gives the number of interfaces.
pub fn clear(hub: &mut Hub, only: Option<&str>) -> u64 {
    let only = only.map(|name| tunnel_id(hub, name));
    let tunnels = (0..hub.config.tunnel.len()).map(|id| id as TunnelId);
    let wanted: Vec<TunnelId> = tunnels.filter(|id| only.is_none_or(|only| only == Some(*id))).collect();
    for id in &wanted {
        let counters: Option<TunnelCounters> = hub.server.counters(*id).copied();
        hub.cleared.extend(counters.map(|counters| (*id, counters)));
    }
    wanted.len() as u64
}

fn types(now: &ByType, base: &ByType) -> TypeCounts {
    let count = |kind| now.get(kind).saturating_sub(base.get(kind));
    TypeCounts {
        resolution_request: count(1),
        resolution_reply: count(2),
        registration_request: count(3),
        registration_reply: count(4),
        purge_request: count(5),
        purge_reply: count(6),
        error_indication: count(7),
        traffic_indication: count(8),
        redirect_suppressed: 0,
    }
}

fn sum(a: &TypeCounts, b: &TypeCounts) -> TypeCounts {
    TypeCounts {
        resolution_request: a.resolution_request + b.resolution_request,
        resolution_reply: a.resolution_reply + b.resolution_reply,
        registration_request: a.registration_request + b.registration_request,
        registration_reply: a.registration_reply + b.registration_reply,
        purge_request: a.purge_request + b.purge_request,
        purge_reply: a.purge_reply + b.purge_reply,
        error_indication: a.error_indication + b.error_indication,
        traffic_indication: a.traffic_indication + b.traffic_indication,
        redirect_suppressed: a.redirect_suppressed + b.redirect_suppressed,
    }
}
