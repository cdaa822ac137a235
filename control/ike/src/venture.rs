//! A new SA of our making: a successor of a child SA or of an IKE SA (RFC 7296 1.3.2, 1.3.3; RFC 9370 2.2.4).

use crate::ask::Ask;
use crate::child::Terms;
use crate::crypto::{Encryption, Exchange as KeyExchange, Group, Secret, Suite};
use crate::offer::{Offer, kind};
use crate::{SaId, Slot};
use std::collections::VecDeque;
use wire::ike::{
    Chain, EncryptionId, KeyExchangeId, Notify, NotifyType, ParseError, PayloadType, Payloads, ProposalSpec,
    Protocol, Transform, TransformType,
};

/// What was replaced is deleted by whoever replaced it. If that does not happen, we do it after so long.
pub(crate) const GUARD_MS: u64 = 60_000;

/// A new SA in the making.
pub(crate) struct Venture {
    pub(crate) what: What,
    pub(crate) nonce: Vec<u8>,
    /// Key exchange of CREATE_CHILD_SA.
    pub(crate) group: Option<Group>,
    /// Additional ones, each in an IKE_FOLLOWUP_KE of its own, with their transform types.
    pub(crate) additional: Vec<(u8, Group)>,
    pub(crate) stage: Stage,
    /// What the peer said to CREATE_CHILD_SA.
    pub(crate) answer: Option<Answer>,
    /// What key exchanges have given so far.
    pub(crate) secrets: Vec<Secret>,
    /// Additional key exchanges whose request is not sent yet.
    pub(crate) pending: VecDeque<Group>,
    /// The peer replaced the same SA meanwhile.
    pub(crate) rival: Option<Rival>,
    /// The peer named another group already.
    pub(crate) regrouped: bool,
}

/// What is in the making.
pub(crate) enum What {
    Child {
        /// Our inbound SPI of the child SA to replace.
        replaces: u32,
        slot: Slot,
        terms: Terms,
    },
    Ike {
        /// Our SPI of the new IKE SA.
        spi: u64,
        suite: Suite,
    },
}

/// How far the exchange is: CREATE_CHILD_SA until there is an answer, then an IKE_FOLLOWUP_KE.
pub(crate) enum Stage {
    /// Our private value is being made.
    Making(u64),
    /// The request was sent.
    Sent(Option<Box<KeyExchange>>),
    /// The peer has answered; the shared secret is being computed.
    Agreeing(u64),
}

/// What the peer said.
pub(crate) struct Answer {
    pub(crate) nonce: Vec<u8>,
    /// SPI of the new SA that it receives on.
    pub(crate) spi: u64,
    /// What it wants to see in the next IKE_FOLLOWUP_KE.
    pub(crate) link: Vec<u8>,
}

/// A successor that the peer makes of the same SA.
pub(crate) struct Rival {
    pub(crate) made: Made,
    /// The lower of its two nonces.
    pub(crate) lowest: Vec<u8>,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// Its additional key exchanges are not done.
    NotYet,
    Child(SaId),
    /// Our SPI of it.
    Ike(u64),
}

impl Venture {
    pub(crate) fn new(
        what: What,
        nonce: Vec<u8>,
        group: Option<Group>,
        additional: Vec<(u8, Group)>,
    ) -> Self {
        Self {
            what,
            nonce,
            group,
            additional,
            stage: Stage::Sent(None),
            answer: None,
            secrets: Vec::new(),
            pending: VecDeque::new(),
            rival: None,
            regrouped: false,
        }
    }

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
        matches!(self.stage, Stage::Making(waiting) | Stage::Agreeing(waiting) if waiting == ticket)
    }

    pub(crate) fn was_sent(&self) -> bool {
        self.answer.is_some() || !matches!(self.stage, Stage::Making(_))
    }

    /// The peer has answered CREATE_CHILD_SA, and additional key exchanges are under way: who wants to replace the same
    /// SA now comes too late (RFC 9370 2.2.4).
    pub(crate) fn is_following(&self) -> bool {
        self.answer.is_some() && !self.additional.is_empty()
    }

    /// The peer has made its half: it has answered all there is to ask.
    pub(crate) fn is_agreed(&self) -> bool {
        matches!(self.stage, Stage::Agreeing(_)) && self.pending.is_empty()
    }

    /// The payloads of CREATE_CHILD_SA.
    pub(crate) fn request(&self, exchange: Option<&KeyExchange>) -> Chain {
        let mut chain = Chain::new();
        let (protocol, spi, transforms) = match &self.what {
            What::Child { replaces, slot, terms } => {
                let spi = replaces.to_be_bytes();
                chain.notify(&Notify {
                    protocol: Protocol::Esp,
                    spi: &spi,
                    kind: NotifyType::RekeySa,
                    data: &[],
                });
                if terms.transport {
                    chain.status(NotifyType::UseTransportMode, &[]);
                }
                (Protocol::Esp, slot.spi.to_be_bytes().to_vec(), self.esp_transforms(terms))
            }
            What::Ike { spi, suite } => {
                (Protocol::Ike, spi.to_be_bytes().to_vec(), self.ike_transforms(*suite))
            }
        };
        chain.security_association(&[ProposalSpec {
            number: 1,
            protocol,
            spi: &spi,
            transforms: &transforms,
        }]);
        chain.nonce(&self.nonce);
        if let Some(exchange) = exchange {
            chain.key_exchange(KeyExchangeId(exchange.group().id()), exchange.public());
        }
        if let What::Child { terms, .. } = &self.what {
            chain.selectors(PayloadType::SelectorsInitiator, &[terms.ends.local_selector()]);
            chain.selectors(PayloadType::SelectorsResponder, &[terms.ends.remote_selector()]);
        }
        chain
    }

    /// The peer's SPI, if it took what we offered and nothing else.
    pub(crate) fn accepts(&self, offer: &Offer, payloads: &Payloads<'_>) -> Result<Option<u64>, ParseError> {
        let exchanges = self.group.is_none_or(|group| offer.has(kind::KE, group.id()))
            && self.additional.iter().all(|(kind, group)| offer.has(*kind, group.id()));
        match &self.what {
            What::Child { terms, .. } => {
                let theirs = payloads.selectors(PayloadType::SelectorsResponder)?;
                let ours = payloads.selectors(PayloadType::SelectorsInitiator)?;
                let granted = ours
                    .zip(theirs)
                    .is_some_and(|(ours, theirs)| terms.ends.are_granted(&ours, &theirs, terms.transport));
                let mode =
                    payloads.notifies().flatten().any(|notify| notify.kind == NotifyType::UseTransportMode);
                let fits = offer.is_esp()
                    && offer.has_cipher(terms.encryption)
                    && terms.integrity.is_none_or(|integrity| offer.has(kind::INTEGRITY, integrity.id()))
                    && (offer.has(kind::ESN, u16::from(terms.esn))
                        || (!terms.esn && !offer.has_kind(kind::ESN)))
                    && exchanges
                    && granted
                    && mode == terms.transport;
                Ok(fits.then(|| u64::from(offer.esp_spi())))
            }
            What::Ike { suite, .. } => {
                let spi = offer.spi.as_slice().try_into().map_or(0, u64::from_be_bytes);
                let integrity = suite.integrity();
                let fits = offer.is_ike()
                    && offer.has_cipher(suite.encryption())
                    && offer.has(kind::PRF, suite.prf().id())
                    && integrity.is_none_or(|integrity| offer.has(kind::INTEGRITY, integrity.id()))
                    && exchanges
                    && spi != 0;
                Ok(fits.then_some(spi))
            }
        }
    }

    fn esp_transforms(&self, terms: &Terms) -> Vec<Transform> {
        let mut transforms = vec![cipher(terms.encryption)];
        transforms.extend(terms.integrity.map(|integrity| transform(kind::INTEGRITY, integrity.id())));
        transforms.extend(self.group.map(|group| transform(kind::KE, group.id())));
        transforms.push(transform(kind::ESN, u16::from(terms.esn)));
        transforms.extend(self.additional_transforms());
        transforms
    }

    fn ike_transforms(&self, suite: Suite) -> Vec<Transform> {
        let mut transforms = vec![cipher(suite.encryption())];
        transforms.extend(suite.integrity().map(|integrity| transform(kind::INTEGRITY, integrity.id())));
        transforms.push(transform(kind::PRF, suite.prf().id()));
        transforms.extend(self.group.map(|group| transform(kind::KE, group.id())));
        transforms.extend(self.additional_transforms());
        transforms
    }

    fn additional_transforms(&self) -> impl Iterator<Item = Transform> {
        self.additional.iter().map(|(kind, group)| transform(*kind, group.id()))
    }
}

impl Rival {
    /// Our SPI of it if it is an IKE SA, and made.
    pub(crate) fn ike(&self) -> Option<u64> {
        match self.made {
            Made::Ike(spi) => Some(spi),
            Made::NotYet | Made::Child(_) => None,
        }
    }
}

impl Ask {
    /// Whether a successor of the child SA with this inbound SPI is in the making.
    pub(crate) fn is_rekeying(&self, spi: u32) -> bool {
        self.venture.as_ref().is_some_and(|venture| venture.replaces() == Some(spi))
    }
}

fn cipher(encryption: Encryption) -> Transform {
    Transform::encryption(EncryptionId(encryption.id()), Some(encryption.key_bits()))
}

fn transform(kind: u8, id: u16) -> Transform {
    Transform::new(TransformType(kind), id, None)
}
