//! GRE.
//!
//! ```text
//! RFC 2784 2.1 with the key and sequence number of RFC 2890 2
//!  0                   1                   2                   3
//! |C|R|K|S|s|Recur|  reserved |Ver|         protocol type         |
//! |      checksum (if C)          |       reserved1 (if C)        |
//! |                         key (if K)                            |
//! |                   sequence number (if S)                      |
//! ```

use crate::checksum;

/// Octets of a header without options.
pub const LEN: usize = 4;
/// Octets of the header with a key, all that the hub sends.
pub const LEN_KEYED: usize = 8;
/// Octets of the longest header.
pub const MAX_HEADER: usize = 16;
/// Protocol type of IPv4.
pub const PROTO_IPV4: u16 = 0x0800;
/// Protocol type of IPv6.
pub const PROTO_IPV6: u16 = 0x86dd;
/// Protocol type of NHRP.
pub const PROTO_NHRP: u16 = 0x2001;

const CHECKSUM: u16 = 0x8000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
/// Bits 1, 4 and 5: routing, strict source route, and the first recursion bit of RFC 1701. RFC 2784 2.3 has packets
/// with any of bits 1 to 5 discarded, of which RFC 2890 gave 2 and 3 a meaning. Bits 6 to 12 are ignored.
const FORBIDDEN: u16 = 0x4c00;
const VERSION: u16 = 0x0007;

/// Why octets are no GRE packet that the hub takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Shorter than the header its flags promise.
    #[error("shorter than its GRE header")]
    Truncated,
    /// Version other than 0 (1 is PPTP).
    #[error("GRE version is not 0")]
    Version,
    /// A bit set that RFC 2784 wants clear.
    #[error("GRE flag of RFC 1701 set")]
    Flags,
    /// Checksum present and wrong.
    #[error("GRE checksum wrong")]
    Checksum,
}

/// A checked GRE packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// EtherType of the payload.
    pub protocol: u16,
    /// Key, if the packet has one.
    pub key: Option<u32>,
    /// Sequence number, if the packet has one. The hub takes packets in any order (RFC 2890 2.2 leaves that open).
    pub sequence: Option<u32>,
    /// Octets before the payload.
    pub header_len: usize,
    /// What is carried.
    pub payload: &'a [u8],
}

/// Reads a header. `data` ends where the outer IP packet ends, since a checksum covers all of it.
#[inline(always)]
pub fn parse(data: &[u8]) -> Result<Packet<'_>, Error> {
    let (&[f0, f1, p0, p1], rest) = data.split_first_chunk::<4>().ok_or(Error::Truncated)?;
    let flags = u16::from_be_bytes([f0, f1]);
    let protocol = u16::from_be_bytes([p0, p1]);
    // What every peer sends: nothing, or a key.
    match flags {
        0 => return Ok(Packet { protocol, key: None, sequence: None, header_len: LEN, payload: rest }),
        KEY => {
            let (key, payload) = word(rest)?;
            return Ok(Packet { protocol, key: Some(key), sequence: None, header_len: LEN_KEYED, payload });
        }
        _ => {}
    }
    parse_optioned(data, flags, protocol, rest)
}

#[cold]
fn parse_optioned<'a>(
    data: &'a [u8],
    flags: u16,
    protocol: u16,
    mut rest: &'a [u8],
) -> Result<Packet<'a>, Error> {
    if flags & VERSION != 0 {
        return Err(Error::Version);
    }
    if flags & FORBIDDEN != 0 {
        return Err(Error::Flags);
    }
    if flags & CHECKSUM != 0 {
        (_, rest) = word(rest)?;
    }
    let mut option = |present: bool| -> Result<Option<u32>, Error> {
        if !present {
            return Ok(None);
        }
        let (value, after) = word(rest)?;
        rest = after;
        Ok(Some(value))
    };
    let key = option(flags & KEY != 0)?;
    let sequence = option(flags & SEQUENCE != 0)?;
    if flags & CHECKSUM != 0 && !checksum::verify(data) {
        return Err(Error::Checksum);
    }
    Ok(Packet { protocol, key, sequence, header_len: data.len() - rest.len(), payload: rest })
}

#[inline(always)]
fn word(data: &[u8]) -> Result<(u32, &[u8]), Error> {
    let (octets, rest) = data.split_first_chunk::<4>().ok_or(Error::Truncated)?;
    Ok((u32::from_be_bytes(*octets), rest))
}

/// Octets that [`emit`] writes.
#[inline(always)]
pub fn emitted_len(key: Option<u32>) -> usize {
    if key.is_some() { LEN_KEYED } else { LEN }
}

/// Writes a header at the start of `out`, never with checksum or sequence, and says how long it is. `None`: no room,
/// nothing written.
#[inline(always)]
pub fn emit(out: &mut [u8], key: Option<u32>, protocol: u16) -> Option<usize> {
    let [p0, p1] = protocol.to_be_bytes();
    match key {
        None => *out.first_chunk_mut::<LEN>()? = [0, 0, p0, p1],
        Some(key) => {
            let [a, b, c, d] = key.to_be_bytes();
            *out.first_chunk_mut::<LEN_KEYED>()? = [0x20, 0, p0, p1, a, b, c, d];
        }
    }
    Some(emitted_len(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden_keyed() {
        let capture = crate::pcap::Reader::new(include_bytes!("../testdata/NHRP_registration.pcap")).unwrap();
        let frame = capture.packets().next().unwrap().unwrap().data;
        let outer = crate::ip4::parse(&frame[18..]).unwrap();
        let gre = parse(outer.payload()).unwrap();
        assert_eq!(
            (gre.protocol, gre.key, gre.sequence, gre.header_len),
            (PROTO_NHRP, Some(2), None, LEN_KEYED)
        );
        let mut out = [0; LEN_KEYED];
        assert_eq!(emit(&mut out, gre.key, gre.protocol), Some(LEN_KEYED));
        assert_eq!(out, outer.payload()[..LEN_KEYED]);
    }

    #[test]
    fn golden_without_key() {
        let capture = crate::pcap::Reader::new(include_bytes!("../testdata/ios_nhrp.pcap")).unwrap();
        let frame = capture.packets().next().unwrap().unwrap().data;
        let outer = crate::ip4::parse(&frame[14..]).unwrap();
        let gre = parse(outer.payload()).unwrap();
        assert_eq!((gre.protocol, gre.key, gre.header_len), (PROTO_NHRP, None, LEN));
        let mut out = [0; LEN];
        assert_eq!(emit(&mut out, None, gre.protocol), Some(LEN));
        assert_eq!(out, outer.payload()[..LEN]);
    }

    /// All flag words: who is taken, and which fault is named.
    #[test]
    fn every_flag_word() {
        let mut data = [0u8; 20];
        data[2..4].copy_from_slice(&PROTO_IPV4.to_be_bytes());
        for flags in 0..=u16::MAX {
            data[..2].copy_from_slice(&flags.to_be_bytes());
            data[4..6].fill(0);
            if flags & CHECKSUM != 0 {
                let sum = checksum::checksum(&data);
                data[4..6].copy_from_slice(&sum.to_be_bytes());
            }
            let options = [CHECKSUM, KEY, SEQUENCE].iter().filter(|bit| flags & **bit != 0).count();
            let expected = if flags & VERSION != 0 {
                Err(Error::Version)
            } else if flags & FORBIDDEN != 0 {
                Err(Error::Flags)
            } else {
                Ok(LEN + 4 * options)
            };
            assert_eq!(parse(&data).map(|gre| gre.header_len), expected, "{flags:#06x}");
        }
    }

    #[test]
    fn every_truncation_and_every_flipped_bit() {
        let mut data = [0u8; 24];
        data[..4].copy_from_slice(&[0xb0, 0, 8, 0]);
        data[8..16].copy_from_slice(&[0, 0, 0, 42, 0, 0, 0, 7]);
        data[16..].copy_from_slice(b"payload!");
        let sum = checksum::checksum(&data);
        data[4..6].copy_from_slice(&sum.to_be_bytes());
        let gre = parse(&data).unwrap();
        assert_eq!((gre.key, gre.sequence, gre.payload), (Some(42), Some(7), &b"payload!"[..]));
        for short in 0..16 {
            assert_eq!(parse(&data[..short]), Err(Error::Truncated), "{short}");
        }
        for bit in 4 * 8..24 * 8 {
            let mut flipped = data;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&flipped), Err(Error::Checksum), "bit {bit}");
        }
    }

    #[test]
    fn emit_wants_room() {
        assert_eq!(emit(&mut [0; 3], None, PROTO_IPV4), None);
        assert_eq!(emit(&mut [0; 7], Some(1), PROTO_IPV4), None);
    }

    proptest! {
        #[test]
        fn round_trip(key: Option<u32>, protocol: u16, payload in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut octets = vec![0; MAX_HEADER];
            let header_len = emit(&mut octets, key, protocol).unwrap();
            octets.truncate(header_len);
            octets.extend(&payload);
            let expected = Packet { protocol, key, sequence: None, header_len, payload: &payload };
            prop_assert_eq!(parse(&octets), Ok(expected));
        }

        #[test]
        fn any_octets_are_safe(data in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(gre) = parse(&data) {
                prop_assert_eq!(gre.header_len + gre.payload.len(), data.len());
            }
        }
    }
}
