//! Messages under an IKE SA's keys.

use super::{offer, random};
use ike::crypto::{ChildKeys, Envelope, Keys, Nonces, Opener, Role, Sealer, Secret, Spis};
use wire::ike::{Chain, Exchange, Flags, Header, Message, PayloadType};

/// Keys of an IKE SA, and who we are in it.
#[derive(Debug)]
pub struct Channel {
    spis: Spis,
    role: Role,
    keys: Keys,
    sealer: Sealer,
    opener: Opener,
}

impl Channel {
    /// From the keys of IKE_SA_INIT.
    pub fn new(spis: Spis, role: Role, keys: Keys) -> Self {
        let (sealer, opener) = (keys.sealer(role), keys.opener(role));
        Self { spis, role, keys, sealer, opener }
    }

    /// Keys of a child SA, made with the nonces of an exchange.
    pub fn child_keys(&self, shared: &[Secret], nonces: Nonces<'_>) -> ChildKeys {
        self.keys.child(offer::ENCRYPTION, None, shared, nonces)
    }

    /// The keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Which side is ours.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Both SPIs.
    pub fn spis(&self) -> Spis {
        self.spis
    }

    /// A header of ours.
    pub fn header(spis: Spis, role: Role, exchange: Exchange, response: bool, message_id: u32) -> Header {
        let initiator = if role == Role::Initiator { Flags::INITIATOR } else { 0 };
        let response = if response { Flags::RESPONSE } else { 0 };
        Header {
            initiator_spi: u64::from_be_bytes(spis.initiator),
            responder_spi: u64::from_be_bytes(spis.responder),
            exchange,
            flags: Flags(initiator | response),
            message_id,
        }
    }

    /// An encrypted message. `None`: too long, which no message here is.
    pub fn seal(&mut self, exchange: Exchange, response: bool, id: u32, chain: &Chain) -> Option<Vec<u8>> {
        let header = Self::header(self.spis, self.role, exchange, response, id);
        let mut message = header.encrypted_head(chain.first(), None);
        let head = message.len();
        message.extend_from_slice(chain.octets());
        self.sealer.seal(&mut message, head, Envelope::Whole, &mut random).ok()?;
        Some(message)
    }

    /// The payloads of an encrypted message: type of the first, and all of them. `None`: not authentic.
    pub fn open(&self, message: &Message<'_>) -> Option<(PayloadType, Vec<u8>)> {
        let encrypted = message.encrypted().ok()??;
        if encrypted.fragment.is_some() {
            return None;
        }
        let mut inner = Vec::new();
        self.opener.open(message.octets(), encrypted.at(), Envelope::Whole, &mut inner).ok()?;
        Some((encrypted.first, inner))
    }
}
