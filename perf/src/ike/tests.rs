//! Two peers, and what a stranger or a bad line does to them.

use super::*;
use crate::ike::peer::Cx;
use forwarding::crypto::{Choice, Crypto, Wish};
use std::net::Ipv4Addr;
use wire::esp::{PORT_IKE, PORT_NATT};
use wire::ike::{Chain, Exchange, Header, Message, NotifyType};

mod hub;

const SPOKE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const HUB: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

/// From where to where, and the message.
type Datagram = (Ends, Vec<u8>);

/// One side.
struct Side {
    settings: Settings,
    name: Name,
    choice: Choice,
    crypto: Crypto,
    counts: Counts,
    out: Vec<Event>,
}

impl Side {
    fn new(key: &str, groups: &[Group], address: Ipv4Addr) -> Self {
        let choice = Choice::new(Wish::Auto).unwrap();
        let crypto = Crypto::new(&choice, &random_array()).unwrap();
        let settings = Settings { key: Secret::copy_of(key.as_bytes()), groups: groups.to_vec(), udp: false };
        Self {
            settings,
            name: Name::new(None, address),
            choice,
            crypto,
            counts: Counts::default(),
            out: Vec::new(),
        }
    }

    fn cx(&mut self, now: u64) -> Cx<'_> {
        Cx {
            settings: &self.settings,
            name: &self.name,
            choice: &self.choice,
            now,
            counts: &mut self.counts,
            out: &mut self.out,
        }
    }

    /// Messages to be sent, and whether the peer is up or down.
    fn events(&mut self) -> (Vec<Datagram>, Option<Why>, bool) {
        let (mut sent, mut down, mut up) = (Vec::new(), None, false);
        for event in self.out.drain(..) {
            match event {
                Event::Send(ends, message) => sent.push((ends, message)),
                Event::Up { .. } => up = true,
                Event::Down(why) => down = Some(why),
            }
        }
        (sent, down, up)
    }
}

fn ends(local: Ipv4Addr, remote: Ipv4Addr) -> Ends {
    Ends { local, local_port: PORT_IKE, remote, remote_port: PORT_IKE }
}

fn mirrored(ends: &Ends) -> Ends {
    Ends {
        local: ends.remote,
        local_port: ends.remote_port,
        remote: ends.local,
        remote_port: ends.local_port,
    }
}

/// Carries messages to and fro until nobody has anything to say.
fn talk(
    a: &mut Side,
    initiator: &mut Peer,
    b: &mut Side,
    responder: &mut Option<Peer>,
    now: u64,
) -> Option<Why> {
    let mut down = None;
    loop {
        let (to_b, why, _) = a.events();
        down = down.or(why);
        for (ends, message) in &to_b {
            let (ends, message) = (mirrored(ends), Message::parse(message).unwrap());
            match responder {
                Some(peer) => peer.message(&mut b.cx(now), ends, &message),
                None => *responder = Peer::respond(&mut b.cx(now), ends, &message),
            }
        }
        let (to_a, ..) = b.events();
        for (ends, message) in &to_a {
            initiator.message(&mut a.cx(now), mirrored(ends), &Message::parse(message).unwrap());
        }
        if to_b.is_empty() && to_a.is_empty() {
            return down.or(a.events().1);
        }
    }
}

/// Both sides and their peers, set up.
fn pair(groups: (&[Group], &[Group])) -> (Side, Peer, Side, Peer) {
    let (mut a, mut b) = (Side::new("secret", groups.0, SPOKE), Side::new("secret", groups.1, HUB));
    let mut initiator = Peer::initiate(&mut a.cx(0), ends(SPOKE, HUB));
    let mut responder = None;
    assert_eq!(talk(&mut a, &mut initiator, &mut b, &mut responder, 7), None);
    let responder = responder.unwrap();
    assert!(initiator.is_up() && responder.is_up());
    assert_eq!((a.counts.set_up, b.counts.set_up, a.counts.slowest_ms), (1, 1, 7));
    (a, initiator, b, responder)
}

fn carry(from: (&mut Side, &mut Peer), to: (&mut Side, &mut Peer), gre: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    from.1.seal(&mut from.0.crypto, 9, gre, &mut packet).unwrap();
    let at = to.1.open(&mut to.0.crypto, 9, mirrored(&from.1.ends()), &mut packet.clone()).unwrap().unwrap();
    let mut opened = packet.clone();
    let again = to.1.open(&mut to.0.crypto, 9, mirrored(&from.1.ends()), &mut opened);
    assert_eq!(again, Some(Err(Refusal::Replay)));
    assert_eq!(at.len(), gre.len());
    packet
}

#[test]
fn set_up_and_packets_both_ways() {
    let (mut a, mut initiator, mut b, mut responder) = pair((&[Group::X25519], &[Group::X25519]));
    for length in 0..70 {
        let gre = vec![length; usize::from(length)];
        carry((&mut a, &mut initiator), (&mut b, &mut responder), &gre);
        carry((&mut b, &mut responder), (&mut a, &mut initiator), &gre);
    }
    let mut packet = Vec::new();
    initiator.seal(&mut a.crypto, 9, b"gre", &mut packet).unwrap();
    for at in 4..packet.len() {
        let mut forged = packet.clone();
        forged[at] ^= 1;
        let opened = responder.open(&mut b.crypto, 9, ends(HUB, SPOKE), &mut forged).unwrap();
        assert!(matches!(opened, Err(Refusal::Forged | Refusal::Replay)), "octet {at}: {opened:?}");
    }
    packet[0] ^= 1;
    assert_eq!(responder.open(&mut b.crypto, 9, ends(HUB, SPOKE), &mut packet), None);
}

#[test]
fn another_group_is_taken_when_asked_for() {
    let (a, ..) = pair((&[Group::Ecp256, Group::X25519], &[Group::X25519]));
    assert_eq!((a.counts.other_group, a.counts.requests), (1, 3));
}

#[test]
fn a_cookie_is_returned_first() {
    let mut a = Side::new("secret", &[Group::X25519], SPOKE);
    let mut peer = Peer::initiate(&mut a.cx(0), ends(SPOKE, HUB));
    let (sent, ..) = a.events();
    let request = Message::parse(&sent[0].1).unwrap();
    let mut chain = Chain::new();
    chain.status(NotifyType::Cookie, &[7; 25]);
    let header = Header { flags: wire::ike::Flags(0x20), ..request.header() };
    let answer = chain.message(&header).unwrap();
    peer.message(&mut a.cx(1), ends(SPOKE, HUB), &Message::parse(&answer).unwrap());
    let (again, ..) = a.events();
    let again = Message::parse(&again[0].1).unwrap();
    let first = again.payloads().notifies().next().unwrap().unwrap();
    assert_eq!((first.kind, first.data, a.counts.cookies), (NotifyType::Cookie, &[7; 25][..], 1));
    // The rest is the same (RFC 7296 2.6).
    assert!(again.octets().ends_with(&request.octets()[wire::ike::HEADER_LEN..]));
    // Nobody keeps asking.
    for _ in 0..4 {
        peer.message(&mut a.cx(1), ends(SPOKE, HUB), &Message::parse(&answer).unwrap());
    }
    assert!(peer.is_gone());
}

#[test]
fn who_does_not_know_the_key_is_refused() {
    let (mut a, mut b) =
        (Side::new("secret", &[Group::X25519], SPOKE), Side::new("other", &[Group::X25519], HUB));
    let mut initiator = Peer::initiate(&mut a.cx(0), ends(SPOKE, HUB));
    let mut responder = None;
    talk(&mut a, &mut initiator, &mut b, &mut responder, 1);
    assert!(!initiator.is_up() && !responder.as_ref().unwrap().is_up());
    assert_eq!(b.counts.refused, 1);
    responder.as_mut().unwrap().tick(&mut b.cx(40_000));
    assert_eq!(b.events().1, Some(Why::Unfinished));
}

#[test]
fn silence_ends_it_after_some_requests() {
    let mut a = Side::new("secret", &[Group::X25519], SPOKE);
    let mut peer = Peer::initiate(&mut a.cx(0), ends(SPOKE, HUB));
    let mut sent = vec![a.events().0];
    while !peer.is_gone() {
        let now = peer.deadline();
        peer.tick(&mut a.cx(now));
        let (again, why, _) = a.events();
        assert_eq!(why.is_some(), again.is_empty());
        sent.push(again);
    }
    assert!(sent[..7].iter().all(|messages| messages[0].1 == sent[0][0].1), "the same octets each time");
    assert_eq!((sent.len(), a.counts.again, a.counts.lost), (8, 6, 1));
}

#[test]
fn behind_a_nat_both_float() {
    let (mut a, mut b) =
        (Side::new("secret", &[Group::X25519], SPOKE), Side::new("secret", &[Group::X25519], HUB));
    a.settings.udp = true;
    let mut initiator = Peer::initiate(&mut a.cx(0), ends(SPOKE, HUB));
    let mut responder = None;
    assert_eq!(talk(&mut a, &mut initiator, &mut b, &mut responder, 1), None);
    assert!(initiator.ends().udp() && responder.as_ref().unwrap().ends().udp());
    assert_eq!(responder.unwrap().ends().local_port, PORT_NATT);
}

#[test]
fn a_sign_of_life_is_asked_for_and_given() {
    let (mut a, mut initiator, mut b, responder) = pair((&[Group::X25519], &[Group::X25519]));
    let mut responder = Some(responder);
    // Nothing was sent, so nothing is missed.
    initiator.tick(&mut a.cx(10_007));
    assert!(a.events().0.is_empty());
    initiator.seal(&mut a.crypto, 11_000, b"lost", &mut Vec::new()).unwrap();
    initiator.tick(&mut a.cx(20_007));
    assert_eq!(a.counts.requests, 3);
    assert_eq!(talk(&mut a, &mut initiator, &mut b, &mut responder, 20_008), None);
    assert_eq!(initiator.deadline(), 30_008);
    // The answer is lost: the same request gets the same answer, and nothing is done twice.
    initiator.seal(&mut a.crypto, 21_000, b"lost", &mut Vec::new()).unwrap();
    initiator.tick(&mut a.cx(30_008));
    let (sent, ..) = a.events();
    let message = Message::parse(&sent[0].1).unwrap();
    let peer = responder.as_mut().unwrap();
    peer.message(&mut b.cx(30_009), ends(HUB, SPOKE), &message);
    let first = b.events().0;
    peer.message(&mut b.cx(30_010), ends(HUB, SPOKE), &message);
    assert_eq!(b.events().0[0].1, first[0].1);
    // Silence.
    while !initiator.is_gone() {
        let now = initiator.deadline();
        initiator.tick(&mut a.cx(now));
    }
    assert_eq!(a.events().1, Some(Why::Silence));
    assert_eq!(message.header().exchange, Exchange::Informational);
}
