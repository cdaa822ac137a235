//! CREATE_CHILD_SA and the IKE_FOLLOWUP_KEs after it as we begin them: rekeys (RFC 7296 1.3.2, 1.3.3, 2.8; RFC 9370
//! 2.2.4).

use crate::ask::Purpose;
use crate::child::ChildState;
use crate::crypto::{Group, Secret};
use crate::cx::Cx;
use crate::ike_sa::IkeSa;
use crate::job::{Outcome, Work};
use crate::report::Trouble;
use crate::tasks::Urgency;
use crate::venture::{Stage, Venture, What};
use crate::{Cause, Responder};
use wire::ike::{Chain, Exchange, KeyExchangeId, NotifyType};

/// A rekey that the peer could not do now is tried again after so long, and up to as long again.
pub(crate) const RETRY_MS: u64 = 5_000;
/// One that it would not do, after so long.
pub(crate) const REFUSED_MS: u64 = 60_000;

/// Key exchange of a CREATE_CHILD_SA, and the additional ones with their transform types.
type Exchanges = (Option<Group>, Vec<(u8, Group)>);

impl Responder {
    /// Begins to rekey a child SA; with `group`, if the peer wants that one.
    pub(crate) fn begin_child(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, spi: u32, group: Option<Group>) {
        // Until the peer has deleted what it replaced it may not have our answer, and not know the new one.
        let unsettled = sa.serve.followup.is_some()
            || sa.children.iter().any(|child| child.state == ChildState::Replaced);
        let Some((wanted_group, additional)) = self.exchanges(sa, spi) else { return };
        let Some(child) = sa.child_by_spi(spi).filter(|child| child.is_live()) else { return };
        if unsettled || child.switch_ms.is_some() {
            child.rekey_ms = Some(cx.now + RETRY_MS);
            return;
        }
        let Some(slot) = cx.host.allocate() else {
            child.rekey_ms = Some(cx.now + REFUSED_MS);
            return self.failed_sa(cx, sa, Trouble::new(Cause::Full, "no slot left to rekey a child SA"));
        };
        let mut terms = child.terms.clone();
        (terms.group, terms.additional) = (group.or(wanted_group), additional);
        let (group, additional) = (terms.group, terms.additional.clone());
        let (what, nonce) = (What::Child { replaces: spi, slot, terms }, cx.nonce());
        self.begin(sa, cx, Venture::new(what, nonce, group, additional));
    }

    /// Perfect forward secrecy as before if that is configured, else as little as is. `None`: no such child SA.
    fn exchanges(&self, sa: &mut IkeSa, spi: u32) -> Option<Exchanges> {
        let (index, _) = self.protection(sa.path.local.0)?;
        let (wanted, _) = self.settings.esp.get(index)?;
        let terms = &sa.child_by_spi(spi)?.terms;
        let mut fits = wanted.iter().filter(|want| {
            want.encryption.contains(&terms.encryption)
                && terms.integrity.is_none_or(|integrity| want.integrity.contains(&integrity))
        });
        if terms.group.is_some() && fits.clone().any(|want| want.allows(terms.group, &terms.additional)) {
            return Some((terms.group, terms.additional.clone()));
        }
        if fits.clone().any(|want| want.groups.contains(&None)) {
            return Some((None, Vec::new()));
        }
        let least = fits.next().map(|want| (want.groups.first().copied().flatten(), want.least_additional()));
        Some(least.unwrap_or_default())
    }

    /// Begins to rekey an IKE SA: with the key exchanges that it was made with.
    pub(crate) fn begin_ike(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, group: Option<Group>) {
        let Some(secured) = &sa.secured else { return };
        let (suite, group) = (secured.suite, group.unwrap_or(secured.group));
        let additional = secured.additional.clone();
        if sa.serve.followup.is_some() || sa.children.iter().any(|child| child.state == ChildState::Replaced)
        {
            // The peer is about to delete one, and would put us off (RFC 7296 2.25.2).
            sa.clocks.rekey = Some(cx.now + RETRY_MS);
            return;
        }
        let (what, nonce) = (What::Ike { spi: self.free_spi(cx), suite }, cx.nonce());
        self.begin(sa, cx, Venture::new(what, nonce, Some(group), additional));
    }

    fn begin(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, venture: Venture) {
        let group = venture.group;
        sa.ask.venture = Some(Box::new(venture));
        match group {
            None => self.send_venture(sa, cx),
            Some(group) => self.generate(sa, cx, group),
        }
    }

    /// Has our private value for the next exchange made.
    fn generate(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, group: Group) {
        match self.compute(cx, sa.ours(), Urgency::Known, Work::Generate { group }) {
            Some(ticket) => {
                if let Some(venture) = &mut sa.ask.venture {
                    venture.stage = Stage::Making(ticket);
                }
            }
            None => self.put_off(sa, cx, RETRY_MS),
        }
    }

    /// Tries again later, unless the peer has done it meanwhile.
    pub(crate) fn put_off(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, least_ms: u64) {
        let at = cx.now + least_ms + cx.below(least_ms);
        match sa.ask.venture.as_ref().map(|venture| venture.replaces()) {
            Some(Some(spi)) => {
                if let Some(child) = sa.child_by_spi(spi).filter(|child| child.is_live()) {
                    child.rekey_ms = Some(at);
                }
            }
            Some(None) if sa.is_established() => sa.clocks.rekey = Some(at),
            _ => {}
        }
        // What the peer has made of the same IKE SA meanwhile has no rival any more.
        self.adopt_rival(sa, cx);
        self.abandon_venture(sa, cx);
    }

    /// Gives up what is in the making, and the slot that was meant for it.
    pub(crate) fn abandon_venture(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        if let Some(What::Child { slot, .. }) = sa.ask.venture.take().map(|venture| venture.what) {
            cx.host.release(slot.sa);
        }
    }

    /// Something was computed for it.
    pub(crate) fn resume_venture(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, outcome: Outcome) {
        match outcome {
            Outcome::Generated(Ok(exchange)) => {
                if !sa.is_established() {
                    return self.abandon_venture(sa, cx);
                }
                if let Some(venture) = &mut sa.ask.venture {
                    venture.stage = Stage::Sent(Some(exchange));
                }
                self.send_venture(sa, cx);
            }
            Outcome::Agreed(Ok(secret)) => self.shared(sa, cx, secret),
            Outcome::Agreed(Err(error)) => {
                let text = format!("key exchange failed: {error}");
                self.failed_sa(cx, sa, Trouble::new(Cause::Syntax, text));
                self.put_off(sa, cx, REFUSED_MS);
            }
            _ => self.put_off(sa, cx, REFUSED_MS),
        }
    }

    /// One key exchange is done: the next, or the end.
    fn shared(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, secret: Secret) {
        let Some(venture) = &mut sa.ask.venture else { return };
        venture.secrets.push(secret);
        match venture.pending.pop_front() {
            Some(_) if !sa.is_established() => self.abandon_venture(sa, cx),
            Some(group) => self.generate(sa, cx, group),
            None => self.conclude(sa, cx),
        }
    }

    fn send_venture(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        let Some(venture) = &sa.ask.venture else { return };
        let Stage::Sent(exchange) = &venture.stage else { return };
        let (exchange, chain) = match (&venture.answer, exchange) {
            (None, exchange) => (Exchange::CreateChildSa, venture.request(exchange.as_deref())),
            (Some(answer), Some(exchange)) => {
                let mut chain = Chain::new();
                chain.key_exchange(KeyExchangeId(exchange.group().id()), exchange.public());
                chain.status(NotifyType::AdditionalKeyExchange, &answer.link);
                (Exchange::IkeFollowupKe, chain)
            }
            (Some(_), None) => return,
        };
        self.ask(sa, cx, exchange, &chain, Purpose::Venture);
    }
}
