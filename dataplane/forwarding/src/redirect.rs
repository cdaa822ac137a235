//! Redirect trigger: a spoke sends through the hub what it could send directly.
//!
//! In: a packet on its way from a spoke to another. Out: the same packet, and now and then [`Event::Redirect`], from
//! which control makes an NHRP traffic indication to the sending spoke. Not for the spoke's own packets come back, ICMP
//! errors, link-local addresses, or a source that is not routed to the sender (who forges sources must not make us
//! send to others). One per ingress peer and pair of /24s in the tunnel's `redirect_timeout`, and a bound for all.

use crate::fib::place;
use crate::leaf::{Kind, Leaf};
use crate::meta::{From, Meta};
use crate::now::Now;
use crate::recent::hash;
use crate::sink::Sink;
use crate::turn::{REDIRECT_RATE, Turn};
use shm::message::{Event, PeerId, TunnelId};
use std::net::Ipv4Addr;
use wire::buffer::BufferPool;
use wire::{icmp, ip4};

/// Octets of the packet that control gets at most.
const EXCERPT: usize = 128;

impl<P: BufferPool, S: Sink<P::Buffer>> Turn<'_, P, S> {
    /// Looks whether `packet`, which leaves by tunnel `out`, is worth a redirect.
    #[inline(always)]
    pub(crate) fn consider_redirect(&mut self, meta: &Meta, out: TunnelId, packet: &[u8]) {
        if meta.from != From::Spoke || meta.leaf.index() == meta.peer {
            return;
        }
        let Some(tunnel) = self.tables.interfaces.tunnels.get(usize::from(meta.tunnel)) else { return };
        if tunnel.redirects >> (out & 63) & 1 == 0 {
            return;
        }
        let networks = u64::from(meta.source >> 8) << 24 | u64::from(meta.destination >> 8);
        let hash = hash(networks, meta.peer.into());
        match self.state.redirects.place(hash, self.now) {
            None => self.counters.redirects_suppressed.add(1),
            Some(place) => {
                let until = self.now.millis() + u64::from(tunnel.redirect_timeout);
                if self.redirect(meta, packet) {
                    self.state.redirects.rest(place, Now::from_millis(until));
                }
            }
        }
    }

    /// Whether packets to the place go, or may go, to that peer.
    fn leads_to(&self, place: u64, peer: PeerId) -> bool {
        let (leaf, peer) = (self.tables.fib.lookup(place), Leaf::new(Kind::Peer, peer));
        leaf == peer || (leaf.is_paths() && self.tables.paths.contains(leaf.index(), peer))
    }

    /// Tells control, if that is right and not too much. `true`: the pair of networks rests now.
    #[cold]
    fn redirect(&mut self, meta: &Meta, packet: &[u8]) -> bool {
        // First: between very many spokes the bucket is empty most of the time, and nearly every packet comes here.
        if !self.state.redirect_bucket.holds(REDIRECT_RATE, self.now) {
            self.counters.redirects_suppressed.add(1);
            return false;
        }
        if is_link_local(meta.source) || is_link_local(meta.destination) || is_icmp_error(packet) {
            return false;
        }
        // A pair that fails here rests as well, or a forger would cost a look-up for each of its packets.
        if !self.leads_to(place(meta.vrf, meta.source), meta.peer) {
            return true;
        }
        self.state.redirect_bucket.take(REDIRECT_RATE, self.now);
        let told = self.sink.event(Event::Redirect {
            tunnel: meta.tunnel,
            peer: meta.peer,
            nbma: Ipv4Addr::from_bits(meta.nbma),
            session: self.session(meta),
            packet: packet.get(..EXCERPT).unwrap_or(packet),
        });
        match told {
            true => self.counters.redirects.add(1),
            false => self.counters.redirects_suppressed.add(1),
        }
        told
    }
}

/// 169.254/16 (RFC 3927).
fn is_link_local(address: u32) -> bool {
    address >> 16 == 0xa9fe
}

fn is_icmp_error(packet: &[u8]) -> bool {
    let Ok(packet) = ip4::parse_unsummed(packet) else { return true };
    packet.protocol() == ip4::protocol::ICMP
        && packet.fragment_offset() == 0
        && !packet.payload().first().is_some_and(|kind| icmp::is_query(*kind))
}
