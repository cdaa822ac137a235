//! Messages under an IKE SA's keys.

use crate::Host;
use crate::crypto::{Envelope, OpenError, Role, SealError};
use crate::ike_sa::{IkeSa, Secured};
use crate::path::PORT_NAT;
use wire::ike::{Chain, Encrypted, Exchange, Flags, Fragment, HEADER_LEN, Header, Message, PayloadType};
use zeroize::Zeroizing;

/// Octets of IPv4 and UDP header before a message; the non-ESP marker comes on top.
const AROUND: usize = 20 + 8;
const MARKER: usize = 4;
/// No message is divided into smaller ones than this.
const MIN_FRAGMENT: usize = 256;

/// What a message says in its header.
#[derive(Clone, Copy)]
pub(crate) struct Outline {
    pub(crate) exchange: Exchange,
    pub(crate) id: u32,
    pub(crate) response: bool,
}

impl IkeSa {
    /// Encrypts payloads into one message, or into fragments if that would be too long a packet and the peer takes them
    /// (RFC 7383 2.5).
    pub(crate) fn seal(
        &mut self,
        outline: Outline,
        chain: &Chain,
        fragment_size: u16,
        host: &mut dyn Host,
    ) -> Result<Vec<Vec<u8>>, SealError> {
        let (spis, role, inner) = (self.spis, self.role, chain.octets());
        let marker = if self.path.local.1 == PORT_NAT { MARKER } else { 0 };
        let room = usize::from(fragment_size).saturating_sub(AROUND + marker).max(MIN_FRAGMENT);
        let secured = self.secured.as_mut().ok_or(SealError::Keys)?;
        let whole = HEADER_LEN + Envelope::Whole.header_len();
        if !self.fragmentation || secured.sealer.sealed_len(whole, inner.len()) <= room {
            let head = head(spis, role, outline, chain.first(), None);
            return Ok(vec![seal(secured, head, Envelope::Whole, inner, host)?]);
        }
        let part = secured.sealer.capacity(HEADER_LEN + Envelope::Fragment.header_len(), room).max(1);
        let total = u16::try_from(inner.len().div_ceil(part)).map_err(|_| SealError::Length)?;
        let fragment = |(number, part): (u16, &[u8])| {
            // Only the first names a payload (RFC 7383 2.5).
            let first = if number == 1 { chain.first() } else { PayloadType::None };
            let head = head(spis, role, outline, first, Some(Fragment { number, total }));
            seal(secured, head, Envelope::Fragment, part, host)
        };
        (1..=total).zip(inner.chunks(part)).map(fragment).collect()
    }

    /// Decrypts what [`Message::encrypted`] found.
    pub(crate) fn open(
        &self,
        message: &Message<'_>,
        encrypted: &Encrypted<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let secured = self.secured.as_ref().ok_or(OpenError::Keys)?;
        let envelope = if encrypted.fragment.is_some() { Envelope::Fragment } else { Envelope::Whole };
        let mut inner = Zeroizing::new(Vec::new());
        secured.opener.open(message.octets(), encrypted.at(), envelope, &mut inner)?;
        Ok(inner)
    }
}

fn seal(
    secured: &mut Secured,
    mut head: Vec<u8>,
    envelope: Envelope,
    inner: &[u8],
    host: &mut dyn Host,
) -> Result<Vec<u8>, SealError> {
    let length = head.len();
    head.extend_from_slice(inner);
    secured.sealer.seal(&mut head, length, envelope, &mut |octets| host.random(octets))?;
    Ok(head)
}

/// Header, and head of the Encrypted payload; the lengths are the sealer's to write.
pub(crate) fn head(
    spis: (u64, u64),
    role: Role,
    outline: Outline,
    first: PayloadType,
    fragment: Option<Fragment>,
) -> Vec<u8> {
    let initiator = if role == Role::Initiator { Flags::INITIATOR } else { 0 };
    let response = if outline.response { Flags::RESPONSE } else { 0 };
    let header = Header {
        initiator_spi: spis.0,
        responder_spi: spis.1,
        exchange: outline.exchange,
        flags: Flags(initiator | response),
        message_id: outline.id,
    };
    header.encrypted_head(first, fragment)
}

/// The same head with these flags: those of a message as it was received.
pub(crate) fn with_flags(mut head: Vec<u8>, flags: u8) -> Vec<u8> {
    head.get_mut(FLAGS_AT).into_iter().for_each(|field| *field = flags);
    head
}

const FLAGS_AT: usize = 19;
