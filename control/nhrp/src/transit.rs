//! Passing a packet on (RFC 2332 5.1, 5.3.2, 5.3.3): hop count, our entry in the transit record, our password, the
//! address behind NAT that only we can know, and prefixes that a spoke may not speak for (see `vouch`). Every other
//! octet stays.

use crate::cache::Slot;
use crate::ingress::{Ingress, self_cie};
use crate::reply::nat_cie;
use crate::server::Origin;
use crate::vouch::Narrow;
use crate::{Action, Binding, DropReason, Server, TunnelConfig};
use wire::nhrp::{Builder, Cie, ErrorCode, ExtensionType, MAX_CIES, PacketType, TooLong};

/// Which record a server on the way puts itself into.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    /// Requests.
    Forward,
    /// Replies.
    Reverse,
    /// Error indications.
    None,
}

impl Server {
    /// Sends a packet on to a bound station, with no entry about more than `narrow` has it. `false`: not sent.
    pub(crate) fn forward(
        &mut self,
        ingress: &Ingress<'_>,
        to: Slot,
        record: Record,
        narrow: Option<Narrow>,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Some(target) = self.cache.get(to).map(|entry| entry.binding) else { return false };
        if self.is_at(to, ingress.tunnel, &ingress.station) {
            self.drop_packet(ingress, DropReason::BackToSender, actions);
            return false;
        }
        let Some(hop_count) = ingress.packet.hop_count().checked_sub(1) else {
            self.send_error(ingress, ErrorCode::HopCountExceeded, 9, actions);
            self.drop_packet(ingress, DropReason::HopCount, actions);
            return false;
        };
        let Some(tunnel) = self.tunnel(target.tunnel) else { return false };
        let nat = self.nat_entry(ingress);
        let builder = match narrow {
            Some(narrow) => Builder::copy_with(
                &ingress.packet,
                hop_count,
                ingress.packet.cies().map(|cie| narrow.of(cie)),
            ),
            None => Builder::copy(&ingress.packet, hop_count),
        };
        let copy = match rewrite(ingress, tunnel, builder, record, nat.as_ref()) {
            Ok(copy) => copy,
            Err(Unfit::RecordFull) => {
                self.send_error(ingress, ErrorCode::HopCountExceeded, 9, actions);
                self.drop_packet(ingress, DropReason::HopCount, actions);
                return false;
            }
            Err(Unfit::TooLong) => {
                self.send_error(ingress, ErrorCode::SduSizeExceeded, 0, actions);
                self.drop_packet(ingress, DropReason::TooLong, actions);
                return false;
            }
        };
        if let Some(entry) = self.cache.get_mut(to) {
            entry.hits += 1;
            entry.used_ms = Some(ingress.now_ms);
        }
        self.send(ingress.now_ms, target.tunnel, target.station(), Ok(copy), Origin::Forwarded, actions)
    }

    /// Where a NAT is between us and the station that the packet speaks of (of a request who asks, of a reply the
    /// next hop it names), the entry that tells.
    fn nat_entry(&self, ingress: &Ingress<'_>) -> Option<Cie> {
        let protocol = match ingress.kind() {
            PacketType::ResolutionRequest => ingress.source,
            PacketType::ResolutionReply => {
                let named = ingress.packet.cies().find_map(|cie| cie.protocol);
                named.and_then(crate::ingress::v4)?
            }
            _ => return None,
        };
        let binding = self.cache.binding(ingress.tunnel, protocol)?;
        let natted = |binding: &&Binding| binding.is_natted() && binding.station().is(&ingress.station);
        Some(binding).filter(natted).map(|binding| nat_cie(binding.nbma, protocol))
    }
}

/// Why a packet cannot be passed on.
enum Unfit {
    RecordFull,
    TooLong,
}

impl From<TooLong> for Unfit {
    fn from(_: TooLong) -> Self {
        Self::TooLong
    }
}

fn rewrite(
    ingress: &Ingress<'_>,
    tunnel: &TunnelConfig,
    mut builder: Builder,
    record: Record,
    nat: Option<&Cie>,
) -> Result<Vec<u8>, Unfit> {
    let packet = &ingress.packet;
    let record = match record {
        Record::Forward => Some(ExtensionType::ForwardTransit),
        Record::Reverse => Some(ExtensionType::ReverseTransit),
        Record::None => None,
    };
    // Who does not know a compulsory extension passes it on, and stays out of the records (5.3).
    let record = record.filter(|_| packet.unknown_compulsory().is_none());
    let (mut authenticated, mut translated) = (false, false);
    for extension in packet.extensions() {
        let mut value = extension.value.to_vec();
        match extension.kind {
            // Hop by hop (5.3.4): exactly one, and ours.
            ExtensionType::Authentication => {
                if let Some(ours) = &tunnel.authentication {
                    builder.authentication(ours.password());
                    authenticated = true;
                }
                continue;
            }
            ExtensionType::Nat if extension.is_list() => {
                translated = true;
                if let (true, Some(nat)) = (value.is_empty(), nat) {
                    nat.emit(&mut value);
                }
            }
            kind if Some(kind) == record => {
                if packet.list(&extension).count() >= MAX_CIES {
                    return Err(Unfit::RecordFull);
                }
                self_cie(tunnel, 0).emit(&mut value);
            }
            _ => {}
        }
        builder.raw_extension(extension.raw_type, &value);
    }
    let mut has_extensions = packet.has_extensions();
    if let (false, Some(ours)) = (authenticated, &tunnel.authentication) {
        builder.authentication(ours.password());
        has_extensions = true;
    }
    if let (false, Some(nat)) = (translated, nat) {
        builder.list(ExtensionType::Nat, false, [nat]);
        has_extensions = true;
    }
    if has_extensions {
        builder.end();
    }
    Ok(builder.finish()?)
}
