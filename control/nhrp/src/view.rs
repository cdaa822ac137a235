//! What can be seen from outside.

use crate::answers::Answer;
use crate::cache::Entry;
use crate::{
    Binding, CacheEntry, EntryFlags, Failure, Kind, Owner, PeerRecord, Server, ServerConfig, ServerCounters,
    TunnelCounters, TunnelId,
};
use std::net::Ipv4Addr;

/// How long an entry counts as used, as Cisco has it.
const USED_MS: u64 = 60_000;
/// Preference that Cisco prints for every entry.
const PREFERENCE: u8 = 255;

impl Server {
    /// The configuration.
    pub fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// The binding of a protocol address.
    pub fn binding(&self, tunnel: TunnelId, protocol: Ipv4Addr) -> Option<&Binding> {
        self.cache.binding(tunnel, protocol)
    }

    /// The bindings of a station.
    pub fn bindings_of(&self, tunnel: TunnelId, owner: Owner) -> impl Iterator<Item = &Binding> {
        let entries = self.cache.of(tunnel, owner).iter().filter_map(|slot| self.cache.get(*slot));
        entries.map(|entry| &entry.binding)
    }

    /// All bindings, static and dynamic, in no particular order.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.cache.iter().map(|entry| &entry.binding)
    }

    /// How many bindings there are.
    pub fn len(&self) -> usize {
        self.cache.len()
    }

    /// Whether there is no binding.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything that `show ip nhrp` prints: bindings, then answers given out for the hub itself, then incomplete
    /// ones. In no particular order within each.
    pub fn cache(&self, now_ms: u64) -> impl Iterator<Item = CacheEntry<'_>> {
        let bindings = self.cache.iter().map(move |entry| of_binding(entry, now_ms));
        let answers = self.answers.iter(now_ms).filter_map(move |answer| self.of_answer(answer));
        bindings.chain(answers).chain(self.absent().filter_map(of_record))
    }

    fn of_answer<'a>(&'a self, answer: &'a Answer) -> Option<CacheEntry<'a>> {
        let tunnel = self.tunnel(answer.tunnel)?;
        Some(CacheEntry {
            tunnel: answer.tunnel,
            protocol: answer.prefix,
            prefix_len: answer.prefix_len,
            via: tunnel.address,
            nbma: Some(tunnel.nbma),
            session: None,
            claimed: None,
            kind: Kind::Dynamic,
            flags: EntryFlags { router: true, unique: false, local: true, ..EntryFlags::default() },
            created_ms: answer.created_ms,
            expires_ms: Some(answer.until_ms),
            holding_time: tunnel.holdtime,
            mtu: tunnel.mtu,
            preference: PREFERENCE,
            multicast: false,
            hits: answer.hits,
            requesters: &answer.requesters,
            vendor: &[],
        })
    }

    /// Peers that failed or went away, also such as are registered again: newest failure of each.
    pub fn failures(&self) -> impl Iterator<Item = &PeerRecord> {
        self.failures.iter()
    }

    /// Peers that failed or went away and are not registered now: the rows that `show dmvpn` prints as not up.
    pub fn absent(&self) -> impl Iterator<Item = &PeerRecord> {
        self.failures.iter().filter(|record| self.is_absent(record))
    }

    fn is_absent(&self, record: &PeerRecord) -> bool {
        let bound = match (record.tunnel, record.protocol) {
            (Some(tunnel), Some(protocol)) => self.cache.find(tunnel, protocol).is_some(),
            (Some(tunnel), None) => self.is_known(tunnel, &record.station),
            (None, _) => self.config.tunnels.iter().any(|tunnel| self.is_known(tunnel.id, &record.station)),
        };
        // Who is gone and has other trouble is listed once, with the trouble.
        let said_better = matches!(record.failure, Failure::Gone(_)) && self.failures.has_trouble(record);
        !bound && !said_better
    }

    /// Counters of one tunnel.
    pub fn counters(&self, tunnel: TunnelId) -> Option<&TunnelCounters> {
        let mut both = self.config.tunnels.iter().zip(&self.tunnels);
        both.find(|(config, _)| config.id == tunnel).map(|(_, state)| &state.counters)
    }

    /// Counters of the whole server.
    pub fn server_counters(&self) -> &ServerCounters {
        &self.counters
    }

    /// Share of max-send used in the last 10 s, in percent.
    pub fn send_usage(&self, now_ms: u64, tunnel: TunnelId) -> u8 {
        let mut both = self.config.tunnels.iter().zip(&self.tunnels);
        let found = both.find(|(config, _)| config.id == tunnel);
        found.map_or(0, |(config, state)| state.window.usage(now_ms, config.max_send))
    }
}

fn of_binding(entry: &Entry, now_ms: u64) -> CacheEntry<'_> {
    let binding = &entry.binding;
    CacheEntry {
        tunnel: binding.tunnel,
        protocol: binding.protocol,
        prefix_len: 32,
        via: binding.protocol,
        nbma: Some(binding.nbma),
        session: binding.session,
        claimed: binding.is_natted().then_some(binding.claimed),
        kind: binding.kind,
        flags: EntryFlags {
            unique: binding.unique,
            registered: binding.kind == Kind::Dynamic,
            nat: binding.nat_capable && binding.is_natted(),
            used: entry.used_ms.is_some_and(|used_ms| now_ms < used_ms.saturating_add(USED_MS)),
            nhop: true,
            ..EntryFlags::default()
        },
        created_ms: binding.created_ms,
        expires_ms: binding.expires_ms,
        holding_time: binding.holding_time,
        mtu: binding.mtu,
        preference: PREFERENCE,
        multicast: binding.multicast,
        hits: entry.hits,
        requesters: &entry.requesters,
        vendor: &entry.vendor,
    }
}

fn of_record(record: &PeerRecord) -> Option<CacheEntry<'_>> {
    let (tunnel, protocol) = (record.tunnel?, record.protocol?);
    Some(CacheEntry {
        tunnel,
        protocol,
        prefix_len: 32,
        via: protocol,
        nbma: Some(record.station.nbma),
        session: record.station.session,
        claimed: None,
        kind: Kind::Incomplete,
        flags: EntryFlags { negative: true, ..EntryFlags::default() },
        created_ms: record.first_ms,
        expires_ms: None,
        holding_time: 0,
        mtu: 0,
        preference: PREFERENCE,
        multicast: false,
        hits: record.count,
        requesters: &[],
        vendor: &[],
    })
}
