//! What must hold for any octets. Each function is a fuzz target, and a plain test runs it over seeds
//! (`tests/corpus.rs`).

use ike::credentials::{Credentials, Keyring, Match};
use ike::crypto::auth::{METHOD_SHARED_KEY, Signed, shared_key};
use ike::crypto::{
    Encryption, Envelope, Exchange as KeyExchange, Group, Keys, Nonces, Prf, Role, Secret, Spis, Suite,
};
use ike::{
    Action, Config, Direction, Host, Lifetimes, ModePolicy, Path, Protection, Rekey, Responder, SaId, Slot,
    Usage,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};
use wire::ike::{
    AuthMethod, Chain, EncryptionId, EsnId, Exchange, Flags, Header, KeyExchangeId, Message, NotifyType,
    PayloadType, PrfId, ProposalSpec, Protocol, TrafficSelector, Transform,
};

const HUB: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const PATH: Path = Path { local: (HUB, 500), remote: (PEER, 500) };
const KEY: &[u8] = b"a key that two know";
/// Half-open IKE SAs at most, so that the bound is met.
const HALF_OPEN: usize = 4;
/// Slots, so that there are too few.
const SLOTS: u32 = 6;

/// A process that keeps books, and whose randomness is none.
struct Books {
    state: u64,
    used: BTreeSet<SaId>,
    inbound: BTreeSet<SaId>,
    outbound: BTreeSet<SaId>,
    generation: u32,
    usage: BTreeMap<SaId, Usage>,
}

impl Host for Books {
    fn random(&mut self, octets: &mut [u8]) {
        for octet in octets {
            self.state = self.state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            *octet = (self.state >> 56) as u8;
        }
    }

    fn wall_seconds(&self) -> u64 {
        1_790_000_000
    }

    fn allocate(&mut self) -> Option<Slot> {
        let sa = (0..SLOTS).find(|sa| !self.used.contains(sa))?;
        self.used.insert(sa);
        self.generation = self.generation % 255 + 1;
        Some(Slot { sa, spi: self.generation << 24 | sa })
    }

    fn release(&mut self, sa: SaId) {
        assert!(self.used.remove(&sa), "released, and not in use");
    }

    fn adopt(&mut self, slot: Slot) -> bool {
        self.used.insert(slot.sa)
    }

    fn usage(&self, sa: SaId) -> Usage {
        self.usage.get(&sa).copied().unwrap_or_default()
    }
}

/// A responder in its surroundings.
struct World {
    responder: Responder,
    books: Books,
    now: u64,
    sent: Vec<Vec<u8>>,
}

fn config() -> Config {
    let mut keyring = Keyring::new();
    let anybody = Match::Address { prefix: Ipv4Addr::UNSPECIFIED, length: 0 };
    keyring.add(anybody, Secret::copy_of(KEY)).expect("a good key");
    let credentials = Credentials { identity: None, own: None, trust: None, keyring: Arc::new(keyring) };
    let mut config = Config::new(credentials);
    (config.half_open, config.cookie_threshold, config.max_sessions, config.lifetime_s) =
        (HALF_OPEN, 3, 8, 600);
    config.protections.push(Protection {
        local: HUB,
        name: "fuzz".into(),
        proposals: Vec::new(),
        mode: ModePolicy::Any,
        lifetimes: Lifetimes { seconds: 100, octets: 1000, packets: 1000 },
    });
    config
}

impl World {
    fn new() -> Self {
        let books = Books {
            state: 1,
            used: BTreeSet::new(),
            inbound: BTreeSet::new(),
            outbound: BTreeSet::new(),
            generation: 0,
            usage: BTreeMap::new(),
        };
        Self {
            responder: Responder::new(config()).expect("a good configuration"),
            books,
            now: 1_000_000,
            sent: Vec::new(),
        }
    }

    fn datagram(&mut self, path: &Path, datagram: &[u8]) {
        let mut actions = Vec::new();
        self.responder.datagram(self.now, path, datagram, &mut self.books, &mut actions);
        self.act(actions);
    }

    fn tick(&mut self, ms: u64) {
        self.now += ms;
        let mut actions = Vec::new();
        self.responder.tick(self.now, &mut self.books, &mut actions);
        self.act(actions);
    }

    /// Every action fits what was done before.
    fn act(&mut self, actions: Vec<Action>) {
        let mut todo: std::collections::VecDeque<Action> = actions.into();
        while let Some(action) = todo.pop_front() {
            match action {
                Action::Send { datagram, .. } => {
                    assert!(Message::parse(&datagram).is_ok(), "sent a malformed message");
                    self.sent.push(datagram);
                }
                Action::Compute(task) => {
                    let mut more = Vec::new();
                    self.responder.computed(self.now, task.run(), &mut self.books, &mut more);
                    todo.extend(more);
                }
                Action::Inbound(child) => {
                    assert!(self.books.used.contains(&child.sa) && child.spi > 255);
                    assert!(self.books.inbound.insert(child.sa), "two SAs in a slot");
                }
                Action::Outbound(child) => {
                    assert!(self.books.inbound.contains(&child.sa) && child.spi > 255);
                    assert!(self.books.outbound.insert(child.sa));
                }
                Action::Use { sa, .. } => assert!(sa.is_none_or(|sa| self.books.outbound.contains(&sa))),
                Action::Remove { sa, direction: Direction::Outbound } => {
                    assert!(self.books.outbound.remove(&sa))
                }
                Action::Remove { sa, direction: Direction::Inbound } => {
                    assert!(self.books.inbound.remove(&sa) && !self.books.outbound.contains(&sa));
                    assert!(self.books.used.remove(&sa));
                }
                Action::Log(event) => {
                    let line = event.to_string();
                    assert!(line.len() < 4096 && !line.contains('\n'));
                }
                Action::SessionUp(_)
                | Action::SessionMoved { .. }
                | Action::SessionDown { .. }
                | Action::Changed(_) => {}
            }
        }
    }

    /// What must hold at any time, and that all ends when nobody speaks any more.
    fn settle(mut self) {
        let load = self.responder.load();
        assert!(load.half_open <= HALF_OPEN && load.tasks == 0);
        for view in self.responder.sessions() {
            if let Some(session) = view.session {
                let _ = self.responder.export(session);
            }
        }
        for _ in 0..40 {
            self.tick(100_000);
        }
        assert!(self.responder.sessions().is_empty(), "an IKE SA that does not end");
        assert!(self.books.used.is_empty(), "a slot that nobody gives back");
    }
}

/// Datagrams of somebody without keys. Each event is an octet of kind, two of length, and that many octets.
pub fn stranger(data: &[u8]) {
    let mut world = World::new();
    for (kind, payload) in events(data) {
        let mut path = PATH;
        path.remote.1 = 500 + u16::from(kind >> 6);
        match kind % 4 {
            0 => world.datagram(&path, payload),
            1 => world.datagram(&path, &init(payload)),
            2 => {
                // With a cookie that is good, if one was demanded.
                world.sent.clear();
                world.datagram(&path, &init(payload));
                let cookie = world.sent.pop().and_then(|answer| cookie(&answer));
                if let Some(cookie) = cookie {
                    let mut chain = Chain::new();
                    chain.status(NotifyType::Cookie, &cookie);
                    let first = [&[chain.first().0], chain.octets()].concat();
                    world.datagram(&path, &init(&prepend(&first, payload)));
                }
            }
            _ => world.tick(payload.len() as u64 * 500),
        }
    }
    world.settle();
}

/// Payloads of IKE_INTERMEDIATE and IKE_AUTH by somebody who has done the key exchange. The first octet chooses whether a
/// good IKE_AUTH comes first with something else in it.
pub fn auth(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else { return };
    let mut world = World::new();
    let Some(mut peer) = Peer::init(&mut world) else { return };
    let exchanges =
        [Exchange::IkeAuth, Exchange::IkeIntermediate, Exchange::Informational, Exchange::CreateChildSa];
    if choice & 0x80 != 0 {
        let mut chain = peer.auth_chain(choice & 1 != 0);
        chain.raw(PayloadType(choice >> 1 & 0x3f), rest);
        peer.send(&mut world, Exchange::IkeAuth, chain.first(), chain.octets());
        return world.settle();
    }
    for (kind, payload) in events(rest) {
        let Some((&first, inner)) = payload.split_first() else { continue };
        let exchange = exchanges[usize::from(kind & 3)];
        let before = world.sent.len();
        if kind & 0x10 != 0 {
            peer.send_fragments(&mut world, exchange, PayloadType(first), inner);
        } else {
            peer.send(&mut world, exchange, PayloadType(first), inner);
        }
        if world.sent.len() > before {
            peer.next += 1;
        }
    }
    world.settle();
}

/// Payloads of an authenticated peer, its answers to our requests, and what else may happen to it.
pub fn peer(data: &[u8]) {
    let (exported, sample) = established();
    let mut world = World::new();
    let mut actions = Vec::new();
    let restored = world.responder.restore(world.now, exported, &mut world.books, &mut actions);
    let session = restored.expect("what was exported is restored");
    world.act(actions);
    let mut peer = sample.clone_for_use();
    for (kind, payload) in events(data) {
        let (first, inner) = payload.split_first().map_or((0, &[][..]), |(first, inner)| (*first, inner));
        let exchange = [Exchange::CreateChildSa, Exchange::Informational, Exchange::IkeAuth, Exchange(first)]
            [usize::from(kind >> 4 & 3)];
        let before = world.sent.len();
        match kind % 8 {
            0..=2 => {
                peer.send(&mut world, exchange, PayloadType(first), inner);
                peer.next += u32::from(world.sent.len() > before);
            }
            3 => {
                peer.send_fragments(&mut world, exchange, PayloadType(first), inner);
                peer.next += u32::from(world.sent.len() > before);
            }
            4 => peer.answer(&mut world, exchange, PayloadType(first), inner),
            5 => {
                let what = if kind & 0x10 != 0 { Rekey::Ike } else { Rekey::Children };
                let mut actions = Vec::new();
                world.responder.rekey(world.now, session, what, &mut world.books, &mut actions);
                world.act(actions);
            }
            6 => {
                let usage =
                    Usage { heard_ms: Some(world.now), packets_in: 1, octets_in: 2000, ..Default::default() };
                let used: Vec<SaId> = world.books.inbound.iter().copied().collect();
                used.into_iter().for_each(|sa| {
                    world.books.usage.insert(sa, usage);
                });
                world.tick(u64::from(first) * 10);
            }
            _ => world.tick(u64::from(first) * 500),
        }
    }
    if let Some(exported) = world.responder.export(session) {
        let mut other = World::new();
        let mut actions = Vec::new();
        let restored = other.responder.restore(world.now, &exported, &mut other.books, &mut actions);
        assert_eq!(restored, Some(session));
        other.act(actions);
        other.settle();
    }
    world.settle();
}

fn events(mut rest: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (&[kind, hi, lo], after) = rest.split_first_chunk::<3>()?;
        let (payload, after) = after.split_at(usize::from(u16::from_be_bytes([hi, lo])).min(after.len()));
        rest = after;
        Some((kind, payload))
    })
}

/// IKE_SA_INIT of these payloads, the first octet being the type of the first.
fn init(payload: &[u8]) -> Vec<u8> {
    let Some((&first, chain)) = payload.split_first() else { return Vec::new() };
    let mut datagram = head((0x1122_3344_5566_7788, 0), Exchange::IkeSaInit, Flags::INITIATOR, 0, first);
    datagram.extend_from_slice(chain);
    let length = (datagram.len() as u32).to_be_bytes();
    datagram[24..28].copy_from_slice(&length);
    datagram
}

/// A payload before others; each slice begins with the type of its first.
fn prepend(payload: &[u8], others: &[u8]) -> Vec<u8> {
    let mut all = payload.to_vec();
    if let (Some((first, others)), Some(next)) = (others.split_first(), all.get_mut(1)) {
        *next = *first;
        all.extend_from_slice(others);
    }
    all
}

fn cookie(answer: &[u8]) -> Option<Vec<u8>> {
    let message = Message::parse(answer).ok()?;
    let notify = message.payloads().notifies().flatten().find(|notify| notify.kind == NotifyType::Cookie)?;
    Some(notify.data.to_vec())
}

fn head(spis: (u64, u64), exchange: Exchange, flags: u8, id: u32, first: u8) -> Vec<u8> {
    let mut head = Vec::new();
    head.extend_from_slice(&spis.0.to_be_bytes());
    head.extend_from_slice(&spis.1.to_be_bytes());
    head.extend_from_slice(&[first, 0x20, exchange.0, flags]);
    head.extend_from_slice(&id.to_be_bytes());
    head.extend_from_slice(&[0; 4]);
    head
}

/// The other side's keys.
struct Peer {
    spis: (u64, u64),
    keys: Keys,
    sealer: ike::crypto::Sealer,
    suite: Suite,
    next: u32,
    messages: (Vec<u8>, Vec<u8>),
    nonces: (Vec<u8>, Vec<u8>),
}

impl Peer {
    fn clone_for_use(&self) -> Self {
        Self {
            spis: self.spis,
            keys: self.keys.clone(),
            sealer: self.keys.sealer(Role::Initiator),
            suite: self.suite,
            next: self.next,
            messages: self.messages.clone(),
            nonces: self.nonces.clone(),
        }
    }

    /// Does the key exchange.
    fn init(world: &mut World) -> Option<Self> {
        let suite = Suite::new(Encryption::AesGcm128, None, Prf::Sha256)?;
        let exchange = KeyExchange::generate(Group::X25519).ok()?;
        let spi = 0x0102_0304_0506_0708;
        let nonce = vec![7; 32];
        let mut chain = Chain::new();
        let transforms = [
            Transform::encryption(EncryptionId::AesGcm16, Some(128)),
            Transform::prf(PrfId::HmacSha256),
            Transform::key_exchange(KeyExchangeId::Curve25519),
            Transform::new(wire::ike::TransformType::AdditionalKe1, 36, None),
            Transform::new(wire::ike::TransformType::AdditionalKe1, 0, None),
        ];
        chain.security_association(&[ProposalSpec {
            number: 1,
            protocol: Protocol::Ike,
            spi: &[],
            transforms: &transforms,
        }]);
        chain.key_exchange(KeyExchangeId::Curve25519, exchange.public());
        chain.nonce(&nonce);
        chain.status(NotifyType::FragmentationSupported, &[]);
        let header = Header {
            initiator_spi: spi,
            responder_spi: 0,
            exchange: Exchange::IkeSaInit,
            flags: Flags(Flags::INITIATOR),
            message_id: 0,
        };
        let request = chain.message(&header).ok()?;
        world.datagram(&PATH, &request);
        let response = world.sent.pop()?;
        let message = Message::parse(&response).ok()?;
        let peer_nonce = message.payloads().nonce().ok()??.to_vec();
        let shared = exchange.agree(message.payloads().key_exchange().ok()??.data).ok()?;
        let spis = (spi, message.header().responder_spi);
        let octets = Spis { initiator: spis.0.to_be_bytes(), responder: spis.1.to_be_bytes() };
        let keys =
            Keys::initial(suite, &shared, Nonces { initiator: &nonce, responder: &peer_nonce }, octets);
        let sealer = keys.sealer(Role::Initiator);
        Some(Self {
            spis,
            keys,
            sealer,
            suite,
            next: 1,
            messages: (request, response),
            nonces: (nonce, peer_nonce),
        })
    }

    /// A good IKE_AUTH.
    fn auth_chain(&self, child: bool) -> Chain {
        let identity = b"\x02\0\0\0spoke.example.net";
        let signed =
            Signed { message: &self.messages.0, peer_nonce: &self.nonces.1, identity, intermediate: None };
        let prf = self.suite.prf();
        let octets = signed.octets(prf, self.keys.payload_key(Role::Initiator));
        let mut chain = Chain::new();
        chain.raw(PayloadType::IdInitiator, identity);
        chain.authentication(
            AuthMethod(METHOD_SHARED_KEY),
            shared_key(prf, &Secret::copy_of(KEY), &octets).expose(),
        );
        if child {
            chain.status(NotifyType::UseTransportMode, &[]);
            let transforms =
                [Transform::encryption(EncryptionId::AesGcm16, Some(128)), Transform::esn(EsnId::No)];
            let spi = 0x1001_u32.to_be_bytes();
            chain.security_association(&[ProposalSpec {
                number: 1,
                protocol: Protocol::Esp,
                spi: &spi,
                transforms: &transforms,
            }]);
            chain.selectors(PayloadType::SelectorsInitiator, &[TrafficSelector::host(47, PEER)]);
            chain.selectors(PayloadType::SelectorsResponder, &[TrafficSelector::host(47, HUB)]);
        }
        chain
    }

    fn seal(
        &mut self,
        flags: u8,
        id: u32,
        exchange: Exchange,
        first: PayloadType,
        inner: &[u8],
        part: Option<(u16, u16)>,
    ) -> Vec<u8> {
        let envelope = if part.is_some() { Envelope::Fragment } else { Envelope::Whole };
        let kind = if part.is_some() { PayloadType::EncryptedFragment } else { PayloadType::Encrypted };
        let mut message = head(self.spis, exchange, flags, id, kind.0);
        message.extend_from_slice(&[first.0, 0, 0, 0]);
        if let Some((number, total)) = part {
            message.extend_from_slice(&number.to_be_bytes());
            message.extend_from_slice(&total.to_be_bytes());
        }
        let length = message.len();
        message.extend_from_slice(inner);
        let sealed = self.sealer.seal(&mut message, length, envelope, &mut |octets| octets.fill(3));
        if sealed.is_ok() { message } else { Vec::new() }
    }

    fn send(&mut self, world: &mut World, exchange: Exchange, first: PayloadType, inner: &[u8]) {
        let datagram = self.seal(Flags::INITIATOR, self.next, exchange, first, inner, None);
        world.datagram(&PATH, &datagram);
    }

    /// Three fragments, the last of which may lie about their number.
    fn send_fragments(&mut self, world: &mut World, exchange: Exchange, first: PayloadType, inner: &[u8]) {
        let part = inner.len().div_ceil(3).max(1);
        let lie = u16::from(inner.len() % 7 == 6);
        for (number, part) in (1..).zip(inner.chunks(part)) {
            let first = if number == 1 { first } else { PayloadType::None };
            let total = 3.min(inner.len() as u16).max(number) + if number == 3 { lie } else { 0 };
            let datagram =
                self.seal(Flags::INITIATOR, self.next, exchange, first, part, Some((number, total)));
            world.datagram(&PATH, &datagram);
        }
    }

    /// An answer to whatever we asked last.
    fn answer(&mut self, world: &mut World, exchange: Exchange, first: PayloadType, inner: &[u8]) {
        let asked = world.sent.iter().rev().filter_map(|datagram| Message::parse(datagram).ok()).find_map(
            |message| {
                let header = message.header();
                let ours = (header.initiator_spi, header.responder_spi) == self.spis;
                (ours && !header.flags.is_response()).then_some((header.message_id, header.exchange))
            },
        );
        let Some((id, asked)) = asked else { return };
        let exchange = if exchange == Exchange::IkeAuth { exchange } else { asked };
        let datagram = self.seal(Flags::INITIATOR | Flags::RESPONSE, id, exchange, first, inner, None);
        world.datagram(&PATH, &datagram);
    }
}

/// An established session: how the responder keeps it, and the other side. Made once.
fn established() -> (&'static [u8], &'static Peer) {
    static MADE: OnceLock<(Vec<u8>, Peer)> = OnceLock::new();
    let (exported, peer) = MADE.get_or_init(|| {
        let mut world = World::new();
        let mut peer = Peer::init(&mut world).expect("a key exchange");
        let chain = peer.auth_chain(true);
        peer.send(&mut world, Exchange::IkeAuth, chain.first(), chain.octets());
        let session = world.responder.sessions().first().and_then(|view| view.session).expect("a session");
        assert_eq!(world.books.outbound.len(), 1);
        let exported = world.responder.export(session).expect("an export");
        peer.next = 2;
        (exported.to_vec(), peer)
    });
    (exported, peer)
}

/// Good inputs of each target, with names.
pub fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let event =
        |kind: u8, octets: &[u8]| [&[kind][..], &(octets.len() as u16).to_be_bytes(), octets].concat();
    let payloads = |chain: &Chain| [&[chain.first().0], chain.octets()].concat();
    let mut world = World::new();
    let Some(made) = Peer::init(&mut world) else { return Vec::new() };
    let request = &made.messages.0;
    let plain = [&[request[16]], &request[28..]].concat();
    let auth = payloads(&made.auth_chain(true));
    let transforms = [
        Transform::encryption(EncryptionId::AesGcm16, Some(128)),
        Transform::key_exchange(KeyExchangeId::Curve25519),
        Transform::esn(EsnId::No),
    ];
    let mut rekey = Chain::new();
    let old = 0x1001_u32.to_be_bytes();
    rekey.notify(&wire::ike::Notify {
        protocol: Protocol::Esp,
        spi: &old,
        kind: NotifyType::RekeySa,
        data: &[],
    });
    rekey.status(NotifyType::UseTransportMode, &[]);
    let (protocol, spi) = (Protocol::Esp, 0x1002_u32.to_be_bytes());
    rekey.security_association(&[ProposalSpec { number: 1, protocol, spi: &spi, transforms: &transforms }]);
    rekey.nonce(&[5; 32]);
    rekey.key_exchange(KeyExchangeId::Curve25519, &[9; 32]);
    rekey.selectors(PayloadType::SelectorsInitiator, &[TrafficSelector::host(47, PEER)]);
    rekey.selectors(PayloadType::SelectorsResponder, &[TrafficSelector::host(47, HUB)]);
    let mut delete = Chain::new();
    delete.delete_esp(&[0x1001]);
    let mut gone = Chain::new();
    gone.delete_ike();
    let mut ike = Chain::new();
    let transforms = [
        Transform::encryption(EncryptionId::AesGcm16, Some(128)),
        Transform::prf(PrfId::HmacSha256),
        Transform::key_exchange(KeyExchangeId::Curve25519),
    ];
    ike.security_association(&[ProposalSpec {
        number: 1,
        protocol: Protocol::Ike,
        spi: &[3; 8],
        transforms: &transforms,
    }]);
    ike.nonce(&[6; 32]);
    ike.key_exchange(KeyExchangeId::Curve25519, &[9; 32]);
    vec![
        ("stranger", "whole", event(0, request)),
        (
            "stranger",
            "payloads",
            [
                event(1, &plain),
                event(2, &plain),
                event(0x41, &plain),
                event(0x82, &plain),
                event(3, &[0; 70]),
            ]
            .concat(),
        ),
        ("auth", "good", [&[0][..], &event(0, &auth)].concat()),
        ("auth", "fragments", [&[0][..], &event(0x10, &auth)].concat()),
        ("auth", "more", [&[0x81][..], &[1, 2, 3]].concat()),
        (
            "peer",
            "rekey",
            [event(0, &payloads(&rekey)), event(6, &[9]), event(0x10, &payloads(&delete)), event(7, &[20])]
                .concat(),
        ),
        ("peer", "ike", [event(0, &payloads(&ike)), event(0x10, &payloads(&gone))].concat()),
        (
            "peer",
            "ours",
            [
                event(5, &[]),
                event(4, &payloads(&rekey)),
                event(0x15, &[]),
                event(4, &payloads(&ike)),
                event(7, &[200]),
            ]
            .concat(),
        ),
        (
            "peer",
            "both",
            [event(5, &[]), event(0, &payloads(&rekey)), event(4, &payloads(&rekey)), event(7, &[100])]
                .concat(),
        ),
    ]
}
