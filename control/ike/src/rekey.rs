//! What becomes of old and new when an SA has been replaced, by us, by the peer, or by both at once.
//!
//! When both do it at once there are two new SAs. The one whose making saw the lowest of the four nonces is deleted by
//! whoever began it; the other stays, and whoever began that deletes the old one (RFC 7296 2.8.1, 2.8.2).

use crate::ask::Want;
use crate::child::{Child, ChildState};
use crate::counters::Count;
use crate::crypto::{Keys, Nonces, Role, Secret};
use crate::cx::Cx;
use crate::ike_sa::{IkeSa, Phase, Secured, spi_octets};
use crate::venture::{Answer, GUARD_MS, Rival, Stage, Venture, What};
use crate::{LogKind, Responder, SaId};

/// Which of two new SAs stays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Winner {
    Ours,
    Theirs,
}

/// Compared octet by octet, as the RFC has it.
fn winner(ours: (&[u8], &[u8]), rival: &Rival) -> Winner {
    if ours.0.min(ours.1) < rival.lowest.as_slice() { Winner::Theirs } else { Winner::Ours }
}

impl Responder {
    /// The peer has agreed, and the shared secret is there if one was exchanged.
    pub(crate) fn conclude(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, shared: Option<Secret>) {
        let Some(mut venture) = sa.ask.venture.take() else { return };
        let Stage::Agreeing(_, answer) = std::mem::replace(&mut venture.stage, Stage::Sent(None)) else {
            return;
        };
        match venture.what {
            What::Child { replaces, .. } => self.conclude_child(sa, cx, &venture, &answer, replaces, shared),
            What::Ike { spi, .. } => {
                if let Some(shared) = shared {
                    self.conclude_ike(sa, cx, &venture, &answer, spi, shared);
                }
            }
        }
    }

    fn conclude_child(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        venture: &Venture,
        answer: &Answer,
        replaces: u32,
        shared: Option<Secret>,
    ) {
        let nonces = Nonces { initiator: &venture.nonce, responder: &answer.nonce };
        let lifetimes = self.protection(sa.path.local.0).map(|(_, protection)| protection.lifetimes);
        let made = venture.agreed(answer.spi).zip(lifetimes).and_then(|(agreed, lifetimes)| {
            let keys = sa.child_keys(agreed.encryption, agreed.integrity, shared.as_ref(), nonces)?;
            Child::new(cx, agreed, &keys, Role::Initiator, lifetimes)
        });
        let (Some(child), What::Child { slot, .. }) = (made, &venture.what) else { return };
        self.counters.add(Count::ChildRekeyed);
        sa.install(cx, child, Some(replaces));
        sa.clocks.sample = sa.needs_sampling().then_some(cx.now);
        let rival = venture.rival.as_ref().and_then(|rival| rival.child.map(|child| (child, rival)));
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
        shared: Secret,
    ) {
        let (What::Ike { suite, .. }, Some(group)) = (&venture.what, venture.group) else { return };
        let Some(secured) = &sa.secured else { return };
        let spis = (spi, answer.spi);
        let nonces = Nonces { initiator: &venture.nonce, responder: &answer.nonce };
        let keys: Keys =
            secured.keys.rekeyed(*suite, std::slice::from_ref(&shared), nonces, spi_octets(spis));
        let secured = Secured::new(*suite, keys, Role::Initiator, group, Vec::new());
        let mut new = self.heir(sa, cx, spis, Role::Initiator, secured);
        let rival = venture.rival.as_ref();
        if let Some(rival) = rival
            && winner((&venture.nonce, &answer.nonce), rival) == Winner::Theirs
            && self.adopt(sa, cx, rival.ike)
        {
            new.phase = Phase::Replaced;
            new.clocks.end = Some(cx.now + GUARD_MS);
            new.ask.want(Want::DeleteIke);
            return self.put(new, cx);
        }
        if let Some(mut theirs) = rival.and_then(|rival| self.sas.remove(&rival.ike)) {
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

    /// The peer ends an IKE SA that both sides were replacing: its successor is the one that stays.
    pub(crate) fn adopt_rival(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        let venture = sa.ask.venture.as_ref().filter(|venture| venture.is_ike());
        let rival = venture.and_then(|venture| venture.rival.as_ref()).map(|rival| rival.ike);
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

    /// Child SAs and session go over to the successor.
    pub(crate) fn inherit(&mut self, sa: &mut IkeSa, new: &mut IkeSa, cx: &mut Cx<'_>) {
        self.counters.add(Count::IkeRekeyed);
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
        if let Some(session) = new.session() {
            self.sessions.transfer(session, new.ours());
        }
        (sa.clocks.rekey, sa.clocks.dpd, sa.clocks.sample) = (None, None, None);
        new.dirty = true;
        new.log(cx, LogKind::Rekeyed);
    }
}
