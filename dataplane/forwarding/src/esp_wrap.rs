//! What stands around a GRE packet that is to be sealed: all headers, padding and trailer.
//!
//! ```text
//! Ethernet | IPv4 | [UDP] | SPI, sequence | IV | [IPv4] | GRE | inner packet | padding, length, next header | ICV
//!                                               tunnel mode
//! ```
//! RFC 4303 2, RFC 3948 2.1. IV and ICV are room that the engine fills.

use crate::adjacency::{Adjacency, OUTER_KEYED};
use crate::sa::{Inner, Outbound};
use wire::buffer::PacketBuffer;
use wire::esp::{self, next_header};
use wire::{ip4, udp};

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
        let gre = if to.keyed() { wire::gre::LEN_KEYED } else { wire::gre::LEN };
        let (iv, icv) = (usize::from(sa.shape.iv), usize::from(sa.shape.icv));
        let payload = inner + gre + len;
        let trailer = esp::padding(payload, sa.shape.align.into()) + esp::TRAILER;
        let text = payload + trailer;
        let total = ip4::LEN + udp + esp::LEN + iv + text + icv;
        Self { udp, iv, inner, gre, trailer, icv, text, total }
    }
}

/// Writes everything around the inner packet. `None`: no room, and what was written leads nowhere.
#[inline(always)]
pub(crate) fn wrap<B: PacketBuffer>(
    buffer: &mut B,
    ethernet: &[u8],
    outer: &[u8; OUTER_KEYED],
    to: &Adjacency,
    sa: &Outbound,
    sequence: u64,
    lengths: &Lengths,
) -> Option<()> {
    let &Lengths { udp, iv, inner, gre, trailer, icv, total, .. } = lengths;
    let next = if sa.inner.is_some() { next_header::IPV4 } else { next_header::GRE };
    let len = buffer.len();
    esp::put_trailer(buffer.append(trailer + icv)?.get_mut(..trailer)?, next)?;
    let front = ethernet.len() + ip4::LEN + udp + esp::LEN + iv + inner + gre;
    let room = buffer.prepend(front)?;
    let room = put(room, ethernet)?;
    let room = put(room, outer.get(..ip4::LEN)?)?;
    let room = if udp != 0 { put_udp(room, to.udp(), total - ip4::LEN)? } else { room };
    esp::emit(room, sa.spi, sequence as u32)?;
    // The engine fills the initialization vector.
    let room = room.get_mut(esp::LEN + iv..)?;
    let room = match sa.inner {
        Some(addresses) => put_inner(room, outer, addresses, to.ttl(), inner + gre + len)?,
        None => room,
    };
    put(room, outer.get(ip4::LEN..ip4::LEN + gre)?)?;
    Some(())
}

/// Writes `octets` and gives what is behind them.
#[inline(always)]
fn put<'r>(room: &'r mut [u8], octets: &[u8]) -> Option<&'r mut [u8]> {
    let (front, rest) = room.split_at_mut_checked(octets.len())?;
    front.copy_from_slice(octets);
    Some(rest)
}

/// The UDP header, with checksum 0 (RFC 3948 2.1).
#[inline(always)]
fn put_udp(room: &mut [u8], port: u16, length: usize) -> Option<&mut [u8]> {
    let [s0, s1] = esp::PORT_NATT.to_be_bytes();
    let [d0, d1] = port.to_be_bytes();
    let [l0, l1] = u16::try_from(length).ok()?.to_be_bytes();
    put(room, &[s0, s1, d0, d1, l0, l1, 0, 0])
}

/// The header of tunnel mode: ToS and identification are those of the outer one (RFC 2983 3.1, RFC 6040 4.1).
fn put_inner<'r>(
    room: &'r mut [u8],
    outer: &[u8; OUTER_KEYED],
    addresses: Inner,
    ttl: u8,
    total: usize,
) -> Option<&'r mut [u8]> {
    let header = ip4::Header::of(outer)?;
    let fields = ip4::Fields {
        tos: header.tos(),
        total_len: u16::try_from(total).ok()?,
        id: header.id(),
        flags_offset: 0,
        ttl,
        protocol: ip4::protocol::GRE,
        source: addresses.local.into(),
        destination: addresses.remote.into(),
    };
    fields.emit(room)?;
    room.get_mut(ip4::LEN..)
}
