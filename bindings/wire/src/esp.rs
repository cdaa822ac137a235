//! ESP, and what tells it from IKE within UDP.
//!
//! ```text
//! RFC 4303 2
//!  0                   1                   2                   3
//! |               security parameters index (SPI)                 |   never 0 on the wire, 1 to 255 reserved (2.1)
//! |                 sequence number, low half                     |   of 64 bits with ESN, the high half is not sent
//! |                initialization vector (8 or 16)                |
//! |                  payload (transport: GRE)                     |  -+
//! |          padding 1, 2, 3 ...  (0 to 255)                      |   | encrypted
//! |                               |  pad length   |  next header  |  -+
//! |              integrity check value (12 to 32)                 |
//!
//! RFC 3948 2, within UDP to or from port 4500
//! |  0  0  0  0  | IKE message                                    |   2.2: the non-ESP marker
//! |  SPI, not 0  | rest of the ESP packet                         |   2.1
//! |  ff                                                              2.3: NAT keepalive
//! ```
//! What is encrypted, and how, is not known here: a [`trailer`] is read from plaintext, and written before encryption.

use zerocopy::byteorder::network_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Octets of the header, without initialization vector.
pub const LEN: usize = 8;
/// Octets of the pad length and the next header.
pub const TRAILER: usize = 2;
/// Most octets of padding.
pub const MAX_PADDING: usize = 255;
/// Smallest SPI that is neither local (0) nor reserved (RFC 4303 2.1).
pub const MIN_SPI: u32 = 256;
/// UDP port of IKE.
pub const PORT_IKE: u16 = 500;
/// UDP port of IKE and ESP behind address translators (RFC 3948 2.1).
pub const PORT_NATT: u16 = 4500;
/// What stands before an IKE message on [`PORT_NATT`], where an ESP packet has its SPI.
pub const NON_ESP_MARKER: [u8; 4] = [0; 4];
/// The one octet of a NAT keepalive.
pub const KEEPALIVE: u8 = 0xff;

/// Values of the next-header field that the hub sends or takes.
pub mod next_header {
    /// A whole IPv4 packet: tunnel mode.
    pub const IPV4: u8 = 4;
    /// GRE: transport mode.
    pub const GRE: u8 = 47;
    /// Nothing: a dummy packet, to be discarded (RFC 4303 2.6).
    pub const NONE: u8 = 59;
}

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Security parameters index: chosen by the receiver.
    pub spi: U32,
    /// Low half of the sequence number.
    pub sequence: U32,
}
const _: () = assert!(size_of::<Header>() == LEN);

/// Reads the header at the start of an ESP packet. `None`: too short.
#[inline(always)]
pub fn parse(data: &[u8]) -> Option<Header> {
    Header::read_from_prefix(data).ok().map(|(header, _)| header)
}

/// Writes a header at the start of `out`. `None`: no room, nothing written.
#[inline(always)]
pub fn emit(out: &mut [u8], spi: u32, sequence_low: u32) -> Option<()> {
    let header = Header { spi: U32::new(spi), sequence: U32::new(sequence_low) };
    header.write_to_prefix(out).ok()
}

/// What the end of an authentic plaintext says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Octets of the plaintext in front of the padding. In tunnel mode more padding may follow the inner packet within
    /// them (RFC 4303 2.7): the inner packet's own length counts.
    pub payload_len: usize,
    /// What the payload is: see [`next_header`].
    pub next_header: u8,
}

/// Why a plaintext has no trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrailerError {
    /// Fewer octets than the trailer, or than the padding it speaks of.
    #[error("padding longer than the payload")]
    Length,
    /// The padding is not 1, 2, 3 ... (RFC 4303 2.4: SHOULD be inspected).
    #[error("padding is not 1, 2, 3 ...")]
    Pattern,
}

/// Reads the trailer of a decrypted and authenticated plaintext, which ends where the integrity check value begins.
#[inline(always)]
pub fn trailer(plaintext: &[u8]) -> Result<Trailer, TrailerError> {
    let Some((rest, &[padding, next_header])) = plaintext.split_last_chunk::<TRAILER>() else {
        return Err(TrailerError::Length);
    };
    let payload_len = rest.len().checked_sub(padding.into()).ok_or(TrailerError::Length)?;
    let padding = rest.get(payload_len..).unwrap_or_default();
    if padding.iter().zip(1_u8..=255).any(|(octet, expected)| *octet != expected) {
        return Err(TrailerError::Pattern);
    }
    Ok(Trailer { payload_len, next_header })
}

/// Octets of padding behind a payload, so that it ends with the trailer on a multiple of `alignment` octets (a power of
/// two, 4 at least: RFC 4303 2.4).
#[inline(always)]
pub const fn padding(payload_len: usize, alignment: usize) -> usize {
    (payload_len + TRAILER).wrapping_neg() & (alignment - 1)
}

/// Fills `room` with padding and trailer; all but the last two octets are padding. `None`: shorter than a trailer or
/// longer than the longest, nothing written.
#[inline(always)]
pub fn put_trailer(room: &mut [u8], next_header: u8) -> Option<()> {
    let (padding, end) = room.split_last_chunk_mut::<TRAILER>()?;
    let len = u8::try_from(padding.len()).ok()?;
    *end = [len, next_header];
    for (octet, value) in padding.iter_mut().zip(1..=255) {
        *octet = value;
    }
    Some(())
}

/// What short padding is the beginning of.
const PADDING: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

/// As [`put_trailer`], at the start of `room`, with `padding` octets of padding. What stands behind the trailer is
/// written later, and may have changed: so short padding costs no loop.
#[inline(always)]
pub fn put_trailer_before(room: &mut [u8], padding: usize, next_header: u8) -> Option<()> {
    match room.first_chunk_mut() {
        Some(front) if padding <= PADDING.len() => *front = PADDING,
        _ => return put_trailer(room.get_mut(..padding.checked_add(TRAILER)?)?, next_header),
    }
    *room.get_mut(padding..)?.first_chunk_mut()? = [padding as u8, next_header];
    Some(())
}

/// What a UDP payload from or to [`PORT_NATT`] is (RFC 3948 2, 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encapsulated<'a> {
    /// Keeps a translator's mapping alive and means nothing else.
    Keepalive,
    /// An IKE message, without its marker.
    Ike(&'a [u8]),
    /// An ESP packet.
    Esp(&'a [u8]),
    /// Too short to be any of them.
    Short,
}

/// Tells IKE, ESP and keepalives apart.
#[inline(always)]
pub fn demultiplex(payload: &[u8]) -> Encapsulated<'_> {
    match payload.split_first_chunk() {
        Some((&NON_ESP_MARKER, message)) => Encapsulated::Ike(message),
        Some(_) => Encapsulated::Esp(payload),
        None if payload == [KEEPALIVE] => Encapsulated::Keepalive,
        None => Encapsulated::Short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ip4, pcap, udp};
    use proptest::prelude::*;

    #[test]
    fn golden_header() {
        // Case 2 of draft-mcgrew-gcm-test-01 4.
        let octets = [0x00, 0x00, 0xa5, 0xf8, 0x00, 0x00, 0x00, 0x0a, 0xfa, 0xce];
        let header = parse(&octets).unwrap();
        assert_eq!((header.spi.get(), header.sequence.get()), (0xa5f8, 10));
        let mut out = [0; LEN];
        emit(&mut out, 0xa5f8, 10).unwrap();
        assert_eq!(out, octets[..LEN]);
        assert_eq!(parse(&octets[..7]), None);
        assert_eq!(emit(&mut [0; 7], 1, 1), None);
    }

    /// ESP and IKE as strongSwan and Linux send them in UDP.
    #[test]
    fn golden_udp() {
        let file = include_bytes!("../testdata/isakmp4500.pcap");
        let (mut ike, mut esp, mut keepalive) = (0, 0, 0);
        for packet in pcap::Reader::new(file).unwrap().packets() {
            let Ok(ip) = ip4::parse(&packet.unwrap().data[14..]) else { continue };
            if ip.is_fragment() || ip.protocol() != ip4::protocol::UDP {
                continue;
            }
            let datagram = udp::parse(ip.payload(), ip.source(), ip.destination()).unwrap();
            if datagram.source != PORT_NATT && datagram.destination != PORT_NATT {
                continue;
            }
            match demultiplex(datagram.payload) {
                // ISAKMP: its length field is that of the message.
                Encapsulated::Ike(message) => {
                    assert_eq!(message[24..28], (message.len() as u32).to_be_bytes());
                    ike += 1;
                }
                Encapsulated::Esp(packet) => {
                    assert!(parse(packet).unwrap().spi.get() >= MIN_SPI);
                    esp += 1;
                }
                Encapsulated::Keepalive => keepalive += 1,
                Encapsulated::Short => panic!("{datagram:?}"),
            }
        }
        assert!(ike > 0 && esp > 0, "{ike} {esp} {keepalive}");
    }

    #[test]
    fn what_udp_carries() {
        assert_eq!(demultiplex(&[0xff]), Encapsulated::Keepalive);
        for short in [&[][..], &[0], &[0xfe], &[0xff, 0xff], &[0, 0, 0], &[1, 2, 3]] {
            assert_eq!(demultiplex(short), Encapsulated::Short, "{short:?}");
        }
        assert_eq!(demultiplex(&[0; 4]), Encapsulated::Ike(&[]));
        assert_eq!(demultiplex(&[0, 0, 0, 0, 9]), Encapsulated::Ike(&[9]));
        assert_eq!(demultiplex(&[0, 0, 0, 1]), Encapsulated::Esp(&[0, 0, 0, 1]));
    }

    #[test]
    fn trailers_that_are_none() {
        for short in [&[][..], &[47]] {
            assert_eq!(trailer(short), Err(TrailerError::Length));
        }
        assert_eq!(trailer(&[0, 59]), Ok(Trailer { payload_len: 0, next_header: 59 }));
        assert_eq!(trailer(&[1, 47]), Err(TrailerError::Length));
        assert_eq!(trailer(&[9, 255, 47]), Err(TrailerError::Length));
        assert_eq!(trailer(&[9, 1, 2, 2, 47]), Ok(Trailer { payload_len: 1, next_header: 47 }));
        for wrong in [[9, 0, 2, 2, 47], [9, 1, 1, 2, 47], [9, 2, 1, 2, 47]] {
            assert_eq!(trailer(&wrong), Err(TrailerError::Pattern));
        }
        assert_eq!(put_trailer(&mut [0], 47), None);
        assert_eq!(put_trailer(&mut [0; MAX_PADDING + TRAILER + 1], 47), None);
        let mut longest = [0; MAX_PADDING + TRAILER];
        put_trailer(&mut longest, 4).unwrap();
        assert_eq!((longest[0], longest[254], longest[255], longest[256]), (1, 255, 255, 4));
    }

    proptest! {
        #[test]
        fn round_trip(payload in proptest::collection::vec(any::<u8>(), 0..99), log in 2_u32..5, next: u8) {
            let alignment = 1 << log;
            let padding = padding(payload.len(), alignment);
            prop_assert!(padding < alignment);
            prop_assert_eq!((payload.len() + padding + TRAILER) % alignment, 0);
            let mut plaintext = payload.clone();
            plaintext.resize(payload.len() + padding + TRAILER, 0xaa);
            put_trailer(&mut plaintext[payload.len()..], next).unwrap();
            let expected = Trailer { payload_len: payload.len(), next_header: next };
            prop_assert_eq!(trailer(&plaintext), Ok(expected));
        }

        #[test]
        fn a_trailer_before_something_is_the_same(padding in 0..40_usize, behind in 0..40_usize, next: u8) {
            let mut room = vec![0xaa; padding + TRAILER + behind];
            put_trailer_before(&mut room, padding, next).unwrap();
            let mut alone = vec![0xaa; padding + TRAILER];
            put_trailer(&mut alone, next).unwrap();
            prop_assert_eq!(&room[..alone.len()], alone.as_slice());
            let len = alone.len();
            prop_assert_eq!(put_trailer_before(&mut alone[..len - 1], padding, next), None);
        }

        #[test]
        fn any_octets_are_safe(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (parse(&data), demultiplex(&data));
            if let Ok(trailer) = trailer(&data) {
                prop_assert!(trailer.payload_len + TRAILER <= data.len());
            }
        }
    }
}
