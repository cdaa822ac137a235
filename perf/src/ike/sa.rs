//! An IKE SA that is set up: its children, what the other side asks for, signs of life (RFC 7296 1.3, 1.4, 2.8).

use super::channel::Channel;
use super::child::{Child, Opened, Refusal};
use super::handshake::{error, new_spi, notified, selectors};
use super::offer::{self, Ends};
use super::peer::{Cx, Event, Peer, Why};
use super::random_array;
use super::retransmission::Request;
use forwarding::crypto::Crypto;
use ike::crypto::{Group, Nonces, Role, respond};
use wire::ike::{
    Chain, Delete, Exchange, KeyExchangeId, Message, NotifyType, PayloadType, Payloads, Protocol,
};

/// Children at a time: the one in use, and those that it replaces until they are deleted.
const MAX_CHILDREN: usize = 4;

/// The SA.
#[derive(Debug)]
pub struct Sa {
    channel: Channel,
    /// The first is sent with.
    children: Vec<Child>,
    /// Number of our next request.
    next_id: u32,
    /// Number of the other side's next request.
    expected_id: u32,
    /// The answer to the one before.
    answer: Vec<u8>,
    request: Option<Request>,
    heard: u64,
    sent: u64,
}

impl Sa {
    /// With its first child and the numbers of the next requests.
    pub fn new(channel: Channel, child: Child, next_id: u32, expected_id: u32, now: u64) -> Self {
        let children = vec![child];
        Self {
            channel,
            children,
            next_id,
            expected_id,
            answer: Vec::new(),
            request: None,
            heard: now,
            sent: now,
        }
    }

    /// Keys and SPIs.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Keeps an answer for the case that it is asked for again.
    pub fn answered(&mut self, id: u32, answer: Vec<u8>) {
        (self.expected_id, self.answer) = (id.wrapping_add(1), answer);
    }

    /// When there is something to do; `idle`: without a sign of life for so long the peer is asked for one.
    pub fn deadline(&self, idle: u64) -> u64 {
        self.request.as_ref().map_or(self.heard + idle, |request| request.due)
    }

    /// Asks for a sign of life, or again for an answer.
    pub fn tick(&mut self, cx: &mut Cx<'_>, ends: Ends, idle: u64) {
        if let Some(request) = &mut self.request {
            Peer::again(request, ends, cx);
        } else if cx.now >= self.heard + idle {
            if self.sent <= self.heard {
                // Neither side has anything to say: look again later.
                self.heard = cx.now;
                return;
            }
            let id = self.next_id;
            let Some(message) = self.channel.seal(Exchange::Informational, false, id, &Chain::new()) else {
                return;
            };
            self.next_id = id.wrapping_add(1);
            cx.counts.requests += 1;
            cx.out.push(Event::Send(ends, message.clone()));
            self.request = Some(Request::new(message, cx.now));
        }
    }

    /// Takes a message; whether it is the peer's.
    pub fn message(&mut self, cx: &mut Cx<'_>, ends: Ends, message: &Message<'_>) -> bool {
        let header = message.header();
        let inner = self.channel.open(message);
        let Some((first, octets)) = inner else {
            cx.counts.refused += 1;
            return false;
        };
        self.heard = cx.now;
        if header.flags.is_response() {
            // Only signs of life are asked for, so any answer is good.
            self.request = None;
        } else if header.message_id == self.expected_id {
            let mut chain = Chain::new();
            if let Ok(payloads) = Payloads::parse(first, &octets) {
                self.serve(cx, ends, header.exchange, &payloads, &mut chain);
            } else {
                chain.status(NotifyType::InvalidSyntax, &[]);
            }
            if let Some(answer) = self.channel.seal(header.exchange, true, header.message_id, &chain) {
                cx.out.push(Event::Send(ends, answer.clone()));
                self.answered(header.message_id, answer);
            }
        } else if header.message_id.wrapping_add(1) == self.expected_id && !self.answer.is_empty() {
            cx.out.push(Event::Send(ends, self.answer.clone()));
        }
        true
    }

    fn serve(
        &mut self,
        cx: &mut Cx<'_>,
        ends: Ends,
        exchange: Exchange,
        payloads: &Payloads<'_>,
        answer: &mut Chain,
    ) {
        match exchange {
            Exchange::Informational => {
                for payload in payloads.all(PayloadType::Delete) {
                    if let Ok(delete) = Delete::parse(payload.body) {
                        self.delete(cx, &delete, answer);
                    }
                }
                if let Some(kind) = error(payloads) {
                    cx.out.push(Event::Down(Why::Refused(kind)));
                }
            }
            Exchange::CreateChildSa => {
                if self.create(cx, ends, payloads, answer).is_none() {
                    *answer = Chain::new();
                    answer.status(NotifyType::NoAdditionalSas, &[]);
                }
            }
            _ => {
                answer.status(NotifyType::InvalidSyntax, &[]);
            }
        }
    }

    fn delete(&mut self, cx: &mut Cx<'_>, delete: &Delete<'_>, answer: &mut Chain) {
        match delete.protocol {
            Protocol::Ike => cx.out.push(Event::Down(Why::Deleted)),
            Protocol::Esp => {
                // The SPIs are those that the other side receives on; the answer has ours (1.4.1).
                let (gone, left) = self
                    .children
                    .drain(..)
                    .partition(|child| delete.spis().any(|spi| spi == child.outbound_spi));
                self.children = left;
                let gone: Vec<Child> = gone;
                let spis: Vec<u32> = gone.iter().map(|child| child.inbound_spi).collect();
                if !spis.is_empty() {
                    answer.delete_esp(&spis);
                }
                if self.children.is_empty() {
                    cx.out.push(Event::Down(Why::Deleted));
                }
            }
            _ => {}
        }
    }

    /// A child that replaces one (2.8), maybe with a key exchange of its own. `None`: not that, or not possible.
    fn create(
        &mut self,
        cx: &mut Cx<'_>,
        ends: Ends,
        payloads: &Payloads<'_>,
        answer: &mut Chain,
    ) -> Option<()> {
        if !notified(payloads, NotifyType::RekeySa) || self.children.len() >= MAX_CHILDREN {
            return None;
        }
        let sa = payloads.security_association().ok()??;
        let (number, outbound) = sa
            .proposals()
            .flatten()
            .find_map(|proposal| Some((proposal.number, offer::fits_esp(&proposal)?)))?;
        let (theirs, ours): (_, [u8; super::NONCE_LEN]) = (payloads.nonce().ok()??, random_array());
        let exchange = match payloads.key_exchange().ok()? {
            None => None,
            Some(exchange) => {
                let group = Group::from_transform(exchange.method.0)?;
                let (public, shared) = respond(group, exchange.data).ok()?;
                Some((group, public, shared))
            }
        };
        let inbound = new_spi();
        let transport = notified(payloads, NotifyType::UseTransportMode);
        if transport {
            answer.status(NotifyType::UseTransportMode, &[]);
        }
        offer::esp(answer, number, inbound, exchange.as_ref().map(|(group, ..)| *group));
        answer.nonce(&ours);
        let shared = exchange.map(|(group, public, shared)| {
            answer.key_exchange(KeyExchangeId(group.id()), &public);
            shared
        });
        selectors(answer, &ends, Role::Responder);
        let keys = self.channel.child_keys(shared.as_slice(), Nonces { initiator: theirs, responder: &ours });
        // Sent with once the other side uses it or has deleted the old one: until then it may not be in place there.
        self.children.push(Child::new(cx.choice, &keys, Role::Responder, inbound, outbound).ok()?);
        cx.counts.rekeyed += 1;
        transport.then_some(())
    }

    /// Appends an ESP packet with `gre` in it.
    pub fn seal(&mut self, crypto: &mut Crypto, now: u64, gre: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.sent = now;
        self.children.first_mut()?.seal(crypto, gre, out)
    }

    /// Opens an ESP packet in place. `None`: no child has that SPI.
    pub fn open(
        &mut self,
        crypto: &mut Crypto,
        now: u64,
        spi: u32,
        packet: &mut [u8],
    ) -> Option<Result<Opened, Refusal>> {
        let at = self.children.iter().position(|child| child.inbound_spi == spi)?;
        let opened = self.children.get_mut(at)?.open(crypto, packet);
        if opened.is_ok() {
            self.heard = now;
            // The peer uses the newest one, so it can also receive on it.
            if at > 0 && at + 1 == self.children.len() {
                self.children.swap(0, at);
            }
        }
        Some(opened)
    }
}
