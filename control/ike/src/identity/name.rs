//! Distinguished names (RFC 5280 4.1.2.4).

use std::fmt;

/// A distinguished name as it came, in DER.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DistinguishedName {
    der: Vec<u8>,
}

impl DistinguishedName {
    /// From DER: a SEQUENCE OF RelativeDistinguishedName.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Option<Self> {
        (der.first() == Some(&0x30)).then(|| Self { der: der.to_vec() })
    }

    /// From text: `C=DE, O=Example, CN=spoke1`, in the order of the certificate.
    #[must_use]
    pub fn from_text(_text: &str) -> Option<Self> {
        None
    }

    /// The DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.der.iter().try_for_each(|octet| write!(formatter, "{octet:02x}"))
    }
}
