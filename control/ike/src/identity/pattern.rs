//! Identities as configuration names them: exactly, by wildcard, or by address prefix.

use std::fmt;
use std::str::FromStr;

use super::{Identity, IdentityError};

/// What an identity is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// This identity.
    Exact(Identity),
    /// `*.example.net`: any FQDN that ends in this, which begins with a dot.
    FqdnUnder(String),
    /// `*@example.net`: any e-mail address at this host.
    EmailAt(String),
    /// `*`: any identity.
    Any,
}

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A `*` elsewhere than as the whole first label, user or pattern.
    #[error(
        "`{0}`: a `*` may stand for a whole first label (`*.example.net`), user (`*@example.net`) or identity"
    )]
    Wildcard(String),
    /// Not an identity.
    #[error("`{text}`: {cause}")]
    Identity {
        /// As written.
        text: String,
        /// What is wrong.
        cause: IdentityError,
    },
}

impl Pattern {
    /// Whether `identity` is meant.
    #[must_use]
    pub fn matches(&self, identity: &Identity) -> bool {
        match (self, identity) {
            (Self::Any, _) => true,
            (Self::Exact(exact), identity) => exact == identity,
            // Not the bare domain: a dot and something before it.
            (Self::FqdnUnder(suffix), Identity::Fqdn(name)) => {
                name.len() > suffix.len() && name.ends_with(suffix.as_str())
            }
            (Self::EmailAt(host), Identity::Email(email)) => {
                email.rsplit_once('@').is_some_and(|(_, at)| at == host)
            }
            (Self::FqdnUnder(_) | Self::EmailAt(_), _) => false,
        }
    }

    /// How much of the identity it fixes: of several that match, the one that says most is taken.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Any => 0,
            Self::EmailAt(text) | Self::FqdnUnder(text) => text.len(),
            Self::Exact(_) => usize::MAX,
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let identity = |text: &str| {
            Identity::from_config(text).map_err(|cause| PatternError::Identity { text: text.into(), cause })
        };
        if text == "*" {
            return Ok(Self::Any);
        }
        // Of DNs and key ids a `*` is an octet like any other.
        if text.contains('=') || text.starts_with("keyid:") || !text.contains('*') {
            return identity(text).map(Self::Exact);
        }
        let rest = text.strip_prefix('*').filter(|rest| !rest.contains('*'));
        let rest = rest.ok_or_else(|| PatternError::Wildcard(text.into()))?;
        match (rest.strip_prefix('.'), rest.strip_prefix('@')) {
            (Some(domain), None) => match identity(domain)? {
                Identity::Fqdn(domain) => Ok(Self::FqdnUnder(format!(".{domain}"))),
                _ => Err(PatternError::Wildcard(text.into())),
            },
            (None, Some(host)) => match identity(host)? {
                Identity::Fqdn(host) => Ok(Self::EmailAt(host)),
                _ => Err(PatternError::Wildcard(text.into())),
            },
            _ => Err(PatternError::Wildcard(text.into())),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(identity) => identity.fmt(formatter),
            Self::FqdnUnder(suffix) => write!(formatter, "*{suffix}"),
            Self::EmailAt(host) => write!(formatter, "*@{host}"),
            Self::Any => formatter.write_str("*"),
        }
    }
}
