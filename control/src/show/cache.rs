//! `show ip nhrp`.

use super::{ago, tunnel_id};
use crate::hub::Hub;
use api::{CacheEntry, CacheFilter, Flag, Kind, NhrpSummary, Prefix, Requester};

/// Entries that a filter admits, sorted by interface and address.
pub fn entries(hub: &Hub, filter: &CacheFilter, now_ms: u64) -> Vec<CacheEntry> {
    let interface = filter.interface.as_ref().map(|name| tunnel_id(hub, name));
    let mut found: Vec<nhrp::CacheEntry<'_>> = hub
        .server
        .cache(now_ms)
        .filter(|entry| {
            let network = Prefix { address: entry.protocol, len: entry.prefix_len };
            interface.is_none_or(|wanted| wanted == Some(entry.tunnel))
                && filter.address.is_none_or(|address| network.contains(address))
                && filter.kind.is_none_or(|wanted| wanted == kind(entry.kind))
        })
        .collect();
    found.sort_by_key(|entry| (entry.tunnel, entry.protocol, entry.prefix_len));
    found.iter().map(|entry| one(hub, entry, now_ms)).collect()
}

/// Counts of all entries.
pub fn summary(hub: &Hub, now_ms: u64) -> NhrpSummary {
    let mut summary = NhrpSummary::default();
    for entry in hub.server.cache(now_ms) {
        let octets = size_of::<nhrp::Binding>() + size_of_val(entry.requesters) + entry.vendor.len();
        summary.add(&one(hub, &entry, now_ms), octets as u64);
    }
    summary
}

/// Where an entry comes from, in the API's words.
pub fn kind(kind: nhrp::Kind) -> Kind {
    match kind {
        nhrp::Kind::Static => Kind::Static,
        nhrp::Kind::Dynamic => Kind::Dynamic,
        nhrp::Kind::Incomplete => Kind::Incomplete,
    }
}

fn one(hub: &Hub, entry: &nhrp::CacheEntry<'_>, now_ms: u64) -> CacheEntry {
    let f = entry.flags;
    let flags = [
        (f.authoritative, Flag::Authoritative),
        (f.unique, Flag::Unique),
        (f.registered, Flag::Registered),
        (f.nat, Flag::Nat),
        (f.router, Flag::Router),
        (f.local, Flag::Local),
        (f.negative, Flag::Negative),
        (f.used, Flag::Used),
        (f.nhop, Flag::Nhop),
    ];
    let mut flags: Vec<Flag> = flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag).collect();
    flags.sort();
    let requesters = entry.requesters.iter();
    CacheEntry {
        interface: hub.tunnel_name(entry.tunnel),
        network: Prefix { address: entry.protocol, len: entry.prefix_len },
        via: entry.via,
        nbma: entry.nbma,
        claimed_nbma: entry.claimed.filter(|claimed| Some(*claimed) != entry.nbma),
        kind: kind(entry.kind),
        flags,
        created: ago(now_ms, entry.created_ms),
        expires: entry.expires_ms.map(|at| at.saturating_sub(now_ms) / 1_000),
        holdtime: Some(entry.holding_time).filter(|_| entry.kind == nhrp::Kind::Dynamic),
        mtu: entry.mtu,
        preference: entry.preference,
        group: None,
        multicast: entry.multicast,
        hits: entry.hits,
        vendor: entry.vendor.iter().map(|octet| format!("{octet:02x}")).collect(),
        requesters: requesters.map(|r| Requester { address: r.protocol, request_id: r.request_id }).collect(),
        request_id: None,
    }
}
