//! `[ike]`: who we are, whom we trust, and which spoke may be what.

use super::Prefix;
use crate::claim::{AddressPattern, IdentityPattern};
use crate::proposal::Proposal;
use crate::secret::Secret;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// `[ike]`
#[derive(Clone, Debug)]
pub struct Ike {
    /// Who we say we are; absent: the tunnel's source address, or the certificate's subject where we have one.
    pub identity: Option<String>,
    /// Our certificate with its private key.
    pub own: Option<OwnCertificate>,
    /// Files of the CAs (PEM) whose certificates are trusted.
    pub authority: Vec<PathBuf>,
    /// Files of revoked certificates (PEM or DER) of those CAs.
    pub crl: Vec<PathBuf>,
    /// Acceptable IKE proposals, best first; empty: the IKE core's default list.
    pub proposals: Vec<Proposal>,
    /// Seconds after which an IKE SA is rekeyed by us. Default: 86400.
    pub lifetime: u32,
    /// Ask whether a spoke lives after so many seconds of silence; 0: never. Default: 30.
    pub dpd: u32,
    /// Most IKE SAs that are half-open. Default: 65536.
    pub half_open: u32,
    /// From so many half-open IKE SAs on a cookie is demanded; 0: always. Default: 100.
    pub cookie_threshold: u32,
    /// What becomes of a second IKE SA of one identity. Default: it replaces the first.
    pub unique: Unique,
    /// Longest IP packet, in octets, of an IKE fragment of ours. Default: 1280.
    pub fragment_size: u16,
    /// Where sessions with their keys are kept for control's next life. Default: on a tmpfs only.
    pub persist_sessions: Persist,
    /// Pre-shared keys, in the order of the file.
    pub key: Vec<IkeKey>,
    /// What identities may register by NHRP, in the order of the file.
    pub claim: Vec<Claim>,
}

impl Default for Ike {
    fn default() -> Self {
        Self {
            identity: None,
            own: None,
            authority: Vec::new(),
            crl: Vec::new(),
            proposals: Vec::new(),
            lifetime: 86_400,
            dpd: 30,
            half_open: 65_536,
            cookie_threshold: 100,
            unique: Unique::Replace,
            fragment_size: 1280,
            persist_sessions: Persist::Tmpfs,
            key: Vec::new(),
            claim: Vec::new(),
        }
    }
}

impl Ike {
    /// Every path in it.
    pub(crate) fn files(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let own = self.own.iter_mut().flat_map(|own| [&mut own.certificate, &mut own.private_key]);
        let keys = self.key.iter_mut().filter_map(|key| match &mut key.source {
            KeySource::File(path) => Some(path),
            KeySource::Inline(_) => None,
        });
        own.chain(&mut self.authority).chain(&mut self.crl).chain(keys)
    }
}

/// Two files that go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCertificate {
    /// PEM: ours first, then those between it and the CA.
    pub certificate: PathBuf,
    /// PEM, PKCS #8.
    pub private_key: PathBuf,
}

/// What becomes of a second IKE SA of one identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unique {
    /// It takes the first one's place.
    Replace,
    /// It is refused while the first lives.
    Keep,
}

/// Where sessions with their keys are kept for control's next life, which is in the run-dir.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Persist {
    /// Only if that is memory: no disk sees a key.
    Tmpfs,
    /// Wherever it is.
    Always,
}

/// `[[ike.key]]`: an entry of a `crypto ikev2 keyring`.
#[derive(Clone, Debug)]
pub struct IkeKey {
    /// Whom it is for.
    pub peer: KeyPeer,
    /// Where it is.
    pub source: KeySource,
}

/// Whom a pre-shared key is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyPeer {
    /// Peers whose datagrams come from this network; `0.0.0.0/0`: all.
    Address(Prefix),
    /// Peers that say they are this: an identity, `*.example.net`, `*@example.net` or `*`.
    Identity(String),
}

/// Where a pre-shared key is.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// In `hub.toml`.
    Inline(Secret),
    /// In a file: all of it but one newline at its end.
    File(PathBuf),
}

/// Longest pre-shared key, in octets.
pub const MAX_KEY: usize = 1024;

/// How a key may begin whose octets are written in hexadecimal.
const HEXADECIMAL: &[u8] = b"0x";

/// Whether a key that begins as one in hexadecimal goes on as such.
pub(crate) fn is_well_formed(key: &[u8]) -> bool {
    key.strip_prefix(HEXADECIMAL).is_none_or(|digits| {
        !digits.is_empty() && digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit)
    })
}

/// What is said of one that does not.
pub(crate) const NOT_HEXADECIMAL: &str = "a key that begins with 0x goes on with pairs of hexadecimal digits";

/// How many octets a key has, however it is written.
pub(crate) fn octets(key: &[u8]) -> usize {
    key.strip_prefix(HEXADECIMAL).map_or(key.len(), |digits| digits.len() / 2)
}

impl KeySource {
    /// The key as it is written: text, or octets in hexadecimal after `0x`. Whoever needs it reads it; the data plane
    /// does not.
    pub fn read(&self) -> std::io::Result<Secret> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(path) => read_key(path),
        }
    }
}

fn read_key(path: &Path) -> std::io::Result<Secret> {
    use std::io::{Error, ErrorKind::InvalidData, Read};
    // One read into a buffer that is wiped: no copy of it stays behind, as a growing buffer would leave.
    let mut octets = zeroize::Zeroizing::new([0; MAX_KEY + 3]);
    let (mut file, mut len) = (std::fs::File::open(path)?, 0);
    while let Some(room) = octets.get_mut(len..).filter(|room| !room.is_empty()) {
        match file.read(room)? {
            0 => break,
            more => len += more,
        }
    }
    let content = octets.get(..len).unwrap_or_default();
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    let content = content.strip_suffix(b"\r").unwrap_or(content);
    match content.len() {
        0 => Err(Error::new(InvalidData, "the file is empty")),
        _ if !is_well_formed(content) => Err(Error::new(InvalidData, NOT_HEXADECIMAL)),
        1..=MAX_KEY => Ok(Secret::new(content.to_vec())),
        _ => Err(Error::new(InvalidData, format!("the file is longer than {MAX_KEY} octets"))),
    }
}

/// `[[ike.claim]]`: what an identity may register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub identity: IdentityPattern,
    /// What.
    pub address: AddressPattern,
    /// On which tunnel, as its index; absent: on all protected ones.
    pub tunnel: Option<usize>,
}

impl Claim {
    /// Whether the claim speaks of this identity on this tunnel, and then the one address that it may have there.
    pub fn address(&self, identity: &str, tunnel: usize) -> Option<Ipv4Addr> {
        if self.tunnel.is_some_and(|own| own != tunnel) {
            return None;
        }
        self.address.fill(&self.identity.capture(identity)?)
    }

    /// Whether some identity may have this address on this tunnel by this claim.
    pub fn reserves(&self, address: Ipv4Addr, tunnel: usize) -> bool {
        self.tunnel.is_none_or(|own| own == tunnel) && self.address.covers(address)
    }
}
