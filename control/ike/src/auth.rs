//! IKE_AUTH (RFC 7296 1.2, 2.15, 2.16; RFC 7427; RFC 9242): who the peer is, and its first child SA.

use crate::certificate::{Verified, VerifyError};
use crate::counters::Count;
use crate::crypto::auth::{METHOD_SHARED_KEY, Signed, shared_key};
use crate::crypto::signature::{AuthData, SignError};
use crate::crypto::{Nonces, Role};
use crate::cx::Cx;
use crate::identity::Identity;
use crate::ike_sa::{IkeSa, Peer, Phase};
use crate::job::{Verify, Work};
use crate::nat::Nat;
use crate::report::Trouble;
use crate::selection::Pfs;
use crate::serve::Request;
use crate::sessions::Sessions;
use crate::{Action, Cause, LogKind, Responder, SessionUp, Unique, WhyDown};
use std::net::Ipv4Addr;
use wire::ike::{
    AuthMethod, CertEncoding, Certificate, Chain, NotifyType, ParseError, PayloadType, Payloads,
};

/// An IKE SA that came to nothing, or to its end, keeps its last answer so long, in case it was lost.
pub(crate) const KEEP_MS: u64 = 30_000;
/// Certificates of a peer that are looked at.
const MAX_CERTIFICATES: usize = 8;

/// What an IKE_AUTH request says of who sent it.
struct Claim<'a> {
    identity: Identity,
    /// Body of the ID payload, which AUTH covers as it is.
    body: &'a [u8],
    method: u8,
    data: &'a [u8],
}

impl Responder {
    pub(crate) fn auth(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        payloads: &Payloads<'_>,
    ) -> Result<(), ParseError> {
        let claim = match self.claim(sa, payloads)? {
            Ok(claim) => claim,
            Err(trouble) => {
                self.refuse(sa, cx, request, None, trouble);
                return Ok(());
            }
        };
        if claim.method == METHOD_SHARED_KEY {
            return self.auth_by_key(sa, cx, request, payloads, &claim);
        }
        self.auth_by_signature(sa, cx, request, payloads, &claim)
    }

    /// Identity and AUTH, as they stand there.
    fn claim<'a>(
        &self,
        sa: &mut IkeSa,
        payloads: &Payloads<'a>,
    ) -> Result<Result<Claim<'a>, Trouble>, ParseError> {
        let trouble = |cause, text: String| Ok(Err(Trouble::new(cause, text)));
        if sa.embryo().is_some_and(|embryo| !embryo.intermediate.pending.is_empty()) {
            return trouble(
                Cause::Authentication,
                "IKE_AUTH before all agreed key exchanges were done".into(),
            );
        }
        let Some(id) = payloads.single(PayloadType::IdInitiator)? else {
            return trouble(Cause::UnknownIdentity, "no identity".into());
        };
        let identity = match Identity::parse(id.body) {
            Ok(identity) => identity,
            Err(error) => return trouble(Cause::UnknownIdentity, format!("unusable identity: {error}")),
        };
        let Some(auth) = payloads.authentication()? else {
            return trouble(Cause::Authentication, "the peer wants EAP, which is not for spokes".into());
        };
        Ok(Ok(Claim { identity, body: id.body, method: auth.method.0, data: auth.data }))
    }

    /// What `role`'s AUTH covers.
    fn signed_octets(sa: &mut IkeSa, role: Role, identity: &[u8], id: u32) -> Vec<u8> {
        let Some(secured) = sa.secured.take() else { return Vec::new() };
        let mut octets = Vec::new();
        if let Some(embryo) = sa.embryo() {
            let (message, peer_nonce) = match role {
                Role::Initiator => (&embryo.request, &embryo.nonces.1),
                Role::Responder => (&embryo.response, &embryo.nonces.0),
            };
            let state = &embryo.intermediate;
            let intermediate = state.initiator.as_ref().zip(state.responder.as_ref());
            let intermediate = intermediate.map(|(initiator, responder)| {
                [initiator.expose(), responder.expose(), &id.to_be_bytes()].concat()
            });
            let signed = Signed { message, peer_nonce, identity, intermediate: intermediate.as_deref() };
            octets = signed.octets(secured.suite.prf(), secured.keys.payload_key(role));
        }
        sa.secured = Some(secured);
        octets
    }

    fn auth_by_key(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        payloads: &Payloads<'_>,
        claim: &Claim<'_>,
    ) -> Result<(), ParseError> {
        let (key, known) = self.config.credentials.keyring.find(&claim.identity, sa.path.remote.0);
        let octets = Self::signed_octets(sa, Role::Initiator, claim.body, request.id);
        let Some(prf) = sa.secured.as_ref().map(|secured| secured.suite.prf()) else { return Ok(()) };
        let right = shared_key(prf, &key, &octets).equals(claim.data);
        // Computed in both cases, so that the answer takes as long.
        if !known || !right {
            let trouble = if known {
                Trouble::new(Cause::Authentication, "wrong pre-shared key")
            } else {
                Trouble::new(Cause::UnknownIdentity, "no pre-shared key for this identity and address")
            };
            self.refuse(sa, cx, request, Some(&claim.identity), trouble);
            return Ok(());
        }
        let ours = self.our_identity(sa);
        let octets = Self::signed_octets(sa, Role::Responder, &ours.body(), request.id);
        let data = shared_key(prf, &key, &octets).expose().to_vec();
        let proof = Proof { method: METHOD_SHARED_KEY, data, ours, theirs: "PSK", own: "PSK", chain: false };
        self.authenticated(sa, cx, request, payloads, claim, proof)
    }

    fn our_identity(&self, sa: &IkeSa) -> Identity {
        self.config.credentials.identity.clone().unwrap_or(Identity::Address(sa.path.local.0))
    }

    /// Step by step: the peer's signature, then ours, each off the event loop.
    fn auth_by_signature(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        payloads: &Payloads<'_>,
        claim: &Claim<'_>,
    ) -> Result<(), ParseError> {
        let (spi, trust) = (sa.ours(), self.config.credentials.trust.clone());
        let Some(trust) = trust else {
            let text =
                format!("peer authenticates by {}, and no authority is configured", AuthMethod(claim.method));
            self.refuse(sa, cx, request, Some(&claim.identity), Trouble::new(Cause::Certificate, text));
            return Ok(());
        };
        let progress = sa.embryo().map(|embryo| (embryo.auth.verified.clone(), embryo.auth.signed.clone()));
        let Some((verified, signed)) = progress else { return Ok(()) };
        let Some(verified) = verified else {
            let octets = Self::signed_octets(sa, Role::Initiator, claim.body, request.id);
            let verify = Verify {
                trust,
                identity: claim.identity.clone(),
                certificates: certificates(payloads),
                method: claim.method,
                auth: claim.data.to_vec(),
                octets,
                now_seconds: cx.host.wall_seconds(),
            };
            self.wait(sa, cx, spi, request, Work::Verify(Box::new(verify)));
            return Ok(());
        };
        let ours = self.our_identity(sa);
        let Some(own) = self.config.credentials.own.clone() else {
            // A peer with a certificate may take a pre-shared key of ours, if there is one for it.
            let (key, known) = self.config.credentials.keyring.find(&claim.identity, sa.path.remote.0);
            if !known {
                let text =
                    "peer authenticates by certificate, and we have neither one nor a pre-shared key for it";
                self.refuse(sa, cx, request, Some(&claim.identity), Trouble::new(Cause::Certificate, text));
                return Ok(());
            }
            let octets = Self::signed_octets(sa, Role::Responder, &ours.body(), request.id);
            let Some(prf) = sa.secured.as_ref().map(|secured| secured.suite.prf()) else { return Ok(()) };
            let data = shared_key(prf, &key, &octets).expose().to_vec();
            let theirs = verified.algorithm;
            let proof = Proof { method: METHOD_SHARED_KEY, data, ours, theirs, own: "PSK", chain: false };
            return self.authenticated(sa, cx, request, payloads, claim, proof);
        };
        let Some(signed) = signed else {
            let octets = Self::signed_octets(sa, Role::Responder, &ours.body(), request.id);
            let hashes = sa.embryo().map(|embryo| embryo.hashes).unwrap_or_default();
            self.wait(sa, cx, spi, request, Work::Sign { key: own.key(), hashes, octets });
            return Ok(());
        };
        let proof = Proof {
            method: signed.method,
            data: signed.data,
            ours,
            theirs: verified.algorithm,
            own: "certificate",
            chain: true,
        };
        self.authenticated(sa, cx, request, payloads, claim, proof)
    }

    pub(crate) fn verified(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        result: Result<Verified, VerifyError>,
    ) {
        match result {
            Ok(verified) => {
                if let Some(embryo) = sa.embryo() {
                    embryo.auth.verified = Some(verified);
                }
                self.request(sa, cx, request.clone());
            }
            Err(error) => {
                let identity = Payloads::parse(request.first, &request.inner)
                    .ok()
                    .and_then(|payloads| payloads.single(PayloadType::IdInitiator).ok().flatten())
                    .and_then(|id| Identity::parse(id.body).ok());
                let cause = match error {
                    VerifyError::Auth(_) => Cause::Authentication,
                    _ => Cause::Certificate,
                };
                self.refuse(sa, cx, request, identity.as_ref(), Trouble::new(cause, error.to_string()));
            }
        }
    }

    pub(crate) fn signed(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        result: Result<AuthData, SignError>,
    ) {
        match result {
            Ok(signed) => {
                if let Some(embryo) = sa.embryo() {
                    embryo.auth.signed = Some(signed);
                }
                self.request(sa, cx, request.clone());
            }
            Err(error) => {
                let text = format!("we cannot sign: {error}");
                self.refuse(sa, cx, request, None, Trouble::new(Cause::Certificate, text));
            }
        }
    }

    /// AUTHENTICATION_FAILED, and the end (RFC 7296 2.21.2).
    fn refuse(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        identity: Option<&Identity>,
        trouble: Trouble,
    ) {
        self.refuse_with(sa, cx, request, identity, trouble, NotifyType::AuthenticationFailed);
    }

    fn refuse_with(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        identity: Option<&Identity>,
        trouble: Trouble,
        notify: NotifyType,
    ) {
        let mut chain = Chain::new();
        chain.status(notify, &[]);
        self.respond(sa, cx, request, &chain);
        self.failed(cx, &request.path, None, identity.map(Identity::to_string), trouble);
        self.auth_failed(cx, request.path.remote.0);
        self.close(sa, cx, KEEP_MS);
    }

    /// Somebody at an address did not prove who he is.
    pub(crate) fn auth_failed(&mut self, cx: &Cx<'_>, source: Ipv4Addr) {
        if self.throttle.failed(cx.now, source) {
            self.counters.add(Count::ThrottleFull);
            self.throttle.sweep(cx.now);
        }
    }

    /// The peer is who it says. It gets a session, and a child SA if it asks for one that we can make.
    fn authenticated(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        payloads: &Payloads<'_>,
        claim: &Claim<'_>,
        proof: Proof,
    ) -> Result<(), ParseError> {
        let key = Sessions::key(&claim.identity, sa.nat, &sa.path);
        let forgotten = payloads.notifies().flatten().any(|notify| notify.kind == NotifyType::InitialContact);
        let earlier = self.sessions.find(&key);
        if earlier.is_some() && self.config.unique == Unique::Keep && !forgotten {
            let trouble = Trouble::new(Cause::Duplicate, Cause::Duplicate.meaning());
            self.refuse(sa, cx, request, Some(&claim.identity), trouble);
            return Ok(());
        }
        let Some(session) = self.sessions.open(&key, sa.ours()) else {
            self.counters.add(Count::SessionsFull);
            let trouble = Trouble::new(Cause::Full, "too many sessions");
            let notify = NotifyType::NoAdditionalSas;
            self.refuse_with(sa, cx, request, Some(&claim.identity), trouble, notify);
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
            identity: claim.identity.clone(),
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

/// Our AUTH, and how each side proved itself.
struct Proof {
    method: u8,
    data: Vec<u8>,
    ours: Identity,
    theirs: &'static str,
    own: &'static str,
    /// Our certificates go with it.
    chain: bool,
}

/// The peer's certificates, its own first.
fn certificates(payloads: &Payloads<'_>) -> Vec<Vec<u8>> {
    let bodies =
        payloads.all(PayloadType::Certificate).filter_map(|payload| Certificate::parse(payload.body).ok());
    let x509 = bodies.filter(|certificate| certificate.encoding == CertEncoding::X509);
    x509.take(MAX_CERTIFICATES).map(|certificate| certificate.data.to_vec()).collect()
}

fn describe(nat: Nat) -> &'static str {
    match (nat.local, nat.remote) {
        (false, false) => "",
        (false, true) => ", peer behind NAT",
        (true, false) => ", we are behind NAT",
        (true, true) => ", both behind NAT",
    }
}
