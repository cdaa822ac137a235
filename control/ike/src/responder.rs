//! The responder: its state, and where each event goes.

use crate::config::Settings;
use crate::cookie::Cookies;
use crate::counters::Count;
use crate::cx::Cx;
use crate::failures::Failures;
use crate::half_open::HalfOpen;
use crate::ike_sa::{IkeSa, Phase};
use crate::job::{Done, Job, Work};
use crate::report::Reports;
use crate::sessions::Sessions;
use crate::tasks::{Tasks, Urgency};
use crate::throttle::Throttle;
use crate::timers::Timers;
use crate::{Action, Config, ConfigError, Counters, Host, Path, Protection, SaId};
use seeded::Seeded;
use std::collections::HashMap;
use std::net::Ipv4Addr;

/// What tells one IKE_SA_INIT from another: the initiator's SPI, address and port.
pub(crate) type InitKey = (u64, Ipv4Addr, u16);

/// The responder for all our addresses.
pub struct Responder {
    pub(crate) config: Config,
    pub(crate) settings: Settings,
    pub(crate) hash: Seeded,
    /// By our SPI. One that is being worked on is taken out, so that it and the rest can be changed at once.
    pub(crate) sas: HashMap<u64, Box<IkeSa>, Seeded>,
    /// Our SPI by IKE_SA_INIT, to know a copy of one.
    pub(crate) inits: HashMap<InitKey, u64, Seeded>,
    pub(crate) half_open: HalfOpen,
    pub(crate) throttle: Throttle,
    pub(crate) sessions: Sessions,
    /// Our SPI by slot of a child SA. Entries may be out of date: who looks here asks the IKE SA too.
    pub(crate) slots: HashMap<SaId, u64, Seeded>,
    pub(crate) timers: Timers,
    pub(crate) tasks: Tasks,
    pub(crate) cookies: Cookies,
    pub(crate) failures: Failures,
    pub(crate) reports: Reports,
    pub(crate) counters: Counters,
    /// When the next message of a version that we do not speak may be answered.
    pub(crate) version_ms: u64,
}

impl Responder {
    /// A responder without a peer.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let settings = Settings::read(&config)?;
        let hash = Seeded(config.seed);
        Ok(Self {
            settings,
            hash,
            sas: HashMap::with_hasher(hash),
            inits: HashMap::with_hasher(hash),
            throttle: Throttle::new(hash),
            half_open: HalfOpen::new(config.half_open, hash),
            sessions: Sessions::new(config.max_sessions, hash),
            slots: HashMap::with_hasher(hash),
            timers: Timers::default(),
            tasks: Tasks::new(config.max_tasks, hash),
            cookies: Cookies::new(),
            failures: Failures::new(hash),
            reports: Reports::new(hash),
            counters: Counters::default(),
            version_ms: 0,
            config,
        })
    }

    /// Takes a datagram, from the initiator's SPI on.
    pub fn datagram(
        &mut self,
        now_ms: u64,
        path: &Path,
        datagram: &[u8],
        host: &mut impl Host,
        actions: &mut Vec<Action>,
    ) {
        self.received(&mut Cx { now: now_ms, host, actions }, path, datagram);
    }

    /// Takes what came of a [`crate::Task`].
    pub fn computed(&mut self, now_ms: u64, outcome: Done, host: &mut impl Host, actions: &mut Vec<Action>) {
        let cx = &mut Cx { now: now_ms, host, actions };
        let Some(mut sa) = self.tasks.finish(outcome.id).and_then(|spi| self.sas.remove(&spi)) else {
            return;
        };
        match &sa.phase {
            Phase::HalfOpen(embryo) if embryo.exchange.awaits(outcome.id) => {
                self.exchanged(&mut sa, cx, outcome.outcome);
            }
            _ if sa.serve.waiting.as_ref().is_some_and(|waiting| waiting.ticket == outcome.id) => {
                self.resume_request(&mut sa, cx, outcome.outcome);
            }
            _ if sa.ask.venture.as_ref().is_some_and(|venture| venture.awaits(outcome.id)) => {
                self.resume_venture(&mut sa, cx, outcome.outcome);
            }
            _ => {}
        }
        self.put(sa, cx);
    }

    /// Does what is due.
    pub fn tick(&mut self, now_ms: u64, host: &mut impl Host, actions: &mut Vec<Action>) {
        let cx = &mut Cx { now: now_ms, host, actions };
        while let Some(spi) = self.timers.pop(now_ms) {
            let Some(mut sa) = self.sas.remove(&spi) else { continue };
            sa.queued = None;
            self.due(&mut sa, cx);
            self.put(sa, cx);
        }
    }

    /// When [`Self::tick`] is next due; it does no harm to call it earlier or later.
    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.first()
    }

    /// Puts an IKE SA back that was taken out, or lets go of it if nothing of it is needed any more.
    pub(crate) fn put(&mut self, mut sa: Box<IkeSa>, cx: &mut Cx<'_>) {
        self.pump(&mut sa, cx);
        let spi = sa.ours();
        if let Some(at) = sa.queued.take() {
            self.timers.remove(at, spi);
        }
        if matches!(sa.phase, Phase::Closed { until_ms } if until_ms <= cx.now) {
            return;
        }
        if sa.dirty {
            sa.dirty = false;
            for child in &sa.children {
                self.slots.insert(child.slot.sa, spi);
            }
            if let Some(session) = sa.session().filter(|session| self.sessions.spi(*session) == Some(spi)) {
                cx.actions.push(Action::Changed(session));
            }
        }
        // Never for a time that has passed already: a tick ends, whatever is left undone.
        if let Some(at) = sa.deadline().map(|at| at.max(cx.now + 1)) {
            self.timers.add(at, spi);
            sa.queued = Some(at);
        }
        self.sas.insert(spi, sa);
    }

    /// Has something computed for an IKE SA; `None`: too much is being computed.
    pub(crate) fn compute(&mut self, cx: &mut Cx<'_>, spi: u64, urgency: Urgency, work: Work) -> Option<u64> {
        let Some(ticket) = self.tasks.start(spi, urgency) else {
            self.counters.add(Count::TasksFull);
            return None;
        };
        cx.actions.push(Action::Compute(Job::new(ticket, work)));
        Some(ticket)
    }

    /// The protection of one of our addresses, and where its proposals are.
    pub(crate) fn protection(&self, local: Ipv4Addr) -> Option<(usize, &Protection)> {
        self.config.protections.iter().enumerate().find(|(_, protection)| protection.local == local)
    }

    /// What has been counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What it was told.
    pub fn config(&self) -> &Config {
        &self.config
    }
}
