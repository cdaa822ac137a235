//! A spoke's side of IKEv2, as far as a test of the process needs it: IKE_SA_INIT, IKE_AUTH with a pre-shared key, and
//! questions. X25519, AES-GCM-128, one child SA in transport mode. The responder's own tests cover the protocol.

use super::{HUB, Plane, Sent, wait};
use ike::crypto::auth::{Signed, shared_key};
use ike::crypto::{
    Encryption, Envelope, Exchange as KeyExchange, Group, Keys, Nonces, Prf, Role, Secret, Spis, Suite,
};
use shm::message::Event;
use std::net::Ipv4Addr;
use wire::ike::{
    AuthMethod, Chain, EncryptionId, EsnId, Exchange, Flags, Header, IdType, Identity, KeyExchangeId,
    Message, NotifyType, PayloadType, Payloads, PrfId, ProposalSpec, Protocol, TrafficSelector, Transform,
};

/// The pre-shared key of all.
pub const PSK: &str = "for tests only";
/// GRE (RFC 2784).
const GRE: u8 = 47;

/// A spoke with its IKE SA.
pub struct Initiator {
    /// Where it is.
    pub nbma: Ipv4Addr,
    /// Its port.
    pub port: u16,
    identity: String,
    spis: Spis,
    keys: Option<Keys>,
    next_id: u32,
}

fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    fill(&mut octets);
    octets
}

fn fill(octets: &mut [u8]) {
    rustix::rand::getrandom(octets, rustix::rand::GetRandomFlags::empty()).unwrap();
}

impl Initiator {
    /// One at an address.
    pub fn new(nbma: Ipv4Addr, port: u16, identity: &str) -> Self {
        let mut initiator = random::<8>();
        initiator[0] |= 1;
        let spis = Spis { initiator, responder: [0; 8] };
        Self { nbma, port, identity: identity.into(), spis, keys: None, next_id: 0 }
    }

    /// Sets up the IKE SA with its child SA; gives the error that the hub answered with, if any.
    pub fn connect(&mut self, plane: &mut Plane) -> Option<NotifyType> {
        let exchange = KeyExchange::generate(Group::X25519).unwrap();
        let nonce = random::<32>();
        let mut chain = Chain::new();
        let cipher = Transform::encryption(EncryptionId::AesGcm16, Some(128));
        let group = Transform::key_exchange(KeyExchangeId(exchange.group().id()));
        let transforms = [cipher, Transform::prf(PrfId::HmacSha256), group];
        let proposal = ProposalSpec { number: 1, protocol: Protocol::Ike, spi: &[], transforms: &transforms };
        chain.security_association(&[proposal]);
        chain.key_exchange(KeyExchangeId(exchange.group().id()), exchange.public());
        chain.nonce(&nonce);
        let request = chain.message(&self.header(Exchange::IkeSaInit)).unwrap();
        let response = self.ask(plane, &request);
        let message = Message::parse(&response).unwrap();
        self.spis.responder = message.header().responder_spi.to_be_bytes();
        let payloads = message.payloads();
        let theirs = payloads.nonce().unwrap().unwrap().to_vec();
        let data = payloads.key_exchange().unwrap().unwrap().data.to_vec();
        let shared = exchange.agree(&data).unwrap();
        let suite = Suite::new(Encryption::AesGcm128, None, Prf::Sha256).unwrap();
        let nonces = Nonces { initiator: &nonce, responder: &theirs };
        let keys = Keys::initial(suite, &shared, nonces, self.spis);

        let mut chain = Chain::new();
        let mut identity = Vec::new();
        Identity::emit(IdType::Fqdn, self.identity.as_bytes(), &mut identity);
        chain.raw(PayloadType::IdInitiator, &identity);
        let signed =
            Signed { message: &request, peer_nonce: &theirs, identity: &identity, intermediate: None };
        let octets = signed.octets(keys.prf(), keys.payload_key(Role::Initiator));
        let proof = shared_key(keys.prf(), &Secret::copy_of(PSK.as_bytes()), &octets);
        chain.authentication(AuthMethod::SharedKey, proof.expose());
        chain.status(NotifyType::UseTransportMode, &[]);
        let spi = 0x8000_0000u32 | u32::from_be_bytes(random());
        let transforms = [cipher, Transform::esn(EsnId::No)];
        let (number, spi) = (1, spi.to_be_bytes());
        chain.security_association(&[ProposalSpec {
            number,
            protocol: Protocol::Esp,
            spi: &spi,
            transforms: &transforms,
        }]);
        chain.selectors(PayloadType::SelectorsInitiator, &[TrafficSelector::host(GRE, self.nbma)]);
        chain.selectors(PayloadType::SelectorsResponder, &[TrafficSelector::host(GRE, HUB)]);
        self.keys = Some(keys);
        self.next_id = 1;
        self.encrypted(plane, Exchange::IkeAuth, &chain)
    }

    /// Asks whether the hub lives: fails unless it answers with the same keys and the right message id.
    pub fn question(&mut self, plane: &mut Plane) {
        assert_eq!(self.encrypted(plane, Exchange::Informational, &Chain::new()), None);
    }

    /// The next request is sent and its answer is not waited for.
    pub fn question_unheard(&mut self, plane: &mut Plane) {
        let request = self.seal(Exchange::Informational, &Chain::new());
        self.send(plane, &request);
        self.next_id -= 1;
    }

    fn encrypted(&mut self, plane: &mut Plane, exchange: Exchange, chain: &Chain) -> Option<NotifyType> {
        let request = self.seal(exchange, chain);
        let response = self.ask(plane, &request);
        let message = Message::parse(&response).unwrap();
        assert_eq!((message.header().exchange, message.header().message_id), (exchange, self.next_id - 1));
        let encrypted = message.encrypted().unwrap().unwrap();
        let mut inner = Vec::new();
        let opener = self.keys.as_ref().unwrap().opener(Role::Initiator);
        opener.open(message.octets(), encrypted.at(), Envelope::Whole, &mut inner).unwrap();
        let payloads = Payloads::parse(encrypted.first, &inner).unwrap();
        payloads.notifies().flatten().map(|notify| notify.kind).find(|kind| kind.is_error())
    }

    fn seal(&mut self, exchange: Exchange, chain: &Chain) -> Vec<u8> {
        let mut message = self.header(exchange).encrypted_head(chain.first(), None);
        let head = message.len();
        message.extend_from_slice(chain.octets());
        let mut sealer = self.keys.as_ref().unwrap().sealer(Role::Initiator);
        sealer.seal(&mut message, head, Envelope::Whole, &mut fill).unwrap();
        self.next_id += 1;
        message
    }

    fn header(&self, exchange: Exchange) -> Header {
        Header {
            initiator_spi: u64::from_be_bytes(self.spis.initiator),
            responder_spi: u64::from_be_bytes(self.spis.responder),
            exchange,
            flags: Flags(Flags::INITIATOR),
            message_id: self.next_id,
        }
    }

    fn send(&self, plane: &mut Plane, packet: &[u8]) {
        let (nbma, port) = (self.nbma, self.port);
        plane.event(&Event::Ike { nbma, port, local: HUB, local_port: 500, packet });
    }

    /// Sends a request until it is answered, as the protocol has it: a hub that starts, or is killed, answers the next
    /// one.
    fn ask(&self, plane: &mut Plane, request: &[u8]) -> Vec<u8> {
        let from = plane.injected.len();
        let id = Message::parse(request).unwrap().header().message_id;
        let ours = |sent: &&Sent| (sent.nbma, sent.port) == (self.nbma, Some(self.port));
        let answers = |sent: &&Sent| {
            Message::parse(&sent.packet).is_ok_and(|message| {
                let header = message.header();
                header.flags.is_response() && header.message_id == id
            })
        };
        let mut turn = 0u64;
        wait("an answer of IKE", || {
            if turn.is_multiple_of(1_000) {
                self.send(plane, request);
            }
            turn += 1;
            plane.turn();
            let sent = plane.injected.get(from..)?.iter().filter(ours).find(answers)?;
            Some(sent.packet.clone())
        })
    }
}
