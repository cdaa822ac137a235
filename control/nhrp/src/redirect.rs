//! Traffic indications (draft-detienne-dmvpn-01, and what Cisco sends): a spoke hears that the hub sends its packet
//! back into the NHRP network that it came from, so that a shorter way exists.

use crate::answers::{network, overlap};
use crate::ingress::is_martian;
use crate::limits::{Bucket, PerKey};
use crate::locate::Place;
use crate::server::{HOP_COUNT, Origin};
use crate::{Action, Overlay, Owner, Phase, Server, Station, TunnelConfig, TunnelId};
use seeded::Seeded;
use std::net::Ipv4Addr;
use wire::nhrp::{Builder, ExtensionType, IndicationHead};

/// Traffic indications to all peers together, per second.
const PER_SECOND: u64 = 2000;
/// Times per second that a spoke's purge frees flows: each looks at all of them.
const FORGETS_PER_SECOND: u64 = 20;
/// Pairs of networks limited one by one.
const SLOTS: usize = 16_384;
/// Flows are told apart by networks of this length.
const FLOW_PREFIX: u8 = 24;
/// Octets of the data packet after its IP header that are quoted, as Cisco does and ICMP did.
const QUOTED: usize = 8;
/// Shortest IPv4 header.
const IPV4_LEN: usize = 20;

/// Who is told about which flow: ingress peer, source network, destination network.
type Flow = (TunnelId, Owner, Ipv4Addr, Ipv4Addr);

/// Limits of traffic indications.
pub(crate) struct Redirects {
    per_flow: PerKey<Flow>,
    total: Bucket,
    forgets: Bucket,
}

impl Redirects {
    pub(crate) fn new(hash: Seeded) -> Self {
        Self {
            per_flow: PerKey::new(SLOTS, hash),
            total: Bucket::new(PER_SECOND),
            forgets: Bucket::new(FORGETS_PER_SECOND),
        }
    }

    /// Flows to or from a prefix may be told of again.
    pub(crate) fn forget(&mut self, now_ms: u64, prefix: Ipv4Addr, len: u8) {
        if !self.forgets.take(now_ms) {
            return;
        }
        self.per_flow.forget(|(_, _, source, destination)| {
            overlap(*source, FLOW_PREFIX, prefix, len) || overlap(*destination, FLOW_PREFIX, prefix, len)
        });
    }
}

/// What matters of a data packet.
struct Flowing {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    /// Header and quoted octets.
    excerpt_len: usize,
}

impl Server {
    /// A data packet (from its IP header on, or the first octets of it) from a station left by the network it came in
    /// by: tells its sender that there is a shorter way.
    pub fn redirect(
        &mut self,
        now_ms: u64,
        tunnel: TunnelId,
        station: impl Into<Station>,
        packet: &[u8],
        overlay: &impl Overlay,
        actions: &mut Vec<Action>,
    ) {
        let station = station.into();
        self.tick(now_ms, actions);
        let Some(config) = self.tunnel(tunnel) else {
            self.counters.unknown_tunnel += 1;
            return;
        };
        let interval_ms = u64::from(config.redirect_timeout) * 1000;
        let flowing = inspect(packet).filter(|flowing| self.deserves(tunnel, &station, flowing, overlay));
        let Some(flowing) = flowing else {
            return self.count(tunnel, |counters| counters.redirects_declined += 1);
        };
        let [source, destination] =
            [flowing.source, flowing.destination].map(|address| network(address, FLOW_PREFIX));
        let flow = (tunnel, station.owner(), source, destination);
        let redirects = &mut self.redirects;
        if redirects.per_flow.take(now_ms, flow, interval_ms).is_none() || !redirects.total.take(now_ms) {
            return self.count(tunnel, |counters| counters.redirects_suppressed += 1);
        }
        let Some(config) = self.tunnel(tunnel) else { return };
        let indication =
            indication(config, flowing.source, packet.get(..flowing.excerpt_len).unwrap_or(packet));
        self.send(now_ms, tunnel, station, indication, Origin::Own, actions);
    }

    /// Whether the sender is a spoke that its own packet is routed back to, and the next hop another in its network.
    /// Two behind one NBMA address have no shorter way: their NAT would have to turn packets around.
    fn deserves(
        &self,
        tunnel: TunnelId,
        station: &Station,
        flowing: &Flowing,
        overlay: &impl Overlay,
    ) -> bool {
        if self.tunnel(tunnel).is_none_or(|config| config.phase != Phase::Three) {
            return false;
        }
        let from = self.places(tunnel, flowing.source, overlay);
        let to = self.places(tunnel, flowing.destination, overlay);
        let other = |place: &Place| match place {
            Place::Spoke { slot, .. } => {
                !self.is_at(*slot, tunnel, station)
                    && !self
                        .cache
                        .get(*slot)
                        .is_some_and(|entry| entry.binding.station().is_neighbour(station))
            }
            _ => false,
        };
        // A source that is not routed back to the sender is spoofed, or its answer would not come by here.
        let sender =
            |place: &Place| matches!(place, Place::Spoke { slot, .. } if self.is_at(*slot, tunnel, station));
        from.iter().any(sender) && to.iter().any(other)
    }
}

/// Reads the header of a data packet; `None` when no redirect is ever due for it.
fn inspect(packet: &[u8]) -> Option<Flowing> {
    let header = packet.first_chunk::<IPV4_LEN>()?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    if header[0] >> 4 != 4 || header_len < IPV4_LEN || packet.len() < header_len {
        return None;
    }
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = *header;
    let (source, destination) = (Ipv4Addr::new(s0, s1, s2, s3), Ipv4Addr::new(d0, d1, d2, d3));
    let unroutable = |address: Ipv4Addr| is_martian(address) || address.is_link_local();
    if unroutable(source) || unroutable(destination) || is_icmp_error(header, packet.get(header_len..)?) {
        return None;
    }
    Some(Flowing { source, destination, excerpt_len: (header_len + QUOTED).min(packet.len()) })
}

fn is_icmp_error(header: &[u8; IPV4_LEN], payload: &[u8]) -> bool {
    let first_fragment = u16::from_be_bytes([header[6], header[7]]) & 0x1fff == 0;
    header[9] == 1 && first_fragment && matches!(payload.first(), Some(3 | 4 | 5 | 11 | 12))
}

/// Cisco's form, which FRR and OpenNHRP read too: the destination protocol address is the data packet's **source**
/// (the draft says destination, nobody does that), and the transit and NAT extensions are there and empty.
fn indication(
    tunnel: &TunnelConfig,
    source: Ipv4Addr,
    excerpt: &[u8],
) -> Result<Vec<u8>, wire::nhrp::TooLong> {
    let mut builder = Builder::indication(&IndicationHead {
        hop_count: HOP_COUNT,
        code: 0,
        source_nbma: tunnel.nbma.into(),
        source_protocol: tunnel.address.into(),
        destination_protocol: source.into(),
    });
    builder.body(excerpt);
    builder.extension(ExtensionType::ForwardTransit, true, &[]);
    builder.extension(ExtensionType::ReverseTransit, true, &[]);
    if let Some(ours) = &tunnel.authentication {
        builder.authentication(ours.password());
    }
    builder.extension(ExtensionType::Nat, false, &[]);
    builder.end();
    builder.finish()
}
