//! Taking back what was told (RFC 2332 5.2.5): who got an answer about a binding that is gone hears a purge.

use crate::ingress::Ingress;
use crate::server::{HOP_COUNT, Origin};
use crate::{Action, Binding, Requester, Server, Station, TunnelConfig, TunnelId};
use seeded::Seeded;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::Ipv4Addr;
use wire::nhrp::{Builder, Cie, ExtensionType, Flags, Head, PacketType, TooLong};

/// Most purges that wait for their reply.
const MAX_PENDING: usize = 65_536;
/// Times a purge is sent. The last time no reply is wanted (N): FRR never gives one.
const TRIES: u8 = 3;
/// Time to the second try; doubled to the third.
const FIRST_RETRY_MS: u64 = 1000;

/// Purges that wait for their reply.
pub(crate) struct Purges {
    next_id: u32,
    pending: HashMap<u32, Pending, Seeded>,
    /// When, and which.
    due: BinaryHeap<Reverse<(u64, u32)>>,
}

/// One of them.
#[derive(Clone, Copy)]
struct Pending {
    tunnel: TunnelId,
    station: Station,
    /// Its tunnel address.
    to: Ipv4Addr,
    cie: Cie,
    tries: u8,
    due_ms: u64,
}

impl Purges {
    pub(crate) fn new(first_id: u32, hash: Seeded) -> Self {
        Self { next_id: first_id, pending: HashMap::with_hasher(hash), due: BinaryHeap::new() }
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((due, _))| *due)
    }

    /// The next request id that no purge waits with.
    fn take_id(&mut self) -> u32 {
        loop {
            let id = self.next_id;
            self.next_id = id.wrapping_add(1);
            if !self.pending.contains_key(&id) {
                return id;
            }
        }
    }
}

impl Server {
    /// Tells everybody who was told about a binding that it is no longer so.
    pub(crate) fn purge_requesters(
        &mut self,
        now_ms: u64,
        gone: &Binding,
        told: Vec<Requester>,
        actions: &mut Vec<Action>,
    ) {
        // Behind NAT some were told the claimed address and some the real one: the entry then names neither.
        let nbma = (!gone.is_natted()).then_some(gone.nbma);
        for requester in told {
            self.purge_requester(now_ms, &requester, nbma, actions);
        }
    }

    pub(crate) fn purge_requester(
        &mut self,
        now_ms: u64,
        requester: &Requester,
        nbma: Option<Ipv4Addr>,
        actions: &mut Vec<Action>,
    ) {
        if requester.until_ms <= now_ms {
            return;
        }
        if self.purges.pending.len() >= MAX_PENDING {
            self.counters.purges_full += 1;
            return;
        }
        // It may have moved since.
        let bound = self.cache.binding(requester.tunnel, requester.protocol);
        let station = bound.map_or(requester.station, Binding::station);
        let cie = Cie {
            prefix_len: requester.prefix_len,
            nbma: nbma.map(Into::into),
            protocol: Some(requester.prefix.into()),
            ..Cie::EMPTY
        };
        let pending = Pending {
            tunnel: requester.tunnel,
            station,
            to: requester.protocol,
            cie,
            tries: 0,
            due_ms: now_ms,
        };
        let id = self.purges.take_id();
        self.send_purge(now_ms, id, pending, actions);
    }

    fn send_purge(&mut self, now_ms: u64, id: u32, mut pending: Pending, actions: &mut Vec<Action>) {
        pending.tries += 1;
        let last = pending.tries >= TRIES;
        let Some(tunnel) = self.tunnel(pending.tunnel) else { return };
        let packet = purge_packet(tunnel, id, &pending, last);
        self.send(now_ms, pending.tunnel, pending.station, packet, Origin::Own, actions);
        if last {
            self.purges.pending.remove(&id);
            return self.count(pending.tunnel, |counters| counters.purges_unanswered += 1);
        }
        pending.due_ms = now_ms.saturating_add(FIRST_RETRY_MS << (pending.tries - 1));
        self.purges.due.push(Reverse((pending.due_ms, id)));
        self.purges.pending.insert(id, pending);
    }

    /// Repeats the purges that are due.
    pub(crate) fn retry_purges(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        while let Some(Reverse((due_ms, id))) = self.purges.due.peek().copied()
            && due_ms <= now_ms
        {
            self.purges.due.pop();
            // Confirmed ones leave their item behind.
            let waiting = self.purges.pending.get(&id).copied().filter(|pending| pending.due_ms == due_ms);
            if let Some(pending) = waiting {
                self.send_purge(now_ms, id, pending, actions);
            }
        }
    }

    /// A purge reply to us: whether we wait for it.
    pub(crate) fn purge_confirmed(&mut self, ingress: &Ingress<'_>) -> bool {
        let id = ingress.packet.request_id();
        let asked = self.purges.pending.get(&id).is_some_and(|pending| {
            pending.tunnel == ingress.tunnel
                && pending.to == ingress.destination
                && pending.station.is(&ingress.station)
        });
        asked && self.purges.pending.remove(&id).is_some()
    }
}

fn purge_packet(tunnel: &TunnelConfig, id: u32, pending: &Pending, last: bool) -> Result<Vec<u8>, TooLong> {
    let mut builder = Builder::message(&Head {
        kind: PacketType::PurgeRequest,
        hop_count: HOP_COUNT,
        flags: Flags(if last { Flags::NO_REPLY } else { 0 }),
        request_id: id,
        source_nbma: tunnel.nbma.into(),
        source_protocol: tunnel.address.into(),
        destination_protocol: pending.to.into(),
    });
    builder.cie(&pending.cie);
    for kind in [ExtensionType::Responder, ExtensionType::ForwardTransit, ExtensionType::ReverseTransit] {
        builder.extension(kind, true, &[]);
    }
    if let Some(ours) = &tunnel.authentication {
        builder.authentication(ours.password());
    }
    builder.end();
    builder.finish()
}
