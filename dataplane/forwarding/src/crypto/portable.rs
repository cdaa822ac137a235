//! The engine of the RustCrypto crates: always there, and what the others are compared with.

use super::context::Head;
use super::ivs::Ivs;
use super::job::{Aad, GcmNonce, Icv, Status, same_icv, split, split_gcm};
use super::transform::{Aes, BLOCK, Integrity, SALT};
use aes::cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit,
};
use aes::{Aes128Dec, Aes128Enc, Aes256Dec, Aes256Enc};
use aes_gcm::AesGcm;
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::array::typenum::{U12, U16};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

/// Expanded keys for AES-GCM.
pub(super) struct Gcm {
    pub head: Head,
    salt: [u8; SALT],
    cipher: GcmCipher,
}

enum GcmCipher {
    Aes128(AesGcm<Aes128Enc, U12>),
    Aes256(AesGcm<Aes256Enc, U12>),
}

impl Gcm {
    /// `None`: a key of another length.
    pub fn new(head: Head, aes: Aes, key: &[u8], salt: [u8; SALT]) -> Option<Self> {
        let cipher = match aes {
            Aes::Aes128 => GcmCipher::Aes128(AesGcm::new_from_slice(key).ok()?),
            Aes::Aes256 => GcmCipher::Aes256(AesGcm::new_from_slice(key).ok()?),
        };
        Some(Self { head, salt, cipher })
    }

    #[inline]
    pub fn seal(&self, packet: &mut [u8], sequence: u64) -> Status {
        match &self.cipher {
            GcmCipher::Aes128(cipher) => self.seal_with(cipher, packet, sequence),
            GcmCipher::Aes256(cipher) => self.seal_with(cipher, packet, sequence),
        }
    }

    #[inline]
    pub fn open(&self, packet: &mut [u8], sequence: u64) -> Status {
        match &self.cipher {
            GcmCipher::Aes128(cipher) => self.open_with(cipher, packet, sequence),
            GcmCipher::Aes256(cipher) => self.open_with(cipher, packet, sequence),
        }
    }

    fn seal_with(&self, cipher: &impl Aead, packet: &mut [u8], sequence: u64) -> Status {
        let Some(parts) = split_gcm(packet) else { return Status::BadLength };
        *parts.iv = sequence.to_be_bytes();
        let nonce = GcmNonce::new(self.salt, *parts.iv);
        let aad = Aad::new(parts.header, sequence, self.head.esn);
        match cipher.encrypt_inout_detached(nonce.octets().into(), aad.octets(), parts.text.into()) {
            Ok(tag) => parts.icv.copy_from_slice(&tag),
            Err(_) => return Status::BadLength,
        }
        Status::Done
    }

    fn open_with(&self, cipher: &impl Aead, packet: &mut [u8], sequence: u64) -> Status {
        let Some(parts) = split_gcm(packet) else { return Status::BadLength };
        let nonce = GcmNonce::new(self.salt, *parts.iv);
        let aad = Aad::new(parts.header, sequence, self.head.esn);
        let (nonce, icv) = (nonce.octets().into(), (&*parts.icv).into());
        match cipher.decrypt_inout_detached(nonce, aad.octets(), parts.text.into(), icv) {
            Ok(()) => Status::Done,
            Err(_) => Status::BadIcv,
        }
    }
}

/// The two ciphers of [`Gcm`].
trait Aead: AeadInOut<NonceSize = U12, TagSize = U16> {}
impl<T: AeadInOut<NonceSize = U12, TagSize = U16>> Aead for T {}

/// Expanded keys for AES-CBC and HMAC.
pub(super) struct Cbc {
    pub head: Head,
    integrity: Integrity,
    cipher: CbcCipher,
    mac: HmacState,
}

/// A direction needs only its own half of the key schedule.
enum CbcCipher {
    Enc128(Aes128Enc),
    Enc256(Aes256Enc),
    Dec128(Aes128Dec),
    Dec256(Aes256Dec),
}

/// An HMAC that has taken its key.
enum HmacState {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

impl Cbc {
    /// `None`: a key of another length.
    pub fn new(head: Head, aes: Aes, integrity: Integrity, key: &[u8], auth: &[u8]) -> Option<Self> {
        let cipher = match (aes, head.outbound) {
            (Aes::Aes128, true) => CbcCipher::Enc128(Aes128Enc::new_from_slice(key).ok()?),
            (Aes::Aes256, true) => CbcCipher::Enc256(Aes256Enc::new_from_slice(key).ok()?),
            (Aes::Aes128, false) => CbcCipher::Dec128(Aes128Dec::new_from_slice(key).ok()?),
            (Aes::Aes256, false) => CbcCipher::Dec256(Aes256Dec::new_from_slice(key).ok()?),
        };
        let mac = match integrity {
            Integrity::Sha1 => HmacState::Sha1(Hmac::new_from_slice(auth).ok()?),
            Integrity::Sha256 => HmacState::Sha256(Hmac::new_from_slice(auth).ok()?),
            Integrity::Sha384 => HmacState::Sha384(Hmac::new_from_slice(auth).ok()?),
            Integrity::Sha512 => HmacState::Sha512(Hmac::new_from_slice(auth).ok()?),
        };
        Some(Self { head, integrity, cipher, mac })
    }

    pub fn seal(&self, packet: &mut [u8], sequence: u64, ivs: &mut Ivs) -> Status {
        let icv_len = self.integrity.icv_len();
        let Some(parts) = split(packet, BLOCK, icv_len) else { return Status::BadLength };
        let iv = ivs.draw();
        let whole = match &self.cipher {
            CbcCipher::Enc128(cipher) => encrypt(cipher, iv, parts.text),
            CbcCipher::Enc256(cipher) => encrypt(cipher, iv, parts.text),
            CbcCipher::Dec128(_) | CbcCipher::Dec256(_) => return Status::WrongDirection,
        };
        if whole.is_none() {
            return Status::BadLength;
        }
        parts.iv.copy_from_slice(&iv);
        let icv = self.icv(packet, sequence);
        for (to, from) in packet.iter_mut().rev().zip(icv.iter().take(icv_len).rev()) {
            *to = *from;
        }
        Status::Done
    }

    /// The ICV first: nothing is deciphered that is not authentic (RFC 4303 3.4.4.1).
    pub fn open(&self, packet: &mut [u8], sequence: u64) -> Status {
        let icv_len = self.integrity.icv_len();
        let Some(parts) = split(packet, BLOCK, icv_len) else { return Status::BadLength };
        if parts.text.len() % BLOCK != 0 {
            return Status::BadLength;
        }
        let icv = self.icv(packet, sequence);
        let Some(parts) = split(packet, BLOCK, icv_len) else { return Status::BadLength };
        if !icv.get(..icv_len).is_some_and(|computed| same_icv(computed, parts.icv)) {
            return Status::BadIcv;
        }
        let Ok(iv) = <[u8; BLOCK]>::try_from(&*parts.iv) else { return Status::BadLength };
        let whole = match &self.cipher {
            CbcCipher::Dec128(cipher) => decrypt(cipher, iv, parts.text),
            CbcCipher::Dec256(cipher) => decrypt(cipher, iv, parts.text),
            CbcCipher::Enc128(_) | CbcCipher::Enc256(_) => return Status::WrongDirection,
        };
        whole.map_or(Status::BadLength, |()| Status::Done)
    }

    /// Of everything from the SPI to the last octet of ciphertext; with ESN the upper half of the sequence number is
    /// authenticated behind it and not sent (RFC 4303 2.2.1).
    fn icv(&self, packet: &[u8], sequence: u64) -> Icv {
        let covered = packet.len().saturating_sub(self.integrity.icv_len());
        let covered = packet.get(..covered).unwrap_or_default();
        let upper = ((sequence >> 32) as u32).to_be_bytes();
        let upper: &[u8] = if self.head.esn { &upper } else { &[] };
        let mut icv = [0; _];
        match &self.mac {
            HmacState::Sha1(mac) => digest(mac, covered, upper, &mut icv),
            HmacState::Sha256(mac) => digest(mac, covered, upper, &mut icv),
            HmacState::Sha384(mac) => digest(mac, covered, upper, &mut icv),
            HmacState::Sha512(mac) => digest(mac, covered, upper, &mut icv),
        }
        icv
    }
}

fn digest(keyed: &(impl Mac + Clone), covered: &[u8], upper: &[u8], icv: &mut Icv) {
    let mut mac = keyed.clone();
    mac.update(covered);
    mac.update(upper);
    for (to, from) in icv.iter_mut().zip(mac.finalize().into_bytes()) {
        *to = from;
    }
}

/// `None`: not whole blocks.
fn encrypt<C>(cipher: &C, iv: [u8; BLOCK], text: &mut [u8]) -> Option<()>
where
    C: BlockCipherEncrypt + aes::cipher::BlockSizeUser<BlockSize = U16>,
{
    let (blocks, []) = Array::slice_as_chunks_mut(text) else { return None };
    cbc::Encryptor::inner_iv_init(cipher, &iv.into()).encrypt_blocks(blocks);
    Some(())
}

/// `None`: not whole blocks.
fn decrypt<C>(cipher: &C, iv: [u8; BLOCK], text: &mut [u8]) -> Option<()>
where
    C: BlockCipherDecrypt + aes::cipher::BlockSizeUser<BlockSize = U16>,
{
    let (blocks, []) = Array::slice_as_chunks_mut(text) else { return None };
    cbc::Decryptor::inner_iv_init(cipher, &iv.into()).decrypt_blocks(blocks);
    Some(())
}
