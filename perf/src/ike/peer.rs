//! One IKE SA with a peer, from its first message to its end.

use super::handshake::{Awaiting, Proving};
use super::init::{Opening, Step};
use super::offer::{Ends, Name};
use super::retransmission::{Due, Request};
use super::sa::Sa;
use super::{Counts, Settings};
use crate::ike::{Opened, Refusal};
use forwarding::crypto::{Choice, Crypto};
use wire::esp;
use wire::ike::{Exchange, Message, NotifyType};

/// Why a peer is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No answer to a request.
    Silence,
    /// The peer refused, and said so.
    Refused(NotifyType),
    /// The peer's proof or its choice is none.
    Unacceptable(&'static str),
    /// The peer deleted the SA.
    Deleted,
    /// The other side never finished what it began.
    Unfinished,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Silence => f.write_str("no answer"),
            Self::Refused(kind) => write!(f, "refused: {kind}"),
            Self::Unacceptable(what) => f.write_str(what),
            Self::Deleted => f.write_str("deleted"),
            Self::Unfinished => f.write_str("never finished"),
        }
    }
}

/// What a peer wants done.
#[derive(Debug)]
pub enum Event {
    /// An IKE message to send, without marker.
    Send(Ends, Vec<u8>),
    /// The child can be used.
    Up {
        /// Milliseconds from the first message.
        took_ms: u64,
    },
    /// The peer is of no more use.
    Down(Why),
}

/// What a peer needs to do its work.
pub struct Cx<'a> {
    /// Of all peers.
    pub settings: &'a Settings,
    /// Who we are.
    pub name: &'a Name,
    /// Engines of ESP.
    pub choice: &'a Choice,
    /// Monotonic milliseconds.
    pub now: u64,
    /// Counts of all peers.
    pub counts: &'a mut Counts,
    /// What is to be done.
    pub out: &'a mut Vec<Event>,
}

/// How long the other side has for IKE_AUTH.
const UNFINISHED_MS: u64 = 30_000;
/// Without a sign of life for so long the peer is asked for one, if we have sent since.
const IDLE_MS: u64 = 10_000;

/// One IKE SA and its child.
#[derive(Debug)]
pub struct Peer {
    ends: Ends,
    began: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// IKE_SA_INIT sent.
    Opening(Box<Opening>),
    /// IKE_AUTH sent.
    Proving(Box<Proving>),
    /// IKE_SA_INIT answered.
    Awaiting(Box<Awaiting>),
    /// Both sides are known to each other.
    Established(Box<Sa>),
    Gone,
}

impl Peer {
    /// Begins as initiator.
    pub fn initiate(cx: &mut Cx<'_>, ends: Ends) -> Self {
        let state = match Opening::new(cx, &ends) {
            Some(opening) => State::Opening(Box::new(opening)),
            None => State::Gone,
        };
        Self { ends, began: cx.now, state }
    }

    /// Answers the first message of an initiator. `None`: there is nothing more to do for it.
    pub fn respond(cx: &mut Cx<'_>, ends: Ends, message: &Message<'_>) -> Option<Self> {
        let awaiting = Awaiting::new(cx, &ends, message)?;
        Some(Self { ends, began: cx.now, state: State::Awaiting(Box::new(awaiting)) })
    }

    /// With whom.
    pub fn ends(&self) -> Ends {
        self.ends
    }

    /// Whether a message with this SPI of the initiator's is for this peer.
    pub fn is_of(&self, initiator_spi: u64) -> bool {
        let spi = match &self.state {
            State::Opening(opening) => opening.spi(),
            State::Proving(proving) => proving.channel().spis().initiator,
            State::Awaiting(awaiting) => awaiting.channel().spis().initiator,
            State::Established(sa) => sa.channel().spis().initiator,
            State::Gone => return false,
        };
        u64::from_be_bytes(spi) == initiator_spi
    }

    /// Whether packets can be sent.
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Established(_))
    }

    /// Whether it can be forgotten.
    pub fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone)
    }

    /// When [`Peer::tick`] has something to do next.
    pub fn deadline(&self) -> u64 {
        match &self.state {
            State::Opening(opening) => opening.request.due,
            State::Proving(proving) => proving.request.due,
            State::Awaiting(_) => self.began + UNFINISHED_MS,
            State::Established(sa) => sa.deadline(IDLE_MS),
            State::Gone => u64::MAX,
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, cx: &mut Cx<'_>) {
        match &mut self.state {
            State::Opening(opening) => Self::again(&mut opening.request, self.ends, cx),
            State::Proving(proving) => Self::again(&mut proving.request, self.ends, cx),
            State::Awaiting(_) if cx.now >= self.began + UNFINISHED_MS => {
                cx.out.push(Event::Down(Why::Unfinished))
            }
            State::Awaiting(_) | State::Gone => {}
            State::Established(sa) => sa.tick(cx, self.ends, IDLE_MS),
        }
        self.settle(cx);
    }

    /// Sends a request again, or gives up.
    pub(super) fn again(request: &mut Request, ends: Ends, cx: &mut Cx<'_>) {
        match request.tick(cx.now) {
            Due::Wait => {}
            Due::Again => {
                cx.counts.again += 1;
                cx.out.push(Event::Send(ends, request.message.clone()));
            }
            Due::Never => cx.out.push(Event::Down(Why::Silence)),
        }
    }

    /// Takes a message with this peer's SPI, that came in at `ends`.
    pub fn message(&mut self, cx: &mut Cx<'_>, ends: Ends, message: &Message<'_>) {
        let header = message.header();
        let response = header.flags.is_response();
        let state = std::mem::replace(&mut self.state, State::Gone);
        self.state = match state {
            State::Opening(opening) if response && header.exchange == Exchange::IkeSaInit => {
                match opening.response(cx, &self.ends, message) {
                    Step::Stay(opening) => State::Opening(opening),
                    Step::Next(proving, ends) => {
                        self.ends = ends;
                        State::Proving(proving)
                    }
                    Step::End(why) => {
                        cx.out.push(Event::Down(why));
                        State::Gone
                    }
                }
            }
            State::Proving(proving) if response && header.exchange == Exchange::IkeAuth => {
                match proving.response(cx, message) {
                    Ok(sa) => self.established(cx, sa),
                    Err(Ok(proving)) => State::Proving(proving),
                    Err(Err(why)) => {
                        cx.out.push(Event::Down(why));
                        State::Gone
                    }
                }
            }
            State::Awaiting(awaiting) if !response => {
                self.ends = ends;
                match awaiting.request(cx, ends, message) {
                    Ok(sa) => self.established(cx, sa),
                    Err(awaiting) => State::Awaiting(awaiting),
                }
            }
            State::Established(mut sa) => {
                if sa.message(cx, ends, message) {
                    self.ends = ends;
                }
                State::Established(sa)
            }
            other => {
                cx.counts.refused += 1;
                other
            }
        };
        self.settle(cx);
    }

    fn established(&mut self, cx: &mut Cx<'_>, sa: Box<Sa>) -> State {
        let took_ms = cx.now.saturating_sub(self.began);
        cx.counts.set_up += 1;
        cx.counts.slowest_ms = cx.counts.slowest_ms.max(took_ms);
        cx.out.push(Event::Up { took_ms });
        State::Established(sa)
    }

    /// Whoever said that the peer is down has said it for the state, too.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        if cx.out.iter().any(|event| matches!(event, Event::Down(_))) {
            cx.counts.lost += 1;
            self.state = State::Gone;
        }
    }

    /// Appends an ESP packet with `gre` in it. `None`: there is no child.
    pub fn seal(&mut self, crypto: &mut Crypto, now: u64, gre: &[u8], out: &mut Vec<u8>) -> Option<()> {
        match &mut self.state {
            State::Established(sa) => sa.seal(crypto, now, gre, out),
            _ => None,
        }
    }

    /// Opens an ESP packet in place, which came in at `ends`. `None`: its SPI is none of this peer's.
    pub fn open(
        &mut self,
        crypto: &mut Crypto,
        now: u64,
        ends: Ends,
        packet: &mut [u8],
    ) -> Option<Result<Opened, Refusal>> {
        let State::Established(sa) = &mut self.state else { return None };
        let spi = esp::parse(packet)?.spi.get();
        let opened = sa.open(crypto, now, spi, packet)?;
        // An authentic packet from elsewhere: a NAT has moved the peer. ESP without UDP says nothing about ports.
        if opened.is_ok() && ends.udp() && self.ends.udp() {
            self.ends = ends;
        }
        Some(opened)
    }
}
