//! IKE_AUTH, as initiator and as responder (RFC 7296 1.2, 2.15), and what comes before it as responder.

use super::channel::Channel;
use super::child::Child;
use super::offer::{self, Ends};
use super::peer::{Cx, Event, Why};
use super::retransmission::Request;
use super::sa::Sa;
use super::{NONCE_LEN, random_array};
use ike::crypto::{Keys, Nonces, Role, Spis, respond};
use wire::esp::MIN_SPI;
use wire::ike::{
    Chain, Exchange, KeyExchangeId, Message, NotifyType, PayloadType, Payloads, TrafficSelector,
};
use wire::ip4::protocol::GRE;

/// The first messages of both sides, and their nonces: what AUTH covers.
#[derive(Debug)]
struct Opened {
    ours: Vec<u8>,
    theirs: Vec<u8>,
    our_nonce: [u8; NONCE_LEN],
    their_nonce: Vec<u8>,
}

impl Opened {
    fn nonces(&self, role: Role) -> Nonces<'_> {
        match role {
            Role::Initiator => Nonces { initiator: &self.our_nonce, responder: &self.their_nonce },
            Role::Responder => Nonces { initiator: &self.their_nonce, responder: &self.our_nonce },
        }
    }

    fn child(&self, cx: &Cx<'_>, channel: &Channel, inbound_spi: u32, outbound_spi: u32) -> Option<Child> {
        let role = channel.role();
        let keys = channel.child_keys(&[], self.nonces(role));
        Child::new(cx.choice, &keys, role, inbound_spi, outbound_spi).ok()
    }
}

/// An SPI for our receiving side. That no other has it is left to chance: it is looked up together with the addresses.
pub fn new_spi() -> u32 {
    u32::from_be_bytes(random_array()).max(MIN_SPI)
}

/// Appends both traffic selectors: GRE between the two hosts, initiator's first.
pub fn selectors(chain: &mut Chain, ends: &Ends, role: Role) {
    let (initiator, responder) = match role {
        Role::Initiator => (ends.local, ends.remote),
        Role::Responder => (ends.remote, ends.local),
    };
    chain.selectors(PayloadType::SelectorsInitiator, &[TrafficSelector::host(GRE, initiator)]);
    chain.selectors(PayloadType::SelectorsResponder, &[TrafficSelector::host(GRE, responder)]);
}

/// Whether a notify of that kind is there.
pub fn notified(payloads: &Payloads<'_>, kind: NotifyType) -> bool {
    payloads.notifies().flatten().any(|notify| notify.kind == kind)
}

/// The first error among the notifies.
pub fn error(payloads: &Payloads<'_>) -> Option<NotifyType> {
    payloads.notifies().flatten().map(|notify| notify.kind).find(|kind| kind.is_error())
}

/// As initiator: the request is on its way.
#[derive(Debug)]
pub struct Proving {
    channel: Channel,
    opened: Opened,
    inbound_spi: u32,
    /// The message.
    pub request: Request,
}

impl Proving {
    /// Sends the request. `None`: it cannot be made.
    pub fn new(
        cx: &mut Cx<'_>,
        ends: &Ends,
        mut channel: Channel,
        (ours, theirs): (&[u8], &[u8]),
        (our_nonce, their_nonce): ([u8; NONCE_LEN], &[u8]),
    ) -> Option<Self> {
        let inbound_spi = new_spi();
        let mut chain = Chain::new();
        cx.name.prove(&mut chain, cx.settings, channel.keys(), Role::Initiator, ours, their_nonce);
        chain.status(NotifyType::InitialContact, &[]).status(NotifyType::UseTransportMode, &[]);
        offer::esp(&mut chain, 1, inbound_spi, None);
        selectors(&mut chain, ends, Role::Initiator);
        let message = channel.seal(Exchange::IkeAuth, false, 1, &chain)?;
        cx.counts.requests += 1;
        cx.out.push(Event::Send(*ends, message.clone()));
        let opened = Opened {
            ours: ours.to_vec(),
            theirs: theirs.to_vec(),
            our_nonce,
            their_nonce: their_nonce.to_vec(),
        };
        Some(Self { channel, opened, inbound_spi, request: Request::new(message, cx.now) })
    }

    /// Keys and SPIs.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Takes the response. `Err(Ok)`: it is none of the peer's.
    pub fn response(
        self: Box<Self>,
        cx: &mut Cx<'_>,
        message: &Message<'_>,
    ) -> Result<Box<Sa>, Result<Box<Self>, Why>> {
        let inner = (message.header().message_id == 1).then(|| self.channel.open(message)).flatten();
        let Some((first, octets)) = inner else {
            cx.counts.refused += 1;
            return Err(Ok(self));
        };
        let Ok(payloads) = Payloads::parse(first, &octets) else {
            return Err(Err(Why::Unacceptable("malformed")));
        };
        self.accept(cx, &payloads).map_err(Err)
    }

    fn accept(self: Box<Self>, cx: &mut Cx<'_>, payloads: &Payloads<'_>) -> Result<Box<Sa>, Why> {
        let Self { channel, opened, inbound_spi, .. } = *self;
        if let Some(kind) = error(payloads) {
            return Err(Why::Refused(kind));
        }
        let keys = channel.keys();
        if !offer::proven(payloads, cx.settings, keys, Role::Responder, &opened.theirs, &opened.our_nonce) {
            return Err(Why::Unacceptable("the responder does not know the key"));
        }
        if !notified(payloads, NotifyType::UseTransportMode) {
            return Err(Why::Unacceptable("no transport mode"));
        }
        let chosen = payloads.security_association().ok().flatten().and_then(|sa| sa.only()?.ok());
        let outbound = chosen.and_then(|proposal| offer::fits_esp(&proposal));
        let child = outbound.and_then(|spi| opened.child(cx, &channel, inbound_spi, spi));
        let child = child.ok_or(Why::Unacceptable("a child that was not offered"))?;
        // The next request is number 2, the peer's first is number 0 (RFC 7296 2.2).
        Ok(Box::new(Sa::new(channel, child, 2, 0, cx.now)))
    }
}

/// As responder: IKE_SA_INIT is answered.
#[derive(Debug)]
pub struct Awaiting {
    channel: Channel,
    opened: Opened,
}

impl Awaiting {
    /// Answers IKE_SA_INIT. `None`: it is malformed, or was answered with another wish.
    pub fn new(cx: &mut Cx<'_>, ends: &Ends, message: &Message<'_>) -> Option<Self> {
        let payloads = message.payloads();
        let header = message.header();
        let exchange = payloads.key_exchange().ok()??;
        let sa = payloads.security_association().ok()??;
        let their_nonce = payloads.nonce().ok()??;
        let mut spis = Spis { initiator: header.initiator_spi.to_be_bytes(), responder: [0; 8] };
        let fits = |group: &&_| sa.proposals().flatten().any(|proposal| offer::fits_ike(&proposal, **group));
        let group = *cx.settings.groups.iter().find(fits)?;
        let mut chain = Chain::new();
        let answer = |spis| Channel::header(spis, Role::Responder, Exchange::IkeSaInit, true, 0);
        if exchange.method.0 != group.id() {
            chain.status(NotifyType::InvalidKePayload, &group.id().to_be_bytes());
            cx.out.push(Event::Send(*ends, chain.message(&answer(spis)).ok()?));
            return None;
        }
        let (public, shared) = respond(group, exchange.data).ok()?;
        let our_nonce = random_array();
        spis.responder = random_array();
        spis.responder[0] |= 1;
        offer::ike(&mut chain, &[group]);
        chain.key_exchange(KeyExchangeId(group.id()), &public).nonce(&our_nonce);
        let pair = (header.initiator_spi, u64::from_be_bytes(spis.responder));
        offer::nat_hashes(&mut chain, cx.settings, pair, ends);
        let ours = chain.message(&answer(spis)).ok()?;
        cx.out.push(Event::Send(*ends, ours.clone()));
        let keys = Keys::initial(
            offer::suite()?,
            &shared,
            Nonces { initiator: their_nonce, responder: &our_nonce },
            spis,
        );
        let (theirs, their_nonce) = (message.octets().to_vec(), their_nonce.to_vec());
        let opened = Opened { ours, theirs, our_nonce, their_nonce };
        Some(Self { channel: Channel::new(spis, Role::Responder, keys), opened })
    }

    /// Keys and SPIs.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Takes IKE_AUTH, or IKE_SA_INIT once more. `Err`: still waiting.
    pub fn request(
        mut self: Box<Self>,
        cx: &mut Cx<'_>,
        ends: Ends,
        message: &Message<'_>,
    ) -> Result<Box<Sa>, Box<Self>> {
        if message.octets() == self.opened.theirs {
            cx.out.push(Event::Send(ends, self.opened.ours.clone()));
            return Err(self);
        }
        let header = message.header();
        let right = header.exchange == Exchange::IkeAuth && header.message_id == 1;
        let inner = right.then(|| self.channel.open(message)).flatten();
        let Some((child, answer)) =
            inner.and_then(|(first, octets)| self.answer(cx, &ends, &Payloads::parse(first, &octets).ok()?))
        else {
            cx.counts.refused += 1;
            return Err(self);
        };
        cx.out.push(Event::Send(ends, answer.clone()));
        let mut sa = Sa::new(self.channel, child, 0, 2, cx.now);
        sa.answered(1, answer);
        Ok(Box::new(sa))
    }

    fn answer(&mut self, cx: &Cx<'_>, ends: &Ends, payloads: &Payloads<'_>) -> Option<(Child, Vec<u8>)> {
        let keys = self.channel.keys();
        let Opened { ours, theirs, our_nonce, their_nonce } = &self.opened;
        if !offer::proven(payloads, cx.settings, keys, Role::Initiator, theirs, our_nonce)
            || !notified(payloads, NotifyType::UseTransportMode)
        {
            return None;
        }
        let sa = payloads.security_association().ok()??;
        let (number, outbound) = sa
            .proposals()
            .flatten()
            .find_map(|proposal| Some((proposal.number, offer::fits_esp(&proposal)?)))?;
        let inbound = new_spi();
        let mut chain = Chain::new();
        cx.name.prove(&mut chain, cx.settings, keys, Role::Responder, ours, their_nonce);
        chain.status(NotifyType::UseTransportMode, &[]);
        offer::esp(&mut chain, number, inbound, None);
        selectors(&mut chain, ends, Role::Responder);
        let child = self.opened.child(cx, &self.channel, inbound, outbound)?;
        Some((child, self.channel.seal(Exchange::IkeAuth, true, 1, &chain)?))
    }
}
