//! Writing messages with an Encrypted payload: everything but the cryptography, which happens in place.

use super::emit::{Chain, TooLong};
use super::encrypted::{FRAGMENT_LEN, Fragment, Layout};
use super::header::{FIRST_LENGTH_AT, Header, LENGTH_AT};
use super::number::PayloadType;
use super::{HEADER_LEN, MAX_MESSAGE, PAYLOAD_HEADER_LEN};
use std::ops::Range;

/// A message with all lengths set, and room for what the cipher makes. Until that is done its octets are plaintext, and
/// it is shown as a length only.
pub struct Envelope {
    octets: Vec<u8>,
    iv_at: usize,
    plaintext: Range<usize>,
}

/// The parts of an [`Envelope`] that a cipher needs at once.
pub struct Parts<'a> {
    /// What a combined mode authenticates besides: the message up to the initialization vector.
    pub associated: &'a [u8],
    /// To be filled in.
    pub iv: &'a mut [u8],
    /// Payloads, padding, pad length: to be encrypted in place.
    pub plaintext: &'a mut [u8],
    /// To be filled in, at last.
    pub icv: &'a mut [u8],
}

impl Envelope {
    /// A whole message.
    pub fn new(header: &Header, chain: &Chain, layout: Layout) -> Result<Self, TooLong> {
        if !chain.fits() {
            return Err(TooLong(chain.octets().len()));
        }
        Self::write(header, chain.first(), chain.octets(), None, layout)
    }

    /// The message in fragments of at most `max` octets each (RFC 7383 2.5.1), header included, UDP and IP not. One
    /// whole message if that is enough. Fails if `max` has no room for anything or the fragments cannot be counted.
    pub fn fragments(
        header: &Header,
        chain: &Chain,
        layout: Layout,
        max: usize,
    ) -> Result<Vec<Self>, TooLong> {
        let whole = Self::new(header, chain, layout)?;
        if whole.octets.len() <= max {
            return Ok(vec![whole]);
        }
        let length = chain.octets().len();
        let room = Self::room(layout, max).ok_or(TooLong(length))?;
        let total = u16::try_from(length.div_ceil(room)).map_err(|_| TooLong(length))?;
        let fragment = |(number, part)| {
            // Only the first names a payload (RFC 7383 2.5).
            let first = if number == 1 { chain.first() } else { PayloadType::None };
            Self::write(header, first, part, Some(Fragment { number, total }), layout)
        };
        (1..=total).zip(chain.octets().chunks(room)).map(fragment).collect()
    }

    /// Octets of payloads that a fragment of `max` octets has room for.
    fn room(layout: Layout, max: usize) -> Option<usize> {
        let around = HEADER_LEN + PAYLOAD_HEADER_LEN + FRAGMENT_LEN + layout.iv + layout.icv;
        let ciphertext = max.checked_sub(around)?;
        let block = layout.block.max(1);
        (ciphertext / block * block).checked_sub(1).filter(|room| *room > 0)
    }

    fn write(
        header: &Header,
        first: PayloadType,
        payloads: &[u8],
        fragment: Option<Fragment>,
        layout: Layout,
    ) -> Result<Self, TooLong> {
        let padding = layout.padding(payloads.len());
        let numbers = if fragment.is_some() { FRAGMENT_LEN } else { 0 };
        let body = numbers + layout.iv + payloads.len() + padding + 1 + layout.icv;
        let length = HEADER_LEN + PAYLOAD_HEADER_LEN + body;
        let (Ok(pad_length), true) = (u8::try_from(padding), length <= MAX_MESSAGE) else {
            return Err(TooLong(length));
        };
        let mut octets = header.encrypted_head(first, fragment);
        octets.reserve_exact(length - octets.len());
        put(&mut octets, LENGTH_AT, &(length as u32).to_be_bytes());
        put(&mut octets, FIRST_LENGTH_AT, &((PAYLOAD_HEADER_LEN + body) as u16).to_be_bytes());
        let iv_at = octets.len();
        octets.resize(iv_at + layout.iv, 0);
        let start = octets.len();
        octets.extend_from_slice(payloads);
        octets.resize(octets.len() + padding, 0);
        octets.push(pad_length);
        let plaintext = start..octets.len();
        octets.resize(length, 0);
        Ok(Self { octets, iv_at, plaintext })
    }

    /// What the cipher needs.
    pub fn parts(&mut self) -> Parts<'_> {
        let (front, icv) = self.octets.split_at_mut(self.plaintext.end);
        let (front, plaintext) = front.split_at_mut(self.plaintext.start);
        let (associated, iv) = front.split_at_mut(self.iv_at);
        Parts { associated, iv, plaintext, icv }
    }

    /// What a separate integrity algorithm authenticates, and where its checksum goes. After encryption.
    pub fn signed(&mut self) -> (&[u8], &mut [u8]) {
        let (signed, icv) = self.octets.split_at_mut(self.plaintext.end);
        (signed, icv)
    }

    /// The message, once it is encrypted and authenticated.
    pub fn finish(self) -> Vec<u8> {
        self.octets
    }
}

fn put<const N: usize>(octets: &mut [u8], at: usize, value: &[u8; N]) {
    if let Some(field) = octets.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *field = *value;
    }
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Envelope({} octets)", self.octets.len())
    }
}
