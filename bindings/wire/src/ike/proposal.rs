//! Security associations: proposals (RFC 7296 3.3).
//!
//! ```text
//! +---------------+---------------+-------------------------------+
//! | last 0 more 2 |   reserved    |            length             |
//! +---------------+---------------+---------------+---------------+
//! |    number     |   protocol    |   SPI size    |  transforms   |
//! +---------------+---------------+---------------+---------------+
//! |                     SPI, then transforms                      |
//! +---------------------------------------------------------------+
//! ```

use super::error::ParseError;
use super::number::{PayloadType, Protocol, TransformType};
use super::transform::{self, Transform, Transforms};

/// Octets of a proposal before its SPI.
const HEAD_LEN: usize = 8;
/// Last/more of the last proposal, and of those before it.
const LAST: u8 = 0;
const MORE: u8 = 2;
/// Most proposals in a payload: numbers for them go from 1 to this.
const MAX_PROPOSALS: usize = 255;

/// Why a proposal cannot be read. The others of its payload can be (RFC 7296 3.3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ProposalError {
    /// The SPI runs over the proposal's end.
    #[error("SPI of {size} octets, {have} are left")]
    SpiSize {
        /// Octets of the SPI.
        size: u8,
        /// Octets left.
        have: usize,
    },
    /// A transform's length is under 8 or runs over the proposal's end.
    #[error("transform of length {length}, {have} octets are left")]
    TransformLength {
        /// Its length field; 0: not even that is there.
        length: u16,
        /// Octets left, with its head.
        have: usize,
    },
    /// The octet that says whether another transform follows is wrong.
    #[error("transform has last/more {0}")]
    TransformMore(u8),
    /// Another number of transforms than announced.
    #[error("{count} transforms announced, {have} found")]
    TransformCount {
        /// What the proposal says.
        count: u8,
        /// What there are.
        have: usize,
    },
    /// No transform at all.
    #[error("no transform")]
    NoTransform,
    /// An attribute runs over its transform's end.
    #[error("attribute over the end of {0} octets")]
    Attribute(usize),
}

/// Body of an SA payload: at least one proposal, each with sound borders.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecurityAssociation<'a>(&'a [u8]);

impl<'a> SecurityAssociation<'a> {
    /// From a payload's body. What is inside the proposals is checked when they are read.
    pub fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let (mut rest, mut count) = (body, 0);
        while !rest.is_empty() {
            if count == MAX_PROPOSALS {
                return Err(ParseError::TooManyProposals);
            }
            count += 1;
            let (this, after) = split(rest)?;
            match this.first() {
                Some(&more) if more != if after.is_empty() { LAST } else { MORE } => {
                    return Err(ParseError::ProposalMore(more));
                }
                _ => rest = after,
            }
        }
        if count == 0 { Err(ParseError::NoProposal) } else { Ok(Self(body)) }
    }

    /// The proposals in order. A malformed one is an error, and the next comes after it.
    pub fn proposals(&self) -> Proposals<'a> {
        Proposals(self.0)
    }

    /// The only proposal, as a response has it.
    pub fn only(&self) -> Option<Result<Proposal<'a>, ProposalError>> {
        let mut proposals = self.proposals();
        let first = proposals.next();
        first.filter(|_| proposals.next().is_none())
    }

    /// Appends the body. Proposals need at least one transform each to be well-formed; over 255 transforms, and an SPI
    /// over 255 octets, cannot be: they are left out.
    pub fn emit(proposals: &[ProposalSpec<'_>], out: &mut Vec<u8>) {
        for (index, proposal) in proposals.iter().enumerate() {
            proposal.emit(index + 1 == proposals.len(), out);
        }
    }
}

impl std::fmt::Debug for SecurityAssociation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.proposals()).finish()
    }
}

/// One proposal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Proposal<'a> {
    /// Its number, which the answer repeats.
    pub number: u8,
    /// What the SA is for.
    pub protocol: Protocol,
    /// SPI of the sender: none in IKE_SA_INIT, 8 octets when an IKE SA is replaced, 4 octets of ESP.
    pub spi: &'a [u8],
    transforms: &'a [u8],
}

impl<'a> Proposal<'a> {
    fn parse(this: &'a [u8]) -> Result<Self, ProposalError> {
        let short = ProposalError::SpiSize { size: 0, have: this.len() };
        let ([_, _, _, _, number, protocol, spi_size, count], rest) =
            this.split_first_chunk::<HEAD_LEN>().ok_or(short)?;
        let bad = ProposalError::SpiSize { size: *spi_size, have: rest.len() };
        let (spi, transforms) = rest.split_at_checked(usize::from(*spi_size)).ok_or(bad)?;
        transform::check(*count, transforms)?;
        Ok(Self { number: *number, protocol: Protocol(*protocol), spi, transforms })
    }

    /// The transforms in order.
    pub fn transforms(&self) -> Transforms<'a> {
        Transforms(self.transforms)
    }

    /// The transforms of a kind, in order.
    pub fn transforms_of(&self, kind: TransformType) -> impl Iterator<Item = Transform> + use<'a> {
        self.transforms().filter(move |transform| transform.kind == kind)
    }

    /// The SPI of an ESP SA; `None`: another size.
    pub fn spi32(&self) -> Option<u32> {
        <[u8; 4]>::try_from(self.spi).ok().map(u32::from_be_bytes)
    }

    /// The SPI of an IKE SA; `None`: another size.
    pub fn spi64(&self) -> Option<u64> {
        <[u8; 8]>::try_from(self.spi).ok().map(u64::from_be_bytes)
    }
}

/// For logs: `ESP:AES_GCM_16_128/NO_ESN`.
impl std::fmt::Display for Proposal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:", self.protocol)?;
        for (index, transform) in self.transforms().enumerate() {
            write!(f, "{}{transform}", if index == 0 { "" } else { "/" })?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Proposal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {self}", self.number)
    }
}

/// The proposals of a [`SecurityAssociation`].
#[derive(Clone)]
pub struct Proposals<'a>(&'a [u8]);

impl<'a> Iterator for Proposals<'a> {
    type Item = Result<Proposal<'a>, ProposalError>;
    fn next(&mut self) -> Option<Self::Item> {
        let (this, rest) = split(self.0).ok()?;
        self.0 = rest;
        Some(Proposal::parse(this))
    }
}

/// Splits a proposal off the front.
fn split(octets: &[u8]) -> Result<(&[u8], &[u8]), ParseError> {
    let have = octets.len();
    let length = match octets {
        [_, _, l0, l1, ..] => u16::from_be_bytes([*l0, *l1]),
        _ => return Err(ParseError::BodyTruncated { kind: PayloadType::Sa, have, need: HEAD_LEN }),
    };
    let bad = ParseError::ProposalLength { length, have };
    if usize::from(length) < HEAD_LEN {
        return Err(bad);
    }
    octets.split_at_checked(usize::from(length)).ok_or(bad)
}

/// A proposal to write.
#[derive(Clone, Copy, Debug)]
pub struct ProposalSpec<'a> {
    /// Its number: from 1 on in an offer, that of the chosen one in an answer.
    pub number: u8,
    /// What the SA is for.
    pub protocol: Protocol,
    /// SPI of the sender.
    pub spi: &'a [u8],
    /// Transforms.
    pub transforms: &'a [Transform],
}

impl ProposalSpec<'_> {
    fn emit(&self, last: bool, out: &mut Vec<u8>) {
        let (spi_size, spi) = u8::try_from(self.spi.len()).map_or((0, &[][..]), |size| (size, self.spi));
        let transforms = self.transforms.get(..usize::from(u8::MAX)).unwrap_or(self.transforms);
        let at = out.len();
        out.extend_from_slice(&[if last { LAST } else { MORE }, 0, 0, 0]);
        out.extend_from_slice(&[self.number, self.protocol.0, spi_size, transforms.len() as u8]);
        out.extend_from_slice(spi);
        for (index, transform) in transforms.iter().enumerate() {
            transform.emit(index + 1 == transforms.len(), out);
        }
        // 8 + 255 + 255 * 12 octets at most.
        let length = (out.len() - at) as u16;
        if let Some(field) = out.get_mut(at + 2..at + 4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }
}
