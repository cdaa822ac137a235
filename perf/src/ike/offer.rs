//! What the emulated spokes propose and accept, and how they prove who they are.

use super::Settings;
use ike::crypto::auth::{Signed, shared_key};
use ike::crypto::{Encryption, Group, Keys, Prf, Role, Secret, Suite};
use sha1::{Digest, Sha1};
use std::net::Ipv4Addr;
use wire::esp::PORT_NATT;
use wire::ike::{
    AuthMethod, Authentication, Chain, EncryptionId, EsnId, IdType, Identity, KeyExchangeId, NotifyType,
    PayloadType, Payloads, PrfId, Proposal, ProposalSpec, Protocol, Transform, TransformType,
};

/// Of IKE and ESP.
pub const ENCRYPTION: Encryption = Encryption::AesGcm128;
/// Key length in bits.
const BITS: Option<u16> = Some(128);
const CIPHER: Transform = Transform::encryption(EncryptionId::AesGcm16, BITS);

/// Who talks with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Our address.
    pub local: Ipv4Addr,
    /// Our port: 500, or 4500 behind a NAT.
    pub local_port: u16,
    /// The peer's address.
    pub remote: Ipv4Addr,
    /// The peer's port.
    pub remote_port: u16,
}

impl Ends {
    /// The same on the port for NAT. The port of a peer that came to us stays.
    pub fn floated(self) -> Self {
        Self { local_port: PORT_NATT, remote_port: PORT_NATT, ..self }
    }

    /// Whether ESP travels in UDP.
    pub fn udp(&self) -> bool {
        self.local_port == PORT_NATT
    }
}

/// The suite of [`ike()`]: AES-GCM needs no integrity algorithm.
pub fn suite() -> Option<Suite> {
    Suite::new(ENCRYPTION, None, Prf::Sha256)
}

/// Appends our proposal for an IKE SA.
pub fn ike(chain: &mut Chain, groups: &[Group]) {
    let mut transforms = vec![CIPHER, Transform::prf(PrfId::HmacSha256)];
    transforms.extend(groups.iter().map(|group| Transform::key_exchange(KeyExchangeId(group.id()))));
    let proposal = ProposalSpec { number: 1, protocol: Protocol::Ike, spi: &[], transforms: &transforms };
    chain.security_association(&[proposal]);
}

/// Appends a proposal for a child SA, our own or the chosen one.
pub fn esp(chain: &mut Chain, number: u8, spi: u32, group: Option<Group>) {
    let mut transforms = vec![CIPHER, Transform::esn(EsnId::No)];
    transforms.extend(group.map(|group| Transform::key_exchange(KeyExchangeId(group.id()))));
    let spi = spi.to_be_bytes();
    let proposal = ProposalSpec { number, protocol: Protocol::Esp, spi: &spi, transforms: &transforms };
    chain.security_association(&[proposal]);
}

/// Whether a proposal for an IKE SA has all that we want, with this key exchange method.
pub fn fits_ike(proposal: &Proposal<'_>, group: Group) -> bool {
    let has = |wanted: Transform| proposal.transforms().any(|transform| transform == wanted);
    proposal.protocol == Protocol::Ike
        && has(CIPHER)
        && has(Transform::prf(PrfId::HmacSha256))
        && has(Transform::key_exchange(KeyExchangeId(group.id())))
        && proposal.transforms_of(TransformType::Integrity).next().is_none()
}

/// The SPI of a proposal for a child SA that has all that we want.
pub fn fits_esp(proposal: &Proposal<'_>) -> Option<u32> {
    let has = |wanted: Transform| proposal.transforms().any(|transform| transform == wanted);
    // Leaving ESN out means none (RFC 7296 3.3.3: ESN is mandatory, but some leave it out).
    let esn = proposal.transforms_of(TransformType::Esn).next().is_none() || has(Transform::esn(EsnId::No));
    let fits = proposal.protocol == Protocol::Esp
        && has(CIPHER)
        && esn
        && proposal.transforms_of(TransformType::Integrity).next().is_none();
    proposal.spi32().filter(|spi| fits && *spi >= wire::esp::MIN_SPI)
}

/// SHA-1 of SPIs, address and port (RFC 7296 2.23).
pub fn nat_hash(spis: (u64, u64), address: Ipv4Addr, port: u16) -> [u8; 20] {
    let mut hash = Sha1::new();
    hash.update(spis.0.to_be_bytes());
    hash.update(spis.1.to_be_bytes());
    hash.update(address.octets());
    hash.update(port.to_be_bytes());
    hash.finalize().into()
}

/// Appends the hashes of both ends; the own one is wrong if we want to pass for a spoke behind NAT.
pub fn nat_hashes(chain: &mut Chain, settings: &Settings, spis: (u64, u64), ends: &Ends) {
    let own = if settings.udp { 0 } else { ends.local_port };
    chain.status(NotifyType::NatDetectionSource, &nat_hash(spis, ends.local, own));
    chain.status(NotifyType::NatDetectionDestination, &nat_hash(spis, ends.remote, ends.remote_port));
}

/// Whether a NAT is between us and the sender, or one of us claims so. A sender without hashes knows of no NAT.
pub fn nat_between(payloads: &Payloads<'_>, settings: &Settings, spis: (u64, u64), ends: &Ends) -> bool {
    let (mut source, mut destination) = (None, None);
    for notify in payloads.notifies().flatten() {
        let Some(hash) = notify.nat_detection() else { continue };
        let (seen, expected) = match notify.kind {
            NotifyType::NatDetectionSource => (&mut source, nat_hash(spis, ends.remote, ends.remote_port)),
            NotifyType::NatDetectionDestination => {
                (&mut destination, nat_hash(spis, ends.local, ends.local_port))
            }
            _ => continue,
        };
        *seen = Some(seen.unwrap_or(false) || *hash == expected);
    }
    match (source, destination) {
        (None, None) => false,
        (source, destination) => settings.udp || source == Some(false) || destination == Some(false),
    }
}

/// Who a spoke says it is.
#[derive(Clone, Debug)]
pub struct Name {
    kind: IdType,
    data: Vec<u8>,
}

impl Name {
    /// A domain name, or without one the address.
    pub fn new(name: Option<String>, address: Ipv4Addr) -> Self {
        match name {
            Some(name) => Self { kind: IdType::Fqdn, data: name.into_bytes() },
            None => Self { kind: IdType::Ipv4, data: address.octets().to_vec() },
        }
    }

    /// Appends ID payload and AUTH; `message` is our IKE_SA_INIT message, `peer_nonce` the other side's nonce.
    pub fn prove(
        &self,
        chain: &mut Chain,
        settings: &Settings,
        keys: &Keys,
        role: Role,
        message: &[u8],
        peer_nonce: &[u8],
    ) {
        let payload = id_payload(role);
        let mut identity = Vec::new();
        Identity::emit(self.kind, &self.data, &mut identity);
        chain.raw(payload, &identity);
        let data = auth(settings, keys, role, message, peer_nonce, &identity);
        chain.authentication(AuthMethod::SharedKey, data.expose());
    }
}

/// Whether the other side, of `role`, knows the key.
pub fn proven(
    payloads: &Payloads<'_>,
    settings: &Settings,
    keys: &Keys,
    role: Role,
    message: &[u8],
    peer_nonce: &[u8],
) -> bool {
    let Ok(Some(identity)) = payloads.identity(id_payload(role)) else { return false };
    let Ok(Some(Authentication { method: AuthMethod::SharedKey, data })) = payloads.authentication() else {
        return false;
    };
    auth(settings, keys, role, message, peer_nonce, identity.body).equals(data)
}

fn id_payload(role: Role) -> PayloadType {
    match role {
        Role::Initiator => PayloadType::IdInitiator,
        Role::Responder => PayloadType::IdResponder,
    }
}

fn auth(
    settings: &Settings,
    keys: &Keys,
    role: Role,
    message: &[u8],
    peer_nonce: &[u8],
    identity: &[u8],
) -> Secret {
    let signed = Signed { message, peer_nonce, identity, intermediate: None };
    shared_key(keys.prf(), &settings.key, &signed.octets(keys.prf(), keys.payload_key(role)))
}
