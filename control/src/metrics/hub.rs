//! The hub's own metrics: processes, rings, tables, peers by state.

use super::View;
use super::exposition::Family;
use api::{Cause, Kind, PeerState, Side, Status};

/// All of them.
pub fn families(view: &View) -> Vec<Family> {
    let mut all = hub(&view.status);
    all.extend(processes(&view.status));
    all.extend(rings(&view.status));
    all.extend(tables(&view.status));
    all.extend(peers(view));
    all
}

fn hub(status: &Status) -> Vec<Family> {
    vec![
        Family::gauge("build_info", "Always 1; the labels tell which hub this is.")
            .with(&[("hub", &status.name), ("version", &status.version)], 1),
        status.engines.iter().fold(
            Family::gauge(
                "crypto_engine_info",
                "Always 1; the labels tell which engine does which ESP transform.",
            ),
            |family, one| family.with(&[("transform", &one.transform), ("engine", &one.engine)], 1),
        ),
        Family::gauge("dataplane_attached", "Whether hub-dataplane is attached to the shared segment.")
            .with(&[], status.dataplane.is_some().into()),
        Family::gauge("resync_generation", "Number of the latest resync of the dataplane.")
            .with(&[], status.generation),
        Family::gauge("updates_pending", "Updates that the dataplane has not taken in yet.")
            .with(&[], status.updates_pending),
        Family::counter(
            "netlink_overruns_total",
            "Times the kernel told more than its socket held, and everything was read again.",
        )
        .with(&[], status.netlink_overruns),
        Family::counter(
            "recursive_routes_total",
            "Routes found that lead through a tunnel to the NBMA address of a spoke.",
        )
        .with(&[], status.recursive_routes),
    ]
}

fn processes(status: &Status) -> Vec<Family> {
    let sides = [("control", Some(&status.control)), ("dataplane", status.dataplane.as_ref())];
    let sides: Vec<(&str, &Side)> =
        sides.into_iter().filter_map(|(name, side)| Some((name, side?))).collect();
    vec![
        Family::gauge("process_uptime_seconds", "Time since the process started.")
            .each(&sides, |family, (name, side)| family.add(&[("process", name)], side.uptime as f64)),
        Family::gauge(
            "process_heartbeat_age_seconds",
            "Time since the process's last sign of life in the segment.",
        )
        .each(&sides, |family, (name, side)| {
            family.add(&[("process", name)], side.heartbeat_age_ms as f64 / 1000.0);
        }),
    ]
}

/// Rings of the workers carry their number: `events 0`.
fn rings(status: &Status) -> Vec<Family> {
    let family = |family: Family, value: fn(&api::Ring) -> u64| {
        family.each(&status.rings, |family, ring| {
            let (name, worker) = ring.name.split_once(' ').unwrap_or((&ring.name, ""));
            family.add(&[("ring", name), ("worker", worker)], value(ring) as f64);
        })
    };
    vec![
        family(
            Family::gauge("ring_depth_messages", "Messages that wait in a ring between the processes."),
            |r| r.depth,
        ),
        family(Family::gauge("ring_capacity_messages", "Messages that a ring holds at most."), |r| {
            r.capacity
        }),
        family(Family::counter("ring_messages_total", "Messages written to a ring."), |r| r.written),
        family(
            Family::counter(
                "ring_full_total",
                "Messages not written, or tried again, because the ring was full.",
            ),
            |r| r.full,
        ),
        family(
            Family::counter(
                "ring_unserved_messages_total",
                "Updates that a table refused, and packets to send without a buffer or room in a worker's queue.",
            ),
            |r| r.unserved,
        ),
        family(
            Family::counter("ring_rejected_messages_total", "Messages refused as malformed or too long."),
            |r| r.refused,
        ),
    ]
}

fn tables(status: &Status) -> Vec<Family> {
    let family = |family: Family, value: fn(&api::Table) -> u64| {
        family
            .each(&status.tables, |family, table| family.add(&[("table", &table.name)], value(table) as f64))
    };
    vec![
        family(Family::gauge("table_entries", "Entries in a bounded table."), |table| table.used),
        family(Family::gauge("table_capacity_entries", "Entries that a table holds at most."), |table| {
            table.capacity
        }),
        family(
            Family::counter("table_full_total", "Entries not made because the table was full."),
            |table| table.full,
        ),
    ]
}

fn peers(view: &View) -> Vec<Family> {
    let state = |state: &PeerState| state.word().to_ascii_lowercase();
    let kind = |kind: &Kind| match kind {
        Kind::Static => "static",
        Kind::Dynamic => "dynamic",
        Kind::Incomplete => "incomplete",
    };
    vec![
        Family::gauge(
            "peers",
            "Peers by state: up; nhrp, seen or registered before and not registered now; intf, registered while the tunnel interface is down; on protected tunnels also ike, without an authenticated IKE session, and ipsec, without a child SA.",
        )
        .each(&view.peer_states, |family, ((interface, now), count)| {
            family.add(&[("interface", interface), ("state", &state(now))], *count as f64);
        }),
        Family::gauge("nhrp_cache_entries", "NHRP cache entries by kind.").each(
            &view.cache,
            |family, ((interface, of), count)| {
                family.add(&[("interface", interface), ("kind", kind(of))], *count as f64);
            },
        ),
        Family::gauge("failed_stations", "Stations that were refused or lost, by the cause of their last failure.").each(
            Cause::ALL,
            |family, cause| {
                let count = view.failures.get(cause).copied().unwrap_or(0);
                family.add(&[("cause", &snake(*cause))], count as f64);
            },
        ),
    ]
}

/// `AuthenticationMismatch` as `authentication_mismatch`.
pub(super) fn snake(cause: Cause) -> String {
    let mut word = String::new();
    for letter in format!("{cause:?}").chars() {
        if letter.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}
