//! Messages on their way out.

use crate::ask::{Pending, Purpose};
use crate::auth::KEEP_MS;
use crate::cx::Cx;
use crate::ike_sa::{IkeSa, Phase};
use crate::message::Outline;
use crate::serve::Request;
use crate::{Action, Path, Responder, WhyDown};
use wire::ike::{Chain, Exchange, Flags, Header, Payloads};

impl Responder {
    /// An answer before there are keys, without any state: the responder's SPI stays 0 (RFC 7296 2.6).
    pub(crate) fn reply_in_clear(&mut self, cx: &mut Cx<'_>, path: &Path, header: &Header, chain: &Chain) {
        let from = if header.flags.is_initiator() { 0 } else { Flags::INITIATOR };
        let reply = Header { flags: Flags(Flags::RESPONSE | from), ..*header };
        let Ok(datagram) = chain.message(&reply) else { return };
        self.count_sent(header.exchange, true, chain);
        cx.actions.push(Action::Send { path: *path, datagram });
    }

    /// Answers a request under the IKE SA's keys, and keeps the answer.
    pub(crate) fn respond(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, request: &Request, chain: &Chain) {
        let outline = Outline { exchange: request.exchange, id: request.id, response: true };
        let Ok(datagrams) = sa.seal(outline, chain, self.config.fragment_size, cx.host) else {
            // The keys are used up, or the answer has no end: neither can be mended.
            return self.drop_sa(sa, cx, WhyDown::Expired);
        };
        self.count_sent(request.exchange, true, chain);
        sa.serve.waiting = None;
        sa.serve.expected = request.id.wrapping_add(1);
        sa.serve.response = datagrams;
        self.persist(sa, cx);
        let path = request.path;
        let datagrams = sa.serve.response.iter().cloned();
        cx.actions.extend(datagrams.map(|datagram| Action::Send { path, datagram }));
    }

    /// Sends a request of ours, and keeps it until it is answered.
    pub(crate) fn ask(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        exchange: Exchange,
        chain: &Chain,
        purpose: Purpose,
    ) {
        let id = sa.ask.next;
        let outline = Outline { exchange, id, response: false };
        let Ok(datagrams) = sa.seal(outline, chain, self.config.fragment_size, cx.host) else {
            return self.drop_sa(sa, cx, WhyDown::Expired);
        };
        self.count_sent(exchange, false, chain);
        sa.ask.next = id.wrapping_add(1);
        let path = sa.path;
        let sends = datagrams.iter().cloned().map(|datagram| Action::Send { path, datagram });
        let sends: Vec<Action> = sends.collect();
        sa.ask.pending = Some(Box::new(Pending::new(cx.now, id, datagrams, purpose)));
        self.persist(sa, cx);
        cx.actions.extend(sends);
    }

    /// What is sent next must not be forgotten.
    fn persist(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        if matches!(sa.phase, Phase::HalfOpen(_)) {
            return;
        }
        let spi = sa.ours();
        if let Some(session) = sa.session().filter(|session| self.sessions.spi(*session) == Some(spi)) {
            cx.actions.push(Action::Changed(session));
        }
    }

    fn count_sent(&mut self, exchange: Exchange, response: bool, chain: &Chain) {
        self.counters.message(exchange, response, true);
        if let Ok(payloads) = Payloads::parse(chain.first(), chain.octets()) {
            for notify in payloads.notifies().flatten() {
                self.counters.notify(notify.kind, true);
            }
        }
    }

    /// Says goodbye: child SAs end now, the IKE SA when the peer has answered.
    pub(crate) fn delete_sa(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, why: WhyDown) {
        match sa.phase {
            Phase::HalfOpen(_) => return self.close(sa, cx, 0),
            Phase::Established | Phase::Replaced => {}
            Phase::Deleting | Phase::Closed { .. } => return,
        }
        self.end_session(sa, cx, why);
        sa.phase = Phase::Deleting;
        sa.clocks = crate::ike_sa::Clocks {
            up: sa.clocks.up,
            keyed: sa.clocks.keyed,
            heard: sa.clocks.heard,
            forget_init: sa.clocks.forget_init,
            // An answer of the peer's to an earlier request may be on its way before ours can go.
            end: Some(cx.now + 4 * KEEP_MS),
            ..Default::default()
        };
        sa.ask.wants.clear();
        sa.ask.want(crate::ask::Want::DeleteIke);
    }
}
