//! What an authenticated peer gets: a session, clocks, and its first child SA (RFC 7296 1.2, 2.4).

use crate::auth::KEEP_MS;
use crate::counters::Count;
use crate::crypto::Nonces;
use crate::cx::Cx;
use crate::identity::Identity;
use crate::ike_sa::{IkeSa, Peer, Phase};
use crate::nat::Nat;
use crate::report::Trouble;
use crate::selection::Pfs;
use crate::serve::Request;
use crate::sessions::Sessions;
use crate::{Action, Cause, LogKind, Responder, SessionUp, Unique, WhyDown};
use wire::ike::{
    AuthMethod, CertEncoding, Certificate, Chain, NotifyType, ParseError, PayloadType, Payloads,
};

/// Our AUTH, and how each side proved itself.
pub(crate) struct Proof {
    pub(crate) method: u8,
    pub(crate) data: Vec<u8>,
    pub(crate) ours: Identity,
    pub(crate) theirs: &'static str,
    pub(crate) own: &'static str,
    /// Our certificates go with it.
    pub(crate) chain: bool,
}

impl Responder {
    /// The peer is who it says. It gets a session, and a child SA if it asks for one that we can make.
    pub(crate) fn authenticated(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        payloads: &Payloads<'_>,
        claimed: &Identity,
        proof: Proof,
    ) -> Result<(), ParseError> {
        let key = Sessions::key(claimed, sa.nat, &sa.path);
        let forgotten = payloads.notifies().flatten().any(|notify| notify.kind == NotifyType::InitialContact);
        let earlier = self.sessions.find(&key);
        if earlier.is_some() && self.config.unique == Unique::Keep && !forgotten {
            let trouble = Trouble::new(Cause::Duplicate, Cause::Duplicate.meaning());
            self.refuse(sa, cx, request, Some(claimed), trouble);
            return Ok(());
        }
        let Some(session) = self.sessions.open(&key, sa.ours()) else {
            self.counters.add(Count::SessionsFull);
            let trouble = Trouble::new(Cause::Full, "too many sessions");
            let notify = NotifyType::NoAdditionalSas;
            self.refuse_with(sa, cx, request, Some(claimed), trouble, notify);
            return Ok(());
        };
        let mut chain = Chain::new();
        chain.raw(PayloadType::IdResponder, &proof.ours.body());
        if let Some(own) = self.config.credentials.own.as_ref().filter(|_| proof.chain) {
            for data in own.chain() {
                chain.certificate(&Certificate { encoding: CertEncoding::X509, data });
            }
        }
        chain.authentication(AuthMethod(proof.method), &proof.data);
        let nonces = sa.embryo().map(|embryo| std::mem::take(&mut embryo.nonces)).unwrap_or_default();
        let peer = Peer {
            session,
            identity: claimed.clone(),
            local_identity: proof.ours,
            auth_remote: proof.theirs,
            auth_local: proof.own,
            key,
        };
        self.establish(sa, cx, peer, earlier.is_some());
        let first = self.first_child(sa, cx, payloads, &mut chain, &nonces);
        if first.is_ok() {
            self.respond(sa, cx, request, &chain);
        }
        if let Some((_, spi)) = earlier {
            self.replaced(sa, cx, spi, forgotten);
        }
        first
    }

    fn establish(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, peer: Peer, replaces: bool) {
        if let Some(embryo) = sa.embryo() {
            let place = embryo.place;
            self.leave_half_open(place);
        }
        let (session, theirs, identity) = (peer.session, peer.auth_remote, peer.identity.to_string());
        self.failures.settle(sa.path.remote.0, &identity);
        self.counters.add(Count::SessionUp);
        sa.phase = Phase::Established;
        sa.peer = Some(Box::new(peer));
        sa.clocks.up = cx.now;
        sa.clocks.forget_init = Some(cx.now + KEEP_MS);
        self.start_clocks(sa, cx);
        sa.dirty = true;
        cx.actions.push(Action::SessionUp(SessionUp {
            session,
            identity,
            path: sa.path,
            encapsulation: sa.encapsulation(),
            replaces,
            restored: false,
        }));
        let suite = sa.secured.as_ref().map(|secured| secured.words()).unwrap_or_default();
        sa.log(cx, LogKind::Up { suite: format!("{suite}, {theirs}{}", describe(sa.nat)) });
    }

    /// Clocks of an IKE SA that is new, or newly rekeyed.
    pub(crate) fn start_clocks(&self, sa: &mut IkeSa, cx: &mut Cx<'_>) {
        let second = |seconds: u64| seconds.saturating_mul(1000);
        sa.clocks.keyed = cx.now;
        sa.clocks.heard = cx.now;
        let lifetime = self.config.lifetime_s;
        sa.clocks.rekey = (lifetime > 0).then(|| cx.now + cx.lowered(second(lifetime)));
        let grace = (lifetime / 10).clamp(5, 3600);
        sa.clocks.end = (lifetime > 0).then(|| cx.now + second(lifetime + grace));
        let interval = second(self.config.dpd_s);
        sa.clocks.dpd = (interval > 0).then(|| cx.now + interval + cx.below(interval / 10 + 1));
    }

    /// The child SA of IKE_AUTH. If it cannot be made the IKE SA stays (RFC 7296 1.2).
    fn first_child(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        payloads: &Payloads<'_>,
        chain: &mut Chain,
        nonces: &(Vec<u8>, Vec<u8>),
    ) -> Result<(), ParseError> {
        if payloads.single(PayloadType::Sa)?.is_none() {
            return Ok(());
        }
        let wish = match self.examine(sa, payloads, Pfs::NotYet)? {
            Ok(wish) => wish,
            Err(refusal) => {
                refusal.emit(chain);
                self.failed_sa(cx, sa, refusal.trouble);
                return Ok(());
            }
        };
        let nonces = Nonces { initiator: &nonces.0, responder: &nonces.1 };
        let granted = self.room(sa, cx).and_then(|slot| self.grant(sa, cx, &wish, slot, nonces, &[]));
        match granted {
            Ok(child) => {
                wish.emit(chain, child.slot, None);
                let id = child.slot.sa;
                self.counters.add(Count::ChildUp);
                sa.install(cx, child, None);
                sa.switch(cx, Some(id));
                sa.clocks.sample = sa.needs_sampling().then_some(cx.now);
            }
            Err(refusal) => {
                refusal.emit(chain);
                self.failed_sa(cx, sa, refusal.trouble);
            }
        }
        Ok(())
    }

    /// The peer has a newer IKE SA: the one with our SPI `spi` goes. The session goes on.
    fn replaced(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, spi: u64, forgotten: bool) {
        let Some(mut old) = self.sas.remove(&spi) else { return };
        self.succeeds(&mut old, sa, cx);
        self.counters.add(Count::SessionReplaced);
        old.log(cx, LogKind::Down(WhyDown::Replaced));
        // What the session sends with is the newer one's affair.
        old.current = None;
        if forgotten {
            self.drop_sa(&mut old, cx, WhyDown::Replaced);
        } else {
            self.delete_sa(&mut old, cx, WhyDown::Replaced);
        }
        self.put(old, cx);
    }
}

fn describe(nat: Nat) -> &'static str {
    match (nat.local, nat.remote) {
        (false, false) => "",
        (false, true) => ", peer behind NAT",
        (true, false) => ", we are behind NAT",
        (true, true) => ", both behind NAT",
    }
}
