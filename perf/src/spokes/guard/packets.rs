//! Packets of the spokes' IKE SAs: GRE into ESP and out of it, IKE to the peer that it is for.

use super::super::secure_sockets::Received;
use super::Guard;
use crate::ike::{Ends, Refusal};
use std::net::Ipv4Addr;
use std::ops::Range;
use wire::ike::Message;

/// What came of a packet.
#[derive(Clone, Debug)]
pub enum Taken {
    /// It was IKE, or nothing.
    Done,
    /// A GRE packet for a spoke, from an address, in the buffer.
    Gre(u32, Ipv4Addr, Range<usize>),
}

/// Whether a packet was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It was.
    Yes,
    /// The kernel did not take it.
    No,
    /// There is no SA yet.
    NotReady,
}

/// ESP packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct EspCounts {
    /// Sent.
    pub sent: u64,
    /// Received and let in.
    pub received: u64,
    /// Received with an SPI that is none of the spoke's.
    pub unknown_spi: u64,
    /// Received twice, or far too late.
    pub replayed: u64,
    /// Received and not authentic.
    pub forged: u64,
    /// Authentic, without GRE.
    pub not_gre: u64,
    /// Packets that were not sent for want of an SA.
    pub not_ready: u64,
}

impl Guard {
    /// Sends a GRE packet to a peer; begins with another spoke if there is no SA with it.
    pub fn send(&mut self, index: u32, to: Ipv4Addr, tos: u8, gre: &[u8], now: u64) -> Sent {
        let Some(spoke) = self.spokes.get_mut(index as usize) else { return Sent::No };
        let mut with = spoke.peers.iter_mut().filter(|peer| peer.ends().remote == to).peekable();
        let known = with.peek().is_some();
        let Some(peer) = with.find(|peer| peer.is_up()) else {
            self.esp.not_ready += 1;
            if !known && to != self.hub {
                self.initiate(index, to, now);
            }
            return Sent::NotReady;
        };
        let ends = peer.ends();
        let crypto = &mut self.crypto;
        if self.sockets.esp(&ends, tos, |frame| peer.seal(crypto, now, gre, frame)) {
            self.esp.sent += 1;
            Sent::Yes
        } else {
            Sent::No
        }
    }

    /// Takes one packet. `None`: nothing waits.
    pub fn receive(&mut self, buffer: &mut [u8], now: u64) -> Option<(u32, Taken)> {
        let received = self.sockets.receive(buffer)?;
        let (Received::Esp(ends, _) | Received::Ike(ends, _)) = &received else {
            return Some((u32::MAX, Taken::Done));
        };
        let index = ends.local.to_bits().wrapping_sub(self.first.to_bits());
        let taken = match received {
            Received::Esp(ends, at) => self.unseal(index, ends, buffer, at, now),
            Received::Ike(ends, at) => {
                if let Some(message) = buffer.get(at).and_then(|octets| Message::parse(octets).ok()) {
                    self.message(index, ends, &message, now);
                } else {
                    self.shared.counts.refused += 1;
                }
                None
            }
            Received::Other => None,
        };
        Some((index, taken.unwrap_or(Taken::Done)))
    }

    fn unseal(
        &mut self,
        index: u32,
        ends: Ends,
        buffer: &mut [u8],
        at: Range<usize>,
        now: u64,
    ) -> Option<Taken> {
        let spoke = self.spokes.get_mut(index as usize)?;
        let (start, packet) = (at.start, buffer.get_mut(at)?);
        let crypto = &mut self.crypto;
        let opened = spoke.peers.iter_mut().find_map(|peer| peer.open(crypto, now, ends, packet));
        match opened.unwrap_or(Err(Refusal::UnknownSpi)) {
            Ok(inner) => {
                self.esp.received += 1;
                return Some(Taken::Gre(index, ends.remote, start + inner.start..start + inner.end));
            }
            Err(Refusal::UnknownSpi) => self.esp.unknown_spi += 1,
            Err(Refusal::Replay) => self.esp.replayed += 1,
            Err(Refusal::Forged) => self.esp.forged += 1,
            Err(Refusal::NotGre) => self.esp.not_gre += 1,
        }
        None
    }
}
