//! An initiator for tests: what strongSwan does, and what it never would.

use super::world::{HUB, PSK, Random, SPOKE};
use crate::Path;
use crate::certificate::Trust;
use crate::credentials::Own;
use crate::crypto::auth::{METHOD_SHARED_KEY, Signed, intermediate, shared_key};
use crate::crypto::signature::HashAlgorithms;
use crate::crypto::{
    Encryption, Envelope, Exchange as KeyExchange, Group, Integrity, Keys, Nonces, Opener, Prf, Role, Sealer,
    Secret, Spis, Suite,
};
use crate::identity::Identity;
use crate::nat::digest;
use crate::offer::{Offer, kind};
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Arc;
use wire::ike::{
    AuthMethod, CertEncoding, Certificate, Chain, Delete, Exchange, Flags, HEADER_LEN, Header, KeyExchangeId,
    Message, Notify, NotifyType, PAYLOAD_HEADER_LEN, PayloadType, Payloads, ProposalSpec, Protocol,
    TrafficSelector, Transform, TransformType,
};

pub(super) mod followup;

/// What a child SA of the spoke's has.
#[derive(Clone, Debug)]
pub(super) struct SpokeChild {
    pub(super) spi_in: u32,
    pub(super) spi_out: u32,
    pub(super) key_in: Vec<u8>,
    pub(super) key_out: Vec<u8>,
    pub(super) transport: bool,
    /// The spoke deleted it, or was told to.
    pub(super) gone: bool,
    /// The spoke sends with it.
    pub(super) rekeyed: bool,
}

/// One side's keys of an IKE SA.
pub(super) struct SpokeSa {
    pub(super) spis: (u64, u64),
    pub(super) role: Role,
    pub(super) keys: Keys,
    pub(super) sealer: Sealer,
    pub(super) opener: Opener,
    pub(super) next: u32,
    pub(super) expected: u32,
    pub(super) response: Vec<Vec<u8>>,
    pub(super) gone: bool,
    parts: Vec<(u16, Vec<u8>)>,
    first: PayloadType,
}

/// What the spoke has asked for in a CREATE_CHILD_SA.
pub(super) struct Asked {
    pub(super) id: u32,
    pub(super) nonce: Vec<u8>,
    pub(super) exchange: Option<KeyExchange>,
    pub(super) spi: u64,
    pub(super) old: Option<u32>,
    pub(super) rival: Option<(u64, Vec<u8>)>,
    pub(super) spis: (u64, u64),
    /// Additional key exchanges still to come.
    pub(super) pending: VecDeque<Group>,
    secrets: Vec<Secret>,
    /// To CREATE_CHILD_SA.
    answer: Option<Got>,
}

/// A message that was decrypted.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) header: Header,
    pub(super) first: PayloadType,
    pub(super) inner: Vec<u8>,
}

impl Got {
    pub(super) fn payloads(&self) -> Payloads<'_> {
        Payloads::parse(self.first, &self.inner).unwrap()
    }

    pub(super) fn notify(&self, kind: NotifyType) -> Option<Vec<u8>> {
        self.payloads()
            .notifies()
            .flatten()
            .find(|notify| notify.kind == kind)
            .map(|notify| notify.data.to_vec())
    }

    pub(super) fn has(&self, kind: NotifyType) -> bool {
        self.notify(kind).is_some()
    }
}

/// SPIs, message id and datagrams of a request.
type OpenRequest = ((u64, u64), u32, Vec<Vec<u8>>);

/// Nonce and KE of a CREATE_CHILD_SA.
type Created<'a> = Option<(&'a [u8], Option<(Group, &'a [u8])>)>;

/// The initiator.
pub(super) struct Spoke {
    pub(super) random: Random,
    /// Its own address.
    pub(super) address: Ipv4Addr,
    pub(super) port: u16,
    /// NAT in front of it: address and, once for each of 500 and 4500, port.
    pub(super) nat: Option<(Ipv4Addr, u16)>,
    pub(super) float: bool,
    pub(super) identity: Identity,
    pub(super) psk: Vec<u8>,
    pub(super) suite: Suite,
    pub(super) group: Group,
    /// Groups in the proposal, `group` in the KE payload.
    pub(super) offered: Vec<Group>,
    /// Additional key exchanges of IKE SAs, and of child SAs with perfect forward secrecy.
    pub(super) additional: Vec<Group>,
    pub(super) pfs_additional: Vec<Group>,
    pub(super) esp: (Encryption, Option<Integrity>),
    pub(super) esn: Vec<bool>,
    pub(super) transport: bool,
    pub(super) selectors: Option<(Vec<TrafficSelector>, Vec<TrafficSelector>)>,
    pub(super) initial_contact: bool,
    pub(super) fragmentation: bool,
    pub(super) pfs: Option<Group>,
    pub(super) no_child: bool,
    /// It authenticates by certificate, and checks the hub's.
    pub(super) own: Option<(Own, Arc<Trust>)>,
    /// Notifies that go into IKE_AUTH too.
    pub(super) extras: Vec<(u16, Vec<u8>)>,

    pub(super) spi: u64,
    pub(super) nonce: Vec<u8>,
    pub(super) exchange: Option<KeyExchange>,
    pub(super) cookie: Option<Vec<u8>>,
    pub(super) request: Vec<u8>,
    pub(super) response: Vec<u8>,
    pub(super) peer_nonce: Vec<u8>,
    int_auth: (Option<Secret>, Option<Secret>),
    intermediates: u32,
    pending_additional: Option<KeyExchange>,
    pub(super) sas: Vec<SpokeSa>,
    pub(super) children: Vec<SpokeChild>,
    pub(super) established: bool,
    pub(super) failed: Option<NotifyType>,
    pub(super) child_failed: Option<NotifyType>,
    pub(super) out: Vec<(Path, Vec<u8>)>,
    /// All that it got and could decrypt.
    pub(super) got: Vec<Got>,
    pub(super) asked: Option<Asked>,
    pub(super) asked_ike: Option<Asked>,
    /// Requests of the hub's are left unanswered.
    pub(super) mute: bool,
    /// Sends no IKE_FOLLOWUP_KE by itself; [`Spoke::follow`] does.
    pub(super) stall: bool,
    /// The link of the one that it did not send.
    pub(super) link: Option<Vec<u8>>,
    /// Forgets what IKE_FOLLOWUP_KEs of the hub's are for.
    pub(super) forgetful: bool,
    pub(super) coming: Option<followup::Coming>,
    spi_counter: u32,
    open_requests: Vec<OpenRequest>,
    pub(super) fragment_size: Option<usize>,
}

impl Spoke {
    pub(super) fn new() -> Self {
        Self::at(SPOKE, 1)
    }

    pub(super) fn at(address: Ipv4Addr, seed: u64) -> Self {
        Self {
            random: Random(seed ^ u64::from(address.to_bits()) << 20),
            address,
            port: 500,
            nat: None,
            float: false,
            identity: Identity::Address(address),
            psk: PSK.to_vec(),
            suite: Suite::new(Encryption::AesGcm256, None, Prf::Sha384).unwrap(),
            group: Group::X25519,
            offered: vec![Group::X25519],
            additional: Vec::new(),
            pfs_additional: Vec::new(),
            esp: (Encryption::AesGcm128, None),
            esn: vec![false],
            transport: true,
            selectors: None,
            initial_contact: false,
            fragmentation: true,
            pfs: None,
            no_child: false,
            own: None,
            extras: Vec::new(),
            spi: 0,
            nonce: Vec::new(),
            exchange: None,
            cookie: None,
            request: Vec::new(),
            response: Vec::new(),
            peer_nonce: Vec::new(),
            int_auth: (None, None),
            intermediates: 0,
            pending_additional: None,
            sas: Vec::new(),
            children: Vec::new(),
            established: false,
            failed: None,
            child_failed: None,
            out: Vec::new(),
            got: Vec::new(),
            asked: None,
            asked_ike: None,
            mute: false,
            stall: false,
            link: None,
            forgetful: false,
            coming: None,
            spi_counter: 0x1000,
            open_requests: Vec::new(),
            fragment_size: None,
        }
    }

    pub(super) fn take(&mut self) -> Vec<(Path, Vec<u8>)> {
        std::mem::take(&mut self.out)
    }

    /// Where the hub sees it.
    pub(super) fn seen_as(&self) -> (Ipv4Addr, u16) {
        self.nat.unwrap_or((self.address, self.port))
    }

    pub(super) fn path(&self) -> Path {
        let port = if self.float { 4500 } else { 500 };
        let remote = match self.nat {
            Some((address, base)) => (address, if self.float { base + 1 } else { base }),
            None => (self.address, if self.float { 4500 } else { self.port }),
        };
        Path { local: (HUB, port), remote }
    }

    pub(super) fn send(&mut self, datagram: Vec<u8>) {
        let path = self.path();
        self.out.push((path, datagram));
    }

    pub(super) fn sa(&mut self) -> &mut SpokeSa {
        self.sas.last_mut().unwrap()
    }

    fn octets(&mut self, length: usize) -> Vec<u8> {
        let mut octets = vec![0; length];
        self.random.fill(&mut octets);
        octets
    }

    /// The proposal of IKE_SA_INIT, or of a rekey.
    pub(super) fn ike_transforms(&self) -> Vec<Transform> {
        let suite = self.suite;
        let mut transforms = vec![cipher(suite.encryption())];
        transforms.extend(suite.integrity().map(|integrity| transform(kind::INTEGRITY, integrity.id())));
        transforms.push(transform(kind::PRF, suite.prf().id()));
        transforms.extend(self.offered.iter().map(|group| transform(kind::KE, group.id())));
        transforms
    }

    pub(super) fn esp_transforms(&self, group: Option<Group>) -> Vec<Transform> {
        let mut transforms = vec![cipher(self.esp.0)];
        transforms.extend(self.esp.1.map(|integrity| transform(kind::INTEGRITY, integrity.id())));
        transforms.extend(group.map(|group| transform(kind::KE, group.id())));
        transforms.extend(self.esn.iter().map(|esn| transform(kind::ESN, u16::from(*esn))));
        transforms
    }

    pub(super) fn init_header(&self) -> Header {
        Header {
            initiator_spi: self.spi,
            responder_spi: 0,
            exchange: Exchange::IkeSaInit,
            flags: Flags(Flags::INITIATOR),
            message_id: 0,
        }
    }

    /// The payloads of IKE_SA_INIT.
    pub(super) fn init_chain(&mut self) -> Chain {
        if self.spi == 0 {
            self.spi = self.random.next() | 1;
            self.nonce = self.octets(32);
        }
        if self.exchange.as_ref().is_none_or(|exchange| exchange.group() != self.group) {
            self.exchange = Some(KeyExchange::generate(self.group).unwrap());
        }
        let mut chain = Chain::new();
        if let Some(cookie) = &self.cookie {
            chain.status(NotifyType::Cookie, cookie);
        }
        let mut transforms = self.ike_transforms();
        transforms.extend(additional(&self.additional));
        chain.security_association(&[ProposalSpec {
            number: 1,
            protocol: Protocol::Ike,
            spi: &[],
            transforms: &transforms,
        }]);
        let exchange = self.exchange.as_ref().unwrap();
        chain.key_exchange(KeyExchangeId(self.group.id()), exchange.public());
        chain.nonce(&self.nonce);
        let port = if self.float { 4500 } else { self.port };
        let hub = if self.float { 4500 } else { 500 };
        chain.status(NotifyType::NatDetectionSource, &digest((self.spi, 0), (self.address, port)));
        chain.status(NotifyType::NatDetectionDestination, &digest((self.spi, 0), (HUB, hub)));
        if self.fragmentation {
            chain.status(NotifyType::FragmentationSupported, &[]);
        }
        chain.status(NotifyType::SignatureHashAlgorithms, &[0, 2, 0, 3, 0, 4]);
        chain.status(NotifyType::RedirectSupported, &[]);
        if !self.additional.is_empty() {
            chain.status(NotifyType::IntermediateExchangeSupported, &[]);
        }
        chain.raw(PayloadType::Vendor, b"CISCO-DELETE-REASON");
        chain
    }

    /// Sends IKE_SA_INIT.
    pub(super) fn init(&mut self) {
        let chain = self.init_chain();
        self.request = chain.message(&self.init_header()).unwrap();
        self.send(self.request.clone());
    }

    /// Takes a datagram.
    pub(super) fn receive(&mut self, _path: Path, datagram: &[u8]) {
        let message = Message::parse(datagram).unwrap();
        let header = message.header();
        if header.exchange == Exchange::IkeSaInit {
            return self.init_answered(&message);
        }
        let Some(got) = self.open(&message) else { return };
        if header.flags.is_response() {
            self.answered(got);
        } else if !self.mute {
            self.asked_by_hub(got);
        } else {
            self.got.push(got);
        }
    }

    fn init_answered(&mut self, message: &Message<'_>) {
        if self.established || !self.sas.is_empty() || message.header().initiator_spi != self.spi {
            return;
        }
        let payloads = message.payloads();
        for notify in payloads.notifies().flatten() {
            match notify.kind {
                NotifyType::Cookie => {
                    assert_eq!(message.header().responder_spi, 0);
                    self.cookie = Some(notify.data.to_vec());
                    return self.init();
                }
                NotifyType::InvalidKePayload => {
                    self.group = Group::from_transform(notify.data_u16().unwrap()).unwrap();
                    return self.init();
                }
                kind if kind.is_error() => {
                    self.failed = Some(kind);
                    return;
                }
                _ => {}
            }
        }
        self.response = message.octets().to_vec();
        self.peer_nonce = payloads.nonce().unwrap().unwrap().to_vec();
        let ke = payloads.key_exchange().unwrap().unwrap();
        let shared = self.exchange.take().unwrap().agree(ke.data).unwrap();
        let spis = (self.spi, message.header().responder_spi);
        let nonces = Nonces { initiator: &self.nonce, responder: &self.peer_nonce };
        let keys = Keys::initial(self.suite, &shared, nonces, octets(spis));
        self.sas.push(SpokeSa::new(spis, Role::Initiator, keys, 1));
        if self.nat.is_some() {
            self.float = true;
        }
        self.next_intermediate();
    }

    fn next_intermediate(&mut self) {
        match self.additional.get(self.intermediates as usize) {
            Some(group) => self.intermediate(*group),
            None => self.auth(),
        }
    }

    fn intermediate(&mut self, group: Group) {
        let exchange = KeyExchange::generate(group).unwrap();
        let mut chain = Chain::new();
        chain.key_exchange(KeyExchangeId(group.id()), exchange.public());
        self.pending_additional = Some(exchange);
        let sa = self.sa();
        let head = plain_head(sa, Exchange::IkeIntermediate, sa.next, false, chain.first());
        let key = sa.keys.payload_key(Role::Initiator).clone();
        let prf = self.suite.prf();
        self.int_auth.0 = intermediate(prf, &key, self.int_auth.0.as_ref(), &head, chain.octets());
        self.ask(Exchange::IkeIntermediate, &chain);
    }

    fn intermediate_answered(&mut self, got: &Got) {
        let spis = octets(self.sa().spis);
        let sa = self.sa();
        let head = plain_head_of(
            sa,
            Exchange::IkeIntermediate,
            got.header.message_id,
            got.header.flags.0,
            got.first,
        );
        let key = sa.keys.payload_key(Role::Responder).clone();
        let prf = self.suite.prf();
        self.int_auth.1 = intermediate(prf, &key, self.int_auth.1.as_ref(), &head, &got.inner);
        let payloads = got.payloads();
        let ke = payloads.key_exchange().unwrap().unwrap();
        let shared = self.pending_additional.take().unwrap().agree(ke.data).unwrap();
        let (nonce, peer_nonce) = (self.nonce.clone(), self.peer_nonce.clone());
        let nonces = Nonces { initiator: &nonce, responder: &peer_nonce };
        let sa = self.sa();
        let keys = sa.keys.additional(&shared, nonces, spis);
        (sa.sealer, sa.opener) = (keys.sealer(Role::Initiator), keys.opener(Role::Initiator));
        sa.keys = keys;
        self.intermediates += 1;
        self.next_intermediate();
    }

    /// What AUTH of one side covers.
    pub(super) fn signed(&mut self, role: Role, identity: &[u8], id: u32) -> Vec<u8> {
        let (message, peer_nonce) = match role {
            Role::Initiator => (&self.request, &self.peer_nonce),
            Role::Responder => (&self.response, &self.nonce),
        };
        let int_auth = self.int_auth.0.as_ref().zip(self.int_auth.1.as_ref());
        let int_auth = int_auth.map(|(i, r)| [i.expose(), r.expose(), &id.to_be_bytes()].concat());
        let signed = Signed { message, peer_nonce, identity, intermediate: int_auth.as_deref() };
        let keys = &self.sas.last().unwrap().keys;
        signed.octets(self.suite.prf(), keys.payload_key(role))
    }

    /// The payloads of IKE_AUTH but AUTH's place is filled by `auth`.
    pub(super) fn auth_chain(&mut self) -> Chain {
        let body = self.identity.body();
        let id = self.sa().next;
        let octets = self.signed(Role::Initiator, &body, id);
        let key = shared_key(self.suite.prf(), &Secret::copy_of(&self.psk), &octets);
        let mut chain = Chain::new();
        chain.raw(PayloadType::IdInitiator, &body);
        if self.initial_contact {
            chain.status(NotifyType::InitialContact, &[]);
        }
        match &self.own {
            Some((own, _)) => {
                for data in own.chain() {
                    chain.certificate(&Certificate { encoding: CertEncoding::X509, data });
                }
                let signed = own.key().sign(HashAlgorithms::parse(&HashAlgorithms::ours()), &octets).unwrap();
                chain.authentication(AuthMethod(signed.method), &signed.data);
            }
            None => {
                chain.authentication(AuthMethod(METHOD_SHARED_KEY), key.expose());
            }
        }
        if !self.no_child {
            self.child_payloads(&mut chain, None);
        }
        for (kind, data) in &self.extras {
            chain.status(NotifyType(*kind), data);
        }
        chain.status(NotifyType::MultipleAuthSupported, &[]);
        chain.status(NotifyType::EapOnlyAuthentication, &[]);
        chain.status(NotifyType::MessageIdSyncSupported, &[]);
        chain
    }

    pub(super) fn auth(&mut self) {
        let chain = self.auth_chain();
        self.ask(Exchange::IkeAuth, &chain);
    }

    pub(super) fn new_spi(&mut self) -> u32 {
        self.spi_counter += 1;
        self.spi_counter
    }

    /// SA and selectors of a child SA; notify of the mode before. With nonce and KE in CREATE_CHILD_SA.
    pub(super) fn child_payloads(&mut self, chain: &mut Chain, created: Created<'_>) -> u32 {
        let spi = self.new_spi();
        if self.transport {
            chain.status(NotifyType::UseTransportMode, &[]);
        }
        let group = created.and_then(|(_, ke)| ke).map(|(group, _)| group);
        let mut transforms = self.esp_transforms(group);
        if group.is_some() {
            transforms.extend(additional(&self.pfs_additional));
        }
        chain.security_association(&[ProposalSpec {
            number: 1,
            protocol: Protocol::Esp,
            spi: &spi.to_be_bytes(),
            transforms: &transforms,
        }]);
        if let Some((nonce, ke)) = created {
            chain.nonce(nonce);
            if let Some((group, public)) = ke {
                chain.key_exchange(KeyExchangeId(group.id()), public);
            }
        }
        let (i, r) = self.selectors.clone().unwrap_or_else(|| {
            // As a trap of strongSwan's has them: ports are half of the GRE key.
            let with_port =
                TrafficSelector { start_port: 42, end_port: 42, ..TrafficSelector::host(47, HUB) };
            let own = TrafficSelector::host(47, self.address);
            (vec![own, own], vec![with_port, TrafficSelector::host(47, HUB)])
        });
        chain.selectors(PayloadType::SelectorsInitiator, &i);
        chain.selectors(PayloadType::SelectorsResponder, &r);
        spi
    }

    /// Sends a request under the newest IKE SA's keys; returns the datagrams.
    pub(super) fn ask(&mut self, exchange: Exchange, chain: &Chain) -> Vec<Vec<u8>> {
        let id = self.sa().next;
        self.sa().next += 1;
        let datagrams = self.seal(self.sas.len() - 1, exchange, id, false, chain);
        let spis = self.sa().spis;
        self.open_requests.push((spis, id, datagrams.clone()));
        datagrams.iter().for_each(|datagram| self.send(datagram.clone()));
        datagrams
    }

    pub(super) fn seal(
        &mut self,
        sa: usize,
        exchange: Exchange,
        id: u32,
        response: bool,
        chain: &Chain,
    ) -> Vec<Vec<u8>> {
        let random = &mut self.random;
        let sa = &mut self.sas[sa];
        let part = self.fragment_size.unwrap_or(usize::MAX);
        if chain.octets().len() <= part {
            let mut message = plain_head(sa, exchange, id, response, chain.first());
            let length = message.len();
            message.extend_from_slice(chain.octets());
            sa.sealer.seal(&mut message, length, Envelope::Whole, &mut |octets| random.fill(octets)).unwrap();
            return vec![message];
        }
        let total = chain.octets().len().div_ceil(part) as u16;
        let fragments = chain.octets().chunks(part).zip(1_u16..);
        fragments
            .map(|(part, number)| {
                let first = if number == 1 { chain.first() } else { PayloadType::None };
                let mut message = plain_head(sa, exchange, id, response, first);
                message[16] = PayloadType::EncryptedFragment.0;
                message.extend_from_slice(&number.to_be_bytes());
                message.extend_from_slice(&total.to_be_bytes());
                let length = message.len();
                message.extend_from_slice(part);
                sa.sealer
                    .seal(&mut message, length, Envelope::Fragment, &mut |octets| random.fill(octets))
                    .unwrap();
                message
            })
            .collect()
    }

    /// Decrypts a message of any of its IKE SAs.
    pub(super) fn open(&mut self, message: &Message<'_>) -> Option<Got> {
        let header = message.header();
        let sa = self.sas.iter_mut().find(|sa| sa.spis == (header.initiator_spi, header.responder_spi))?;
        let encrypted = message.encrypted().unwrap()?;
        let body = message.payloads().into_iter().last().unwrap().body.len();
        let at = message.octets().len() - PAYLOAD_HEADER_LEN - body;
        let mut inner = Vec::new();
        let envelope = if encrypted.fragment.is_some() { Envelope::Fragment } else { Envelope::Whole };
        sa.opener.open(message.octets(), at, envelope, &mut inner).ok()?;
        let Some(fragment) = encrypted.fragment else {
            return Some(Got { header, first: encrypted.first, inner });
        };
        if fragment.number == 1 {
            sa.parts.clear();
            sa.first = encrypted.first;
        }
        sa.parts.push((fragment.number, inner));
        if sa.parts.len() < usize::from(fragment.total) {
            return None;
        }
        sa.parts.sort();
        let inner = std::mem::take(&mut sa.parts).into_iter().flat_map(|(_, part)| part).collect::<Vec<u8>>();
        Some(Got { header, first: sa.first, inner })
    }

    /// Its requests that the hub has not answered.
    pub(super) fn unanswered(&self) -> Vec<Vec<Vec<u8>>> {
        self.open_requests.iter().map(|(_, _, datagrams)| datagrams.clone()).collect()
    }

    fn answered(&mut self, got: Got) {
        let spis = (got.header.initiator_spi, got.header.responder_spi);
        self.open_requests.retain(|(sa, id, _)| (*sa, *id) != (spis, got.header.message_id));
        self.got.push(got.clone());
        match got.header.exchange {
            Exchange::IkeIntermediate if self.pending_additional.is_some() => {
                self.intermediate_answered(&got)
            }
            Exchange::IkeAuth if !self.established => self.auth_answered(&got),
            Exchange::CreateChildSa | Exchange::IkeFollowupKe => self.created(&got),
            _ => {}
        }
    }

    fn auth_answered(&mut self, got: &Got) {
        let payloads = got.payloads();
        let Some(auth) = payloads.authentication().unwrap() else {
            self.failed =
                payloads.notifies().flatten().map(|notify| notify.kind).find(|kind| kind.is_error());
            return;
        };
        let body = payloads.single(PayloadType::IdResponder).unwrap().unwrap().body;
        if auth.method.0 == METHOD_SHARED_KEY {
            let octets = self.signed(Role::Responder, body, got.header.message_id);
            let key = shared_key(self.suite.prf(), &Secret::copy_of(&self.psk), &octets);
            assert!(key.equals(auth.data), "the hub's AUTH is wrong");
        } else {
            let octets = self.signed(Role::Responder, body, got.header.message_id);
            let (_, trust) = self.own.as_ref().expect("a signature from the hub");
            let chain: Vec<Vec<u8>> = payloads
                .all(PayloadType::Certificate)
                .map(|payload| Certificate::parse(payload.body).unwrap().data.to_vec())
                .collect();
            let identity = Identity::parse(body).unwrap();
            let verified = trust.verify(&identity, &chain, 1_790_000_000, auth.method.0, auth.data, &octets);
            assert!(verified.is_ok(), "{verified:?}");
        }
        self.established = true;
        if self.no_child {
            return;
        }
        let (nonce, peer_nonce) = (self.nonce.clone(), self.peer_nonce.clone());
        let spi = self.spi_counter;
        self.child(got, spi, &[], Role::Initiator, (&nonce, &peer_nonce));
    }

    /// Notes a child SA; `None`: the hub did not grant it.
    fn child(
        &mut self,
        got: &Got,
        spi_in: u32,
        shared: &[Secret],
        role: Role,
        nonces: (&[u8], &[u8]),
    ) -> Option<u32> {
        let payloads = got.payloads();
        let Some(sa) = payloads.security_association().unwrap() else {
            self.child_failed =
                payloads.notifies().flatten().map(|notify| notify.kind).find(|kind| kind.is_error());
            return None;
        };
        let offers = Offer::all(&sa);
        let spi_out = offers[0].esp_spi();
        let nonces = Nonces { initiator: nonces.0, responder: nonces.1 };
        let spis = (got.header.initiator_spi, got.header.responder_spi);
        let sa = self.sas.iter().find(|sa| sa.spis == spis).unwrap();
        let keys = sa.keys.child(self.esp.0, self.esp.1, shared, nonces);
        let (i, r) = (keys.initiator.expose().to_vec(), keys.responder.expose().to_vec());
        let (key_out, key_in) = if role == Role::Initiator { (i, r) } else { (r, i) };
        let transport = got.has(NotifyType::UseTransportMode);
        self.children.push(SpokeChild {
            spi_in,
            spi_out,
            key_in,
            key_out,
            transport,
            gone: false,
            rekeyed: false,
        });
        Some(spi_out)
    }

    /// Asks for a successor of a child SA, or with `None` for one more.
    pub(super) fn rekey_child(&mut self, old: Option<u32>) {
        let nonce = self.octets(32);
        let exchange = self.pfs.map(|group| KeyExchange::generate(group).unwrap());
        let mut chain = Chain::new();
        if let Some(old) = old {
            let spi = old.to_be_bytes();
            chain.notify(&Notify {
                protocol: Protocol::Esp,
                spi: &spi,
                kind: NotifyType::RekeySa,
                data: &[],
            });
        }
        let ke = exchange.as_ref().map(|exchange| (exchange.group(), exchange.public()));
        let spi = self.child_payloads(&mut chain, Some((&nonce, ke)));
        let id = self.sa().next;
        let spis = self.sa().spis;
        self.ask(Exchange::CreateChildSa, &chain);
        let pending = if exchange.is_some() { self.pfs_additional.clone().into() } else { VecDeque::new() };
        self.asked = Some(Asked {
            id,
            nonce,
            exchange,
            spi: spi.into(),
            old,
            rival: None,
            spis,
            pending,
            secrets: Vec::new(),
            answer: None,
        });
    }

    /// Asks for a successor of the IKE SA.
    pub(super) fn rekey_ike(&mut self) {
        let nonce = self.octets(32);
        let spi = self.random.next() | 1;
        let exchange = KeyExchange::generate(self.group).unwrap();
        let mut chain = Chain::new();
        let mut transforms = self.ike_transforms();
        transforms.extend(additional(&self.additional));
        chain.security_association(&[ProposalSpec {
            number: 1,
            protocol: Protocol::Ike,
            spi: &spi.to_be_bytes(),
            transforms: &transforms,
        }]);
        chain.nonce(&nonce);
        chain.key_exchange(KeyExchangeId(self.group.id()), exchange.public());
        let id = self.sa().next;
        let spis = self.sa().spis;
        self.ask(Exchange::CreateChildSa, &chain);
        self.asked_ike = Some(Asked {
            id,
            nonce,
            exchange: Some(exchange),
            spi,
            old: None,
            rival: None,
            spis,
            pending: self.additional.clone().into(),
            secrets: Vec::new(),
            answer: None,
        });
    }

    fn make_newest(&mut self, which: impl Fn(&SpokeSa) -> bool) {
        if let Some(at) = self.sas.iter().position(which) {
            let sa = self.sas.remove(at);
            self.sas.push(sa);
        }
    }

    fn created(&mut self, got: &Got) {
        let payloads = got.payloads();
        let error = payloads.notifies().flatten().map(|notify| notify.kind).find(|kind| kind.is_error());
        let id = ((got.header.initiator_spi, got.header.responder_spi), got.header.message_id);
        if self.asked_ike.as_ref().is_some_and(|asked| (asked.spis, asked.id) == id) {
            let asked = self.asked_ike.take().unwrap();
            if error.is_some() {
                self.failed = error;
                // What the hub has made meanwhile is the newest.
                if let Some((spi, _)) = asked.rival {
                    self.make_newest(|sa| sa.spis.1 == spi);
                }
                return;
            }
            self.make_newest(|sa| sa.spis == asked.spis);
            let Some(asked) = self.follow_up(asked, got, true) else { return };
            let answer = asked.answer.as_ref().unwrap();
            let payloads = answer.payloads();
            let peer_nonce = payloads.nonce().unwrap().unwrap().to_vec();
            let offer = Offer::all(&payloads.security_association().unwrap().unwrap());
            let peer_spi = u64::from_be_bytes(offer[0].spi.as_slice().try_into().unwrap());
            let spis = (asked.spi, peer_spi);
            let nonces = Nonces { initiator: &asked.nonce, responder: &peer_nonce };
            let suite = self.suite;
            let old = self.sas.iter().find(|sa| sa.spis == asked.spis).unwrap();
            let keys = old.keys.rekeyed(suite, &asked.secrets, nonces, octets(spis));
            let mut chain = Chain::new();
            chain.delete_ike();
            let lowest = asked.nonce.clone().min(peer_nonce.clone());
            let new = SpokeSa::new(spis, Role::Initiator, keys, 0);
            if asked.rival.as_ref().is_some_and(|(_, rival)| lowest < *rival) {
                // Its own is the one too many; the hub deletes the old one.
                self.sas.push(new);
                self.ask(Exchange::Informational, &chain);
                self.sa().gone = true;
                let rival = asked.rival.as_ref().unwrap().0;
                return self.make_newest(|sa| sa.spis.1 == rival);
            }
            self.ask(Exchange::Informational, &chain);
            self.sa().gone = true;
            self.sas.push(new);
            return;
        }
        let Some(asked) = self.asked.take_if(|asked| (asked.spis, asked.id) == id) else { return };
        if error.is_some() {
            self.child_failed = error;
            return;
        }
        let Some(asked) = self.follow_up(asked, got, false) else { return };
        let answer = asked.answer.clone().unwrap();
        let peer_nonce = answer.payloads().nonce().unwrap().unwrap().to_vec();
        let spi = asked.spi as u32;
        self.child(&answer, spi, &asked.secrets, Role::Initiator, (&asked.nonce, &peer_nonce));
        let lowest = asked.nonce.clone().min(peer_nonce);
        let redundant = asked.rival.as_ref().is_some_and(|(_, rival)| lowest < *rival);
        let old = if redundant { Some(spi) } else { asked.old };
        if let Some(old) = old {
            self.delete_child(old);
        }
    }

    /// Deletes a child SA by its inbound SPI.
    pub(super) fn delete_child(&mut self, spi: u32) {
        self.children.iter_mut().filter(|child| child.spi_in == spi).for_each(|child| child.gone = true);
        let mut chain = Chain::new();
        chain.delete_esp(&[spi]);
        self.ask(Exchange::Informational, &chain);
    }

    /// Deletes the IKE SA.
    pub(super) fn delete_ike(&mut self) {
        let mut chain = Chain::new();
        chain.delete_ike();
        self.ask(Exchange::Informational, &chain);
        self.sa().gone = true;
    }

    /// Answers a request of the hub's as strongSwan would.
    fn asked_by_hub(&mut self, got: Got) {
        let header = got.header;
        let at =
            self.sas.iter().position(|sa| sa.spis == (header.initiator_spi, header.responder_spi)).unwrap();
        let sa = &self.sas[at];
        if header.message_id + 1 == sa.expected {
            let response = sa.response.clone();
            return response.into_iter().for_each(|datagram| self.send(datagram));
        }
        if header.message_id < sa.expected {
            return;
        }
        assert_eq!(header.message_id, sa.expected, "the hub leaves out a message id");
        self.got.push(got.clone());
        let mut chain = Chain::new();
        match header.exchange {
            Exchange::Informational => self.informational(at, &got, &mut chain),
            Exchange::CreateChildSa => self.create_child(at, &got, &mut chain),
            Exchange::IkeFollowupKe => self.followed(at, &got, &mut chain),
            other => panic!("a request {other}"),
        }
        let spis = (header.initiator_spi, header.responder_spi);
        let at = self.sas.iter().position(|sa| sa.spis == spis).unwrap();
        let response = self.seal(at, header.exchange, header.message_id, true, &chain);
        let sa = &mut self.sas[at];
        sa.expected += 1;
        sa.response = response.clone();
        response.into_iter().for_each(|datagram| self.send(datagram));
    }

    fn informational(&mut self, at: usize, got: &Got, chain: &mut Chain) {
        let mut ours = Vec::new();
        let mut orphaned = None;
        for payload in got.payloads().all(PayloadType::Delete) {
            let delete = Delete::parse(payload.body).unwrap();
            if delete.protocol == Protocol::Ike {
                self.sas[at].gone = true;
                // Its own successor of this one will not come to be.
                let spis = self.sas[at].spis;
                self.open_requests.retain(|(sa, _, _)| *sa != spis);
                if let Some(asked) = self.asked_ike.take_if(|asked| asked.spis == spis) {
                    orphaned = asked.rival.map(|(spi, _)| spi);
                }
            }
            for spi in delete.spis() {
                let child = self.children.iter_mut().find(|child| child.spi_out == spi && !child.gone);
                if let Some(child) = child {
                    child.gone = true;
                    ours.push(child.spi_in);
                }
            }
        }
        if let Some(spi) = orphaned {
            self.make_newest(|sa| sa.spis.1 == spi);
        }
        if !ours.is_empty() {
            chain.delete_esp(&ours);
        }
    }

    fn create_child(&mut self, at: usize, got: &Got, chain: &mut Chain) {
        let payloads = got.payloads();
        let offers = Offer::all(&payloads.security_association().unwrap().unwrap());
        let nonce = payloads.nonce().unwrap().unwrap().to_vec();
        let ours = self.octets(32);
        let ke = payloads
            .key_exchange()
            .unwrap()
            .map(|ke| crate::crypto::respond(Group::from_transform(ke.method.0).unwrap(), ke.data).unwrap());
        let lowest = nonce.clone().min(ours.clone());
        let busy = self
            .open_requests
            .iter()
            .any(|(_, id, _)| self.asked_ike.as_ref().is_none_or(|asked| asked.id != *id));
        let late = |asked: &Option<Asked>| asked.as_ref().is_some_and(|asked| asked.answer.is_some());
        if late(&self.asked) || late(&self.asked_ike) {
            // RFC 9370 2.2.4.
            chain.status(NotifyType::TemporaryFailure, &[]);
            return;
        }
        if offers[0].is_ike() && (self.asked.is_some() || busy) {
            // RFC 7296 2.25.2.
            chain.status(NotifyType::TemporaryFailure, &[]);
            return;
        }
        if offers[0].is_ike() {
            let (public, shared) = ke.unwrap();
            let spi = self.random.next() | 1;
            let pending = followup::offered(&offers[0]);
            let mut transforms = self.ike_transforms();
            transforms.extend(additional(&pending));
            chain.security_association(&[ProposalSpec {
                number: 1,
                protocol: Protocol::Ike,
                spi: &spi.to_be_bytes(),
                transforms: &transforms,
            }]);
            chain.nonce(&ours);
            chain.key_exchange(KeyExchangeId(self.group.id()), &public);
            let peer_spi = u64::from_be_bytes(offers[0].spi.as_slice().try_into().unwrap());
            let spis = (peer_spi, spi);
            if !pending.is_empty() {
                if let Some(asked) = &mut self.asked_ike {
                    asked.rival = Some((spi, lowest));
                }
                let coming = followup::Coming::new(got, Some(spis), (nonce, ours), shared, pending);
                return self.await_followup(coming, chain);
            }
            let nonces = Nonces { initiator: &nonce, responder: &ours };
            let keys = self.sas[at].keys.rekeyed(self.suite, &[shared], nonces, octets(spis));
            // While a rekey of its own is under way the old one stays the newest.
            let place = if let Some(asked) = &mut self.asked_ike {
                asked.rival = Some((spi, lowest));
                at
            } else {
                self.sas.len()
            };
            self.sas.insert(place, SpokeSa::new(spis, Role::Responder, keys, 0));
            return;
        }
        let rekey = payloads.notifies().flatten().find(|notify| notify.kind == NotifyType::RekeySa).unwrap();
        let old = rekey.spi32().unwrap();
        let Some(child) = self.children.iter_mut().find(|child| child.spi_out == old) else {
            chain.notify(&Notify { kind: NotifyType::ChildSaNotFound, data: &[], ..rekey });
            return;
        };
        if child.gone || child.rekeyed {
            chain.status(NotifyType::TemporaryFailure, &[]);
            return;
        }
        child.rekeyed = true;
        let old_in = child.spi_in;
        let spi = self.new_spi();
        let esn = offers[0].has(kind::ESN, 1);
        self.esn = vec![esn];
        if self.transport {
            chain.status(NotifyType::UseTransportMode, &[]);
        }
        let group = payloads.key_exchange().unwrap().map(|ke| Group::from_transform(ke.method.0).unwrap());
        let pending = followup::offered(&offers[0]);
        let mut transforms = self.esp_transforms(group);
        transforms.extend(additional(&pending));
        chain.security_association(&[ProposalSpec {
            number: 1,
            protocol: Protocol::Esp,
            spi: &spi.to_be_bytes(),
            transforms: &transforms,
        }]);
        chain.nonce(&ours);
        if let Some((public, _)) = &ke {
            chain.key_exchange(KeyExchangeId(group.unwrap().id()), public);
        }
        for kind in [PayloadType::SelectorsInitiator, PayloadType::SelectorsResponder] {
            chain.raw(kind, payloads.single(kind).unwrap().unwrap().body);
        }
        let shared: Vec<Secret> = ke.map(|(_, shared)| shared).into_iter().collect();
        if !pending.is_empty() {
            if let Some(asked) = self.asked.as_mut().filter(|asked| asked.old == Some(old_in)) {
                asked.rival = Some((spi.into(), lowest));
            }
            let mut coming = followup::Coming::new(got, None, (nonce, ours), shared[0].clone(), pending);
            coming.spi = spi;
            return self.await_followup(coming, chain);
        }
        self.child(got, spi, &shared, Role::Responder, (&nonce, &ours));
        if let Some(asked) = self.asked.as_mut().filter(|asked| asked.old == Some(old_in)) {
            asked.rival = Some((spi.into(), lowest));
        }
    }

    /// A child SA that is up.
    pub(super) fn live(&self) -> Vec<&SpokeChild> {
        self.children.iter().filter(|child| !child.gone).collect()
    }
}

impl SpokeSa {
    pub(super) fn new(spis: (u64, u64), role: Role, keys: Keys, next: u32) -> Self {
        let (sealer, opener) = (keys.sealer(role), keys.opener(role));
        Self {
            spis,
            role,
            keys,
            sealer,
            opener,
            next,
            expected: 0,
            response: Vec::new(),
            gone: false,
            parts: Vec::new(),
            first: PayloadType::None,
        }
    }
}

fn octets(spis: (u64, u64)) -> Spis {
    Spis { initiator: spis.0.to_be_bytes(), responder: spis.1.to_be_bytes() }
}

fn plain_head(sa: &SpokeSa, exchange: Exchange, id: u32, response: bool, first: PayloadType) -> Vec<u8> {
    let initiator = if sa.role == Role::Initiator { Flags::INITIATOR } else { 0 };
    let response = if response { Flags::RESPONSE } else { 0 };
    plain_head_of(sa, exchange, id, initiator | response, first)
}

fn plain_head_of(sa: &SpokeSa, exchange: Exchange, id: u32, flags: u8, first: PayloadType) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEADER_LEN + 4);
    head.extend_from_slice(&sa.spis.0.to_be_bytes());
    head.extend_from_slice(&sa.spis.1.to_be_bytes());
    head.extend_from_slice(&[PayloadType::Encrypted.0, 0x20, exchange.0, flags]);
    head.extend_from_slice(&id.to_be_bytes());
    head.extend_from_slice(&[0; 4]);
    head.extend_from_slice(&[first.0, 0, 0, 0]);
    head
}

pub(super) fn cipher(encryption: Encryption) -> Transform {
    Transform::new(TransformType(kind::ENCRYPTION), encryption.id(), Some(encryption.key_bits()))
}

/// ADDKE1 and so on.
pub(super) fn additional(groups: &[Group]) -> impl Iterator<Item = Transform> {
    groups.iter().zip(kind::ADDITIONAL_FIRST..).map(|(group, kind)| transform(kind, group.id()))
}

pub(super) fn transform(kind: u8, id: u16) -> Transform {
    Transform::new(TransformType(kind), id, None)
}
