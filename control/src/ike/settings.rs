//! The configuration in the responder's words.

use crate::ike::host::fill;
use crate::ike::pool::MAX_TASKS;
use config::Config;
use config::model::{self, KeyPeer, KeySource};
use ike::certificate::{FileError, load_own, load_trust};
use ike::credentials::{Credentials, CredentialsError, Keyring, KeyringError, Match};
use ike::identity::{Identity, IdentityError, Pattern, PatternError};
use ike::{Lifetimes, ModePolicy, Protection, Unique};
use std::collections::BTreeMap;
use std::io;

/// Octets of the kilobytes in `lifetime-kilobytes`, which are Cisco's.
const KILOBYTE: u64 = 1_024;

/// Sessions beyond the peers, at least.
const SPARE_SESSIONS: usize = 64;

/// What is wrong with the configuration, or with a file that it names.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Something that the responder does not understand.
    #[error(transparent)]
    Ike(#[from] ike::ConfigError),
    /// Whom we say we are.
    #[error("[ike] identity: {0}")]
    Identity(#[from] IdentityError),
    /// Certificates, a private key, a revocation list.
    #[error(transparent)]
    File(#[from] FileError),
    /// Identity, certificate and authorities do not go together.
    #[error("[ike]: {0}")]
    Credentials(#[from] CredentialsError),
    /// Whom a pre-shared key is for.
    #[error("[[ike.key]] identity = \"{0}\": {1}")]
    Pattern(String, PatternError),
    /// A pre-shared key that is none.
    #[error("[[ike.key]]: {0}")]
    Key(#[from] KeyringError),
    /// A pre-shared key's file.
    #[error("{0}: {1}")]
    KeyFile(String, io::Error),
}

/// What the responder is told at start; `None`: no tunnel is protected.
pub fn responder(config: &Config) -> Result<Option<ike::Config>, SettingsError> {
    let protections = protections(config);
    if protections.is_empty() {
        return Ok(None);
    }
    let ours = &config.ike;
    let mut seed = [0; 8];
    fill(&mut seed);
    Ok(Some(ike::Config {
        credentials: credentials(ours)?,
        proposals: ours.proposals.iter().map(ToString::to_string).collect(),
        lifetime_s: ours.lifetime.into(),
        dpd_s: ours.dpd.into(),
        half_open: ours.half_open as usize,
        cookie_threshold: ours.cookie_threshold as usize,
        unique: match ours.unique {
            model::Unique::Replace => Unique::Replace,
            model::Unique::Keep => Unique::Keep,
        },
        fragment_size: ours.fragment_size,
        max_sessions: max_sessions(config.hub.max_peers),
        max_tasks: MAX_TASKS,
        protections,
        seed: u64::from_ne_bytes(seed),
    }))
}

/// Most sessions: one for each peer, and some of spokes that are away and not known to be, or that came with another
/// identity.
fn max_sessions(max_peers: u32) -> usize {
    max_peers as usize + (max_peers / 8) as usize + SPARE_SESSIONS
}

/// Who we are, and whom we trust.
fn credentials(ours: &model::Ike) -> Result<Credentials, SettingsError> {
    let mut keyring = Keyring::new();
    for key in &ours.key {
        let whom = match &key.peer {
            KeyPeer::Address(prefix) => Match::Address { prefix: prefix.address, length: prefix.len },
            KeyPeer::Identity(text) => {
                let pattern: Result<Pattern, PatternError> = text.parse();
                Match::Identity(pattern.map_err(|error| SettingsError::Pattern(text.clone(), error))?)
            }
        };
        let file = |error| match &key.source {
            KeySource::File(path) => SettingsError::KeyFile(path.display().to_string(), error),
            KeySource::Inline(_) => SettingsError::KeyFile("pre-shared-key".into(), error),
        };
        let secret = key.source.read().map_err(file)?;
        keyring.add(whom, Keyring::parse_key(secret.octets())?)?;
    }
    let identity = ours.identity.as_deref().map(Identity::from_config).transpose()?;
    let own = ours.own.as_ref().map(|own| load_own(&own.certificate, &own.private_key)).transpose()?;
    Ok(Credentials::new(identity, own, load_trust(&ours.authority, &ours.crl)?, keyring)?)
}

/// One for each source address: tunnels that share it share the protection, and the SAs.
fn protections(config: &Config) -> Vec<Protection> {
    let tunnels = config.tunnel.iter();
    let by_source: BTreeMap<_, _> =
        tunnels.filter_map(|tunnel| Some((tunnel.source, config.protection_of(tunnel)?))).collect();
    let one = |(local, protection): (std::net::Ipv4Addr, &model::Protection)| Protection {
        local,
        name: protection.name.clone(),
        proposals: protection.proposals.iter().map(ToString::to_string).collect(),
        mode: match protection.mode {
            model::ModePolicy::Transport => ModePolicy::Transport,
            model::ModePolicy::Tunnel => ModePolicy::Tunnel,
            model::ModePolicy::Any => ModePolicy::Any,
        },
        lifetimes: Lifetimes {
            seconds: protection.lifetime_seconds.into(),
            octets: protection.lifetime_kilobytes.saturating_mul(KILOBYTE),
            packets: protection.lifetime_packets.unwrap_or(0),
        },
    };
    by_source.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../scripts/hub.toml.example");

    fn accepted(text: &str) -> Result<(), String> {
        let config = Config::parse("hub.toml", text).map_err(|error| format!("config: {error}"))?;
        let settings = responder(&config).map_err(|error| error.to_string())?;
        let settings = settings.ok_or("no tunnel is protected")?;
        ike::Responder::new(settings).map(drop).map_err(|error| format!("ike: {error}"))
    }

    #[test]
    fn the_example_is_understood() {
        assert_eq!(accepted(EXAMPLE), Ok(()));
    }

    /// The configuration knows the words of the IKE core: what it lets pass does not fail at start.
    #[test]
    fn proposals_that_the_configuration_accepts_are_understood() {
        let groups =
            ["x25519", "curve25519", "ecp256", "ecp384", "ecp521", "modp2048", "modp3072", "modp4096"];
        let hashes = ["sha1", "sha256", "sha384", "sha512", "sha2_256"];
        for group in groups {
            for hash in hashes {
                let suites = [
                    format!("aes128gcm16-{hash}-{group}"),
                    format!("aes256gcm128-prfsha384-{group}-ke1_mlkem768-ke2_none"),
                    format!("aes192-aes256-{hash}-{group}"),
                    format!("aes-{hash}-prfsha512-{group}-ke7_mlkem1024"),
                ];
                for suite in suites {
                    let text =
                        EXAMPLE.replacen("\n[ike]\n", &format!("\n[ike]\nproposals = [\"{suite}\"]\n"), 1);
                    assert_eq!(accepted(&text), Ok(()), "{suite}");
                }
                for suite in [
                    format!("aes128gcm16-aes256gcm16-{group}-none-esn"),
                    format!("aes256-{hash}-{group}-noesn"),
                    format!("aes128-aes256-sha256-{hash}"),
                ] {
                    let (from, to) =
                        ("\nname = \"DMVPN\"\n", format!("\nname = \"DMVPN\"\nproposals = [\"{suite}\"]\n"));
                    assert_eq!(accepted(&EXAMPLE.replacen(from, &to, 1)), Ok(()), "{suite}");
                }
            }
        }
    }
}
