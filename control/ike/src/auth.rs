//! IKE_AUTH (RFC 7296 1.2, 2.15, 2.16; RFC 7427; RFC 9242): who the peer is.

use crate::certificate::VerifyError;
use crate::counters::Count;
use crate::crypto::Role;
use crate::crypto::auth::{METHOD_SHARED_KEY, Signed, shared_key};
use crate::crypto::signature::SignError;
use crate::cx::Cx;
use crate::embryo::Step;
use crate::establishment::Proof;
use crate::identity::Identity;
use crate::ike_sa::IkeSa;
use crate::job::{Verify, Work};
use crate::report::Trouble;
use crate::serve::Request;
use crate::{Cause, Responder};
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
        self.authenticated(sa, cx, request, payloads, &claim.identity, proof)
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
            return self.authenticated(sa, cx, request, payloads, &claim.identity, proof);
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
        self.authenticated(sa, cx, request, payloads, &claim.identity, proof)
    }

    /// A signature was checked, or made: the request is looked at again, or the peer refused.
    pub(crate) fn signature_done(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        result: Result<Step, Trouble>,
    ) {
        match result {
            Ok(step) => {
                sa.embryo().into_iter().for_each(|embryo| embryo.auth.note(step.clone()));
                self.request(sa, cx, request.clone());
            }
            Err(trouble) => {
                let identity = Payloads::parse(request.first, &request.inner)
                    .ok()
                    .and_then(|payloads| payloads.single(PayloadType::IdInitiator).ok().flatten())
                    .and_then(|id| Identity::parse(id.body).ok());
                self.refuse(sa, cx, request, identity.as_ref(), trouble);
            }
        }
    }

    /// AUTHENTICATION_FAILED, and the end (RFC 7296 2.21.2).
    pub(crate) fn refuse(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        request: &Request,
        identity: Option<&Identity>,
        trouble: Trouble,
    ) {
        self.refuse_with(sa, cx, request, identity, trouble, NotifyType::AuthenticationFailed);
    }

    pub(crate) fn refuse_with(
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
}

/// The peer's certificates, its own first.
fn certificates(payloads: &Payloads<'_>) -> Vec<Vec<u8>> {
    let bodies =
        payloads.all(PayloadType::Certificate).filter_map(|payload| Certificate::parse(payload.body).ok());
    let x509 = bodies.filter(|certificate| certificate.encoding == CertEncoding::X509);
    x509.take(MAX_CERTIFICATES).map(|certificate| certificate.data.to_vec()).collect()
}

/// Why a peer's signature is not taken.
pub(crate) fn not_verified(error: VerifyError) -> Trouble {
    let cause = match error {
        VerifyError::Auth(_) => Cause::Authentication,
        _ => Cause::Certificate,
    };
    Trouble::new(cause, error.to_string())
}

/// Why there is none of ours.
pub(crate) fn not_signed(error: SignError) -> Trouble {
    Trouble::new(Cause::Certificate, format!("we cannot sign: {error}"))
}
