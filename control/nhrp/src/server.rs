//! The server.

use crate::{
    Action, Binding, CacheEntry, ConfigError, Overlay, PeerRecord, ServerConfig, ServerCounters,
    TunnelConfig, TunnelCounters, TunnelId,
};
use std::net::Ipv4Addr;

/// The NHRP server of all tunnels.
pub struct Server {
    config: ServerConfig,
}

/// What an operator wants forgotten. Static bindings stay.
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
    /// A server with an empty cache. [`Server::start`] brings the static maps.
    pub fn new(config: ServerConfig) -> Result<Self, ConfigError> {
        Ok(Self { config })
    }

    /// The configuration.
    pub fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// One tunnel's configuration.
    pub fn tunnel(&self, tunnel: TunnelId) -> Option<&TunnelConfig> {
        self.config.tunnels.iter().find(|t| t.id == tunnel)
    }

    /// Emits [`Action::Bind`] for every static map. Call once, before anything else.
    pub fn start(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        let _ = (now_ms, actions);
    }

    /// Brings back a binding after a restart, with the holding time it has left. Emits [`Action::Bind`], or nothing
    /// when the configuration no longer admits it.
    pub fn restore(&mut self, now_ms: u64, restored: &Restored, actions: &mut Vec<Action>) {
        let _ = (now_ms, restored, actions);
    }

    /// Takes an NHRP packet (from ar$afn on) that came in by `tunnel` from the outer source address `nbma`.
    pub fn packet(
        &mut self,
        now_ms: u64,
        tunnel: TunnelId,
        nbma: Ipv4Addr,
        packet: &[u8],
        overlay: &impl Overlay,
        actions: &mut Vec<Action>,
    ) {
        let _ = (now_ms, tunnel, nbma, packet, overlay, actions);
    }

    /// A data packet (from its IP header on, or the first octets of it) from `nbma` left by the network it came in
    /// by: tells its sender that there is a shorter way.
    pub fn redirect(
        &mut self,
        now_ms: u64,
        tunnel: TunnelId,
        nbma: Ipv4Addr,
        packet: &[u8],
        overlay: &impl Overlay,
        actions: &mut Vec<Action>,
    ) {
        let _ = (now_ms, tunnel, nbma, packet, overlay, actions);
    }

    /// Does what is due: expiry, purges to be repeated.
    pub fn tick(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        let _ = (now_ms, actions);
    }

    /// When [`Server::tick`] has something to do next.
    pub fn next_deadline(&self) -> Option<u64> {
        None
    }

    /// Forgets bindings; returns how many.
    pub fn clear(&mut self, now_ms: u64, what: Clear, actions: &mut Vec<Action>) -> usize {
        let _ = (now_ms, what, actions);
        0
    }

    /// Overlay routes under this prefix changed: who was told about addresses behind the hub in it hears a purge.
    pub fn routes_changed(&mut self, now_ms: u64, prefix: Ipv4Addr, len: u8, actions: &mut Vec<Action>) {
        let _ = (now_ms, prefix, len, actions);
    }

    /// The data plane refused this station's GRE packets (wrong key, …); remembered for `show dmvpn`.
    pub fn refused(&mut self, now_ms: u64, tunnel: Option<TunnelId>, nbma: Ipv4Addr, reason: &'static str) {
        let _ = (now_ms, tunnel, nbma, reason);
    }

    /// The binding of a protocol address.
    pub fn binding(&self, tunnel: TunnelId, protocol: Ipv4Addr) -> Option<&Binding> {
        let _ = (tunnel, protocol);
        None
    }

    /// All bindings, static and dynamic, in no particular order.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        std::iter::empty()
    }

    /// How many bindings there are.
    pub fn len(&self) -> usize {
        0
    }

    /// Whether there is no binding.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything that `show ip nhrp` prints: bindings, then answers given out for the hub itself, then incomplete
    /// ones.
    pub fn cache(&self, now_ms: u64) -> impl Iterator<Item = CacheEntry<'_>> {
        let _ = now_ms;
        std::iter::empty()
    }

    /// Peers that failed or went away, also such as are registered again: newest failure of each.
    pub fn failures(&self) -> impl Iterator<Item = &PeerRecord> {
        std::iter::empty()
    }

    /// Peers that failed or went away and are not registered now: the rows that `show dmvpn` prints as not up.
    pub fn absent(&self) -> impl Iterator<Item = &PeerRecord> {
        std::iter::empty()
    }

    /// Counters of one tunnel.
    pub fn counters(&self, tunnel: TunnelId) -> Option<&TunnelCounters> {
        let _ = tunnel;
        None
    }

    /// Counters of the whole server.
    pub fn server_counters(&self) -> &ServerCounters {
        static NONE: ServerCounters = ServerCounters {
            cache_full: 0,
            peer_full: 0,
            failures_evicted: 0,
            purges_full: 0,
            unknown_tunnel: 0,
        };
        &NONE
    }

    /// Share of max-send used in the last 10 s, in percent.
    pub fn send_usage(&self, now_ms: u64, tunnel: TunnelId) -> u8 {
        let _ = (now_ms, tunnel);
        0
    }
}
