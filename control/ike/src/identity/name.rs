//! Distinguished names (RFC 5280 4.1.2.4).

use std::fmt;
use std::hash::{Hash, Hasher};

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{
    Any, BmpString, Ia5StringRef, PrintableStringRef, SetOfVec, TeletexStringRef, Utf8StringRef,
};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Encode, Tag, Tagged};
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

/// Attributes that a name may have.
const MAX_ATTRIBUTES: usize = 32;

/// Short names and object identifiers; of several short names for one the first is shown.
const SHORT_NAMES: [(&str, ObjectIdentifier); 17] = [
    ("CN", oid("2.5.4.3")),
    ("C", oid("2.5.4.6")),
    ("L", oid("2.5.4.7")),
    ("ST", oid("2.5.4.8")),
    ("STREET", oid("2.5.4.9")),
    ("O", oid("2.5.4.10")),
    ("OU", oid("2.5.4.11")),
    ("SERIALNUMBER", oid("2.5.4.5")),
    ("T", oid("2.5.4.12")),
    ("GN", oid("2.5.4.42")),
    ("DC", DOMAIN_COMPONENT),
    ("UID", oid("0.9.2342.19200300.100.1.1")),
    ("E", EMAIL_ADDRESS),
    ("EMAIL", EMAIL_ADDRESS),
    ("EMAILADDRESS", EMAIL_ADDRESS),
    // What IOS puts its host name and address in.
    ("unstructuredName", oid("1.2.840.113549.1.9.2")),
    ("unstructuredAddress", oid("1.2.840.113549.1.9.8")),
];
const DOMAIN_COMPONENT: ObjectIdentifier = oid("0.9.2342.19200300.100.1.25");
const EMAIL_ADDRESS: ObjectIdentifier = oid("1.2.840.113549.1.9.1");
const COUNTRY: ObjectIdentifier = oid("2.5.4.6");

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// A distinguished name. Two are equal if their attributes are, without regard to case, white space at the ends and how
/// the strings are encoded (RFC 5280 7.1).
#[derive(Clone, Debug)]
pub struct DistinguishedName {
    der: Vec<u8>,
    attributes: Vec<Attribute>,
}

#[derive(Clone, Debug)]
struct Attribute {
    /// Which relative distinguished name it is part of.
    level: usize,
    kind: ObjectIdentifier,
    value: String,
    /// What is compared.
    folded: String,
}

impl DistinguishedName {
    /// From DER: a SEQUENCE OF RelativeDistinguishedName. `None` if it is malformed, empty, or has a control character
    /// in a string: an embedded NUL would make one name out of two for whoever reads C strings.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let sequence = RdnSequence::from_der(der).ok()?;
        let mut attributes = Vec::new();
        for (level, rdn) in sequence.iter().enumerate() {
            for attribute in rdn.iter() {
                if attributes.len() == MAX_ATTRIBUTES {
                    return None;
                }
                attributes.push(Attribute::new(level, attribute.oid, value(&attribute.value)?)?);
            }
        }
        (!attributes.is_empty()).then(|| Self { der: der.to_vec(), attributes })
    }

    /// From text in the order of the certificate, as `openssl` and strongSwan show it: `C=DE, O=Example, CN=spoke1`.
    /// A comma, plus or backslash in a value has a backslash before it.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let rdns = split(text, ',')?.iter().map(|rdn| rdn_from_text(rdn)).collect::<Option<Vec<_>>>()?;
        Self::from_der(&RdnSequence::from(rdns).to_der().ok()?)
    }

    /// The DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

impl Attribute {
    fn new(level: usize, kind: ObjectIdentifier, value: String) -> Option<Self> {
        if value.chars().any(char::is_control) {
            return None;
        }
        let folded = value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        Some(Self { level, kind, value, folded })
    }

    fn compared(&self) -> (usize, ObjectIdentifier, &str) {
        (self.level, self.kind, &self.folded)
    }
}

/// A string of any kind that certificates have. What is no string would have to be shown as one, and be equal to it.
fn value(any: &Any) -> Option<String> {
    let text = match any.tag() {
        Tag::Utf8String => any.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().into(),
        Tag::PrintableString => any.decode_as::<PrintableStringRef<'_>>().ok()?.as_str().into(),
        Tag::Ia5String => any.decode_as::<Ia5StringRef<'_>>().ok()?.as_str().into(),
        Tag::TeletexString => any.decode_as::<TeletexStringRef<'_>>().ok()?.as_str().into(),
        Tag::BmpString => any.decode_as::<BmpString>().ok()?.to_string(),
        _ => return None,
    };
    Some(text)
}

fn rdn_from_text(text: &str) -> Option<RelativeDistinguishedName> {
    let attributes =
        split(text, '+')?.iter().map(|part| attribute_from_text(part)).collect::<Option<Vec<_>>>()?;
    SetOfVec::try_from(attributes).ok().map(RelativeDistinguishedName::from)
}

fn attribute_from_text(text: &str) -> Option<AttributeTypeAndValue> {
    let (kind, value) = text.split_once('=')?;
    let kind = kind.trim();
    let known = SHORT_NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind)).map(|(_, oid)| *oid);
    let oid = known.or_else(|| ObjectIdentifier::new(kind).ok())?;
    let value = unescape(value.trim())?;
    if value.is_empty() {
        return None;
    }
    // As openssl encodes them, so that most names are equal octet by octet, too.
    let value = match oid {
        COUNTRY => Any::encode_from(&PrintableStringRef::new(&value).ok()?),
        DOMAIN_COMPONENT | EMAIL_ADDRESS => Any::encode_from(&Ia5StringRef::new(&value).ok()?),
        _ => Any::encode_from(&Utf8StringRef::new(&value).ok()?),
    };
    Some(AttributeTypeAndValue { oid, value: value.ok()? })
}

/// The parts between separators without a backslash before them; `None` if one is empty.
fn split(text: &str, separator: char) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for character in text.chars() {
        if character == separator && !escaped {
            parts.push(String::new());
            continue;
        }
        escaped = character == '\\' && !escaped;
        parts.last_mut()?.push(character);
    }
    parts.iter().all(|part| !part.trim().is_empty()).then_some(parts)
}

fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(if character == '\\' { characters.next()? } else { character });
    }
    Some(plain)
}

impl PartialEq for DistinguishedName {
    fn eq(&self, other: &Self) -> bool {
        self.attributes.len() == other.attributes.len()
            && self
                .attributes
                .iter()
                .zip(&other.attributes)
                .all(|(one, two)| one.compared() == two.compared())
    }
}

impl Eq for DistinguishedName {}

impl Hash for DistinguishedName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.attributes.iter().for_each(|attribute| attribute.compared().hash(state));
    }
}

/// As configuration has it. Letters and digits of any script are shown; of all else only ASCII, so that nothing turns
/// the direction of a terminal's text.
impl fmt::Display for DistinguishedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut level = 0;
        for (index, attribute) in self.attributes.iter().enumerate() {
            if index > 0 {
                formatter.write_str(if attribute.level == level { "+" } else { ", " })?;
            }
            level = attribute.level;
            match SHORT_NAMES.iter().find(|(_, oid)| *oid == attribute.kind) {
                Some((name, _)) => write!(formatter, "{name}=")?,
                None => write!(formatter, "{}=", attribute.kind)?,
            }
            for character in attribute.value.chars() {
                match character {
                    ',' | '+' | '\\' => write!(formatter, "\\{character}")?,
                    ' '..='~' => write!(formatter, "{character}")?,
                    _ if character.is_alphanumeric() => write!(formatter, "{character}")?,
                    _ => write!(formatter, "{}", character.escape_unicode())?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
