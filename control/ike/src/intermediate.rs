//! IKE_INTERMEDIATE: additional key exchanges before authentication (RFC 9242, RFC 9370), for methods whose values are
//! too big for IKE_SA_INIT: ML-KEM.

use crate::auth::{not_signed, not_verified};
use crate::counters::Count;
use crate::crypto::auth::intermediate as int_auth;
use crate::crypto::{Keys, Nonces, Role};
use crate::cx::Cx;
use crate::embryo::Step;
use crate::ike_sa::{IkeSa, Secured};
use crate::job::{Outcome, Work};
use crate::message::{Outline, head, with_flags};
use crate::report::Trouble;
use crate::serve::{Request, Waiting};
use crate::tasks::Urgency;
use crate::{Cause, Responder};
use wire::ike::{Chain, Exchange, Flags, KeyExchangeId, ParseError, PayloadType, Payloads};

impl Responder {
    pub(crate) fn intermediate(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        payloads: &Payloads<'_>,
    ) -> Result<(), ParseError> {
        let spi = sa.ours();
        let ke = payloads.key_exchange()?;
        let Some(embryo) = sa.embryo() else { return Ok(()) };
        let (Some((_, group)), Some(ke)) = (embryo.intermediate.pending.front().copied(), ke) else {
            // Nothing was agreed on that would need it, or what it is for is missing.
            self.counters.add(Count::Unexpected);
            return Ok(());
        };
        if ke.method.0 != group.id() || ke.data.len() != group.public_len(Role::Initiator) {
            return Err(ParseError::BodyTruncated {
                kind: PayloadType::KeyExchange,
                have: ke.data.len(),
                need: group.public_len(Role::Initiator),
            });
        }
        if let Some(exchanged) = sa.serve.computed.take() {
            self.mix(sa, cx, request, exchanged);
            return Ok(());
        }
        let work = Work::KeyExchange { group, peer: ke.data.to_vec() };
        self.wait(sa, cx, spi, request, work);
        Ok(())
    }

    /// Answers with our value, and goes on with the new keys.
    fn mix(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, request: &Request, exchanged: crate::job::Exchanged) {
        let spis = sa.spi_octets();
        let pending = sa.embryo().and_then(|embryo| embryo.intermediate.pending.pop_front());
        let Some((kind, group)) = pending else { return };
        let mut chain = Chain::new();
        chain.key_exchange(KeyExchangeId(group.id()), &exchanged.public);
        let outline = Outline { exchange: Exchange::IkeIntermediate, id: request.id, response: true };
        let theirs = head(sa.spis, Role::Initiator, outline, request.first, None);
        let theirs = with_flags(theirs, request.flags);
        let ours = head(sa.spis, Role::Responder, outline, chain.first(), None);
        let ours = with_flags(ours, Flags::RESPONSE);
        // The answer still goes out under the old keys.
        self.respond(sa, cx, request, &chain);
        let Some(secured) = sa.secured.take() else { return };
        let Some(embryo) = sa.embryo() else { return };
        let (prf, keys) = (secured.suite.prf(), &secured.keys);
        let state = &mut embryo.intermediate;
        let initiator = keys.payload_key(Role::Initiator);
        let responder = keys.payload_key(Role::Responder);
        let (previous_i, previous_r) = (state.initiator.take(), state.responder.take());
        state.initiator = int_auth(prf, initiator, previous_i.as_ref(), &theirs, &request.inner);
        state.responder = int_auth(prf, responder, previous_r.as_ref(), &ours, chain.octets());
        state.done.push((kind, group));
        let done = state.done.clone();
        let nonces = Nonces { initiator: &embryo.nonces.0, responder: &embryo.nonces.1 };
        let keys: Keys = keys.additional(&exchanged.shared, nonces, spis);
        sa.secured = Some(Box::new(Secured::new(secured.suite, keys, Role::Responder, secured.group, done)));
    }

    /// Lets a request wait until something is computed for it; if too much is, the peer has to send it again.
    pub(crate) fn wait(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, spi: u64, request: &Request, work: Work) {
        if let Some(ticket) = self.compute(cx, spi, Urgency::Known, work) {
            sa.serve.waiting = Some(Box::new(Waiting { ticket, request: request.clone() }));
        }
    }

    /// What a request waited for is there: it is looked at again.
    pub(crate) fn resume_request(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, outcome: Outcome) {
        let Some(waiting) = sa.serve.waiting.take() else { return };
        let request = waiting.request;
        match outcome {
            Outcome::KeyExchange(Ok(exchanged)) => sa.serve.computed = Some(exchanged),
            Outcome::KeyExchange(Err(error)) => {
                let kind = PayloadType::KeyExchange;
                self.failed_sa(cx, sa, Trouble::new(Cause::Syntax, format!("key exchange failed: {error}")));
                return self.syntax(sa, cx, &request, &ParseError::BodyTruncated { kind, have: 0, need: 0 });
            }
            Outcome::Verified(result) => {
                let result = result.map(Step::Verified).map_err(not_verified);
                return self.signature_done(sa, cx, &request, result);
            }
            Outcome::Signed(result) => {
                let result = result.map(Step::Signed).map_err(not_signed);
                return self.signature_done(sa, cx, &request, result);
            }
            Outcome::Generated(_) | Outcome::Agreed(_) => return,
        }
        self.request(sa, cx, request);
        sa.serve.computed = None;
    }
}
