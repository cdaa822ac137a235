//! Choosing one of a peer's proposals (RFC 7296 2.7, 3.3.6; RFC 9370 2.2.1).
//!
//! Our order decides, but for one thing: what the peer has already sent a public value for is taken if it is acceptable
//! at all, since that saves it a second try.

use crate::crypto::{Encryption, Group, Integrity, Prf, Suite};
use crate::offer::{Offer, kind};
use crate::proposal::{Additional, EspProposal, IkeProposal};
use wire::ike::{Transform, TransformType};

/// What an IKE SA is going to be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IkeChoice {
    /// Which proposal of the peer's.
    pub(crate) number: u8,
    /// The peer's SPI in it, when an IKE SA is rekeyed.
    pub(crate) spi: Vec<u8>,
    pub(crate) suite: Suite,
    pub(crate) group: Group,
    /// Additional key exchanges with their transform type; `None` where the peer offered to go without.
    pub(crate) additional: Vec<(u8, Option<Group>)>,
    /// INTEG NONE was offered beside an AEAD.
    pub(crate) integrity_none: bool,
}

/// What a child SA is going to be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EspChoice {
    /// Which proposal of the peer's.
    pub(crate) number: u8,
    /// SPI that the peer wants to receive.
    pub(crate) spi: u32,
    pub(crate) encryption: Encryption,
    pub(crate) integrity: Option<Integrity>,
    /// Key exchange; `None`: no perfect forward secrecy.
    pub(crate) group: Option<Group>,
    /// The peer offered NONE, which the answer repeats.
    pub(crate) group_none: bool,
    /// Extended sequence numbers; `None`: the peer's proposal says nothing, which means none.
    pub(crate) esn: Option<bool>,
    pub(crate) integrity_none: bool,
    /// Additional key exchanges with their transform type; `None` where the peer offered to go without.
    pub(crate) additional: Vec<(u8, Option<Group>)>,
}

/// Why nothing was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoChoice {
    /// Encryption, integrity or pseudo-random function.
    Algorithms,
    /// All would fit but for the key exchange.
    Group,
}

/// Whether a child SA is made in IKE_AUTH, where a key exchange is never asked for (RFC 7296 1.2), or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pfs {
    /// IKE_AUTH: groups are not looked at.
    NotYet,
    /// CREATE_CHILD_SA, with a KE payload of this group or with none.
    Sent(Option<u16>),
}

/// Chooses an IKE proposal; `sent`: the group of the KE payload; `intermediate`: there are exchanges for additional key
/// exchanges (a rekey always has them, RFC 9370 2.2.4), else they can only be left out.
pub(crate) fn choose_ike(
    wanted: &[IkeProposal],
    offers: &[Offer],
    sent: u16,
    intermediate: bool,
) -> Result<IkeChoice, NoChoice> {
    let mut fallback = None;
    let mut group_missed = false;
    for want in wanted {
        for offer in offers.iter().filter(|offer| offer.is_ike() && offer.is_usable(true)) {
            let Some((suite, integrity_none)) = ike_suite(want, offer) else { continue };
            let Some(additional) = additional(&want.additional, offer, intermediate) else {
                group_missed = true;
                continue;
            };
            let make = |group| IkeChoice {
                number: offer.number,
                spi: offer.spi.clone(),
                suite,
                group,
                additional: additional.clone(),
                integrity_none,
            };
            let mut groups = want.groups.iter().filter(|group| offer.has(kind::KE, group.id()));
            match groups.clone().find(|group| group.id() == sent) {
                Some(group) => return Ok(make(*group)),
                None => match groups.next() {
                    Some(group) => fallback = fallback.or_else(|| Some(make(*group))),
                    None => group_missed = true,
                },
            }
        }
    }
    fallback.ok_or(if group_missed { NoChoice::Group } else { NoChoice::Algorithms })
}

fn ike_suite(want: &IkeProposal, offer: &Offer) -> Option<(Suite, bool)> {
    let (encryption, integrity) = cipher(&want.encryption, &want.integrity, offer)?;
    let prf: Prf = want.prf.iter().copied().find(|prf| offer.has(kind::PRF, prf.id()))?;
    let none = integrity.is_none() && offer.has(kind::INTEGRITY, 0);
    Suite::new(encryption, integrity, prf).map(|suite| (suite, none))
}

/// Exactly the ciphers that do not authenticate go with an HMAC; an AEAD beside HMACs only is malformed.
fn cipher(
    encryption: &[Encryption],
    integrity: &[Integrity],
    offer: &Offer,
) -> Option<(Encryption, Option<Integrity>)> {
    let mut ciphers = encryption.iter().copied().filter(|cipher| offer.has_cipher(*cipher));
    ciphers.find_map(|cipher| {
        if cipher.is_aead() {
            let lone = !offer.has_kind(kind::INTEGRITY) || offer.has(kind::INTEGRITY, 0);
            return lone.then_some((cipher, None));
        }
        let hmac = integrity.iter().copied().find(|integrity| offer.has(kind::INTEGRITY, integrity.id()));
        hmac.map(|hmac| (cipher, Some(hmac)))
    })
}

/// One additional key exchange for each type that the peer offers; `None` if one of ours is needed and not offered, or
/// one of the peer's cannot be left out. Without `may` all have to be left out.
fn additional(wanted: &Additional, offer: &Offer, may: bool) -> Option<Vec<(u8, Option<Group>)>> {
    let mut chosen: Vec<(u8, Option<Group>)> = Vec::new();
    for (wanted, kind) in wanted.iter().zip(kind::ADDITIONAL_FIRST..) {
        let may_lack = wanted.is_empty() || wanted.contains(&None);
        if !offer.has_kind(kind) {
            if may_lack {
                continue;
            }
            return None;
        }
        // The same method twice adds nothing, and must not be (RFC 9370 2.2.1).
        let fresh = |group: &Group| may && chosen.iter().all(|(_, other)| *other != Some(*group));
        let group =
            wanted.iter().flatten().copied().find(|group| offer.has(kind, group.id()) && fresh(group));
        match group {
            Some(group) => chosen.push((kind, Some(group))),
            None if may_lack && offer.has(kind, 0) => chosen.push((kind, None)),
            None => return None,
        }
    }
    Some(chosen)
}

/// Chooses an ESP proposal.
pub(crate) fn choose_esp(wanted: &[EspProposal], offers: &[Offer], pfs: Pfs) -> Result<EspChoice, NoChoice> {
    let mut fallback = None;
    let mut group_missed = false;
    for want in wanted {
        for offer in offers.iter().filter(|offer| offer.is_esp() && offer.is_usable(false)) {
            let Some((encryption, integrity)) = cipher(&want.encryption, &want.integrity, offer) else {
                continue;
            };
            let Some(esn) = esn(want, offer) else { continue };
            let make = |group: Option<Group>, additional| EspChoice {
                number: offer.number,
                spi: offer.esp_spi(),
                encryption,
                integrity,
                group,
                group_none: group.is_none() && offer.has(kind::KE, 0),
                esn,
                integrity_none: integrity.is_none() && offer.has(kind::INTEGRITY, 0),
                additional,
            };
            let sent = match pfs {
                Pfs::NotYet => return Ok(make(None, Vec::new())),
                Pfs::Sent(sent) => sent,
            };
            let offered = |group: &Option<Group>| match group {
                Some(group) => offer.has(kind::KE, group.id()),
                None => !offer.has_kind(kind::KE) || offer.has(kind::KE, 0),
            };
            // Additional key exchanges come on top of one (RFC 9370 2.2.1).
            let whole = |group: Option<Group>| {
                additional(&want.additional, offer, group.is_some()).map(|additional| (group, additional))
            };
            let mut groups = want.groups.iter().copied().filter(offered).filter_map(whole);
            match groups.clone().find(|(group, _)| group.map(Group::id) == sent) {
                Some((group, additional)) => return Ok(make(group, additional)),
                None => match groups.next() {
                    Some((group, additional)) => {
                        fallback = fallback.or_else(|| Some(make(group, additional)))
                    }
                    None => group_missed = true,
                },
            }
        }
    }
    fallback.ok_or(if group_missed { NoChoice::Group } else { NoChoice::Algorithms })
}

/// `Some(None)`: not spoken of. `None`: no common ground.
fn esn(want: &EspProposal, offer: &Offer) -> Option<Option<bool>> {
    if !offer.has_kind(kind::ESN) {
        return want.esn.contains(&false).then_some(None);
    }
    want.esn.iter().copied().find(|esn| offer.has(kind::ESN, u16::from(*esn))).map(Some)
}

impl IkeChoice {
    /// The transforms of the answer.
    pub(crate) fn transforms(&self) -> Vec<Transform> {
        let encryption = self.suite.encryption();
        let mut transforms = vec![cipher_transform(encryption)];
        match self.suite.integrity() {
            Some(integrity) => transforms.push(transform(kind::INTEGRITY, integrity.id())),
            None if self.integrity_none => transforms.push(transform(kind::INTEGRITY, 0)),
            None => {}
        }
        transforms.push(transform(kind::PRF, self.suite.prf().id()));
        transforms.push(transform(kind::KE, self.group.id()));
        transforms.extend(additional_transforms(&self.additional));
        transforms
    }

    /// Additional key exchanges that take place.
    pub(crate) fn additional(&self) -> Vec<(u8, Group)> {
        taking_place(&self.additional)
    }
}

impl EspChoice {
    /// The transforms of the answer.
    pub(crate) fn transforms(&self) -> Vec<Transform> {
        let mut transforms = vec![cipher_transform(self.encryption)];
        match self.integrity {
            Some(integrity) => transforms.push(transform(kind::INTEGRITY, integrity.id())),
            None if self.integrity_none => transforms.push(transform(kind::INTEGRITY, 0)),
            None => {}
        }
        match self.group {
            Some(group) => transforms.push(transform(kind::KE, group.id())),
            None if self.group_none => transforms.push(transform(kind::KE, 0)),
            None => {}
        }
        transforms.extend(self.esn.map(|esn| transform(kind::ESN, u16::from(esn))));
        transforms.extend(additional_transforms(&self.additional));
        transforms
    }

    /// Additional key exchanges that take place.
    pub(crate) fn additional(&self) -> Vec<(u8, Group)> {
        taking_place(&self.additional)
    }
}

fn additional_transforms(additional: &[(u8, Option<Group>)]) -> impl Iterator<Item = Transform> {
    additional.iter().map(|(kind, group)| transform(*kind, group.map_or(0, Group::id)))
}

fn taking_place(additional: &[(u8, Option<Group>)]) -> Vec<(u8, Group)> {
    additional.iter().filter_map(|(kind, group)| group.map(|group| (*kind, group))).collect()
}

fn transform(kind: u8, id: u16) -> Transform {
    Transform::new(TransformType(kind), id, None)
}

fn cipher_transform(cipher: Encryption) -> Transform {
    Transform::new(TransformType(kind::ENCRYPTION), cipher.id(), Some(cipher.key_bits()))
}
