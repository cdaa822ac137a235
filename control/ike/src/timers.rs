//! What is due when.

use crate::ask::{Purpose, Want};
use crate::child::{ChildState, Volume};
use crate::counters::Count;
use crate::cx::Cx;
use crate::ike_sa::{IkeSa, Phase};
use crate::report::Trouble;
use crate::{Action, Cause, LogKind, Responder, SaId, WhyDown};
use std::collections::BTreeSet;

/// While a new child SA waits to be sent with, it is looked at so often whether the peer sends with it.
const SWITCH_POLL_MS: u64 = 100;
/// Child SAs with a limit of octets or packets are looked at so often.
const SAMPLE_MS: u64 = 2000;
/// And so often when one has carried half of what it may until it is rekeyed, or more.
const SAMPLE_SOON_MS: u64 = 250;
/// DPD of many peers is spread over a tenth of its interval.
const SPREAD: u64 = 10;

/// Deadlines, one to an IKE SA.
#[derive(Default)]
pub(crate) struct Timers(BTreeSet<(u64, u64)>);

impl Timers {
    pub(crate) fn add(&mut self, at_ms: u64, spi: u64) {
        self.0.insert((at_ms, spi));
    }

    pub(crate) fn remove(&mut self, at_ms: u64, spi: u64) {
        self.0.remove(&(at_ms, spi));
    }

    pub(crate) fn first(&self) -> Option<u64> {
        self.0.first().map(|(at, _)| *at)
    }

    /// The first that is due.
    pub(crate) fn pop(&mut self, now_ms: u64) -> Option<u64> {
        let first = self.0.first().copied().filter(|(at, _)| *at <= now_ms)?;
        self.0.remove(&first);
        Some(first.1)
    }
}

impl IkeSa {
    /// When something is next due.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let phase = match &self.phase {
            Phase::HalfOpen(embryo) => Some(embryo.until_ms),
            Phase::Closed { until_ms } => return Some(*until_ms),
            Phase::Established => self.clocks.rekey.into_iter().chain(self.clocks.end).min(),
            Phase::Replaced | Phase::Deleting => self.clocks.end,
        };
        let request = self.ask.pending.as_ref().map(|pending| pending.due_ms);
        let fragments = self.reassembly.as_ref().map(|reassembly| reassembly.until_ms);
        let followup = self.serve.followup.as_ref().map(|followup| followup.until_ms);
        let always =
            [phase, request, fragments, followup, self.clocks.forget_init].into_iter().flatten().min();
        if !self.is_established() {
            // Nobody watches, samples or rekeys what is on its way in or out.
            return always;
        }
        let others = [always, self.clocks.dpd, self.clocks.sample];
        let children = self.children.iter().flat_map(|child| match child.state {
            ChildState::Lingering { until_ms } => [Some(until_ms), None, None],
            // A child SA that is deleted waits for the answer, or for the end of the IKE SA.
            ChildState::Deleting => [None; 3],
            ChildState::Replaced => [child.end_ms, None, None],
            ChildState::Live => [child.rekey_ms, child.end_ms, child.switch_ms],
        });
        others.into_iter().chain(children).flatten().min()
    }
}

impl Responder {
    /// Does what is due of one IKE SA.
    pub(crate) fn due(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        if sa.clocks.forget_init.is_some_and(|at| at <= cx.now) {
            sa.clocks.forget_init = None;
            self.forget_init(sa);
        }
        sa.reassembly.take_if(|reassembly| reassembly.until_ms <= cx.now);
        if sa.serve.followup.as_ref().is_some_and(|followup| followup.until_ms <= cx.now) {
            self.counters.add(Count::FollowupExpired);
            self.abandon_followup(sa, cx);
        }
        match &sa.phase {
            Phase::HalfOpen(embryo) if embryo.until_ms <= cx.now => return self.wither(sa, cx),
            Phase::HalfOpen(_) | Phase::Closed { .. } => return,
            Phase::Replaced | Phase::Deleting if sa.clocks.end.is_some_and(|at| at <= cx.now) => {
                return self.drop_sa(sa, cx, WhyDown::Expired);
            }
            _ => {}
        }
        if sa.ask.pending.as_ref().is_some_and(|pending| pending.due_ms <= cx.now) && !self.ask_again(sa, cx)
        {
            return;
        }
        if sa.is_established() {
            self.due_ike(sa, cx);
        }
        if !sa.is_established() {
            return;
        }
        for sa_id in sa.children.iter().map(|child| child.slot.sa).collect::<Vec<_>>() {
            self.due_child(sa, cx, sa_id);
        }
    }

    /// A half-open IKE SA whose peer did not go on.
    fn wither(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        self.counters.add(Count::WaitedTooLong);
        if sa.secured.is_some() {
            // A key exchange for nothing, as with a failed authentication.
            self.auth_failed(cx, sa.path.remote.0);
        }
        let answered = sa.embryo().is_some_and(|embryo| !embryo.response.is_empty() && embryo.proven);
        // A flood is no failure of a peer's; who returned a cookie, or came when none was needed, is one.
        if (answered || self.half_open.len() < self.config.cookie_threshold)
            && !self.failures.explains(sa.path.remote.0)
        {
            let text = "IKE_SA_INIT was answered, and no IKE_AUTH that we can decrypt followed: answers or fragments \
                        are lost on the way";
            self.failed_sa(cx, sa, Trouble::new(Cause::Incomplete, text));
        }
        self.close(sa, cx, 0);
    }

    fn due_ike(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        if sa.clocks.end.is_some_and(|at| at <= cx.now) {
            return self.delete_sa(sa, cx, WhyDown::Expired);
        }
        if sa.clocks.rekey.is_some_and(|at| at <= cx.now) {
            // Until it has happened, or failed and is put off.
            sa.clocks.rekey = None;
            sa.ask.want(Want::RekeyIke);
        }
        if sa.clocks.sample.is_some_and(|at| at <= cx.now) {
            self.sample(sa, cx);
        }
        if sa.clocks.dpd.is_some_and(|at| at <= cx.now) {
            self.watch(sa, cx);
        }
    }

    /// Dead peer detection: asks whether the peer lives if neither IKE nor ESP was heard for a while (RFC 7296 2.4).
    fn watch(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        let interval = self.config.dpd_s.saturating_mul(1000);
        let heard = sa.children.iter().filter_map(|child| cx.host.usage(child.slot.sa).heard_ms);
        let heard = heard.max().unwrap_or(0).max(sa.clocks.heard).min(cx.now);
        let next = heard + interval;
        if next <= cx.now {
            sa.ask.want(Want::Alive);
            sa.clocks.dpd = Some(cx.now + interval + cx.below(interval / SPREAD + 1));
        } else {
            sa.clocks.dpd = Some(next + cx.below(interval / SPREAD + 1));
        }
    }

    /// Looks whether a child SA has carried as much as it may.
    fn sample(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        let (mut worn, mut spent, mut soon) = (Vec::new(), Vec::new(), false);
        for child in sa.children.iter_mut().filter(|child| child.has_outbound()) {
            let usage = cx.host.usage(child.slot.sa);
            // Of the hard limit, since the soft one is gone when it was reached.
            soon |= child.hard.part(2 * crate::HARD_FACTOR).is_reached(&usage);
            if child.hard.is_reached(&usage) {
                spent.push(child.slot.sa);
            } else if child.is_live() && child.soft.is_reached(&usage) {
                child.soft = Volume::default();
                worn.push(child.slot.spi);
            }
        }
        spent.into_iter().for_each(|id| self.expire_child(sa, cx, id));
        worn.into_iter().for_each(|spi| sa.ask.want(Want::RekeyChild(spi)));
        let interval = if soon { SAMPLE_SOON_MS } else { SAMPLE_MS };
        sa.clocks.sample = sa.needs_sampling().then(|| cx.now + interval);
    }

    fn due_child(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, id: SaId) {
        let now = cx.now;
        let Some(child) = sa.child(id) else { return };
        let spi = child.slot.spi;
        match child.state {
            ChildState::Lingering { until_ms } if until_ms <= now => return sa.retire(cx, id, false),
            ChildState::Lingering { .. } | ChildState::Deleting => return,
            ChildState::Live | ChildState::Replaced => {}
        }
        if child.end_ms.is_some_and(|at| at <= now) {
            return self.expire_child(sa, cx, id);
        }
        if !child.is_live() {
            return;
        }
        if child.rekey_ms.is_some_and(|at| at <= now) {
            child.rekey_ms = None;
            sa.ask.want(Want::RekeyChild(spi));
        }
        let Some(child) = sa.child(id) else { return };
        if let Some(at) = child.switch_ms {
            let made = child.made_ms;
            if cx.host.usage(id).packets_in > 0 || now >= made + crate::child::SWITCH_MS {
                sa.switch(cx, Some(id));
            } else if at <= now {
                child.switch_ms = Some((now + SWITCH_POLL_MS).min(made + crate::child::SWITCH_MS));
            }
        }
    }

    /// A child SA at its end that nobody rekeyed: nothing is sent or accepted with it any more.
    fn expire_child(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, id: SaId) {
        let Some(child) = sa.child(id) else { return };
        self.counters.add(Count::ChildExpired);
        let spi = child.slot.spi;
        sa.ask.want(Want::DeleteChild(spi));
        sa.retire(cx, id, false);
    }

    /// Sends our request again; `false`: often enough, the peer is dead.
    fn ask_again(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) -> bool {
        let now = cx.now;
        let Some(pending) = &mut sa.ask.pending else { return true };
        if pending.again(now) {
            self.counters.add(Count::Retransmitted);
            let path = sa.path;
            let datagrams = pending.datagrams.iter().cloned();
            cx.actions.extend(datagrams.map(|datagram| Action::Send { path, datagram }));
            return true;
        }
        if pending.purpose == Purpose::DeleteIke {
            self.drop_sa(sa, cx, WhyDown::Dead);
            return false;
        }
        self.counters.add(Count::Dead);
        let what = match pending.purpose {
            Purpose::Alive => "dead peer detection",
            Purpose::Venture | Purpose::LostChild(_) | Purpose::LostIke => "a rekey",
            Purpose::DeleteChild(_) | Purpose::DeleteIke => "a delete",
        };
        let text = format!("no answer to {what}, sent {} times", pending.tries);
        self.failed_sa(cx, sa, Trouble::new(Cause::Unanswered, text));
        self.drop_sa(sa, cx, WhyDown::Dead);
        false
    }

    /// Whoever is gone has no child SAs and no session. Nothing is sent.
    pub(crate) fn drop_sa(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, why: WhyDown) {
        self.end_session(sa, cx, why);
        self.close(sa, cx, 0);
    }

    /// Child SAs and session end.
    pub(crate) fn end_session(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, why: WhyDown) {
        sa.retire_all(cx);
        self.abandon_venture(sa, cx);
        self.abandon_followup(sa, cx);
        let Some(session) = sa.session() else { return };
        if self.sessions.close(session, sa.ours()) {
            self.counters.add(Count::SessionDown);
            sa.log(cx, LogKind::Down(why));
            cx.actions.push(Action::SessionDown { session, why });
        }
    }

    /// Nothing more comes of it; its last response is kept for a while.
    pub(crate) fn close(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, keep_ms: u64) {
        if let Some(embryo) = sa.embryo() {
            let place = embryo.place;
            self.leave_half_open(place);
            self.forget_init(sa);
        }
        sa.clocks = crate::ike_sa::Clocks { forget_init: sa.clocks.forget_init, ..Default::default() };
        if sa.clocks.forget_init.take().is_some() {
            self.forget_init(sa);
        }
        sa.phase = Phase::Closed { until_ms: cx.now + keep_ms };
        sa.ask.pending = None;
        sa.ask.wants.clear();
        sa.serve.waiting = None;
        sa.reassembly = None;
    }
}
