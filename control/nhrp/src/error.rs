//! Error indications (RFC 2332 5.2.7): never about another, at most one per packet, and few.

use crate::ingress::Ingress;
use crate::limits::{Bucket, PerKey};
use crate::locate::Place;
use crate::server::{HOP_COUNT, Origin};
use crate::transit::Record;
use crate::{Action, DropReason, Failure, LogKind, Overlay, Owner, Server, TunnelId};
use seeded::Seeded;
use wire::nhrp::{Builder, ErrorCode, ErrorHead, PacketType};

/// One error indication per peer and this time.
const INTERVAL_MS: u64 = 1000;
/// Error indications to all peers together, per second.
const PER_SECOND: u64 = 100;
/// Peers limited one by one.
const SLOTS: usize = 4096;
/// Octets of the offending packet that are sent back.
const MAX_OFFENDER: usize = 256;

/// Limits of error indications.
pub(crate) struct Errors {
    per_peer: PerKey<(TunnelId, Owner)>,
    total: Bucket,
}

impl Errors {
    pub(crate) fn new(hash: Seeded) -> Self {
        Self { per_peer: PerKey::new(SLOTS, hash), total: Bucket::new(PER_SECOND) }
    }
}

impl Server {
    /// Tells the previous hop what is wrong with its packet. No extensions: 5.2.7 has none, and our password is not
    /// for somebody who failed to give it.
    pub(crate) fn send_error(
        &mut self,
        ingress: &Ingress<'_>,
        code: ErrorCode,
        offset: u16,
        actions: &mut Vec<Action>,
    ) {
        if ingress.kind() == PacketType::ErrorIndication {
            return;
        }
        let errors = &mut self.errors;
        let allowed = errors
            .per_peer
            .take(ingress.now_ms, (ingress.tunnel, ingress.station.owner()), INTERVAL_MS)
            .is_some()
            && errors.total.take(ingress.now_ms);
        if !allowed {
            return self.count(ingress.tunnel, |counters| counters.errors_suppressed += 1);
        }
        let Some(tunnel) = self.tunnel(ingress.tunnel) else { return };
        // To whoever is at fault: of a request who asked, of a reply who answered.
        let to = if ingress.kind().is_reply() { ingress.destination } else { ingress.source };
        let mut builder = Builder::error(&ErrorHead {
            hop_count: HOP_COUNT,
            code,
            offset,
            source_nbma: tunnel.nbma.into(),
            source_protocol: tunnel.address.into(),
            destination_protocol: to.into(),
        });
        let offender = ingress.packet.octets();
        builder.body(offender.get(..MAX_OFFENDER).unwrap_or(offender));
        self.send(ingress.now_ms, ingress.tunnel, ingress.station, builder.finish(), Origin::Own, actions);
    }

    /// An error indication came in.
    pub(crate) fn error_received(
        &mut self,
        ingress: &Ingress<'_>,
        overlay: &impl Overlay,
        actions: &mut Vec<Action>,
    ) {
        let ours = self
            .tunnel(ingress.tunnel)
            .is_some_and(|t| t.nbma == ingress.claimed && t.address == ingress.source);
        if ours {
            return self.drop_packet(ingress, DropReason::ErrorLoop, actions);
        }
        if self.is_own(ingress.tunnel, ingress.destination) {
            let code = ingress.packet.error_code().0;
            self.note(ingress, Failure::ErrorReceived(code));
            let kind = LogKind::ErrorReceived { code };
            return self.log(
                ingress.now_ms,
                ingress.tunnel,
                ingress.station,
                Some(ingress.source),
                kind,
                actions,
            );
        }
        if !self.admit_peer(ingress, actions) {
            return;
        }
        match self.locate(ingress, ingress.destination, overlay) {
            Place::Spoke { slot, .. } if ingress.packet.hop_count() > 0 => {
                self.forward(ingress, slot, Record::None, None, actions);
            }
            _ => self.drop_packet(ingress, DropReason::ErrorLoop, actions),
        }
    }
}
