//! The successor of an IKE SA, as the peer asks for it by CREATE_CHILD_SA (RFC 7296 1.3.2, 2.18, 2.25.2).

use crate::Responder;
use crate::ask::Purpose;
use crate::counters::Count;
use crate::crypto::{Keys, Role};
use crate::cx::Cx;
use crate::followup::{Coming, Followup};
use crate::ike_sa::{IkeSa, Phase, Secured, spi_octets};
use crate::job::{Exchanged, Work};
use crate::offer::Offer;
use crate::selection::{IkeChoice, choose_ike};
use crate::serve::Request;
use crate::venture::{Made, Rival};
use wire::ike::{
    Chain, KeyExchangeId, NotifyType, ParseError, PayloadType, Payloads, ProposalSpec, Protocol,
};

impl Responder {
    /// The peer wants another IKE SA in place of this one.
    pub(crate) fn rekey_ike(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        payloads: &Payloads<'_>,
        offers: &[Offer],
        nonce: &[u8],
    ) -> Result<(), ParseError> {
        let missing = |kind| ParseError::BodyTruncated { kind, have: 0, need: 1 };
        let ke = payloads.key_exchange()?.ok_or(missing(PayloadType::KeyExchange))?;
        // Children in the making, or on their way out, would not know where they belong (RFC 7296 2.25.2).
        let child = sa.ask.venture.as_ref().is_some_and(|venture| !venture.is_ike());
        let deleting =
            sa.ask.pending.as_ref().is_some_and(|pending| matches!(pending.purpose, Purpose::DeleteChild(_)));
        // One successor of the peer's making is enough until it is known whether ours stays: more would be nobody's.
        let rivalled = sa.ask.venture.as_ref().is_some_and(|venture| {
            venture.is_following() || venture.rival.as_ref().is_some_and(|rival| rival.made != Made::NotYet)
        });
        if child || deleting || rivalled {
            return self.not_now(sa, cx, request);
        }
        let with_spi: Vec<Offer> = offers.iter().filter(|offer| offer.spi.len() == 8).cloned().collect();
        let mut chain = Chain::new();
        let choice = match choose_ike(&self.settings.ike, &with_spi, ke.method.0, true) {
            Ok(choice) => choice,
            Err(miss) => {
                chain.status(NotifyType::NoProposalChosen, &[]);
                self.respond(sa, cx, request, &chain);
                let path = sa.path;
                self.no_ike_proposal(cx, &path, offers, miss);
                return Ok(());
            }
        };
        if choice.group.id() != ke.method.0 {
            chain.status(NotifyType::InvalidKePayload, &choice.group.id().to_be_bytes());
            self.respond(sa, cx, request, &chain);
            return Ok(());
        }
        let peer_spi = choice.spi.as_slice().try_into().map_or(0, u64::from_be_bytes);
        if ke.data.len() != choice.group.public_len(Role::Initiator) || peer_spi == 0 {
            return Err(missing(PayloadType::KeyExchange));
        }
        let Some(computed) = sa.serve.computed.take() else {
            let work = Work::KeyExchange { group: choice.group, peer: ke.data.to_vec() };
            let spi = sa.ours();
            self.wait(sa, cx, spi, request, work);
            return Ok(());
        };
        self.begin_heir(sa, cx, request, choice, (peer_spi, nonce), computed);
        Ok(())
    }

    /// Answers the request for a successor of an IKE SA. It is made now, or when additional key exchanges are done.
    fn begin_heir(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        choice: IkeChoice,
        (peer_spi, peer_nonce): (u64, &[u8]),
        computed: Exchanged,
    ) {
        let ours = cx.nonce();
        let spi = self.free_spi(cx);
        let mut chain = Chain::new();
        let transforms = choice.transforms();
        chain.security_association(&[ProposalSpec {
            number: choice.number,
            protocol: Protocol::Ike,
            spi: &spi.to_be_bytes(),
            transforms: &transforms,
        }]);
        chain.nonce(&ours);
        chain.key_exchange(KeyExchangeId(choice.group.id()), &computed.public);
        let followup = Followup {
            pending: choice.additional().into_iter().map(|(_, group)| group).collect(),
            what: Coming::Ike { choice, spis: (peer_spi, spi) },
            nonces: (peer_nonce.to_vec(), ours),
            secrets: vec![computed.shared],
            link: Vec::new(),
            until_ms: 0,
        };
        if followup.pending.is_empty() {
            self.abandon_followup(sa, cx);
            return self.succeed(sa, cx, request, followup, &chain);
        }
        let lowest = followup.lowest();
        self.await_followup(sa, cx, followup, &mut chain);
        match sa.ask.venture.as_mut().filter(|venture| venture.is_ike()) {
            Some(venture) if venture.was_sent() => {
                self.counters.add(Count::Collision);
                venture.rival = Some(Rival { made: Made::NotYet, lowest });
            }
            Some(_) => self.abandon_venture(sa, cx),
            None => {}
        }
        self.respond(sa, cx, request, &chain);
    }

    /// All key exchanges are done: makes the successor of an IKE SA as its responder, and sends the answer in `chain`.
    pub(crate) fn succeed(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        followup: Followup,
        chain: &Chain,
    ) {
        let Coming::Ike { choice, spis } = &followup.what else { return };
        let Some(secured) = &sa.secured else { return };
        let keys: Keys =
            secured.keys.rekeyed(choice.suite, &followup.secrets, followup.nonces(), spi_octets(*spis));
        let secured = Secured::new(choice.suite, keys, Role::Responder, choice.group, choice.additional());
        let mut new = self.heir(sa, cx, *spis, Role::Responder, secured);
        self.respond(sa, cx, request, chain);
        match sa.ask.venture.as_mut().filter(|venture| venture.is_ike() && venture.was_sent()) {
            Some(venture) => {
                if venture.rival.is_none() {
                    self.counters.add(Count::Collision);
                }
                venture.rival = Some(Rival { made: Made::Ike(spis.1), lowest: followup.lowest() });
            }
            None => {
                self.abandon_venture(sa, cx);
                self.inherit(sa, &mut new, cx);
                sa.phase = Phase::Replaced;
                sa.clocks.end = Some(cx.now + crate::venture::GUARD_MS);
            }
        }
        self.put(new, cx);
    }
}
