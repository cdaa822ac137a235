//! Certificates (RFC 7296 3.6) and requests for them (3.7): one octet of encoding, then data.

use super::error::ParseError;
use super::number::{CertEncoding, PayloadType};

/// Octets of the SHA-1 hash of an authority's public key info.
const AUTHORITY_LEN: usize = 20;

/// Body of a CERT payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// Encoding.
    pub encoding: CertEncoding,
    /// The certificate; X.509: DER.
    pub data: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// From a payload's body.
    pub fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let kind = PayloadType::Certificate;
        match body.split_first() {
            Some((&encoding, data)) if !data.is_empty() => {
                Ok(Self { encoding: CertEncoding(encoding), data })
            }
            _ => Err(ParseError::BodyTruncated { kind, have: body.len(), need: 2 }),
        }
    }

    /// Appends the body.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.push(self.encoding.0);
        out.extend_from_slice(self.data);
    }
}

impl std::fmt::Debug for Certificate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({}, {} octets)", self.encoding, self.data.len())
    }
}

/// Body of a CERTREQ payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateRequest<'a> {
    /// Encoding.
    pub encoding: CertEncoding,
    /// SHA-1 hashes of the public key infos of trusted authorities (RFC 7296 3.7); none: any.
    pub authorities: &'a [[u8; AUTHORITY_LEN]],
}

impl<'a> CertificateRequest<'a> {
    /// From a payload's body. Only of X.509 encodings the data are hashes; of another they are taken for none.
    pub fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let short = ParseError::BodyTruncated { kind: PayloadType::CertificateRequest, have: 0, need: 1 };
        let (&encoding, data) = body.split_first().ok_or(short)?;
        let encoding = CertEncoding(encoding);
        let hashed =
            matches!(encoding, CertEncoding::X509 | CertEncoding::HashUrl | CertEncoding::HashUrlBundle);
        let (authorities, rest) = data.as_chunks();
        match rest {
            _ if !hashed => Ok(Self { encoding, authorities: &[] }),
            [] => Ok(Self { encoding, authorities }),
            _ => Err(ParseError::Authorities(data.len())),
        }
    }

    /// Appends the body.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.push(self.encoding.0);
        out.extend_from_slice(self.authorities.as_flattened());
    }
}
