//! The test spoke's IKE_FOLLOWUP_KE, on either side.

use super::{Asked, Got, Spoke, SpokeSa, octets};
use crate::crypto::{Exchange as KeyExchange, Group, Nonces, Role, Secret};
use crate::offer::{Offer, kind};
use wire::ike::{Chain, Exchange, KeyExchangeId, NotifyType};

/// A new SA that the hub began to make.
pub(in crate::tests) struct Coming {
    request: Got,
    /// Of the new IKE SA; else it is a child SA.
    spis: Option<(u64, u64)>,
    pub(super) spi: u32,
    nonces: (Vec<u8>, Vec<u8>),
    secrets: Vec<Secret>,
    pending: Vec<Group>,
    link: Vec<u8>,
}

impl Coming {
    pub(super) fn new(
        request: &Got,
        spis: Option<(u64, u64)>,
        nonces: (Vec<u8>, Vec<u8>),
        shared: Secret,
        pending: Vec<Group>,
    ) -> Self {
        Self {
            request: request.clone(),
            spis,
            spi: 0,
            nonces,
            secrets: vec![shared],
            pending,
            link: Vec::new(),
        }
    }
}

/// The additional key exchanges that the hub offers, of which it offers one of each type.
pub(super) fn offered(offer: &Offer) -> Vec<Group> {
    let kinds = kind::ADDITIONAL_FIRST..=kind::ADDITIONAL_LAST;
    kinds.flat_map(|kind| Group::ALL.into_iter().filter(move |group| offer.has(kind, group.id()))).collect()
}

impl Spoke {
    /// An answer to CREATE_CHILD_SA or IKE_FOLLOWUP_KE: what was asked for if that was the last.
    pub(super) fn follow_up(&mut self, mut asked: Asked, got: &Got, ike: bool) -> Option<Asked> {
        let payloads = got.payloads();
        if let Some(exchange) = asked.exchange.take() {
            asked.secrets.push(exchange.agree(payloads.key_exchange().unwrap().unwrap().data).unwrap());
        }
        if asked.answer.is_none() {
            asked.answer = Some(got.clone());
            let lowest = asked.nonce.clone().min(payloads.nonce().unwrap().unwrap().to_vec());
            let lost = asked.rival.as_ref().is_some_and(|(_, rival)| lowest < *rival);
            if lost && !asked.pending.is_empty() {
                // The hub's is the one that comes to be, or is there already.
                if let Some((spi, _)) = asked.rival.filter(|_| ike) {
                    self.make_newest(|sa| sa.spis.1 == spi);
                }
                return None;
            }
            if !lost && self.coming.take().is_some() {
                asked.rival = None;
            }
        }
        let link = got.notify(NotifyType::AdditionalKeyExchange);
        assert_eq!(
            link.is_some(),
            !asked.pending.is_empty(),
            "a link where there is more to do, and only there"
        );
        let Some(link) = link else { return Some(asked) };
        if ike {
            self.asked_ike = Some(asked);
        } else {
            self.asked = Some(asked);
        }
        self.link = Some(link.clone());
        if !self.stall {
            self.follow(&link);
        }
        None
    }

    /// Sends the next IKE_FOLLOWUP_KE.
    pub(in crate::tests) fn follow(&mut self, link: &[u8]) {
        let asked =
            self.asked_ike.as_mut().filter(|asked| asked.answer.is_some()).or(self.asked.as_mut()).unwrap();
        let exchange = KeyExchange::generate(asked.pending.pop_front().unwrap()).unwrap();
        let mut chain = Chain::new();
        chain.key_exchange(KeyExchangeId(exchange.group().id()), exchange.public());
        chain.status(NotifyType::AdditionalKeyExchange, link);
        asked.exchange = Some(exchange);
        asked.id = self.sas.last().unwrap().next;
        self.ask(Exchange::IkeFollowupKe, &chain);
    }

    /// Has the hub go on with its key exchanges.
    pub(super) fn await_followup(&mut self, mut coming: Coming, chain: &mut Chain) {
        coming.link = self.octets(5);
        chain.status(NotifyType::AdditionalKeyExchange, &coming.link);
        self.coming = Some(coming);
    }

    /// The hub's IKE_FOLLOWUP_KE.
    pub(super) fn followed(&mut self, at: usize, got: &Got, chain: &mut Chain) {
        let link = got.notify(NotifyType::AdditionalKeyExchange).expect("a link");
        let known = !self.forgetful;
        let coming = self.coming.take_if(|coming| coming.link == link && known);
        let Some(mut coming) = coming else {
            chain.status(NotifyType::StateNotFound, &[]);
            return;
        };
        let payloads = got.payloads();
        let ke = payloads.key_exchange().unwrap().unwrap();
        let group = coming.pending.remove(0);
        assert_eq!(ke.method.0, group.id(), "another key exchange than the next");
        let (public, shared) = crate::crypto::respond(group, ke.data).unwrap();
        chain.key_exchange(KeyExchangeId(group.id()), &public);
        coming.secrets.push(shared);
        if !coming.pending.is_empty() {
            return self.await_followup(coming, chain);
        }
        let (theirs, ours) = (&coming.nonces.0, &coming.nonces.1);
        let Some(spis) = coming.spis else {
            self.child(&coming.request, coming.spi, &coming.secrets, Role::Responder, (theirs, ours));
            return;
        };
        let nonces = Nonces { initiator: theirs, responder: ours };
        let keys = self.sas[at].keys.rekeyed(self.suite, &coming.secrets, nonces, octets(spis));
        self.sas.push(SpokeSa::new(spis, Role::Responder, keys, 0));
    }
}
