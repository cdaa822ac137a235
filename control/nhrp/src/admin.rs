//! Start, time, restore, and what operators ask to be forgotten.

use crate::answers::overlap;
use crate::cache::Slot;
use crate::{
    Action, Binding, Change, Failure, Kind, LogKind, Refused, Server, StaticMap, Station, TunnelCounters,
    TunnelId, UnbindReason,
};
use std::net::Ipv4Addr;

/// What an operator wants forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clear {
    /// Everything.
    All,
    /// Of one tunnel.
    Tunnel(TunnelId),
    /// Of one NBMA address, on one tunnel or on all.
    Peer {
        /// Tunnel.
        tunnel: Option<TunnelId>,
        /// NBMA address.
        nbma: Ipv4Addr,
    },
    /// One protocol address or all within a prefix, on one tunnel or on all.
    Address {
        /// Tunnel.
        tunnel: Option<TunnelId>,
        /// Protocol address.
        protocol: Ipv4Addr,
        /// Prefix length, 32 for the address alone.
        prefix_len: u8,
    },
}

impl Clear {
    /// Whether it is about this binding.
    pub fn means(&self, binding: &Binding) -> bool {
        self.covers(Some(binding.tunnel), binding.nbma, Some(binding.protocol))
    }

    fn covers(&self, tunnel: Option<TunnelId>, nbma: Ipv4Addr, protocol: Option<Ipv4Addr>) -> bool {
        let on = |wanted: Option<TunnelId>| wanted.is_none() || wanted == tunnel;
        match *self {
            Self::All => true,
            Self::Tunnel(wanted) => tunnel == Some(wanted),
            Self::Peer { tunnel, nbma: wanted } => on(tunnel) && nbma == wanted,
            Self::Address { tunnel, protocol: wanted, prefix_len } => {
                on(tunnel) && protocol.is_some_and(|protocol| overlap(protocol, 32, wanted, prefix_len))
            }
        }
    }
}

/// A binding read back from the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// As it was; its times are ignored.
    pub binding: Binding,
    /// How long ago it was made.
    pub age_ms: u64,
    /// How long it still lives.
    pub remaining_ms: u64,
}

impl Server {
    /// Emits [`Action::Bind`] for every static map. Call once, before anything else.
    pub fn start(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        let maps = self
            .config
            .tunnels
            .iter()
            .flat_map(|tunnel| tunnel.map.iter().map(move |map| static_binding(tunnel.id, map, now_ms)));
        for binding in maps {
            self.cache.put(binding);
            actions.push(Action::Bind { binding, change: Change::Static });
        }
    }

    /// Brings back a binding after a restart, with the holding time it has left. Emits [`Action::Bind`], or nothing
    /// when its time is over or the configuration no longer admits it.
    pub fn restore(&mut self, now_ms: u64, restored: &Restored, actions: &mut Vec<Action>) {
        let old = &restored.binding;
        let Some(tunnel) = self.tunnel(old.tunnel) else { return };
        let multicast = tunnel.map_multicast_dynamic;
        let admitted = old.kind == Kind::Dynamic
            && restored.remaining_ms > 0
            && tunnel.forbids(old.protocol).is_none()
            && !self.is_own(old.tunnel, old.protocol)
            && self.cache.find(old.tunnel, old.protocol).is_none()
            && self.cache.len() < self.config.max_bindings
            && self.cache.of(old.tunnel, old.station().owner()).len() < tunnel.max_bindings_per_peer as usize;
        if !admitted {
            return;
        }
        // No journal makes a binding live longer than its holding time.
        let remaining_ms = restored.remaining_ms.min(u64::from(old.holding_time) * 1000);
        let binding = Binding {
            multicast,
            created_ms: now_ms.saturating_sub(restored.age_ms),
            refreshed_ms: now_ms.saturating_sub(u64::from(old.holding_time) * 1000 - remaining_ms),
            expires_ms: Some(now_ms.saturating_add(remaining_ms)),
            ..*old
        };
        self.cache.put(binding);
        actions.push(Action::Bind { binding, change: Change::Restored });
    }

    /// Does what is due: expiry, purges to be repeated.
    pub fn tick(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        while let Some(slot) = self.cache.expired(now_ms) {
            self.unbind(now_ms, slot, UnbindReason::Expired, actions);
        }
        self.retry_purges(now_ms, actions);
    }

    /// When [`Server::tick`] has something to do next. May be early, is never late.
    pub fn next_deadline(&self) -> Option<u64> {
        [self.cache.next_deadline(), self.purges.next_deadline()].into_iter().flatten().min()
    }

    /// Removes a binding and does all that follows from it.
    pub(crate) fn unbind(
        &mut self,
        now_ms: u64,
        slot: Slot,
        reason: UnbindReason,
        actions: &mut Vec<Action>,
    ) {
        let told = self.cache.take_requesters(slot);
        let Some(entry) = self.cache.remove(slot) else { return };
        let Binding { tunnel, protocol, .. } = entry.binding;
        let station = entry.binding.station();
        actions.push(Action::Unbind { tunnel, protocol, station, reason });
        if reason == UnbindReason::Expired {
            self.count(tunnel, |counters| counters.expired += 1);
        }
        self.failures.settle(tunnel, station, protocol, entry.binding.refreshed_ms);
        self.note_peer(now_ms, Some(tunnel), station, Some(protocol), Failure::Gone(reason));
        self.log(now_ms, tunnel, station, Some(protocol), LogKind::Down(reason), actions);
        // Who was told by the spoke itself may reach it although the hub does not: a shortcut outlives a hub.
        let withdrawn = reason == UnbindReason::Purged;
        let told = told.into_iter().filter(|requester| withdrawn || !requester.passed_on).collect();
        self.purge_requesters(now_ms, &entry.binding, told, actions);
    }

    /// Forgets dynamic bindings, and peers that failed; returns how many bindings. Static ones stay.
    pub fn clear(&mut self, now_ms: u64, what: Clear, actions: &mut Vec<Action>) -> usize {
        let slots = self.cache.of_kind(Kind::Dynamic, |binding| what.means(binding));
        for slot in &slots {
            self.unbind(now_ms, *slot, UnbindReason::Cleared, actions);
        }
        self.failures.clear(|record| what.covers(record.tunnel, record.station.nbma, record.protocol));
        slots.len()
    }

    /// Starts static bindings afresh: whoever was told about them hears a purge, then they are bound as configured.
    /// Returns how many.
    pub fn clear_static(&mut self, now_ms: u64, what: Clear, actions: &mut Vec<Action>) -> usize {
        let slots = self.cache.of_kind(Kind::Static, |binding| what.means(binding));
        for slot in &slots {
            let Some(old) = self.cache.get(*slot).map(|entry| entry.binding) else { continue };
            self.unbind(now_ms, *slot, UnbindReason::Cleared, actions);
            self.failures.back(old.tunnel, old.station(), old.protocol);
            let binding = Binding { created_ms: now_ms, refreshed_ms: now_ms, ..old };
            self.cache.put(binding);
            actions.push(Action::Bind { binding, change: Change::Static });
        }
        slots.len()
    }

    /// Sets the counters of one tunnel, or of all, to zero.
    pub fn clear_counters(&mut self, tunnel: Option<TunnelId>) {
        for (config, state) in self.config.tunnels.iter().zip(&mut self.tunnels) {
            if tunnel.is_none_or(|wanted| wanted == config.id) {
                state.counters = TunnelCounters::default();
            }
        }
    }

    /// The data plane refused this station's GRE packets (wrong key, …); remembered for `show dmvpn`.
    pub fn refused(
        &mut self,
        now_ms: u64,
        tunnel: Option<TunnelId>,
        station: impl Into<Station>,
        refused: Refused,
    ) {
        self.note_peer(now_ms, tunnel, station.into(), None, Failure::Encapsulation(refused));
    }
}

/// A binding as the configuration maps it.
fn static_binding(tunnel: TunnelId, map: &StaticMap, now_ms: u64) -> Binding {
    Binding {
        tunnel,
        protocol: map.protocol,
        nbma: map.nbma,
        session: None,
        claimed: map.nbma,
        kind: Kind::Static,
        unique: false,
        nat_capable: false,
        multicast: map.multicast,
        mtu: 0,
        holding_time: 0,
        request_id: 0,
        created_ms: now_ms,
        refreshed_ms: now_ms,
        expires_ms: None,
    }
}
