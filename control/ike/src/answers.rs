//! The peer's answers to CREATE_CHILD_SA and IKE_FOLLOWUP_KE of ours (RFC 7296 1.3, 2.25; RFC 9370 2.2.4).

use crate::ask::Want;
use crate::child::additional_words;
use crate::crypto::Group;
use crate::cx::Cx;
use crate::ike_sa::IkeSa;
use crate::initiator::{REFUSED_MS, RETRY_MS};
use crate::job::Work;
use crate::offer::Offer;
use crate::rekey::Early;
use crate::report::Trouble;
use crate::tasks::Urgency;
use crate::venture::{Answer, Stage, Venture, What};
use crate::{Cause, Responder, WhyDown};
use wire::ike::{Notify, NotifyType, ParseError, PayloadType, Payloads};

/// A peer that forgets so often in a row what its key exchanges are for is not spoken to any longer (RFC 9370 2.2.4).
const MAX_FORGOTTEN: u8 = 4;

impl Responder {
    /// The peer's answer.
    pub(crate) fn venture_answered(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        payloads: &Payloads<'_>,
    ) -> Result<(), ParseError> {
        let error = payloads.notifies().flatten().find(|notify| notify.kind.is_error());
        if let Some(notify) = error {
            self.venture_refused(sa, cx, &notify);
            return Ok(());
        }
        let Some(venture) = sa.ask.venture.as_mut() else { return Ok(()) };
        if let Some(answer) = &mut venture.answer {
            answer.link = link(payloads, venture.pending.is_empty())?;
            return self.take_value(sa, cx, payloads);
        }
        let kind = PayloadType::Sa;
        let missing = |kind| ParseError::BodyTruncated { kind, have: 0, need: 1 };
        let offers = Offer::all(&payloads.security_association()?.ok_or(missing(kind))?);
        let nonce = payloads.nonce()?.ok_or(missing(PayloadType::Nonce))?.to_vec();
        let [offer] = offers.as_slice() else { return Err(missing(kind)) };
        let spi = venture.accepts(offer, payloads)?.ok_or(missing(kind))?;
        venture.pending = venture.additional.iter().map(|(_, group)| *group).collect();
        let link = link(payloads, venture.pending.is_empty())?;
        venture.answer = Some(Answer { nonce, spi, link });
        match self.settle_early(sa, cx) {
            Early::GoOn if sa.ask.venture.as_ref().is_some_and(|venture| venture.group.is_none()) => {
                self.conclude(sa, cx);
                Ok(())
            }
            Early::GoOn => self.take_value(sa, cx, payloads),
            Early::Stop => {
                self.put_off(sa, cx, RETRY_MS);
                Ok(())
            }
        }
    }

    /// The peer's public value, of CREATE_CHILD_SA or of an IKE_FOLLOWUP_KE.
    fn take_value(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        payloads: &Payloads<'_>,
    ) -> Result<(), ParseError> {
        let ours = sa.ours();
        let missing = ParseError::BodyTruncated { kind: PayloadType::KeyExchange, have: 0, need: 1 };
        let Some(venture) = sa.ask.venture.as_mut() else { return Ok(()) };
        let Stage::Sent(Some(exchange)) = std::mem::replace(&mut venture.stage, Stage::Sent(None)) else {
            return Ok(());
        };
        let ke = payloads.key_exchange()?.filter(|ke| ke.method.0 == exchange.group().id()).ok_or(missing)?;
        let work = Work::Agree { exchange, peer: ke.data.to_vec() };
        if let Some(ticket) = self.compute(cx, ours, Urgency::Known, work) {
            if let Some(venture) = &mut sa.ask.venture {
                venture.stage = Stage::Agreeing(ticket);
            }
            return Ok(());
        }
        // The peer has an SA that we have no time for: it is deleted, and the rekey tried again.
        if let Some(venture) = sa.ask.venture.as_ref().filter(|venture| venture.pending.is_empty())
            && let What::Child { slot, .. } = &venture.what
        {
            sa.ask.want(Want::DeleteChild(slot.spi));
        }
        self.put_off(sa, cx, RETRY_MS);
        Ok(())
    }

    fn venture_refused(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, notify: &Notify<'_>) {
        let Some(venture) = &sa.ask.venture else { return };
        let (replaces, rivalled) = (venture.replaces(), venture.rival.is_some());
        let following = venture.answer.is_some();
        if rivalled && replaces.is_none() {
            return self.put_off(sa, cx, RETRY_MS);
        }
        match notify.kind {
            NotifyType::InvalidKePayload if !venture.regrouped && !following => {
                let wanted = notify.data_u16().and_then(Group::from_transform);
                if let Some(group) = wanted.filter(|group| self.may_use(sa, replaces.is_none(), *group)) {
                    self.abandon_venture(sa, cx);
                    match replaces {
                        Some(spi) => self.begin_child(sa, cx, spi, Some(group)),
                        None => self.begin_ike(sa, cx, Some(group)),
                    }
                    if let Some(venture) = &mut sa.ask.venture {
                        venture.regrouped = true;
                    }
                    return;
                }
            }
            NotifyType::StateNotFound if following => return self.forgotten(sa, cx),
            NotifyType::TemporaryFailure => return self.put_off(sa, cx, RETRY_MS),
            NotifyType::ChildSaNotFound => {
                // The peer has it no longer: neither do we. It is told so, in case it learns of it late.
                self.abandon_venture(sa, cx);
                let gone = replaces.and_then(|spi| sa.child_by_spi(spi)).filter(|child| child.is_live());
                if let Some((id, spi)) = gone.map(|child| (child.slot.sa, child.slot.spi)) {
                    sa.retire(cx, id, true);
                    sa.ask.want(Want::DeleteChild(spi));
                }
                return;
            }
            _ => {}
        }
        if !rivalled {
            let trouble = refusal(notify.kind, venture);
            self.failed_sa(cx, sa, trouble);
        }
        self.put_off(sa, cx, REFUSED_MS);
    }

    /// The peer does not know any more what a key exchange is for: all over again, but not for ever.
    fn forgotten(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        sa.ask.forgotten = sa.ask.forgotten.saturating_add(1);
        if sa.ask.forgotten < MAX_FORGOTTEN {
            return self.put_off(sa, cx, RETRY_MS);
        }
        let text = format!("the peer forgot {MAX_FORGOTTEN} rekeys of ours before they were done");
        self.failed_sa(cx, sa, Trouble::new(Cause::Rejected, text));
        self.delete_sa(sa, cx, WhyDown::Rekey);
    }

    /// Whether configuration has a group.
    fn may_use(&self, sa: &IkeSa, ike: bool, group: Group) -> bool {
        if ike {
            return self.settings.ike.iter().any(|want| want.groups.contains(&group));
        }
        let esp = self.protection(sa.path.local.0).and_then(|(index, _)| self.settings.esp.get(index));
        esp.is_some_and(|(wanted, _)| wanted.iter().any(|want| want.groups.contains(&Some(group))))
    }
}

/// What links an answer to the next IKE_FOLLOWUP_KE; empty after the last.
fn link(payloads: &Payloads<'_>, last: bool) -> Result<Vec<u8>, ParseError> {
    if last {
        return Ok(Vec::new());
    }
    let mut notifies = payloads.notifies().flatten();
    let found = notifies.find(|notify| notify.kind == NotifyType::AdditionalKeyExchange);
    let missing = ParseError::BodyTruncated { kind: PayloadType::Notify, have: 0, need: 1 };
    found.map(|notify| notify.data.to_vec()).ok_or(missing)
}

/// Why the peer would not, as far as it says.
fn refusal(kind: NotifyType, venture: &Venture) -> Trouble {
    let cause = match kind {
        NotifyType::NoProposalChosen if !venture.is_ike() => Cause::Pfs,
        NotifyType::InvalidKePayload if !venture.is_ike() => Cause::Pfs,
        NotifyType::NoProposalChosen | NotifyType::InvalidKePayload => Cause::IkeGroup,
        NotifyType::TsUnacceptable => Cause::Selectors,
        _ => Cause::Rejected,
    };
    let what = match (&venture.what, venture.group) {
        (What::Child { terms, .. }, Some(_)) => {
            format!("of a child SA with perfect forward secrecy ({})", terms.pfs().unwrap_or_default())
        }
        (What::Child { .. }, None) => "of a child SA without perfect forward secrecy".into(),
        (What::Ike { .. }, group) => {
            let group = group.map(Group::name).unwrap_or_default();
            format!("of the IKE SA with {group}{}", additional_words(&venture.additional))
        }
    };
    Trouble::new(cause, format!("the peer refused our rekey {what}: {kind}"))
}
