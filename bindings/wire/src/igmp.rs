//! IGMP, versions 1 to 3: what hosts say they want to receive.
//!
//! ```text
//! RFC 2236 2, RFC 3376 4
//! |     type      |   (by type)   |           checksum            |   over the whole message
//! |                         group address                         |   versions 1 and 2
//!
//! RFC 3376 4.2, version 3 membership report
//! |  type = 0x22  |   reserved    |           checksum            |
//! |            reserved           |  number of group records (M)  |
//! M group records:
//! |  record type  |  aux data len |     number of sources (N)     |   aux data in words of four octets
//! |                       multicast address                       |
//! |               N source addresses, aux data                    |
//! ```

use crate::checksum;
use std::net::Ipv4Addr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Octets of a message of version 1 or 2, and of the front of a version 3 report.
pub const LEN: usize = 8;

const QUERY: u8 = 0x11;
const REPORT_V1: u8 = 0x12;
const REPORT_V2: u8 = 0x16;
const LEAVE: u8 = 0x17;
const REPORT_V3: u8 = 0x22;

/// The front of every message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    kind: u8,
    code: u8,
    checksum: U16,
    /// Group; of a version 3 report two reserved octets and the number of records.
    rest: [u8; 4],
}
const _: () = assert!(size_of::<Header>() == LEN);

/// The front of a group record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RecordHeader {
    kind: u8,
    aux_words: u8,
    sources: U16,
    group: [u8; 4],
}
const _: () = assert!(size_of::<RecordHeader>() == 8);

/// Why octets are no IGMP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Shorter than it says, or than eight octets.
    #[error("IGMP message cut short")]
    Truncated,
    /// Checksum wrong.
    #[error("IGMP checksum wrong")]
    Checksum,
}

/// A checked message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Version 1 or 2: a host wants the group, from whatever source.
    Report(Ipv4Addr),
    /// Version 2: a host, perhaps the last one, does not want it any more.
    Leave(Ipv4Addr),
    /// Version 3.
    Records(Records<'a>),
    /// A querier's question.
    Query,
    /// Of a type that says nothing about membership.
    Other(u8),
}

/// Checks and parses an IP packet's payload.
pub fn parse(data: &[u8]) -> Result<Message<'_>, Error> {
    let (header, rest) = Header::ref_from_prefix(data).map_err(|_| Error::Truncated)?;
    if !checksum::verify(data) {
        return Err(Error::Checksum);
    }
    let [_, _, high, low] = header.rest;
    Ok(match header.kind {
        REPORT_V1 | REPORT_V2 => Message::Report(header.rest.into()),
        LEAVE => Message::Leave(header.rest.into()),
        REPORT_V3 => {
            let records = Records { left: u16::from_be_bytes([high, low]), rest };
            // Once here, so that walking them meets no error.
            let mut all = records;
            while all.left > 0 {
                all.step().ok_or(Error::Truncated)?;
            }
            Message::Records(records)
        }
        QUERY => Message::Query,
        kind => Message::Other(kind),
    })
}

/// The group records of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Records<'a> {
    left: u16,
    rest: &'a [u8],
}

/// One group record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it says.
    pub kind: RecordKind,
    /// About which group.
    pub group: Ipv4Addr,
    sources: &'a [[u8; 4]],
}

/// RFC 3376 4.2.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// The state is: from these sources only.
    IsInclude,
    /// The state is: from all but these sources.
    IsExclude,
    /// The state changes to: from these sources only; none: it leaves.
    ToInclude,
    /// The state changes to: from all but these sources.
    ToExclude,
    /// From these sources too.
    Allow,
    /// Not from these sources any more.
    Block,
    /// To be ignored.
    Unknown(u8),
}

impl Record<'_> {
    /// The sources.
    pub fn sources(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        self.sources.iter().copied().map(Ipv4Addr::from)
    }
}

impl<'a> Records<'a> {
    fn step(&mut self) -> Option<Record<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (header, rest) = RecordHeader::ref_from_prefix(self.rest).ok()?;
        let (sources, rest) = rest.split_at_checked(usize::from(header.sources.get()) * 4)?;
        self.rest = rest.get(usize::from(header.aux_words) * 4..)?;
        let kind = match header.kind {
            1 => RecordKind::IsInclude,
            2 => RecordKind::IsExclude,
            3 => RecordKind::ToInclude,
            4 => RecordKind::ToExclude,
            5 => RecordKind::Allow,
            6 => RecordKind::Block,
            kind => RecordKind::Unknown(kind),
        };
        Some(Record { kind, group: header.group.into(), sources: sources.as_chunks().0 })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        self.step()
    }
}

/// Writes a report (version 2) or a leave for one group.
pub fn emit(leave: bool, group: Ipv4Addr) -> [u8; LEN] {
    let mut message = Header {
        kind: if leave { LEAVE } else { REPORT_V2 },
        code: 0,
        checksum: U16::ZERO,
        rest: group.octets(),
    };
    message.checksum = checksum::checksum(message.as_bytes()).into();
    let mut out = [0; LEN];
    out.copy_from_slice(message.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

    fn summed(mut message: Vec<u8>) -> Vec<u8> {
        let sum = checksum::checksum(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        message
    }

    type Given = (u8, Ipv4Addr, Vec<Ipv4Addr>, u8);

    fn report(records: &[Given]) -> Vec<u8> {
        let mut message = vec![0x22, 0, 0, 0, 0, 0];
        message.extend((records.len() as u16).to_be_bytes());
        for (kind, group, sources, aux) in records {
            message.extend([*kind, *aux]);
            message.extend((sources.len() as u16).to_be_bytes());
            message.extend(group.octets());
            sources.iter().for_each(|source| message.extend(source.octets()));
            message.extend(vec![0xee; usize::from(*aux) * 4]);
        }
        summed(message)
    }

    /// As Linux sends them (`ip maddr`, version 2 and 3 on the interface).
    #[test]
    fn golden() {
        let v2 = [0x16, 0x00, 0xf8, 0xfa, 0xef, 0x01, 0x02, 0x03];
        assert_eq!(parse(&v2), Ok(Message::Report(GROUP)));
        assert_eq!((emit(false, GROUP), parse(&emit(true, GROUP))), (v2, Ok(Message::Leave(GROUP))));
        let v3 = [0x22, 0, 0xe8, 0xf9, 0, 0, 0, 1, 4, 0, 0, 0, 0xef, 1, 2, 3];
        let Ok(Message::Records(mut records)) = parse(&v3) else { panic!("{:?}", parse(&v3)) };
        let record = records.next().unwrap();
        assert_eq!((record.kind, record.group, record.sources().count()), (RecordKind::ToExclude, GROUP, 0));
        assert_eq!(records.next(), None);
        assert_eq!(parse(&summed(vec![0x11, 100, 0, 0, 0, 0, 0, 0])), Ok(Message::Query));
    }

    #[test]
    fn what_is_cut_or_damaged_is_refused() {
        let whole = report(&[(1, GROUP, vec![GROUP; 2], 1), (6, GROUP, vec![], 0)]);
        for len in 0..whole.len() {
            assert!(parse(&summed_or_short(&whole[..len])).is_err(), "{len}");
        }
        let mut damaged = whole.clone();
        damaged[9] ^= 1;
        assert_eq!(parse(&damaged), Err(Error::Checksum));
        assert!(parse(&whole).is_ok());
    }

    fn summed_or_short(octets: &[u8]) -> Vec<u8> {
        let mut octets = octets.to_vec();
        if octets.len() >= 4 {
            octets[2..4].fill(0);
            octets = summed(octets);
        }
        octets
    }

    proptest! {
        #[test]
        fn records_come_out_as_they_went_in(
            given in prop::collection::vec(
                (0..9_u8, any::<Ipv4Addr>(), prop::collection::vec(any::<Ipv4Addr>(), 0..5), 0..3_u8), 0..6),
        ) {
            let octets = report(&given);
            let Ok(Message::Records(records)) = parse(&octets) else { panic!() };
            let found: Vec<_> = records.map(|r| (r.kind, r.group, r.sources().collect::<Vec<_>>())).collect();
            prop_assert_eq!(found.len(), given.len());
            for ((kind, group, sources), (number, of, from, _)) in found.iter().zip(&given) {
                prop_assert_eq!((group, sources), (of, from));
                prop_assert_eq!(matches!(kind, RecordKind::Unknown(_)), !(1..=6).contains(number));
            }
        }

        #[test]
        fn nothing_panics(octets in prop::collection::vec(any::<u8>(), 0..80), kind in 0..0x30_u8) {
            let mut octets = octets;
            if let Some(first) = octets.first_mut() { *first = kind; }
            let octets = summed_or_short(&octets);
            if let Ok(Message::Records(records)) = parse(&octets) {
                assert!(records.map(|record| record.sources().count()).sum::<usize>() < 20);
            }
        }
    }
}
