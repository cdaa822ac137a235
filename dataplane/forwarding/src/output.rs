//! GRE, IP and Ethernet output: what stands in front of an inner packet when it leaves.
//!
//! In: an inner packet that fits, and its adjacency or link. Out: a frame to a port. Drops: `no_neighbour`,
//! `no_headroom`. Outer header: DSCP and ECN copied (RFC 2983 3.1 uniform model, RFC 6040 4.1 normal mode), DF clear with an
//! identification unique per worker, TTL of the tunnel, no GRE checksum and no sequence number.

use crate::adjacency::{Adjacency, OUTER, OUTER_KEYED};
use crate::ecn;
use crate::link::{Link, PLAIN, ROOM, TAGGED};
use crate::sink::Sink;
use crate::turn::Turn;
use shm::drops::DropReason;
use shm::message::{LinkId, PeerId};
use wire::buffer::{BufferPool, PacketBuffer};

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// Encapsulates the inner packet of `len` octets that `buffer` holds and sends it to the peer.
    #[inline(always)]
    pub(crate) fn gre_output(&mut self, peer: PeerId, to: &Adjacency, tos: u8, len: u16, buffer: P::Buffer) {
        if self.encapsulate(to, ecn::outer_tos(tos), len, buffer) {
            self.count_tx(to.tunnel(), peer, len);
        }
    }

    /// Puts Ethernet, IPv4 and GRE in front of `len` octets and sends them, or has them protected; says whether it could.
    #[inline(always)]
    pub(crate) fn encapsulate(&mut self, to: &Adjacency, tos: u8, len: u16, buffer: P::Buffer) -> bool {
        if to.protected() {
            return self.esp_output(to, tos, len, buffer);
        }
        self.clear_output(to, tos, len, buffer)
    }

    #[inline(always)]
    fn clear_output(&mut self, to: &Adjacency, tos: u8, len: u16, mut buffer: P::Buffer) -> bool {
        let Some(link) = self.link(to.link()) else {
            self.count_drop(DropReason::NoNeighbour);
            return false;
        };
        let keyed = to.keyed();
        let outer_len = if keyed { OUTER_KEYED } else { OUTER };
        let outer = to.outer(tos, len + outer_len as u16, self.state.next_id());
        let header = link.header();
        let tagged = link.header_len() == TAGGED;
        let size = outer_len + if tagged { TAGGED } else { PLAIN };
        let Some(room) = buffer.prepend(size) else {
            self.count_drop(DropReason::NoHeadroom);
            return false;
        };
        match (tagged, keyed) {
            (false, true) => put::<PLAIN, OUTER_KEYED>(room, &header, &outer),
            (false, false) => put::<PLAIN, OUTER>(room, &header, &outer),
            (true, true) => put::<TAGGED, OUTER_KEYED>(room, &header, &outer),
            (true, false) => put::<TAGGED, OUTER>(room, &header, &outer),
        }
        self.sink.transmit(link.port(), buffer);
        true
    }

    /// Sends an IP packet as it is to a next hop.
    pub(crate) fn eth_output(&mut self, link: &Link, mut packet: P::Buffer) {
        let (header, len) = (link.header(), link.header_len());
        let Some((room, header)) = packet.prepend(len).zip(header.get(..len)) else {
            return self.count_drop(DropReason::NoHeadroom);
        };
        room[..len].copy_from_slice(header);
        self.sink.transmit(link.port(), packet);
    }

    /// The link, read once for packets that follow each other to the same next hop.
    #[inline(always)]
    pub(crate) fn link(&mut self, id: LinkId) -> Option<Link> {
        match self.link {
            Some((last, link)) if last == id => Some(link),
            _ => self.read_link(id),
        }
    }

    fn read_link(&mut self, id: LinkId) -> Option<Link> {
        let link = self.tables.links.read(id)?;
        self.link = Some((id, link));
        Some(link)
    }
}

/// Writes both headers with lengths that the compiler knows.
#[inline(always)]
fn put<const L2: usize, const L3: usize>(room: &mut [u8], header: &[u8; ROOM], outer: &[u8; OUTER_KEYED]) {
    let Some((front, rest)) = room.split_first_chunk_mut::<L2>() else { return };
    let Some(back) = rest.first_chunk_mut::<L3>() else { return };
    front.copy_from_slice(&header[..L2]);
    back.copy_from_slice(&outer[..L3]);
}
