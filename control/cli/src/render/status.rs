//! `show status` and `show version`.

use super::columns::Columns;
use super::uptime::uptime;
use super::{lines, plural};
use api::{Engine, Side, Status};

/// Versions and uptimes.
pub fn version(status: &Status) -> String {
    lines(vec![
        format!("{}: dmvpn-hub {}", status.name, status.version),
        format!("hubctl {}, CLI protocol {} (hub: {})", env!("CARGO_PKG_VERSION"), api::VERSION, status.api),
        format!("hub-control uptime is {}", uptime(status.control.uptime)),
        match &status.dataplane {
            Some(side) => format!("hub-dataplane uptime is {}", uptime(side.uptime)),
            None => "hub-dataplane is not attached".into(),
        },
        format!("Configuration file is \"{}\"", status.config),
    ])
}

/// Processes, rings and tables.
pub fn status(status: &Status) -> String {
    let mut out = vec![
        format!(
            "{}: {} up, {} down",
            status.name,
            plural(status.peers_up.into(), "peer", "peers"),
            status.peers_down
        ),
        side("hub-control", Some(&status.control)),
        side("hub-dataplane", status.dataplane.as_ref()),
        format!(
            "Resync generation {}, {} updates not acknowledged",
            status.generation, status.updates_pending
        ),
    ];
    out.extend(engines(status));
    out.push(String::new());
    let mut rings =
        Columns::new(&["Ring", ">Depth", ">Capacity", ">Written", ">Full", ">Refused", ">Unserved"]);
    for ring in &status.rings {
        let numbers = [ring.depth, ring.capacity, ring.written, ring.full, ring.refused, ring.unserved];
        rings.row(std::iter::once(ring.name.clone()).chain(numbers.iter().map(u64::to_string)));
    }
    out.extend(rings.lines());
    out.push(String::new());
    let mut tables = Columns::new(&["Table", ">Used", ">Capacity", ">Full"]);
    for table in &status.tables {
        tables.row([
            table.name.clone(),
            table.used.to_string(),
            table.capacity.to_string(),
            table.full.to_string(),
        ]);
    }
    out.extend(tables.lines());
    lines(out)
}

/// One line; one name if it does all.
fn engines(status: &Status) -> Option<String> {
    let first = status.engines.first()?;
    let words = |one: &Engine| format!("{} {}", one.transform, one.engine);
    if status.engines.iter().all(|one| one.engine == first.engine) {
        return Some(format!("Crypto engine: {}", first.engine));
    }
    Some(format!("Crypto engines: {}", status.engines.iter().map(words).collect::<Vec<_>>().join(", ")))
}

fn side(name: &str, side: Option<&Side>) -> String {
    match side {
        None => format!("{name} is not attached"),
        Some(side) => format!(
            "{name} is up {}, process {}, last sign of life {} ms ago",
            uptime(side.uptime),
            side.pid,
            side.heartbeat_age_ms
        ),
    }
}
