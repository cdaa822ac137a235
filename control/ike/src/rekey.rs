//! What becomes of old and new when an SA has been replaced, by us, by the peer, or by both at once.
//!
//! When both do it at once there are two new SAs. The one whose making saw the lowest of the four nonces is deleted by
//! whoever began it; the other stays, and whoever began that deletes the old one (RFC 7296 2.8.1, 2.8.2). With
//! additional key exchanges there is nothing to delete yet: whoever began it does not go on (RFC 9370 2.2.4).

use crate::ask::Want;
use crate::child::{Child, ChildState, Terms};
use crate::counters::Count;
use crate::crypto::{Keys, Nonces, Role};
use crate::cx::Cx;
use crate::ike_sa::{IkeSa, Phase, Secured, spi_octets};
use crate::initiator::RETRY_MS;
use crate::venture::{Answer, GUARD_MS, Made, Rival, Venture, What};
use crate::{LogKind, Responder, SaId, Slot, WhyDown};

/// IKE SAs that a session had before the one it has, and that may still be there.
const MAX_PREDECESSORS: usize = 4;

/// Which of two new SAs stays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Winner {
    Ours,
    Theirs,
}

/// What an answer to CREATE_CHILD_SA means if the peer replaces the same SA.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Early {
    GoOn,
    /// Nothing more is to be exchanged.
    Stop,
}

/// Compared octet by octet, as the RFC has it.
fn winner(ours: (&[u8], &[u8]), rival: &Rival) -> Winner {
    if ours.0.min(ours.1) < rival.lowest.as_slice() { Winner::Theirs } else { Winner::Ours }
}

impl Responder {
    /// The peer has answered CREATE_CHILD_SA: with additional key exchanges to come, on either side, it is settled now
    /// which of two goes on.
    pub(crate) fn settle_early(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) -> Early {
        let Some(venture) = &mut sa.ask.venture else { return Early::Stop };
        let (Some(rival), Some(answer)) = (&venture.rival, &venture.answer) else { return Early::GoOn };
        let unmade = rival.made == Made::NotYet;
        match winner((&venture.nonce, &answer.nonce), rival) {
            // The peer does not go on with its own.
            Winner::Ours if unmade => {
                venture.rival = None;
                self.abandon_followup(sa, cx);
                Early::GoOn
            }
            Winner::Theirs if venture.is_following() => Early::Stop,
            Winner::Theirs if unmade => {
                // Ours is made already, as far as the peer is concerned.
                if let What::Child { slot, .. } = &venture.what {
                    let spi = slot.spi;
                    sa.ask.want(Want::DeleteChild(spi));
                    return Early::Stop;
                }
                Early::GoOn
            }
            _ => Early::GoOn,
        }
    }

    /// The peer has agreed, and all shared secrets are there.
    pub(crate) fn conclude(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        let Some(mut venture) = sa.ask.venture.take() else { return };
        let Some(answer) = venture.answer.take() else { return };
        sa.ask.forgotten = 0;
        match &venture.what {
            What::Child { replaces, slot, terms } => {
                self.conclude_child(sa, cx, &venture, &answer, (*replaces, *slot, terms));
            }
            What::Ike { spi, .. } => self.conclude_ike(sa, cx, &venture, &answer, *spi),
        }
    }

    fn conclude_child(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        venture: &Venture,
        answer: &Answer,
        (replaces, slot, terms): (u32, Slot, &Terms),
    ) {
        let nonces = Nonces { initiator: &venture.nonce, responder: &answer.nonce };
        let lifetimes = self.protection(sa.path.local.0).map(|(_, protection)| protection.lifetimes);
        let keys = sa.child_keys(terms, &venture.secrets, nonces);
        let made =
            u32::try_from(answer.spi).ok().zip(keys).zip(lifetimes).and_then(|((spi, keys), lifetimes)| {
                Child::new(cx, (slot, spi), terms.clone(), &keys, Role::Initiator, lifetimes)
            });
        let Some(child) = made else { return cx.host.release(slot.sa) };
        self.counters.add(Count::ChildRekeyed);
        sa.install(cx, child, Some(replaces));
        sa.clocks.sample = sa.needs_sampling().then_some(cx.now);
        let rival = venture.rival.as_ref().and_then(|rival| match rival.made {
            Made::Child(child) => Some((child, rival)),
            Made::NotYet | Made::Ike(_) => None,
        });
        let theirs = rival.and_then(|(id, rival)| {
            let live = sa.child(id).is_some_and(|child| child.is_live());
            // The old one gone already means that the peer has decided, and the same way.
            let gone = sa.child_by_spi(replaces).is_none_or(|child| !child.has_outbound());
            let lost = winner((&venture.nonce, &answer.nonce), rival) == Winner::Theirs || gone;
            (live && lost).then_some(id)
        });
        if let Some(theirs) = theirs {
            self.discard(sa, slot.sa);
            return sa.switch(cx, Some(theirs));
        }
        sa.switch(cx, Some(slot.sa));
        if let Some((id, _)) = rival
            && let Some(child) = sa.child(id).filter(|child| child.is_live())
        {
            // The peer deletes it.
            child.state = ChildState::Replaced;
            child.end_ms = Some(cx.now + GUARD_MS);
            child.switch_ms = None;
        }
        let old = sa.child_by_spi(replaces).filter(|child| child.has_outbound()).map(|child| child.slot.sa);
        if let Some(old) = old {
            self.discard(sa, old);
        }
    }

    /// Has the peer delete a child SA that is not sent with any more.
    fn discard(&mut self, sa: &mut IkeSa, id: SaId) {
        let Some(child) = sa.child(id) else { return };
        child.state = ChildState::Deleting;
        let spi = child.slot.spi;
        sa.ask.want(Want::DeleteChild(spi));
    }

    fn conclude_ike(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        venture: &Venture,
        answer: &Answer,
        spi: u64,
    ) {
        let (What::Ike { suite, .. }, Some(group)) = (&venture.what, venture.group) else { return };
        let Some(secured) = &sa.secured else { return };
        let spis = (spi, answer.spi);
        let nonces = Nonces { initiator: &venture.nonce, responder: &answer.nonce };
        let keys: Keys = secured.keys.rekeyed(*suite, &venture.secrets, nonces, spi_octets(spis));
        let secured = Secured::new(*suite, keys, Role::Initiator, group, venture.additional.clone());
        let mut new = self.heir(sa, cx, spis, Role::Initiator, secured);
        let rival = venture.rival.as_ref();
        if let Some(rival) = rival
            && winner((&venture.nonce, &answer.nonce), rival) == Winner::Theirs
            && self.gives_way(sa, cx, rival)
        {
            new.phase = Phase::Replaced;
            new.clocks.end = Some(cx.now + GUARD_MS);
            new.ask.want(Want::DeleteIke);
            return self.put(new, cx);
        }
        if let Some(mut theirs) = rival.and_then(Rival::ike).and_then(|spi| self.sas.remove(&spi)) {
            // The peer deletes it.
            theirs.phase = Phase::Replaced;
            theirs.clocks.end = Some(cx.now + GUARD_MS);
            self.put(theirs, cx);
        }
        self.inherit(sa, &mut new, cx);
        sa.phase = Phase::Replaced;
        sa.clocks.end = Some(cx.now + GUARD_MS);
        sa.ask.want(Want::DeleteIke);
        self.put(new, cx);
    }

    /// Our successor gives way to the peer's, be it made already or not. `false`: that is gone.
    fn gives_way(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, rival: &Rival) -> bool {
        match rival.ike() {
            Some(spi) => self.adopt(sa, cx, spi),
            None => {
                // If the peer does not go on we try again.
                sa.clocks.rekey = Some(cx.now + RETRY_MS);
                true
            }
        }
    }

    /// The peer ends an IKE SA that both sides were replacing: its successor is the one that stays.
    pub(crate) fn adopt_rival(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        let venture = sa.ask.venture.as_ref().filter(|venture| venture.is_ike());
        let rival = venture.and_then(|venture| venture.rival.as_ref()).and_then(Rival::ike);
        if let Some(rival) = rival.filter(|_| sa.is_established()) {
            self.adopt(sa, cx, rival);
        }
    }

    /// The successor that the peer made takes over. `false`: it is gone.
    fn adopt(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, spi: u64) -> bool {
        let Some(mut new) = self.sas.remove(&spi) else { return false };
        let fit = new.is_established();
        if fit {
            self.inherit(sa, &mut new, cx);
            sa.phase = Phase::Replaced;
            sa.clocks.end = Some(cx.now + GUARD_MS);
        }
        self.put(new, cx);
        fit
    }

    /// Whether an IKE SA is its session's own. One that a peer made while ours is under way is not: the session and its
    /// child SAs are still with the one that both replace.
    pub(crate) fn has_session(&self, sa: &IkeSa) -> bool {
        sa.session().is_some_and(|session| self.sessions.spi(session) == Some(sa.ours()))
    }

    /// A new IKE SA for the peer of an old one, without child SAs yet.
    pub(crate) fn heir(
        &mut self,
        sa: &IkeSa,
        cx: &mut Cx<'_>,
        spis: (u64, u64),
        role: Role,
        secured: Secured,
    ) -> Box<IkeSa> {
        let mut new = Box::new(IkeSa::new(spis, role, sa.path, sa.nat, Phase::Established));
        new.fragmentation = sa.fragmentation;
        new.secured = Some(Box::new(secured));
        new.peer = sa.peer.clone();
        new.rekeys = sa.rekeys + 1;
        new.clocks.up = sa.clocks.up;
        self.start_clocks(&mut new, cx);
        new
    }

    /// Remembers whose place an IKE SA takes, so that a peer that replaces one after the other, and deletes none, has a
    /// few of them and no more.
    pub(crate) fn succeeds(&mut self, old: &mut IkeSa, new: &mut IkeSa, cx: &mut Cx<'_>) {
        new.predecessors = std::mem::take(&mut old.predecessors);
        new.predecessors.push_back(old.ours());
        while new.predecessors.len() > MAX_PREDECESSORS {
            let Some(mut oldest) = new.predecessors.pop_front().and_then(|spi| self.sas.remove(&spi)) else {
                continue;
            };
            if !matches!(oldest.phase, Phase::Closed { .. }) {
                self.counters.add(Count::ReplacedDropped);
            }
            self.drop_sa(&mut oldest, cx, WhyDown::Replaced);
            self.put(oldest, cx);
        }
    }

    /// Child SAs and session go over to the successor.
    pub(crate) fn inherit(&mut self, sa: &mut IkeSa, new: &mut IkeSa, cx: &mut Cx<'_>) {
        self.counters.add(Count::IkeRekeyed);
        self.abandon_followup(sa, cx);
        new.children.append(&mut sa.children);
        new.current = sa.current.take();
        new.clocks.sample = new.needs_sampling().then_some(cx.now);
        let wants = std::mem::take(&mut sa.ask.wants);
        let move_over = |want: &Want| matches!(want, Want::RekeyChild(_) | Want::DeleteChild(_));
        wants.into_iter().filter(move_over).for_each(|want| new.ask.want(want));
        // A delete that the old one did not get an answer to is asked again by the new one.
        if let Some(pending) = &sa.ask.pending
            && let crate::ask::Purpose::DeleteChild(spi) = pending.purpose
        {
            new.ask.want(Want::DeleteChild(spi));
        }
        self.succeeds(sa, new, cx);
        if let Some(session) = new.session() {
            self.sessions.transfer(session, new.ours());
        }
        (sa.clocks.rekey, sa.clocks.dpd, sa.clocks.sample) = (None, None, None);
        new.dirty = true;
        new.log(cx, LogKind::Rekeyed);
    }
}
