//! CREATE_CHILD_SA as the peer begins it (RFC 7296 1.3, 2.8, 2.18, 2.25).

use crate::child::ChildState;
use crate::counters::Count;
use crate::crypto::Role;
use crate::cx::Cx;
use crate::followup::{Coming, Followup};
use crate::ike_sa::IkeSa;
use crate::job::{Exchanged, Work};
use crate::negotiation::{Refusal, Wish};
use crate::offer::Offer;
use crate::selection::Pfs;
use crate::serve::Request;
use crate::venture::{Made, Rival, Venture};
use crate::{Responder, SaId};
use wire::ike::{Chain, Notify, NotifyType, ParseError, PayloadType, Payloads, Protocol};

impl Responder {
    pub(crate) fn create_child(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        payloads: &Payloads<'_>,
    ) -> Result<(), ParseError> {
        let kind = PayloadType::Sa;
        let missing = |kind| ParseError::BodyTruncated { kind, have: 0, need: 1 };
        let offers = Offer::all(&payloads.security_association()?.ok_or(missing(kind))?);
        let nonce = payloads.nonce()?.ok_or(missing(PayloadType::Nonce))?;
        if !sa.is_established() || !self.has_session(sa) {
            // It is being deleted, or has a successor (RFC 7296 2.25.2); or it is a successor of which it is not known
            // yet whether it stays.
            return self.not_now(sa, cx, request);
        }
        if offers.iter().any(Offer::is_ike) {
            return self.rekey_ike(sa, cx, request, payloads, &offers, nonce);
        }
        let rekeyed = match self.rekeyed_child(sa, payloads)? {
            Ok(rekeyed) => rekeyed,
            Err(notify) => {
                let mut chain = Chain::new();
                chain.notify(&notify);
                self.respond(sa, cx, request, &chain);
                return Ok(());
            }
        };
        let late =
            |venture: &Venture| rekeyed.is_some() && venture.replaces() == rekeyed && venture.is_following();
        if sa.ask.venture.as_ref().is_some_and(|venture| venture.is_ike() || late(venture)) {
            return self.not_now(sa, cx, request);
        }
        let ke = payloads.key_exchange()?;
        let wish = match self.examine(sa, payloads, Pfs::Sent(ke.map(|ke| ke.method.0)))? {
            Ok(wish) => wish,
            Err(refusal) => {
                self.no_child(sa, cx, request, refusal);
                return Ok(());
            }
        };
        let computed = sa.serve.computed.take();
        if let (Some(group), Some(ke), None) = (wish.choice.group, ke, &computed) {
            if ke.data.len() != group.public_len(Role::Initiator) {
                return Err(missing(PayloadType::KeyExchange));
            }
            let spi = sa.ours();
            self.wait(sa, cx, spi, request, Work::KeyExchange { group, peer: ke.data.to_vec() });
            return Ok(());
        }
        self.begin_answer(sa, cx, request, (wish, nonce), computed, rekeyed);
        Ok(())
    }

    pub(crate) fn not_now(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
    ) -> Result<(), ParseError> {
        let mut chain = Chain::new();
        chain.status(NotifyType::TemporaryFailure, &[]);
        self.respond(sa, cx, request, &chain);
        Ok(())
    }

    /// Our inbound SPI of the child SA that is to be replaced, if any; or why it cannot be.
    fn rekeyed_child<'a>(
        &self,
        sa: &IkeSa,
        payloads: &Payloads<'a>,
    ) -> Result<Result<Option<u32>, Notify<'a>>, ParseError> {
        let mut rekey = None;
        for notify in payloads.notifies() {
            let notify = notify?;
            if notify.kind == NotifyType::RekeySa {
                rekey = Some(notify);
            }
        }
        let Some(notify) = rekey else { return Ok(Ok(None)) };
        let sound = matches!(notify.protocol, Protocol::Esp | Protocol::Ah);
        let Some(spi) = notify.spi32().filter(|_| sound) else {
            return Err(ParseError::BodyTruncated {
                kind: PayloadType::Notify,
                have: notify.spi.len(),
                need: 4,
            });
        };
        match sa.child_by_peer(spi) {
            Some(child) if child.is_live() => Ok(Ok(Some(child.slot.spi))),
            // It has a successor already, or is being deleted (RFC 7296 2.25.1).
            Some(_) => Ok(Err(Notify::plain(NotifyType::TemporaryFailure, &[]))),
            None => Ok(Err(Notify { kind: NotifyType::ChildSaNotFound, data: &[], ..notify })),
        }
    }

    /// Answers CREATE_CHILD_SA. The child SA is made now, or when additional key exchanges are done.
    fn begin_answer(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        (wish, nonce): (Wish, &[u8]),
        computed: Option<Exchanged>,
        rekeyed: Option<u32>,
    ) {
        let mut chain = Chain::new();
        let slot = match self.room(sa, cx) {
            Ok(slot) => slot,
            Err(refusal) => return self.no_child(sa, cx, request, refusal),
        };
        let ours = cx.nonce();
        let public = computed.as_ref().map(|computed| computed.public.as_slice());
        wish.emit(&mut chain, slot, Some((&ours, public)));
        let pending = wish.choice.additional().into_iter().map(|(_, group)| group).collect();
        let followup = Followup {
            what: Coming::Child { wish, slot, rekeyed },
            nonces: (nonce.to_vec(), ours),
            secrets: computed.map(|computed| computed.shared).into_iter().collect(),
            pending,
            link: Vec::new(),
            until_ms: 0,
        };
        if followup.pending.is_empty() {
            return self.add_child(sa, cx, request, followup, chain);
        }
        let lowest = followup.lowest();
        self.await_followup(sa, cx, followup, &mut chain);
        let venture =
            sa.ask.venture.as_mut().filter(|venture| rekeyed.is_some() && venture.replaces() == rekeyed);
        match venture {
            Some(venture) if venture.was_sent() => {
                self.counters.add(Count::Collision);
                venture.rival = Some(Rival { made: Made::NotYet, lowest });
            }
            Some(_) => self.abandon_venture(sa, cx),
            None => {}
        }
        self.respond(sa, cx, request, &chain);
    }

    fn no_child(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, request: &Request, refusal: Refusal) {
        let mut chain = Chain::new();
        refusal.emit(&mut chain);
        self.respond(sa, cx, request, &chain);
        self.failed_sa(cx, sa, refusal.trouble);
    }

    /// All key exchanges are done: the child SA is made, and the answer in `chain` sent.
    pub(crate) fn add_child(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        followup: Followup,
        chain: Chain,
    ) {
        let Coming::Child { wish, slot, rekeyed } = &followup.what else { return };
        let mut child = match self.grant(sa, cx, wish, *slot, followup.nonces(), &followup.secrets) {
            Ok(child) => child,
            Err(refusal) => return self.no_child(sa, cx, request, refusal),
        };
        // Received with at once, sent with when the peer does, or has deleted the old one, or after a while.
        child.switch_ms = Some(cx.now);
        let new = child.slot.sa;
        let old = rekeyed.filter(|spi| sa.child_by_spi(*spi).is_some_and(|old| old.is_live()));
        self.counters.add(if old.is_some() { Count::ChildRekeyed } else { Count::ChildUp });
        sa.install(cx, child, old);
        sa.clocks.sample = sa.needs_sampling().then_some(cx.now);
        if let Some(old) = old {
            self.child_replaced(sa, cx, old, new, followup.lowest());
        }
        self.respond(sa, cx, request, &chain);
    }

    /// The peer made a successor of a child SA, and will delete the old one; unless we are about to do the same.
    fn child_replaced(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, old: u32, new: SaId, lowest: Vec<u8>) {
        if let Some(venture) = sa.ask.venture.as_mut().filter(|venture| venture.replaces() == Some(old)) {
            if venture.was_sent() {
                if venture.rival.is_none() {
                    self.counters.add(Count::Collision);
                }
                venture.rival = Some(Rival { made: Made::Child(new), lowest });
            } else {
                self.abandon_venture(sa, cx);
            }
        }
        if let Some(child) = sa.child_by_spi(old) {
            child.state = ChildState::Replaced;
            child.end_ms = Some(cx.now + crate::venture::GUARD_MS);
        }
    }
}
