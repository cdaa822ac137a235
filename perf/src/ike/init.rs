//! IKE_SA_INIT as initiator (RFC 7296 1.2, 2.6, 2.7).

use super::channel::Channel;
use super::handshake::Proving;
use super::offer::{self, Ends};
use super::peer::{Cx, Event, Why};
use super::retransmission::Request;
use super::{NONCE_LEN, random_array};
use ike::crypto::{Exchange as KeyExchange, Group, Keys, Nonces, Role, Spis};
use wire::ike::{Chain, Exchange, KeyExchangeId, Message, NotifyType, Payloads};

/// Cookies and other groups that are taken, so that two broken peers do not talk for ever.
const MAX_RESTARTS: u32 = 4;

/// The request is on its way.
pub struct Opening {
    spi: [u8; 8],
    nonce: [u8; NONCE_LEN],
    exchange: KeyExchange,
    cookie: Vec<u8>,
    restarts: u32,
    /// The message, which AUTH covers.
    pub request: Request,
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").field("request", &self.request).finish_non_exhaustive()
    }
}

/// What comes after a response.
pub enum Step {
    /// Another request was sent.
    Stay(Box<Opening>),
    /// IKE_AUTH was sent, from these ends.
    Next(Box<Proving>, Ends),
    /// Nothing.
    End(Why),
}

impl Opening {
    /// Sends the first request. `None`: no key exchange could be made.
    pub fn new(cx: &mut Cx<'_>, ends: &Ends) -> Option<Self> {
        let exchange = KeyExchange::generate(*cx.settings.groups.first()?).ok()?;
        let request = Request::new(Vec::new(), cx.now);
        let mut spi = random_array();
        // SPIs are never 0 (RFC 7296 3.1).
        spi[0] |= 1;
        let mut opening =
            Self { spi, nonce: random_array(), exchange, cookie: Vec::new(), restarts: 0, request };
        opening.send(cx, ends)?;
        Some(opening)
    }

    /// Our SPI.
    pub fn spi(&self) -> [u8; 8] {
        self.spi
    }

    fn send(&mut self, cx: &mut Cx<'_>, ends: &Ends) -> Option<()> {
        let spis = Spis { initiator: self.spi, responder: [0; 8] };
        let mut chain = Chain::new();
        if !self.cookie.is_empty() {
            chain.status(NotifyType::Cookie, &self.cookie);
        }
        offer::ike(&mut chain, &cx.settings.groups);
        chain.key_exchange(KeyExchangeId(self.exchange.group().id()), self.exchange.public());
        chain.nonce(&self.nonce);
        offer::nat_hashes(&mut chain, cx.settings, (u64::from_be_bytes(self.spi), 0), ends);
        let header = Channel::header(spis, Role::Initiator, Exchange::IkeSaInit, false, 0);
        let message = chain.message(&header).ok()?;
        cx.counts.requests += 1;
        cx.out.push(Event::Send(*ends, message.clone()));
        self.request = Request::new(message, cx.now);
        Some(())
    }

    /// Takes the response. One that is malformed changes nothing: it may be a stranger's.
    pub fn response(mut self: Box<Self>, cx: &mut Cx<'_>, ends: &Ends, message: &Message<'_>) -> Step {
        let payloads = message.payloads();
        for notify in payloads.notifies().flatten() {
            match notify.kind {
                NotifyType::Cookie if (1..=64).contains(&notify.data.len()) => {
                    cx.counts.cookies += 1;
                    self.cookie = notify.data.to_vec();
                    return self.restart(cx, ends);
                }
                NotifyType::InvalidKePayload => return self.other_group(cx, ends, notify.data_u16()),
                kind if kind.is_error() => return Step::End(Why::Refused(kind)),
                _ => {}
            }
        }
        match self.accept(cx, &payloads) {
            Some((data, nonce)) if message.header().responder_spi != 0 => {
                (*self).prove(cx, ends, message, &data, nonce)
            }
            _ => {
                cx.counts.refused += 1;
                Step::Stay(self)
            }
        }
    }

    fn restart(mut self: Box<Self>, cx: &mut Cx<'_>, ends: &Ends) -> Step {
        self.restarts += 1;
        match self.send(cx, ends) {
            Some(()) if self.restarts <= MAX_RESTARTS => Step::Stay(self),
            _ => Step::End(Why::Unacceptable("too many cookies or groups")),
        }
    }

    /// Another method is wanted (RFC 7296 1.2). The SPI stays, and the cookie: it covers no KE payload (2.6.1).
    fn other_group(mut self: Box<Self>, cx: &mut Cx<'_>, ends: &Ends, wanted: Option<u16>) -> Step {
        let offered = |group: &Group| cx.settings.groups.contains(group) && *group != self.exchange.group();
        let group = wanted.and_then(Group::from_transform).filter(offered);
        let Some(Ok(exchange)) = group.map(KeyExchange::generate) else {
            return Step::End(Why::Unacceptable("a key exchange method that was not offered"));
        };
        cx.counts.other_group += 1;
        self.exchange = exchange;
        self.restart(cx, ends)
    }

    /// Key exchange data and nonce of a response that chose what we offered.
    fn accept<'m>(&self, cx: &Cx<'_>, payloads: &Payloads<'m>) -> Option<(Vec<u8>, &'m [u8])> {
        let group = self.exchange.group();
        let proposal = payloads.security_association().ok()??.only()?.ok()?;
        let exchange = payloads.key_exchange().ok()??;
        let right = offer::fits_ike(&proposal, group) && exchange.method.0 == group.id();
        let nonce = payloads.nonce().ok()??;
        (right && cx.settings.groups.contains(&group)).then(|| (exchange.data.to_vec(), nonce))
    }

    fn prove(self, cx: &mut Cx<'_>, ends: &Ends, message: &Message<'_>, data: &[u8], nonce: &[u8]) -> Step {
        let Self { spi, nonce: ours, exchange, request, .. } = self;
        let (Ok(shared), Some(suite)) = (exchange.agree(data), offer::suite()) else {
            return Step::End(Why::Unacceptable("key exchange data that are none"));
        };
        let header = message.header();
        let spis = Spis { initiator: spi, responder: header.responder_spi.to_be_bytes() };
        let keys = Keys::initial(suite, &shared, Nonces { initiator: &ours, responder: nonce }, spis);
        let pair = (header.initiator_spi, header.responder_spi);
        let nat = offer::nat_between(&message.payloads(), cx.settings, pair, ends);
        let ends = if nat { ends.floated() } else { *ends };
        let channel = Channel::new(spis, Role::Initiator, keys);
        match Proving::new(cx, &ends, channel, (&request.message, message.octets()), (ours, nonce)) {
            Some(proving) => Step::Next(Box::new(proving), ends),
            None => Step::End(Why::Unacceptable("no IKE_AUTH can be made")),
        }
    }
}
