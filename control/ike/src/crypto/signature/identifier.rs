//! AlgorithmIdentifiers of signatures in DER (RFC 7427 appendix A, RFC 8420 appendix A).

use x509_cert::der::asn1::{AnyRef, ContextSpecific, ObjectIdentifier};
use x509_cert::der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::spki::AlgorithmIdentifierRef;

use super::{Hash, Scheme};

const RSA_ENCRYPTION: [(Hash, ObjectIdentifier); 3] = [
    (Hash::Sha256, oid("1.2.840.113549.1.1.11")),
    (Hash::Sha384, oid("1.2.840.113549.1.1.12")),
    (Hash::Sha512, oid("1.2.840.113549.1.1.13")),
];
const ECDSA: [(Hash, ObjectIdentifier); 3] = [
    (Hash::Sha256, oid("1.2.840.10045.4.3.2")),
    (Hash::Sha384, oid("1.2.840.10045.4.3.3")),
    (Hash::Sha512, oid("1.2.840.10045.4.3.4")),
];
const HASHES: [(Hash, ObjectIdentifier); 3] = [
    (Hash::Sha256, oid("2.16.840.1.101.3.4.2.1")),
    (Hash::Sha384, oid("2.16.840.1.101.3.4.2.2")),
    (Hash::Sha512, oid("2.16.840.1.101.3.4.2.3")),
];
const RSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");
const MGF1: ObjectIdentifier = oid("1.2.840.113549.1.1.8");
const ED25519: ObjectIdentifier = oid("1.3.101.112");

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

fn hash_of(table: &[(Hash, ObjectIdentifier)], wanted: ObjectIdentifier) -> Option<Hash> {
    table.iter().find(|(_, oid)| *oid == wanted).map(|(hash, _)| *hash)
}

/// What a peer's identifier means; `None` for what we do not verify, SHA-1 among it (RFC 8247 4).
pub(super) fn parse(der: &[u8]) -> Option<Scheme> {
    let identifier = AlgorithmIdentifierRef::from_der(der).ok()?;
    if let Some(hash) = hash_of(&RSA_ENCRYPTION, identifier.oid) {
        // NULL, which some leave away.
        return is_null(identifier.parameters).then_some(Scheme::RsaPkcs1(hash));
    }
    if let Some(hash) = hash_of(&ECDSA, identifier.oid) {
        return identifier.parameters.is_none().then_some(Scheme::Ecdsa(hash));
    }
    match identifier.oid {
        RSA_PSS => pss(identifier.parameters?).map(Scheme::RsaPss),
        ED25519 => identifier.parameters.is_none().then_some(Scheme::Ed25519),
        _ => None,
    }
}

fn is_null(parameters: Option<AnyRef<'_>>) -> bool {
    parameters.is_none_or(|any| any.tag() == Tag::Null && any.value().is_empty())
}

/// RSASSA-PSS-params (RFC 4055 3.1) with one hash throughout and a salt as long as that hash. What stands for the
/// default SHA-1 by not being there is SHA-1 and refused.
fn pss(parameters: AnyRef<'_>) -> Option<Hash> {
    if parameters.tag() != Tag::Sequence {
        return None;
    }
    let mut reader = SliceReader::new(parameters.value()).ok()?;
    let hash: AlgorithmIdentifierRef<'_> = explicit(&mut reader, 0)?;
    let mask: AlgorithmIdentifierRef<'_> = explicit(&mut reader, 1)?;
    let salt: u8 = explicit(&mut reader, 2)?;
    // trailerField: 1 or, by its default, nothing.
    if !reader.is_finished() && explicit::<u8>(&mut reader, 3)? != 1 {
        return None;
    }
    let mask_hash: AlgorithmIdentifierRef<'_> = mask.parameters?.decode_as().ok()?;
    let digest = hash_of(&HASHES, hash.oid)?;
    let fits = reader.is_finished()
        && is_null(hash.parameters)
        && is_null(mask_hash.parameters)
        && mask.oid == MGF1
        && mask_hash.oid == hash.oid
        && usize::from(salt) == digest.len();
    fits.then_some(digest)
}

fn explicit<'a, T>(reader: &mut SliceReader<'a>, number: u32) -> Option<T>
where
    T: Decode<'a> + Tagged,
{
    ContextSpecific::<T>::decode_explicit(reader, TagNumber(number)).ok()?.map(|field| field.value)
}

/// As RFC 7427 appendix A has it, without the default trailer field, which DER leaves away.
pub(super) fn der(scheme: Scheme) -> &'static [u8] {
    match scheme {
        Scheme::RsaPkcs1(Hash::Sha256) => b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00",
        Scheme::RsaPkcs1(Hash::Sha384) => b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00",
        Scheme::RsaPkcs1(Hash::Sha512) => b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00",
        Scheme::Ecdsa(Hash::Sha256) => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02",
        Scheme::Ecdsa(Hash::Sha384) => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03",
        Scheme::Ecdsa(Hash::Sha512) => b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04",
        Scheme::RsaPss(Hash::Sha256) => {
            b"\x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\xa2\x03\x02\x01\x20"
        }
        Scheme::RsaPss(Hash::Sha384) => {
            b"\x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\xa2\x03\x02\x01\x30"
        }
        Scheme::RsaPss(Hash::Sha512) => {
            b"\x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\xa2\x03\x02\x01\x40"
        }
        Scheme::Ed25519 => b"\x30\x05\x06\x03\x2b\x65\x70",
        // Never sent.
        Scheme::RsaPkcs1(Hash::Sha1) | Scheme::RsaPss(Hash::Sha1) | Scheme::Ecdsa(Hash::Sha1) => b"",
    }
}
