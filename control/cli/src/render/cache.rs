//! `show ip nhrp [brief | detail]`.
//!
//! Genie wants each entry to have a `via` and an `NBMA address`; where an entry has no NBMA address yet, it is shown
//! as 0.0.0.0 beside `Type: incomplete`, so that the next lines are not taken for the entry above.

use super::columns::Columns;
use super::uptime::uptime;
use super::{foreign, lines};
use api::{CacheEntry, Kind};
use std::net::Ipv4Addr;

/// One block per entry.
pub fn plain(entries: &[CacheEntry]) -> String {
    entries.iter().map(|entry| lines(block(entry))).collect()
}

/// The same with preference, requesters and what else is known.
pub fn detail(entries: &[CacheEntry]) -> String {
    entries
        .iter()
        .map(|entry| {
            let mut out = block(entry);
            out.extend(more(entry));
            lines(out)
        })
        .collect()
}

pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Static => "static",
        Kind::Dynamic => "dynamic",
        Kind::Incomplete => "incomplete",
    }
}

fn block(entry: &CacheEntry) -> Vec<String> {
    let expire = entry.expires.map_or("never expire".into(), |seconds| format!("expire {}", uptime(seconds)));
    let flags: Vec<&str> = entry.flags.iter().map(|flag| flag.word()).collect();
    let mut out = vec![
        format!("{} via {}", entry.network, entry.via),
        format!("   {} created {}, {expire}", entry.interface, uptime(entry.created)),
        format!("   Type: {}, Flags: {} ", kind(entry.kind), flags.join(" ")),
        format!("   NBMA address: {} ", entry.nbma.unwrap_or(Ipv4Addr::UNSPECIFIED)),
    ];
    if let Some(claimed) = entry.claimed_nbma {
        out.push(format!("    (Claimed NBMA address: {claimed}) "));
    }
    if entry.kind == Kind::Incomplete {
        out.push("    (no-socket) ".into());
    }
    if let Some(group) = &entry.group {
        out.push(format!("   Group: {}", foreign(group)));
    }
    out
}

fn more(entry: &CacheEntry) -> Vec<String> {
    let mut out = vec![format!("   Preference: {}", entry.preference)];
    if let Some(holdtime) = entry.holdtime {
        out.push(format!("   Holdtime: {holdtime}, MTU: {}", entry.mtu));
    }
    if entry.multicast {
        out.push("   Multicast: replicated".into());
    }
    if !entry.vendor.is_empty() {
        out.push(format!("   Vendor extension: {}", foreign(&entry.vendor)));
    }
    out.push(format!("   Cache hits: {}", entry.hits));
    let requesters = entry.requesters.iter();
    out.extend(requesters.map(|r| format!("  Requester: {} Request ID: {}", r.address, r.request_id)));
    out
}

/// One line per entry.
pub fn brief(entries: &[CacheEntry]) -> String {
    let mut columns = Columns::new(&["Target", "Via", "NBMA", "Mode", "Intfc", "Claimed"]);
    for entry in entries {
        let text = |address: Option<Ipv4Addr>| address.map_or(String::new(), |address| address.to_string());
        columns.row([
            entry.network.to_string(),
            entry.via.to_string(),
            text(entry.nbma),
            kind(entry.kind).into(),
            entry.interface.replace("Tunnel", "Tu"),
            format!("<{}>", text(entry.claimed_nbma)),
        ]);
    }
    lines(columns.lines())
}
