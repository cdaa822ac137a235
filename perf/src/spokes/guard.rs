//! Tunnel protection of all spokes: an IKE SA of each with the hub, and with other spokes where there are shortcuts.

mod packets;

pub use packets::{EspCounts, Sent, Taken};

use super::plan::Identity;
use super::secure_sockets::Sockets;
use super::{Args, Error};
use crate::ike::{Counts, Cx, Ends, Event, Name, Peer, Settings, Why};
use forwarding::crypto::{Choice, Crypto, Wish};
use ike::crypto::{Group, Secret};
use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;
use wire::esp::PORT_IKE;
use wire::ike::{Exchange, Message};

/// Most IKE SAs of a spoke at a time.
const MAX_PEERS: usize = 32;
/// First wait before a spoke whose SA with the hub is lost begins anew; doubled each time.
const FIRST_PAUSE: u64 = 500;
/// Longest wait.
const LAST_PAUSE: u64 = 30_000;

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A spoke and a peer can send each other packets.
    Up {
        /// Number of the spoke.
        spoke: u32,
        /// The hub's or the other spoke's address.
        peer: Ipv4Addr,
        /// Milliseconds from the first message.
        took_ms: u64,
    },
    /// No more, or it never came to that.
    Down {
        /// Number of the spoke.
        spoke: u32,
        /// The hub's or the other spoke's address.
        peer: Ipv4Addr,
        /// Why.
        why: Why,
    },
}

struct Spoke {
    nbma: Ipv4Addr,
    name: Name,
    /// When it begins with the hub; never, while it has an SA with it.
    begin: u64,
    pause: u64,
    peers: Vec<Peer>,
}

/// What every IKE SA works with.
struct Shared {
    settings: Settings,
    choice: Choice,
    counts: Counts,
    events: Vec<Event>,
}

impl Shared {
    fn cx<'a>(&'a mut self, name: &'a Name, now: u64) -> Cx<'a> {
        let Self { settings, choice, counts, events: out } = self;
        Cx { settings, name, choice, now, counts, out }
    }
}

/// All of it.
pub struct Guard {
    shared: Shared,
    crypto: Crypto,
    sockets: Sockets,
    hub: Ipv4Addr,
    first: Ipv4Addr,
    spokes: Vec<Spoke>,
    notices: Vec<Notice>,
    /// ESP.
    pub esp: EspCounts,
}

impl Guard {
    /// `None`: the spokes are not protected. `begin`: when which spoke begins.
    pub fn open(
        args: &Args,
        identities: &[Identity],
        begin: impl Fn(u32) -> u64,
    ) -> Result<Option<Self>, Error> {
        let Some(key) = &args.psk else { return Ok(None) };
        let usage = |error: &dyn std::fmt::Display| Error::Usage(error.to_string());
        let choice = Choice::new(Wish::Auto).map_err(|error| usage(&error))?;
        let mut seed = [0; 32];
        crate::ike::random(&mut seed);
        let crypto = Crypto::new(&choice, &seed).map_err(|error| usage(&error))?;
        let mut groups = vec![args.group.0];
        if args.group.0 != Group::X25519 {
            groups.push(Group::X25519);
        }
        let spoke = |me: &Identity| {
            let number = args.identity_from + me.index;
            let name = args.identity.as_ref().map(|name| name.replace("{n}", &number.to_string()));
            let name = Name::new(name, me.nbma);
            Spoke { nbma: me.nbma, name, begin: begin(me.index), pause: FIRST_PAUSE, peers: Vec::new() }
        };
        Ok(Some(Self {
            shared: Shared {
                settings: Settings { key: Secret::copy_of(key.as_bytes()), groups, udp: args.udp },
                choice,
                counts: Counts::default(),
                events: Vec::new(),
            },
            crypto,
            sockets: Sockets::open()?,
            hub: args.hub,
            first: args.nbma,
            spokes: identities.iter().map(spoke).collect(),
            notices: Vec::new(),
            esp: EspCounts::default(),
        }))
    }

    /// When [`Guard::tick`] has something to do for a spoke.
    pub fn deadline(&self, index: u32) -> u64 {
        let Some(spoke) = self.spokes.get(index as usize) else { return u64::MAX };
        spoke.peers.iter().map(Peer::deadline).fold(spoke.begin, u64::min)
    }

    /// Does what is due for a spoke.
    pub fn tick(&mut self, index: u32, now: u64) {
        let Some(spoke) = self.spokes.get(index as usize) else { return };
        if now >= spoke.begin {
            self.initiate(index, self.hub, now);
        }
        self.each(index, now, |peer, cx| {
            if peer.deadline() <= cx.now {
                peer.tick(cx);
            }
        });
    }

    /// Since the last time.
    pub fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Spokes that have an SA with the hub.
    pub fn up(&self) -> u32 {
        let up =
            |spoke: &&Spoke| spoke.peers.iter().any(|peer| peer.is_up() && peer.ends().remote == self.hub);
        self.spokes.iter().filter(up).count() as u32
    }

    /// IKE.
    pub fn counts(&self) -> Counts {
        self.shared.counts
    }

    /// What to wait for.
    pub fn fds(&self) -> [BorrowedFd<'_>; 2] {
        self.sockets.fds()
    }

    /// Begins with a peer.
    fn initiate(&mut self, index: u32, remote: Ipv4Addr, now: u64) {
        let Some(spoke) = self.spokes.get_mut(index as usize) else { return };
        let ends = Ends { local: spoke.nbma, local_port: PORT_IKE, remote, remote_port: PORT_IKE };
        if remote == self.hub {
            spoke.begin = u64::MAX;
        } else if spoke.peers.len() >= MAX_PEERS {
            return;
        }
        let peer = Peer::initiate(&mut self.shared.cx(&spoke.name, now), ends);
        spoke.peers.push(peer);
        self.perform(index, remote);
    }

    /// Lets peers of a spoke do something, and does what comes of it.
    fn each(&mut self, index: u32, now: u64, mut run: impl FnMut(&mut Peer, &mut Cx<'_>)) {
        let Some(spoke) = self.spokes.get_mut(index as usize) else { return };
        let mut peers = std::mem::take(&mut spoke.peers);
        for peer in &mut peers {
            let Some(spoke) = self.spokes.get(index as usize) else { return };
            run(peer, &mut self.shared.cx(&spoke.name, now));
            if !self.shared.events.is_empty() {
                self.perform(index, peer.ends().remote);
            }
        }
        peers.retain(|peer| !peer.is_gone());
        let hub = self.hub;
        if let Some(spoke) = self.spokes.get_mut(index as usize) {
            spoke.peers = peers;
            if spoke.begin == u64::MAX && !spoke.peers.iter().any(|peer| peer.ends().remote == hub) {
                spoke.begin = now + spoke.pause;
                spoke.pause = (2 * spoke.pause).min(LAST_PAUSE);
            }
        }
    }

    fn perform(&mut self, index: u32, remote: Ipv4Addr) {
        for event in std::mem::take(&mut self.shared.events) {
            match event {
                Event::Send(ends, message) => {
                    // What the kernel does not take is sent again, as what is lost on the way.
                    let sent = self.sockets.ike(&ends, &message);
                    self.shared.counts.unsent += u64::from(!sent);
                }
                Event::Up { took_ms } => {
                    if let Some(spoke) = self.spokes.get_mut(index as usize).filter(|_| remote == self.hub) {
                        spoke.pause = FIRST_PAUSE;
                    }
                    self.notices.push(Notice::Up { spoke: index, peer: remote, took_ms });
                }
                Event::Down(why) => self.notices.push(Notice::Down { spoke: index, peer: remote, why }),
            }
        }
    }

    fn message(&mut self, index: u32, ends: Ends, message: &Message<'_>, now: u64) {
        let header = message.header();
        let mut known = false;
        self.each(index, now, |peer, cx| {
            if !known && peer.is_of(header.initiator_spi) {
                known = true;
                peer.message(cx, ends, message);
            }
        });
        let first = header.exchange == Exchange::IkeSaInit && !header.flags.is_response();
        if known || !first || header.responder_spi != 0 {
            return;
        }
        let Some(spoke) = self.spokes.get_mut(index as usize).filter(|spoke| spoke.peers.len() < MAX_PEERS)
        else {
            return;
        };
        if let Some(peer) = Peer::respond(&mut self.shared.cx(&spoke.name, now), ends, message) {
            spoke.peers.push(peer);
        }
        self.perform(index, ends.remote);
    }
}
