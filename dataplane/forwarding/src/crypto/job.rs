//! One packet to be sealed or opened in place.

use super::context::Context;
use super::transform::{HEADER, MAX_ICV};

/// How a job ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Not processed yet.
    #[default]
    Pending,
    /// Sealed, or authentic and deciphered.
    Done,
    /// Not authentic. Between IV and ICV is nothing worth reading: the ciphertext as it came, or zeros.
    BadIcv,
    /// Shorter than the transform's fields, or the ciphertext is not made of whole blocks (CBC). Nothing was changed.
    BadLength,
    /// The context is one for the other direction. Nothing was changed.
    WrongDirection,
    /// The engine could not: the context is of an engine that this worker has not. The packet is not fit for use.
    Failed,
}

/// One ESP packet and the keys for it.
///
/// The packet is the whole of what RFC 4303 figure 1 shows, in place: SPI and sequence number, IV, ciphertext, ICV.
/// To be sealed, it has its SPI and sequence number, padding, pad length and next header; IV and ICV are room that
/// sealing fills. In an open packet the plaintext stands where the ciphertext was.
#[derive(Debug)]
pub struct Job<'a> {
    /// Keys of the SA.
    pub context: &'a Context,
    /// From the SPI to the last octet of the ICV.
    pub packet: &'a mut [u8],
    /// The sequence number with its upper half (RFC 4303 2.2.1). Its lower half must be that in the packet. For GCM it
    /// is the IV of a packet to seal, so that no number may be used twice for one key (RFC 4106 3.1).
    pub sequence: u64,
    /// How it ended.
    pub status: Status,
}

impl<'a> Job<'a> {
    /// A job not yet done.
    #[inline(always)]
    pub fn new(context: &'a Context, packet: &'a mut [u8], sequence: u64) -> Self {
        Self { context, packet, sequence, status: Status::Pending }
    }
}

/// A packet's fields.
pub(super) struct Parts<'p> {
    /// SPI and sequence number.
    pub header: &'p [u8; HEADER],
    pub iv: &'p mut [u8],
    pub text: &'p mut [u8],
    pub icv: &'p mut [u8],
}

/// Takes a packet apart. `None`: too short.
#[inline(always)]
pub(super) fn split(packet: &mut [u8], iv_len: usize, icv_len: usize) -> Option<Parts<'_>> {
    let (header, rest) = packet.split_first_chunk_mut::<HEADER>()?;
    let (iv, rest) = rest.split_at_mut_checked(iv_len)?;
    let (text, icv) = rest.split_at_mut_checked(rest.len().checked_sub(icv_len)?)?;
    Some(Parts { header, iv, text, icv })
}

/// Additional authenticated data of GCM: SPI and sequence number, with ESN all 64 bits of it (RFC 4106 5).
#[derive(Clone, Copy)]
pub(super) struct Aad {
    octets: [u8; 12],
    len: u8,
}

impl Aad {
    #[inline(always)]
    pub fn new(header: &[u8; HEADER], sequence: u64, esn: bool) -> Self {
        let [s0, s1, s2, s3, l0, l1, l2, l3] = *header;
        let [h0, h1, h2, h3, ..] = sequence.to_be_bytes();
        if esn {
            Self { octets: [s0, s1, s2, s3, h0, h1, h2, h3, l0, l1, l2, l3], len: 12 }
        } else {
            Self { octets: [s0, s1, s2, s3, l0, l1, l2, l3, 0, 0, 0, 0], len: 8 }
        }
    }

    #[inline(always)]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or(&self.octets)
    }
}

/// GCM's nonce: salt and IV (RFC 4106 4).
#[inline(always)]
pub(super) fn nonce(salt: [u8; 4], iv: &[u8]) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&salt);
    for (to, from) in nonce[4..].iter_mut().zip(iv) {
        *to = *from;
    }
    nonce
}

/// An ICV of any transform.
pub(super) type Icv = [u8; MAX_ICV];

/// Whether two ICVs are the same, in a time that does not tell where they differ.
#[inline(always)]
pub(super) fn same_icv(computed: &[u8], received: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    computed.ct_eq(received).into()
}
