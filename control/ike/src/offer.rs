//! Proposals as a peer made them (RFC 7296 3.3).

use crate::crypto::{Encryption, Group, Integrity, Prf};
use std::fmt::Write as _;
use wire::ike::{Protocol, SecurityAssociation, Transform};

/// Transform types.
pub(crate) mod kind {
    pub(crate) const ENCRYPTION: u8 = 1;
    pub(crate) const PRF: u8 = 2;
    pub(crate) const INTEGRITY: u8 = 3;
    pub(crate) const KE: u8 = 4;
    pub(crate) const ESN: u8 = 5;
    /// ADDKE1 (RFC 9370 2.1).
    pub(crate) const ADDITIONAL_FIRST: u8 = 6;
    /// ADDKE7.
    pub(crate) const ADDITIONAL_LAST: u8 = 12;
}

/// Octets of an offer's description for operators.
const DESCRIPTION: usize = 400;

/// One proposal of a peer's that is well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) number: u8,
    protocol: Protocol,
    pub(crate) spi: Vec<u8>,
    transforms: Vec<Transform>,
}

impl Offer {
    /// The well-formed ones; the others are skipped (RFC 7296 3.3.6).
    pub(crate) fn all(sa: &SecurityAssociation<'_>) -> Vec<Self> {
        let well_formed = sa.proposals().flatten();
        well_formed
            .map(|proposal| Self {
                number: proposal.number,
                protocol: proposal.protocol,
                spi: proposal.spi.to_vec(),
                transforms: proposal.transforms().collect(),
            })
            .collect()
    }

    /// For an IKE SA, with an SPI of a length that one has.
    pub(crate) fn is_ike(&self) -> bool {
        self.protocol == Protocol::Ike && matches!(self.spi.len(), 0 | 8)
    }

    /// For a child SA, with an SPI that can be sent to (RFC 4303 2.1).
    pub(crate) fn is_esp(&self) -> bool {
        self.protocol == Protocol::Esp && self.esp_spi() > 255
    }

    /// SPI of a child SA; 0: it has none.
    pub(crate) fn esp_spi(&self) -> u32 {
        self.spi.as_slice().try_into().map_or(0, u32::from_be_bytes)
    }

    /// Whether every kind of transform is known: of an unknown kind we could not choose one, as we must (RFC 7296 3.3.6).
    pub(crate) fn is_usable(&self, ike: bool) -> bool {
        self.transforms.iter().all(|transform| match transform.kind.0 {
            kind::ENCRYPTION | kind::INTEGRITY | kind::KE => true,
            kind::PRF => ike,
            kind::ESN => !ike,
            kind::ADDITIONAL_FIRST..=kind::ADDITIONAL_LAST => true,
            _ => false,
        })
    }

    /// Whether a transform without key length is offered.
    pub(crate) fn has(&self, kind: u8, id: u16) -> bool {
        self.of(kind).any(|transform| transform.id == id && transform.key_length.is_none())
    }

    /// Whether a cipher is offered; with its key length, always (RFC 7296 3.3.5).
    pub(crate) fn has_cipher(&self, cipher: Encryption) -> bool {
        self.of(kind::ENCRYPTION)
            .any(|transform| transform.id == cipher.id() && transform.key_length == Some(cipher.key_bits()))
    }

    /// Whether anything of a kind is spoken of, be it known or not.
    pub(crate) fn has_kind(&self, kind: u8) -> bool {
        self.transforms.iter().any(|transform| transform.kind.0 == kind)
    }

    fn of(&self, kind: u8) -> impl Iterator<Item = &Transform> {
        self.transforms.iter().filter(move |transform| transform.kind.0 == kind && transform.understood)
    }
}

/// In strongSwan's words, for operators; cut off where it gets long.
pub(crate) fn describe(offers: &[Offer]) -> String {
    let mut text = String::new();
    for (index, offer) in offers.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        for (index, transform) in offer.transforms.iter().enumerate() {
            if text.len() > DESCRIPTION {
                text.push_str("...");
                return text;
            }
            if index > 0 {
                text.push('-');
            }
            word(transform, &mut text);
        }
    }
    if text.is_empty() { "nothing well-formed".into() } else { text }
}

fn word(transform: &Transform, text: &mut String) {
    let id = transform.id;
    let known = match transform.kind.0 {
        kind::ENCRYPTION => Encryption::from_transform(id, transform.key_length).map(Encryption::name),
        kind::PRF => Prf::from_transform(id).map(Prf::name),
        kind::INTEGRITY => Integrity::from_transform(id).map(Integrity::name),
        kind::KE => Group::from_transform(id).map(Group::name),
        kind::ESN => Some(if id == 1 { "esn" } else { "noesn" }),
        _ => None,
    };
    match known {
        Some(known) => text.push_str(known),
        // Cannot fail: it is a string.
        None => {
            let _ = write!(text, "{transform}");
        }
    }
}
