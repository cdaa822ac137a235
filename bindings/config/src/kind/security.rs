//! Kinds of values of `[ike]` and `[[protection]]`. What a secret is, no message repeats.

use super::{Answer, text_like, unlike};
use crate::claim::{AddressPattern, IdentityPattern};
use crate::model::ike::{MAX_KEY, NOT_HEXADECIMAL, is_well_formed};
use crate::model::{ClaimPolicy, CryptoEngine, ModePolicy, Persist, Prefix, Unique};
use crate::proposal::{For, Proposal};
use crate::secret::Secret;
use std::path::PathBuf;
use toml::de::DeValue;

/// An identity as IKE carries it: a name, an address, an e-mail address, a distinguished name.
pub(crate) fn identity(value: &DeValue) -> Answer<String> {
    text_like(value, "an identity such as \"hub.example.net\", of 1 to 255 characters", |text| {
        ((1..=255).contains(&text.len()) && !text.chars().any(char::is_control)).then(|| text.into())
    })
}

/// Whom a key is for: as an identity, or with a `*` in the first place.
pub(crate) fn key_identity(value: &DeValue) -> Answer<String> {
    let text = identity(value)?;
    // Of a distinguished name or a key id a `*` is a letter like any other.
    let rest = text.strip_prefix("*.").or_else(|| text.strip_prefix("*@")).unwrap_or(&text);
    if text == "*"
        || text.contains('=')
        || text.starts_with("keyid:")
        || (!rest.contains('*') && !rest.is_empty())
    {
        return Ok(text);
    }
    unlike("an identity, \"*.example.net\", \"*@example.net\" or \"*\"", value)
}

/// Whom a key is for: a network, or one address.
pub(crate) fn key_address(value: &DeValue) -> Answer<Prefix> {
    let expected = "an IPv4 prefix such as \"203.0.113.0/24\", an address, or \"0.0.0.0/0\" for all";
    let prefix: Prefix = text_like(value, expected, |text| match text.contains('/') {
        true => text.parse().ok(),
        false => text.parse().ok().map(|address| Prefix { address, len: 32 }),
    })?;
    match prefix.network() {
        network if network == prefix => Ok(prefix),
        network => unlike(format!("\"{network}\" (host bits are zero in a network)"), value),
    }
}

/// A pre-shared key, as it is written.
pub(crate) fn pre_shared_key(value: &DeValue) -> Answer<Secret> {
    match value.as_str() {
        Some("") => Err("expected a pre-shared key, found an empty text".into()),
        Some(text) if text.len() > MAX_KEY => {
            Err(format!("expected a pre-shared key of at most {MAX_KEY} octets, found {}", text.len()))
        }
        Some(text) if !is_well_formed(text.as_bytes()) => Err(NOT_HEXADECIMAL.into()),
        Some(text) => Ok(Secret::new(text.as_bytes().to_vec())),
        None => Err("expected a pre-shared key in quotes".into()),
    }
}

/// A file, relative to the one that names it.
pub(crate) fn file(value: &DeValue) -> Answer<PathBuf> {
    text_like(value, "the path of a file, absolute or from the directory of this one", |text| {
        (!text.is_empty()).then(|| text.into())
    })
}

/// A proposal for IKE SAs.
pub(crate) fn ike_proposal(value: &DeValue) -> Answer<Proposal> {
    proposal(value, For::Ike, "a proposal such as \"aes256gcm16-prfsha384-ecp384\"")
}

/// A proposal for child SAs.
pub(crate) fn esp_proposal(value: &DeValue) -> Answer<Proposal> {
    proposal(value, For::Esp, "a proposal such as \"aes128gcm16\" or \"aes256-sha256\"")
}

fn proposal(value: &DeValue, whose: For, expected: &str) -> Answer<Proposal> {
    let text = text_like(value, expected, |text| Some(text.to_string()))?;
    crate::proposal::parse(&text, whose).map_err(|why| format!("in \"{text}\": {why}"))
}

/// Who claims.
pub(crate) fn claim_identity(value: &DeValue) -> Answer<IdentityPattern> {
    IdentityPattern::parse(&identity(value)?)
}

/// What is claimed.
pub(crate) fn claim_address(value: &DeValue) -> Answer<AddressPattern> {
    AddressPattern::parse(&text_like(value, "an IPv4 address such as \"10.0.0.{n}\"", |text| {
        Some(text.to_string())
    })?)
}

/// What becomes of the first of two.
pub(crate) fn unique(value: &DeValue) -> Answer<Unique> {
    text_like(value, "\"replace\" or \"keep\"", |text| match text {
        "replace" => Some(Unique::Replace),
        "keep" => Some(Unique::Keep),
        _ => None,
    })
}

/// Where sessions are kept.
pub(crate) fn persist(value: &DeValue) -> Answer<Persist> {
    text_like(value, "\"tmpfs\" or \"always\"", |text| match text {
        "tmpfs" => Some(Persist::Tmpfs),
        "always" => Some(Persist::Always),
        _ => None,
    })
}

/// Which mode a spoke may ask for.
pub(crate) fn mode(value: &DeValue) -> Answer<ModePolicy> {
    text_like(value, "\"transport\", \"tunnel\" or \"any\"", |text| match text {
        "transport" => Some(ModePolicy::Transport),
        "tunnel" => Some(ModePolicy::Tunnel),
        "any" => Some(ModePolicy::Any),
        _ => None,
    })
}

/// What an identity without a claim may register.
pub(crate) fn claims(value: &DeValue) -> Answer<ClaimPolicy> {
    text_like(value, "\"first-come\" or \"listed\"", |text| match text {
        "first-come" => Some(ClaimPolicy::FirstCome),
        "listed" => Some(ClaimPolicy::Listed),
        _ => None,
    })
}

/// Who computes ESP.
pub(crate) fn crypto_engine(value: &DeValue) -> Answer<CryptoEngine> {
    text_like(value, "\"auto\", \"portable\", \"ring\" or \"ipsec-mb\"", |text| match text {
        "auto" => Some(CryptoEngine::Auto),
        "portable" => Some(CryptoEngine::Portable),
        "ring" => Some(CryptoEngine::Ring),
        "ipsec-mb" => Some(CryptoEngine::IpsecMb),
        _ => None,
    })
}

/// Anti-replay window.
pub(crate) fn replay_window(value: &DeValue) -> Answer<u16> {
    match super::integer(64..=4096_u16)(value) {
        Ok(window) if window.is_power_of_two() => Ok(window),
        _ => unlike("a power of two from 64 to 4096", value),
    }
}
