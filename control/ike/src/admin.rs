//! Operators: show, clear, rekey.

use crate::ask::Want;
use crate::cx::Cx;
use crate::ike_sa::{IkeSa, Phase};
use crate::{Action, Failure, Host, Path, Responder, SessionId, SessionState, SessionView, WhyDown};
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

/// How much there is, and was at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Established sessions.
    pub sessions: usize,
    /// Half-open IKE SAs.
    pub half_open: usize,
    /// The most of them there have been.
    pub half_open_peak: usize,
    /// Tasks under way.
    pub tasks: usize,
    /// The most of them there have been.
    pub tasks_peak: usize,
}

impl Responder {
    /// Deletes sessions, and tells the peers; returns how many.
    pub fn clear(
        &mut self,
        now_ms: u64,
        which: Clear,
        host: &mut impl Host,
        actions: &mut Vec<Action>,
    ) -> usize {
        let cx = &mut Cx { now: now_ms, host, actions };
        let meant = |sa: &IkeSa| match which {
            Clear::All => true,
            Clear::Session(session) => sa.session() == Some(session),
            Clear::Remote(address) => sa.path.remote.0 == address,
            Clear::Local(address) => sa.path.local.0 == address,
        };
        let ups = self.sas.values().filter(|sa| !matches!(sa.phase, Phase::Closed { .. }) && meant(sa));
        let spis: Vec<u64> = ups.map(|sa| sa.ours()).collect();
        let before = self.sessions.len();
        for spi in spis {
            if let Some(mut sa) = self.sas.remove(&spi) {
                self.delete_sa(&mut sa, cx, WhyDown::Cleared);
                self.put(sa, cx);
            }
        }
        before - self.sessions.len()
    }

    /// Rekeys now. `false`: no such session.
    pub fn rekey(
        &mut self,
        now_ms: u64,
        session: SessionId,
        what: Rekey,
        host: &mut impl Host,
        actions: &mut Vec<Action>,
    ) -> bool {
        let cx = &mut Cx { now: now_ms, host, actions };
        let Some(mut sa) = self.sessions.spi(session).and_then(|spi| self.sas.remove(&spi)) else {
            return false;
        };
        match what {
            Rekey::Ike => sa.ask.want(Want::RekeyIke),
            Rekey::Children => {
                let live = sa.children.iter().filter(|child| child.is_live()).map(|child| child.slot.spi);
                live.collect::<Vec<_>>().into_iter().for_each(|spi| sa.ask.want(Want::RekeyChild(spi)));
            }
        }
        self.put(sa, cx);
        true
    }

    /// One session.
    pub fn session(&self, session: SessionId) -> Option<SessionView> {
        self.sas.get(&self.sessions.spi(session)?).map(|sa| sa.view())
    }

    /// All IKE SAs, half-open ones among them.
    pub fn sessions(&self) -> Vec<SessionView> {
        self.sas.values().filter(|sa| !matches!(sa.phase, Phase::Closed { .. })).map(|sa| sa.view()).collect()
    }

    /// Where those are that have not authenticated yet, and when they were last heard.
    pub fn half_open(&self) -> impl Iterator<Item = (Path, u64)> {
        self.half_open.spis().filter_map(|spi| self.sas.get(&spi)).map(|sa| (sa.path, sa.clocks.heard))
    }

    /// How much there is.
    pub fn load(&self) -> Load {
        Load {
            sessions: self.sessions.len(),
            half_open: self.half_open.len(),
            half_open_peak: self.half_open.peak,
            tasks: self.tasks.len(),
            tasks_peak: self.tasks.peak,
        }
    }

    /// Peers that failed.
    pub fn failures(&self) -> Vec<Failure> {
        self.failures.iter().cloned().collect()
    }

    /// Forgets the failures of a peer, or of all.
    pub fn clear_failures(&mut self, remote: Option<Ipv4Addr>) {
        self.failures.clear(remote);
    }
}

impl IkeSa {
    fn view(&self) -> SessionView {
        let peer = self.peer.as_deref();
        let state = match self.phase {
            Phase::HalfOpen(_) => SessionState::HalfOpen,
            Phase::Established => SessionState::Established,
            Phase::Replaced | Phase::Deleting | Phase::Closed { .. } => SessionState::Deleting,
        };
        SessionView {
            session: self.session(),
            state,
            identity: self.identity(),
            local_identity: peer.map(|peer| peer.local_identity.to_string()),
            path: self.path,
            encapsulation: self.encapsulation(),
            nat_remote: self.nat.remote,
            nat_local: self.nat.local,
            spis: self.spis,
            initiator: self.role == crate::crypto::Role::Initiator,
            suite: self.secured.as_ref().map(|secured| secured.words()).unwrap_or_default(),
            auth_remote: peer.map_or("", |peer| peer.auth_remote),
            auth_local: peer.map_or("", |peer| peer.auth_local),
            fragmentation: self.fragmentation,
            up_ms: self.clocks.up,
            keyed_ms: self.clocks.keyed,
            rekey_ms: self.clocks.rekey,
            heard_ms: self.clocks.heard,
            rekeys: self.rekeys,
            children: self.children.iter().map(|child| child.view(self.current)).collect(),
        }
    }
}
