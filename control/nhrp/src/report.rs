//! Counting, remembering and telling of what went wrong.

use crate::ingress::Ingress;
use crate::limits::{Bucket, PerKey};
use crate::{Action, DropReason, Failure, LogEvent, LogKind, Owner, Server, Station, TunnelId};
use seeded::Seeded;
use std::mem::{Discriminant, discriminant};
use std::net::Ipv4Addr;

/// One log event of a kind per peer and this time.
const LOG_INTERVAL_MS: u64 = 10_000;
/// Log events of all peers together, per second.
const LOGS_PER_SECOND: u64 = 200;
/// Peers whose log events are limited one by one.
const LOG_SLOTS: usize = 8192;

/// Of which log events repetitions are left out.
type LogKey = (TunnelId, Owner, Option<Ipv4Addr>, Discriminant<LogKind>);

/// Limits of log events.
pub(crate) struct Reports {
    per_peer: PerKey<LogKey>,
    total: Bucket,
}

impl Reports {
    pub(crate) fn new(hash: Seeded) -> Self {
        Self { per_peer: PerKey::new(LOG_SLOTS, hash), total: Bucket::new(LOGS_PER_SECOND) }
    }
}

impl Server {
    /// Emits a log event, unless the peer or all together made too many.
    pub(crate) fn log(
        &mut self,
        now_ms: u64,
        tunnel: TunnelId,
        station: Station,
        protocol: Option<Ipv4Addr>,
        kind: LogKind,
        actions: &mut Vec<Action>,
    ) {
        // Trouble is limited per station: the protocol address in it may be made up.
        let is_bound = matches!(kind, LogKind::Up | LogKind::Moved { .. } | LogKind::Down(_));
        let of = protocol.filter(|_| is_bound);
        let passed = self.reports.per_peer.take(
            now_ms,
            (tunnel, station.owner(), of, discriminant(&kind)),
            LOG_INTERVAL_MS,
        );
        match passed {
            Some(suppressed) if self.reports.total.take(now_ms) => {
                let Station { nbma, session } = station;
                actions.push(Action::Log(LogEvent { tunnel, nbma, session, protocol, kind, suppressed }));
            }
            _ => self.count(tunnel, |counters| counters.logs_suppressed += 1),
        }
    }

    /// Remembers what went wrong with the sender of a packet.
    pub(crate) fn note(&mut self, ingress: &Ingress<'_>, failure: Failure) {
        self.note_peer(ingress.now_ms, Some(ingress.tunnel), ingress.station, Some(ingress.source), failure);
    }

    pub(crate) fn note_peer(
        &mut self,
        now_ms: u64,
        tunnel: Option<TunnelId>,
        station: Station,
        protocol: Option<Ipv4Addr>,
        failure: Failure,
    ) {
        self.counters.failures_evicted += self.failures.note(now_ms, tunnel, station, protocol, failure);
    }

    /// Drops a packet that was parsed.
    pub(crate) fn drop_packet(
        &mut self,
        ingress: &Ingress<'_>,
        reason: DropReason,
        actions: &mut Vec<Action>,
    ) {
        self.drop_from(
            ingress.now_ms,
            ingress.tunnel,
            ingress.station,
            Some(ingress.source),
            reason,
            actions,
        );
    }

    /// Counts a drop, and tells of it if somebody must mend something.
    pub(crate) fn drop_from(
        &mut self,
        now_ms: u64,
        tunnel: TunnelId,
        station: Station,
        protocol: Option<Ipv4Addr>,
        reason: DropReason,
        actions: &mut Vec<Action>,
    ) {
        self.count(tunnel, |counters| counters.drops[reason as usize] += 1);
        if reason.is_harmless() {
            return;
        }
        self.note_peer(now_ms, Some(tunnel), station, protocol, Failure::Dropped(reason));
        self.log(now_ms, tunnel, station, protocol, LogKind::Dropped(reason), actions);
    }
}

impl DropReason {
    /// Whether it happens in a healthy network too.
    fn is_harmless(self) -> bool {
        matches!(
            self,
            Self::Indication | Self::BackToSender | Self::Unsolicited | Self::NoRoute | Self::SendLimit
        )
    }
}
