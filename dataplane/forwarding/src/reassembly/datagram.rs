//! One datagram in the making: its fragments in order.

use arrayvec::ArrayVec;
use shm::drops::DropReason;
use std::net::Ipv4Addr;
use wire::buffer::PacketBuffer;
use wire::ip4::{self, FLAG_DF, MAX_TOTAL};

/// Fragments that a datagram may have: 9,216 octets in fragments of 576 make 17.
pub const MAX_FRAGMENTS: usize = 20;

const NOT_ECT_SEEN: u8 = 1;
const CE_SEEN: u8 = 1 << 3;

/// What the fragments of one datagram have in common (RFC 791 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    id: u16,
}

impl Key {
    /// Of a slot that was never used.
    pub const NOBODY: Self =
        Self { source: Ipv4Addr::UNSPECIFIED, destination: Ipv4Addr::UNSPECIFIED, protocol: 0, id: 0 };
}

/// What one fragment's header says. Lengths and offsets in octets.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub key: Key,
    header_len: usize,
    offset: usize,
    len: usize,
    last: bool,
    ecn: u8,
    /// Octets that the fragment's buffer could hold from the IPv4 header on.
    room: usize,
}

impl Part {
    /// Reads a fragment's header and cuts off what lies behind its total length.
    pub fn examine<B: PacketBuffer>(fragment: &mut B) -> Result<Self, DropReason> {
        let ip = ip4::parse_unsummed(fragment.data()).map_err(|_| DropReason::IpMalformed)?;
        let key =
            Key { source: ip.source(), destination: ip.destination(), protocol: ip.protocol(), id: ip.id() };
        let part = Self {
            key,
            header_len: ip.header_len(),
            offset: ip.fragment_offset(),
            len: ip.payload().len(),
            last: !ip.more_fragments(),
            ecn: ip.ecn(),
            room: fragment.len() + fragment.tailroom(),
        };
        // All but the last are multiples of eight, and none is empty: such would never become whole, or twice.
        if part.len == 0 || !part.last && !part.len.is_multiple_of(8) {
            return Err(DropReason::IpMalformed);
        }
        let total = ip.total_len();
        fragment.truncate(total);
        Ok(part)
    }

    /// Why a datagram with this fragment can never be delivered, if so: it would exceed what IPv4 allows, or one
    /// buffer (all buffers of a pool are alike).
    pub fn too_large(&self) -> Option<DropReason> {
        match self.header_len + self.end() {
            whole if whole > MAX_TOTAL => Some(DropReason::IpFragOverlap),
            whole if whole > self.room => Some(DropReason::IpFragTooBig),
            _ => None,
        }
    }

    fn end(&self) -> usize {
        self.offset + self.len
    }
}

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is held.
    Kept,
    /// It was held already, octet by octet the same; it is gone.
    Duplicate,
    /// It is gone, and what is held must go for the same reason.
    Spoilt(DropReason),
}

/// The fragments of one datagram.
#[derive(Debug)]
pub struct Datagram<B> {
    /// Octets of the whole payload, once the last fragment came.
    total: Option<usize>,
    /// Octets of payload held.
    octets: usize,
    /// ECN codepoints seen, one bit each.
    ecn_seen: u8,
    /// In the order of their offsets, without overlap.
    pieces: ArrayVec<Piece<B>, MAX_FRAGMENTS>,
}

/// One fragment.
#[derive(Debug)]
struct Piece<B> {
    offset: usize,
    len: usize,
    /// Octets of header in front of the payload: only the first fragment keeps its own.
    header_len: usize,
    buffer: B,
}

impl<B: PacketBuffer> Piece<B> {
    fn end(&self) -> usize {
        self.offset + self.len
    }
    fn payload(&self) -> &[u8] {
        self.buffer.data().get(self.header_len..).unwrap_or_default()
    }
}

impl<B: PacketBuffer> Datagram<B> {
    /// One without fragments.
    pub fn new() -> Self {
        Self { total: None, octets: 0, ecn_seen: 0, pieces: ArrayVec::new() }
    }

    /// Fragments held.
    pub fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Drops what is held and says how many fragments that were.
    pub fn clear(&mut self) -> usize {
        let pieces = self.pieces.len();
        self.pieces.clear();
        (self.total, self.octets, self.ecn_seen) = (None, 0, 0);
        pieces
    }

    /// Whether no octet is missing: pieces do not overlap, so their lengths add up only then.
    pub fn is_whole(&self) -> bool {
        self.total == Some(self.octets)
    }

    /// Adds a fragment where it belongs.
    pub fn place(&mut self, mut fragment: B, part: &Part) -> Placed {
        let at = self.pieces.partition_point(|piece| piece.offset < part.offset);
        if self.pieces.get(at).is_some_and(|piece| self.is_duplicate(piece, &fragment, part)) {
            return Placed::Duplicate;
        }
        let before = at.checked_sub(1).and_then(|at| self.pieces.get(at));
        let overlaps = before.is_some_and(|piece| piece.end() > part.offset)
            || self.pieces.get(at).is_some_and(|piece| piece.offset < part.end());
        if overlaps || !self.agrees_on_end(part) {
            return Placed::Spoilt(DropReason::IpFragOverlap);
        }
        if self.pieces.is_full() {
            return Placed::Spoilt(DropReason::IpFragTableFull);
        }
        let header_len = if part.offset == 0 { part.header_len } else { 0 };
        // Never fails: the header was read there.
        if header_len == 0 && fragment.strip(part.header_len).is_none() {
            return Placed::Spoilt(DropReason::IpMalformed);
        }
        if part.last {
            self.total = Some(part.end());
        }
        self.octets += part.len;
        self.ecn_seen |= 1 << part.ecn;
        self.pieces.insert(at, Piece { offset: part.offset, len: part.len, header_len, buffer: fragment });
        Placed::Kept
    }

    fn is_duplicate(&self, piece: &Piece<B>, fragment: &B, part: &Part) -> bool {
        let same_place = (piece.offset, piece.len) == (part.offset, part.len);
        let same_role = part.last == (self.total == Some(piece.end()));
        same_place && same_role && fragment.data().get(part.header_len..) == Some(piece.payload())
    }

    /// Whether the datagram can end where this fragment and the ones held say.
    fn agrees_on_end(&self, part: &Part) -> bool {
        let held_end = self.pieces.last().map_or(0, Piece::end);
        match self.total {
            Some(total) => part.end() <= total && !part.last,
            None => !part.last || held_end <= part.end(),
        }
    }

    /// The whole datagram in the buffer of its first fragment. On error the pieces stay.
    pub fn join(&mut self) -> Result<B, DropReason> {
        let first = self.pieces.first().filter(|piece| piece.offset == 0).ok_or(DropReason::IpMalformed)?;
        let total = first.header_len + self.octets;
        let ecn = match self.ecn_seen {
            // Some router marked congestion, but the endpoints do not react to marks (RFC 3168 5.3).
            seen if seen & (CE_SEEN | NOT_ECT_SEEN) == CE_SEEN | NOT_ECT_SEEN => {
                return Err(DropReason::EcnInvalid);
            }
            seen if seen & CE_SEEN != 0 => Some(crate::ecn::CE),
            _ => None,
        };
        // The first header may be longer than those that were measured before.
        let total_len = u16::try_from(total).map_err(|_| DropReason::IpFragOverlap)?;
        if self.octets - first.len > first.buffer.tailroom() {
            return Err(DropReason::IpFragTooBig);
        }
        let mut pieces = self.pieces.drain(..);
        let mut whole = pieces.next().ok_or(DropReason::IpMalformed)?.buffer;
        for piece in pieces {
            let room = whole.append(piece.len).ok_or(DropReason::IpFragTooBig)?;
            room.copy_from_slice(piece.payload());
        }
        let header = ip4::Header::of_mut(whole.data_mut()).ok_or(DropReason::IpMalformed)?;
        header.set_total_len(total_len);
        header.set_flags_offset(header.flags_offset() & FLAG_DF);
        if let Some(ecn) = ecn {
            header.set_ecn(ecn);
        }
        Ok(whole)
    }
}
