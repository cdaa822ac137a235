//! IKE identities (RFC 7296 3.5): who a peer says it is.

mod name;
mod pattern;

use std::fmt;
use std::net::Ipv4Addr;

pub use name::DistinguishedName;
pub use pattern::{Pattern, PatternError};

/// Octets of identification data that are taken at most: a FQDN is under 256, a DN of a certificate well under this.
pub const MAX_IDENTITY: usize = 1024;

const ID_IPV4_ADDR: u8 = 1;
const ID_FQDN: u8 = 2;
const ID_RFC822_ADDR: u8 = 3;
const ID_IPV6_ADDR: u8 = 5;
const ID_DER_ASN1_DN: u8 = 9;
const ID_KEY_ID: u8 = 11;

/// Who somebody says it is. Names are compared without regard to case, as DNS does.
///
/// No two identities of different kinds are shown as the same text, and what is shown is read as the same identity by
/// [`Identity::from_config`] (but for what [`DistinguishedName`] escapes): a FQDN that looks like an address or a DN is
/// refused, so that nobody passes for another where identities are written down.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// ID_IPV4_ADDR.
    Address(Ipv4Addr),
    /// ID_FQDN: letters, digits, hyphens and underscores between dots, in lower case, without a dot at the end.
    Fqdn(String),
    /// ID_RFC822_ADDR: a user, `@`, and a host like a FQDN.
    Email(String),
    /// ID_DER_ASN1_DN.
    Name(DistinguishedName),
    /// ID_KEY_ID: any octets.
    KeyId(Vec<u8>),
}

/// Why an ID payload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum IdentityError {
    /// No room for the type, or no data.
    #[error("an empty identity")]
    Empty,
    /// Over [`MAX_IDENTITY`].
    #[error("an identity of {0} octets")]
    TooLong(usize),
    /// A type that is not supported.
    #[error("identity type {0}")]
    Type(u8),
    /// An address of another length than 4.
    #[error("an address of {0} octets")]
    AddressLength(usize),
    /// A name with NUL, another control character, a space, what is not ASCII, or what no name of its kind has.
    #[error("a name with characters that no name has")]
    Characters,
    /// An e-mail address without an `@` in the middle.
    #[error("an e-mail address without name or host")]
    Email,
    /// A DN that is not DER.
    #[error("a malformed distinguished name")]
    Name,
}

impl Identity {
    /// From the body of an ID payload: type, three reserved octets, data.
    pub fn parse(body: &[u8]) -> Result<Self, IdentityError> {
        let Some((&[kind, _, _, _], data)) = body.split_first_chunk::<4>() else {
            return Err(IdentityError::Empty);
        };
        Self::from_parts(kind, data)
    }

    /// From type and data of an ID payload.
    pub fn from_parts(kind: u8, data: &[u8]) -> Result<Self, IdentityError> {
        if data.is_empty() {
            return Err(IdentityError::Empty);
        }
        if data.len() > MAX_IDENTITY {
            return Err(IdentityError::TooLong(data.len()));
        }
        match kind {
            ID_IPV4_ADDR => {
                let octets: [u8; 4] =
                    data.try_into().map_err(|_| IdentityError::AddressLength(data.len()))?;
                Ok(Self::Address(Ipv4Addr::from(octets)))
            }
            ID_FQDN => host(data).map(Self::Fqdn),
            ID_RFC822_ADDR => email(data).map(Self::Email),
            ID_DER_ASN1_DN => DistinguishedName::from_der(data).map(Self::Name).ok_or(IdentityError::Name),
            ID_KEY_ID => Ok(Self::KeyId(data.to_vec())),
            // We have no IPv6 outside.
            ID_IPV6_ADDR => Err(IdentityError::Type(kind)),
            _ => Err(IdentityError::Type(kind)),
        }
    }

    /// From configuration: an address, an e-mail address, a DN (with `=`), `keyid:` and text or `0x` and hexadecimal
    /// digits, else a FQDN.
    pub fn from_config(text: &str) -> Result<Self, IdentityError> {
        if text.is_empty() {
            return Err(IdentityError::Empty);
        }
        if text.len() > MAX_IDENTITY {
            return Err(IdentityError::TooLong(text.len()));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        if let Some(text) = text.strip_prefix("keyid:") {
            return key_id(text).map(Self::KeyId);
        }
        if text.contains('=') {
            return DistinguishedName::from_text(text).map(Self::Name).ok_or(IdentityError::Name);
        }
        let data = text.as_bytes();
        if text.contains('@') { email(data).map(Self::Email) } else { host(data).map(Self::Fqdn) }
    }

    /// Type in ID payloads.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Address(_) => ID_IPV4_ADDR,
            Self::Fqdn(_) => ID_FQDN,
            Self::Email(_) => ID_RFC822_ADDR,
            Self::Name(_) => ID_DER_ASN1_DN,
            Self::KeyId(_) => ID_KEY_ID,
        }
    }

    /// Data in ID payloads.
    #[must_use]
    pub fn data(&self) -> Vec<u8> {
        match self {
            Self::Address(address) => address.octets().to_vec(),
            Self::Fqdn(text) | Self::Email(text) => text.clone().into_bytes(),
            Self::Name(name) => name.der().to_vec(),
            Self::KeyId(octets) => octets.clone(),
        }
    }

    /// Body of an ID payload: type, three reserved octets, data.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut body = vec![self.kind(), 0, 0, 0];
        body.extend(self.data());
        body
    }
}

/// A host name in lower case. It is visible ASCII only: an embedded NUL would make one name out of two for whoever reads C
/// strings.
fn host(data: &[u8]) -> Result<String, IdentityError> {
    let data = data.strip_suffix(b".").unwrap_or(data);
    if data.is_empty() {
        return Err(IdentityError::Empty);
    }
    let is_label = |label: &[u8]| {
        let fits = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        !label.is_empty() && label.iter().all(fits)
    };
    let text: String = data.iter().map(|octet| char::from(octet.to_ascii_lowercase())).collect();
    if !data.split(|&octet| octet == b'.').all(is_label) || text.parse::<Ipv4Addr>().is_ok() {
        return Err(IdentityError::Characters);
    }
    Ok(text)
}

/// An e-mail address. Of what RFC 5322 3.2.3 allows for the user, `=` and `*` are left away: a DN has the one, a pattern
/// the other.
fn email(data: &[u8]) -> Result<String, IdentityError> {
    let at = data.iter().position(|&octet| octet == b'@').ok_or(IdentityError::Email)?;
    let (user, host_with_at) = data.split_at(at);
    let name = host_with_at.get(1..).unwrap_or_default();
    if user.is_empty() || name.is_empty() {
        return Err(IdentityError::Email);
    }
    if !user.iter().all(|octet| octet.is_ascii_alphanumeric() || b".!#$%&'+-/?^_`{|}~".contains(octet)) {
        return Err(IdentityError::Characters);
    }
    let user: String = user.iter().map(|&octet| char::from(octet)).collect();
    Ok(format!("{user}@{}", host(name)?))
}

fn key_id(text: &str) -> Result<Vec<u8>, IdentityError> {
    if text.is_empty() {
        return Err(IdentityError::Empty);
    }
    let Some(digits) = text.strip_prefix("0x") else { return Ok(text.into()) };
    let pair = |pair: &[u8]| match pair {
        &[high, low] => {
            let value = |digit: u8| char::from(digit).to_digit(16).ok_or(IdentityError::Characters);
            u8::try_from(value(high)? << 4 | value(low)?).map_err(|_| IdentityError::Characters)
        }
        _ => Err(IdentityError::Characters),
    };
    if digits.is_empty() {
        return Err(IdentityError::Empty);
    }
    digits.as_bytes().chunks(2).map(pair).collect()
}

/// As configuration has it; nothing that a terminal or a log would obey.
impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(formatter),
            Self::Fqdn(text) | Self::Email(text) => formatter.write_str(text),
            Self::Name(name) => name.fmt(formatter),
            Self::KeyId(octets) if octets.iter().all(u8::is_ascii_graphic) && !octets.starts_with(b"0x") => {
                formatter.write_str("keyid:")?;
                octets.iter().try_for_each(|&octet| write!(formatter, "{}", char::from(octet)))
            }
            Self::KeyId(octets) => {
                formatter.write_str("keyid:0x")?;
                octets.iter().try_for_each(|octet| write!(formatter, "{octet:02x}"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
