//! A peer that has the keys: it says what the fuzzer wants under them, or half of what an honest one would.

use crate::world::{HUB, PSK, SHARED, World};
use ike::Path;
use ike::crypto::auth::{METHOD_SHARED_KEY, Signed, shared_key};
use ike::crypto::{
    Encryption, Envelope, Exchange as KeyExchange, Group, Integrity, Keys, Nonces, Opener, Prf, Role, Sealer,
    Secret, Spis, Suite,
};
use std::net::Ipv4Addr;
use wire::ike::{
    AuthMethod, Chain, Delete, Exchange, Flags, Fragment, Header, KeyExchangeId, Message, Notify, NotifyType,
    PayloadType, Payloads, ProposalSpec, Protocol, SecurityAssociation, Transform, TransformType,
};

/// Where the peer is.
pub const SPOKE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const NONCE: [u8; 32] = [5; 32];
/// IKE SAs that are kept track of.
const MAX_SAS: usize = 4;

/// One IKE SA.
struct Sa {
    spis: (u64, u64),
    role: Role,
    keys: Keys,
    sealer: Sealer,
    opener: Opener,
    next: u32,
}

impl Sa {
    fn new(spis: (u64, u64), role: Role, keys: Keys, next: u32) -> Self {
        let (sealer, opener) = (keys.sealer(role), keys.opener(role));
        Self { spis, role, keys, sealer, opener, next }
    }

    fn header(&self, exchange: Exchange, message_id: u32, response: bool) -> Header {
        let initiator = if self.role == Role::Initiator { Flags::INITIATOR } else { 0 };
        let response = if response { Flags::RESPONSE } else { 0 };
        let (initiator_spi, responder_spi) = self.spis;
        Header { initiator_spi, responder_spi, exchange, flags: Flags(initiator | response), message_id }
    }
}

/// A request of the hub's.
struct Asked {
    sa: usize,
    exchange: Exchange,
    id: u32,
    first: PayloadType,
    inner: Vec<u8>,
}

/// The peer.
pub struct Spoke {
    number: u64,
    request: Vec<u8>,
    response: Vec<u8>,
    peer_nonce: Vec<u8>,
    sas: Vec<Sa>,
    /// SPI and nonce of an IKE SA that we have asked for, and the id of the request.
    rekey: Option<(u64, Vec<u8>, u32)>,
    asked: Vec<Asked>,
    spi: u32,
    cbc: bool,
    /// It was told that it is who it says.
    pub established: bool,
}

impl Spoke {
    /// One that has said nothing yet.
    pub fn new(number: u64, cbc: bool) -> Self {
        Self {
            number,
            request: Vec::new(),
            response: Vec::new(),
            peer_nonce: Vec::new(),
            sas: Vec::new(),
            rekey: None,
            asked: Vec::new(),
            spi: 0x1000,
            cbc,
            established: false,
        }
    }

    /// Its way to the hub.
    pub fn path(&self, port: u16) -> Path {
        Path { local: (HUB, port), remote: (SPOKE, port) }
    }

    fn suite(&self) -> (Suite, Group) {
        let (suite, group) = match self.cbc {
            true => (
                Suite::new(Encryption::AesCbc128, Some(Integrity::HmacSha256_128), Prf::Sha256),
                Group::Ecp256,
            ),
            false => (Suite::new(Encryption::AesGcm256, None, Prf::Sha384), Group::X25519),
        };
        (suite.unwrap(), group)
    }

    fn ike_transforms(&self) -> Vec<Transform> {
        let (suite, group) = self.suite();
        let encryption = suite.encryption();
        let mut transforms = vec![transform(1, encryption.id(), Some(encryption.key_bits()))];
        transforms.push(transform(2, suite.prf().id(), None));
        transforms.extend(suite.integrity().map(|integrity| transform(3, integrity.id(), None)));
        transforms.push(transform(4, group.id(), None));
        transforms
    }

    /// IKE_SA_INIT; whatever value is in KE, the secret is [`SHARED`].
    pub fn init(&mut self, world: &mut World) {
        let (_, group) = self.suite();
        let mut cookie: Option<Vec<u8>> = None;
        for _ in 0..2 {
            let mut chain = Chain::new();
            if let Some(cookie) = &cookie {
                chain.status(NotifyType::Cookie, cookie);
            }
            let transforms = self.ike_transforms();
            let protocol = Protocol::Ike;
            chain.security_association(&[ProposalSpec {
                number: 1,
                protocol,
                spi: &[],
                transforms: &transforms,
            }]);
            chain.key_exchange(KeyExchangeId(group.id()), &value(group));
            chain.nonce(&NONCE);
            chain.status(NotifyType::FragmentationSupported, &[]);
            chain.status(NotifyType::SignatureHashAlgorithms, &[0, 2, 0, 3, 0, 4, 0, 5]);
            let header = Header {
                initiator_spi: self.number | 1 << 40,
                responder_spi: 0,
                exchange: Exchange::IkeSaInit,
                flags: Flags(Flags::INITIATOR),
                message_id: 0,
            };
            self.request = chain.message(&header).unwrap();
            world.datagram(self.path(500), &self.request);
            let Some((_, response)) = world.sent.pop() else { return };
            let message = Message::parse(&response).unwrap();
            let payloads = message.payloads();
            cookie = payloads
                .notifies()
                .flatten()
                .find(|notify| notify.kind == NotifyType::Cookie)
                .map(|notify| notify.data.to_vec());
            if cookie.is_some() {
                continue;
            }
            let Some(nonce) = payloads.nonce().unwrap() else { return };
            self.peer_nonce = nonce.to_vec();
            let spis = (message.header().initiator_spi, message.header().responder_spi);
            let nonces = Nonces { initiator: &NONCE, responder: &self.peer_nonce };
            let keys = Keys::initial(self.suite().0, &Secret::copy_of(&SHARED), nonces, octets(spis));
            self.sas.push(Sa::new(spis, Role::Initiator, keys, 1));
            self.response = response;
            return;
        }
    }

    /// IKE_AUTH as it should be.
    pub fn auth(&mut self, world: &mut World) {
        let mut chain = Chain::new();
        chain.raw(PayloadType::IdInitiator, &[&[1, 0, 0, 0][..], &SPOKE.octets()].concat());
        chain.authentication(AuthMethod(METHOD_SHARED_KEY), &[]);
        self.child(&mut chain, false, None);
        let inner = chain.octets().to_vec();
        self.request(world, Exchange::IkeAuth, chain.first(), &inner, &How { mend: true, ..How::default() });
    }

    /// SA and selectors of a child SA.
    fn child(&mut self, chain: &mut Chain, created: bool, group: Option<Group>) {
        self.spi += 1;
        chain.status(NotifyType::UseTransportMode, &[]);
        let mut transforms = vec![transform(1, 20, Some(128))];
        transforms.extend(group.map(|group| transform(4, group.id(), None)));
        transforms.push(transform(5, 0, None));
        let (spi, protocol) = (self.spi.to_be_bytes(), Protocol::Esp);
        chain.security_association(&[ProposalSpec {
            number: 1,
            protocol,
            spi: &spi,
            transforms: &transforms,
        }]);
        if created {
            chain.nonce(&NONCE);
        }
        if let Some(group) = group {
            chain.key_exchange(KeyExchangeId(group.id()), &value(group));
        }
        let host = |address| wire::ike::TrafficSelector::host(wire::ip4::protocol::GRE, address);
        chain.selectors(PayloadType::SelectorsInitiator, &[host(SPOKE)]);
        chain.selectors(PayloadType::SelectorsResponder, &[host(HUB)]);
    }

    /// What an honest peer does now and then.
    pub fn honest(&mut self, world: &mut World, what: u8) {
        let mut chain = Chain::new();
        let live = self.live(world);
        let exchange = match what % 7 {
            0 => Exchange::Informational,
            1 | 2 => {
                self.child(&mut chain, true, (what & 1 == 0).then_some(Group::X25519));
                Exchange::CreateChildSa
            }
            3 => {
                let old = live.first().copied().unwrap_or(7).to_be_bytes();
                let (protocol, kind) = (Protocol::Esp, NotifyType::RekeySa);
                chain.notify(&Notify { protocol, spi: &old, kind, data: &[] });
                self.child(&mut chain, true, None);
                Exchange::CreateChildSa
            }
            4 => {
                let (spi, protocol, transforms) = (self.new_ike_spi(), Protocol::Ike, self.ike_transforms());
                let spi = spi.to_be_bytes();
                let specs = [ProposalSpec { number: 1, protocol, spi: &spi, transforms: &transforms }];
                chain.security_association(&specs).nonce(&NONCE);
                let group = self.suite().1;
                chain.key_exchange(KeyExchangeId(group.id()), &value(group));
                Exchange::CreateChildSa
            }
            5 => {
                chain.delete_esp(&live[..live.len().min(1)]);
                Exchange::Informational
            }
            _ => {
                chain.delete_ike();
                Exchange::Informational
            }
        };
        let inner = chain.octets().to_vec();
        self.request(world, exchange, chain.first(), &inner, &How::default());
    }

    fn new_ike_spi(&mut self) -> u64 {
        self.spi += 1;
        u64::from(self.spi) << 32 | 1
    }

    /// SPIs that the hub sends to.
    fn live(&self, world: &World) -> Vec<u32> {
        world
            .responder
            .sessions()
            .iter()
            .flat_map(|view| view.children.iter().map(|child| child.spi_out))
            .collect()
    }

    /// A request with these payloads under the newest keys.
    pub fn request(
        &mut self,
        world: &mut World,
        exchange: Exchange,
        first: PayloadType,
        inner: &[u8],
        how: &How,
    ) {
        let Some(at) = self.sas.len().checked_sub(1 + how.older.min(self.sas.len().saturating_sub(1))) else {
            return;
        };
        let mut payloads = (first, inner.to_vec());
        if how.mend
            && let Some(chain) = self.mended(world, exchange, first, inner)
        {
            payloads = (chain.first(), chain.octets().to_vec());
        }
        self.note_rekey(at, exchange, &payloads);
        let id = self.sas[at].next.wrapping_add_signed(how.ahead.into());
        if how.ahead == 0 {
            self.sas[at].next += 1;
        }
        let port = if how.floated { 4500 } else { 500 };
        for datagram in self.seal(at, exchange, id, false, payloads.0, &payloads.1, how.parts) {
            world.datagram(self.path(port), &datagram);
            if how.twice {
                world.datagram(self.path(port), &datagram);
            }
            self.listen(world);
        }
    }

    /// Remembers what is needed to follow into a new IKE SA.
    fn note_rekey(&mut self, at: usize, exchange: Exchange, (first, inner): &(PayloadType, Vec<u8>)) {
        let Ok(payloads) = Payloads::parse(*first, inner) else { return };
        let (Ok(Some(sa)), Ok(Some(nonce))) = (payloads.security_association(), payloads.nonce()) else {
            return;
        };
        let spi = sa.proposals().flatten().find_map(|proposal| proposal.spi64());
        if exchange == Exchange::CreateChildSa
            && let Some(spi) = spi
        {
            self.rekey = Some((spi, nonce.to_vec(), self.sas[at].next));
        }
    }

    /// A response to the hub's oldest request: these payloads, or with none what an honest peer would say.
    pub fn respond(&mut self, world: &mut World, first: PayloadType, inner: &[u8], how: &How) {
        if self.asked.is_empty() {
            return;
        }
        let asked = self.asked.remove(0);
        let mut payloads = (first, inner.to_vec());
        if inner.is_empty() {
            let chain = self.honest_response(&asked);
            payloads = (chain.first(), chain.octets().to_vec());
        }
        let id = asked.id.wrapping_add_signed(how.ahead.into());
        let datagrams = self.seal(asked.sa, asked.exchange, id, true, payloads.0, &payloads.1, how.parts);
        for datagram in datagrams {
            let port = if how.floated { 4500 } else { 500 };
            world.datagram(self.path(port), &datagram);
            if how.twice {
                world.datagram(self.path(port), &datagram);
            }
            self.listen(world);
        }
    }

    fn honest_response(&mut self, asked: &Asked) -> Chain {
        let mut chain = Chain::new();
        let Ok(payloads) = Payloads::parse(asked.first, &asked.inner) else { return chain };
        if asked.exchange != Exchange::CreateChildSa {
            return chain;
        }
        let sa = payloads.security_association().unwrap().unwrap();
        let proposal = sa.proposals().flatten().next().unwrap();
        let mut transforms: Vec<Transform> = Vec::new();
        for transform in proposal.transforms() {
            if !transforms.iter().any(|other| other.kind == transform.kind) {
                transforms.push(transform);
            }
        }
        let ike = proposal.protocol == Protocol::Ike;
        let spi = if ike { self.new_ike_spi() } else { u64::from(self.spi) };
        self.spi += 1;
        let spi_octets = spi.to_be_bytes();
        let spi_octets = if ike { &spi_octets[..] } else { &spi_octets[4..] };
        if payloads.notifies().flatten().any(|notify| notify.kind == NotifyType::UseTransportMode) {
            chain.status(NotifyType::UseTransportMode, &[]);
        }
        let (number, protocol) = (proposal.number, proposal.protocol);
        chain.security_association(&[ProposalSpec {
            number,
            protocol,
            spi: spi_octets,
            transforms: &transforms,
        }]);
        chain.nonce(&NONCE);
        if let Ok(Some(exchange)) = payloads.key_exchange()
            && let Some(group) = Group::from_transform(exchange.method.0)
        {
            chain.key_exchange(exchange.method, &vec![9; group.public_len(Role::Responder)]);
        }
        for kind in [PayloadType::SelectorsInitiator, PayloadType::SelectorsResponder] {
            if let Ok(Some(selectors)) = payloads.single(kind) {
                chain.raw(kind, selectors.body);
            }
        }
        if let (true, Some(theirs), Ok(Some(nonce))) = (ike, proposal.spi64(), payloads.nonce()) {
            let nonces = Nonces { initiator: nonce, responder: &NONCE };
            self.follow(asked.sa, (theirs, spi), Role::Responder, nonces);
        }
        chain
    }

    fn follow(&mut self, from: usize, spis: (u64, u64), role: Role, nonces: Nonces<'_>) {
        let suite = self.suite().0;
        let keys = self.sas[from].keys.rekeyed(suite, &[Secret::copy_of(&SHARED)], nonces, octets(spis));
        if self.sas.len() < MAX_SAS {
            self.sas.push(Sa::new(spis, role, keys, 0));
        }
    }

    /// The payloads with AUTH, SPIs, nonces and values of key exchanges as they ought to be.
    fn mended(&self, world: &World, exchange: Exchange, first: PayloadType, inner: &[u8]) -> Option<Chain> {
        let payloads = Payloads::parse(first, inner).ok()?;
        let live = self.live(world);
        let mut chain = Chain::new();
        for payload in payloads {
            match payload.kind {
                PayloadType::Authentication if exchange == Exchange::IkeAuth => {
                    let identity = payloads.single(PayloadType::IdInitiator).ok()??.body;
                    let sa = self.sas.first()?;
                    let (message, peer_nonce) = (&self.request[..], &self.peer_nonce[..]);
                    let signed = Signed { message, peer_nonce, identity, intermediate: None };
                    let octets = signed.octets(self.suite().0.prf(), sa.keys.payload_key(Role::Initiator));
                    let proof = shared_key(self.suite().0.prf(), &Secret::copy_of(PSK), &octets);
                    let method = payload.body.first().copied().unwrap_or(METHOD_SHARED_KEY);
                    chain.authentication(AuthMethod(method), proof.expose());
                }
                PayloadType::Notify => match Notify::parse(payload.body) {
                    Ok(notify) if notify.kind == NotifyType::RekeySa && !live.is_empty() => {
                        let which = usize::from(*notify.spi.last().unwrap_or(&0)) % live.len();
                        let (spi, protocol) = (live[which].to_be_bytes(), Protocol::Esp);
                        chain.notify(&Notify { spi: &spi, protocol, ..notify });
                    }
                    _ => {
                        chain.raw(payload.kind, payload.body);
                    }
                },
                PayloadType::Delete => match Delete::parse(payload.body) {
                    Ok(delete) if delete.protocol == Protocol::Esp => {
                        let most = usize::from(delete.count).min(live.len());
                        chain.delete_esp(&live[..most]);
                    }
                    _ => {
                        chain.raw(payload.kind, payload.body);
                    }
                },
                PayloadType::KeyExchange => match wire::ike::KeyExchange::parse(payload.body) {
                    Ok(exchange) if Group::from_transform(exchange.method.0).is_some() => {
                        let group = Group::from_transform(exchange.method.0)?;
                        chain.key_exchange(exchange.method, &value(group));
                    }
                    _ => {
                        chain.raw(payload.kind, payload.body);
                    }
                },
                kind => {
                    chain.raw(kind, payload.body);
                }
            }
        }
        Some(chain)
    }

    #[allow(clippy::too_many_arguments)]
    fn seal(
        &mut self,
        at: usize,
        exchange: Exchange,
        id: u32,
        response: bool,
        first: PayloadType,
        inner: &[u8],
        parts: usize,
    ) -> Vec<Vec<u8>> {
        let sa = &mut self.sas[at];
        let header = sa.header(exchange, id, response);
        let mut random = |octets: &mut [u8]| octets.fill(3);
        if parts < 2 || inner.len() < parts {
            let mut message = header.encrypted_head(first, None);
            let head = message.len();
            message.extend_from_slice(inner);
            sa.sealer.seal(&mut message, head, Envelope::Whole, &mut random).unwrap();
            return vec![message];
        }
        let pieces = inner.chunks(inner.len().div_ceil(parts));
        let total = pieces.len() as u16;
        let piece = |(number, piece): (u16, &[u8])| {
            let first = if number == 1 { first } else { PayloadType::None };
            let mut message = header.encrypted_head(first, Some(Fragment { number, total }));
            let head = message.len();
            message.extend_from_slice(piece);
            sa.sealer.seal(&mut message, head, Envelope::Fragment, &mut random).unwrap();
            message
        };
        (1..=total).zip(pieces).map(piece).collect()
    }

    /// Takes what the hub sent.
    pub fn listen(&mut self, world: &mut World) {
        for (_, datagram) in std::mem::take(&mut world.sent) {
            let message = Message::parse(&datagram).unwrap();
            let header = message.header();
            let spis = (header.initiator_spi, header.responder_spi);
            let Some(at) = self.sas.iter().position(|sa| sa.spis == spis) else { continue };
            let Some(encrypted) = message.encrypted().unwrap() else { continue };
            let whole = encrypted.fragment.is_none();
            let envelope = if whole { Envelope::Whole } else { Envelope::Fragment };
            let mut inner = Vec::new();
            let opened = self.sas[at].opener.open(&datagram, encrypted.at(), envelope, &mut inner);
            // Of a rekeyed IKE SA the fuzzer may have chosen the algorithms.
            assert!(at > 0 || opened.is_ok(), "the hub's message does not open");
            if !whole || opened.is_err() {
                continue;
            }
            let payloads = Payloads::parse(encrypted.first, &inner).unwrap();
            if !header.flags.is_response() {
                let known = |asked: &Asked| asked.id == header.message_id && asked.sa == at;
                if !self.asked.iter().any(known) {
                    let (exchange, id, first) = (header.exchange, header.message_id, encrypted.first);
                    self.asked.push(Asked { sa: at, exchange, id, first, inner });
                }
                continue;
            }
            if header.exchange == Exchange::IkeAuth && payloads.authentication().unwrap().is_some() {
                self.established = true;
            }
            let Some((spi, nonce, _)) = self.rekey.take_if(|(.., id)| *id == header.message_id) else {
                continue;
            };
            let Ok(Some(sa)) = payloads.security_association() else { continue };
            let sa: SecurityAssociation<'_> = sa;
            let theirs = sa.proposals().flatten().find_map(|proposal| proposal.spi64());
            if let (Some(theirs), Ok(Some(peer_nonce))) = (theirs, payloads.nonce()) {
                let nonces = Nonces { initiator: &nonce, responder: peer_nonce };
                self.follow(at, (spi, theirs), Role::Initiator, nonces);
            }
        }
    }

    /// A message as the fuzzer has it, with what it needs to reach an IKE SA.
    pub fn addressed(&self, octets: &[u8]) -> Vec<u8> {
        let mut datagram = octets.to_vec();
        if let (Some(sa), Some(length)) = (self.sas.last(), u32::try_from(octets.len()).ok())
            && octets.len() >= wire::ike::HEADER_LEN
        {
            datagram[..8].copy_from_slice(&sa.spis.0.to_be_bytes());
            datagram[8..16].copy_from_slice(&sa.spis.1.to_be_bytes());
            datagram[24..28].copy_from_slice(&length.to_be_bytes());
        }
        datagram
    }
}

/// How something is said.
#[derive(Default)]
pub struct How {
    /// [`Spoke::mended`].
    pub mend: bool,
    /// Under the keys of an earlier IKE SA.
    pub older: usize,
    /// The message id is so far from the right one.
    pub ahead: i8,
    /// Fragments.
    pub parts: usize,
    /// On port 4500.
    pub floated: bool,
    /// And once more.
    pub twice: bool,
}

/// A value that the hub can compute with; the secret is [`SHARED`] all the same.
fn value(group: Group) -> Vec<u8> {
    match group {
        // Any octets will do.
        Group::X25519 | Group::Modp2048 | Group::Modp3072 | Group::Modp4096 => {
            vec![9; group.public_len(Role::Initiator)]
        }
        _ => KeyExchange::generate(group).unwrap().public().to_vec(),
    }
}

fn transform(kind: u8, id: u16, bits: Option<u16>) -> Transform {
    Transform::new(TransformType(kind), id, bits)
}

fn octets(spis: (u64, u64)) -> Spis {
    Spis { initiator: spis.0.to_be_bytes(), responder: spis.1.to_be_bytes() }
}
