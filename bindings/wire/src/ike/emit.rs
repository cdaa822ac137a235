//! Writing payloads, and messages in the clear.

use super::chain::CRITICAL;
use super::error::ParseError;
use super::header::Header;
use super::number::{AuthMethod, IdType, KeyExchangeId, NotifyType, PayloadType};
use super::proposal::{ProposalSpec, SecurityAssociation};
use super::selector::{Selectors, TrafficSelector};
use super::{
    Authentication, Certificate, CertificateRequest, Delete, HEADER_LEN, Identity, KeyExchange, MAX_MESSAGE,
    MAX_PAYLOADS, Notify, PAYLOAD_HEADER_LEN, Payloads,
};

/// A message or payload would be longer than its length field or a datagram allow, or a chain longer than
/// [`MAX_PAYLOADS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("IKE message of {0} octets is too long")]
pub struct TooLong(pub usize);

/// Payloads one after another. Each method appends one and makes the one before it name it.
#[derive(Clone, Default)]
pub struct Chain {
    octets: Vec<u8>,
    first: PayloadType,
    /// Where the last payload begins: its first octet is the type of the next.
    last_at: usize,
    count: usize,
    /// A payload was over 65,535 octets, or one too many.
    overrun: bool,
}

impl Chain {
    /// Without payload.
    pub fn new() -> Self {
        Self::default()
    }

    /// Type of the first payload.
    pub fn first(&self) -> PayloadType {
        self.first
    }

    /// The payloads so far.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.first == PayloadType::None
    }

    /// Appends a payload whose body `write` appends.
    pub fn payload(&mut self, kind: PayloadType, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        let at = self.octets.len();
        if self.is_empty() {
            self.first = kind;
        } else if let Some(next) = self.octets.get_mut(self.last_at) {
            *next = kind.0;
        }
        (self.last_at, self.count) = (at, self.count + 1);
        self.octets.extend_from_slice(&[0; PAYLOAD_HEADER_LEN]);
        write(&mut self.octets);
        match (u16::try_from(self.octets.len() - at), self.octets.get_mut(at + 2..at + 4)) {
            (Ok(length), Some(field)) => field.copy_from_slice(&length.to_be_bytes()),
            _ => self.overrun = true,
        }
        self.overrun |= self.count > MAX_PAYLOADS;
        self
    }

    /// Appends a payload with a body that is there already.
    pub fn raw(&mut self, kind: PayloadType, body: &[u8]) -> &mut Self {
        self.payload(kind, |out| out.extend_from_slice(body))
    }

    /// Sets the critical bit of the last payload: the receiver has to refuse the message if it does not know the type.
    /// Not for payloads that RFC 7296 defines (3.2).
    pub fn critical(&mut self) -> &mut Self {
        if let (false, Some(flags)) = (self.is_empty(), self.octets.get_mut(self.last_at + 1)) {
            *flags |= CRITICAL;
        }
        self
    }

    /// Appends an SA payload.
    pub fn security_association(&mut self, proposals: &[ProposalSpec<'_>]) -> &mut Self {
        self.payload(PayloadType::Sa, |out| SecurityAssociation::emit(proposals, out))
    }

    /// Appends a KE payload.
    pub fn key_exchange(&mut self, method: KeyExchangeId, data: &[u8]) -> &mut Self {
        self.payload(PayloadType::KeyExchange, |out| KeyExchange { method, data }.emit(out))
    }

    /// Appends a nonce.
    pub fn nonce(&mut self, nonce: &[u8]) -> &mut Self {
        self.raw(PayloadType::Nonce, nonce)
    }

    /// Appends an identity; `payload` is IDi or IDr.
    pub fn identity(&mut self, payload: PayloadType, kind: IdType, data: &[u8]) -> &mut Self {
        self.payload(payload, |out| Identity::emit(kind, data, out))
    }

    /// Appends a certificate.
    pub fn certificate(&mut self, certificate: &Certificate<'_>) -> &mut Self {
        self.payload(PayloadType::Certificate, |out| certificate.emit(out))
    }

    /// Appends a certificate request.
    pub fn certificate_request(&mut self, request: &CertificateRequest<'_>) -> &mut Self {
        self.payload(PayloadType::CertificateRequest, |out| request.emit(out))
    }

    /// Appends an AUTH payload.
    pub fn authentication(&mut self, method: AuthMethod, data: &[u8]) -> &mut Self {
        self.payload(PayloadType::Authentication, |out| Authentication { method, data }.emit(out))
    }

    /// Appends a notify.
    pub fn notify(&mut self, notify: &Notify<'_>) -> &mut Self {
        self.payload(PayloadType::Notify, |out| notify.emit(out))
    }

    /// Appends a notify that concerns no SA but the IKE SA it travels in.
    pub fn status(&mut self, kind: NotifyType, data: &[u8]) -> &mut Self {
        self.notify(&Notify::plain(kind, data))
    }

    /// Appends a delete of the IKE SA that it travels in.
    pub fn delete_ike(&mut self) -> &mut Self {
        self.payload(PayloadType::Delete, Delete::emit_ike)
    }

    /// Appends a delete of ESP SAs that the sender receives on.
    pub fn delete_esp(&mut self, spis: &[u32]) -> &mut Self {
        self.payload(PayloadType::Delete, |out| Delete::emit_esp(spis, out))
    }

    /// Appends traffic selectors; `payload` is TSi or TSr.
    pub fn selectors<'s>(
        &mut self,
        payload: PayloadType,
        selectors: impl IntoIterator<Item = &'s TrafficSelector>,
    ) -> &mut Self {
        self.payload(payload, |out| Selectors::emit(selectors, out))
    }

    /// A message of these payloads in the clear.
    pub fn message(&self, header: &Header) -> Result<Vec<u8>, TooLong> {
        let length = HEADER_LEN + self.octets.len();
        if self.overrun || length > MAX_MESSAGE {
            return Err(TooLong(length));
        }
        let mut out = Vec::with_capacity(length);
        header.emit(&mut out, self.first, length as u32);
        out.extend_from_slice(&self.octets);
        Ok(out)
    }

    /// Reads them, as the receiver would.
    pub fn payloads(&self) -> Result<Payloads<'_>, ParseError> {
        Payloads::parse(self.first, &self.octets)
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.payloads() {
            Ok(payloads) => payloads.fmt(f),
            Err(error) => write!(f, "Chain({error})"),
        }
    }
}

/// The type that ends a chain.
impl Default for PayloadType {
    fn default() -> Self {
        Self::None
    }
}
