//! The responder: its state, and where each event goes.

use crate::{
    Action, Config, ConfigError, Counters, Failure, Host, Outcome, Path, SaId, SessionId, SessionView,
};
use std::net::Ipv4Addr;

/// Which sessions to clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clear {
    /// All.
    All,
    /// One.
    Session(SessionId),
    /// Those at an address.
    Remote(Ipv4Addr),
    /// Those that speak to one of our addresses.
    Local(Ipv4Addr),
}

/// What to rekey by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rekey {
    /// The IKE SA.
    Ike,
    /// Its child SAs.
    Children,
}

/// The responder for all our addresses.
pub struct Responder {
    config: Config,
    counters: Counters,
}

impl Responder {
    /// A responder without a peer.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { config, counters: Counters::default() })
    }

    /// Takes a datagram, from the initiator's SPI on.
    pub fn datagram(
        &mut self,
        _now_ms: u64,
        _path: &Path,
        _datagram: &[u8],
        _host: &mut impl Host,
        _actions: &mut Vec<Action>,
    ) {
    }

    /// Takes what came of a [`crate::Task`].
    pub fn computed(
        &mut self,
        _now_ms: u64,
        outcome: Outcome,
        _host: &mut impl Host,
        _actions: &mut Vec<Action>,
    ) {
        let _ = outcome.ticket;
    }

    /// Does what is due.
    pub fn tick(&mut self, _now_ms: u64, _host: &mut impl Host, _actions: &mut Vec<Action>) {}

    /// When [`Self::tick`] is next due; it does no harm to call it earlier or later.
    pub fn next_deadline(&self) -> Option<u64> {
        None
    }

    /// The data plane saw an authentic and fresh packet of a child SA come from elsewhere (RFC 7296 2.23). `port`: in
    /// UDP, from this port.
    pub fn moved(
        &mut self,
        _now_ms: u64,
        _sa: SaId,
        _remote: Ipv4Addr,
        _port: Option<u16>,
        _actions: &mut Vec<Action>,
    ) {
    }

    /// The data plane cannot send with this child SA (its counter is not armed, or is used up): rekey it, or make
    /// another.
    pub fn exhausted(&mut self, _now_ms: u64, _sa: SaId, _host: &mut impl Host, _actions: &mut Vec<Action>) {}

    /// Deletes sessions, and tells the peers; returns how many.
    pub fn clear(
        &mut self,
        _now_ms: u64,
        _which: Clear,
        _host: &mut impl Host,
        _actions: &mut Vec<Action>,
    ) -> usize {
        0
    }

    /// Rekeys now. `false`: no such session.
    pub fn rekey(
        &mut self,
        _now_ms: u64,
        _session: SessionId,
        _what: Rekey,
        _host: &mut impl Host,
        _actions: &mut Vec<Action>,
    ) -> bool {
        false
    }

    /// A session with its keys, for a file that only this process reads; `None` if there is none such. What
    /// [`Self::restore`] takes.
    pub fn export(&self, _session: SessionId) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        None
    }

    /// Takes a session back that an earlier process exported on the same machine since it was booted (times are in the
    /// same clock). Emits all the actions that make it: `SessionUp`, its child SAs, `Use`. `None`: unreadable, or its
    /// slots are taken.
    pub fn restore(
        &mut self,
        _now_ms: u64,
        _exported: &[u8],
        _host: &mut impl Host,
        _actions: &mut Vec<Action>,
    ) -> Option<SessionId> {
        None
    }

    /// One session.
    pub fn session(&self, _session: SessionId) -> Option<SessionView> {
        None
    }

    /// All IKE SAs, half-open ones among them.
    pub fn sessions(&self) -> Vec<SessionView> {
        Vec::new()
    }

    /// Established sessions, half-open IKE SAs, tasks under way.
    pub fn load(&self) -> (usize, usize, usize) {
        (0, 0, 0)
    }

    /// Peers that failed.
    pub fn failures(&self) -> Vec<Failure> {
        Vec::new()
    }

    /// Forgets the failures of a peer, or of all.
    pub fn clear_failures(&mut self, _remote: Option<Ipv4Addr>) {}

    /// What has been counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What it was told.
    pub fn config(&self) -> &Config {
        &self.config
    }
}
