//! Authentication (RFC 7296 3.8), and what a digital signature puts in it (RFC 7427 3).
//!
//! ```text
//! +---------------+-----------------------------------------------+
//! |    method     |                   reserved                    |
//! +---------------+-----------------------------------------------+
//! |                      authentication data                      |
//! +---------------------------------------------------------------+
//! ```
//! Data of method 14: an octet of length, an AlgorithmIdentifier in DER of that length, the signature.

use super::error::ParseError;
use super::number::{AuthMethod, PayloadType};

/// Body of an AUTH payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Authentication<'a> {
    /// Method.
    pub method: AuthMethod,
    /// Authentication data.
    pub data: &'a [u8],
}

/// Authentication data of method 14.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DigitalSignature<'a> {
    /// AlgorithmIdentifier, DER.
    pub algorithm: &'a [u8],
    /// Signature, in the form that the algorithm has.
    pub signature: &'a [u8],
}

impl<'a> Authentication<'a> {
    /// From a payload's body. Data may be empty: that is an authentication that fails.
    pub fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let short =
            ParseError::BodyTruncated { kind: PayloadType::Authentication, have: body.len(), need: 4 };
        let ([method, _, _, _], data) = body.split_first_chunk::<4>().ok_or(short)?;
        Ok(Self { method: AuthMethod(*method), data })
    }

    /// Appends the body.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.method.0, 0, 0, 0]);
        out.extend_from_slice(self.data);
    }
}

impl<'a> DigitalSignature<'a> {
    /// From authentication data.
    pub fn parse(data: &'a [u8]) -> Result<Self, ParseError> {
        let have = data.len();
        let (&length, rest) = data.split_first().ok_or(ParseError::Signature { algorithm: 0, have })?;
        let algorithm = usize::from(length);
        match rest.split_at_checked(algorithm) {
            Some((algorithm, signature)) if !algorithm.is_empty() && !signature.is_empty() => {
                Ok(Self { algorithm, signature })
            }
            _ => Err(ParseError::Signature { algorithm, have }),
        }
    }

    /// Appends the authentication data. An algorithm identifier over 255 octets does not exist; it would be cut off.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let length = u8::try_from(self.algorithm.len()).unwrap_or(u8::MAX);
        out.push(length);
        out.extend_from_slice(self.algorithm.get(..usize::from(length)).unwrap_or_default());
        out.extend_from_slice(self.signature);
    }
}

/// The data of a shared key are a secret's child: not shown.
impl std::fmt::Debug for Authentication<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authentication({}, {} octets)", self.method, self.data.len())
    }
}

impl std::fmt::Debug for DigitalSignature<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DigitalSignature({:02x?}, {} octets)", self.algorithm, self.signature.len())
    }
}
