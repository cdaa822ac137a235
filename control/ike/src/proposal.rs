//! Proposals that the configuration names, in strongSwan's words: `aes256gcm16-prfsha384-ecp384`.
//!
//! A proposal may name several transforms of a kind: any of them will do, the first is liked best.

use crate::ConfigError;
use crate::crypto::{Encryption, Group, Integrity, Prf};
use crate::offer::kind;

/// What IKE SAs may be made of, unless configured: no SHA-1, no group under 112 bits of strength (RFC 8247). AES-GCM
/// first; ML-KEM on top wherever the peer offers it (RFC 9370).
pub(crate) const DEFAULT_IKE: [&str; 2] = [
    "aes256gcm16-aes128gcm16-aes192gcm16-prfsha384-prfsha256-prfsha512-x25519-ecp384-ecp256-ecp521-modp3072-modp4096-\
     modp2048-ke1_mlkem768-ke1_mlkem1024-ke1_mlkem512-ke1_none",
    "aes256-aes128-aes192-sha256-sha384-sha512-prfsha256-prfsha384-prfsha512-x25519-ecp384-ecp256-ecp521-modp3072-\
     modp4096-modp2048-ke1_mlkem768-ke1_mlkem1024-ke1_mlkem512-ke1_none",
];

/// What child SAs may be made of, unless configured: perfect forward secrecy as the peer likes, with ML-KEM on
/// top or without.
pub(crate) const DEFAULT_ESP: [&str; 2] = [
    "aes128gcm16-aes256gcm16-none-x25519-ecp256-ecp384-ecp521-modp3072-modp4096-modp2048-ke1_mlkem768-ke1_mlkem1024-\
     ke1_mlkem512-ke1_none-esn-noesn",
    "aes256-aes128-sha256-sha384-sha512-none-x25519-ecp256-ecp384-ecp521-modp3072-modp4096-modp2048-ke1_mlkem768-\
     ke1_mlkem1024-ke1_mlkem512-ke1_none-esn-noesn",
];

/// Most additional key exchanges of a proposal (RFC 9370 2.1).
pub(crate) const ADDITIONAL: usize = 7;

/// ADDKE1 to ADDKE7; `None` among them: not needed. An empty list: not wanted.
pub(crate) type Additional = [Vec<Option<Group>>; ADDITIONAL];

/// One acceptable way to make an IKE SA.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IkeProposal {
    pub(crate) encryption: Vec<Encryption>,
    pub(crate) integrity: Vec<Integrity>,
    pub(crate) prf: Vec<Prf>,
    pub(crate) groups: Vec<Group>,
    pub(crate) additional: Additional,
}

/// One acceptable way to make a child SA.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EspProposal {
    pub(crate) encryption: Vec<Encryption>,
    pub(crate) integrity: Vec<Integrity>,
    /// Perfect forward secrecy; `None` among them: not needed.
    pub(crate) groups: Vec<Option<Group>>,
    /// On top of one of the groups, never without.
    pub(crate) additional: Additional,
    /// Extended sequence numbers; never empty.
    pub(crate) esn: Vec<bool>,
}

/// One word.
enum Word {
    Encryption(Encryption),
    Integrity(Integrity),
    Prf(Prf),
    Group(Group),
    NoGroup,
    Additional(usize, Option<Group>),
    Esn(bool),
}

impl Word {
    fn parse(word: &str) -> Option<Self> {
        use Encryption::{AesCbc128, AesCbc192, AesCbc256, AesGcm128, AesGcm192, AesGcm256};
        let encryption = [AesCbc128, AesCbc192, AesCbc256, AesGcm128, AesGcm192, AesGcm256];
        use Integrity::{HmacSha1_96, HmacSha256_128, HmacSha384_192, HmacSha512_256};
        let integrity = [HmacSha1_96, HmacSha256_128, HmacSha384_192, HmacSha512_256];
        let prf = [Prf::Sha1, Prf::Sha256, Prf::Sha384, Prf::Sha512];
        // strongSwan's other names of the same things.
        let word = match word {
            "aes" => "aes128",
            "aes128gcm128" => "aes128gcm16",
            "aes192gcm128" => "aes192gcm16",
            "aes256gcm128" => "aes256gcm16",
            "sha" | "sha1_96" => "sha1",
            "sha2_256" => "sha256",
            "sha2_384" => "sha384",
            "sha2_512" => "sha512",
            "curve25519" => "x25519",
            other => other,
        };
        if let Some(found) = encryption.into_iter().find(|known| known.name() == word) {
            return Some(Self::Encryption(found));
        }
        if let Some(found) = integrity.into_iter().find(|known| known.name() == word) {
            return Some(Self::Integrity(found));
        }
        if let Some(found) = prf.into_iter().find(|known| known.name() == word) {
            return Some(Self::Prf(found));
        }
        if let Some(group) = group(word) {
            return Some(Self::Group(group));
        }
        match word {
            "none" => return Some(Self::NoGroup),
            "esn" => return Some(Self::Esn(true)),
            "noesn" => return Some(Self::Esn(false)),
            _ => {}
        }
        let (number, name) = word.strip_prefix("ke")?.split_once('_')?;
        let index = number.parse::<usize>().ok()?.checked_sub(1).filter(|index| *index < ADDITIONAL)?;
        match name {
            "none" => Some(Self::Additional(index, None)),
            name => group(name).map(|group| Self::Additional(index, Some(group))),
        }
    }
}

fn group(word: &str) -> Option<Group> {
    Group::ALL.into_iter().find(|known| known.name() == word)
}

fn error(proposal: &str, why: impl Into<String>) -> ConfigError {
    ConfigError::Proposal { proposal: proposal.into(), why: why.into() }
}

fn words(proposal: &str) -> Result<Vec<Word>, ConfigError> {
    let parse =
        |word: &str| Word::parse(word).ok_or_else(|| error(proposal, format!("`{word}` is not known")));
    proposal.trim().split('-').map(parse).collect()
}

/// Exactly the ciphers that do not authenticate need an HMAC (RFC 5282 8).
fn check_integrity(
    proposal: &str,
    encryption: &[Encryption],
    integrity: &[Integrity],
) -> Result<(), ConfigError> {
    if encryption.is_empty() {
        return Err(error(proposal, "no encryption"));
    }
    if encryption.iter().any(|cipher| cipher.is_aead()) == encryption.iter().any(|cipher| !cipher.is_aead()) {
        return Err(error(proposal, "AES-GCM and AES-CBC are two proposals"));
    }
    let aead = encryption.iter().any(|cipher| cipher.is_aead());
    match (aead, integrity.is_empty()) {
        (true, false) => Err(error(proposal, "AES-GCM goes without an HMAC")),
        (false, true) => Err(error(proposal, "AES-CBC needs an HMAC (sha256, sha384, sha512)")),
        _ => Ok(()),
    }
}

impl IkeProposal {
    /// Reads one proposal. With AES-CBC and no `prf...` the functions are those of the HMACs, as in strongSwan.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut proposal = Self::default();
        for word in words(text)? {
            match word {
                Word::Encryption(encryption) => proposal.encryption.push(encryption),
                Word::Integrity(integrity) => proposal.integrity.push(integrity),
                Word::Prf(prf) => proposal.prf.push(prf),
                Word::Group(group) => proposal.groups.push(group),
                Word::Additional(index, group) => {
                    proposal.additional.get_mut(index).into_iter().for_each(|list| list.push(group));
                }
                Word::NoGroup | Word::Esn(_) => {
                    return Err(error(text, "`none`, `esn` and `noesn` are for child SAs"));
                }
            }
        }
        // `aes256gcm16-sha384-ecp384` is often written for `...-prfsha384-...`: there an HMAC can mean nothing else.
        let aead = proposal.encryption.iter().any(|cipher| cipher.is_aead());
        if proposal.prf.is_empty() {
            proposal.prf = proposal.integrity.iter().map(|integrity| prf_of(*integrity)).collect();
            if aead {
                proposal.integrity.clear();
            }
        }
        check_integrity(text, &proposal.encryption, &proposal.integrity)?;
        if proposal.prf.is_empty() {
            return Err(error(text, "no pseudo-random function (prfsha256, prfsha384, prfsha512)"));
        }
        if proposal.groups.is_empty() {
            return Err(error(text, "no key exchange (x25519, ecp256, ecp384, modp2048 ...)"));
        }
        if proposal.groups.iter().any(|group| group.is_kem()) {
            return Err(error(text, "ML-KEM comes on top of another key exchange: `x25519-ke1_mlkem768`"));
        }
        Ok(proposal)
    }
}

impl EspProposal {
    /// Reads one proposal. Without a group there is no perfect forward secrecy; without `esn` and `noesn`, either.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut proposal = Self::default();
        for word in words(text)? {
            match word {
                Word::Encryption(Encryption::AesGcm192 | Encryption::AesCbc192) => {
                    return Err(error(text, "keys of 192 bits are not for child SAs here"));
                }
                Word::Encryption(encryption) => proposal.encryption.push(encryption),
                Word::Integrity(integrity) => proposal.integrity.push(integrity),
                Word::Group(group) if group.is_kem() => {
                    return Err(error(
                        text,
                        "ML-KEM comes on top of another key exchange: `x25519-ke1_mlkem768`",
                    ));
                }
                Word::Group(group) => proposal.groups.push(Some(group)),
                Word::NoGroup => proposal.groups.push(None),
                Word::Esn(esn) => proposal.esn.push(esn),
                Word::Additional(index, group) => {
                    proposal.additional.get_mut(index).into_iter().for_each(|list| list.push(group));
                }
                Word::Prf(_) => return Err(error(text, "`prf...` is for IKE SAs")),
            }
        }
        check_integrity(text, &proposal.encryption, &proposal.integrity)?;
        if proposal.groups.is_empty() {
            if proposal.additional.iter().any(|list| !list.is_empty()) {
                return Err(error(
                    text,
                    "`ke1_...` comes on top of another key exchange: `x25519-ke1_mlkem768`",
                ));
            }
            proposal.groups.push(None);
        }
        if proposal.esn.is_empty() {
            proposal.esn = vec![true, false];
        }
        Ok(proposal)
    }

    /// Whether a child SA may be made with these key exchanges.
    pub(crate) fn allows(&self, group: Option<Group>, additional: &[(u8, Group)]) -> bool {
        let known = additional
            .iter()
            .all(|(kind, _)| (kind::ADDITIONAL_FIRST..=kind::ADDITIONAL_LAST).contains(kind));
        let each =
            self.additional.iter().zip(kind::ADDITIONAL_FIRST..).all(|(wanted, kind)| {
                match additional.iter().find(|(other, _)| *other == kind) {
                    Some((_, group)) => wanted.contains(&Some(*group)),
                    None => wanted.is_empty() || wanted.contains(&None),
                }
            });
        self.groups.contains(&group) && known && each
    }

    /// The additional key exchanges that cannot be left out, with their transform types.
    pub(crate) fn least_additional(&self) -> Vec<(u8, Group)> {
        let needed = self.additional.iter().zip(kind::ADDITIONAL_FIRST..);
        let needed = needed.filter(|(wanted, _)| !wanted.contains(&None));
        needed
            .filter_map(|(wanted, kind)| wanted.first().copied().flatten().map(|group| (kind, group)))
            .collect()
    }
}

fn prf_of(integrity: Integrity) -> Prf {
    match integrity {
        Integrity::HmacSha1_96 => Prf::Sha1,
        Integrity::HmacSha256_128 => Prf::Sha256,
        Integrity::HmacSha384_192 => Prf::Sha384,
        Integrity::HmacSha512_256 => Prf::Sha512,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_parse() {
        for text in DEFAULT_IKE {
            assert!(IkeProposal::parse(text).is_ok(), "{text}");
        }
        for text in DEFAULT_ESP {
            assert!(EspProposal::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn words_become_transforms() {
        let ike = IkeProposal::parse("aes256-sha256-x25519-ke1_mlkem768").unwrap();
        assert_eq!(ike.encryption, [Encryption::AesCbc256]);
        assert_eq!(ike.prf, [Prf::Sha256]);
        assert_eq!(ike.additional[0], [Some(Group::MlKem768)]);
        let esp = EspProposal::parse("aes128gcm16-none-x25519-ke1_mlkem768-ke1_none-ke2_ecp384").unwrap();
        let (x25519, kem, ecp) = (Some(Group::X25519), (6, Group::MlKem768), (7, Group::Ecp384));
        assert!(esp.allows(x25519, &[kem, ecp]) && esp.allows(x25519, &[ecp]));
        assert!(!esp.allows(x25519, &[kem]) && !esp.allows(x25519, &[ecp, (6, Group::MlKem512)]));
        assert_eq!(esp.least_additional(), [ecp]);
        let esp = EspProposal::parse("aes128gcm128-ecp384").unwrap();
        assert_eq!(
            (esp.groups.as_slice(), esp.esn.as_slice()),
            (&[Some(Group::Ecp384)][..], &[true, false][..])
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "",
            "aes256",
            "aes256-sha256",
            "3des-sha1-modp1024",
            "aes256gcm16-x25519",
            "aes256-aes256gcm16-sha256-x25519",
            "aes256-sha256-mlkem768",
            "aes256-sha256-x25519-ke8_mlkem768",
            "aes256-sha256-x25519-esn",
        ] {
            assert!(IkeProposal::parse(text).is_err(), "{text}");
        }
        for text in [
            "",
            "aes256",
            "aes256gcm16-sha256",
            "aes192-sha256",
            "aes128gcm16-prfsha256",
            "null-sha256",
            "aes128gcm16-mlkem768",
            "aes128gcm16-ke1_mlkem768",
        ] {
            assert!(EspProposal::parse(text).is_err(), "{text}");
        }
    }
}
