//! One line of 64 octets per spoke: everything that sending to it needs, ready-made.
//!
//! A FIB leaf names a peer, the peer's line holds the outer IPv4 and GRE header in wire order. A spoke that moves is
//! one line rewritten, whatever number of prefixes lead to it.
//!
//! | word | content |
//! |---|---|
//! | 0 | sequence number 32, link 16, tunnel 8, flags 8 |
//! | 1-3 | outer IPv4 header and first four octets of the GRE header; length, ToS, id and checksum are 0 |
//! | 4 | GRE key as on the wire 32, one's complement sum of the IPv4 header 16, IP MTU 16 |
//! | 5 | TCP MSS clamp 16 (0: none), remote port of UDP encapsulation 16, outbound SA 32 |
//! | 6 | VRF of the tunnel 8, 0 |
//! | 7 | 0 |

use crate::seqlock::{Draft, SeqLock};
use crate::settings::TunnelSettings;
use crate::zeroed::zeroed;
use shm::message::{LinkId, Protection, SaId, TunnelId, VrfId};
use std::net::Ipv4Addr;
use wire::ip4::protocol;
use zerocopy::FromZeros;

/// Octets of an outer header without, and with, a GRE key.
pub(crate) const OUTER: usize = 24;
/// See [`OUTER`].
pub(crate) const OUTER_KEYED: usize = 28;

const VALID: u8 = 1;
const KEYED: u8 = 2;
/// Its packets leave in ESP or not at all.
const PROTECTED: u8 = 4;
/// There is an SA to send with.
const SENDS: u8 = 8;

/// A line in the table. Written by the updater, read by all workers.
#[derive(Debug, FromZeros)]
#[repr(C, align(64))]
struct Line(SeqLock<8>);
const _: () = assert!(size_of::<Line>() == 64);

/// The lines of all peers.
#[derive(Debug)]
pub(crate) struct Adjacencies {
    lines: Box<[Line]>,
    draft: Draft<8>,
}

/// A line as read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adjacency([u64; 8]);

impl Adjacencies {
    /// No adjacency to any of `max_peers` peers. `None`: no memory.
    pub(crate) fn new(max_peers: u32) -> Option<Self> {
        Some(Self { lines: zeroed(max_peers as usize)?, draft: Draft::default() })
    }

    /// Starts loading the peer's line.
    #[inline(always)]
    pub(crate) fn prefetch(&self, peer: u32) {
        shm::cpu::prefetch_index(&self.lines, peer as usize);
    }

    /// The SA that the peer's packets will probably leave with: what to load, not what to send with.
    #[inline(always)]
    pub(crate) fn peek_sa(&self, peer: u32) -> SaId {
        self.lines.get(peer as usize).map_or(0, |line| (line.0.peek(5) >> 32) as SaId)
    }

    /// The peer's adjacency, if it has one.
    pub(crate) fn read(&self, peer: u32) -> Option<Adjacency> {
        let mut adjacency = Adjacency::ABSENT;
        self.read_into(peer, &mut adjacency).then_some(adjacency)
    }

    /// Puts the peer's adjacency into `to`, if it has one: a line that is read for every packet is not handed on.
    #[inline(always)]
    pub(crate) fn read_into(&self, peer: u32, to: &mut Adjacency) -> bool {
        let line = self.lines.get(peer as usize);
        line.is_some_and(|line| line.0.read_into(&self.draft, &mut to.0)) && to.flags() & VALID != 0
    }

    /// Updater: sets the peer's adjacency, or takes it away.
    pub(crate) fn write(&self, peer: u32, adjacency: Option<&Adjacency>) {
        if let Some(line) = self.lines.get(peer as usize) {
            line.0.write(&self.draft, adjacency.map_or(&[0; 8], |adjacency| &adjacency.0));
        }
    }
}

impl Adjacency {
    /// To nobody.
    pub(crate) const ABSENT: Self = Self([0; 8]);

    /// To `nbma` through a tunnel, by way of `link`. `mtu` is the largest inner packet in octets. Through a tunnel with
    /// protection nothing leaves without `protection`.
    pub(crate) fn new(
        tunnel: TunnelId,
        settings: &TunnelSettings,
        nbma: Ipv4Addr,
        link: LinkId,
        mtu: u16,
        protection: Option<Protection>,
    ) -> Self {
        let mut outer = [0; OUTER];
        outer[0] = 0x45;
        outer[8] = settings.ttl;
        let udp = protection.and_then(|protection| protection.udp);
        outer[9] = match (settings.protected, udp) {
            (false, _) => protocol::GRE,
            (true, None) => protocol::ESP,
            (true, Some(_)) => protocol::UDP,
        };
        outer[12..16].copy_from_slice(&settings.source.octets());
        outer[16..20].copy_from_slice(&nbma.octets());
        outer[20] = if settings.key.is_some() { 0x20 } else { 0 };
        outer[22] = 0x08;
        let sum = outer[..20]
            .chunks_exact(2)
            .fold(0_u32, |sum, octets| sum + u32::from(octets[0]) * 256 + u32::from(octets[1]));
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = (sum & 0xffff) + (sum >> 16);
        let sa = protection.and_then(|protection| protection.sa);
        let mut flags = VALID;
        flags |= if settings.key.is_some() { KEYED } else { 0 };
        flags |= if settings.protected { PROTECTED } else { 0 };
        flags |= if settings.protected && sa.is_some() { SENDS } else { 0 };
        let mut words = [0; 8];
        words[0] = u64::from(link) << 32 | u64::from(tunnel) << 48 | u64::from(flags) << 56;
        for (word, octets) in words[1..].iter_mut().zip(outer.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*octets);
        }
        let key = u32::from_le_bytes(settings.key.unwrap_or(0).to_be_bytes());
        words[4] = u64::from(key) | u64::from(sum) << 32 | u64::from(mtu) << 48;
        words[5] = u64::from(settings.adjust_mss.unwrap_or(0))
            | u64::from(udp.unwrap_or(0)) << 16
            | u64::from(sa.unwrap_or(0)) << 32;
        words[6] = u64::from(settings.vrf);
        Self(words)
    }

    #[inline(always)]
    fn flags(&self) -> u8 {
        (self.0[0] >> 56) as u8
    }
    /// Underlay next hop.
    #[inline(always)]
    pub(crate) fn link(&self) -> LinkId {
        (self.0[0] >> 32) as u16
    }
    /// VRF of its tunnel.
    #[inline(always)]
    pub(crate) fn vrf(&self) -> VrfId {
        self.0[6] as u8
    }
    /// Tunnel it belongs to.
    #[inline(always)]
    pub(crate) fn tunnel(&self) -> TunnelId {
        (self.0[0] >> 48) as u8
    }
    /// Whether the outer header is [`OUTER_KEYED`] octets long, else [`OUTER`].
    #[inline(always)]
    pub(crate) fn keyed(&self) -> bool {
        self.flags() & KEYED != 0
    }
    /// Whether its packets leave in ESP only.
    #[inline(always)]
    pub(crate) fn protected(&self) -> bool {
        self.flags() & PROTECTED != 0
    }
    /// SA to send with.
    #[inline(always)]
    pub(crate) fn sa(&self) -> Option<SaId> {
        (self.flags() & SENDS != 0).then_some((self.0[5] >> 32) as SaId)
    }
    /// Remote port of UDP encapsulation; 0: plain ESP.
    #[inline(always)]
    pub(crate) fn udp(&self) -> u16 {
        (self.0[5] >> 16) as u16
    }
    /// Outer time to live.
    #[inline(always)]
    pub(crate) fn ttl(&self) -> u8 {
        self.0[2] as u8
    }
    /// Largest inner packet in octets.
    #[inline(always)]
    pub(crate) fn mtu(&self) -> u16 {
        (self.0[4] >> 48) as u16
    }
    /// TCP MSS clamp, 0: none.
    #[inline(always)]
    pub(crate) fn mss(&self) -> u16 {
        self.0[5] as u16
    }
    /// The outer header for one packet; without a key the last four octets are to be ignored. `total` is the outer
    /// packet's length.
    #[inline(always)]
    pub(crate) fn outer(&self, tos: u8, total: u16, id: u16) -> [u8; OUTER_KEYED] {
        // Word by word in registers: the template holds zeros where these fields go.
        let sum = (self.0[4] >> 32) as u16;
        let sum = u32::from(sum) + u32::from(tos) + u32::from(total) + u32::from(id);
        let sum = (sum & 0xffff) + (sum >> 16);
        let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
        let first =
            self.0[1] | u64::from(tos) << 8 | u64::from(total.to_be()) << 16 | u64::from(id.to_be()) << 32;
        let second = self.0[2] | u64::from(checksum.to_be()) << 16;
        let mut outer = [0; OUTER_KEYED];
        outer[..8].copy_from_slice(&first.to_le_bytes());
        outer[8..16].copy_from_slice(&second.to_le_bytes());
        outer[16..24].copy_from_slice(&self.0[3].to_le_bytes());
        outer[24..].copy_from_slice(&(self.0[4] as u32).to_le_bytes());
        outer
    }
    /// The same adjacency for GRE payloads of another type.
    pub(crate) fn carrying(mut self, protocol: u16) -> Self {
        let mut octets = self.0[3].to_le_bytes();
        octets[6..].copy_from_slice(&protocol.to_be_bytes());
        self.0[3] = u64::from_le_bytes(octets);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tunnel(key: Option<u32>) -> TunnelSettings {
        TunnelSettings {
            vrf: 0,
            tunnel_vrf: 0,
            source: Ipv4Addr::new(192, 0, 2, 1),
            key,
            address: Ipv4Addr::new(10, 255, 0, 1),
            len: 24,
            ip_mtu: 1400,
            adjust_mss: Some(1360),
            ttl: 255,
            network_id: 1,
            redirect: true,
            unreachables: true,
            redirect_timeout: 8000,
            multicast_rate: 100_000,
            protected: false,
        }
    }

    #[test]
    fn holds_the_header_in_wire_order() {
        let table = Adjacencies::new(4).expect("memory");
        assert!(table.read(2).is_none());
        let nbma = Ipv4Addr::new(198, 51, 100, 7);
        table.write(2, Some(&Adjacency::new(3, &tunnel(Some(0x0102_0304)), nbma, 9, 1399, None)));
        let read = table.read(2).expect("written");
        assert_eq!(
            (read.link(), read.tunnel(), read.mtu(), read.mss(), read.keyed()),
            (9, 3, 1399, 1360, true)
        );
        let outer = read.outer(0xb8, 0x0506, 0x0708);
        let sum = [outer[10], outer[11]];
        assert_eq!(
            outer,
            [
                0x45, 0xb8, 5, 6, 7, 8, 0, 0, 255, 47, sum[0], sum[1], 192, 0, 2, 1, 198, 51, 100,
                7, // IPv4
                0x20, 0, 8, 0, 1, 2, 3, 4, // GRE
            ]
        );
        assert!(wire::checksum::verify(&outer[..20]));
        assert_eq!(read.carrying(0x2001).outer(0, 0, 0)[20..24], [0x20, 0, 0x20, 0x01]);
        table.write(2, None);
        assert!(table.read(2).is_none());
        assert!(table.read(4).is_none());
    }

    #[test]
    fn without_a_key_the_flag_is_clear() {
        let read = Adjacency::new(0, &tunnel(None), Ipv4Addr::new(198, 51, 100, 7), 0, 1400, None);
        assert!(!read.keyed());
        assert_eq!(read.outer(0, 0, 0)[20..24], [0, 0, 8, 0]);
    }
}
