//! What stands around a GRE packet that is to be sealed: all headers, padding and trailer.
//!
//! ```text
//! Ethernet | IPv4 | [UDP] | SPI, sequence | IV | [IPv4] | GRE | inner packet | padding, length, next header | ICV
//!                                               tunnel mode
//! ```
//! RFC 4303 2, RFC 3948 2.1. IV and ICV are room that the engine fills.

use crate::adjacency::{Adjacency, OUTER_KEYED};
use crate::link::ROOM as LINK;
use crate::sa::{Inner, Outbound};
use wire::buffer::PacketBuffer;
use wire::esp::{self, next_header};
use wire::{gre, ip4, udp};

/// Octets of each part around an inner packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    pub(crate) udp: usize,
    iv: usize,
    inner: usize,
    gre: usize,
    /// Padding, its length, next header.
    trailer: usize,
    icv: usize,
    /// What is encrypted.
    pub(crate) text: usize,
    /// The outer packet.
    pub(crate) total: usize,
}

impl Lengths {
    #[inline(always)]
    pub(crate) fn new(to: &Adjacency, sa: &Outbound, len: usize) -> Self {
        let udp = if to.udp() != 0 { udp::LEN } else { 0 };
        let inner = if sa.inner.is_some() { ip4::LEN } else { 0 };
        let gre = if to.keyed() { wire::gre::LEN_KEYED } else { gre::LEN };
        let (iv, icv) = (usize::from(sa.shape.iv), usize::from(sa.shape.icv));
        let payload = inner + gre + len;
        let trailer = esp::padding(payload, sa.shape.align.into()) + esp::TRAILER;
        let text = payload + trailer;
        let total = ip4::LEN + udp + esp::LEN + iv + text + icv;
        Self { udp, iv, inner, gre, trailer, icv, text, total }
    }
}

/// What a packet is wrapped in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around {
    /// Ethernet header and padding behind it, as [`crate::link::Link::header`] gives it.
    pub(crate) link: [u8; LINK],
    /// Octets of it; 0: none.
    pub(crate) ethernet: usize,
    /// Outer IPv4 header and GRE header, as [`Adjacency::outer`] gives them.
    pub(crate) outer: [u8; OUTER_KEYED],
    /// Remote port of UDP encapsulation.
    pub(crate) udp: u16,
    /// Time to live of tunnel mode's header.
    pub(crate) ttl: u8,
    pub(crate) lengths: Lengths,
}

/// Writes everything around the inner packet. `None`: no room, and what was written leads nowhere.
///
/// From front to back in pieces of fixed length, of which each may reach into the next: that is written after it.
#[inline(always)]
pub(crate) fn wrap<B: PacketBuffer>(
    buffer: &mut B,
    around: &Around,
    sa: &Outbound,
    sequence: u64,
) -> Option<()> {
    let &Lengths { udp, iv, inner, gre: gre_len, trailer, icv, total, .. } = &around.lengths;
    let next = if sa.inner.is_some() { next_header::IPV4 } else { next_header::GRE };
    let len = buffer.len();
    // The engine fills the ICV behind the trailer, and the initialization vector.
    esp::put_trailer_before(buffer.append(trailer + icv)?, trailer - esp::TRAILER, next)?;
    let room = buffer.prepend(around.ethernet + ip4::LEN + udp + esp::LEN + iv + inner + gre_len)?;
    *room.first_chunk_mut()? = around.link;
    let room = room.get_mut(around.ethernet..)?;
    *room.first_chunk_mut()? = around.outer;
    let room = room.get_mut(ip4::LEN..)?;
    let room = if udp != 0 { put_udp(room, around.udp, total - ip4::LEN)? } else { room };
    esp::emit(room, sa.spi, sequence as u32)?;
    let room = room.get_mut(esp::LEN + iv..)?;
    let room = match sa.inner {
        Some(addresses) => put_inner(room, around, addresses, inner + gre_len + len)?,
        None => room,
    };
    let (_, header) = around.outer.split_first_chunk::<{ ip4::LEN }>()?;
    match gre_len == gre::LEN_KEYED {
        true => *room.first_chunk_mut::<{ gre::LEN_KEYED }>()? = *header.first_chunk()?,
        false => *room.first_chunk_mut::<{ gre::LEN }>()? = *header.first_chunk()?,
    }
    Some(())
}

/// The UDP header, with checksum 0 (RFC 3948 2.1).
#[inline(always)]
fn put_udp(room: &mut [u8], port: u16, length: usize) -> Option<&mut [u8]> {
    let [s0, s1] = esp::PORT_NATT.to_be_bytes();
    let [d0, d1] = port.to_be_bytes();
    let [l0, l1] = u16::try_from(length).ok()?.to_be_bytes();
    let (header, rest) = room.split_first_chunk_mut()?;
    *header = [s0, s1, d0, d1, l0, l1, 0, 0];
    Some(rest)
}

/// The header of tunnel mode: ToS and identification are those of the outer one (RFC 2983 3.1, RFC 6040 4.1).
fn put_inner<'r>(
    room: &'r mut [u8],
    around: &Around,
    addresses: Inner,
    total: usize,
) -> Option<&'r mut [u8]> {
    let header = ip4::Header::of(&around.outer)?;
    let fields = ip4::Fields {
        tos: header.tos(),
        total_len: u16::try_from(total).ok()?,
        id: header.id(),
        flags_offset: 0,
        ttl: around.ttl,
        protocol: ip4::protocol::GRE,
        source: addresses.local.into(),
        destination: addresses.remote.into(),
    };
    fields.emit(room)?;
    room.get_mut(ip4::LEN..)
}
