//! A datagram's way to its IKE SA and out of its envelope (RFC 7296 2.1 to 2.3, 2.21, 2.23; RFC 7383 2.6).

use crate::counters::Count;
use crate::crypto::{OpenError, Role};
use crate::cx::Cx;
use crate::embryo::{MAX_WAITING, MAX_WAITING_COUNT, Progress};
use crate::fragments::{MAX_FRAGMENTS, Reassembly, Whole};
use crate::ike_sa::{IkeSa, Phase};
use crate::job::Work;
use crate::report::Trouble;
use crate::serve::{Place, Request};
use crate::tasks::Urgency;
use crate::{Action, Cause, Path, Responder, WhyDown};
use wire::ike::{Chain, Encrypted, Exchange, Header, Message, NotifyType, ParseError, PayloadType, Payloads};

/// Messages of another version are answered once in so many milliseconds.
const VERSION_MS: u64 = 100;

impl Responder {
    pub(crate) fn received(&mut self, cx: &mut Cx<'_>, path: &Path, datagram: &[u8]) {
        if self.protection(path.local.0).is_none() {
            return self.counters.add(Count::UnknownAddress);
        }
        let message = match Message::parse(datagram) {
            Ok(message) => message,
            Err(ParseError::MajorVersion(version)) => {
                self.counters.add(Count::Version);
                if version > 2 {
                    self.refuse_version(cx, path, datagram);
                }
                return;
            }
            Err(_) => return self.counters.add(Count::Malformed),
        };
        let header = message.header();
        self.counters.message(header.exchange, header.flags.is_response(), false);
        if header.initiator_spi == 0 {
            return self.counters.add(Count::Malformed);
        }
        if header.responder_spi == 0 || header.exchange == Exchange::IkeSaInit {
            return self.init(cx, path, &message);
        }
        let ours = if header.flags.is_initiator() { header.responder_spi } else { header.initiator_spi };
        let Some(mut sa) = self.sas.remove(&ours) else { return self.counters.add(Count::UnknownSpi) };
        let fits = sa.spis == (header.initiator_spi, header.responder_spi)
            && (sa.role == Role::Responder) == header.flags.is_initiator();
        if fits {
            self.routed(&mut sa, cx, path, &message);
        } else {
            self.counters.add(Count::UnknownSpi);
        }
        self.put(sa, cx);
    }

    /// INVALID_MAJOR_VERSION (RFC 7296 2.5), now and then.
    fn refuse_version(&mut self, cx: &mut Cx<'_>, path: &Path, datagram: &[u8]) {
        let Some(header) = Header::peek(datagram).filter(|header| !header.flags.is_response()) else {
            return;
        };
        if cx.now < self.version_ms {
            return;
        }
        self.version_ms = cx.now + VERSION_MS;
        let mut chain = Chain::new();
        chain.status(NotifyType::InvalidMajorVersion, &[]);
        self.reply_in_clear(cx, path, &header, &chain);
    }

    /// A message of an IKE SA that is there.
    pub(crate) fn routed(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, path: &Path, message: &Message<'_>) {
        let header = message.header();
        if sa.secured.is_none() {
            return self.hold(sa, cx, path, message);
        }
        let place = if header.flags.is_response() {
            if !sa.ask.awaits(header.message_id) {
                return self.counters.add(Count::Unasked);
            }
            Place::Next
        } else {
            sa.serve.place(header.message_id)
        };
        match place {
            Place::Next | Place::Last => {}
            Place::Underway => return self.counters.add(Count::Underway),
            Place::Outside => return self.counters.add(Count::MessageId),
        }
        let Ok(Some(encrypted)) = message.encrypted() else { return self.counters.add(Count::Malformed) };
        let whole = match self.unwrap(sa, cx, message, &encrypted, place) {
            Ok(Some(whole)) => whole,
            Ok(None) => return,
            Err(Authentic::No) => return self.counters.add(Count::Integrity),
            Err(Authentic::Yes) => (PayloadType(u8::MAX), Default::default()),
        };
        if place == Place::Last {
            return self.resend(sa, cx, path);
        }
        sa.clocks.heard = cx.now;
        self.follow(sa, cx, path);
        let (first, inner) = whole;
        let (exchange, id, flags) = (header.exchange, header.message_id, header.flags.0);
        if header.flags.is_response() {
            return self.answered(sa, cx, exchange, first, &inner);
        }
        self.request(sa, cx, Request { exchange, id, flags, first, inner, path: *path });
    }

    /// Decrypts, and puts fragments together. `Ok(None)`: something is missing yet, or nothing is to be done.
    fn unwrap(
        &mut self,
        sa: &mut IkeSa,
        cx: &mut Cx<'_>,
        message: &Message<'_>,
        encrypted: &Encrypted<'_>,
        place: Place,
    ) -> Result<Option<Whole>, Authentic> {
        let header = message.header();
        let Some(fragment) = encrypted.fragment else {
            let inner = sa.open(message, encrypted).map_err(Authentic::from)?;
            return Ok(Some((encrypted.first, inner)));
        };
        let (id, response) = (header.message_id, header.flags.is_response());
        let useless = fragment.total > MAX_FRAGMENTS
            || !sa.fragmentation
            || (place == Place::Last && fragment.number != 1)
            || sa.reassembly.as_ref().is_some_and(|reassembly| reassembly.has(id, response, fragment));
        if useless {
            self.counters.add(Count::Fragment);
            return Ok(None);
        }
        let inner = sa.open(message, encrypted).map_err(Authentic::from)?;
        if place == Place::Last {
            // Of a request in fragments only the first makes us send the response again (RFC 7383 2.6.1).
            return Ok(Some((encrypted.first, inner)));
        }
        let fresh = || Box::new(Reassembly::new(cx.now, id, response, fragment.total));
        let reassembly = sa.reassembly.get_or_insert_with(fresh);
        if reassembly.is_superseded_by(id, response, fragment) {
            *reassembly = fresh();
        }
        match reassembly.add(fragment, encrypted.first, inner) {
            Ok(None) => Ok(None),
            Ok(Some(whole)) => {
                sa.reassembly = None;
                Ok(Some(whole))
            }
            Err(()) => {
                sa.reassembly = None;
                self.counters.add(Count::Fragment);
                Ok(None)
            }
        }
    }

    /// A message that came before there are keys: it makes us compute them.
    fn hold(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, path: &Path, message: &Message<'_>) {
        let header = message.header();
        let fits = matches!(header.exchange, Exchange::IkeAuth | Exchange::IkeIntermediate)
            && !header.flags.is_response()
            && header.message_id == 1
            && matches!(message.last(), PayloadType::Encrypted | PayloadType::EncryptedFragment);
        let spi = sa.ours();
        let Some(embryo) = sa.embryo().filter(|_| fits) else { return self.counters.add(Count::Unexpected) };
        let held: usize = embryo.waiting.iter().map(|(_, held)| held.len()).sum();
        let octets = message.octets();
        if embryo.waiting.len() >= MAX_WAITING_COUNT || held + octets.len() > MAX_WAITING {
            return self.counters.add(Count::WaitingFull);
        }
        if embryo.waiting.iter().any(|(_, held)| held == octets) {
            return self.counters.add(Count::Underway);
        }
        match std::mem::replace(&mut embryo.exchange, Progress::Done) {
            Progress::Made(exchange) => {
                // Tried before it is given away: what is given away is gone.
                if !self.tasks.has_room(Urgency::Known) {
                    self.counters.add(Count::TasksFull);
                    embryo.exchange = Progress::Made(exchange);
                    return;
                }
                let work = Work::Agree { exchange, peer: embryo.public.clone() };
                if let Some(ticket) = self.compute(cx, spi, Urgency::Known, work) {
                    embryo.exchange = Progress::Agreeing(ticket);
                }
            }
            Progress::Agreeing(ticket) => embryo.exchange = Progress::Agreeing(ticket),
            other => {
                embryo.exchange = other;
                return self.counters.add(Count::Unexpected);
            }
        }
        embryo.waiting.push((*path, octets.to_vec()));
    }

    /// The last response, once more, to where the request came from this time.
    fn resend(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, path: &Path) {
        self.counters.add(Count::Resent);
        let datagrams = sa.serve.response.iter().cloned();
        cx.actions.extend(datagrams.map(|datagram| Action::Send { path: *path, datagram }));
    }

    /// An authentic request, for the first time or once more after something was computed for it.
    pub(crate) fn request(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, request: Request) {
        let payloads = match Payloads::parse(request.first, &request.inner) {
            Ok(payloads) => payloads,
            Err(error) => return self.syntax(sa, cx, &request, &error),
        };
        if sa.serve.waiting.is_none() {
            self.count_notifies(&payloads);
        }
        if let Some(kind) = payloads.unknown_critical() {
            let mut chain = Chain::new();
            chain.status(NotifyType::UnsupportedCriticalPayload, &[kind.0]);
            self.respond(sa, cx, &request, &chain);
            if matches!(sa.phase, Phase::HalfOpen(_)) {
                let text = format!("critical payload {kind} is not known");
                self.failed_sa(cx, sa, Trouble::new(Cause::Syntax, text));
                self.close(sa, cx, crate::auth::KEEP_MS);
            }
            return;
        }
        let half_open = matches!(sa.phase, Phase::HalfOpen(_));
        let result = match (request.exchange, half_open) {
            (Exchange::IkeAuth, true) => self.auth(sa, cx, &request, &payloads),
            (Exchange::IkeIntermediate, true) => self.intermediate(sa, cx, &request, &payloads),
            (Exchange::CreateChildSa, false) => self.create_child(sa, cx, &request, &payloads),
            (Exchange::Informational, false) => self.informational(sa, cx, &request, &payloads),
            (Exchange::IkeFollowupKe, false) => self.followup(sa, cx, &request, &payloads),
            // A second IKE_AUTH, or a CREATE_CHILD_SA before the first: as if it had not come.
            _ => {
                self.counters.add(Count::Unexpected);
                Ok(())
            }
        };
        if let Err(error) = result {
            self.syntax(sa, cx, &request, &error);
        }
    }

    /// Authentic and malformed: the peer is told, and its IKE SA ends (RFC 7296 2.21.3).
    pub(crate) fn syntax(&mut self, sa: &mut IkeSa, cx: &mut Cx<'_>, request: &Request, error: &ParseError) {
        let mut chain = Chain::new();
        chain.status(NotifyType::InvalidSyntax, &[]);
        self.respond(sa, cx, request, &chain);
        self.failed_sa(
            cx,
            sa,
            Trouble::new(Cause::Syntax, format!("malformed {}: {error}", request.exchange)),
        );
        self.end_session(sa, cx, WhyDown::Syntax);
        self.close(sa, cx, crate::auth::KEEP_MS);
    }

    pub(crate) fn count_notifies(&mut self, payloads: &Payloads<'_>) {
        for notify in payloads.notifies().flatten() {
            self.counters.notify(notify.kind, false);
        }
    }
}

/// Whether what cannot be decrypted came from the peer.
enum Authentic {
    No,
    Yes,
}

impl From<OpenError> for Authentic {
    fn from(error: OpenError) -> Self {
        if error == OpenError::Padding { Self::Yes } else { Self::No }
    }
}
