//! What the operator wants.

use crate::child::Volume;
use crate::credentials::Credentials;
use crate::proposal::{DEFAULT_ESP, DEFAULT_IKE, EspProposal, IkeProposal};
use std::net::Ipv4Addr;

/// Everything the responder is told.
#[derive(Clone)]
pub struct Config {
    /// Who we are, and whom we trust.
    pub credentials: Credentials,
    /// Acceptable IKE proposals in strongSwan's words (`aes256gcm16-prfsha384-ecp384`), best first. Empty: the default
    /// list.
    pub proposals: Vec<String>,
    /// Rekey of IKE SAs, seconds; 0: never.
    pub lifetime_s: u64,
    /// Ask whether a peer lives after so many seconds of silence; 0: never.
    pub dpd_s: u64,
    /// How many IKE SAs may be half-open.
    pub half_open: usize,
    /// From how many half-open IKE SAs on a cookie is demanded.
    pub cookie_threshold: usize,
    /// A second IKE SA of an identity.
    pub unique: Unique,
    /// Longest IP packet of a fragment of ours (RFC 7383), octets.
    pub fragment_size: u16,
    /// How many sessions there may be.
    pub max_sessions: usize,
    /// How many [`crate::Task`]s may be under way.
    pub max_tasks: usize,
    /// One for each source address of protected tunnels.
    pub protections: Vec<Protection>,
    /// For the hash tables.
    pub seed: u64,
}

/// `crypto ipsec profile`, for all protected tunnels of one source address.
#[derive(Clone, Debug)]
pub struct Protection {
    /// The tunnels' source address.
    pub local: Ipv4Addr,
    /// The profile's name.
    pub name: String,
    /// Acceptable ESP proposals in strongSwan's words (`aes128gcm16`, `aes256gcm16-ecp384` for PFS), best first. Empty:
    /// the default list.
    pub proposals: Vec<String>,
    /// Mode.
    pub mode: ModePolicy,
    /// When to rekey.
    pub lifetimes: Lifetimes,
}

/// When a child SA is rekeyed by us. Each is lowered at random by up to a tenth, so that peers do not rekey together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Seconds; 0: unlimited. A tenth later (a minute at most) a child SA that could not be rekeyed is deleted.
    pub seconds: u64,
    /// Octets in either direction; 0: unlimited. At twice as many a child SA that could not be rekeyed is deleted: at
    /// ten gigabits a second what it carries until the peer has answered is not little.
    pub octets: u64,
    /// Packets in either direction; 0: unlimited. At twice as many a child SA that could not be rekeyed is deleted.
    pub packets: u64,
}

/// What a child SA may carry until it ends, in terms of what it may until it is rekeyed.
pub const HARD_FACTOR: u64 = 2;

impl Lifetimes {
    /// When a child SA ends that nobody rekeyed.
    pub(crate) fn hard(&self) -> Volume {
        Volume { octets: self.octets, packets: self.packets }.times(HARD_FACTOR)
    }
}

/// Which mode a peer may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModePolicy {
    /// Only transport mode.
    Transport,
    /// Only tunnel mode.
    Tunnel,
    /// What the peer asks for.
    Any,
}

/// What to do with a second IKE SA of the same identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unique {
    /// It takes the place of the first.
    Replace,
    /// It is refused, unless the peer says that it has forgotten the first (INITIAL_CONTACT).
    Keep,
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A proposal that cannot be read.
    #[error("proposal `{proposal}`: {why}")]
    Proposal {
        /// As written.
        proposal: String,
        /// What is wrong.
        why: String,
    },
}

impl Config {
    /// A configuration with the default of every key, without a tunnel.
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            proposals: Vec::new(),
            lifetime_s: 86_400,
            dpd_s: 30,
            half_open: 65_536,
            cookie_threshold: 100,
            unique: Unique::Replace,
            fragment_size: 1280,
            max_sessions: 65_536,
            max_tasks: 1024,
            protections: Vec::new(),
            seed: 0,
        }
    }
}

/// The configuration, read.
pub(crate) struct Settings {
    pub(crate) ike: Vec<IkeProposal>,
    /// As written, for operators.
    pub(crate) ike_words: String,
    /// In the order of [`Config::protections`].
    pub(crate) esp: Vec<(Vec<EspProposal>, String)>,
}

impl Settings {
    pub(crate) fn read(config: &Config) -> Result<Self, ConfigError> {
        let (ike, ike_words) = list(&config.proposals, &DEFAULT_IKE, IkeProposal::parse)?;
        let esp = config
            .protections
            .iter()
            .map(|protection| list(&protection.proposals, &DEFAULT_ESP, EspProposal::parse))
            .collect::<Result<_, _>>()?;
        Ok(Self { ike, ike_words, esp })
    }
}

fn list<T>(
    words: &[String],
    default: &[&str],
    parse: impl Fn(&str) -> Result<T, ConfigError>,
) -> Result<(Vec<T>, String), ConfigError> {
    let words: Vec<&str> =
        if words.is_empty() { default.to_vec() } else { words.iter().map(String::as_str).collect() };
    let parsed = words.iter().map(|word| parse(word)).collect::<Result<_, _>>()?;
    Ok((parsed, words.join(", ")))
}
