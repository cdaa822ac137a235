//! IKE_FOLLOWUP_KE: additional key exchanges after CREATE_CHILD_SA, each linked to the one before (RFC 9370 2.2.4).

use crate::counters::Count;
use crate::crypto::{Group, Nonces, Role, Secret};
use crate::cx::Cx;
use crate::ike_sa::IkeSa;
use crate::job::{Exchanged, Work};
use crate::negotiation::Wish;
use crate::selection::IkeChoice;
use crate::serve::Request;
use crate::venture::Made;
use crate::{Responder, SaId, Slot};
use std::collections::VecDeque;
use wire::ike::{Chain, KeyExchangeId, NotifyType, ParseError, PayloadType, Payloads};

/// The peer has so long for each; the RFC has 5 to 20 seconds.
const PATIENCE_MS: u64 = 20_000;
/// Octets of a link. They tell one exchange of an IKE SA from another; nobody else can send them.
const LINK: usize = 8;

/// A new SA that the peer asked for, of which so much is agreed on as CREATE_CHILD_SA said. One to an IKE SA: a peer
/// that begins another does not come back to it.
pub(crate) struct Followup {
    pub(crate) what: Coming,
    /// The peer's and ours, of CREATE_CHILD_SA.
    pub(crate) nonces: (Vec<u8>, Vec<u8>),
    /// What key exchanges have given so far.
    pub(crate) secrets: Vec<Secret>,
    /// Methods still to come.
    pub(crate) pending: VecDeque<Group>,
    /// What the next request has to say.
    pub(crate) link: Vec<u8>,
    /// It is given up then.
    pub(crate) until_ms: u64,
}

/// What is to be made.
pub(crate) enum Coming {
    Child {
        wish: Wish,
        slot: Slot,
        /// In place of this one.
        rekeyed: Option<SaId>,
    },
    Ike {
        choice: IkeChoice,
        /// The peer's SPI of it, and ours.
        spis: (u64, u64),
    },
}

impl Followup {
    pub(crate) fn nonces(&self) -> Nonces<'_> {
        Nonces { initiator: &self.nonces.0, responder: &self.nonces.1 }
    }

    /// The lower of the two.
    pub(crate) fn lowest(&self) -> Vec<u8> {
        self.nonces.0.clone().min(self.nonces.1.clone())
    }
}

impl Responder {
    /// Lets a new SA wait for its additional key exchanges; the answer says how the next is linked to it.
    pub(crate) fn await_followup(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        mut followup: Followup,
        chain: &mut Chain,
    ) {
        followup.link = vec![0; LINK];
        cx.host.random(&mut followup.link);
        chain.status(NotifyType::AdditionalKeyExchange, &followup.link);
        followup.until_ms = cx.now + PATIENCE_MS;
        self.abandon_followup(sa, cx);
        sa.serve.followup = Some(Box::new(followup));
    }

    /// Gives up what the peer does not go on with, and the slot that was meant for it.
    pub(crate) fn abandon_followup(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        let Some(followup) = sa.serve.followup.take() else { return };
        if let Coming::Child { slot, .. } = followup.what {
            cx.host.release(slot.sa);
        }
        if let Some(venture) = &mut sa.ask.venture {
            venture.rival.take_if(|rival| rival.made == Made::NotYet);
        }
    }

    /// The peer's IKE_FOLLOWUP_KE.
    pub(crate) fn followup(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        payloads: &Payloads<'_>,
    ) -> Result<(), ParseError> {
        let link =
            payloads.notifies().flatten().find(|notify| notify.kind == NotifyType::AdditionalKeyExchange);
        let followup = sa.serve.followup.as_ref().filter(|_| sa.is_established());
        let known = followup.filter(|followup| link.is_some_and(|link| link.data == followup.link));
        let Some(group) = known.and_then(|followup| followup.pending.front().copied()) else {
            // Not fatal to the IKE SA: the peer begins anew.
            self.counters.add(Count::FollowupUnknown);
            let mut chain = Chain::new();
            chain.status(NotifyType::StateNotFound, &[]);
            self.respond(sa, cx, request, &chain);
            return Ok(());
        };
        let length = group.public_len(Role::Initiator);
        let wrong = |have| ParseError::BodyTruncated { kind: PayloadType::KeyExchange, have, need: length };
        let ke = payloads.key_exchange()?.ok_or(wrong(0))?;
        if ke.method.0 != group.id() || ke.data.len() != length {
            return Err(wrong(ke.data.len()));
        }
        let Some(exchanged) = sa.serve.computed.take() else {
            let spi = sa.ours();
            self.wait(sa, cx, spi, request, Work::KeyExchange { group, peer: ke.data.to_vec() });
            return Ok(());
        };
        self.mix_followup(sa, cx, request, (group, exchanged));
        Ok(())
    }

    /// Answers with our value; after the last one the new SA is there.
    fn mix_followup(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        (group, exchanged): (Group, Exchanged),
    ) {
        let Some(mut followup) = sa.serve.followup.take() else { return };
        followup.pending.pop_front();
        followup.secrets.push(exchanged.shared);
        let mut chain = Chain::new();
        chain.key_exchange(KeyExchangeId(group.id()), &exchanged.public);
        if followup.pending.is_empty() {
            return match &followup.what {
                Coming::Child { .. } => self.add_child(sa, cx, request, *followup, chain),
                Coming::Ike { .. } => self.succeed(sa, cx, request, *followup, &chain),
            };
        }
        self.await_followup(sa, cx, *followup, &mut chain);
        self.respond(sa, cx, request, &chain);
    }
}
