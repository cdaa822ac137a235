//! One packet to be sealed or opened in place.

use super::context::Context;
use super::transform::{GCM_ICV, GCM_IV, HEADER, MAX_ICV, SALT};

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
    /// What [`Job::taken_for`] said.
    pub(super) gcm: bool,
}

impl<'a> Job<'a> {
    /// A job not yet done.
    #[inline(always)]
    pub fn new(context: &'a Context, packet: &'a mut [u8], sequence: u64) -> Self {
        Self { context, packet, sequence, status: Status::Pending, gcm: true }
    }

    /// Whether the transform is GCM, for who knows it without a look at the context: so that the right part of the keys
    /// is loaded ahead of time. Said wrongly it costs time and nothing else.
    #[inline(always)]
    pub fn taken_for(mut self, gcm: bool) -> Self {
        self.gcm = gcm;
        self
    }
}

/// A packet's fields behind SPI and sequence number.
pub(super) struct Parts<'p> {
    pub iv: &'p mut [u8],
    pub text: &'p mut [u8],
    pub icv: &'p mut [u8],
}

/// Takes a packet apart. `None`: too short.
#[inline(always)]
pub(super) fn split(packet: &mut [u8], iv_len: usize, icv_len: usize) -> Option<Parts<'_>> {
    let (_, rest) = packet.split_first_chunk_mut::<HEADER>()?;
    let (iv, rest) = rest.split_at_mut_checked(iv_len)?;
    let (text, icv) = rest.split_at_mut_checked(rest.len().checked_sub(icv_len)?)?;
    Some(Parts { iv, text, icv })
}

/// Additional authenticated data of GCM: SPI and sequence number, with ESN all 64 bits of it (RFC 4106 5).
#[derive(Clone, Copy)]
pub(super) struct Aad {
    octets: [u8; 16],
    len: u8,
}

impl Aad {
    #[inline(always)]
    pub fn new(header: &[u8; HEADER], sequence: u64, esn: bool) -> Self {
        // In a register, for the reason of `GcmNonce`.
        let header = u64::from_le_bytes(*header);
        if esn {
            let (spi, low) = (header as u32, (header >> 32) as u32);
            let high = ((sequence >> 32) as u32).swap_bytes();
            let words = u128::from(spi) | u128::from(high) << 32 | u128::from(low) << 64;
            Self { octets: words.to_le_bytes(), len: 12 }
        } else {
            Self { octets: u128::from(header).to_le_bytes(), len: 8 }
        }
    }

    #[inline(always)]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or(&self.octets)
    }
}

/// A packet's fields under GCM.
pub(super) struct GcmParts<'p> {
    /// SPI and sequence number.
    pub header: &'p [u8; HEADER],
    pub iv: &'p mut [u8; GCM_IV],
    pub text: &'p mut [u8],
    pub icv: &'p mut [u8; GCM_ICV],
}

/// Takes a packet of GCM apart. `None`: too short.
#[inline(always)]
pub(super) fn split_gcm(packet: &mut [u8]) -> Option<GcmParts<'_>> {
    let (header, rest) = packet.split_first_chunk_mut::<HEADER>()?;
    let (iv, rest) = rest.split_first_chunk_mut::<GCM_IV>()?;
    let (text, icv) = rest.split_last_chunk_mut::<GCM_ICV>()?;
    Some(GcmParts { header, iv, text, icv })
}

/// GCM's nonce: salt and IV (RFC 4106 4).
#[derive(Clone, Copy)]
pub(super) struct GcmNonce([u8; 16]);

impl GcmNonce {
    /// Put together in a register: an engine that loads eight octets of it then does not wait for two smaller stores.
    #[inline(always)]
    pub fn new(salt: [u8; SALT], iv: [u8; GCM_IV]) -> Self {
        let (salt, iv) = (u32::from_le_bytes(salt), u64::from_le_bytes(iv));
        Self((u128::from(salt) | u128::from(iv) << 32).to_le_bytes())
    }

    #[inline(always)]
    pub fn octets(&self) -> &[u8; 12] {
        self.0.first_chunk().unwrap_or(&[0; 12])
    }
}

/// An ICV of any transform.
pub(super) type Icv = [u8; MAX_ICV];

/// Whether two ICVs are the same, in a time that does not tell where they differ.
#[inline(always)]
pub(super) fn same_icv(computed: &[u8], received: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    computed.ct_eq(received).into()
}

/// The same for GCM, as one number.
#[inline(always)]
pub(super) fn same_gcm_icv(computed: [u8; GCM_ICV], received: &[u8; GCM_ICV]) -> bool {
    use subtle::ConstantTimeEq;
    u128::from_ne_bytes(computed).ct_eq(&u128::from_ne_bytes(*received)).into()
}
