//! Prune override for spokes (RFC 7761 4.3.2, 4.5.2).
//!
//! On a network of several routers who wants what another one prunes says so within the override interval: the upstream
//! router stops only if nobody does. Spokes do not hear each other through the tunnel, so that the hub's PIM daemon, which
//! knows the tunnel as one network, would take a stream from all of them when one prunes it, until the others' periodic
//! joins. The hub knows who wants it, and says their join for them, to its own kernel alone.

use super::{Effect, State};
use crate::joins::Prune;
use shm::message::{PeerId, TunnelId};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use wire::ip4::{self, protocol};
use wire::pim;

/// 224.0.0.13, all PIM routers (RFC 7761 4.9).
const ALL_PIM_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 13);
/// Sources in one message: it fits every tunnel's MTU.
const SOURCES: usize = 64;

/// Who joins which group, for how many seconds.
type Says = (Ipv4Addr, Ipv4Addr, u16);

impl State {
    /// A spoke pruned: others of its tunnel that go on wanting it object.
    pub(super) fn object(
        &mut self,
        now_ms: u64,
        (tunnel, pruner): (TunnelId, PeerId),
        hub: Ipv4Addr,
        pruned: &[Prune],
    ) {
        let peers = &self.peers;
        let other = |id| id != pruner && peers.get(id).is_some_and(|peer| peer.tunnel == tunnel);
        let mut said: BTreeMap<Says, Vec<(Ipv4Addr, u8)>> = BTreeMap::new();
        for prune in pruned {
            if let Some((from, seconds)) = self.multicast.joins.objector(now_ms, prune, other) {
                said.entry((from, prune.group, seconds)).or_default().push((prune.source, prune.flags));
            }
        }
        for ((from, group, seconds), sources) in said {
            for sources in sources.chunks(SOURCES) {
                let message = pim::join_prune(hub, seconds, group, sources, &[]);
                self.effects.extend(packet(from, &message).map(|packet| Effect::ToKernel(tunnel, packet)));
                self.multicast.objections += 1;
            }
        }
    }
}

fn packet(source: Ipv4Addr, message: &[u8]) -> Option<Vec<u8>> {
    let fields = ip4::Fields {
        tos: ip4::TOS_CS6,
        total_len: u16::try_from(ip4::LEN + message.len()).ok()?,
        id: 0,
        flags_offset: 0,
        ttl: 1,
        protocol: protocol::PIM,
        source,
        destination: ALL_PIM_ROUTERS,
    };
    let mut packet = vec![0; ip4::LEN];
    fields.emit(&mut packet)?;
    packet.extend_from_slice(message);
    Some(packet)
}
