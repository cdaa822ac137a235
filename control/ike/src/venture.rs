//! CREATE_CHILD_SA as we begin it: a successor of a child SA or of an IKE SA (RFC 7296 1.3.2, 1.3.3, 2.8).

use crate::ask::{Ask, Purpose};
use crate::child::{Agreed, ChildState};
use crate::crypto::{Encryption, Exchange as KeyExchange, Group, Integrity, Suite};
use crate::cx::Cx;
use crate::ike_sa::IkeSa;
use crate::job::{Outcome, Work};
use crate::offer::{Offer, kind};
use crate::report::Trouble;
use crate::selectors::Ends;
use crate::tasks::Urgency;
use crate::{Cause, Responder, SaId, Slot};
use wire::ike::{
    Chain, EncryptionId, Exchange, KeyExchangeId, Notify, NotifyType, ParseError, PayloadType, Payloads,
    ProposalSpec, Protocol, Transform, TransformType,
};

/// What was replaced is deleted by whoever replaced it. If that does not happen, we do it after so long.
pub(crate) const GUARD_MS: u64 = 60_000;
/// A rekey that the peer could not do now is tried again after so long, and up to as long again.
const RETRY_MS: u64 = 5_000;
/// One that it would not do, after so long.
const REFUSED_MS: u64 = 60_000;

/// A new SA in the making.
pub(crate) struct Venture {
    pub(crate) what: What,
    pub(crate) nonce: Vec<u8>,
    pub(crate) group: Option<Group>,
    pub(crate) stage: Stage,
    /// The peer replaced the same SA meanwhile.
    pub(crate) rival: Option<Rival>,
    /// The peer named another group already.
    regrouped: bool,
}

/// What is in the making.
pub(crate) enum What {
    Child {
        /// Our inbound SPI of the child SA to replace.
        replaces: u32,
        slot: Slot,
        ends: Ends,
        transport: bool,
        esn: bool,
        encryption: Encryption,
        integrity: Option<Integrity>,
    },
    Ike {
        /// Our SPI of the new IKE SA.
        spi: u64,
        suite: Suite,
    },
}

/// How far it is.
pub(crate) enum Stage {
    /// Our private value is being made.
    Making(u64),
    /// The request was sent.
    Sent(Option<Box<KeyExchange>>),
    /// The peer has agreed; the shared secret is being computed.
    Agreeing(u64, Answer),
}

/// What the peer said.
pub(crate) struct Answer {
    pub(crate) nonce: Vec<u8>,
    /// SPI of the new SA that it receives on.
    pub(crate) spi: u64,
}

/// A successor that the peer made of the same SA.
pub(crate) struct Rival {
    pub(crate) child: Option<SaId>,
    /// Our SPI of it.
    pub(crate) ike: u64,
    /// The lower of its two nonces.
    pub(crate) lowest: Vec<u8>,
}

impl Venture {
    pub(crate) fn is_ike(&self) -> bool {
        matches!(self.what, What::Ike { .. })
    }

    /// Our inbound SPI of the child SA that it replaces.
    pub(crate) fn replaces(&self) -> Option<u32> {
        match self.what {
            What::Child { replaces, .. } => Some(replaces),
            What::Ike { .. } => None,
        }
    }

    pub(crate) fn awaits(&self, ticket: u64) -> bool {
        matches!(self.stage, Stage::Making(waiting) | Stage::Agreeing(waiting, _) if waiting == ticket)
    }

    pub(crate) fn was_sent(&self) -> bool {
        !matches!(self.stage, Stage::Making(_))
    }
}

impl Ask {
    /// Whether a successor of the child SA with this inbound SPI is in the making.
    pub(crate) fn is_rekeying(&self, spi: u32) -> bool {
        self.venture.as_ref().is_some_and(|venture| venture.replaces() == Some(spi))
    }
}

impl Responder {
    /// Begins to rekey a child SA; with `group`, if the peer wants that one.
    pub(crate) fn begin_child(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, spi: u32, group: Option<Group>) {
        let group = group.or_else(|| self.pfs_group(sa, spi));
        // Until the peer has deleted what it replaced it may not have our answer, and not know the new one.
        let unsettled = sa.children.iter().any(|child| child.state == ChildState::Replaced);
        let Some(child) = sa.child_by_spi(spi).filter(|child| child.is_live()) else { return };
        if unsettled || child.switch_ms.is_some() {
            child.rekey_ms = Some(cx.now + RETRY_MS);
            return;
        }
        let Some(slot) = cx.host.allocate() else {
            child.rekey_ms = Some(cx.now + REFUSED_MS);
            return self.failed_sa(cx, sa, Trouble::new(Cause::Full, "no slot left to rekey a child SA"));
        };
        let what = What::Child {
            replaces: spi,
            slot,
            ends: child.ends,
            transport: child.transport,
            esn: child.esn,
            encryption: child.encryption,
            integrity: child.integrity,
        };
        self.begin(sa, cx, what, group);
    }

    /// Perfect forward secrecy as before if that is configured, else as little as is.
    fn pfs_group(&self, sa: &mut IkeSa, spi: u32) -> Option<Group> {
        let (index, _) = self.protection(sa.path.local.0)?;
        let (wanted, _) = self.settings.esp.get(index)?;
        let child = sa.child_by_spi(spi)?;
        let fits = wanted.iter().filter(|want| {
            want.encryption.contains(&child.encryption)
                && child.integrity.is_none_or(|integrity| want.integrity.contains(&integrity))
        });
        let groups: Vec<Option<Group>> = fits.flat_map(|want| want.groups.iter().copied()).collect();
        if child.group.is_some() && groups.contains(&child.group) {
            return child.group;
        }
        if groups.contains(&None) { None } else { groups.first().copied().flatten() }
    }

    /// Begins to rekey an IKE SA.
    pub(crate) fn begin_ike(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, group: Option<Group>) {
        let Some((suite, used)) = sa.secured.as_ref().map(|secured| (secured.suite, secured.group)) else {
            return;
        };
        if sa.children.iter().any(|child| child.state == ChildState::Replaced) {
            // The peer is about to delete one, and would put us off (RFC 7296 2.25.2).
            sa.clocks.rekey = Some(cx.now + RETRY_MS);
            return;
        }
        let what = What::Ike { spi: self.free_spi(cx), suite };
        self.begin(sa, cx, what, Some(group.unwrap_or(used)));
    }

    fn begin(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, what: What, group: Option<Group>) {
        let nonce = cx.nonce();
        let spi = sa.ours();
        let stage = match group {
            None => Stage::Sent(None),
            Some(group) => match self.compute(cx, spi, Urgency::Known, Work::Generate { group }) {
                Some(ticket) => Stage::Making(ticket),
                None => {
                    sa.ask.venture =
                        Some(Box::new(Venture::new(what, nonce, Some(group), Stage::Sent(None))));
                    return self.put_off(sa, cx, RETRY_MS);
                }
            },
        };
        let ready = matches!(stage, Stage::Sent(_));
        sa.ask.venture = Some(Box::new(Venture::new(what, nonce, group, stage)));
        if ready {
            self.send_venture(sa, cx);
        }
    }

    /// Tries again later, unless the peer has done it meanwhile.
    fn put_off(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, least_ms: u64) {
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
                if sa.ask.pending.is_none() {
                    self.send_venture(sa, cx);
                }
            }
            Outcome::Agreed(Ok(secret)) => self.conclude(sa, cx, Some(secret)),
            Outcome::Agreed(Err(error)) => {
                let text = format!("key exchange failed: {error}");
                self.failed_sa(cx, sa, Trouble::new(Cause::Syntax, text));
                self.put_off(sa, cx, REFUSED_MS);
            }
            _ => self.put_off(sa, cx, REFUSED_MS),
        }
    }

    fn send_venture(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        let Some(venture) = &sa.ask.venture else { return };
        let Stage::Sent(exchange) = &venture.stage else { return };
        let mut chain = Chain::new();
        let ke = exchange.as_ref().map(|exchange| (exchange.group(), exchange.public()));
        match &venture.what {
            What::Child { replaces, slot, ends, transport, esn, encryption, integrity } => {
                let spi = replaces.to_be_bytes();
                let rekey =
                    Notify { protocol: Protocol::Esp, spi: &spi, kind: NotifyType::RekeySa, data: &[] };
                chain.notify(&rekey);
                if *transport {
                    chain.status(NotifyType::UseTransportMode, &[]);
                }
                let transforms = esp_transforms(*encryption, *integrity, venture.group, *esn);
                let (protocol, spi) = (Protocol::Esp, slot.spi.to_be_bytes());
                chain.security_association(&[ProposalSpec {
                    number: 1,
                    protocol,
                    spi: &spi,
                    transforms: &transforms,
                }]);
                chain.nonce(&venture.nonce);
                if let Some((group, public)) = ke {
                    chain.key_exchange(KeyExchangeId(group.id()), public);
                }
                chain.selectors(PayloadType::SelectorsInitiator, &[ends.local_selector()]);
                chain.selectors(PayloadType::SelectorsResponder, &[ends.remote_selector()]);
            }
            What::Ike { spi, suite } => {
                let transforms = ike_transforms(*suite, venture.group);
                let (protocol, spi) = (Protocol::Ike, spi.to_be_bytes());
                chain.security_association(&[ProposalSpec {
                    number: 1,
                    protocol,
                    spi: &spi,
                    transforms: &transforms,
                }]);
                chain.nonce(&venture.nonce);
                if let Some((group, public)) = ke {
                    chain.key_exchange(KeyExchangeId(group.id()), public);
                }
            }
        }
        self.ask(sa, cx, Exchange::CreateChildSa, &chain, Purpose::Venture);
    }

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
        let ours = sa.ours();
        let Some(venture) = sa.ask.venture.as_mut() else { return Ok(()) };
        let kind = PayloadType::Sa;
        let missing = |kind| ParseError::BodyTruncated { kind, have: 0, need: 1 };
        let offers = Offer::all(&payloads.security_association()?.ok_or(missing(kind))?);
        let nonce = payloads.nonce()?.ok_or(missing(PayloadType::Nonce))?.to_vec();
        let [offer] = offers.as_slice() else { return Err(missing(kind)) };
        let spi = venture.accepts(offer, payloads)?.ok_or(missing(kind))?;
        let answer = Answer { nonce, spi };
        let Some(group) = venture.group else {
            venture.stage = Stage::Agreeing(0, answer);
            self.conclude(sa, cx, None);
            return Ok(());
        };
        let ke = payloads.key_exchange()?.ok_or(missing(PayloadType::KeyExchange))?;
        let Stage::Sent(Some(exchange)) = std::mem::replace(&mut venture.stage, Stage::Sent(None)) else {
            return Ok(());
        };
        if ke.method.0 != group.id() {
            return Err(missing(PayloadType::KeyExchange));
        }
        let work = Work::Agree { exchange, peer: ke.data.to_vec() };
        match self.compute(cx, ours, Urgency::Known, work) {
            Some(ticket) => {
                if let Some(venture) = &mut sa.ask.venture {
                    venture.stage = Stage::Agreeing(ticket, answer);
                }
            }
            // The peer has an SA that we have no time for: it is deleted, and the rekey tried again.
            None => {
                if let Some(What::Child { slot, .. }) = sa.ask.venture.as_ref().map(|venture| &venture.what) {
                    sa.ask.want(crate::ask::Want::DeleteChild(slot.spi));
                }
                self.put_off(sa, cx, RETRY_MS);
            }
        }
        Ok(())
    }

    fn venture_refused(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, notify: &Notify<'_>) {
        let Some(venture) = &sa.ask.venture else { return };
        let (replaces, rivalled) = (venture.replaces(), venture.rival.is_some());
        if rivalled && replaces.is_none() {
            return self.put_off(sa, cx, RETRY_MS);
        }
        match notify.kind {
            NotifyType::InvalidKePayload if !venture.regrouped => {
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
            NotifyType::TemporaryFailure => return self.put_off(sa, cx, RETRY_MS),
            NotifyType::ChildSaNotFound => {
                // The peer has it no longer: neither do we. It is told so, in case it learns of it late.
                self.abandon_venture(sa, cx);
                let gone = replaces.and_then(|spi| sa.child_by_spi(spi)).filter(|child| child.is_live());
                if let Some((id, spi)) = gone.map(|child| (child.slot.sa, child.slot.spi)) {
                    sa.retire(cx, id, true);
                    sa.ask.want(crate::ask::Want::DeleteChild(spi));
                }
                return;
            }
            _ => {}
        }
        if !rivalled {
            let cause = match notify.kind {
                NotifyType::NoProposalChosen if replaces.is_some() => Cause::Pfs,
                NotifyType::InvalidKePayload => Cause::Pfs,
                NotifyType::TsUnacceptable => Cause::Selectors,
                _ => Cause::Rejected,
            };
            let text = format!("the peer refused our rekey: {}", notify.kind);
            self.failed_sa(cx, sa, Trouble::new(cause, text));
        }
        self.put_off(sa, cx, REFUSED_MS);
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

impl Venture {
    fn new(what: What, nonce: Vec<u8>, group: Option<Group>, stage: Stage) -> Self {
        Self { what, nonce, group, stage, rival: None, regrouped: false }
    }

    /// The peer's SPI, if it took what we offered and nothing else.
    fn accepts(&self, offer: &Offer, payloads: &Payloads<'_>) -> Result<Option<u64>, ParseError> {
        let group = self.group.is_none_or(|group| offer.has(kind::KE, group.id()));
        match &self.what {
            What::Child { ends, transport, esn, encryption, integrity, .. } => {
                let theirs = payloads.selectors(PayloadType::SelectorsResponder)?;
                let ours = payloads.selectors(PayloadType::SelectorsInitiator)?;
                let granted = ours
                    .zip(theirs)
                    .is_some_and(|(ours, theirs)| ends.are_granted(&ours, &theirs, *transport));
                let mode =
                    payloads.notifies().flatten().any(|notify| notify.kind == NotifyType::UseTransportMode);
                let fits = offer.is_esp()
                    && offer.has_cipher(*encryption)
                    && integrity.is_none_or(|integrity| offer.has(kind::INTEGRITY, integrity.id()))
                    && (offer.has(kind::ESN, u16::from(*esn)) || (!*esn && !offer.has_kind(kind::ESN)))
                    && group
                    && granted
                    && mode == *transport;
                Ok(fits.then(|| u64::from(offer.esp_spi())))
            }
            What::Ike { suite, .. } => {
                let spi = offer.spi.as_slice().try_into().map_or(0, u64::from_be_bytes);
                let integrity = suite.integrity();
                let fits = offer.is_ike()
                    && offer.has_cipher(suite.encryption())
                    && offer.has(kind::PRF, suite.prf().id())
                    && integrity.is_none_or(|integrity| offer.has(kind::INTEGRITY, integrity.id()))
                    && group
                    && spi != 0;
                Ok(fits.then_some(spi))
            }
        }
    }

    /// What was agreed on, of a child SA.
    pub(crate) fn agreed(&self, spi: u64) -> Option<Agreed> {
        let What::Child { slot, ends, transport, esn, encryption, integrity, .. } = self.what else {
            return None;
        };
        let spi_out = u32::try_from(spi).ok()?;
        Some(Agreed { slot, spi_out, ends, transport, esn, encryption, integrity, group: self.group })
    }
}

fn cipher(encryption: Encryption) -> Transform {
    Transform::encryption(EncryptionId(encryption.id()), Some(encryption.key_bits()))
}

fn esp_transforms(
    encryption: Encryption,
    integrity: Option<Integrity>,
    group: Option<Group>,
    esn: bool,
) -> Vec<Transform> {
    let mut transforms = vec![cipher(encryption)];
    transforms.extend(integrity.map(|integrity| transform(kind::INTEGRITY, integrity.id())));
    transforms.extend(group.map(|group| transform(kind::KE, group.id())));
    transforms.push(transform(kind::ESN, u16::from(esn)));
    transforms
}

fn ike_transforms(suite: Suite, group: Option<Group>) -> Vec<Transform> {
    let mut transforms = vec![cipher(suite.encryption())];
    transforms.extend(suite.integrity().map(|integrity| transform(kind::INTEGRITY, integrity.id())));
    transforms.push(transform(kind::PRF, suite.prf().id()));
    transforms.extend(group.map(|group| transform(kind::KE, group.id())));
    transforms
}

fn transform(kind: u8, id: u16) -> Transform {
    Transform::new(TransformType(kind), id, None)
}
