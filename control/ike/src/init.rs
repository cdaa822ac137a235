//! IKE_SA_INIT (RFC 7296 1.2, 2.6, 2.7, 2.10, 2.23). No state is kept of whoever has not returned a cookie when one is
//! demanded, nor of whom we cannot agree with.

use crate::counters::Count;
use crate::crypto::signature::HashAlgorithms;
use crate::crypto::{Keys, Nonces, Role};
use crate::cx::Cx;
use crate::embryo::{AuthProgress, Embryo, Intermediate, LIFETIME_MS, Progress};
use crate::ike_sa::{Clocks, IkeSa, Phase, Secured};
use crate::job::{Outcome, Work};
use crate::nat::{Nat, digest};
use crate::offer::{self, Offer};
use crate::report::Trouble;
use crate::selection::{IkeChoice, NoChoice, choose_ike};
use crate::tasks::Urgency;
use crate::{Action, Cause, Path, Responder};
use std::hash::{BuildHasher, Hasher};
use wire::ike::{
    CertEncoding, CertificateRequest, Chain, Exchange, Flags, Header, KeyExchange, KeyExchangeId, Message,
    Notify, NotifyType, ProposalSpec, Protocol,
};

/// What an IKE_SA_INIT request has to have.
struct Offered<'a> {
    ke: KeyExchange<'a>,
    nonce: &'a [u8],
    offers: Vec<Offer>,
    notifies: Vec<Notify<'a>>,
}

impl Offered<'_> {
    fn has(&self, kind: NotifyType) -> bool {
        self.notifies.iter().any(|notify| notify.kind == kind)
    }
}

impl Responder {
    pub(crate) fn init(&mut self, cx: &mut Cx<'_>, path: &Path, message: &Message<'_>) {
        let header = message.header();
        let fits = header.exchange == Exchange::IkeSaInit
            && header.responder_spi == 0
            && header.message_id == 0
            && header.flags.is_initiator()
            && !header.flags.is_response();
        if !fits {
            return self.counters.add(Count::Unexpected);
        }
        let key = (header.initiator_spi, path.remote.0, path.remote.1);
        if let Some(spi) = self.inits.get(&key).copied()
            && let Some(known) = self.copy_of(spi, message.octets())
        {
            self.counters.add(if known.is_empty() { Count::Underway } else { Count::Resent });
            if !known.is_empty() {
                cx.actions.push(Action::Send { path: *path, datagram: known });
            }
            return;
        }
        let payloads = message.payloads();
        if let Some(kind) = payloads.unknown_critical() {
            let mut chain = Chain::new();
            chain.status(NotifyType::UnsupportedCriticalPayload, &[kind.0]);
            return self.reply_in_clear(cx, path, &header, &chain);
        }
        // A nonce of another length, or none, is not worth an answer.
        let Ok(Some(nonce)) = payloads.nonce() else { return self.counters.add(Count::Malformed) };
        let notifies: Vec<Notify<'_>> = payloads.notifies().flatten().collect();
        notifies.iter().for_each(|notify| self.counters.notify(notify.kind, false));
        let Some(proven) = self.cookie(cx, path, &header, nonce, &notifies) else { return };
        if !self.throttle.admits(cx.now, path.remote.0) {
            return self.counters.add(Count::AuthThrottled);
        }
        let (Ok(Some(sa)), Ok(Some(ke))) = (payloads.security_association(), payloads.key_exchange()) else {
            return self.counters.add(Count::Malformed);
        };
        let offered = Offered { ke, nonce, offers: Offer::all(&sa), notifies };
        let Some(choice) = self.choose(cx, path, &header, &offered) else { return };
        self.conceive(cx, path, message, &offered, choice, proven);
    }

    /// What was answered to the same message; empty: nothing yet. `None`: it is another.
    fn copy_of(&self, spi: u64, octets: &[u8]) -> Option<Vec<u8>> {
        match &self.sas.get(&spi)?.phase {
            Phase::HalfOpen(embryo) if embryo.hash == self.hash_of(octets) => Some(embryo.response.clone()),
            Phase::HalfOpen(_) => None,
            // Late: it has long been answered.
            _ => Some(Vec::new()),
        }
    }

    fn hash_of(&self, octets: &[u8]) -> u64 {
        let mut hasher = self.hash.build_hasher();
        hasher.write(octets);
        hasher.finish()
    }

    /// Whether the initiator has shown that it can receive; `None`: it was asked to (RFC 7296 2.6).
    fn cookie(
        &mut self,
        cx: &mut Cx<'_>,
        path: &Path,
        header: &Header,
        nonce: &[u8],
        notifies: &[Notify<'_>],
    ) -> Option<bool> {
        let (spi, source) = (header.initiator_spi, path.remote.0);
        let cookie =
            notifies.iter().find(|notify| notify.kind == NotifyType::Cookie).map(|notify| notify.data);
        if let Some(cookie) = cookie {
            if self.cookies.check(cx.now, cx.host, spi, source, nonce, cookie) {
                self.counters.add(Count::CookieGood);
                return Some(true);
            }
            self.counters.add(Count::CookieWrong);
        }
        if !self.half_open.demands_cookie(source, self.config.cookie_threshold) {
            return Some(false);
        }
        self.counters.add(Count::CookieSent);
        let cookie = self.cookies.make(cx.now, cx.host, spi, source, nonce);
        let mut chain = Chain::new();
        chain.status(NotifyType::Cookie, &cookie);
        self.reply_in_clear(cx, path, header, &chain);
        None
    }

    /// A proposal that both sides like and that the KE payload fits; else the initiator is told what it lacks.
    fn choose(
        &mut self,
        cx: &mut Cx<'_>,
        path: &Path,
        header: &Header,
        offered: &Offered<'_>,
    ) -> Option<IkeChoice> {
        let method = offered.ke.method.0;
        let intermediate = offered.has(NotifyType::IntermediateExchangeSupported);
        let choice = match choose_ike(&self.settings.ike, &offered.offers, method, intermediate) {
            Ok(choice) => choice,
            Err(miss) => {
                let mut chain = Chain::new();
                chain.status(NotifyType::NoProposalChosen, &[]);
                self.reply_in_clear(cx, path, header, &chain);
                self.no_ike_proposal(cx, path, &offered.offers, miss);
                return None;
            }
        };
        if choice.group.id() != method {
            let mut chain = Chain::new();
            chain.status(NotifyType::InvalidKePayload, &choice.group.id().to_be_bytes());
            self.reply_in_clear(cx, path, header, &chain);
            return None;
        }
        if offered.ke.data.len() != choice.group.public_len(Role::Initiator)
            || offered.nonce.len() * 2 < choice.suite.prf().output_len()
        {
            self.counters.add(Count::Malformed);
            return None;
        }
        Some(choice)
    }

    pub(crate) fn no_ike_proposal(&mut self, cx: &mut Cx<'_>, path: &Path, offers: &[Offer], miss: NoChoice) {
        let (cause, what) = match miss {
            NoChoice::Algorithms => (Cause::IkeProposal, "no common IKE proposal"),
            NoChoice::Group => (Cause::IkeGroup, "no common key exchange for IKE"),
        };
        let (offered, wanted) = (offer::describe(offers), &self.settings.ike_words);
        let text = format!("{what}: offered {offered}; wanted {wanted}");
        self.failed(cx, path, None, None, Trouble::new(cause, text));
    }

    /// A half-open IKE SA, if there is room for one.
    fn conceive(
        &mut self,
        cx: &mut Cx<'_>,
        path: &Path,
        message: &Message<'_>,
        offered: &Offered<'_>,
        choice: IkeChoice,
        proven: bool,
    ) {
        let source = path.remote.0;
        if self.half_open.is_full() {
            let Some(victim) = self.half_open.victim(cx, source, proven) else {
                return self.counters.add(Count::HalfOpenFull);
            };
            self.counters.add(Count::HalfOpenEvicted);
            if let Some(mut sa) = self.sas.remove(&victim) {
                self.close(&mut sa, cx, 0);
                self.put(sa, cx);
            }
        }
        let ours = self.free_spi(cx);
        let Some(ticket) = self.compute(cx, ours, Urgency::New, Work::Generate { group: choice.group })
        else {
            return;
        };
        let spis = (message.header().initiator_spi, ours);
        let nat = Nat::detect((spis.0, 0), path, offered.notifies.iter().copied());
        let hashes =
            offered.notifies.iter().find(|notify| notify.kind == NotifyType::SignatureHashAlgorithms);
        let pending = choice.additional().into();
        let embryo = Embryo {
            until_ms: cx.now + LIFETIME_MS,
            place: self.half_open.add(ours, source, proven),
            proven,
            hash: self.hash_of(message.octets()),
            request: message.octets().to_vec(),
            response: Vec::new(),
            nonces: (offered.nonce.to_vec(), cx.nonce()),
            public: offered.ke.data.to_vec(),
            exchange: Progress::Making(ticket),
            waiting: Vec::new(),
            intermediate: Intermediate { pending, ..Default::default() },
            offered_intermediate: offered.has(NotifyType::IntermediateExchangeSupported),
            hashes: hashes.map_or_else(HashAlgorithms::default, |notify| HashAlgorithms::parse(notify.data)),
            auth: AuthProgress::default(),
            choice,
        };
        let mut sa =
            Box::new(IkeSa::new(spis, Role::Responder, *path, nat, Phase::HalfOpen(Box::new(embryo))));
        sa.fragmentation = offered.has(NotifyType::FragmentationSupported);
        let key = (spis.0, path.remote.0, path.remote.1);
        sa.init_key = Some(key);
        sa.clocks = Clocks { heard: cx.now, ..Default::default() };
        self.inits.insert(key, ours);
        self.put(sa, cx);
    }

    /// An SPI that nobody has.
    pub(crate) fn free_spi(&mut self, cx: &mut Cx<'_>) -> u64 {
        loop {
            let spi = cx.random_u64();
            if spi != 0 && !self.sas.contains_key(&spi) {
                return spi;
            }
        }
    }

    /// Our private value is there: IKE_SA_INIT is answered. Or the keys are: what waited for them is looked at.
    pub(crate) fn exchanged(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, outcome: Outcome) {
        match outcome {
            Outcome::Generated(Ok(exchange)) => self.answer_init(sa, cx, exchange),
            Outcome::Agreed(Ok(secret)) => self.keyed(sa, cx, &secret),
            // Zero, off the curve, of small order: nothing that an honest peer sends (RFC 7296 5, RFC 6989).
            Outcome::Agreed(Err(error)) => {
                let text = format!("key exchange failed: {error}");
                self.failed_sa(cx, sa, Trouble::new(Cause::Syntax, text));
                self.close(sa, cx, 0);
            }
            _ => self.close(sa, cx, 0),
        }
    }

    fn answer_init(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, exchange: Box<crate::crypto::Exchange>) {
        let (spis, path, fragmentation) = (sa.spis, sa.path, sa.fragmentation);
        let certificates = self.config.credentials.trust.as_ref().map(|trust| trust.request());
        let Some(embryo) = sa.embryo() else { return };
        let mut chain = Chain::new();
        let transforms = embryo.choice.transforms();
        let number = embryo.choice.number;
        chain.security_association(&[ProposalSpec {
            number,
            protocol: Protocol::Ike,
            spi: &[],
            transforms: &transforms,
        }]);
        chain.key_exchange(KeyExchangeId(exchange.group().id()), exchange.public());
        chain.nonce(&embryo.nonces.1);
        chain.status(NotifyType::NatDetectionSource, &digest(spis, path.local));
        chain.status(NotifyType::NatDetectionDestination, &digest(spis, path.remote));
        if let Some(authorities) = &certificates {
            let (authorities, _) = authorities.as_chunks();
            chain.certificate_request(&CertificateRequest { encoding: CertEncoding::X509, authorities });
            chain.status(NotifyType::SignatureHashAlgorithms, &HashAlgorithms::ours());
        }
        if fragmentation {
            chain.status(NotifyType::FragmentationSupported, &[]);
        }
        if embryo.offered_intermediate {
            chain.status(NotifyType::IntermediateExchangeSupported, &[]);
        }
        let header = Header {
            initiator_spi: spis.0,
            responder_spi: spis.1,
            exchange: Exchange::IkeSaInit,
            flags: Flags(Flags::RESPONSE),
            message_id: 0,
        };
        let Ok(datagram) = chain.message(&header) else { return };
        embryo.exchange = Progress::Made(exchange);
        embryo.response = datagram.clone();
        sa.serve.expected = 1;
        self.counters.message(Exchange::IkeSaInit, true, true);
        cx.actions.push(Action::Send { path, datagram });
    }

    fn keyed(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, secret: &crate::crypto::Secret) {
        let spis = sa.spi_octets();
        let Some(embryo) = sa.embryo() else { return };
        let nonces = Nonces { initiator: &embryo.nonces.0, responder: &embryo.nonces.1 };
        let keys = Keys::initial(embryo.choice.suite, secret, nonces, spis);
        let (suite, group) = (embryo.choice.suite, embryo.choice.group);
        embryo.exchange = Progress::Done;
        embryo.public = Vec::new();
        let waiting = std::mem::take(&mut embryo.waiting);
        sa.secured = Some(Box::new(Secured::new(suite, keys, Role::Responder, group, Vec::new())));
        for (path, datagram) in waiting {
            if let Ok(message) = Message::parse(&datagram) {
                self.routed(sa, cx, &path, &message);
            }
        }
    }

    pub(crate) fn leave_half_open(&mut self, place: usize) {
        if let Some(moved) = self.half_open.remove(place)
            && let Some(embryo) = self.sas.get_mut(&moved).and_then(|sa| sa.embryo())
        {
            embryo.place = place;
        }
    }

    pub(crate) fn forget_init(&mut self, sa: &mut IkeSa) {
        if let Some(key) = sa.init_key.take()
            && self.inits.get(&key) == Some(&sa.ours())
        {
            self.inits.remove(&key);
        }
    }
}
